//! Queries on contact requests.

use std::collections::HashMap;

use ::entity::{
    contact_request::{self, Column, Entity, Kind, Status},
    ids::{ContactRequestId, DepartmentId, SiteId, UserId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, Select,
};

use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

/// Which requests a list shows. Conditions that are given must all hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter {
    pub(super) kind: Option<Kind>,
    pub(super) status: Option<Status>,
    pub(super) assignee: Option<UserId>,
    pub(super) unassigned: bool,
    pub(super) department: Option<DepartmentId>,
}

fn within(reach: &Reach) -> Select<Entity> {
    Entity::find().filter(reach.site_rows(Column::SiteId))
}

fn filtered(reach: &Reach, site: SiteId, filter: Filter) -> Select<Entity> {
    let Filter { kind, status, assignee, unassigned, department } = filter;
    let conditions = Condition::all()
        .add_option(kind.map(|kind| Column::Kind.eq(kind)))
        .add_option(status.map(|status| Column::Status.eq(status)))
        .add_option(assignee.map(|user| Column::AssigneeId.eq(user)))
        .add_option(unassigned.then(|| Column::AssigneeId.is_null()))
        .add_option(department.map(|id| Column::DepartmentId.eq(id)));
    within(reach).filter(Column::SiteId.eq(site)).filter(conditions)
}

/// A page of them, newest first.
pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<contact_request::Model>> {
    paging.read(db, filtered(reach, site, filter), (Column::CreatedAt, Column::Id), true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, site: SiteId, filter: Filter) -> Result<u64> {
    Ok(filtered(reach, site, filter).count(db).await?)
}

/// Some of them by id.
pub(super) async fn by_ids(
    db: &Db<'_>,
    reach: &Reach,
    ids: Vec<ContactRequestId>,
) -> Result<HashMap<ContactRequestId, contact_request::Model>> {
    let rows = within(reach).filter(Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

pub(super) async fn find_for_update(
    db: &Db<'_>,
    reach: &Reach,
    id: ContactRequestId,
) -> Result<contact_request::Model> {
    let row = for_update(within(reach).filter(Column::Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("contact request"))
}

/// The request that its sender asks for again.
pub(super) async fn lookup_sent(db: &Db<'_>, id: ContactRequestId) -> Result<Option<contact_request::Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

pub(super) async fn insert(db: &Db<'_>, row: contact_request::Model) -> Result<()> {
    Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Writes everything of one.
pub(super) async fn save(db: &Db<'_>, row: contact_request::Model) -> Result<contact_request::Model> {
    Ok(row.into_active_model().reset_all().update(db).await?)
}
