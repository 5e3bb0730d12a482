//! Arithmetic of working time. Pure: no IO, no clock, the same answer for the same arguments.
//!
//! The rules:
//! - An interval belongs to the day on which it begins and runs to its end, also into a special day. A special day
//!   changes what begins on it. Where an interval runs into the next day's first one, they are one.
//! - A local time is the first moment at which a clock on the wall shows it or a later time. So a time that does not exist
//!   (clocks go forward) is the moment of the change, and of a time that is there twice (clocks go back) the first one
//!   counts: an interval is never worked twice, and intervals without a gap between them have none on any day.
//! - Working time passes while an interval is on and no break, to the microsecond. A break counts as a break, and what is
//!   neither is closed: a holiday where the day is a special one.
//! - What looks for working time gives up where there is none within 366 days.

pub(super) mod segments;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use ::entity::{
    business_hours::{Hours, Span, Week},
    special_day::SpecialHours,
};
use chrono::{DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use self::segments::Segment;

/// Days in which working time is looked for.
pub(super) const SEARCH_DAYS: u16 = 366;
/// Minutes of a day by the clock on the wall.
pub(super) const DAY: u16 = 24 * 60;

/// There is no working time within 366 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWorkingTime;

/// A day that differs from an ordinary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialDay {
    /// The day, or the first of those of each year.
    pub date: NaiveDate,
    /// The same day of each later year is special, too; the 29th of February in leap years alone.
    pub yearly: bool,
    /// What it is called.
    pub name: String,
    /// What visitors are told.
    pub message: Option<String>,
    /// Its hours.
    pub hours: SpecialHours,
}

/// When work is done: the hours of each weekday in a time zone, and the days that differ.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: Tz,
    /// Monday first.
    week: [Vec<Segment>; 7],
    /// Those that count first come first.
    special: Vec<SpecialDays>,
}

/// Special days of which there is one for a date and one for a day of each year.
#[derive(Clone, Debug)]
struct SpecialDays {
    dates: HashMap<NaiveDate, SpecialDay>,
    /// By month and day.
    yearly: HashMap<(u32, u32), SpecialDay>,
}

impl SpecialDays {
    fn new(days: impl IntoIterator<Item = SpecialDay>) -> Self {
        let (yearly, dates): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| day.yearly);
        Self {
            dates: dates.into_iter().map(|day| (day.date, day)).collect(),
            yearly: yearly.into_iter().map(|day| ((day.date.month(), day.date.day()), day)).collect(),
        }
    }

    /// The one on a date. That of the date wins over the yearly one.
    fn on(&self, date: NaiveDate) -> Option<&SpecialDay> {
        let each_year = || self.yearly.get(&(date.month(), date.day())).filter(|day| day.date <= date);
        self.dates.get(&date).or_else(each_year)
    }
}

/// What a moment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Within an interval.
    Open,
    /// Within a break.
    Break,
    /// Outside of all intervals.
    Closed,
    /// The same, on a special day.
    Holiday,
}

/// What a moment is, and what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// What the moment is.
    pub state: State,
    /// The special day that decides it: that on which the interval began or, outside of all, that of the moment.
    pub special: Option<&'a SpecialDay>,
    /// When the state is another one for the first time; none within 366 days.
    pub next_change: Option<DateTime<Utc>>,
    /// When it opens, for a moment at which it is not open; none within 366 days.
    pub next_open: Option<DateTime<Utc>>,
}

/// A part of an interval, or a break, on the line of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    is_break: bool,
    /// The day on which the interval began.
    day: NaiveDate,
}

impl Calendar {
    /// A calendar of a week and special days. Of two special days on one day that of the date wins over the yearly one.
    pub fn new(zone: Tz, week: &Week, special: impl IntoIterator<Item = SpecialDay>) -> Self {
        Self { zone, week: week.0.each_ref().map(segments::of), special: vec![SpecialDays::new(special)] }
    }

    /// The same with more special days, which count where there are others on the same day.
    pub fn with(mut self, special: impl IntoIterator<Item = SpecialDay>) -> Self {
        self.special.insert(0, SpecialDays::new(special));
        self
    }

    /// The time zone of the hours.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The special day on a date, unless it says that the day is like any other.
    pub fn special(&self, date: NaiveDate) -> Option<&SpecialDay> {
        let first = self.special.iter().find_map(|days| days.on(date));
        first.filter(|day| day.hours != SpecialHours::Usual)
    }

    /// The first moment at which the clock on the wall shows `minute` minutes after the midnight of `day`, or more.
    fn moment(&self, day: NaiveDate, minute: u16) -> DateTime<Utc> {
        let local = day.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(minute.into());
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => at.to_utc(),
            MappedLocalTime::None => self.end_of_gap(local),
        }
    }

    /// When clocks were put forward over a local time. No offset is a day long, so it is within a day of the same time in
    /// UTC.
    fn end_of_gap(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let shows = |second: i64| {
            let at = local.and_utc() + TimeDelta::seconds(second);
            (at, at.with_timezone(&self.zone).naive_local() >= local)
        };
        let day = i64::from(DAY) * 60;
        let (mut before, mut after) = (-day, day);
        while after - before > 1 {
            let middle = i64::midpoint(before, after);
            if shows(middle).1 { after = middle } else { before = middle }
        }
        shows(after).0
    }

    /// The day of a moment. Where clocks go back over midnight, a day that has begun goes on.
    fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        let date = at.with_timezone(&self.zone).date_naive();
        date.succ_opt().filter(|next| self.moment(*next, 0) <= at).unwrap_or(date)
    }

    fn segments_on(&self, day: NaiveDate) -> Vec<Segment> {
        let ordinary = &self.week[day.weekday().num_days_from_monday() as usize];
        match self.special(day).map(|special| &special.hours) {
            None | Some(SpecialHours::Usual) => ordinary.clone(),
            Some(SpecialHours::Closed) => vec![],
            Some(SpecialHours::ClosedFrom(minute)) => segments::until(ordinary, *minute),
            Some(SpecialHours::Own(hours)) => segments::of(hours),
        }
    }

    /// The intervals that begin on a day and their breaks, in order, without what an interval of the day before covers.
    fn stretches(&self, day: NaiveDate) -> Vec<Stretch> {
        let tail = day.pred_opt().and_then(|before| {
            let last = self.segments_on(before).into_iter().map(|segment| segment.to).max()?;
            (last > DAY).then(|| self.moment(before, last))
        });
        let on_time = |segment: Segment| {
            let from = self.moment(day, segment.from);
            let from = tail.map_or(from, |tail| tail.max(from));
            Stretch { from, to: self.moment(day, segment.to), is_break: segment.is_break, day }
        };
        let all = self.segments_on(day).into_iter().map(on_time);
        all.filter(|stretch| stretch.from < stretch.to).collect()
    }

    /// What lies after a moment or around it, in order, from the day before to as many days after.
    fn following(&self, at: DateTime<Utc>) -> impl Iterator<Item = Stretch> {
        // What began on the day before may still be on.
        let days = days_from(self.day_of(at).pred_opt()).take(usize::from(SEARCH_DAYS) + 2);
        days.flat_map(|day| self.stretches(day)).skip_while(move |stretch| stretch.to <= at)
    }
}

/// A day and those after it, as far as there are any.
fn days_from(first: Option<NaiveDate>) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(first, |day| day.succ_opt()).take_while(|day| day.year() < 10_000)
}

/// What a moment is and what comes next.
pub fn status(calendar: &Calendar, at: DateTime<Utc>) -> Status<'_> {
    let mut following = calendar.following(at).peekable();
    match following.next_if(|stretch| stretch.from <= at) {
        Some(now) => {
            let mut end = Some(now.to);
            let mut next = following.next();
            while let Some(same) = next.filter(|next| Some(next.from) == end && next.is_break == now.is_break) {
                end = Some(same.to);
                next = following.next();
            }
            // Beyond the search nothing is known: what is on without an end until there does not end.
            let end = end.filter(|end| next.is_some() || *end < at + TimeDelta::days(SEARCH_DAYS.into()));
            let next_open = now.is_break.then(|| next.into_iter().chain(following).find(|stretch| !stretch.is_break));
            Status {
                state: if now.is_break { State::Break } else { State::Open },
                special: calendar.special(now.day),
                next_change: end,
                next_open: next_open.flatten().map(|stretch| stretch.from),
            }
        }
        None => {
            let today = calendar.day_of(at);
            let special = calendar.special(today);
            let next = following.peek().map(|stretch| stretch.from);
            let differs = |day: &NaiveDate| calendar.special(*day).is_some() != special.is_some();
            let days = days_from(today.succ_opt()).take(SEARCH_DAYS.into());
            let turn = days
                .map(|day| (day, calendar.moment(day, 0)))
                .take_while(|(_, midnight)| next.is_none_or(|next| *midnight < next));
            let turn = turn.into_iter().find(|(day, _)| differs(day)).map(|(_, midnight)| midnight);
            Status {
                state: if special.is_some() { State::Holiday } else { State::Closed },
                special,
                next_change: turn.or(next),
                next_open: following.find(|stretch| !stretch.is_break).map(|stretch| stretch.from),
            }
        }
    }
}

/// The moment by which `duration` of working time has passed since `at`: the first one, so work that ends with an
/// interval ends then and not when the next one begins. A negative duration looks back: the last moment from which so
/// much working time passes until `at`.
///
/// # Errors
/// Where no working time is found within 366 days.
pub fn add_working_time(
    calendar: &Calendar,
    at: DateTime<Utc>,
    duration: TimeDelta,
) -> Result<DateTime<Utc>, NoWorkingTime> {
    let (is_back, mut left) = (duration < TimeDelta::zero(), duration.abs());
    let mut day = calendar.day_of(at);
    if !is_back {
        day = day.pred_opt().ok_or(NoWorkingTime)?;
    }
    let mut worked_on = day;
    if left.is_zero() {
        return Ok(at);
    }
    while (day - worked_on).num_days().abs() <= i64::from(SEARCH_DAYS) + 1 && (1..10_000).contains(&day.year()) {
        let mut work: Vec<_> = calendar.stretches(day).into_iter().filter(|stretch| !stretch.is_break).collect();
        if is_back {
            work.reverse();
        }
        for stretch in work {
            let (from, to) =
                if is_back { (stretch.from, stretch.to.min(at)) } else { (stretch.from.max(at), stretch.to) };
            if from >= to {
                continue;
            }
            if left <= to - from {
                return Ok(if is_back { to - left } else { from + left });
            }
            left -= to - from;
            worked_on = day;
        }
        let next = if is_back { day.pred_opt() } else { day.succ_opt() };
        day = next.ok_or(NoWorkingTime)?;
    }
    Err(NoWorkingTime)
}

/// The working time from one moment to another; negative where the second is the earlier one.
pub fn working_time_between(calendar: &Calendar, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
    if to < from {
        return -working_time_between(calendar, to, from);
    }
    let days = days_from(calendar.day_of(from).pred_opt()).take_while(|day| calendar.moment(*day, 0) < to);
    let work = days.flat_map(|day| calendar.stretches(day)).filter(|stretch| !stretch.is_break);
    let within = work.map(|stretch| stretch.to.min(to) - stretch.from.max(from));
    within.filter(|time| *time > TimeDelta::zero()).sum()
}

/// The hours of a day without a beginning and an end.
pub(super) fn whole_day() -> Hours {
    Hours { intervals: vec![Span { from: 0, to: DAY }], breaks: vec![] }
}
