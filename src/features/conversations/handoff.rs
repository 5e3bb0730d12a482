//! Handing a conversation over to a person: a state of the conversation with its own message, never a word in a text.
//!
//! While a conversation waits, its assistant is silent. It stops waiting when an agent writes to the visitor, or when the
//! visitor would rather go on with the assistant.

use ::entity::{
    conversation::{self, HandoffReason, QueueOutcome, Status},
    ids::{ConversationId, UserId},
    message::AuthorKind,
};
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, IntoActiveModel};

use super::{
    actions,
    answer::{LATER, OFFERS, Offer},
    closing,
    facts::{Attributes, ConversationFact},
    model, store, waiting,
};
use crate::{
    features::sites,
    kernel::{Actor, Ctx, Error, ErrorReason, Permission, Result, Tx},
};

/// How a conversation came to wait for a person.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Handoff {
    /// Since when it waits, or waited.
    requested_at: DateTime<Utc>,
    /// Who wished for it.
    reason: HandoffReason,
    /// When an agent first wrote to the visitor after that; null while it waits.
    joined_at: Option<DateTime<Utc>>,
}

/// A conversation's handoff, if there was one since the assistant last took over.
pub(crate) fn of(conversation: &conversation::Model) -> Option<Handoff> {
    Some(Handoff {
        requested_at: conversation.human_requested_at?,
        reason: conversation.handoff_reason.unwrap_or(HandoffReason::Visitor),
        joined_at: conversation.human_joined_at,
    })
}

/// True while nobody has come.
pub(crate) fn waits(conversation: &conversation::Model) -> bool {
    conversation.human_requested_at.is_some() && conversation.human_joined_at.is_none()
}

/// What the visitor is offered at the moment.
pub(crate) fn offers(conversation: &conversation::Model) -> &'static [Offer] {
    let silent = conversation.assistant_paused || conversation.status == Status::Closed;
    match conversation.queue_outcome {
        // Nobody came: waiting again is worth less than a message that is read later.
        Some(QueueOutcome::TimedOut | QueueOutcome::SiteClosed) if !waits(conversation) => &LATER,
        _ if conversation.person_offered_at.is_some() && !silent => &OFFERS,
        _ => &[],
    }
}

/// What a visitor is told when the conversation goes to a person, in the languages of this product.
pub(crate) fn announcement(language: &str) -> &'static str {
    match language.split('-').next() {
        Some("tr") => "Sizi bir temsilciye bağlıyorum. Müsait olan ilk kişi buradan yazacak.",
        Some("de") => "Ich verbinde Sie mit einer Person. Wer zuerst frei ist, schreibt Ihnen hier.",
        _ => "I'm connecting you with a person. The first one who is free will write to you here.",
    }
}

/// What a visitor is told who would like a person while nobody is there; when somebody is follows by itself.
pub(crate) fn noted(language: &str) -> &'static str {
    match language.split('-').next() {
        Some("tr") => "Bir temsilciyle görüşmek istediğinizi not ettim.",
        Some("de") => "Ich habe notiert, dass Sie mit einer Person sprechen möchten.",
        _ => "I have noted that you would like to talk to a person.",
    }
}

/// The visitor or customer asks for a person. Asking again changes nothing.
pub(super) async fn request(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    // Before the transaction, which must not wait for another connection while it holds one.
    let seen = store::find(&cx.db(), &reach, id).await?;
    own(cx, &seen)?;
    if sites::find_any(&cx.db(), seen.site_id).await?.owner_id.is_some() {
        let message = "Nobody but you works where this conversation is; there is nobody to ask.";
        return Err(Error::bad_input("input.conversationId", ErrorReason::InvalidCombination, message));
    }
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    let open = match found.status {
        Status::Open if waits(&found) => return Ok(found),
        Status::Open => found,
        Status::Closed => closing::reopen_in(&mut tx, found, true, cx.actor.id()).await?,
    };
    let waiting = request_in(&mut tx, open, HandoffReason::Visitor).await?;
    tx.commit().await?;
    Ok(waiting)
}

/// The same inside a transaction that has locked the conversation, which is open. The visitor is told when it enters the
/// queue, or why it does not.
pub(crate) async fn request_in(
    tx: &mut Tx,
    found: conversation::Model,
    reason: HandoffReason,
) -> Result<conversation::Model> {
    let before = actions::attributes(tx, &found).await?;
    let (paused, before_that) = (found.assistant_paused, found.human_requested_at);
    let wrote_at = DateTime::from_timestamp_micros(found.last_activity);
    let mut row = found.into_active_model();
    let since = match reason {
        // Who has waited once goes on waiting since then.
        HandoffReason::Agent | HandoffReason::AgentGone => before_that,
        // Whoever wrote has waited since they did.
        HandoffReason::Site => wrote_at,
        HandoffReason::Visitor | HandoffReason::Assistant => None,
    };
    row.human_requested_at = Set(Some(since.unwrap_or_else(|| tx.cx().clock.now())));
    row.handoff_reason = Set(Some(reason));
    row.human_joined_at = Set(None);
    row.assistant_paused = Set(true);
    let waiting = store::update(&tx.db(), row).await?;
    let after = Attributes { waiting: true, ..before.clone() };
    tx.record(waiting.site_id, waiting.id.0, &ConversationFact::HumanRequested { reason, before, after })?;
    if !paused {
        tx.record(waiting.site_id, waiting.id.0, &ConversationFact::AssistantPaused)?;
    }
    Ok(waiting)
}

/// The visitor goes on with the assistant instead of waiting. Where nobody waits, nothing changes.
pub(super) async fn cancel(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    own(cx, &found)?;
    if !waits(&found) {
        return Ok(found);
    }
    // An agent may have it who has not written yet: not theirs any more, it takes no room.
    let free = if found.assignee_id.is_some() { waiting::release_in(&mut tx, found).await? } else { found };
    let resumed = resume_in(&mut tx, free).await?;
    tx.commit().await?;
    Ok(resumed)
}

/// The assistant takes the conversation back: nobody waits any more, and a person may be offered anew.
pub(crate) async fn resume_in(tx: &mut Tx, found: conversation::Model) -> Result<conversation::Model> {
    let outcome = match tx.cx().actor {
        Actor::Visitor { .. } => QueueOutcome::Left,
        Actor::User(ref person) if found.customer_id == Some(person.user) => QueueOutcome::Left,
        Actor::Anonymous | Actor::User(_) | Actor::System => QueueOutcome::Assistant,
    };
    let actor = tx.cx().actor.id();
    waiting::leave_in(tx, (found.site_id, found.id), outcome, actor).await?;
    let (waited, before) = (waits(&found), actions::attributes(tx, &found).await?);
    let mut row = found.into_active_model();
    row.human_requested_at = Set(None);
    row.handoff_reason = Set(None);
    row.human_joined_at = Set(None);
    row.person_offered_at = Set(None);
    row.assistant_paused = Set(false);
    let resumed = store::update(&tx.db(), row).await?;
    let (site, subject) = (resumed.site_id, resumed.id.0);
    if waited {
        let after = Attributes { waiting: false, ..before.clone() };
        tx.record(site, subject, &ConversationFact::HumanRequestCancelled { before, after })?;
    }
    tx.record(site, subject, &ConversationFact::AssistantResumed)?;
    Ok(resumed)
}

/// An agent wrote to somebody who waits: who waited in the queue is theirs now.
pub(super) async fn join_in(
    tx: &mut Tx,
    conversation: &mut conversation::Model,
    agent: UserId,
    actor: Option<String>,
) -> Result<()> {
    let before = actions::attributes(tx, conversation).await?;
    let now = tx.cx().clock.now();
    conversation.human_joined_at = Some(now);
    let waited = (conversation.site_id, conversation.id);
    if waiting::leave_in(tx, waited, QueueOutcome::Assigned, actor.clone()).await? && conversation.assignee_id.is_none()
    {
        conversation.assignee_id = Some(agent);
        conversation.assigned_at = Some(now);
    }
    store::set_joined(&tx.db(), conversation).await?;
    let after = Attributes { waiting: false, assignee: conversation.assignee_id, ..before.clone() };
    tx.record_by(actor, conversation.site_id, conversation.id.0, &ConversationFact::HumanJoined { before, after })
}

/// Offers the visitor a person, once, while the assistant speaks.
pub(crate) async fn offer(cx: &Ctx, id: ConversationId) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    let over = found.assistant_paused || found.status == Status::Closed;
    if over || found.person_offered_at.is_some() {
        return Ok(());
    }
    let mut row = found.into_active_model();
    row.person_offered_at = Set(Some(cx.clock.now()));
    let offered = store::update(&tx.db(), row).await?;
    tx.record(offered.site_id, id.0, &ConversationFact::PersonOffered)?;
    tx.commit().await?;
    Ok(())
}

/// Only who asks in a conversation may wish for a person there, or rate it; members of the site assign it.
pub(super) fn own(cx: &Ctx, conversation: &conversation::Model) -> Result<()> {
    match model::speaker(&cx.actor, conversation)? {
        (AuthorKind::Visitor, _) => Ok(()),
        (AuthorKind::Agent | AuthorKind::Assistant | AuthorKind::System, _) => Err(Error::forbidden()),
    }
}
