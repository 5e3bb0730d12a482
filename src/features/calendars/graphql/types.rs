//! Calendars as the API shows them.

use ::entity::{
    business_hours::{self, Hours, Span, Week},
    ids::{DepartmentId, SiteId, SpecialDayId},
    site,
    special_day::{self, SpecialHours},
};
use async_graphql::{Enum, InputObject, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};

use crate::features::calendars::{
    ical::{HolidayProblem, Problem},
    model::{HoursDraft, SpanDraft, clock, open_always},
};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum Weekday {
    /// The first working day in most places.
    Monday,
    /// The day after Monday.
    Tuesday,
    /// The day after Tuesday.
    Wednesday,
    /// The day after Wednesday.
    Thursday,
    /// The day after Thursday.
    Friday,
    /// The day after Friday.
    Saturday,
    /// The day after Saturday.
    Sunday,
}

/// In the order of the week.
const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

impl From<Weekday> for chrono::Weekday {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// A part of a day by the clock on the wall.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct TimeInterval {
    /// When it begins, like `09:00`.
    from: String,
    /// When it ends, like `18:00`; `24:00` is the end of the day.
    to: String,
    /// True when it ends on the next day: `18:00` to `02:00`.
    ends_next_day: bool,
}

impl From<Span> for TimeInterval {
    fn from(span: Span) -> Self {
        Self { from: clock(span.from), to: clock(span.to), ends_next_day: span.to < span.from }
    }
}

fn intervals(spans: &[Span]) -> Vec<TimeInterval> {
    spans.iter().copied().map(Into::into).collect()
}

/// The hours of a weekday.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct WeekdayHours {
    /// The day.
    day: Weekday,
    /// When it is open; nothing when it is closed all day. What begins on the day stands here, also when it ends on the
    /// next.
    intervals: Vec<TimeInterval>,
    /// Breaks within the intervals.
    breaks: Vec<TimeInterval>,
}

/// A week as the API shows it, Monday first.
pub(crate) fn week(week: &Week) -> Vec<WeekdayHours> {
    let day = |(day, hours): (Weekday, &Hours)| WeekdayHours {
        day,
        intervals: intervals(&hours.intervals),
        breaks: intervals(&hours.breaks),
    };
    WEEKDAYS.into_iter().zip(&week.0).map(day).collect()
}

/// When a site or a department is open in an ordinary week. Special days differ.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct BusinessHours {
    /// The site.
    pub site_id: SiteId,
    /// The department. Null for the site itself.
    pub department_id: Option<DepartmentId>,
    /// True for a department that has no hours of its own: these are the site's.
    pub inherited: bool,
    /// The IANA name of the time zone of all times, like `Europe/Istanbul`.
    pub time_zone: String,
    /// False until hours are set for the site or the department: open always then, but for special days.
    pub has_hours: bool,
    /// Each weekday, Monday first.
    pub week: Vec<WeekdayHours>,
    /// Grows by one with each change of these hours, 0 while there are none; `updateBusinessHours` takes it as
    /// `expectedVersion`. Of a department that has its site's it is 0, for it has none of its own.
    pub version: i32,
    /// When the hours were last changed. Null until they are set.
    pub updated_at: Option<DateTime<Utc>>,
}

impl BusinessHours {
    /// The hours that count for a site or one of its departments, or what counts where there are none.
    pub(super) fn new(
        site: &site::Model,
        department_id: Option<DepartmentId>,
        hours: Option<business_hours::Model>,
    ) -> Self {
        let inherited = department_id.is_some() && hours.as_ref().is_none_or(|hours| hours.department_id.is_none());
        let has_hours = hours.is_some();
        let version = hours.as_ref().filter(|_| !inherited).map_or(0, |hours| hours.version);
        let updated_at = hours.as_ref().map(|hours| hours.updated_at);
        let (zone, hours) = hours.map_or_else(|| (None, open_always()), |hours| (hours.time_zone, hours.week));
        let time_zone = zone.unwrap_or_else(|| site.time_zone.clone());
        Self {
            site_id: site.id,
            department_id,
            inherited,
            time_zone,
            has_hours,
            week: week(&hours),
            version,
            updated_at,
        }
    }
}

/// What a moment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum BusinessHoursReason {
    /// Within business hours.
    Open,
    /// Open, as no business hours are set.
    NoCalendar,
    /// Within a break of the business hours.
    Break,
    /// Outside of business hours on an ordinary day.
    Closed,
    /// Closed on a special day.
    Holiday,
    /// Closed, and nothing opens within 366 days.
    NoWorkingTime,
}

/// Whether a site or a department is open at a moment, and what comes next.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct BusinessHoursStatus {
    /// The moment that this is about.
    pub at: DateTime<Utc>,
    /// The IANA name of the calendar's time zone.
    pub time_zone: String,
    /// True within business hours and outside of breaks.
    pub is_open: bool,
    /// Why it is open or not.
    pub reason: BusinessHoursReason,
    /// The name of the special day, on one: `Cumhuriyet Bayramı`. Of a night that began on a special day, too.
    pub name: Option<String>,
    /// What the site tells visitors on that special day, where it has a message.
    pub message: Option<String>,
    /// A sentence for visitors that says all of this with weekdays and the next opening.
    pub text: String,
    /// When opening, a break, or being closed gives way to another of them for the first time. Null when that does not
    /// happen within 366 days.
    pub next_change_at: Option<DateTime<Utc>>,
    /// When it opens next. Null while it is open, and when that does not happen within 366 days.
    pub next_open_at: Option<DateTime<Utc>>,
    /// Hours until then, with fractions: 55.5. 0 while it is open, null when nothing opens within 366 days.
    pub hours_until_open: Option<f64>,
    /// The hours of an ordinary week, Monday first.
    pub week: Vec<WeekdayHours>,
}

/// How a special day differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum SpecialDayKind {
    /// Closed all day.
    Closed,
    /// The hours of its weekday up to a time, closed from then on.
    HalfDay,
    /// Hours of its own.
    OwnHours,
    /// The usual hours of its weekday, though another special day falls on it.
    Usual,
}

/// A day that differs from an ordinary one: a holiday, half a day, other hours.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct SpecialDay {
    /// Identifies the special day.
    pub(crate) id: SpecialDayId,
    /// The site.
    site_id: SiteId,
    /// The department whose special day it is. Null for one of the site.
    department_id: Option<DepartmentId>,
    /// The day or, of a yearly one, the first.
    date: NaiveDate,
    /// True when it is on this day of each later year, too.
    yearly: bool,
    /// What it is called.
    name: String,
    /// What visitors are told on it.
    message: Option<String>,
    /// How it differs.
    kind: SpecialDayKind,
    /// Of half a day: from when on it is closed.
    closed_from: Option<String>,
    /// Its own hours; nothing for other kinds.
    intervals: Vec<TimeInterval>,
    /// Breaks within these.
    breaks: Vec<TimeInterval>,
    /// True when it came from an iCalendar file and was not changed by hand since; imports may change it.
    imported: bool,
    /// Grows by one with each change; `setSpecialDay` takes it as `expectedVersion`.
    version: i32,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<special_day::Model> for SpecialDay {
    fn from(row: special_day::Model) -> Self {
        let (kind, closed_from, hours) = match row.hours {
            SpecialHours::Closed => (SpecialDayKind::Closed, None, Hours::default()),
            SpecialHours::ClosedFrom(minute) => (SpecialDayKind::HalfDay, Some(clock(minute)), Hours::default()),
            SpecialHours::Own(hours) => (SpecialDayKind::OwnHours, None, hours),
            SpecialHours::Usual => (SpecialDayKind::Usual, None, Hours::default()),
        };
        Self {
            id: row.id,
            site_id: row.site_id,
            department_id: row.department_id,
            date: row.date,
            yearly: row.yearly,
            name: row.name,
            message: row.message,
            kind,
            closed_from,
            intervals: intervals(&hours.intervals),
            breaks: intervals(&hours.breaks),
            imported: row.imported,
            version: row.version,
            updated_at: row.updated_at,
        }
    }
}

/// An event of an iCalendar file that was not, or not wholly, taken over.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct HolidayImportProblem {
    /// Its number in the file, from 1.
    event: usize,
    /// The line on which it begins, from 1.
    line: usize,
    /// Its `UID`, where it can be read.
    uid: Option<String>,
    /// Its `SUMMARY`, where it can be read.
    summary: Option<String>,
    /// Why.
    reason: HolidayProblem,
    /// The same for people, with what to do.
    message: String,
}

impl From<Problem> for HolidayImportProblem {
    fn from(Problem { place, reason, message }: Problem) -> Self {
        Self { event: place.event, line: place.line, uid: place.uid, summary: place.summary, reason, message }
    }
}

/// A part of a day by the clock on the wall.
#[derive(Debug, InputObject)]
pub(super) struct TimeIntervalInput {
    /// When it begins, from `00:00` to `23:59`.
    from: String,
    /// When it ends, up to `24:00`. What is before `from` is on the next day: `18:00` to `02:00`.
    to: String,
}

/// The hours as the rules take them.
pub(super) fn hours(intervals: Vec<TimeIntervalInput>, breaks: Vec<TimeIntervalInput>) -> HoursDraft {
    let drafts = |given: Vec<TimeIntervalInput>| {
        given.into_iter().map(|TimeIntervalInput { from, to }| SpanDraft { from, to }).collect()
    };
    HoursDraft { intervals: drafts(intervals), breaks: drafts(breaks) }
}
