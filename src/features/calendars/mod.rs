//! Calendars: when a site works. Business hours of each weekday, breaks, and special days, in a time zone.
//!
//! What always holds:
//! - A site without business hours is open always, but for its special days: a new site works at once.
//! - Times are those of the clock on the wall in the calendar's time zone; instants come out of [`working_time`] alone,
//!   which states the rules for clocks that go forward and back, for nights and for special days.
//! - A site has one special day for a date, and one for a day of each year; that of the date wins.
//! - What an import brings never takes the place of what somebody set by hand.
//! - Whoever knows the site's public key may see whether it is open; its members see the calendar, its admins change it.
//!
//! Rows name their owner: it is the site itself now. A department's calendar will be rows with the department's id as
//! `owner_id`; then [`owner_of`] takes a department, the root fields get an optional `departmentId`, a department without
//! hours has those of its site, and its special days come on top of the site's.
//!
//! Later features use: [`of_site`] for a site's calendar; [`status`], [`add_working_time`] and [`working_time_between`]
//! for answers from it.

mod actions;
mod facts;
mod graphql;
mod ical;
mod import;
mod model;
mod store;
mod texts;
mod working_time;

use ::entity::{business_hours::Week, ids::SiteId, site, special_day};
use uuid::Uuid;

pub use self::{
    facts::CalendarFact,
    graphql::{CalendarsMutation, CalendarsQuery},
    working_time::{
        Calendar, NoWorkingTime, SpecialDay, State, Status, add_working_time, status, working_time_between,
    },
};
use crate::{
    kernel::{Error, Result},
    ports::db::Db,
};

/// Whose rows a site's calendar is.
fn owner_of(site: SiteId) -> Uuid {
    site.0
}

/// A site's calendar as it is now.
#[derive(Clone, Debug)]
pub struct SiteCalendar {
    /// What answers when it is open.
    pub calendar: Calendar,
    /// The hours of an ordinary week.
    pub week: Week,
    /// False where no hours were set: open always, but for special days.
    pub has_hours: bool,
}

/// A site's calendar, in two queries.
pub async fn of_site(db: &Db<'_>, site: &site::Model) -> Result<SiteCalendar> {
    let owner = owner_of(site.id);
    let hours = store::lookup_hours(db, owner).await?;
    let special = store::special_days(db, owner).await?;
    let zone = hours.as_ref().and_then(|hours| hours.time_zone.as_ref()).unwrap_or(&site.time_zone);
    let zone = zone.parse().map_err(|_| Error::internal("a calendar in no time zone"))?;
    let has_hours = hours.is_some();
    let week = hours.map_or_else(model::open_always, |hours| hours.week);
    let calendar = Calendar::new(zone, &week, special.into_iter().map(SpecialDay::from));
    Ok(SiteCalendar { calendar, week, has_hours })
}

impl From<special_day::Model> for SpecialDay {
    fn from(row: special_day::Model) -> Self {
        Self { date: row.date, yearly: row.yearly, name: row.name, message: row.message, hours: row.hours }
    }
}
