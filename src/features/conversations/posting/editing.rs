//! Changing what was said: edits, deletions and reactions.

use ::entity::{
    conversation,
    ids::{ConversationId, MessageId},
    message::{self, Audience, AuthorKind},
    message_revision, reaction,
};
use exact_index::text::fold;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use super::super::{facts::ConversationFact, mentions, messages, model, store};
use crate::kernel::{Ctx, Error, ErrorReason, Permission, Reach, Result, Tx, text};

/// Replaces a message's text; the earlier one is kept.
pub(crate) async fn edit_message(cx: &Ctx, id: MessageId, body: &str) -> Result<message::Model> {
    let body = text::body("input.body", body, model::MESSAGE_MAX)?;
    change_message(cx, id, Some(body)).await
}

/// Empties a message and marks it as deleted; its text is kept for audit.
pub(crate) async fn delete_message(cx: &Ctx, id: MessageId) -> Result<message::Model> {
    change_message(cx, id, None).await
}

async fn change_message(cx: &Ctx, id: MessageId, body: Option<String>) -> Result<message::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let (message, conversation, author) = own_message(cx, &tx, &reach, id).await?;
    let now = cx.clock.now();
    model::may_change(&message, author, cx.config.edit_window(), now)?;
    if body.as_ref() == Some(&message.body) {
        return Ok(message);
    }
    let revision = i32::try_from(messages::revisions(&tx.db(), id).await?.len()).unwrap_or(i32::MAX - 1) + 1;
    message_revision::ActiveModel {
        message_id: Set(id),
        revision: Set(revision),
        site_id: Set(message.site_id),
        body: Set(message.body.clone()),
        replaced_at: Set(now),
    }
    .insert(&tx.db())
    .await?;
    let deleted = body.is_none();
    if deleted {
        mentions::forget_in(&tx, id).await?;
    }
    let body = body.unwrap_or_default();
    if conversation.last_message_id == Some(id) {
        let preview = text::first(&body, model::PREVIEW).to_owned();
        let mut row = conversation.clone().into_active_model();
        row.last_message_preview = Set(Some(preview));
        store::update(&tx.db(), row).await?;
    }
    let audience = message.audience;
    let mut row = message.into_active_model();
    row.folded = Set(fold(&body));
    row.body = Set(body);
    if deleted {
        row.deleted_at = Set(Some(now));
    } else {
        row.edited_at = Set(Some(now));
    }
    let message = row.update(&tx.db()).await?;
    if audience == Audience::Everyone {
        describe_in(&tx, conversation.id).await?;
    }
    let fact = if deleted {
        ConversationFact::MessageDeleted { message: id, audience }
    } else {
        ConversationFact::MessageEdited { message: id, audience }
    };
    tx.record(conversation.site_id, conversation.id.0, &fact)?;
    tx.commit().await?;
    Ok(message)
}

/// Describes a conversation by the first message that is still there.
async fn describe_in(tx: &Tx, id: ConversationId) -> Result<()> {
    let first = messages::first_words(&tx.db(), id).await?;
    let description = first.map(|body| text::first(&body, model::DESCRIPTION).to_owned());
    let row = conversation::ActiveModel { description: Set(description), ..Default::default() };
    conversation::Entity::update_many().set(row).filter(conversation::Column::Id.eq(id)).exec(&tx.db()).await?;
    Ok(())
}

/// A message the caller may see, in a conversation that is locked from here on, and as whom the caller speaks there.
async fn own_message(
    cx: &Ctx,
    tx: &Tx,
    reach: &Reach,
    id: MessageId,
) -> Result<(message::Model, conversation::Model, (AuthorKind, Uuid))> {
    let (message, _) = messages::find_message(&tx.db(), reach, id).await?;
    let conversation = store::find_for_update(&tx.db(), reach, message.conversation_id).await?;
    // Again, now that nobody else can change it.
    let (message, _) = messages::find_message(&tx.db(), reach, id).await?;
    if !model::audiences(&cx.actor, &conversation).contains(&message.audience) {
        return Err(Error::not_found("message"));
    }
    let author = model::speaker(&cx.actor, &conversation)?;
    Ok((message, conversation, author))
}

/// Puts an emoji on a message, or takes it away.
pub(crate) async fn react(cx: &Ctx, id: MessageId, emoji: &str, on: bool) -> Result<message::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let emoji = model::emoji("input.emoji", emoji)?;
    let mut tx = cx.begin().await?;
    let (message, conversation, (kind, author)) = own_message(cx, &tx, &reach, id).await?;
    if message.deleted_at.is_some() {
        return Err(Error::conflict(ErrorReason::MessageDeleted, "The message was deleted."));
    }
    let changed = if on {
        let row = reaction::ActiveModel {
            message_id: Set(id),
            author_id: Set(author),
            emoji: Set(emoji),
            author_kind: Set(kind),
            site_id: Set(message.site_id),
            created_at: Set(cx.clock.now()),
        };
        let key = [reaction::Column::MessageId, reaction::Column::AuthorId, reaction::Column::Emoji];
        reaction::Entity::insert(row)
            .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
            .exec_without_returning(&tx.db())
            .await?
            > 0
    } else {
        let key = (id, author, emoji);
        reaction::Entity::delete_by_id(key).exec(&tx.db()).await?.rows_affected > 0
    };
    if changed {
        let audience = message.audience;
        tx.record(
            conversation.site_id,
            conversation.id.0,
            &ConversationFact::ReactionsChanged { message: id, audience },
        )?;
        tx.commit().await?;
    }
    Ok(message)
}
