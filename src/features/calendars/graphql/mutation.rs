//! Changing when a site and its departments are open.

use ::entity::ids::{DepartmentId, SiteId, SpecialDayId};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::NaiveDate;
use uuid::Uuid;

use super::types::{BusinessHours, HolidayImportProblem, SpecialDay, TimeIntervalInput, Weekday, hours};
use crate::{
    features::calendars::{
        actions, import,
        model::{self, SpecialDraft},
    },
    kernel::{CtxExt, Once, Result, text},
};

/// The hours of a weekday.
#[derive(Debug, InputObject)]
struct WeekdayHoursInput {
    /// The day.
    day: Weekday,
    /// When it is open, up to 12 intervals that do not overlap, neither each other nor a night of the day before.
    /// Nothing when it is closed.
    #[graphql(default)]
    intervals: Vec<TimeIntervalInput>,
    /// Breaks, up to 12, each within one of the intervals.
    #[graphql(default)]
    breaks: Vec<TimeIntervalInput>,
}

/// The hours of a site or a department, in place of all earlier ones.
#[derive(Debug, InputObject)]
struct UpdateBusinessHoursInput {
    /// The site.
    site_id: SiteId,
    /// A department of it that is to have hours of its own; without it the hours are the site's.
    department_id: Option<DepartmentId>,
    /// The time zone of the hours by its IANA name, like `Europe/Berlin`; the site's own without it.
    time_zone: Option<String>,
    /// The weekdays, each at most once. Those that are left out are closed.
    week: Vec<WeekdayHoursInput>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the hours since; without
    /// it, the last change counts.
    expected_version: Option<i32>,
}

/// The hours that were set.
#[derive(SimpleObject)]
struct UpdateBusinessHoursPayload {
    /// The hours as they are now.
    business_hours: BusinessHours,
}

/// Which hours are to go.
#[derive(Debug, InputObject)]
struct DeleteBusinessHoursInput {
    /// The site.
    site_id: SiteId,
    /// A department of it, which then has the site's hours again; without it the site, which is open always then.
    department_id: Option<DepartmentId>,
}

/// The hours that count now.
#[derive(SimpleObject)]
struct DeleteBusinessHoursPayload {
    /// The hours that count now: of a department its site's.
    business_hours: BusinessHours,
}

/// A day that differs. Without `closedFrom`, `intervals` and `usual` it is closed.
#[derive(Debug, InputObject)]
struct SetSpecialDayInput {
    /// The site.
    site_id: SiteId,
    /// A department of it, for which alone the day is special; it counts before the site's special day on that day.
    /// Without it the day is special for the site and all departments that have none of their own on it.
    department_id: Option<DepartmentId>,
    /// The day, in the years 1970 to 2100.
    date: NaiveDate,
    /// True for this day of this and each later year; the 29th of February is one in leap years alone. Where a year has a
    /// special day of its own on the date, that one counts.
    #[graphql(default)]
    yearly: bool,
    /// What it is called, up to 120 characters.
    name: String,
    /// What visitors are told on it, up to 1,000 characters.
    message: Option<String>,
    /// Makes it half a day: the hours of its weekday up to this time, like `13:00`. Not together with `intervals`.
    closed_from: Option<String>,
    /// True leaves it the usual hours of its weekday: for a department that works on a holiday of the site, or a year in
    /// which a yearly day is none. Not together with `closedFrom` or `intervals`.
    #[graphql(default)]
    usual: bool,
    /// Its own hours in place of those of its weekday, up to 12.
    #[graphql(default)]
    intervals: Vec<TimeIntervalInput>,
    /// Breaks within these, up to 12.
    #[graphql(default)]
    breaks: Vec<TimeIntervalInput>,
    /// The `version` of the special day that you read, 0 for a day that is none yet. Refused with `VERSION_CONFLICT`
    /// when somebody has changed it since; without it, the last change counts.
    expected_version: Option<i32>,
}

/// The special day that was set.
#[derive(SimpleObject)]
struct SetSpecialDayPayload {
    /// The special day as it is now.
    special_day: SpecialDay,
}

/// Which special day is to go.
#[derive(Debug, InputObject)]
struct DeleteSpecialDayInput {
    /// The special day.
    special_day_id: SpecialDayId,
}

/// The special day that is gone.
#[derive(SimpleObject)]
struct DeleteSpecialDayPayload {
    /// The special day as it was.
    special_day: SpecialDay,
}

/// Holidays to take over.
#[derive(Debug, InputObject)]
struct ImportHolidaysInput {
    /// The site.
    site_id: SiteId,
    /// A department of it that alone has the holidays; without it the site has them.
    department_id: Option<DepartmentId>,
    /// The text of an iCalendar file (`.ics`), up to 500,000 characters and 1,000 events.
    ics: String,
    /// Your own id of the import, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// gives what came of it, as far as it is there yet, and changes nothing. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// What came of an import.
#[derive(SimpleObject)]
struct ImportHolidaysPayload {
    /// The special days that are new or changed.
    special_days: Vec<SpecialDay>,
    /// How many are new.
    created: usize,
    /// How many had come with an earlier import and were changed.
    updated: usize,
    /// How many had come with an earlier import just like this.
    unchanged: usize,
    /// The events that were not, or not wholly, taken over, and why. They stop no other.
    problems: Vec<HolidayImportProblem>,
}

/// Changes to business hours.
#[derive(Default)]
pub struct CalendarsMutation;

#[Object]
impl CalendarsMutation {
    /// Replaces the hours of the ordinary week of a site or of one of its departments. They count at once. For the site's
    /// admins.
    async fn update_business_hours(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hours.")] input: UpdateBusinessHoursInput,
    ) -> Result<UpdateBusinessHoursPayload> {
        let zone = input.time_zone.map(|name| text::time_zone("input.timeZone", &name)).transpose()?;
        let days = input.week.into_iter().map(|day| (day.day.into(), hours(day.intervals, day.breaks)));
        let week = model::check_week(&days.collect::<Vec<_>>())?;
        let zone = zone.map(|zone| zone.name().to_owned());
        let whose = (input.site_id, input.department_id);
        let (site, row) = actions::update_hours(ctx.cx(), whose, input.expected_version, zone, week).await?;
        let business_hours = BusinessHours::new(&site, input.department_id, Some(row));
        Ok(UpdateBusinessHoursPayload { business_hours })
    }

    /// Takes the hours of a department away, so that it has its site's again, or those of a site, which is open always
    /// then. Where there are none nothing changes. For the site's admins.
    async fn delete_business_hours(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which hours.")] input: DeleteBusinessHoursInput,
    ) -> Result<DeleteBusinessHoursPayload> {
        let DeleteBusinessHoursInput { site_id, department_id } = input;
        let (site, left) = actions::delete_hours(ctx.cx(), site_id, department_id).await?;
        Ok(DeleteBusinessHoursPayload { business_hours: BusinessHours::new(&site, department_id, left) })
    }

    /// Makes a day of a site or a department a special one, in place of its special day that falls on it, if there is one.
    /// For the site's admins. A site has up to 1,000, and so has each department.
    async fn set_special_day(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The special day.")] input: SetSpecialDayInput,
    ) -> Result<SetSpecialDayPayload> {
        let SetSpecialDayInput { site_id, department_id, date, yearly, name, message, closed_from, .. } = input;
        let (usual, expected) = (input.usual, input.expected_version);
        let hours = hours(input.intervals, input.breaks);
        let day = model::check_special(SpecialDraft { date, yearly, name, message, closed_from, usual, hours })?;
        let row = actions::set_special_day(ctx.cx(), site_id, department_id, expected, day).await?;
        Ok(SetSpecialDayPayload { special_day: row.into() })
    }

    /// Makes a special day an ordinary one again. For the admins of its site.
    async fn delete_special_day(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which special day.")] input: DeleteSpecialDayInput,
    ) -> Result<DeleteSpecialDayPayload> {
        let row = actions::delete_special_day(ctx.cx(), input.special_day_id).await?;
        Ok(DeleteSpecialDayPayload { special_day: row.into() })
    }

    /// Makes the holidays of an iCalendar file special days of a site or a department, closed all day and named like their events: all-day
    /// events of one or several days, once or yearly. What was set by hand stays as it is; what an earlier import brought
    /// is changed, and never deleted. For the site's admins.
    async fn import_holidays(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The holidays.")] input: ImportHolidaysInput,
    ) -> Result<ImportHolidaysPayload> {
        let once = Once::new(ctx.cx(), "importHolidays", input.client_id, &input);
        let imported = import::run(ctx.cx(), input.site_id, input.department_id, &input.ics, &once).await?;
        Ok(ImportHolidaysPayload {
            special_days: imported.days.into_iter().map(SpecialDay::from).collect(),
            created: imported.created,
            updated: imported.updated,
            unchanged: imported.unchanged,
            problems: imported.problems.into_iter().map(HolidayImportProblem::from).collect(),
        })
    }
}
