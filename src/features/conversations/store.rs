//! Every query on the rows of conversations themselves. Takes a reach; knows no rules.

use std::collections::HashMap;

use ::entity::{
    conversation, conversation_tag,
    ids::{AssistantId, ConversationId, SiteId, VisitorId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};

use super::facts::Attributes;
use crate::{
    kernel::{Error, Reach, Result, Tx},
    ports::db::{Db, for_update},
};

pub(crate) fn within(reach: &Reach) -> Condition {
    use conversation::Column::{CustomerId, SiteId, VisitorId};
    reach.owned_rows(SiteId, Some(VisitorId), Some(CustomerId))
}

/// The conversation, or `NOT_FOUND`.
pub(crate) async fn find(db: &Db<'_>, reach: &Reach, id: ConversationId) -> Result<conversation::Model> {
    lookup(db, reach, id).await?.ok_or_else(|| Error::not_found("conversation"))
}

/// The conversation if it is there and within reach.
pub(crate) async fn lookup(db: &Db<'_>, reach: &Reach, id: ConversationId) -> Result<Option<conversation::Model>> {
    Ok(conversation::Entity::find_by_id(id).filter(within(reach)).one(db).await?)
}

/// The same, locked until the transaction ends.
pub(crate) async fn find_for_update(db: &Db<'_>, reach: &Reach, id: ConversationId) -> Result<conversation::Model> {
    for_update(conversation::Entity::find_by_id(id).filter(within(reach)))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("conversation"))
}

/// What is done about conversations that somebody else has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// They are waited for: only where none that could be waited for is locked already.
    Wait,
    /// They are left out.
    Skip,
}

/// Locks several, in the order of their ids so that two transactions cannot wait for each other.
pub(crate) async fn lock_all(
    db: &Db<'_>,
    site: SiteId,
    ids: Vec<ConversationId>,
    busy: Busy,
) -> Result<HashMap<ConversationId, conversation::Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = conversation::Entity::find()
        .filter(conversation::Column::Id.is_in(ids))
        .filter(conversation::Column::SiteId.eq(site))
        .order_by_asc(conversation::Column::Id);
    let rows = match busy {
        Busy::Wait => for_update(rows),
        Busy::Skip => rows.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked),
    };
    Ok(rows.all(db).await?.into_iter().map(|row| (row.id, row)).collect())
}

/// A visitor's open conversation with an assistant.
pub(crate) async fn lookup_open(db: &Db<'_>, open_key: &str) -> Result<Option<conversation::Model>> {
    Ok(conversation::Entity::find().filter(conversation::Column::OpenKey.eq(open_key)).one(db).await?)
}

/// A visitor's conversation that a person has or is to have, with this assistant if one is asked for.
pub(crate) async fn lookup_attended(
    db: &Db<'_>,
    site: SiteId,
    visitor: VisitorId,
    assistant: Option<AssistantId>,
) -> Result<Option<conversation::Model>> {
    use conversation::{Attention, Column};
    let mut rows = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::VisitorId.eq(visitor))
        .filter(Column::Attention.is_in([Attention::Waiting, Attention::Person]));
    if let Some(assistant) = assistant {
        rows = rows.filter(Column::AssistantId.eq(assistant));
    }
    Ok(rows.order_by_desc(Column::LastActivity).one(db).await?)
}

/// Writes a changed conversation.
pub(crate) async fn update(db: &Db<'_>, changed: conversation::ActiveModel) -> Result<conversation::Model> {
    Ok(changed.update(db).await?)
}

/// Conversations by id within reach.
pub(crate) async fn by_ids(
    db: &Db<'_>,
    reach: &Reach,
    ids: Vec<ConversationId>,
) -> Result<HashMap<ConversationId, conversation::Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows =
        conversation::Entity::find().filter(conversation::Column::Id.is_in(ids)).filter(within(reach)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Tags by conversation, sorted.
pub(crate) async fn tags(db: &Db<'_>, ids: Vec<ConversationId>) -> Result<HashMap<ConversationId, Vec<String>>> {
    let mut found: HashMap<_, Vec<String>> = HashMap::new();
    let rows = conversation_tag::Entity::find()
        .filter(conversation_tag::Column::ConversationId.is_in(ids))
        .order_by_asc(conversation_tag::Column::Tag)
        .all(db)
        .await?;
    for row in rows {
        found.entry(row.conversation_id).or_default().push(row.tag);
    }
    Ok(found)
}

/// Replaces a conversation's tags.
pub(crate) async fn set_tags(db: &Db<'_>, conversation: &conversation::Model, tags: &[String]) -> Result<()> {
    conversation_tag::Entity::delete_many()
        .filter(conversation_tag::Column::ConversationId.eq(conversation.id))
        .exec(db)
        .await?;
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.iter().map(|tag| conversation_tag::ActiveModel {
        conversation_id: Set(conversation.id),
        tag: Set(tag.clone()),
        site_id: Set(conversation.site_id),
    });
    conversation_tag::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// What of a conversation inboxes and rules go by, in a transaction.
pub(crate) async fn attributes(tx: &Tx, conversation: &conversation::Model) -> Result<Attributes> {
    let tags = tags(&tx.db(), vec![conversation.id]).await?.remove(&conversation.id).unwrap_or_default();
    Ok(Attributes::of(conversation, tags))
}

/// Writes who attends a conversation, and what goes with it.
pub(crate) async fn save_attention(db: &Db<'_>, row: &conversation::Model) -> Result<()> {
    let changed = conversation::ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(row.id),
        status: Set(row.status),
        attention: Set(row.attention),
        assistant_helps: Set(row.assistant_helps),
        assignee_id: Set(row.assignee_id),
        assigned_at: Set(row.assigned_at),
        department_id: Set(row.department_id),
        queue_outcome: Set(row.queue_outcome),
        queue_left_at: Set(row.queue_left_at),
        human_requested_at: Set(row.human_requested_at),
        handoff_reason: Set(row.handoff_reason),
        human_joined_at: Set(row.human_joined_at),
        person_offered_at: Set(row.person_offered_at),
        open_key: Set(row.open_key.clone()),
        closed_at: Set(row.closed_at),
        opened_seq: Set(row.opened_seq),
        resumed_seq: Set(row.resumed_seq),
        called_seq: Set(row.called_seq),
        waited_seq: Set(row.waited_seq),
        ..Default::default()
    };
    conversation::Entity::update(changed).exec(db).await?;
    Ok(())
}

/// Writes how long the visitor waited for a person's reply.
pub(crate) async fn save_reply(db: &Db<'_>, row: &conversation::Model) -> Result<()> {
    let changed = conversation::ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(row.id),
        reply_awaited_at: Set(row.reply_awaited_at),
        replied_at: Set(row.replied_at),
        ..Default::default()
    };
    conversation::Entity::update(changed).exec(db).await?;
    Ok(())
}

/// Writes how waits ended, of conversations that do not wait.
pub(crate) async fn set_outcome(
    db: &Db<'_>,
    ids: &[ConversationId],
    outcome: conversation::QueueOutcome,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = conversation::ActiveModel {
        queue_outcome: Set(Some(outcome)),
        queue_left_at: Set(Some(now)),
        ..Default::default()
    };
    let these = conversation::Column::Id.is_in(ids.iter().copied());
    conversation::Entity::update_many().set(row).filter(these).exec(db).await?;
    Ok(())
}
