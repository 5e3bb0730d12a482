//! Calendars: when a site and its departments work. Business hours of each weekday, breaks, and special days, in a time zone.
//!
//! What always holds:
//! - A site without business hours is open always, but for its special days: a new site works at once.
//! - A department without business hours has those of its site; with hours of its own it has none of the site's. Its special
//!   days come on top of the site's: on a day that is special to both its own counts.
//! - Times are those of the clock on the wall in the calendar's time zone; instants come out of [`working_time`] alone,
//!   which states the rules for clocks that go forward and back, for nights and for special days.
//! - A calendar has one special day for a date, and one for a day of each year; that of the date wins.
//! - What an import brings never takes the place of what somebody set by hand.
//! - Whoever knows the site's public key may see whether it is open; its members see the calendar, its admins change it.
//!
//! Rows name their owner, the site or a department of it, and go with it.
//!
//! Later features use: [`of_site`] and [`of_department`] for a calendar; [`status`], [`add_working_time`] and
//! [`working_time_between`] for answers from it, [`about`] for a sentence about one.

mod actions;
mod facts;
pub(crate) mod graphql;
mod ical;
mod import;
mod model;
mod store;
mod texts;
mod working_time;

use ::entity::{
    business_hours::{self, Week},
    ids::{DepartmentId, SiteId, SpecialDayId},
    site, special_day,
};
use uuid::Uuid;

pub use self::{
    facts::CalendarFact,
    graphql::{CalendarsMutation, CalendarsQuery},
    texts::about,
    working_time::{
        Calendar, NoWorkingTime, SpecialDay, State, Status, add_working_time, status, working_time_between,
    },
};
pub(crate) use self::{
    graphql::{WeekdayHours, week},
    model::check_at,
};
use crate::{
    features::sites,
    kernel::{Ctx, Error, Permission, Result},
    ports::db::Db,
};

/// Whose calendar it is: the site's own, or that of a department of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    site: SiteId,
    department: Option<DepartmentId>,
}

impl Owner {
    /// What its rows are found by.
    fn id(self) -> Uuid {
        self.department.map_or(self.site.0, |department| department.0)
    }
}

/// A calendar as it is now, with the hours that it is made of.
#[derive(Clone, Debug)]
pub struct BusinessCalendar {
    /// What answers when it is open.
    pub calendar: Calendar,
    /// The hours of an ordinary week.
    pub week: Week,
    /// False where no hours were set: open always, but for special days.
    pub has_hours: bool,
}

/// A site's calendar, in two queries.
pub async fn of_site(db: &Db<'_>, site: &site::Model) -> Result<BusinessCalendar> {
    of(db, site, None).await
}

/// The calendar of a department of a site, in two queries.
pub async fn of_department(db: &Db<'_>, site: &site::Model, department: DepartmentId) -> Result<BusinessCalendar> {
    of(db, site, Some(department)).await
}

async fn of(db: &Db<'_>, site: &site::Model, department: Option<DepartmentId>) -> Result<BusinessCalendar> {
    let hours = hours_of(db, site.id, department).await?;
    let (own, of_site): (Vec<_>, Vec<_>) = store::special_days(db, &owners(site.id, department))
        .await?
        .into_iter()
        .partition(|day| day.department_id.is_some());
    let zone = hours.as_ref().and_then(|hours| hours.time_zone.as_ref()).unwrap_or(&site.time_zone);
    let zone = zone.parse().map_err(|_| Error::internal("a calendar in no time zone"))?;
    let has_hours = hours.is_some();
    let week = hours.map_or_else(model::open_always, |hours| hours.week);
    let special = of_site.into_iter().map(SpecialDay::from);
    let calendar = Calendar::new(zone, &week, special).with(own.into_iter().map(SpecialDay::from));
    Ok(BusinessCalendar { calendar, week, has_hours })
}

/// Whose rows count, first the one whose hours do.
fn owners(site: SiteId, department: Option<DepartmentId>) -> Vec<Uuid> {
    let own = department.map(|_| Owner { site, department }.id());
    own.into_iter().chain([Owner { site, department: None }.id()]).collect()
}

/// The hours that count for a department or, without one, for the site.
async fn hours_of(
    db: &Db<'_>,
    site: SiteId,
    department: Option<DepartmentId>,
) -> Result<Option<business_hours::Model>> {
    let owners = owners(site, department);
    let rows = store::hours(db, &owners).await?;
    Ok(rows.into_iter().min_by_key(|row| owners.iter().position(|owner| *owner == row.owner_id)))
}

impl From<special_day::Model> for SpecialDay {
    fn from(row: special_day::Model) -> Self {
        Self { date: row.date, yearly: row.yearly, name: row.name, message: row.message, hours: row.hours }
    }
}

/// A special day, as the members of its site see it, for `node(id:)`.
pub(crate) async fn special_day_node(cx: &Ctx, id: SpecialDayId) -> Result<graphql::SpecialDay> {
    let reach = sites::reach_to(cx, Permission::CalendarsRead, "special day")?;
    Ok(store::find(&cx.db(), &reach, id).await?.into())
}
