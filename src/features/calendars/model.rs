//! Checks of what admins write into a calendar, and how times of day are written.

use ::entity::{
    business_hours::{Hours, Span, Week},
    special_day::SpecialHours,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};

use super::working_time::{
    DAY,
    segments::{unrolled, within},
    whole_day,
};
use crate::kernel::{Error, ErrorReason, Result, text};

/// Special days of one calendar.
pub(super) const SPECIAL_DAYS: u64 = 1_000;
/// Intervals, and breaks, of one day.
const SPANS: usize = 12;
/// Years in which calendars are asked and special days are set.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;
pub(super) const NAME_MAX: usize = 120;
const MESSAGE_MAX: usize = 1_000;

/// A part of a day as somebody writes it: `09:00` to `18:00`.
#[derive(Clone, Debug)]
pub(super) struct SpanDraft {
    pub(super) from: String,
    pub(super) to: String,
}

/// Hours of a day as somebody writes them.
#[derive(Clone, Debug, Default)]
pub(super) struct HoursDraft {
    pub(super) intervals: Vec<SpanDraft>,
    pub(super) breaks: Vec<SpanDraft>,
}

/// A special day as somebody writes it.
#[derive(Clone, Debug)]
pub(super) struct SpecialDraft {
    pub(super) date: NaiveDate,
    pub(super) yearly: bool,
    pub(super) name: String,
    pub(super) message: Option<String>,
    pub(super) closed_from: Option<String>,
    pub(super) usual: bool,
    pub(super) hours: HoursDraft,
}

/// A special day, checked.
#[derive(Clone, Debug)]
pub(super) struct NewSpecialDay {
    pub(super) date: NaiveDate,
    pub(super) yearly: bool,
    pub(super) name: String,
    pub(super) message: Option<String>,
    pub(super) hours: SpecialHours,
}

/// The week of who has no hours.
pub(super) fn open_always() -> Week {
    Week(std::array::from_fn(|_| whole_day()))
}

/// A minute of a day as `09:05`; the end of the day is `24:00`.
pub(super) fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// By what an owner's special days are told apart: the date or, for one of each year, month and day.
pub(super) fn falls_on(date: NaiveDate, yearly: bool) -> String {
    if yearly { date.format("%m-%d").to_string() } else { date.format("%Y-%m-%d").to_string() }
}

/// A moment at which a calendar may be asked.
pub(crate) fn check_at(at: DateTime<Utc>) -> Result<DateTime<Utc>> {
    if YEARS.contains(&at.year()) {
        return Ok(at);
    }
    let message = format!("`at` must be in the years {} to {}.", YEARS.start(), YEARS.end());
    Err(Error::bad_input("at", ErrorReason::OutOfRange, message))
}

fn time(field: &str, value: &str) -> Result<u16> {
    let two = |digits: &str| {
        let fine = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| fine)
    };
    let parts = value.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    parts
        .filter(|(_, minute)| *minute < 60)
        .map(|(hour, minute)| hour * 60 + minute)
        .filter(|at| *at <= DAY)
        .ok_or_else(|| {
            let message = format!("`{field}` must be a time of day from `00:00` to `24:00`, like `09:30`.");
            Error::bad_input(field.to_owned(), ErrorReason::InvalidFormat, message)
        })
}

fn span(field: &str, draft: &SpanDraft) -> Result<Span> {
    let (from_field, to_field) = (format!("{field}.from"), format!("{field}.to"));
    let (from, to) = (time(&from_field, &draft.from)?, time(&to_field, &draft.to)?);
    if from == DAY {
        let message = format!("`{from_field}` is 24:00, which can only be an end; begin at `00:00` of the next day.");
        return Err(Error::bad_input(from_field, ErrorReason::OutOfRange, message));
    }
    if from == to {
        let message =
            format!("`{field}` begins and ends at {}; for a whole day write `00:00` to `24:00`.", clock(from));
        return Err(Error::bad_input(to_field, ErrorReason::InvalidCombination, message).suggest("24:00"));
    }
    Ok(Span { from, to })
}

fn spans(field: &str, drafts: &[SpanDraft]) -> Result<Vec<Span>> {
    if drafts.len() > SPANS {
        let message = format!("`{field}` has {} entries; at most {SPANS} are allowed.", drafts.len());
        return Err(Error::bad_input(field.to_owned(), ErrorReason::TooLong, message));
    }
    drafts.iter().enumerate().map(|(index, draft)| span(&format!("{field}[{index}]"), draft)).collect()
}

fn written(span: Span) -> String {
    format!("{}–{}", clock(span.from), clock(span.to))
}

fn overlap(field: String, span: Span, other: Span, whose: &str) -> Error {
    let message = format!(
        "`{field}` ({}) overlaps {} {whose}; let one end before the other begins.",
        written(span),
        written(other)
    );
    Error::bad_input(field, ErrorReason::InvalidCombination, message)
}

/// Refuses parts of which one begins before an earlier one has ended; `lines` are the parts on one line of time.
fn apart(field: &str, spans: &[Span], lines: &[(u16, u16)]) -> Result<()> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|index| lines[*index]);
    for pair in order.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        if lines[second].0 < lines[first].1 {
            return Err(overlap(format!("{field}[{second}]"), spans[second], spans[first], "of the same day"));
        }
    }
    Ok(())
}

/// Hours of one day; `place` is what stands before the names of their fields.
fn check_hours(place: &str, draft: &HoursDraft) -> Result<Hours> {
    let (intervals_field, breaks_field) = (format!("{place}.intervals"), format!("{place}.breaks"));
    let intervals = spans(&intervals_field, &draft.intervals)?;
    let breaks = spans(&breaks_field, &draft.breaks)?;
    let lines: Vec<_> = intervals.iter().copied().map(unrolled).collect();
    apart(&intervals_field, &intervals, &lines)?;
    let placed = |(index, part): (usize, &Span)| {
        intervals.iter().find_map(|interval| within(*part, *interval)).ok_or_else(|| {
            let field = format!("{breaks_field}[{index}]");
            let message = format!(
                "`{field}` ({}) is not within one interval of the day; a break lies inside an interval.",
                written(*part)
            );
            Error::bad_input(field, ErrorReason::InvalidCombination, message)
        })
    };
    let lines: Vec<_> = breaks.iter().enumerate().map(placed).collect::<Result<_>>()?;
    apart(&breaks_field, &breaks, &lines)?;
    Ok(Hours { intervals, breaks })
}

/// The hours of a week. Days that are left out are closed.
pub(super) fn check_week(drafts: &[(Weekday, HoursDraft)]) -> Result<Week> {
    let mut week = Week::default();
    // Where in the input each day stands.
    let mut places = [None; 7];
    for (index, (day, draft)) in drafts.iter().enumerate() {
        let number = day.num_days_from_monday() as usize;
        if places[number].is_some() {
            let field = format!("input.week[{index}].day");
            let message = format!("`{field}` is there twice; give all intervals of a day together.");
            return Err(Error::bad_input(field, ErrorReason::InvalidCombination, message));
        }
        places[number] = Some(index);
        week.0[number] = check_hours(&format!("input.week[{index}]"), draft)?;
    }
    for (number, place) in places.iter().enumerate() {
        let (Some(place), before) = (place, &week.0[(number + 6) % 7]) else { continue };
        for (index, interval) in week.0[number].intervals.iter().enumerate() {
            let runs_into = |night: &&Span| unrolled(**night).1 > DAY + interval.from;
            if let Some(night) = before.intervals.iter().find(runs_into) {
                let field = format!("input.week[{place}].intervals[{index}]");
                return Err(overlap(field, *interval, *night, "of the day before"));
            }
        }
    }
    Ok(week)
}

/// A special day: closed, closed from a time on, with hours of its own, or like any other.
pub(super) fn check_special(draft: SpecialDraft) -> Result<NewSpecialDay> {
    if !YEARS.contains(&draft.date.year()) {
        let message = format!("`input.date` must be in the years {} to {}.", YEARS.start(), YEARS.end());
        return Err(Error::bad_input("input.date", ErrorReason::OutOfRange, message));
    }
    let hours = check_hours("input", &draft.hours)?;
    let hours = match draft.closed_from {
        closed_from if draft.usual && (closed_from.is_some() || !hours.intervals.is_empty()) => {
            let message = "`usual` leaves the day its usual hours; give neither `closedFrom` nor `intervals` with it.";
            return Err(Error::bad_input("input.usual", ErrorReason::InvalidCombination, message));
        }
        _ if draft.usual => SpecialHours::Usual,
        Some(_) if !hours.intervals.is_empty() => {
            let message = "Give either `closedFrom` or `intervals`: the day's usual hours cut short, or others.";
            return Err(Error::bad_input("input.closedFrom", ErrorReason::InvalidCombination, message));
        }
        Some(from) => SpecialHours::ClosedFrom(time("input.closedFrom", &from)?),
        None if hours.intervals.is_empty() => SpecialHours::Closed,
        None => SpecialHours::Own(hours),
    };
    let message = draft.message.filter(|message| !message.trim().is_empty());
    Ok(NewSpecialDay {
        date: draft.date,
        yearly: draft.yearly,
        name: text::line("input.name", &draft.name, NAME_MAX)?,
        message: message.map(|message| text::longer("input.message", message.trim(), MESSAGE_MAX)).transpose()?,
        hours,
    })
}

/// A calendar holds a limited number of special days.
pub(super) fn check_count(field: &'static str, count: u64) -> Result<()> {
    if count <= SPECIAL_DAYS {
        return Ok(());
    }
    let message = format!(
        "That would be {count} special days; at most {SPECIAL_DAYS} are allowed. Delete past ones, or set yearly ones."
    );
    Err(Error::bad_input(field, ErrorReason::TooLong, message))
}
