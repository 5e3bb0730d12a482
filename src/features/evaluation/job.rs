//! Asking an assistant's golden questions, in the background.

use ::entity::{
    assistant, evaluation, evaluation::EvaluationStatus, evaluation_outcome, golden_question, ids::EvaluationId,
};
use serde::{Deserialize, Serialize};

use super::{facts::EvaluationFact, measure, measure::Expected, outcome, store};
use crate::{
    features::{assistants, knowledge::Leg},
    kernel::{
        Ctx, Permission, Result, Tx,
        error::ErrorCode,
        jobs::{Failure, Job, Lane, Lease},
    },
};

/// Questions after which progress is told and what was measured is kept.
const BATCH: usize = 10;

/// Asks the golden questions of an evaluation. What was asked before a crash is not asked again.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunEvaluation {
    pub(super) evaluation: EvaluationId,
}

impl Job for RunEvaluation {
    const KIND: &'static str = "evaluation.run";
    const LANE: Lane = Lane::Bulk;

    fn key(&self) -> Option<String> {
        Some(self.evaluation.to_string())
    }

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        match ask_all(&cx, &lease, self.evaluation).await {
            // The assistant was deleted meanwhile, and the evaluation with it.
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => Ok(other?),
        }
    }

    async fn failed(self, tx: &mut Tx) -> Result<()> {
        match end_in(tx, self.evaluation, EvaluationStatus::Failed).await {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other,
        }
    }
}

async fn ask_all(cx: &Ctx, lease: &Lease, id: EvaluationId) -> Result<()> {
    let reach = cx.reach(Permission::EvaluationsManage)?;
    let run = store::find_run(&cx.db(), &reach, id).await?;
    if run.status != EvaluationStatus::Running {
        return Ok(());
    }
    let Some(assistant) = assistants::find_any(&cx.db(), run.assistant_id).await? else { return Ok(()) };
    let golden = store::all_golden(&cx.db(), assistant.id, None).await?;
    let known = store::outcomes(&cx.db(), id).await?;
    let numbered: Vec<(i64, golden_question::Model)> =
        (1..).zip(golden).filter(|(_, question)| !known.contains_key(&question.id)).collect();
    let mut done = known.len();
    for batch in numbered.chunks(BATCH) {
        let mut rows = Vec::with_capacity(batch.len());
        for (ordinal, question) in batch {
            rows.push(ask(cx, &assistant, id, *ordinal, question).await?);
        }
        done += rows.len();
        if !keep(cx, lease, id, rows, i32::try_from(done).unwrap_or(i32::MAX)).await? {
            return Ok(());
        }
    }
    let mut tx = cx.begin().await?;
    end_in(&mut tx, id, EvaluationStatus::Finished).await?;
    if lease.end(&tx).await? {
        tx.commit().await?;
    }
    Ok(())
}

async fn ask(
    cx: &Ctx,
    assistant: &assistant::Model,
    id: EvaluationId,
    ordinal: i64,
    golden: &golden_question::Model,
) -> Result<evaluation_outcome::Model> {
    let expected = Expected { article: golden.expected_article_id, contains: golden.answer_contains.clone() };
    let measured = measure::measure(cx, assistant, &golden.question, &expected).await?;
    let place = match golden.expected_article_id {
        Some(article) => measure::place(cx, assistant, &golden.question, article, Leg::Fused).await?,
        None => None,
    };
    outcome::row(id, ordinal, golden, &measured, place)
}

/// Keeps what was measured, and tells how far it is; false when another worker goes on with it.
async fn keep(
    cx: &Ctx,
    lease: &Lease,
    id: EvaluationId,
    rows: Vec<evaluation_outcome::Model>,
    done: i32,
) -> Result<bool> {
    let reach = cx.reach(Permission::EvaluationsManage)?;
    let mut tx = cx.begin().await?;
    let run = store::find_run_for_update(&tx.db(), &reach, id).await?;
    if !lease.confirm(&tx).await? {
        return Ok(false);
    }
    store::insert_outcomes(&tx.db(), rows).await?;
    let (site, subject) = (run.site_id, run.assistant_id.0);
    store::save_run(&tx.db(), evaluation::Model { done, total: run.total.max(done), ..run }).await?;
    tx.record(site, subject, &EvaluationFact::Progressed { evaluation: id, done })?;
    tx.commit().await?;
    Ok(true)
}

/// Ends an evaluation; doing it twice is the same as once.
async fn end_in(tx: &mut Tx, id: EvaluationId, status: EvaluationStatus) -> Result<()> {
    let reach = tx.cx().reach(Permission::EvaluationsManage)?;
    let run = store::find_run_for_update(&tx.db(), &reach, id).await?;
    if run.status != EvaluationStatus::Running {
        return Ok(());
    }
    let outcomes = store::outcomes(&tx.db(), id).await?;
    let previous = store::newest_run(&tx.db(), run.assistant_id, EvaluationStatus::Finished).await?;
    let (site, subject) = (run.site_id, run.assistant_id.0);
    let ended = evaluation::Model {
        status,
        // Questions may have been deleted meanwhile.
        total: i32::try_from(outcomes.len()).unwrap_or(i32::MAX),
        measures: Some(serde_json::to_value(outcome::measures(outcomes.values())?)?),
        previous_id: previous.map(|previous| previous.id),
        finished_at: Some(tx.cx().clock.now()),
        ..run
    };
    store::save_run(&tx.db(), ended).await?;
    tx.record(site, subject, &EvaluationFact::Finished { evaluation: id })
}
