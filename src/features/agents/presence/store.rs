//! Queries on leases and on what agents say.

use std::collections::{HashMap, HashSet};

use ::entity::{
    agent_lease, agent_state,
    ids::{LeaseId, SiteId, UserId},
    membership,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType, OnConflict},
};

use crate::{kernel::Result, ports::db::Db};

/// One change to an agent after the other: locks their membership. False when they are no member (any more).
pub(in super::super) async fn lock(db: &Db<'_>, site: SiteId, user: UserId) -> Result<bool> {
    let row = membership::Entity::find()
        .filter(membership::Column::SiteId.eq(site))
        .filter(membership::Column::UserId.eq(user));
    Ok(row.lock(LockType::NoKeyUpdate).one(db).await?.is_some())
}

pub(super) async fn insert_lease(db: &Db<'_>, row: agent_lease::Model) -> Result<()> {
    agent_lease::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// An agent's open dashboards.
pub(super) async fn leases(db: &Db<'_>, site: SiteId, user: UserId) -> Result<Vec<agent_lease::Model>> {
    let of_agent = agent_lease::Entity::find().filter(agent_lease::Column::SiteId.eq(site));
    Ok(of_agent.filter(agent_lease::Column::UserId.eq(user)).all(db).await?)
}

/// Notes that the connection of a dashboard is gone, and how long it is waited for.
pub(super) async fn lose(db: &Db<'_>, id: LeaseId, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<()> {
    agent_lease::Entity::update_many()
        .col_expr(agent_lease::Column::LostAt, Expr::value(now))
        .col_expr(agent_lease::Column::ExpiresAt, Expr::value(until))
        .filter(agent_lease::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Moves leases on; how many there were.
pub(super) async fn extend(db: &Db<'_>, ids: &[LeaseId], to: DateTime<Utc>) -> Result<u64> {
    let done = agent_lease::Entity::update_many()
        .col_expr(agent_lease::Column::ExpiresAt, Expr::value(to))
        .filter(agent_lease::Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

/// Those leases that there are.
pub(super) async fn existing(db: &Db<'_>, ids: &[LeaseId]) -> Result<HashSet<LeaseId>> {
    let rows = agent_lease::Entity::find().filter(agent_lease::Column::Id.is_in(ids.iter().copied()));
    let rows: Vec<LeaseId> = rows.select_only().column(agent_lease::Column::Id).into_tuple().all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Agents of whom a lease has run out.
pub(super) async fn run_out(db: &Db<'_>, now: DateTime<Utc>) -> Result<HashSet<(SiteId, UserId)>> {
    let rows = agent_lease::Entity::find().filter(agent_lease::Column::ExpiresAt.lte(now)).select_only();
    let rows = rows.columns([agent_lease::Column::SiteId, agent_lease::Column::UserId]);
    Ok(rows.into_tuple().all(db).await?.into_iter().collect())
}

/// Deletes an agent's leases that have run out; how many.
pub(super) async fn delete_run_out(db: &Db<'_>, site: SiteId, user: UserId, now: DateTime<Utc>) -> Result<u64> {
    let done = agent_lease::Entity::delete_many()
        .filter(agent_lease::Column::SiteId.eq(site))
        .filter(agent_lease::Column::UserId.eq(user))
        .filter(agent_lease::Column::ExpiresAt.lte(now))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

/// Who of a site has an open dashboard.
pub(crate) async fn online(db: &Db<'_>, site: SiteId) -> Result<HashSet<UserId>> {
    let rows = agent_lease::Entity::find().filter(agent_lease::Column::SiteId.eq(site)).select_only();
    let rows: Vec<UserId> = rows.column(agent_lease::Column::UserId).distinct().into_tuple().all(db).await?;
    Ok(rows.into_iter().collect())
}

/// What agents say about themselves.
pub(crate) async fn said(db: &Db<'_>, site: SiteId, users: &[UserId]) -> Result<HashMap<UserId, agent_state::Model>> {
    let rows = agent_state::Entity::find()
        .filter(agent_state::Column::SiteId.eq(site))
        .filter(agent_state::Column::UserId.is_in(users.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row)).collect())
}

pub(super) async fn put_said(db: &Db<'_>, row: agent_state::Model) -> Result<()> {
    use agent_state::Column;
    let replace = OnConflict::columns([Column::SiteId, Column::UserId])
        .update_columns([Column::State, Column::Text, Column::Until, Column::Since])
        .to_owned();
    agent_state::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// Agents of whom what they said has run out.
pub(super) async fn over(db: &Db<'_>, now: DateTime<Utc>) -> Result<Vec<(SiteId, UserId)>> {
    let rows = agent_state::Entity::find().filter(agent_state::Column::Until.lte(now)).select_only();
    Ok(rows.columns([agent_state::Column::SiteId, agent_state::Column::UserId]).into_tuple().all(db).await?)
}

/// Forgets what an agent said when its time is over; false when another node was faster.
pub(super) async fn forget_over(db: &Db<'_>, site: SiteId, user: UserId, now: DateTime<Utc>) -> Result<bool> {
    let done = agent_state::Entity::delete_many()
        .filter(agent_state::Column::SiteId.eq(site))
        .filter(agent_state::Column::UserId.eq(user))
        .filter(agent_state::Column::Until.lte(now))
        .exec(db)
        .await?;
    Ok(done.rows_affected > 0)
}

/// When a lease or what an agent said runs out next, after a moment.
pub(super) async fn next_end(db: &Db<'_>, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let lease = agent_lease::Entity::find().filter(agent_lease::Column::ExpiresAt.gt(after));
    let lease = lease.order_by_asc(agent_lease::Column::ExpiresAt);
    let lease: Option<DateTime<Utc>> =
        lease.select_only().column(agent_lease::Column::ExpiresAt).into_tuple().one(db).await?;
    let state = agent_state::Entity::find().filter(agent_state::Column::Until.gt(after));
    let state: Option<DateTime<Utc>> = state
        .order_by_asc(agent_state::Column::Until)
        .select_only()
        .column(agent_state::Column::Until)
        .into_tuple()
        .one(db)
        .await?;
    Ok(lease.into_iter().chain(state).min())
}
