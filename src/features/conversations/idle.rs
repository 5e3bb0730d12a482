//! Conversations in which nobody says anything more end by themselves: they take no room and no place in anybody's list.

use std::time::Duration;

use ::entity::{
    conversation::{self, Attention},
    conversation_closing::CloseReason,
    ids::{ConversationId, SiteId},
    message::AuthorKind,
    site,
};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::{closing, details, live, model, store};
use crate::{
    kernel::{
        Ctx, Result,
        jobs::{Failure, Job, Lane, Lease},
    },
    ports::db::Db,
};

/// How often they are looked for.
const EVERY: Duration = Duration::from_secs(600);
/// Conversations that are closed in one transaction.
const BATCH: u64 = 100;

/// Closes conversations in which the last word was said long ago, and forgets those in which none was ever said. Who
/// waits for a person, or for a person's answer, goes on waiting.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CloseIdle {}

impl Job for CloseIdle {
    const KIND: &'static str = "close_idle";
    const LANE: Lane = Lane::Background;
    const EVERY: Option<Duration> = Some(EVERY);

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        let before = cx.clock.now() - Duration::from_secs(u64::from(cx.config.idle_hours) * 3_600);
        let sites = site::Entity::find().select_only().column(site::Column::Id).order_by_asc(site::Column::Id);
        let sites: Vec<SiteId> = sites.into_tuple().all(&cx.db()).await.map_err(crate::kernel::Error::from)?;
        for site in sites {
            let mut after = None;
            while let Some(last) = close_batch(&cx, site, before, after).await? {
                after = Some(last);
            }
        }
        Ok(())
    }
}

/// One batch; the last one that was looked at, if there may be more.
async fn close_batch(
    cx: &Ctx,
    site: SiteId,
    before: DateTime<Utc>,
    after: Option<ConversationId>,
) -> Result<Option<ConversationId>> {
    // Mostly there is none: looking takes no lock.
    let ids = idle(&cx.db(), site, before, after).await?;
    let Some(last) = ids.last().copied() else { return Ok(None) };
    let is_full = ids.len() as u64 == BATCH;
    let mut tx = cx.begin().await?;
    // Whoever has one locked says something in it.
    let locked = store::lock_all(&tx.db(), site, ids, store::Busy::Skip).await?;
    let mut gone = vec![];
    for (id, row) in locked {
        if row.last_activity >= before.timestamp_micros() || !is_over(&row) {
            continue;
        }
        if row.last_seq == 0 {
            details::delete_in(&mut tx, &row).await?;
            gone.push(id);
        } else {
            closing::close_in(&mut tx, row, (Some(CloseReason::NoResponse), None)).await?;
        }
    }
    tx.commit().await?;
    gone.into_iter().for_each(|id| live::forget(cx, id));
    Ok(is_full.then_some(last))
}

/// True when nobody owes anybody an answer.
fn is_over(row: &conversation::Model) -> bool {
    match (row.attention, row.last_message_author) {
        (Attention::Waiting | Attention::Closed, _) => false,
        (_, Some(AuthorKind::Visitor)) => row.last_message_preview.as_deref().is_some_and(model::is_farewell),
        (_, Some(AuthorKind::Agent | AuthorKind::Assistant | AuthorKind::System) | None) => true,
    }
}

async fn idle(
    db: &Db<'_>,
    site: SiteId,
    before: DateTime<Utc>,
    after: Option<ConversationId>,
) -> Result<Vec<ConversationId>> {
    use conversation::Column;
    let rows = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::Attention.is_in([Attention::Assistant, Attention::Person]))
        .filter(Column::LastActivity.lt(before.timestamp_micros()))
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))))
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .select_only()
        .column(Column::Id);
    Ok(rows.into_tuple().all(db).await?)
}
