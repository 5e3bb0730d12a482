//! Every write on business hours and special days. Reading holidays from files is in `import.rs`.

use ::entity::{
    business_hours::{self, Week},
    ids::{SiteId, SpecialDayId},
    site, special_day,
};

use super::{
    facts::CalendarFact,
    model::{self, NewSpecialDay},
    owner_of, store,
};
use crate::{
    features::sites::{self, reach_in, reach_to},
    kernel::{Ctx, Error, Permission, Result},
};

/// Replaces a site's hours; without a time zone they are in the site's.
pub(super) async fn update_hours(
    cx: &Ctx,
    id: SiteId,
    time_zone: Option<String>,
    week: Week,
) -> Result<(site::Model, business_hours::Model)> {
    let reach = reach_in(cx, Permission::CalendarsManage, id)?;
    let site = sites::find(&cx.db(), &reach, id).await?;
    let owner_id = owner_of(id);
    let row = business_hours::Model { owner_id, site_id: id, time_zone, week, updated_at: cx.clock.now() };
    let mut tx = cx.begin().await?;
    store::save_hours(&tx.db(), row.clone()).await?;
    tx.record(id, owner_id, &CalendarFact::HoursUpdated)?;
    tx.commit().await?;
    Ok((site, row))
}

/// Makes a day of a site special, or changes the special day that falls on it.
pub(super) async fn set_special_day(cx: &Ctx, site: SiteId, day: NewSpecialDay) -> Result<special_day::Model> {
    let reach = reach_in(cx, Permission::CalendarsManage, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    let owner_id = owner_of(site);
    let row = special_day::Model {
        id: cx.id(SpecialDayId),
        owner_id,
        site_id: site,
        falls_on: model::falls_on(day.date, day.yearly),
        date: day.date,
        yearly: day.yearly,
        name: day.name,
        message: day.message,
        hours: day.hours,
        imported: false,
        updated_at: cx.clock.now(),
    };
    let mut tx = cx.begin().await?;
    if store::lookup(&tx.db(), owner_id, &row.falls_on).await?.is_none() {
        model::check_count("input.siteId", store::count_of_owner(&tx.db(), owner_id).await? + 1)?;
    }
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
    let row = store::find(&tx.db(), &reach, id).await?;
    store::delete(&tx.db(), id).await?;
    tx.record(row.site_id, row.owner_id, &CalendarFact::SpecialDayDeleted { special_day: id, date: row.date })?;
    tx.commit().await?;
    Ok(row)
}
