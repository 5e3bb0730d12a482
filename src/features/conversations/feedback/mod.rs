//! Whether an answer helped, by the word of whoever asked: one rating a message, which can be changed.

pub(crate) mod graphql;
mod store;

use ::entity::{
    answer_feedback,
    conversation::{self, QueueOutcome},
    ids::{AssistantId, MessageId},
    message::{self, AuthorKind},
};

use super::{
    attention::change_in,
    facts::ConversationFact,
    messages, model,
    state::{Event, State},
    store as conversations,
};
use crate::kernel::{Ctx, Error, ErrorReason, Permission, Result, error::ErrorCode, text};

/// Most characters of a comment.
const COMMENT_MAX: usize = 1_000;

/// Rates an assistant's message as the one who asked; the same again changes nothing.
async fn rate(
    cx: &Ctx,
    id: MessageId,
    helpful: bool,
    comment: Option<&str>,
) -> Result<(message::Model, conversation::Model)> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let comment = match comment.map(str::trim) {
        None | Some("") => None,
        Some(comment) => Some(text::longer("input.comment", comment, COMMENT_MAX)?),
    };
    let mut tx = cx.begin().await?;
    let (message, _) = messages::find_message(&tx.db(), &reach, id).await?;
    let conversation = conversations::find_for_update(&tx.db(), &reach, message.conversation_id).await?;
    // Again, now that nobody else can change it.
    let (message, _) = messages::find_message(&tx.db(), &reach, id).await?;
    if !model::audiences(&cx.actor, &conversation).contains(&message.audience) {
        return Err(Error::not_found("message"));
    }
    let assistant = ratable(cx, &message, &conversation)?;
    let known = store::lookup(&tx.db(), id).await?;
    if known.as_ref().is_some_and(|known| known.helpful == helpful && known.comment == comment) {
        return Ok((message, conversation));
    }
    let row = answer_feedback::Model {
        message_id: id,
        site_id: message.site_id,
        assistant_id: assistant,
        helpful,
        comment,
        answered_at: message.created_at,
        rated_at: cx.clock.now(),
    };
    store::put(&tx.db(), row).await?;
    tx.record(conversation.site_id, conversation.id.0, &ConversationFact::AnswerRated { message: id, helpful })?;
    // What helped whoever waits is what they waited for; how well an agent is doing without is another matter.
    let conversation = match State::of(&conversation) {
        State::Waiting { since, .. } if helpful && message.created_at > since => {
            change_in(&mut tx, conversation, Event::Resumed(QueueOutcome::Assistant), cx.actor.id()).await?
        }
        State::Assistant { .. } | State::Waiting { .. } | State::Person { .. } | State::Closed { .. } => conversation,
    };
    tx.commit().await?;
    Ok((message, conversation))
}

/// The assistant who wrote the message, when the caller is the one who asked.
fn ratable(cx: &Ctx, message: &message::Model, conversation: &conversation::Model) -> Result<AssistantId> {
    let (kind, _) = model::speaker(&cx.actor, conversation)?;
    if kind != AuthorKind::Visitor {
        return Err(Error::new(
            ErrorCode::Forbidden,
            "Only the visitor or customer of the conversation may rate its answers.",
        ));
    }
    if message.deleted_at.is_some() {
        return Err(Error::conflict(ErrorReason::MessageDeleted, "The message was deleted."));
    }
    match (message.author_kind, message.author_id) {
        (AuthorKind::Assistant, Some(id)) => Ok(AssistantId(id)),
        (AuthorKind::Assistant | AuthorKind::Visitor | AuthorKind::Agent | AuthorKind::System, _) => {
            let what = "Only what an assistant wrote can be rated; this message is somebody else's.";
            Err(Error::conflict(ErrorReason::NotAnAnswer, what).at("input.messageId"))
        }
    }
}
