//! Every write on business hours and special days. Reading holidays from files is in `import.rs`.

use ::entity::{
    business_hours::{self, Week},
    ids::{DepartmentId, SiteId, SpecialDayId},
    site, special_day,
};

use super::{
    Owner,
    facts::CalendarFact,
    hours_of,
    model::{self, NewSpecialDay},
    store,
};
use crate::{
    features::{
        agents,
        sites::{self, reach_in, reach_to},
    },
    kernel::{Ctx, Error, Permission, Result, Tx, versions},
};

/// Whose calendar is changed: the site's or, where one is given, that of a department of it, which stays until the
/// transaction ends.
pub(super) async fn owner(tx: &Tx, site: SiteId, department: Option<DepartmentId>) -> Result<Owner> {
    if let Some(id) = department {
        let locked = agents::lock_department_of(&tx.db(), site, id).await;
        locked.map_err(|error| error.at("input.departmentId"))?;
    }
    Ok(Owner { site, department })
}

/// Replaces hours; without a time zone they are in the site's.
///
/// # Errors
/// `NOT_FOUND` for a department that is not the site's; `CONFLICT` with `VERSION_CONFLICT` when somebody else was
/// faster.
pub(super) async fn update_hours(
    cx: &Ctx,
    (id, department): (SiteId, Option<DepartmentId>),
    expected: Option<i32>,
    time_zone: Option<String>,
    week: Week,
) -> Result<(site::Model, business_hours::Model)> {
    let reach = reach_in(cx, Permission::CalendarsManage, id)?;
    let mut tx = cx.begin().await?;
    // Locked, so that the version stays what it is also where there are no hours yet.
    let site = sites::find_for_update(&tx.db(), &reach, id).await?;
    let owner_id = owner(&tx, id, department).await?.id();
    let before = store::hours(&tx.db(), &[owner_id]).await?.pop().map_or(0, |row| row.version);
    versions::check(before, expected)?;
    let row = business_hours::Model {
        owner_id,
        site_id: id,
        department_id: department,
        time_zone,
        week,
        version: before + 1,
        updated_at: cx.clock.now(),
    };
    store::save_hours(&tx.db(), row.clone()).await?;
    tx.record(id, owner_id, &CalendarFact::HoursUpdated)?;
    tx.commit().await?;
    Ok((site, row))
}

/// Takes hours away, and tells which count from then on: a department has its site's again, a site is open always. Where
/// there are none nothing happens.
pub(super) async fn delete_hours(
    cx: &Ctx,
    id: SiteId,
    department: Option<DepartmentId>,
) -> Result<(site::Model, Option<business_hours::Model>)> {
    let reach = reach_in(cx, Permission::CalendarsManage, id)?;
    let site = sites::find(&cx.db(), &reach, id).await?;
    let mut tx = cx.begin().await?;
    let owner = owner(&tx, id, department).await?.id();
    if store::delete_hours(&tx.db(), owner).await? {
        tx.record(id, owner, &CalendarFact::HoursDeleted)?;
    }
    let left = hours_of(&tx.db(), id, department).await?;
    tx.commit().await?;
    Ok((site, left))
}

/// Makes a day special, or changes the special day that falls on it.
///
/// # Errors
/// `BAD_USER_INPUT` for one too many; `CONFLICT` with `VERSION_CONFLICT` when somebody else was faster.
pub(super) async fn set_special_day(
    cx: &Ctx,
    site: SiteId,
    department: Option<DepartmentId>,
    expected: Option<i32>,
    day: NewSpecialDay,
) -> Result<special_day::Model> {
    let reach = reach_in(cx, Permission::CalendarsManage, site)?;
    let mut tx = cx.begin().await?;
    sites::find_for_update(&tx.db(), &reach, site).await?;
    let owner_id = owner(&tx, site, department).await?.id();
    let falls_on = model::falls_on(day.date, day.yearly);
    let before = store::lookup(&tx.db(), owner_id, &falls_on).await?.map_or(0, |row| row.version);
    versions::check(before, expected)?;
    if before == 0 {
        model::check_count("input.date", store::count_of_owner(&tx.db(), owner_id).await? + 1)?;
    }
    let row = special_day::Model {
        id: cx.id(SpecialDayId),
        owner_id,
        site_id: site,
        department_id: department,
        falls_on,
        date: day.date,
        yearly: day.yearly,
        name: day.name,
        message: day.message,
        hours: day.hours,
        imported: false,
        version: before + 1,
        updated_at: cx.clock.now(),
    };
    store::save(&tx.db(), std::slice::from_ref(&row), false).await?;
    // The id is that of the first who set it.
    let row = store::lookup(&tx.db(), owner_id, &row.falls_on).await?;
    let row = row.ok_or_else(|| Error::internal("a special day that was set and is not there"))?;
    tx.record(site, owner_id, &CalendarFact::SpecialDaySet { special_day: row.id, date: row.date })?;
    tx.commit().await?;
    Ok(row)
}

/// Makes a special day an ordinary one again.
pub(super) async fn delete_special_day(cx: &Ctx, id: SpecialDayId) -> Result<special_day::Model> {
    let reach = reach_to(cx, Permission::CalendarsManage, "special day")?;
    let mut tx = cx.begin().await?;
    let row = store::find_for_update(&tx.db(), &reach, id).await?;
    store::delete(&tx.db(), id).await?;
    tx.record(row.site_id, row.owner_id, &CalendarFact::SpecialDayDeleted { special_day: id, date: row.date })?;
    tx.commit().await?;
    Ok(row)
}
