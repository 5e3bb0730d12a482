//! What can happen to departments, teams and agents.

use ::entity::{
    agent_state::Availability,
    ids::{DepartmentId, TeamId, UserId},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// A fact about the staff of a site. An agent is the subject of the lines about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AgentFact {
    /// A department was made or changed.
    DepartmentSaved {
        /// Which.
        department: DepartmentId,
    },
    /// A department was deleted.
    DepartmentDeleted {
        /// Which.
        department: DepartmentId,
    },
    /// A team was made or changed.
    TeamSaved {
        /// Which.
        team: TeamId,
    },
    /// A team was deleted.
    TeamDeleted {
        /// Which.
        team: TeamId,
    },
    /// What an agent can do was changed.
    ProfileChanged {
        /// Whose.
        user: UserId,
    },
    /// The first dashboard of an agent was opened.
    CameOnline {
        /// Who.
        user: UserId,
    },
    /// The last dashboard of an agent has been gone for a minute, or they signed out.
    WentOffline {
        /// Who.
        user: UserId,
    },
    /// The connection of their last dashboard is gone; they have a minute to come back.
    ConnectionLost {
        /// Whose.
        user: UserId,
    },
    /// They came back within the minute.
    ConnectionBack {
        /// Who.
        user: UserId,
    },
    /// An agent said something about their availability, or what they said has run out.
    AvailabilityChanged {
        /// Who.
        user: UserId,
        /// What.
        state: Availability,
        /// Until when.
        until: Option<DateTime<Utc>>,
    },
}

impl Fact for AgentFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::DepartmentSaved { .. } => "department.saved",
            Self::DepartmentDeleted { .. } => "department.deleted",
            Self::TeamSaved { .. } => "team.saved",
            Self::TeamDeleted { .. } => "team.deleted",
            Self::ProfileChanged { .. } => "agent.profile_changed",
            Self::CameOnline { .. } => "agent.online",
            Self::WentOffline { .. } => "agent.offline",
            Self::ConnectionLost { .. } => "agent.connection_lost",
            Self::ConnectionBack { .. } => "agent.connection_back",
            Self::AvailabilityChanged { .. } => "agent.availability",
        }
    }
}

impl AgentFact {
    /// Reads a journal line; `None` for another feature's.
    pub fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }

    /// The agent whose presence changed, if that is what it tells of.
    pub fn present(&self) -> Option<UserId> {
        match self {
            Self::CameOnline { user }
            | Self::WentOffline { user }
            | Self::AvailabilityChanged { user, .. }
            | Self::ProfileChanged { user } => Some(*user),
            Self::DepartmentSaved { .. }
            | Self::DepartmentDeleted { .. }
            | Self::TeamSaved { .. }
            | Self::TeamDeleted { .. }
            | Self::ConnectionLost { .. }
            | Self::ConnectionBack { .. } => None,
        }
    }
}
