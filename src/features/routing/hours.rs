//! What a site's calendar means for those who wait.

use ::entity::site;
use chrono::{DateTime, TimeDelta, Utc};

use super::priority;
use crate::{
    features::calendars::{self, Calendar, State},
    kernel::Result,
    ports::db::Db,
};

/// True while conversations are given to agents: within business hours, breaks included.
pub(super) async fn open(db: &Db<'_>, site: &site::Model, now: DateTime<Utc>) -> Result<bool> {
    Ok(is_open(&calendars::of_site(db, site).await?.calendar, now))
}

/// The same of a calendar.
pub(super) fn is_open(calendar: &Calendar, at: DateTime<Utc>) -> bool {
    match calendars::status(calendar, at).state {
        State::Open | State::Break => true,
        State::Closed | State::Holiday => false,
    }
}

/// Until when somebody waits who began to wait at `from` and was patient until now: `patience` later, not before the break
/// ends in which that is, and no longer than the site is open. `None` when it is closed already.
pub(super) fn deadline(
    calendar: &Calendar,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
    patience: TimeDelta,
) -> Option<DateTime<Utc>> {
    if !is_open(calendar, now) {
        return None;
    }
    let break_end = |at: DateTime<Utc>| {
        let status = calendars::status(calendar, at);
        (status.state == State::Break).then_some(status.next_change).flatten()
    };
    let patient = priority::deadline(from, patience, break_end(from).or_else(|| break_end(now)));
    Some(closing(calendar, now, patient).unwrap_or(patient))
}

/// When the site closes for the first time after `from` and before `until`.
fn closing(calendar: &Calendar, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut at = from;
    while let Some(next) = calendars::status(calendar, at).next_change.filter(|next| *next < until) {
        if !is_open(calendar, next) {
            return Some(next);
        }
        at = next;
    }
    None
}
