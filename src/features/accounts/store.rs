//! Queries on people and their sign-ins. Accounts belong to no site: what a caller reaches here is their own, so these
//! take the person's id where queries of other features take a reach.

use std::collections::HashMap;

use ::entity::{
    ids::{SessionId, UserId},
    session, user,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    Select, sea_query::Expr,
};

use crate::{
    kernel::{
        Error, ErrorReason, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

pub(super) async fn find(db: &Db<'_>, id: UserId) -> Result<user::Model> {
    user::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::not_found("person"))
}

/// `email` is lower-cased.
pub(super) async fn lookup_by_email(db: &Db<'_>, email: &str) -> Result<Option<user::Model>> {
    Ok(user::Entity::find().filter(user::Column::Email.eq(email)).one(db).await?)
}

pub(super) async fn by_ids(db: &Db<'_>, ids: Vec<UserId>) -> Result<HashMap<UserId, user::Model>> {
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

pub(super) async fn insert(db: &Db<'_>, row: &user::Model) -> Result<()> {
    let row = user::Entity::insert(row.clone().into_active_model());
    row.exec_without_returning(db).await.map_err(|error| {
        Error::from(error).or_taken(|| {
            Error::conflict(ErrorReason::EmailTaken, "There is already an account with this address; sign in instead.")
                .at("input.email")
        })
    })?;
    Ok(())
}

pub(super) async fn set_last_login(db: &Db<'_>, id: UserId, now: DateTime<Utc>) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::LastLoginAt, Expr::value(Some(now)))
        .filter(user::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

pub(super) async fn lookup_session(db: &Db<'_>, id: SessionId) -> Result<Option<session::Model>> {
    Ok(session::Entity::find_by_id(id).one(db).await?)
}

pub(super) async fn session_for_update(db: &Db<'_>, id: SessionId) -> Result<Option<session::Model>> {
    Ok(for_update(session::Entity::find_by_id(id)).one(db).await?)
}

pub(super) async fn insert_session(db: &Db<'_>, row: &session::Model) -> Result<()> {
    session::Entity::insert(row.clone().into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Puts a new refresh token in the place of an old one, if that is the one that counts now. Of several at once, one wins.
pub(super) async fn exchange(
    db: &Db<'_>,
    id: SessionId,
    old: Vec<u8>,
    new: Vec<u8>,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<session::Model>> {
    let exchanged = session::Entity::update_many()
        .set(session::ActiveModel {
            refresh_hash: Set(new),
            expires_at: Set(expires_at),
            last_used_at: Set(now),
            ..Default::default()
        })
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::RefreshHash.eq(old))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .exec_with_returning(db)
        .await?;
    Ok(exchanged.into_iter().next())
}

/// Ends a sign-in; one that has ended keeps its time.
pub(super) async fn revoke(db: &Db<'_>, id: SessionId, now: DateTime<Utc>) -> Result<()> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(Some(now)))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Locks the person's sign-ins that count, in the order of their ids so that two transactions cannot wait for each other.
pub(super) async fn lock_sessions(db: &Db<'_>, user: UserId, now: DateTime<Utc>) -> Result<()> {
    for_update(live_sessions(user, now).order_by_asc(session::Column::Id)).all(db).await?;
    Ok(())
}

/// Somebody, locked until the transaction ends.
pub(super) async fn find_for_update(db: &Db<'_>, id: UserId) -> Result<user::Model> {
    for_update(user::Entity::find_by_id(id)).one(db).await?.ok_or_else(|| Error::not_found("person"))
}

/// Writes what others see of a person.
pub(super) async fn set_looks(db: &Db<'_>, user: &user::Model) -> Result<()> {
    let row = user::ActiveModel {
        name: Set(user.name.clone()),
        avatar_url: Set(user.avatar_url.clone()),
        version: Set(user.version),
        ..Default::default()
    };
    user::Entity::update_many().set(row).filter(user::Column::Id.eq(user.id)).exec(db).await?;
    Ok(())
}

pub(super) async fn set_password(db: &Db<'_>, id: UserId, hash: &str) -> Result<()> {
    let row = user::ActiveModel { password_hash: Set(hash.to_owned()), ..Default::default() };
    user::Entity::update_many().set(row).filter(user::Column::Id.eq(id)).exec(db).await?;
    Ok(())
}

/// Ends all sign-ins of a person that count, but for one. Tells how many.
pub(super) async fn revoke_all(db: &Db<'_>, user: UserId, now: DateTime<Utc>, but: Option<SessionId>) -> Result<u64> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(Some(now)))
        .filter(live(user, now).add_option(but.map(|id| session::Column::Id.ne(id))))
        .exec(db)
        .await?;
    Ok(ended.rows_affected)
}

/// Removes the person's sign-ins that ran out before a time.
pub(super) async fn forget_sessions(db: &Db<'_>, user: UserId, before: DateTime<Utc>) -> Result<()> {
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::ExpiresAt.lt(before))
        .exec(db)
        .await?;
    Ok(())
}

/// The person's sign-ins that count, newest first.
pub(super) async fn list_sessions(
    db: &Db<'_>,
    user: UserId,
    now: DateTime<Utc>,
    paging: &Paging,
) -> Result<Page<session::Model>> {
    let columns = (session::Column::CreatedAt, session::Column::Id);
    paging.read(db, live_sessions(user, now), columns, true, super::instant).await
}

pub(super) async fn live_session(
    db: &Db<'_>,
    user: UserId,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<session::Model>> {
    Ok(live_sessions(user, now).filter(session::Column::Id.eq(id)).one(db).await?)
}

pub(super) async fn count_sessions(db: &Db<'_>, user: UserId, now: DateTime<Utc>) -> Result<u64> {
    Ok(live_sessions(user, now).count(db).await?)
}

fn live_sessions(user: UserId, now: DateTime<Utc>) -> Select<session::Entity> {
    session::Entity::find().filter(live(user, now))
}

fn live(user: UserId, now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(session::Column::UserId.eq(user))
        .add(session::Column::RevokedAt.is_null())
        .add(session::Column::ExpiresAt.gt(now))
}
