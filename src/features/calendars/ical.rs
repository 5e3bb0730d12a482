//! Holidays in iCalendar files (RFC 5545). Pure: a text in, days and problems out.
//!
//! Each event is read by itself, so that one that is broken costs itself only. All-day events count: `DTSTART` alone, up
//! to `DTEND` (which is the day after the last) or for a `DURATION` of days; also from midnight to midnight, as some
//! programs write whole days. `RRULE:FREQ=YEARLY` makes each of the days a yearly one or, with `COUNT` or `UNTIL`, one of
//! each of those years. Other rules are refused rather than read wrongly.

use async_graphql::Enum;
use chrono::{Datelike, Days, NaiveDate};
use icalendar::parser::{Component, Property, unfold};
use serde::{Deserialize, Serialize};

use crate::kernel::text;

/// Most events of a file.
pub(super) const EVENTS: usize = 1_000;
/// Most days that one event makes special.
const DAYS: usize = 366;
/// Last year up to which `COUNT` and `UNTIL` are followed.
const LAST_YEAR: i32 = 2100;
/// How deep parts of an event nest; alarms are one deep.
const DEPTH: usize = 3;
const UID_MAX: usize = 255;

/// Why an event of an iCalendar file was not, or not wholly, taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
pub(super) enum HolidayProblem {
    /// It is not written as iCalendar wants it.
    Unreadable,
    /// It has no name, or one that is too long.
    InvalidName,
    /// A date is missing, is none, or is before the one that it should follow.
    InvalidDate,
    /// It takes a part of a day.
    NotAllDay,
    /// It makes more days than one event may.
    TooManyDays,
    /// It recurs in a way that is not understood.
    UnsupportedRecurrence,
    /// It is cancelled.
    Cancelled,
    /// A day of it is special already, by hand or by an earlier event. Its other days were taken over.
    DateTaken,
}

/// Where in a file an event is, and what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Its number in the file, from 1.
    pub(super) event: usize,
    /// The line on which it begins, from 1.
    pub(super) line: usize,
    pub(super) uid: Option<String>,
    pub(super) summary: Option<String>,
}

/// An event that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) days: Vec<NaiveDate>,
    /// Each of the days is one of each year from then on.
    pub(super) yearly: bool,
}

/// An event of which nothing, or not everything, is taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) reason: HolidayProblem,
    /// For people; says what to do.
    pub(super) message: String,
}

/// Why an event cannot be taken over.
type Refused = (HolidayProblem, String);

fn refused<T>(reason: HolidayProblem, message: impl Into<String>) -> Result<T, Refused> {
    Err((reason, message.into()))
}

/// The events of a file in their order. None when it is no iCalendar file.
pub(super) fn read(file: &str, name_max: usize) -> Option<Vec<Result<Event, Problem>>> {
    let file = file.trim_start_matches('\u{feff}').trim_start();
    let head = file.lines().next().unwrap_or_default();
    if !is_line(head, "BEGIN:VCALENDAR") {
        return None;
    }
    let events = events_of(file).into_iter().enumerate().map(|(index, (line, source))| {
        let mut place = Place { event: index + 1, line, ..Place::default() };
        let read = source.map_err(|message| (HolidayProblem::Unreadable, message.to_owned()));
        let read = read.and_then(|source| event(&source, name_max, &mut place));
        match read {
            Ok((name, days, yearly)) => Ok(Event { place, name, days, yearly }),
            Err((reason, message)) => Err(Problem { place, reason, message }),
        }
    });
    Some(events.collect())
}

fn is_line(line: &str, expected: &str) -> bool {
    line.trim_end().eq_ignore_ascii_case(expected)
}

/// The lines of each event with the number of the first; or why they cannot be read.
fn events_of(file: &str) -> Vec<(usize, Result<String, &'static str>)> {
    const UNENDED: &str = "The event has no `END:VEVENT`.";
    let mut found = Vec::new();
    let mut open: Option<(usize, String, usize, usize)> = None;
    for (index, line) in file.lines().enumerate() {
        if is_line(line, "BEGIN:VEVENT") {
            found.extend(open.take().map(|(at, ..)| (at, Err(UNENDED))));
            open = Some((index + 1, String::new(), 0, 0));
        }
        let Some((_, source, depth, deepest)) = &mut open else { continue };
        source.push_str(line.trim_end_matches('\r'));
        source.push('\n');
        if line.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:")) {
            *depth += 1;
            *deepest = (*deepest).max(*depth);
        }
        if is_line(line, "END:VEVENT") {
            // The parser goes down by calling itself; what nests without an end would take the server with it.
            let nests = "The event has parts within parts within parts.";
            found.extend(
                open.take().map(|(at, source, _, deepest)| (at, if deepest > DEPTH { Err(nests) } else { Ok(source) })),
            );
        } else if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("END:")) {
            *depth = depth.saturating_sub(1);
        }
    }
    found.extend(open.map(|(at, ..)| (at, Err(UNENDED))));
    found
}

/// The name of a holiday, its days, and whether they are yearly.
type Holiday = (String, Vec<NaiveDate>, bool);

fn event(source: &str, name_max: usize, place: &mut Place) -> Result<Holiday, Refused> {
    let source = unfold(source);
    let Ok(event) = Component::try_from(source.as_str()) else {
        return refused(HolidayProblem::Unreadable, "A line of the event has not the form `NAME:value`.");
    };
    let name = property(&event, "SUMMARY").map(|summary| {
        let summary = summary.val.clone().unescape_text();
        text::kept(summary.as_str()).split_whitespace().collect::<Vec<_>>().join(" ")
    });
    let name = name.unwrap_or_default();
    place.summary = Some(text::first(&name, name_max).to_owned()).filter(|name| !name.is_empty());
    place.uid = property(&event, "UID").map(|uid| text::first(uid.val.as_str(), UID_MAX).to_owned());
    if property(&event, "STATUS").is_some_and(|status| status.val.as_str().eq_ignore_ascii_case("CANCELLED")) {
        return refused(HolidayProblem::Cancelled, "The event is cancelled; nothing was taken over.");
    }
    let count = text::length(&name);
    if count == 0 || count > name_max {
        let message = format!("`SUMMARY` must name the holiday in 1 to {name_max} characters; it has {count}.");
        return refused(HolidayProblem::InvalidName, message);
    }
    let span = span(&event)?;
    let (days, yearly) = recurring(&event, span)?;
    Ok((name, days, yearly))
}

fn property<'a>(event: &'a Component<'a>, name: &str) -> Option<&'a Property<'a>> {
    event.properties.iter().find(|property| property.name.as_str().eq_ignore_ascii_case(name))
}

/// The days of the event itself.
fn span(event: &Component<'_>) -> Result<Vec<NaiveDate>, Refused> {
    let Some(start) = property(event, "DTSTART") else {
        return refused(HolidayProblem::InvalidDate, "The event has no `DTSTART`.");
    };
    let first = date("DTSTART", start.val.as_str())?;
    let length = match (property(event, "DTEND"), property(event, "DURATION")) {
        (Some(end), _) => match (date("DTEND", end.val.as_str())? - first).num_days() {
            // Some programs end a day on itself.
            0 => 1,
            days if days < 0 => return refused(HolidayProblem::InvalidDate, "`DTEND` is before `DTSTART`."),
            days => days.unsigned_abs(),
        },
        (None, Some(duration)) => whole_days(duration.val.as_str())?,
        (None, None) => 1,
    };
    if length > DAYS as u64 {
        let message = format!("The event takes {length} days; at most {DAYS} are taken over.");
        return refused(HolidayProblem::TooManyDays, message);
    }
    Ok((0..length).filter_map(|days| first.checked_add_days(Days::new(days))).collect())
}

/// A date, also one that is written as the midnight with which it begins.
fn date(name: &str, value: &str) -> Result<NaiveDate, Refused> {
    let (day, time) = value.trim().split_once(['T', 't']).unwrap_or((value.trim(), "000000"));
    let digits = day.len() == 8 && day.bytes().all(|digit| digit.is_ascii_digit());
    let parsed = NaiveDate::parse_from_str(day, "%Y%m%d").ok().filter(|_| digits);
    let Some(parsed) = parsed.filter(|date| (1970..=LAST_YEAR).contains(&date.year())) else {
        let message = format!("`{name}` is not a date from 1970 to {LAST_YEAR} like `20261029`.");
        return refused(HolidayProblem::InvalidDate, message);
    };
    if time != "000000" {
        let message = format!("`{name}` has a time of day; only whole days are taken over. Set half days by hand.");
        return refused(HolidayProblem::NotAllDay, message);
    }
    Ok(parsed)
}

/// `P3D` or `P1W`.
fn whole_days(value: &str) -> Result<u64, Refused> {
    let value = value.trim().trim_start_matches('+').to_ascii_uppercase();
    let number = |unit: char| value.strip_prefix('P')?.strip_suffix(unit)?.parse::<u64>().ok();
    let days = number('D').or_else(|| number('W')?.checked_mul(7)).filter(|days| *days > 0);
    match days {
        Some(days) => Ok(days),
        None => refused(HolidayProblem::NotAllDay, "`DURATION` is not one of whole days like `P3D`."),
    }
}

fn unsupported<T>(what: &str) -> Result<T, Refused> {
    let message = format!("{what} is not understood; set the days by hand, or give each as an event of its own.");
    refused(HolidayProblem::UnsupportedRecurrence, message)
}

/// The days with those of later years; whether they come each year without an end.
fn recurring(event: &Component<'_>, days: Vec<NaiveDate>) -> Result<(Vec<NaiveDate>, bool), Refused> {
    for name in ["EXDATE", "EXRULE", "RDATE", "RECURRENCE-ID"] {
        if property(event, name).is_some() {
            return unsupported(&format!("`{name}`"));
        }
    }
    let Some(rule) = property(event, "RRULE") else { return Ok((days, false)) };
    let Some(first) = days.first().copied() else { return Ok((days, false)) };
    let rule = rule.val.as_str().to_ascii_uppercase();
    let (mut is_yearly, mut count, mut until) = (false, None, None);
    for part in rule.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=').unwrap_or((part, "")) {
            ("FREQ", "YEARLY") => is_yearly = true,
            ("INTERVAL", "1") | ("WKST", _) => {}
            ("BYMONTH", month) if month.parse() == Ok(first.month()) => {}
            ("BYMONTHDAY", day) if day.parse() == Ok(first.day()) => {}
            ("COUNT", times) if times.parse::<i32>().is_ok_and(|times| times > 0) => count = times.parse::<i32>().ok(),
            ("UNTIL", last) if last.len() >= 8 && last.is_ascii() => until = Some(date("UNTIL", &last[..8])?),
            _ => return unsupported(&format!("`RRULE:{}`", text::first(&rule, 100))),
        }
    }
    if !is_yearly {
        return unsupported(&format!("`RRULE:{}`", text::first(&rule, 100)));
    }
    if count.is_none() && until.is_none() {
        return Ok((days, true));
    }
    let mut found = Vec::new();
    let mut times = 0;
    for year in first.year()..=LAST_YEAR {
        // The 29th of February comes in leap years alone, and only they count.
        let Some(start) = first.with_year(year) else { continue };
        if count.is_some_and(|count| times >= count) || until.is_some_and(|until| start > until) {
            break;
        }
        times += 1;
        found.extend((0..days.len() as u64).filter_map(|days| start.checked_add_days(Days::new(days))));
        if found.len() > DAYS {
            let message = format!("The event makes more than {DAYS} days; give it no end, and they are yearly ones.");
            return refused(HolidayProblem::TooManyDays, message);
        }
    }
    Ok((found, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(lines: &str) -> Result<Event, Problem> {
        let file = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n");
        read(&file, 20).unwrap().remove(0)
    }

    #[test]
    fn days_are_counted_as_the_file_says() {
        for (lines, expected, yearly) in [
            ("DTSTART;VALUE=DATE:20261029", vec!["2026-10-29"], false),
            ("dtstart:20261029\nDTEND:20261029", vec!["2026-10-29"], false),
            ("DTSTART:20261231\nDTEND:20270102", vec!["2026-12-31", "2027-01-01"], false),
            ("DTSTART:20261029\nDURATION:P1D", vec!["2026-10-29"], false),
            ("DTSTART:20261029T000000\nDTEND:20261031T000000", vec!["2026-10-29", "2026-10-30"], false),
            (
                "DTSTART:20261029\nRRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=10;BYMONTHDAY=29;WKST=MO",
                vec!["2026-10-29"],
                true,
            ),
            ("DTSTART:20261029\nRRULE:freq=yearly", vec!["2026-10-29"], true),
            ("DTSTART:20261029\nRRULE:FREQ=YEARLY;COUNT=2", vec!["2026-10-29", "2027-10-29"], false),
            ("DTSTART:20261029\nRRULE:FREQ=YEARLY;UNTIL=20271029T000000Z", vec!["2026-10-29", "2027-10-29"], false),
            ("DTSTART:20261029\nRRULE:FREQ=YEARLY;UNTIL=20271028", vec!["2026-10-29"], false),
            ("DTSTART:20240229\nRRULE:FREQ=YEARLY;COUNT=2", vec!["2024-02-29", "2028-02-29"], false),
            (
                "DTSTART:20261231\nDTEND:20270102\nRRULE:FREQ=YEARLY;COUNT=2",
                vec!["2026-12-31", "2027-01-01", "2027-12-31", "2028-01-01"],
                false,
            ),
        ] {
            let event = read_one(&format!("{lines}\nSUMMARY:Tatil")).unwrap();
            let days: Vec<String> = event.days.iter().map(ToString::to_string).collect();
            assert_eq!(
                (days, event.yearly),
                (expected.iter().map(|day| (*day).to_owned()).collect(), yearly),
                "{lines}"
            );
        }
        assert_eq!(read_one("DTSTART:20261029\nDURATION:P1W\nSUMMARY:Tatil").unwrap().days.len(), 7);
    }

    #[test]
    fn what_would_be_read_wrongly_is_refused() {
        use HolidayProblem::*;
        for (lines, reason) in [
            ("SUMMARY:Tatil", InvalidDate),
            ("SUMMARY:Tatil\nDTSTART:2026-10-29", InvalidDate),
            ("SUMMARY:Tatil\nDTSTART:+2026129", InvalidDate),
            ("SUMMARY:Tatil\nDTSTART:20261029\nDTEND:20261028", InvalidDate),
            ("SUMMARY:Tatil\nDTSTART:19691029", InvalidDate),
            ("SUMMARY:Tatil\nDTSTART:20261029T000000Z", NotAllDay),
            ("SUMMARY:Tatil\nDTSTART:20261029\nDURATION:PT6H", NotAllDay),
            ("SUMMARY:Tatil\nDTSTART:20261029\nDURATION:P0D", NotAllDay),
            ("SUMMARY:Tatil\nDTSTART:20261029\nDURATION:P400D", TooManyDays),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRRULE:FREQ=MONTHLY", UnsupportedRecurrence),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRRULE:FREQ=YEARLY;INTERVAL=2", UnsupportedRecurrence),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRRULE:FREQ=YEARLY;BYMONTH=11", UnsupportedRecurrence),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRRULE:FREQ=YEARLY;COUNT=0", UnsupportedRecurrence),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRRULE:", UnsupportedRecurrence),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRRULE:FREQ=YEARLY\nEXDATE:20271029", UnsupportedRecurrence),
            ("SUMMARY:Tatil\nDTSTART:20261029\nRECURRENCE-ID:20261029", UnsupportedRecurrence),
            ("SUMMARY: \nDTSTART:20261029", InvalidName),
            ("SUMMARY:123456789012345678901\nDTSTART:20261029", InvalidName),
            ("BEGIN:VALARM\nSUMMARY:Tatil\nDTSTART:20261029", Unreadable),
        ] {
            assert_eq!(read_one(lines).unwrap_err().reason, reason, "{lines}");
        }
    }

    #[test]
    fn only_calendars_are_read() {
        assert!(read("", 20).is_none() && read("BEGIN:VCARD\nEND:VCARD", 20).is_none());
        assert_eq!(read("begin:vcalendar\nend:vcalendar", 20), Some(vec![]));
        let unended = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VEVENT\nDTSTART:20261029\nSUMMARY:Tatil\nEND:VEVENT";
        let events = read(unended, 20).unwrap();
        assert_eq!(events[0].as_ref().unwrap_err().place, Place { event: 1, line: 2, ..Place::default() });
        assert_eq!(events[1].as_ref().unwrap().place.line, 3);
    }
}
