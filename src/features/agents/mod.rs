//! Agents: the members of a site as those who talk to visitors.
//!
//! What always holds:
//! - Departments and teams are of one site and hold members of it only; no two of a site have the same name.
//! - An agent is online while a dashboard of theirs is open, on whatever node, and a minute longer; leases that nobody moves
//!   on run out, so a node that dies takes nobody's presence with it.
//! - What agents say about their availability outlives their dashboards, until its time is over.
//! - Every change of presence is a journal line about the agent.
//!
//! Later features use: [`roster`] for who gets conversations, [`department_of`] and [`lock_department_of`]. `app.rs` starts
//! [`keep_leases`] on each node.

mod facts;
mod graphql;
mod model;
mod presence;
mod profiles;
mod roster;
mod store;
mod units;

pub use self::{
    facts::AgentFact,
    graphql::{
        AgentsMutation, AgentsQuery, PresenceMutation, PresenceQuery, PresenceSubscription, UnitsMutation, UnitsQuery,
    },
    presence::keep_leases,
};
pub(crate) use self::{
    roster::{RosterAgent, Whom, roster},
    store::{department_of, departments_of, has_department, lock_department_of},
};
