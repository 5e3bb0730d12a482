//! Queries on business hours and special days.

use ::entity::{business_hours, ids::SpecialDayId, special_day};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, Select, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

/// The hours of some owners.
pub(super) async fn hours(db: &Db<'_>, owners: &[Uuid]) -> Result<Vec<business_hours::Model>> {
    let of_owners = business_hours::Column::OwnerId.is_in(owners.iter().copied());
    Ok(business_hours::Entity::find().filter(of_owners).all(db).await?)
}

/// Takes the hours of an owner away; false where there were none.
pub(super) async fn delete_hours(db: &Db<'_>, owner: Uuid) -> Result<bool> {
    Ok(business_hours::Entity::delete_by_id(owner).exec(db).await?.rows_affected > 0)
}

/// Writes the hours of an owner, whether there were any or not.
pub(super) async fn save_hours(db: &Db<'_>, row: business_hours::Model) -> Result<()> {
    use business_hours::Column::{OwnerId, TimeZone, UpdatedAt, Version, Week};
    let replace = OnConflict::column(OwnerId).update_columns([TimeZone, Week, Version, UpdatedAt]).to_owned();
    business_hours::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// All special days of some owners; an owner has a limited number of them.
pub(super) async fn special_days(db: &Db<'_>, owners: &[Uuid]) -> Result<Vec<special_day::Model>> {
    let of_owners = special_day::Column::OwnerId.is_in(owners.iter().copied());
    Ok(special_day::Entity::find().filter(of_owners).all(db).await?)
}

pub(super) async fn count_of_owner(db: &Db<'_>, owner: Uuid) -> Result<u64> {
    Ok(special_day::Entity::find().filter(special_day::Column::OwnerId.eq(owner)).count(db).await?)
}

fn of_owner(reach: &Reach, owner: Uuid) -> Select<special_day::Entity> {
    let within = special_day::Entity::find().filter(reach.site_rows(special_day::Column::SiteId));
    within.filter(special_day::Column::OwnerId.eq(owner))
}

/// Special days of an owner by date.
pub(super) async fn list(db: &Db<'_>, reach: &Reach, owner: Uuid, paging: &Paging) -> Result<Page<special_day::Model>> {
    let columns = (special_day::Column::Date, special_day::Column::Id);
    paging.read(db, of_owner(reach, owner), columns, false, date).await
}

/// The sort key of a date in a list.
pub(super) fn key_of(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

fn date(key: i64) -> sea_orm::Value {
    let date = chrono::TimeDelta::try_days(key).and_then(|days| NaiveDate::default().checked_add_signed(days));
    date.unwrap_or_default().into()
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, owner: Uuid) -> Result<u64> {
    Ok(of_owner(reach, owner).count(db).await?)
}

fn within(reach: &Reach, id: SpecialDayId) -> Select<special_day::Entity> {
    special_day::Entity::find_by_id(id).filter(reach.site_rows(special_day::Column::SiteId))
}

pub(super) async fn find(db: &Db<'_>, reach: &Reach, id: SpecialDayId) -> Result<special_day::Model> {
    within(reach, id).one(db).await?.ok_or_else(|| Error::not_found("special day"))
}

/// The same, locked until the transaction ends.
pub(super) async fn find_for_update(db: &Db<'_>, reach: &Reach, id: SpecialDayId) -> Result<special_day::Model> {
    for_update(within(reach, id)).one(db).await?.ok_or_else(|| Error::not_found("special day"))
}

pub(super) async fn lookup(db: &Db<'_>, owner: Uuid, falls_on: &str) -> Result<Option<special_day::Model>> {
    let of_owner = special_day::Entity::find().filter(special_day::Column::OwnerId.eq(owner));
    Ok(for_update(of_owner.filter(special_day::Column::FallsOn.eq(falls_on))).one(db).await?)
}

/// Writes special days; where the owner has one that falls on the same day, it is changed and keeps its id. With
/// `imported_only` one that was set by hand stays as it is.
pub(super) async fn save(db: &Db<'_>, rows: &[special_day::Model], imported_only: bool) -> Result<()> {
    use special_day::Column::{Date, FallsOn, Hours, Imported, Message, Name, OwnerId, UpdatedAt, Version};
    // Thirteen values a row; SQLite binds at most 32,766 values to a statement.
    for rows in rows.chunks(500) {
        let mut replace = OnConflict::columns([OwnerId, FallsOn]);
        replace.update_columns([Date, Name, Message, Hours, Imported, Version, UpdatedAt]);
        if imported_only {
            replace.action_and_where(Imported.eq(true));
        }
        special_day::Entity::insert_many(rows.iter().cloned().map(IntoActiveModel::into_active_model))
            .on_conflict(replace)
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

pub(super) async fn delete(db: &Db<'_>, id: SpecialDayId) -> Result<()> {
    special_day::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}
