//! Evaluation: how well assistants answer, measured with questions whose answers are known.
//!
//! What always holds:
//! - A question is asked through the same retrieval, prompt and model as a visitor's; nothing of it is stored as a
//!   conversation.
//! - An answer is right when it rests on the expected article and shows the expected words; a question without an answer
//!   is treated rightly by every outcome but an answer.
//! - One evaluation of an assistant runs at a time; what was asked before a crash is not asked again.
//! - Golden questions and evaluations are for the admins of the assistant's site.
//! - A preview of publishing leaves nothing behind.

mod actions;
mod facts;
mod folder;
mod golden;
mod graphql;
mod job;
mod measure;
pub(crate) mod model;
mod outcome;
mod preview;
mod store;

use ::entity::{
    assistant,
    ids::{AssistantId, EvaluationId, GoldenQuestionId},
};

pub(crate) use self::{
    folder::Throwaway,
    graphql::{Evaluation, GoldenQuestion},
    measure::{Expected, Measured, measure, place},
};
pub use self::{
    graphql::{EvaluationMutation, EvaluationQuery},
    job::RunEvaluation,
};
use crate::{
    features::{assistants, sites::reach_to},
    kernel::{Ctx, Error, Permission, Result},
};

/// An assistant of a site of which the caller is an admin.
async fn assistant_of(cx: &Ctx, id: AssistantId) -> Result<assistant::Model> {
    let reads = reach_to(cx, Permission::AssistantsRead, "assistant")?;
    let row = assistants::find_any(&cx.db(), id).await?.filter(|row| row.deleted_at.is_none());
    let seen = row.filter(|row| reads.site(row.site_id).is_ok()).ok_or_else(|| Error::not_found("assistant"))?;
    let manages = cx.reach(Permission::EvaluationsManage).and_then(|reach| reach.site(seen.site_id));
    manages.map_err(|_| Error::forbidden()).map(|_| seen)
}

/// An evaluation, as the admins of its site see it, for `node(id:)`.
pub(crate) async fn evaluation_node(cx: &Ctx, id: EvaluationId) -> Result<Evaluation> {
    let reach = reach_to(cx, Permission::EvaluationsManage, "evaluation")?;
    Ok(store::find_run(&cx.db(), &reach, id).await?.into())
}

/// A golden question, as the admins of its site see it, for `node(id:)`.
pub(crate) async fn golden_node(cx: &Ctx, id: GoldenQuestionId) -> Result<GoldenQuestion> {
    let reach = reach_to(cx, Permission::EvaluationsManage, "golden question")?;
    Ok(store::find_golden(&cx.db(), &reach, id).await?.into())
}
