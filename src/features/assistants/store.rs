//! Every query on assistants. Deleted ones are found only where it says so.

use std::collections::HashMap;

use ::entity::{
    assistant::{
        Column::{CreatedAt, DeletedAt, Enabled, Id, OpenToCustomers, OwnerId, SiteId as Site},
        Entity, Model, Provider,
    },
    ids::{AssistantId, SiteId, UserId},
    provider_trouble,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging, Place},
    },
    ports::db::{Db, for_update},
};

fn alive() -> Select<Entity> {
    Entity::find().filter(DeletedAt.is_null())
}

fn within(reach: &Reach) -> Select<Entity> {
    alive().filter(reach.owned_rows(Site, None, Some(OwnerId)))
}

pub(super) async fn find(db: &Db<'_>, reach: &Reach, id: AssistantId) -> Result<Model> {
    lookup(db, reach, id).await?.ok_or_else(|| Error::not_found("assistant"))
}

pub(super) async fn lookup(db: &Db<'_>, reach: &Reach, id: AssistantId) -> Result<Option<Model>> {
    Ok(within(reach).filter(Id.eq(id)).one(db).await?)
}

/// Locked until the transaction ends.
pub(super) async fn find_for_update(db: &Db<'_>, reach: &Reach, id: AssistantId) -> Result<Model> {
    let row = for_update(within(reach).filter(Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("assistant"))
}

/// One by its id alone, deleted or not.
pub(super) async fn lookup_any(db: &Db<'_>, id: AssistantId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// Several by their ids alone, deleted or not.
pub(super) async fn by_ids(db: &Db<'_>, ids: Vec<AssistantId>) -> Result<HashMap<AssistantId, Model>> {
    let rows = Entity::find().filter(Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Whether a site's assistant is on; `None` when the site has no such assistant.
pub(super) async fn lookup_enabled(db: &Db<'_>, site: SiteId, id: AssistantId) -> Result<Option<bool>> {
    let row = alive().filter(Id.eq(id)).filter(Site.eq(site)).filter(OwnerId.is_null());
    Ok(row.select_only().column(Enabled).into_tuple().one(db).await?)
}

/// The oldest of a site's assistants that are on.
pub(super) async fn lookup_first(db: &Db<'_>, site: SiteId) -> Result<Option<AssistantId>> {
    let rows = alive().filter(Site.eq(site)).filter(OwnerId.is_null()).filter(Enabled.eq(true));
    let oldest = rows.order_by_asc(CreatedAt).order_by_asc(Id).limit(1);
    Ok(oldest.select_only().column(Id).into_tuple().one(db).await?)
}

/// All of a site's.
pub(super) async fn all_of_site(db: &Db<'_>, site: SiteId) -> Result<Vec<Model>> {
    let rows = alive().filter(Site.eq(site)).filter(OwnerId.is_null());
    Ok(rows.order_by_asc(CreatedAt).order_by_asc(Id).all(db).await?)
}

/// A customer's own, or one that a site has opened to customers; on or off.
pub(super) async fn lookup_for_customer(db: &Db<'_>, customer: UserId, id: AssistantId) -> Result<Option<Model>> {
    let open = Condition::all().add(OpenToCustomers.eq(true)).add(OwnerId.is_null());
    let theirs = Condition::any().add(OwnerId.eq(customer)).add(open);
    Ok(alive().filter(Id.eq(id)).filter(theirs).one(db).await?)
}

/// A list of assistants, oldest first.
#[derive(Clone)]
pub(super) struct Listing(Select<Entity>);

impl Listing {
    /// A site's.
    pub(super) fn of_site(reach: &Reach, site: SiteId) -> Self {
        Self(within(reach).filter(Site.eq(site)).filter(OwnerId.is_null()))
    }

    /// A customer's own.
    pub(super) fn of_customer(customer: UserId) -> Self {
        Self(alive().filter(OwnerId.eq(customer)))
    }

    /// Those of all sites that are on and that every customer may talk to.
    pub(super) fn open() -> Self {
        Self(alive().filter(OpenToCustomers.eq(true)).filter(Enabled.eq(true)).filter(OwnerId.is_null()))
    }

    pub(super) async fn page(&self, db: &Db<'_>, paging: &Paging) -> Result<Page<Model>> {
        paging.read(db, self.0.clone(), (CreatedAt, Id), false, instant).await
    }

    pub(super) async fn count(&self, db: &Db<'_>) -> Result<u64> {
        Ok(self.0.clone().count(db).await?)
    }
}

/// Where an assistant stands in its list.
pub(super) fn place(row: &Model) -> Place {
    Place(row.created_at.timestamp_micros(), row.id.0)
}

pub(super) async fn insert(db: &Db<'_>, row: Model) -> Result<Model> {
    Ok(row.into_active_model().reset_all().insert(db).await?)
}

pub(super) async fn save(db: &Db<'_>, row: Model) -> Result<Model> {
    Ok(row.into_active_model().reset_all().update(db).await?)
}

/// All of a site that are on, its customers' own too.
pub(super) async fn all_that_are_on(db: &Db<'_>, site: SiteId) -> Result<Vec<Model>> {
    Ok(alive().filter(Site.eq(site)).filter(Enabled.eq(true)).all(db).await?)
}

/// What is known of a provider's trouble.
pub(super) async fn lookup_trouble(db: &Db<'_>, id: Uuid) -> Result<Option<provider_trouble::Model>> {
    Ok(provider_trouble::Entity::find_by_id(id).one(db).await?)
}

/// The same, locked; made of `fresh` where there is none.
pub(super) async fn trouble_for_update(
    db: &Db<'_>,
    fresh: provider_trouble::Model,
) -> Result<Option<provider_trouble::Model>> {
    let id = fresh.id;
    let keep = OnConflict::column(provider_trouble::Column::Id).do_nothing().to_owned();
    provider_trouble::Entity::insert(fresh.into_active_model()).on_conflict(keep).exec_without_returning(db).await?;
    Ok(for_update(provider_trouble::Entity::find_by_id(id)).one(db).await?)
}

pub(super) async fn save_trouble(db: &Db<'_>, row: provider_trouble::Model) -> Result<()> {
    provider_trouble::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

/// True when it was there.
pub(super) async fn delete_trouble(db: &Db<'_>, id: Uuid) -> Result<bool> {
    Ok(provider_trouble::Entity::delete_by_id(id).exec(db).await?.rows_affected > 0)
}

/// Providers of which a site's staff know that they fail, longest first.
pub(super) async fn troubles(db: &Db<'_>, site: SiteId) -> Result<Vec<provider_trouble::Model>> {
    use provider_trouble::Column;
    let rows = provider_trouble::Entity::find().filter(Column::SiteId.eq(site)).filter(Column::ToldAt.is_not_null());
    Ok(rows.order_by_asc(Column::ToldAt).order_by_asc(Column::Id).all(db).await?)
}

/// The same of all sites, counted.
pub(super) async fn count_troubles(db: &Db<'_>) -> Result<Vec<(Provider, u64)>> {
    use provider_trouble::Column;
    let counted: Vec<(Provider, i64)> = provider_trouble::Entity::find()
        .filter(Column::ToldAt.is_not_null())
        .select_only()
        .column(Column::Provider)
        .column_as(Column::Id.count(), "count")
        .group_by(Column::Provider)
        .into_tuple()
        .all(db)
        .await?;
    Ok(counted.into_iter().map(|(provider, count)| (provider, count.unsigned_abs())).collect())
}

pub(super) async fn delete_troubles(db: &Db<'_>, before: DateTime<Utc>) -> Result<()> {
    let old = provider_trouble::Column::FailedAt.lt(before);
    provider_trouble::Entity::delete_many().filter(old).exec(db).await?;
    Ok(())
}
