//! The order of those who wait, and how long it will take, without IO.

use std::{cmp::Ordering, time::Duration};

use ::entity::queue_entry;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Where everybody begins.
const BASE: i64 = 1;
/// What an important visitor is ahead by.
const VIP: i32 = 4;
/// What somebody who has been here before is ahead by.
const RETURNING: i32 = 2;
/// What somebody on a page about buying is ahead by.
const SALES: i32 = 1;
/// Who has waited so long moves up by one.
const STEP: TimeDelta = TimeDelta::minutes(2);
/// Nobody is further ahead than this; of several there the one who came first.
const CAP: i64 = 10;
/// An estimate is rounded up to whole half minutes.
const ROUNDED: u64 = 30;

/// What a visitor is ahead by when they begin to wait.
pub(super) fn head_start(vip: bool, returning: bool, sales: bool) -> i32 {
    let bonus = |is: bool, points: i32| if is { points } else { 0 };
    bonus(vip, VIP) + bonus(returning, RETURNING) + bonus(sales, SALES)
}

/// Somebody who waits, as far as their place depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Decides between those who came in the same moment: the conversation.
    pub(super) id: Uuid,
    /// When they began to wait.
    pub(super) entered_at: DateTime<Utc>,
    /// See [`head_start`].
    pub(super) head_start: i32,
}

impl From<&queue_entry::Model> for Waiting {
    fn from(entry: &queue_entry::Model) -> Self {
        Self { id: entry.conversation_id.0, entered_at: entry.entered_at, head_start: entry.head_start }
    }
}

impl Waiting {
    /// `1 + head start + 1 for each two whole minutes of waiting`, at most 10.
    pub(super) fn priority(&self, now: DateTime<Utc>) -> i64 {
        let waited = (now - self.entered_at).max(TimeDelta::zero());
        let ageing = waited.num_seconds() / STEP.num_seconds();
        (BASE + i64::from(self.head_start) + ageing).min(CAP)
    }

    /// Who comes first at a moment: the higher priority, then who entered earlier, then the smaller id.
    pub(super) fn before(&self, other: &Self, now: DateTime<Utc>) -> Ordering {
        let by_priority = other.priority(now).cmp(&self.priority(now));
        by_priority.then(self.entered_at.cmp(&other.entered_at)).then(self.id.cmp(&other.id))
    }

    /// When the priority rises next by waiting; `None` at the cap.
    pub(super) fn rises_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.priority(now) >= CAP {
            return None;
        }
        let steps = (now - self.entered_at).max(TimeDelta::zero()).num_seconds() / STEP.num_seconds();
        Some(self.entered_at + STEP * i32::try_from(steps + 1).ok()?)
    }
}

/// How long the one in `position` (from 1) will wait: `position * median handling / slots`, rounded up to 30 seconds.
/// `slots` are the conversations that the agents who are there may have together; `None` without any.
pub(super) fn estimate(position: u32, handling: Duration, slots: u32) -> Option<Duration> {
    let seconds = (u64::from(position) * handling.as_secs()).checked_div(u64::from(slots))?;
    Some(Duration::from_secs(seconds.div_ceil(ROUNDED) * ROUNDED))
}

/// When somebody has waited long enough: after `patience`, but not before the break ends in which they came.
pub(super) fn deadline(
    entered_at: DateTime<Utc>,
    patience: TimeDelta,
    break_until: Option<DateTime<Utc>>,
) -> DateTime<Utc> {
    let patient = entered_at + patience;
    break_until.map_or(patient, |end| patient.max(end))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(hour: u32, minute: u32, second: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 5, hour, minute, second).unwrap()
    }

    fn came(entered_at: DateTime<Utc>) -> Waiting {
        Waiting { id: Uuid::nil(), entered_at, head_start: 0 }
    }

    fn after(waiting: Waiting, seconds: i64) -> i64 {
        waiting.priority(waiting.entered_at + TimeDelta::seconds(seconds))
    }

    #[test]
    fn q1_waiting_moves_up_every_two_minutes() {
        let plain = came(at(10, 0, 0));
        assert_eq!([0, 119, 120, 299].map(|seconds| after(plain, seconds)), [1, 1, 2, 3]);
    }

    #[test]
    fn q2_bonuses_add_up_to_the_cap() {
        let with = |head_start| Waiting { head_start, ..came(at(10, 0, 0)) };
        let vip = with(head_start(true, false, false));
        let returning = with(head_start(true, true, false));
        let sales = with(head_start(true, true, true));
        assert_eq!((after(vip, 0), after(returning, 0)), (5, 7));
        assert_eq!([0, 239, 240, 600].map(|seconds| after(sales, seconds)), [8, 9, 10, 10]);
        assert_eq!(sales.rises_at(at(10, 10, 0)), None);
        assert_eq!(sales.rises_at(at(10, 1, 0)), Some(at(10, 2, 0)));
    }

    #[test]
    fn q3_and_q4_of_equal_priority_the_earlier_comes_first() {
        let now = at(10, 30, 0);
        assert_eq!(after(Waiting { head_start: head_start(false, true, false), ..came(now) }, 0), 3);
        assert_eq!(after(Waiting { head_start: head_start(false, false, true), ..came(now) }, 240), 4);
        let plain = came(now - TimeDelta::seconds(1080));
        let vip = Waiting { head_start: head_start(true, false, false), ..came(now - TimeDelta::seconds(600)) };
        assert_eq!((plain.priority(now), vip.priority(now)), (10, 10));
        assert_eq!(plain.before(&vip, now), Ordering::Less);
        assert_eq!(came(at(10, 0, 0)).before(&came(at(10, 0, 5)), now), Ordering::Less);
    }

    #[test]
    fn q6_nobody_is_sent_away_during_a_break() {
        let patience = TimeDelta::minutes(5);
        assert_eq!(deadline(at(12, 10, 0), patience, Some(at(13, 0, 0))), at(13, 0, 0));
        assert_eq!(deadline(at(12, 58, 0), patience, Some(at(13, 0, 0))), at(13, 3, 0));
        assert_eq!(deadline(at(10, 0, 0), patience, None), at(10, 5, 0));
    }

    #[test]
    fn eta1_an_estimate_is_rounded_up_and_absent_without_agents() {
        let handling = Duration::from_secs(600);
        assert_eq!(estimate(3, handling, 25), Some(Duration::from_secs(90)));
        assert_eq!(estimate(3, handling, 0), None);
        assert_eq!(estimate(1, handling, 600), Some(Duration::from_secs(30)));
    }
}
