//! Rules of money and days.

use ::entity::{
    ai_reservation,
    ai_usage::{self, Purpose},
    assistant::Provider,
    ids::{AssistantId, RunId, SiteId},
};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    kernel::{Error, ErrorReason, Result},
    ports::ai::{Price, Usage},
};

/// How long money is set aside for a call at most; no call takes that long.
pub(super) const RESERVED_FOR: TimeDelta = TimeDelta::minutes(30);
/// Days that are shown when nobody says which.
const SHOWN_DAYS: u64 = 30;
/// Most days that are shown at once.
const MOST_DAYS: u64 = 366;

/// A call to a model that is about to be made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Identifies the call.
    pub(crate) id: Uuid,
    pub(crate) site: SiteId,
    pub(crate) assistant: AssistantId,
    /// The run it is made for, if for one.
    pub(crate) run: Option<RunId>,
    pub(crate) purpose: Purpose,
    pub(crate) provider: Provider,
    /// The provider's name of the model, where one is named.
    pub(crate) model: Option<String>,
    /// What the model costs, where that is known.
    pub(crate) price: Option<Price>,
    /// The site's day on which it begins.
    pub(crate) day: NaiveDate,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) tokens: Usage,
    /// The tokens are a guess.
    pub(crate) estimated: bool,
    /// Why it failed, as the API names it; absent when it did not.
    pub(crate) failure: Option<String>,
}

impl Call {
    /// The call as a line of the books.
    pub(super) fn line(&self, outcome: &Outcome, now: DateTime<Utc>) -> ai_usage::Model {
        ai_usage::Model {
            id: self.id,
            site_id: self.site,
            assistant_id: self.assistant,
            run_id: self.run,
            purpose: self.purpose,
            provider: self.provider,
            model: self.model.clone(),
            prompt_tokens: outcome.tokens.prompt_tokens.into(),
            completion_tokens: outcome.tokens.completion_tokens.into(),
            estimated: outcome.estimated,
            // Nothing costs nothing, whatever the price.
            cost_micros: match outcome.tokens {
                Usage { prompt_tokens: 0, completion_tokens: 0 } => Some(0),
                tokens => self.price.map(|price| price.cost(tokens)),
            },
            ok: outcome.failure.is_none(),
            failure: outcome.failure.clone(),
            day: self.day,
            created_at: now,
        }
    }

    /// The call as a reservation of the most that it can cost.
    pub(super) fn reservation(&self, most: Usage, now: DateTime<Utc>) -> ai_reservation::Model {
        ai_reservation::Model {
            id: self.id,
            site_id: self.site,
            assistant_id: self.assistant,
            run_id: self.run,
            purpose: self.purpose,
            provider: self.provider,
            model: self.model.clone(),
            day: self.day,
            cost_micros: self.price.map_or(0, |price| price.cost(most)),
            expires_at: now + RESERVED_FOR,
        }
    }
}

/// A call whose server died before it was booked: the provider may ask for all that it could cost.
pub(super) fn abandoned(row: ai_reservation::Model, now: DateTime<Utc>) -> ai_usage::Model {
    ai_usage::Model {
        id: row.id,
        site_id: row.site_id,
        assistant_id: row.assistant_id,
        run_id: row.run_id,
        purpose: row.purpose,
        provider: row.provider,
        model: row.model,
        prompt_tokens: 0,
        completion_tokens: 0,
        estimated: true,
        cost_micros: Some(row.cost_micros),
        ok: false,
        failure: Some("ABANDONED".to_owned()),
        day: row.day,
        created_at: now,
    }
}

/// Whether a call that can cost `most` may be made: all that is spent and set aside stays within the budget. With nothing
/// left, not even a call of unknown cost is.
pub(super) fn fits(budget: i64, committed: i64, most: i64) -> bool {
    committed < budget && committed.saturating_add(most) <= budget
}

/// The day in a time zone; in UTC where the name is none.
pub(crate) fn day_of(time_zone: &str, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&time_zone.parse().unwrap_or(Tz::UTC)).date_naive()
}

/// A guess at the tokens of a text with that many characters.
pub(crate) fn guess(characters: usize) -> u32 {
    // About 3.5 characters each in the languages that are spoken here.
    u32::try_from(characters.saturating_mul(2).div_ceil(7)).unwrap_or(u32::MAX)
}

/// The days to show, first and last: the last 30 up to today where nothing is said.
pub(super) fn days(from: Option<NaiveDate>, to: Option<NaiveDate>, today: NaiveDate) -> Result<(NaiveDate, NaiveDate)> {
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.checked_sub_days(Days::new(SHOWN_DAYS - 1)).unwrap_or(to));
    if from > to {
        let what = "`from` must not be after `to`.";
        return Err(Error::bad_input("from", ErrorReason::InvalidCombination, what));
    }
    if from.checked_add_days(Days::new(MOST_DAYS)).is_none_or(|end| to >= end) {
        let what = format!("From `from` to `to` are more than {MOST_DAYS} days; ask for less at a time.");
        return Err(Error::bad_input("from", ErrorReason::OutOfRange, what));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_site_also_when_clocks_are_changed() {
        let day = |zone, at: &str| day_of(zone, at.parse().unwrap()).to_string();
        assert_eq!(day("UTC", "2026-03-28T23:59:59Z"), "2026-03-28");
        assert_eq!(day("Europe/Istanbul", "2026-03-28T20:59:59Z"), "2026-03-28");
        assert_eq!(day("Europe/Istanbul", "2026-03-28T21:00:00Z"), "2026-03-29");
        // Summer time begins on 29 March 2026 in Berlin: midnight is 23:00 UTC before, 22:00 UTC after.
        assert_eq!(day("Europe/Berlin", "2026-03-28T22:59:59Z"), "2026-03-28");
        assert_eq!(day("Europe/Berlin", "2026-03-28T23:00:00Z"), "2026-03-29");
        assert_eq!(day("Europe/Berlin", "2026-03-29T21:59:59Z"), "2026-03-29");
        assert_eq!(day("Europe/Berlin", "2026-03-29T22:00:00Z"), "2026-03-30");
        // Clocks are put back on 25 October 2026: the hour from 2 to 3 comes twice on one day.
        assert_eq!(day("Europe/Berlin", "2026-10-25T00:30:00Z"), "2026-10-25");
        assert_eq!(day("Europe/Berlin", "2026-10-25T22:59:59Z"), "2026-10-25");
        // In Santiago clocks are put forward at midnight: the day begins at one o'clock.
        assert_eq!(day("America/Santiago", "2026-09-06T03:59:59Z"), "2026-09-05");
        assert_eq!(day("America/Santiago", "2026-09-06T04:00:00Z"), "2026-09-06");
    }

    #[test]
    fn the_last_cent_can_be_spent_and_no_more() {
        assert!(fits(100, 0, 100) && fits(100, 99, 1) && fits(100, 99, 0));
        assert!(!fits(100, 99, 2) && !fits(100, 100, 0) && !fits(0, 0, 0) && !fits(100, 1, i64::MAX));
    }

    #[test]
    fn days_are_at_most_a_year() {
        let today = date("2026-11-21");
        assert_eq!(days(None, None, today).unwrap(), (date("2026-10-23"), today));
        assert_eq!(days(None, Some(date("2026-01-30")), today).unwrap().0, date("2026-01-01"));
        assert!(days(Some(date("2024-01-01")), Some(date("2024-12-31")), today).is_ok());
        assert!(days(Some(date("2024-01-01")), Some(date("2025-01-01")), today).is_err());
        assert!(days(Some(today), Some(date("2026-11-20")), today).is_err());
    }

    #[test]
    fn seven_characters_are_two_tokens() {
        assert_eq!((guess(0), guess(1), guess(7), guess(8)), (0, 1, 2, 3));
    }
}
