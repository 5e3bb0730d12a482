//! How long visitors waited for a person's reply.

use ::entity::{conversation, ids::SiteId};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{kernel::Result, ports::db::Db};

/// Conversations that are looked at: the newest of those in which a person replied.
const SAMPLE: u64 = 1_000;

/// The times from a visitor's wish for a person, or else from their first message, to the first reply of a person, for
/// replies since a moment: of each conversation the last one. In one query over at most a thousand conversations.
pub(crate) async fn reply_times(db: &Db<'_>, site: SiteId, since: DateTime<Utc>) -> Result<Vec<TimeDelta>> {
    use conversation::Column;
    type Instant = Option<DateTime<Utc>>;
    let rows: Vec<(Instant, Instant)> = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::LastActivity.gte(since.timestamp_micros()))
        .filter(Column::RepliedAt.gte(since))
        .order_by_desc(Column::LastActivity)
        .limit(SAMPLE)
        .select_only()
        .columns([Column::ReplyAwaitedAt, Column::RepliedAt])
        .into_tuple()
        .all(db)
        .await?;
    let waits = rows.into_iter().filter_map(|(awaited, replied)| awaited.zip(replied));
    Ok(waits.map(|(awaited, replied)| (replied - awaited).max(TimeDelta::zero())).collect())
}
