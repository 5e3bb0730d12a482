//! Ordering evaluations, and when they warn.

use ::entity::{
    evaluation::{self, EvaluationStatus},
    evaluation_gate::{self, Gate},
    ids::{AssistantId, EvaluationId},
};
use chrono::TimeDelta;

use super::{assistant_of, facts::EvaluationFact, job::RunEvaluation, store};
use crate::{
    features::sites::{self, reach_to},
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Result, once, versions},
};

/// An evaluation that has not ended by then was lost.
const LOST: TimeDelta = TimeDelta::hours(1);

/// Orders an evaluation with the assistant's golden questions as they are now.
pub(super) async fn run(cx: &Ctx, assistant: AssistantId, once: &Once) -> Result<evaluation::Model> {
    let assistant = assistant_of(cx, assistant).await?;
    let (id, now) = (cx.id(EvaluationId), cx.clock.now());
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, id.0).await? {
        let reach = reach_to(cx, Permission::EvaluationsManage, "evaluation")?;
        return once::again(store::find_run(&tx.db(), &reach, EvaluationId(made)).await);
    }
    let running = store::newest_run(&tx.db(), assistant.id, EvaluationStatus::Running).await?;
    if running.is_some_and(|running| running.created_at + LOST > now) {
        let message = "An evaluation of this assistant is running; wait for it, or follow it with `evaluation`.";
        return Err(Error::conflict(ErrorReason::EvaluationRunning, message));
    }
    let total = store::count_golden(&tx.db(), assistant.id).await?;
    if total == 0 {
        let message = "The assistant has no golden questions; make some with `createGoldenQuestion` first.";
        return Err(Error::conflict(ErrorReason::NoGoldenQuestions, message).at("input.assistantId"));
    }
    let row = evaluation::Model {
        id,
        site_id: assistant.site_id,
        assistant_id: assistant.id,
        status: EvaluationStatus::Running,
        total: i32::try_from(total).map_err(Error::internal)?,
        done: 0,
        measures: None,
        previous_id: None,
        created_at: now,
        finished_at: None,
    };
    store::insert_run(&tx.db(), row.clone()).await?;
    tx.enqueue(&RunEvaluation { evaluation: row.id }).await?;
    let fact = EvaluationFact::Started { evaluation: row.id, total: row.total };
    tx.record(assistant.site_id, assistant.id.0, &fact)?;
    tx.commit().await?;
    Ok(row)
}

/// Says whether publishing an article is measured by an assistant's golden questions.
///
/// # Errors
/// `CONFLICT` with `VERSION_CONFLICT` when somebody else was faster.
pub(super) async fn set_gate(
    cx: &Ctx,
    assistant: AssistantId,
    expected: Option<i32>,
    gate: Gate,
) -> Result<evaluation_gate::Model> {
    let assistant = assistant_of(cx, assistant).await?;
    let reach = reach_to(cx, Permission::EvaluationsManage, "assistant")?;
    let mut tx = cx.begin().await?;
    // Locked, so that the version stays what it is also where nobody has said anything yet.
    sites::find_for_update(&tx.db(), &reach, assistant.site_id).await?;
    let before = store::gate(&tx.db(), &assistant).await?;
    versions::check(before.version, expected)?;
    if before.gate == gate {
        return Ok(before);
    }
    let row = evaluation_gate::Model { gate, version: before.version + 1, ..before };
    store::set_gate(&tx.db(), row.clone()).await?;
    tx.record(assistant.site_id, assistant.id.0, &EvaluationFact::GateSet)?;
    tx.commit().await?;
    Ok(row)
}
