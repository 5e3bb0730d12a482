//! The feature's part of the API.

mod agents;
mod presence;
mod units;

pub(crate) use agents::AgentPresence;
pub use agents::{AgentsMutation, AgentsQuery};
pub(crate) use presence::{PresenceChanged, presence_changes};
pub use presence::{PresenceMutation, PresenceQuery, PresenceSubscription};
pub(crate) use units::{Department, Team};
pub use units::{UnitsMutation, UnitsQuery};
