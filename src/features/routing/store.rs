//! Queries on the queue, rules, turns and decisions.

use std::collections::HashMap;

use ::entity::{
    conversation, conversation_closing,
    ids::{ConversationId, MembershipId, SiteId, UserId, VisitorId},
    queue_entry::{self, Column, Entity},
    routing_decision, routing_rules, routing_turn,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, OnConflict},
};

use super::rules::Settings;
use crate::{
    kernel::{Error, Result},
    ports::db::{Db, for_update},
};

/// Newest closings of a site that the median is taken of.
const HANDLED: u64 = 101;
/// Leases moved on by one statement.
const CHUNK: usize = 1_000;

/// Locks a site's turn until the transaction ends: nobody else gives out conversations of the site meanwhile. Returns who
/// got the last one.
pub(super) async fn lock_turn(db: &Db<'_>, site: SiteId) -> Result<Option<MembershipId>> {
    let row = for_update(routing_turn::Entity::find_by_id(site));
    if let Some(found) = row.clone().one(db).await? {
        return Ok(found.last);
    }
    let fresh = routing_turn::Model { site_id: site, last: None }.into_active_model();
    let known = OnConflict::column(routing_turn::Column::SiteId).do_nothing().to_owned();
    routing_turn::Entity::insert(fresh).on_conflict(known).exec_without_returning(db).await?;
    Ok(row.one(db).await?.and_then(|found| found.last))
}

/// Who got the last conversation of a site.
pub(super) async fn last(db: &Db<'_>, site: SiteId) -> Result<Option<MembershipId>> {
    Ok(routing_turn::Entity::find_by_id(site).one(db).await?.and_then(|found| found.last))
}

pub(super) async fn put_turn(db: &Db<'_>, site: SiteId, last: Option<MembershipId>) -> Result<()> {
    let row = routing_turn::Model { site_id: site, last }.into_active_model().reset_all();
    routing_turn::Entity::update(row).exec(db).await?;
    Ok(())
}

/// Everybody who waits on a site.
pub(super) async fn waiting(db: &Db<'_>, site: SiteId) -> Result<Vec<queue_entry::Model>> {
    Ok(Entity::find().filter(Column::SiteId.eq(site)).all(db).await?)
}

/// How many wait on a site.
pub(super) async fn count_waiting(db: &Db<'_>, site: SiteId) -> Result<u64> {
    Ok(Entity::find().filter(Column::SiteId.eq(site)).count(db).await?)
}

/// Those of a site that are offered to an agent.
pub(super) async fn offered_to(db: &Db<'_>, site: SiteId, user: UserId) -> Result<Vec<queue_entry::Model>> {
    Ok(Entity::find().filter(Column::SiteId.eq(site)).filter(Column::OfferedTo.eq(user)).all(db).await?)
}

/// How many are offered to agents of a site.
pub(super) async fn count_offered(db: &Db<'_>, site: SiteId, users: Vec<UserId>) -> Result<HashMap<UserId, i64>> {
    let rows = Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::OfferedTo.is_in(users))
        .select_only()
        .column(Column::OfferedTo)
        .column_as(Column::ConversationId.count(), "count")
        .group_by(Column::OfferedTo);
    Ok(rows.into_tuple().all(db).await?.into_iter().collect())
}

/// The wait of a conversation, if it waits.
pub(super) async fn entry(db: &Db<'_>, id: ConversationId) -> Result<Option<queue_entry::Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

pub(super) async fn insert(db: &Db<'_>, row: queue_entry::Model) -> Result<()> {
    Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The waits of conversations, of those that wait.
pub(super) async fn entries(
    db: &Db<'_>,
    ids: Vec<ConversationId>,
) -> Result<HashMap<ConversationId, queue_entry::Model>> {
    let rows = Entity::find().filter(Column::ConversationId.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row)).collect())
}

/// The waits of a visitor.
pub(super) async fn of_visitor(db: &Db<'_>, visitor: VisitorId) -> Result<Vec<queue_entry::Model>> {
    let theirs = conversation::Entity::find().filter(conversation::Column::VisitorId.eq(visitor)).select_only();
    let theirs = theirs.column(conversation::Column::Id).into_query();
    Ok(Entity::find().filter(Column::ConversationId.in_subquery(theirs)).all(db).await?)
}

/// Writes to whom a conversation is offered, and who did not want it. Like what follows, it writes only that: when its
/// visitor was seen is written by others at the same time; and nothing where nobody waits any more.
pub(super) async fn save_offer(db: &Db<'_>, row: &queue_entry::Model) -> Result<()> {
    let offer = queue_entry::ActiveModel {
        offered_to: Set(row.offered_to),
        offer_expires_at: Set(row.offer_expires_at),
        declined: Set(row.declined.clone()),
        ..Default::default()
    };
    Entity::update_many().set(offer).filter(Column::ConversationId.eq(row.conversation_id)).exec(db).await?;
    Ok(())
}

/// Writes until when it waits.
pub(super) async fn save_deadline(db: &Db<'_>, id: ConversationId, deadline_at: DateTime<Utc>) -> Result<()> {
    let deadline = queue_entry::ActiveModel { deadline_at: Set(deadline_at), ..Default::default() };
    Entity::update_many().set(deadline).filter(Column::ConversationId.eq(id)).exec(db).await?;
    Ok(())
}

/// Writes what is asked for, and how important it is.
pub(super) async fn save_demand(db: &Db<'_>, row: &queue_entry::Model) -> Result<()> {
    let demand = queue_entry::ActiveModel {
        head_start: Set(row.head_start),
        line: Set(row.line),
        demand: Set(row.demand.clone()),
        ..Default::default()
    };
    Entity::update_many().set(demand).filter(Column::ConversationId.eq(row.conversation_id)).exec(db).await?;
    Ok(())
}

/// Sites where something of a wait is over: patience, the visitor's absence, or an offer.
pub(super) async fn due(db: &Db<'_>, now: DateTime<Utc>) -> Result<Vec<SiteId>> {
    let over = Column::DeadlineAt.lte(now).or(Column::SeenUntil.lte(now)).or(Column::OfferExpiresAt.lte(now));
    let sites = Entity::find().filter(over).select_only().column(Column::SiteId).distinct();
    Ok(sites.into_tuple().all(db).await?)
}

/// When something of that comes next, after a moment.
pub(super) async fn next_due(db: &Db<'_>, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let mut soonest: Option<DateTime<Utc>> = None;
    for column in [Column::DeadlineAt, Column::SeenUntil, Column::OfferExpiresAt] {
        let row = Entity::find().filter(column.gt(after)).order_by_asc(column).select_only().column(column);
        let next: Option<DateTime<Utc>> = row.into_tuple().one(db).await?;
        soonest = soonest.into_iter().chain(next).min();
    }
    Ok(soonest)
}

/// Visitors watch their places: they count as there until a moment.
pub(super) async fn see(db: &Db<'_>, ids: &[ConversationId], until: DateTime<Utc>) -> Result<()> {
    for chunk in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::SeenUntil, Expr::value(until))
            .filter(Column::ConversationId.is_in(chunk.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// A site's settings and their version, or those of a version; the usual ones and 0 where nobody made any.
pub(super) async fn settings(db: &Db<'_>, site: SiteId, version: Option<i32>) -> Result<Option<routing_rules::Model>> {
    let mut rows = routing_rules::Entity::find().filter(routing_rules::Column::SiteId.eq(site));
    if let Some(version) = version {
        rows = rows.filter(routing_rules::Column::Version.eq(version));
    }
    Ok(rows.order_by_desc(routing_rules::Column::Version).one(db).await?)
}

/// The settings of a row, or the usual ones.
pub(super) fn read(row: Option<&routing_rules::Model>) -> Result<(Settings, i32)> {
    match row {
        Some(row) => {
            let settings = serde_json::from_value(row.settings.clone()).map_err(Error::internal)?;
            Ok((settings, row.version))
        }
        None => Ok((Settings::default(), 0)),
    }
}

pub(super) async fn insert_settings(db: &Db<'_>, row: routing_rules::Model) -> Result<()> {
    routing_rules::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Keeps a decision as the conversation's next.
pub(super) async fn insert_decision(db: &Db<'_>, row: routing_decision::Model) -> Result<()> {
    let newest = decision(db, row.conversation_id, None).await?;
    let number = newest.map_or(0, |newest| newest.number) + 1;
    let row = routing_decision::Model { number, ..row };
    routing_decision::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// A conversation's newest decision, or that of a number.
pub(super) async fn decision(
    db: &Db<'_>,
    id: ConversationId,
    number: Option<i32>,
) -> Result<Option<routing_decision::Model>> {
    use routing_decision::Column;
    let mut rows = routing_decision::Entity::find().filter(Column::ConversationId.eq(id));
    if let Some(number) = number {
        rows = rows.filter(Column::Number.eq(number));
    }
    Ok(rows.order_by_desc(Column::Number).one(db).await?)
}

/// How long agents had the newest conversations that were closed, in seconds, sorted.
pub(super) async fn handled(db: &Db<'_>, site: SiteId) -> Result<Vec<i64>> {
    use conversation_closing::Column;
    let rows = conversation_closing::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::HandledSeconds.is_not_null())
        .order_by_desc(Column::ClosedAt)
        .limit(HANDLED)
        .select_only()
        .column(Column::HandledSeconds);
    let mut seconds: Vec<i64> = rows.into_tuple().all(db).await?;
    seconds.sort_unstable();
    Ok(seconds)
}

/// Mean ratings of agents.
pub(super) async fn ratings(db: &Db<'_>, site: SiteId) -> Result<HashMap<UserId, f64>> {
    use conversation_closing::Column;
    let rows: Vec<(UserId, i64, i64)> = conversation_closing::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::Score.is_not_null())
        .filter(Column::AssigneeId.is_not_null())
        .select_only()
        .column(Column::AssigneeId)
        .column_as(Column::Score.sum(), "sum")
        .column_as(Column::Score.count(), "count")
        .group_by(Column::AssigneeId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(user, sum, count)| (user, sum as f64 / count as f64)).collect())
}

/// An entry whose offer is withdrawn.
pub(super) fn withdrawn(entry: queue_entry::Model) -> queue_entry::Model {
    queue_entry::Model { offered_to: None, offer_expires_at: None, ..entry }
}

/// An entry whose offer was not accepted.
pub(super) fn declined(mut entry: queue_entry::Model, user: UserId) -> queue_entry::Model {
    if !entry.declined.0.contains(&user) {
        entry.declined.0.push(user);
    }
    withdrawn(entry)
}
