//! What those who run the server care for: what it tidies up by itself, and background work that failed.
//!
//! Jobs belong to no site, so they are for superadmins alone. What a job holds is never shown: it names things of sites.

mod graphql;
mod trim;

pub(crate) use self::graphql::{FailedJob, node};
pub use self::{
    graphql::{UpkeepMutation, UpkeepQuery},
    trim::TrimJournals,
};
