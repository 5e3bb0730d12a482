//! Calendars in the API.

mod mutation;
mod query;
mod types;

pub(crate) use self::types::{SpecialDay, WeekdayHours, week};
pub use self::{mutation::CalendarsMutation, query::CalendarsQuery};
