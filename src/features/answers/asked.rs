//! What was asked when an assistant did not answer, for those who look after the knowledge base.

use ::entity::{
    ids::{ConversationId, MessageId, RunId, SiteId},
    message::AnswerAction,
    run::{self, RunStatus},
};

use super::{facts::RunFact, history, model, store, turn};
use crate::{
    kernel::{Result, journal::Line},
    ports::db::Db,
};

/// A question that an assistant was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) site: SiteId,
    pub(crate) conversation: ConversationId,
    /// Number of the message that asked.
    pub(crate) seq: i64,
    /// What was asked since anybody answered.
    pub(crate) text: String,
    /// True when the assistant did not answer it.
    pub(crate) is_unanswered: bool,
}

/// The run that ended with a message, if that is what a line tells of.
pub(crate) fn finished_run(line: &Line) -> Option<RunId> {
    match RunFact::read(line)? {
        RunFact::Finished { run, .. } => Some(run),
        RunFact::Queued { .. }
        | RunFact::Started { .. }
        | RunFact::SourcesFound { .. }
        | RunFact::Failed { .. }
        | RunFact::StopRequested { .. }
        | RunFact::DraftReady { .. }
        | RunFact::DraftClosed { .. } => None,
    }
}

/// The question of a run, while run and question are there.
pub(crate) async fn asked(db: &Db<'_>, id: RunId) -> Result<Option<Asked>> {
    let Some(run) = store::lookup(db, id).await? else { return Ok(None) };
    let history = history::up_to(db, run.conversation_id, run.question_seq).await?;
    let text = model::question(&history);
    Ok(Some(Asked {
        site: run.site_id,
        conversation: run.conversation_id,
        seq: run.question_seq,
        is_unanswered: unanswered(&run, &text),
        text,
    }))
}

/// The question that a message answers, if an assistant wrote it.
pub(crate) async fn asked_by_answer(db: &Db<'_>, answer: MessageId) -> Result<Option<Asked>> {
    match store::lookup_by_message(db, answer).await? {
        Some(run) => asked(db, run).await,
        None => Ok(None),
    }
}

/// Whether a run ended without an answer although there was a question. Small talk and the wish for a person are none.
fn unanswered(run: &run::Model, question: &str) -> bool {
    if run.status != RunStatus::Finished || turn::is_small(question) {
        return false;
    }
    match run.action {
        Some(AnswerAction::Abstain | AnswerAction::Clarify | AnswerAction::Handoff) => true,
        Some(AnswerAction::Answer) | None => false,
    }
}
