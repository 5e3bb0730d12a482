//! Decisions as the API shows them.

use ::entity::{
    agent_profile::Skill,
    ids::{ConversationId, DepartmentId, MembershipId, UserId},
    queue_entry::Strategy,
    routing_decision,
};
use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::{
    choice::Exclusion,
    decision::{self, Candidate, Explanation},
};
use crate::{
    features::conversations::graphql::types::{Agent, AgentKey},
    kernel::{CtxExt, Result},
};

/// An agent who came into question, as they were at that moment.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(super) struct RoutingCandidate {
    /// The agent's id.
    agent_id: UserId,
    /// Their membership of the site; in the order of these ids it is somebody's turn. Null in old decisions.
    membership_id: Option<MembershipId>,
    /// By the strategy's formula, more is better; null for who was excluded, and without a bound for comparison.
    score: Option<f64>,
    /// Why they could not get it; null for who could.
    excluded_because: Option<Exclusion>,
    /// Conversations they had.
    active_chats: i32,
    /// Conversations that were offered to them.
    offered_chats: i32,
    /// Most they may have.
    max_chats: i32,
    /// Share of the skills asked for that they have, 0 to 1.
    skill_match: f64,
    /// Their priority level.
    priority_level: i32,
    /// The mean of their ratings, 1 to 5; null where it was not asked for, and without ratings.
    rating: Option<f64>,
}

#[ComplexObject]
impl RoutingCandidate {
    /// The agent. Null when there is no such account any more.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        ctx.cx().load(AgentKey(self.agent_id)).await
    }
}

impl From<Candidate> for RoutingCandidate {
    fn from(one: Candidate) -> Self {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        Self {
            agent_id: one.user,
            membership_id: one.key,
            score: one.score,
            excluded_because: one.excluded,
            active_chats: number(one.active),
            offered_chats: number(one.offered),
            max_chats: number(one.max),
            skill_match: one.fit,
            priority_level: one.priority,
            rating: one.rating,
        }
    }
}

/// How an agent was, or would be, chosen: what was asked for, who came into question, and why not.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct RoutingExplanation {
    /// The version of the site's routing settings that said what is asked for; 0 for the usual ones.
    rules_version: i32,
    /// The name of the rule that fitted; null when none did.
    rule: Option<String>,
    /// The strategy that decided in the end: `LEAST_BUSY` where the one asked for had nothing to go by.
    strategy: Strategy,
    /// The department that was asked for.
    department_id: Option<DepartmentId>,
    /// Nobody outside of the department could get it.
    only_department: bool,
    /// The skills that were asked for.
    skills: Vec<Skill>,
    /// The visitor's language.
    language: Option<String>,
    /// It went back to the agent who had it before, whatever the strategy says.
    returned: bool,
    /// Who comes first; null when nobody could get it.
    first_choice_id: Option<UserId>,
    /// Those who came into question, best first, then those who were excluded; at most 50 are kept.
    candidates: Vec<RoutingCandidate>,
    /// How many more there were.
    other_candidates: i32,
    /// Whose turn it was not: the membership of whoever got the site's last conversation. Of equals the next one got it.
    last_membership_id: Option<MembershipId>,
}

impl From<Explanation> for RoutingExplanation {
    fn from(it: Explanation) -> Self {
        Self {
            rules_version: it.demand.rules_version,
            rule: it.demand.rule,
            strategy: it.strategy,
            department_id: it.demand.department,
            only_department: it.demand.strict,
            skills: it.demand.skills,
            language: it.demand.language,
            returned: it.returned,
            first_choice_id: it.candidates.first().filter(|one| one.excluded.is_none()).map(|one| one.user),
            candidates: it.candidates.into_iter().map(RoutingCandidate::from).collect(),
            other_candidates: it.others,
            last_membership_id: it.last,
        }
    }
}

/// Why a conversation was given, or offered, to an agent, or had to wait. Never changed afterwards.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(super) struct RoutingDecision {
    /// The conversation.
    conversation_id: ConversationId,
    /// 1 for its first decision.
    number: i32,
    /// When it was made.
    decided_at: DateTime<Utc>,
    /// Who was chosen; null when nobody could be, so that it waits.
    chosen_id: Option<UserId>,
    /// It was offered to them; false where it was given to them at once.
    offered: bool,
    /// How it came about.
    explanation: RoutingExplanation,
}

#[ComplexObject]
impl RoutingDecision {
    /// Who was chosen.
    async fn chosen(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.chosen_id {
            Some(id) => ctx.cx().load(AgentKey(id)).await,
            None => Ok(None),
        }
    }
}

impl RoutingDecision {
    pub(super) fn of(row: &routing_decision::Model) -> Result<Self> {
        Ok(Self {
            conversation_id: row.conversation_id,
            number: row.number,
            decided_at: row.decided_at,
            chosen_id: row.chosen,
            offered: row.offered,
            explanation: decision::read(row)?.into(),
        })
    }
}
