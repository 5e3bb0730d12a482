//! Calendars in the API.

mod mutation;
mod query;
mod types;

pub use self::{mutation::CalendarsMutation, query::CalendarsQuery};
