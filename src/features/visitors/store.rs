//! Queries on visitors.

use std::collections::HashMap;

use ::entity::{
    ids::{SiteId, VisitorId},
    visitor,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, Select,
    sea_query::{Expr, OnConflict},
};

use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

fn visitors(reach: &Reach) -> Select<visitor::Entity> {
    visitor::Entity::find().filter(reach.site_rows(visitor::Column::SiteId))
}

pub(super) async fn find(db: &Db<'_>, reach: &Reach, id: VisitorId) -> Result<visitor::Model> {
    let row = visitors(reach).filter(visitor::Column::Id.eq(id)).one(db).await?;
    row.ok_or_else(|| Error::not_found("visitor"))
}

/// The visitor a signed token is for, if they did anything yet.
pub(super) async fn lookup_own(db: &Db<'_>, site: SiteId, id: VisitorId) -> Result<Option<visitor::Model>> {
    Ok(own(site, id).one(db).await?)
}

pub(super) async fn own_for_update(db: &Db<'_>, site: SiteId, id: VisitorId) -> Result<Option<visitor::Model>> {
    Ok(for_update(own(site, id)).one(db).await?)
}

fn own(site: SiteId, id: VisitorId) -> Select<visitor::Entity> {
    visitor::Entity::find_by_id(id).filter(visitor::Column::SiteId.eq(site))
}

pub(super) async fn by_ids(db: &Db<'_>, ids: Vec<VisitorId>) -> Result<HashMap<VisitorId, visitor::Model>> {
    let rows = visitor::Entity::find().filter(visitor::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

pub(super) async fn list(db: &Db<'_>, reach: &Reach, site: SiteId, paging: &Paging) -> Result<Page<visitor::Model>> {
    let columns = (visitor::Column::CreatedAt, visitor::Column::Id);
    let of_site = visitors(reach).filter(visitor::Column::SiteId.eq(site));
    paging.read(db, of_site, columns, true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, site: SiteId) -> Result<u64> {
    Ok(visitors(reach).filter(visitor::Column::SiteId.eq(site)).count(db).await?)
}

/// Inserts a visitor. False when they are there already; several at once insert one.
pub(super) async fn insert(db: &Db<'_>, row: &visitor::Model) -> Result<bool> {
    let inserted = visitor::Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::column(visitor::Column::Id).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}

pub(super) async fn set_seen(db: &Db<'_>, id: VisitorId, now: DateTime<Utc>) -> Result<()> {
    visitor::Entity::update_many()
        .col_expr(visitor::Column::LastSeenAt, Expr::value(now))
        .filter(visitor::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

pub(super) async fn set_vip(db: &Db<'_>, id: VisitorId, vip: bool) -> Result<()> {
    visitor::Entity::update_many()
        .col_expr(visitor::Column::Vip, Expr::value(vip))
        .filter(visitor::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

pub(super) async fn save_profile(db: &Db<'_>, row: &visitor::Model) -> Result<()> {
    visitor::Entity::update_many()
        .set(visitor::ActiveModel {
            name: Set(row.name.clone()),
            email: Set(row.email.clone()),
            phone: Set(row.phone.clone()),
            locale: Set(row.locale.clone()),
            folded: Set(row.folded.clone()),
            custom_data: Set(row.custom_data.clone()),
            ..Default::default()
        })
        .filter(visitor::Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(())
}
