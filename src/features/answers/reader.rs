//! A visitor's message leads to a run.

use std::collections::BTreeMap;

use ::entity::{
    conversation::Status,
    ids::{ConversationId, RunId},
    message::{Audience, AuthorKind},
    run::{self, RunStatus},
};
use futures_util::FutureExt;
use sea_orm::{ActiveValue::Set, IntoActiveModel};

use super::{facts::RunFact, job::AnswerQuestion, model::FailureReason, store};
use crate::{
    features::{
        assistants,
        conversations::{self, ConversationFact},
    },
    kernel::{Permission, Result, Tx, journal::Line, readers::Reader},
};

/// Reacts to messages of visitors.
pub fn reader() -> Reader {
    Reader::new("answers", |line| question(line).is_some(), |tx, lines| react(tx, lines).boxed())
}

/// The number of the visitor's message that a line tells of.
fn question(line: &Line) -> Option<i64> {
    let Some(ConversationFact::MessagePosted {
        seq, author: AuthorKind::Visitor, audience: Audience::Everyone, ..
    }) = ConversationFact::read(line)
    else {
        return None;
    };
    Some(seq)
}

async fn react(tx: &mut Tx, lines: &[Line]) -> Result<()> {
    // The newest question of each conversation: messages that came together are answered together.
    let mut questions: BTreeMap<ConversationId, i64> = BTreeMap::new();
    for line in lines {
        if let Some(seq) = question(line) {
            let newest = questions.entry(ConversationId(line.subject)).or_default();
            *newest = (*newest).max(seq);
        }
    }
    for (conversation, seq) in questions {
        ask(tx, conversation, seq).await?;
    }
    Ok(())
}

async fn ask(tx: &mut Tx, id: ConversationId, question_seq: i64) -> Result<()> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(conversation) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(()) };
    let Some(assistant) = conversation.assistant_id else { return Ok(()) };
    if conversation.assistant_paused || conversation.status == Status::Closed {
        return Ok(());
    }
    if !assistants::find_any(&tx.db(), assistant)
        .await?
        .is_some_and(|found| found.enabled && found.deleted_at.is_none())
    {
        return Ok(());
    }
    let now = tx.cx().clock.now();
    for older in store::active_for_update(&tx.db(), id).await? {
        if older.question_seq >= question_seq {
            return Ok(());
        }
        // One run at a time: the newer one answers everything that was said since the last answer.
        let run = older.id;
        let mut row = older.into_active_model();
        row.status = Set(RunStatus::Cancelled);
        row.finished_at = Set(Some(now));
        store::update(&tx.db(), row).await?;
        tx.record(conversation.site_id, id.0, &RunFact::Failed { run, reason: FailureReason::Superseded })?;
    }
    let run = tx.cx().id(RunId);
    let row = run::ActiveModel {
        id: Set(run),
        site_id: Set(conversation.site_id),
        conversation_id: Set(id),
        assistant_id: Set(assistant),
        question_seq: Set(question_seq),
        status: Set(RunStatus::Queued),
        attempt: Set(0),
        text: Set(String::new()),
        chunks: Set(0),
        citations: Set(serde_json::json!([])),
        usage: Set(None),
        failure: Set(None),
        message_id: Set(None),
        created_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
    };
    if store::insert(&tx.db(), row).await? {
        tx.record(conversation.site_id, id.0, &RunFact::Queued { run })?;
        tx.enqueue(&AnswerQuestion { run }).await?;
    }
    Ok(())
}
