//! Agents: the members of a site as those who talk to visitors.
//!
//! What always holds:
//! - Departments and teams are of one site and hold members of it only; no two of a site have the same name.
//! - An agent is online while a dashboard of theirs is open, on whatever node, and a minute longer; leases that nobody moves
//!   on run out, so a node that dies takes nobody's presence with it.
//! - What agents say about their availability outlives their dashboards, until its time is over.
//! - Every change of presence is a journal line about the agent.
//!
//! Later features use: [`roster`] for who gets conversations, [`department_of`] and [`lock_department_of`],
//! [`presence_changes`] to follow a site. `app.rs` starts
//! [`keep_leases`] on each node.

mod facts;
mod graphql;
mod model;
mod presence;
mod profiles;
mod roster;
mod store;
mod units;

use ::entity::ids::{DepartmentId, TeamId};

pub use self::{
    facts::AgentFact,
    graphql::{
        AgentsMutation, AgentsQuery, PresenceMutation, PresenceQuery, PresenceSubscription, UnitsMutation, UnitsQuery,
    },
    presence::keep_leases,
};
pub(crate) use self::{
    graphql::{AgentPresence, Department, PresenceChanged, Team, presence_changes},
    presence::GRACE,
    roster::{RosterAgent, Whom, roster},
    store::{department_of, departments_of, has_department, lock_department_of},
};
use super::sites::reach_to;
use crate::kernel::{Ctx, Permission, Result};

/// A department, as the members of its site see it, for `node(id:)`.
pub(crate) async fn department_node(cx: &Ctx, id: DepartmentId) -> Result<Department> {
    let reach = reach_to(cx, Permission::SitesRead, "department")?;
    Ok(store::department(&cx.db(), &reach, id).await?.into())
}

/// A team, as the members of its site see it, for `node(id:)`.
pub(crate) async fn team_node(cx: &Ctx, id: TeamId) -> Result<Team> {
    let reach = reach_to(cx, Permission::SitesRead, "team")?;
    Ok(store::team(&cx.db(), &reach, id).await?.into())
}
