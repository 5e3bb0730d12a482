//! What calendars and emergencies mean for those who wait.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{ids::DepartmentId, queue_entry, site};
use chrono::{DateTime, TimeDelta, Utc};

use super::priority;
use crate::{
    features::{
        calendars::{self, Calendar, State},
        widgets,
    },
    kernel::Result,
    ports::db::Db,
};

/// When people are there for those who wait for a department or, without one, for anybody.
pub(super) struct Hours {
    calendar: Calendar,
    /// Nobody is there for anybody, whatever the calendar says.
    emergency: bool,
    /// Since when that is.
    since: Option<DateTime<Utc>>,
}

/// For whom they wait.
pub(super) fn lines(entries: &[queue_entry::Model]) -> HashSet<Option<DepartmentId>> {
    entries.iter().map(|entry| entry.line).collect()
}

/// The hours of a site and of departments of it.
pub(super) async fn of(
    db: &Db<'_>,
    site: &site::Model,
    lines: HashSet<Option<DepartmentId>>,
    now: DateTime<Utc>,
) -> Result<HashMap<Option<DepartmentId>, Hours>> {
    let emergency = widgets::current_emergency(db, site.id, now).await?;
    let (emergency, since) = (emergency.is_some(), emergency.map(|emergency| emergency.changed_at));
    let mut hours = HashMap::new();
    for line in lines {
        let calendar = match line {
            Some(department) => calendars::of_department(db, site, department).await?.calendar,
            None => calendars::of_site(db, site).await?.calendar,
        };
        hours.insert(line, Hours { calendar, emergency, since });
    }
    Ok(hours)
}

/// Those for whom conversations are given out at a moment, of those for whom somebody waits. Worked out once for each:
/// a calendar is looked through for days ahead.
pub(super) async fn open(
    db: &Db<'_>,
    site: &site::Model,
    entries: &[queue_entry::Model],
    now: DateTime<Utc>,
) -> Result<BTreeSet<Option<DepartmentId>>> {
    let hours = of(db, site, lines(entries), now).await?;
    Ok(hours.into_iter().filter(|(_, hours)| hours.are_open(now)).map(|(line, _)| line).collect())
}

/// The hours of one.
pub(super) async fn of_line(
    db: &Db<'_>,
    site: &site::Model,
    line: Option<DepartmentId>,
    now: DateTime<Utc>,
) -> Result<Option<Hours>> {
    Ok(of(db, site, HashSet::from([line]), now).await?.remove(&line))
}

impl Hours {
    #[cfg(test)]
    fn new(calendar: Calendar) -> Self {
        Self { calendar, emergency: false, since: None }
    }

    /// True while conversations are given to agents: within business hours, breaks included, and in no emergency.
    pub(super) fn are_open(&self, at: DateTime<Utc>) -> bool {
        match calendars::status(&self.calendar, at).state {
            State::Open | State::Break => !self.emergency,
            State::Closed | State::Holiday => false,
        }
    }

    /// True when who was told at `then` that it is closed is to be told again: it was open meanwhile, or this emergency has
    /// begun since.
    pub(super) fn is_closed_again(&self, then: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        if let Some(since) = self.since {
            return then < since;
        }
        let status = calendars::status(&self.calendar, then);
        matches!(status.state, State::Open | State::Break) || status.next_change.is_some_and(|next| next <= now)
    }

    /// Until when somebody waits who began to at `from` and was patient until `now`: `patience` later, not before the break
    /// ends in which that is, and no longer than it is open. `None` when it is closed already.
    pub(super) fn deadline(
        &self,
        from: DateTime<Utc>,
        now: DateTime<Utc>,
        patience: TimeDelta,
    ) -> Option<DateTime<Utc>> {
        if !self.are_open(now) {
            return None;
        }
        let break_end = |at: DateTime<Utc>| {
            let status = calendars::status(&self.calendar, at);
            (status.state == State::Break).then_some(status.next_change).flatten()
        };
        let patient = priority::deadline(from, patience, break_end(from).or_else(|| break_end(now)));
        Some(self.closing(now, patient).unwrap_or(patient))
    }

    /// When it closes for the first time after `from` and before `until`.
    fn closing(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut at = from;
        while let Some(next) = calendars::status(&self.calendar, at).next_change.filter(|next| *next < until) {
            if !self.are_open(next) {
                return Some(next);
            }
            at = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use ::entity::business_hours::{self, Span, Week};
    use chrono::TimeZone;

    use super::*;

    /// Monday 09:00 to 18:00 in Istanbul with a break from 12:00 to 13:00.
    fn monday() -> Hours {
        let span = |from: u16, to: u16| Span { from: from * 60, to: to * 60 };
        let mut week = Week::default();
        week.0[0] = business_hours::Hours { intervals: vec![span(9, 18)], breaks: vec![span(12, 13)] };
        Hours::new(Calendar::new("Europe/Istanbul".parse().unwrap(), &week, []))
    }

    fn at(hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 5, hour - 3, minute, 0).unwrap()
    }

    #[test]
    fn patience_ends_after_five_minutes_after_the_break_or_at_closing_time() {
        let patience = TimeDelta::minutes(5);
        let until = |from| monday().deadline(from, from, patience);
        assert_eq!(until(at(10, 0)), Some(at(10, 5)));
        assert_eq!(until(at(12, 10)), Some(at(13, 0)), "Q6t");
        assert_eq!(until(at(12, 58)), Some(at(13, 3)));
        assert_eq!(until(at(17, 58)), Some(at(18, 0)));
        assert_eq!(until(at(18, 0)), None);
    }

    #[test]
    fn whose_patience_ends_in_a_break_waits_until_it_is_over() {
        let (from, patience) = (at(11, 57), TimeDelta::minutes(5));
        assert_eq!(monday().deadline(from, from, patience), Some(at(12, 2)));
        assert_eq!(monday().deadline(from, at(12, 2), patience), Some(at(13, 0)));
    }

    #[test]
    fn in_an_emergency_nobody_waits() {
        let hours = Hours { emergency: true, ..monday() };
        assert!(!hours.are_open(at(10, 0)) && hours.deadline(at(10, 0), at(10, 0), TimeDelta::minutes(5)).is_none());
    }
}
