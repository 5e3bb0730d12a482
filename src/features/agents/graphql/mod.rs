//! The feature's part of the API.

mod agents;
mod presence;
mod units;

pub use agents::{AgentsMutation, AgentsQuery};
pub use presence::{PresenceMutation, PresenceQuery, PresenceSubscription};
pub(crate) use units::{Department, Team};
pub use units::{UnitsMutation, UnitsQuery};
