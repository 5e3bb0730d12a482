//! Handing a conversation over to a person: a state of the conversation with its own message, never a word in a text.
//!
//! While a conversation waits, its assistant is silent. It stops waiting when an agent writes to the visitor, or when the
//! visitor would rather go on with the assistant.

use ::entity::{
    conversation::{self, HandoffReason, QueueOutcome, Status},
    ids::ConversationId,
    message::AuthorKind,
    widget_settings::Features,
};

use super::{
    answer::{LATER, OFFERS, Offer},
    attention::change_in,
    closing, model,
    state::{self, Event, Release, State},
    store,
};
use crate::{
    features::{assistants, sites},
    kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx},
};

/// What the visitor is offered at the moment.
pub(crate) fn offers(conversation: &conversation::Model) -> &'static [Offer] {
    let silent = !state::assistant_speaks(conversation);
    match conversation.queue_outcome {
        // Nobody came: waiting again is worth less than a message that is read later.
        Some(QueueOutcome::TimedOut | QueueOutcome::SiteClosed) if !state::waits(conversation) => &LATER,
        _ if conversation.person_offered_at.is_some() && !silent => &OFFERS,
        _ => &[],
    }
}

/// The visitor or customer asks for a person. Asking again changes nothing.
pub(crate) async fn request(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    // Before the transaction, which must not wait for another connection while it holds one.
    let seen = store::find(&cx.db(), &reach, id).await?;
    own(cx, &seen)?;
    sites::offered::check(cx, seen.site_id, |features| features.live_chat, "liveChat").await?;
    if sites::find_any(&cx.db(), seen.site_id).await?.owner_id.is_some() {
        let message = "Nobody but you works where this conversation is; there is nobody to ask.";
        return Err(Error::bad_input("input.conversationId", ErrorReason::InvalidCombination, message));
    }
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    let open = match found.status {
        Status::Open => found,
        Status::Closed => closing::reopen_in(&mut tx, found, None, cx.actor.id()).await?,
    };
    let event = match State::of(&open) {
        // Who has somebody who is not there, or who is away, has nobody.
        State::Person { agent, .. } if !sites::attends(&tx.db(), open.site_id, agent, cx.clock.now()).await? => {
            Event::Released(Release::AgentNotThere)
        }
        State::Assistant { .. } | State::Waiting { .. } | State::Person { .. } | State::Closed { .. } => {
            Event::Requested { reason: HandoffReason::Visitor, since: None }
        }
    };
    let waiting = change_in(&mut tx, open, event, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(waiting)
}

/// The visitor goes on with the assistant instead of waiting. Where nobody waits, nothing changes.
pub(crate) async fn cancel(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    own(cx, &found)?;
    // An agent may have it who has not written yet: not theirs any more, it takes no room.
    if State::of(&found).unanswered_since().is_none() {
        return Ok(found);
    }
    let resumed = change_in(&mut tx, found, Event::Resumed(QueueOutcome::Left), cx.actor.id()).await?;
    tx.commit().await?;
    Ok(resumed)
}

/// Offers the visitor a person, once, while the assistant speaks.
pub(crate) async fn offer(cx: &Ctx, id: ConversationId) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    change_in(&mut tx, found, Event::Offered, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(())
}

/// Only who asks in a conversation may wish for a person there, or rate it; members of the site assign it.
pub(crate) fn own(cx: &Ctx, conversation: &conversation::Model) -> Result<()> {
    match model::speaker(&cx.actor, conversation)? {
        (AuthorKind::Visitor, _) => Ok(()),
        (AuthorKind::Agent | AuthorKind::Assistant | AuthorKind::System, _) => Err(Error::forbidden()),
    }
}

/// Silences the assistant in this conversation, which then waits for a person, or lets it speak again.
pub(crate) async fn set_paused(cx: &Ctx, id: ConversationId, paused: bool) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    model::may(&cx.actor, Permission::ConversationsWork, &found)?;
    let event = match (paused, State::of(&found)) {
        (true, State::Assistant { .. }) => Event::Released(Release::Unassigned),
        (true, State::Waiting { .. }) => Event::Helped(false),
        (false, State::Person { .. }) => Event::Resumed(QueueOutcome::Assistant),
        // What staff have begun, they can end. Whoever asked for a person keeps their place until one writes.
        (false, State::Waiting { reason: HandoffReason::Agent, .. }) => Event::Resumed(QueueOutcome::Assistant),
        (false, State::Waiting { .. }) => Event::Helped(true),
        (_, State::Closed { .. }) => {
            let message = "The conversation is closed; reopen it first.";
            return Err(Error::conflict(ErrorReason::ConversationClosed, message));
        }
        (true, State::Person { .. }) | (false, State::Assistant { .. }) => return Ok(found),
    };
    let features = sites::offered::features(&tx.db(), found.site_id).await?;
    if paused && !features.live_chat && matches!(event, Event::Released(_)) {
        let message = "Nobody would answer: `features.liveChat` of the site's widget is off. Write to the visitor, and the \
                       conversation is yours.";
        return Err(Error::conflict(ErrorReason::FeatureOff, message));
    }
    if !paused && !can_answer(&tx, &found, &features).await? {
        let message = "No assistant can answer here: it is switched off, deleted, or was never there. Close the \
                       conversation, or hand it to somebody else.";
        return Err(Error::conflict(ErrorReason::AssistantDisabled, message));
    }
    let changed = change_in(&mut tx, found, event, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(changed)
}

/// True where the assistant of a conversation is on.
async fn can_answer(tx: &Tx, found: &conversation::Model, features: &Features) -> Result<bool> {
    let assistant = match found.assistant_id.filter(|_| features.assistant) {
        Some(id) => assistants::find_any(&tx.db(), id).await?,
        None => None,
    };
    Ok(assistant.is_some_and(|assistant| assistants::may_answer(&assistant)))
}
