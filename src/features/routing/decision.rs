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
    /// Whose turn it is goes by it.
    #[serde(default)]
    pub(crate) key: Option<MembershipId>,
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
            key: Some(MembershipId(agent.key)),
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

#[cfg(test)]
mod tests {
    use std::{cmp::Ordering, collections::HashSet};

    use ::entity::agent_profile::Skill;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::{
        super::choice::{self, Agent},
        *,
    };

    /// Who was chosen, by nothing but what is kept.
    fn again(kept: &Explanation) -> Option<UserId> {
        let able = kept.candidates.iter().filter(|one| one.excluded.is_none());
        let load = |one: &Candidate| f64::from(one.active) / f64::from(one.max) * 100.0 + f64::from(one.offered) * 10.0;
        let last = kept.last.map(|last| last.0);
        let key = |one: &Candidate| one.key.unwrap().0;
        let returned = |one: &Candidate| kept.returned && Some(one.user) == kept.demand.preferred;
        let ahead = |a: &&Candidate, b: &&Candidate| {
            let score = b.score.unwrap().total_cmp(&a.score.unwrap());
            let rating = |one: &Candidate| one.rating.unwrap_or(f64::NEG_INFINITY);
            let by_load = || load(a).total_cmp(&load(b));
            let by_strategy = match kept.strategy {
                Strategy::RoundRobin => Ordering::Equal,
                Strategy::LeastBusy | Strategy::Department | Strategy::Language => by_load(),
                Strategy::SkillBased => score.then_with(by_load),
                Strategy::VipPriority => score.then_with(|| rating(b).total_cmp(&rating(a))).then_with(by_load),
            };
            returned(b).cmp(&returned(a)).then(by_strategy).then_with(|| choice::turn(key(a), key(b), last))
        };
        able.min_by(ahead).map(|one| one.user)
    }

    #[test]
    fn what_is_kept_gives_the_same_choice_again() {
        let mut rng = StdRng::seed_from_u64(4);
        let strategies = [
            Strategy::RoundRobin,
            Strategy::LeastBusy,
            Strategy::SkillBased,
            Strategy::VipPriority,
            Strategy::Language,
        ];
        for round in 0..2_000_usize {
            let skill = |level| Skill { name: "iade".into(), level };
            let mut agents = vec![];
            for number in 1..=rng.random_range(0..7_u128) {
                agents.push(Agent {
                    user: UserId(Uuid::from_u128(number)),
                    key: Uuid::from_u128(100 - number),
                    online: rng.random_bool(0.8),
                    willing: rng.random_bool(0.8),
                    active: rng.random_range(0..4),
                    offered: rng.random_range(0..2),
                    max: rng.random_range(0..6),
                    languages: if rng.random_bool(0.5) { vec!["tr".into()] } else { vec![] },
                    skills: vec![skill(rng.random_range(1..5))],
                    departments: HashSet::new(),
                    priority: rng.random_range(0..2),
                    rating: rng.random_bool(0.5).then(|| f64::from(rng.random_range(1..6_i32))),
                });
            }
            let demand = Demand {
                strategy: strategies[round % strategies.len()],
                skills: vec![skill(rng.random_range(1..4))],
                language: Some("tr".into()),
                preferred: rng.random_bool(0.2).then(|| UserId(Uuid::from_u128(1))),
                ..Demand::default()
            };
            let last = rng.random_bool(0.7).then(|| Uuid::from_u128(rng.random_range(90..101)));
            let choice = choice::choose(&demand, &[], &agents, "tr", last);
            let kept = serde_json::to_value(explain(&demand, &choice, last)).unwrap();
            let kept: Explanation = serde_json::from_value(kept).unwrap();
            assert_eq!(again(&kept), choice.chosen().map(|agent| agent.user), "{kept:?}");
        }
    }
}
