//! How long visitors waited for a person's first reply.

use std::collections::HashMap;

use ::entity::{
    conversation::{self, Attention},
    ids::{ConversationId, SiteId},
    message::{self, Audience, AuthorKind},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{kernel::Result, ports::db::Db};

/// Conversations that are looked at: the newest of those in which a person has, or had, a part.
const SAMPLE: u64 = 1_000;

/// The times from a visitor's wish for a person, or else from their first message, to the first reply of a person, for
/// replies since a moment. In two queries over at most a thousand conversations.
pub(crate) async fn reply_times(db: &Db<'_>, site: SiteId, since: DateTime<Utc>) -> Result<Vec<TimeDelta>> {
    use conversation::Column;
    type Instant = Option<DateTime<Utc>>;
    let rows: Vec<(ConversationId, Instant, Instant)> = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::LastActivity.gte(since.timestamp_micros()))
        .filter(
            Condition::any()
                .add(Column::HumanJoinedAt.is_not_null())
                .add(Column::Attention.is_in([Attention::Waiting, Attention::Person]))
                .add(Column::AssigneeId.is_not_null()),
        )
        .order_by_desc(Column::LastActivity)
        .limit(SAMPLE)
        .select_only()
        .columns([Column::Id, Column::HumanRequestedAt, Column::HumanJoinedAt])
        .into_tuple()
        .all(db)
        .await?;
    let mut waits: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::with_capacity(rows.len());
    // Nobody wished for a person there: what was written first tells.
    let mut unasked = Vec::new();
    for (id, requested, joined) in rows {
        match (requested, joined) {
            (Some(requested), Some(joined)) => waits.push((requested, joined)),
            (Some(_), None) => {}
            (None, _) => unasked.push(id),
        }
    }
    waits.extend(first_words(db, unasked).await?);
    let replied = waits.into_iter().filter(|(asked, replied)| *replied >= since && asked <= replied);
    Ok(replied.map(|(asked, replied)| replied - asked).collect())
}

/// When a visitor and when a person first wrote, where both did.
async fn first_words(db: &Db<'_>, ids: Vec<ConversationId>) -> Result<Vec<(DateTime<Utc>, DateTime<Utc>)>> {
    use message::Column;
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let rows: Vec<(ConversationId, AuthorKind, DateTime<Utc>)> = message::Entity::find()
        .filter(Column::ConversationId.is_in(ids))
        .filter(Column::Audience.eq(Audience::Everyone))
        .filter(Column::AuthorKind.is_in([AuthorKind::Visitor, AuthorKind::Agent]))
        .select_only()
        .columns([Column::ConversationId, Column::AuthorKind])
        .column_as(Column::CreatedAt.min(), "first")
        .group_by(Column::ConversationId)
        .group_by(Column::AuthorKind)
        .into_tuple()
        .all(db)
        .await?;
    let (visitors, agents): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, kind, _)| *kind == AuthorKind::Visitor);
    let agents: HashMap<_, _> = agents.into_iter().map(|(id, _, first)| (id, first)).collect();
    Ok(visitors.into_iter().filter_map(|(id, _, first)| Some((first, *agents.get(&id)?))).collect())
}
