//! What is kept of a choice, and shown.

use ::entity::{
    ids::{ConversationId, MembershipId, SiteId, UserId},
    queue_entry::{Demand, Strategy},
    routing_decision,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::choice::{Choice, Considered, Exclusion};
use crate::kernel::{Error, Result};

/// Candidates that a decision keeps, best first; of the others it keeps how many there were.
const KEPT: usize = 50;

/// What was asked for, who came into question, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) demand: Demand,
    /// The strategy that decided in the end.
    pub(crate) strategy: Strategy,
    /// It went back to who had it before.
    pub(crate) returned: bool,
    pub(crate) candidates: Vec<Candidate>,
    /// Candidates that are not kept.
    pub(crate) others: i32,
    /// Who got the site's last conversation: the turn begins after them.
    pub(crate) last: Option<MembershipId>,
}

/// An agent as they were at that moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) user: UserId,
    pub(crate) score: Option<f64>,
    pub(crate) excluded: Option<Exclusion>,
    pub(crate) active: u32,
    pub(crate) offered: u32,
    pub(crate) max: u32,
    pub(crate) fit: f64,
    pub(crate) priority: i32,
    pub(crate) rating: Option<f64>,
}

impl From<&Considered<'_>> for Candidate {
    fn from(one: &Considered<'_>) -> Self {
        let agent = one.agent;
        Self {
            user: agent.user,
            score: one.score.filter(|score| score.is_finite()),
            excluded: one.excluded,
            active: agent.active,
            offered: agent.offered,
            max: agent.max,
            fit: one.fit,
            priority: agent.priority,
            rating: agent.rating,
        }
    }
}

/// Explains a choice.
pub(super) fn explain(demand: &Demand, choice: &Choice<'_>, last: Option<Uuid>) -> Explanation {
    Explanation {
        demand: demand.clone(),
        strategy: choice.strategy,
        returned: choice.returned,
        candidates: choice.considered.iter().take(KEPT).map(Candidate::from).collect(),
        others: i32::try_from(choice.considered.len().saturating_sub(KEPT)).unwrap_or(i32::MAX),
        last: last.map(MembershipId),
    }
}

/// The row that keeps it; its number is given when it is inserted.
pub(super) fn row(
    (site, conversation): (SiteId, ConversationId),
    explanation: &Explanation,
    chosen: Option<UserId>,
    offered: bool,
    now: DateTime<Utc>,
) -> Result<routing_decision::Model> {
    Ok(routing_decision::Model {
        conversation_id: conversation,
        number: 0,
        site_id: site,
        chosen,
        offered,
        explanation: serde_json::to_value(explanation).map_err(Error::internal)?,
        decided_at: now,
    })
}

/// Reads it again.
pub(super) fn read(row: &routing_decision::Model) -> Result<Explanation> {
    serde_json::from_value(row.explanation.clone()).map_err(Error::internal)
}
