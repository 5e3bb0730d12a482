//! What can happen to a calendar. Its owner, the site or a department, is the subject of a line.

use ::entity::ids::SpecialDayId;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// Something that happened to a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CalendarFact {
    /// The hours of the week or their time zone were changed.
    HoursUpdated,
    /// The hours were taken away: a department has its site's again, a site is open always.
    HoursDeleted,
    /// A special day was made or changed.
    SpecialDaySet {
        /// The special day.
        special_day: SpecialDayId,
        /// The day, or the first of those of each year.
        date: NaiveDate,
    },
    /// A special day is an ordinary one again.
    SpecialDayDeleted {
        /// The special day.
        special_day: SpecialDayId,
        /// The day, or the first of those of each year.
        date: NaiveDate,
    },
    /// Holidays were read from an iCalendar file.
    HolidaysImported {
        /// How many days are new.
        created: usize,
        /// How many were changed.
        updated: usize,
    },
}

impl Fact for CalendarFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::HoursUpdated => "calendar.hours_updated",
            Self::HoursDeleted => "calendar.hours_deleted",
            Self::SpecialDaySet { .. } => "calendar.special_day_set",
            Self::SpecialDayDeleted { .. } => "calendar.special_day_deleted",
            Self::HolidaysImported { .. } => "calendar.holidays_imported",
        }
    }
}

impl CalendarFact {
    /// Reads a journal line; `None` for another feature's.
    pub fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
