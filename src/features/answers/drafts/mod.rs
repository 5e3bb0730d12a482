//! Drafts of replies: an assistant writes what an agent may send in their own name.
//!
//! A draft is a run whose lines and pieces are about itself and not about its conversation: nobody but the agent who asked
//! for it sees it. It is sent once, as it is or changed, or discarded, and what became of it is counted.

pub(super) mod graphql;
mod store;

use std::time::Duration;

use ::entity::{
    assistant, conversation,
    ids::{ConversationId, RunId},
    message::{self, Audience, AuthorKind},
    run::{self, DraftOutcome, RunStatus},
};
use sea_orm::{ActiveValue::Set, IntoActiveModel};

use super::{
    facts::{RunFact, subject},
    job::AnswerQuestion,
    model::{self, FailureReason},
    store::{self as runs, Queued},
};
use crate::{
    features::{
        accounts, assistants,
        conversations::{self, Author, Posting},
    },
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Result, once, quotas, text},
    ports::db::Db,
};

/// Begins a draft of the reply to what the visitor said last. An earlier one for the same agent that is still being
/// written is given up.
async fn suggest(cx: &Ctx, id: ConversationId, once: &Once) -> Result<run::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let conversation = conversations::find(&cx.db(), &reach, id).await?;
    conversations::may(&cx.actor, Permission::ConversationsWork, &conversation)?;
    let agent = accounts::signed_in(&cx.actor)?.user;
    if let Some(made) = once.made(&cx.db()).await? {
        return once::again(runs::find(&cx.db(), RunId(made)).await);
    }
    let expenses = [quotas::DRAFTS_OF_PERSON.of(agent)];
    if let Some(made) = once.spend(cx, &expenses).await? {
        return once::again(runs::find(&cx.db(), RunId(made)).await);
    }
    let run = cx.id(RunId);
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, run.0).await? {
        quotas::give_back(cx, &expenses).await?;
        return once::again(runs::find(&tx.db(), RunId(made)).await);
    }
    conversations::find_for_update(&tx.db(), &reach, id).await?;
    let assistant = writer(&tx.db(), &conversation).await?;
    let history = conversations::history(&tx.db(), id, i64::MAX, model::HISTORY).await?;
    let question_seq = model::to_reply_to(&history).ok_or_else(|| {
        Error::conflict(ErrorReason::NothingToAnswer, "The visitor has not written anything to reply to yet.")
    })?;
    let now = cx.clock.now();
    for older in runs::active_for_update(&tx.db(), id, Some(agent)).await? {
        let (run, about) = (older.id, subject(&older));
        let mut row = older.into_active_model();
        row.status = Set(RunStatus::Cancelled);
        row.finished_at = Set(Some(now));
        runs::update(&tx.db(), row).await?;
        tx.record(conversation.site_id, about, &RunFact::Failed { run, reason: FailureReason::Superseded })?;
    }
    let queued = Queued {
        site: conversation.site_id,
        conversation: id,
        assistant: assistant.id,
        question_seq,
        edition: 0,
        drafted_for: Some(agent),
    };
    let row = queued.row(run, now);
    runs::insert(&tx.db(), row.clone()).await?;
    tx.record(row.site_id, subject(&row), &RunFact::Queued { run: row.id })?;
    tx.enqueue(&AnswerQuestion { run: row.id, wait: Duration::ZERO }).await?;
    tx.commit().await?;
    Ok(row)
}

/// Who writes: the conversation's assistant, else the site's first one that is switched on.
async fn writer(db: &Db<'_>, conversation: &conversation::Model) -> Result<assistant::Model> {
    let own = match conversation.assistant_id {
        Some(id) => assistants::find_any(db, id).await?,
        None => None,
    };
    if let Some(own) = own.filter(assistants::may_answer) {
        return Ok(own);
    }
    let others = assistants::of_site(db, conversation.site_id).await?;
    others.into_iter().find(|other| other.enabled).ok_or_else(|| {
        Error::conflict(
            ErrorReason::AssistantDisabled,
            "No assistant of the site is switched on; switch one on to have drafts written.",
        )
    })
}

/// A draft of the caller's.
async fn find(cx: &Ctx, id: RunId) -> Result<run::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let run = runs::find(&cx.db(), id).await?;
    if !model::is_for(&cx.actor, &run) {
        return Err(Error::not_found("run"));
    }
    let found = conversations::lookup(&cx.db(), &reach, run.conversation_id).await?;
    let conversation = found.ok_or_else(|| Error::not_found("run"))?;
    conversations::may(&cx.actor, Permission::ConversationsWork, &conversation)?;
    if run.requested_by.is_none() {
        let what = "This run is an answer to the visitor, not a draft; `suggestReply` makes drafts.";
        return Err(Error::conflict(ErrorReason::DraftNotReady, what).at("input.runId"));
    }
    Ok(run)
}

/// Sends a draft as a message of the agent, once: a repetition finds the message.
async fn send(cx: &Ctx, id: RunId, body: Option<&str>) -> Result<(message::Model, conversation::Model, run::Model)> {
    let found = find(cx, id).await?;
    let body = body.map(|body| text::body("input.body", body, conversations::MESSAGE_MAX)).transpose()?;
    let agent = accounts::signed_in(&cx.actor)?.user;
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let conversation = conversations::find_for_update(&tx.db(), &reach, found.conversation_id).await?;
    let run = runs::find_for_update(&tx.db(), id).await?;
    if let Some(sent) = run.message_id {
        let message = conversations::message(&tx.db(), conversation.id, sent).await?;
        return Ok((message, conversation, run));
    }
    if run.draft_outcome.is_some() {
        return Err(closed());
    }
    if matches!(run.status, RunStatus::Queued | RunStatus::Running) || run.finished_at.is_none() {
        let what = "The draft is still being written; wait for `DraftReady`, or stop it with `stopRun`.";
        return Err(Error::conflict(ErrorReason::DraftNotReady, what).at("input.runId"));
    }
    let written = model::without_marks(&run.text);
    if written.is_empty() && body.is_none() {
        let what = "The draft ended without a text; write one into `body`.";
        return Err(Error::conflict(ErrorReason::DraftNotReady, what).at("input.body"));
    }
    let body = match body {
        Some(body) => body,
        None => text::body("input.body", &written, conversations::MESSAGE_MAX)?,
    };
    let outcome = if body == written { DraftOutcome::Sent } else { DraftOutcome::Edited };
    let posting = Posting {
        conversation: conversation.id,
        author: Author { kind: AuthorKind::Agent, id: Some(agent.0) },
        audience: Audience::Everyone,
        body,
        mentions: vec![],
        client_id: Some(id.0),
        run: None,
        citations: vec![],
        verdict: None,
        interrupted: false,
        actor: cx.actor.id(),
    };
    let message = conversations::post_in(&mut tx, conversation.site_id, &posting).await?;
    let about = subject(&run);
    let mut row = run.into_active_model();
    row.message_id = Set(Some(message.id));
    row.draft_outcome = Set(Some(outcome));
    let run = runs::update(&tx.db(), row).await?;
    tx.record(run.site_id, about, &RunFact::DraftClosed { run: id, outcome })?;
    tx.commit().await?;
    Ok((message, conversation, run))
}

/// Says that a draft is not wanted. One that is still being written is stopped.
async fn discard(cx: &Ctx, id: RunId) -> Result<run::Model> {
    find(cx, id).await?;
    let mut tx = cx.begin().await?;
    let run = runs::find_for_update(&tx.db(), id).await?;
    match run.draft_outcome {
        Some(DraftOutcome::Discarded) => return Ok(run),
        Some(DraftOutcome::Sent | DraftOutcome::Edited) => return Err(closed()),
        None => {}
    }
    let (about, writing) = (subject(&run), matches!(run.status, RunStatus::Queued | RunStatus::Running));
    let mut row = run.into_active_model();
    row.draft_outcome = Set(Some(DraftOutcome::Discarded));
    if writing {
        row.status = Set(RunStatus::Cancelled);
        row.finished_at = Set(Some(cx.clock.now()));
    }
    let run = runs::update(&tx.db(), row).await?;
    let outcome = DraftOutcome::Discarded;
    tx.record(run.site_id, about, &RunFact::DraftClosed { run: id, outcome })?;
    tx.commit().await?;
    Ok(run)
}

fn closed() -> Error {
    Error::conflict(ErrorReason::DraftClosed, "The draft has already been sent or discarded; ask for a new one.")
        .at("input.runId")
}
