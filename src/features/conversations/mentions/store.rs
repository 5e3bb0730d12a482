//! Queries on mentions.

use std::collections::HashMap;

use ::entity::{
    ids::{MessageId, SiteId, UserId},
    mention::{self, Column, Entity},
    message,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, Select,
    sea_query::Expr,
};

use crate::{
    features::accounts::instant,
    kernel::{
        Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

/// Which mentions of a person are listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) user: UserId,
    pub(super) site: Option<SiteId>,
    pub(super) unread: Option<bool>,
}

fn of(reach: &Reach, user: UserId) -> Select<Entity> {
    Entity::find().filter(reach.site_rows(Column::SiteId)).filter(Column::UserId.eq(user))
}

fn wanted(reach: &Reach, wanted: Wanted) -> Select<Entity> {
    let read = |unread: bool| if unread { Column::ReadAt.is_null() } else { Column::ReadAt.is_not_null() };
    let all = Condition::all()
        .add_option(wanted.site.map(|site| Column::SiteId.eq(site)))
        .add_option(wanted.unread.map(read));
    of(reach, wanted.user).filter(all)
}

pub(super) async fn list(db: &Db<'_>, reach: &Reach, filter: Wanted, paging: &Paging) -> Result<Page<mention::Model>> {
    paging.read(db, wanted(reach, filter), (Column::CreatedAt, Column::MessageId), true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, filter: Wanted) -> Result<u64> {
    Ok(wanted(reach, filter).count(db).await?)
}

/// A person's mentions by note.
pub(super) async fn of_notes(
    db: &Db<'_>,
    reach: &Reach,
    user: UserId,
    ids: Vec<MessageId>,
) -> Result<HashMap<MessageId, mention::Model>> {
    let rows = of(reach, user).filter(Column::MessageId.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.message_id, row)).collect())
}

/// The same, locked in the order of the notes' ids.
pub(super) async fn find_all_for_update(
    db: &Db<'_>,
    reach: &Reach,
    user: UserId,
    ids: &[MessageId],
) -> Result<Vec<mention::Model>> {
    let rows = of(reach, user).filter(Column::MessageId.is_in(ids.iter().copied())).order_by_asc(Column::MessageId);
    Ok(for_update(rows).all(db).await?)
}

pub(super) async fn set_read(db: &Db<'_>, user: UserId, ids: Vec<MessageId>, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::ReadAt, Expr::value(Some(now)))
        .filter(Column::UserId.eq(user))
        .filter(Column::MessageId.is_in(ids))
        .exec(db)
        .await?;
    Ok(())
}

pub(super) async fn insert(db: &Db<'_>, rows: Vec<mention::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

pub(super) async fn delete(db: &Db<'_>, note: MessageId) -> Result<()> {
    Entity::delete_many().filter(Column::MessageId.eq(note)).exec(db).await?;
    Ok(())
}

/// Who is mentioned, by note, in the order of their ids.
pub(super) async fn mentioned(db: &Db<'_>, ids: Vec<MessageId>) -> Result<HashMap<MessageId, Vec<UserId>>> {
    let mut found: HashMap<_, Vec<UserId>> = HashMap::new();
    let rows = Entity::find().filter(Column::MessageId.is_in(ids)).order_by_asc(Column::UserId).all(db).await?;
    for row in rows {
        found.entry(row.message_id).or_default().push(row.user_id);
    }
    Ok(found)
}

/// Notes by their ids.
pub(super) async fn messages(db: &Db<'_>, ids: Vec<MessageId>) -> Result<Vec<message::Model>> {
    Ok(message::Entity::find().filter(message::Column::Id.is_in(ids)).all(db).await?)
}
