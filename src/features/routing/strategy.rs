//! Who gets a conversation: the strategies, without IO.
//!
//! A strategy scores the eligible agents and names the best. Every rule for ties and missing values is here: an agent
//! without a value stands last, and of equal ones the one is taken whose turn it is, in the order of [`Candidate::key`]
//! after whoever got the last conversation of the site.

use std::cmp::Ordering;

use async_graphql::Enum;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How an agent is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RoutingStrategy")]
pub enum Strategy {
    /// One after the other.
    RoundRobin,
    /// The one with the lowest load: `active / max * 100 + queued * 10`.
    LeastBusy,
    /// The one whose skills fit best: `0.7 * match + 0.3 * (100 - load) / 100`; none without any fitting skill.
    SkillBased,
    /// The least busy of a department, else of all.
    Department,
    /// For important visitors: the highest priority level, then the best rating.
    VipPriority,
    /// The least busy of those who speak the visitor's language, else English, else the site's language, else of all.
    Language,
}

/// Why an agent is not considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RoutingExclusion")]
pub enum Exclusion {
    /// No dashboard of theirs is open, or its connection has been gone for a minute.
    Offline,
    /// They are away, on a break or do not want to be disturbed.
    NotAvailable,
    /// They have as many conversations as they may have.
    AtCapacity,
    /// They may have none.
    NoCapacity,
    /// They are not in the department that is asked for.
    OtherDepartment,
    /// They have none of the skills that are asked for.
    NoSkill,
    /// They do not speak the language.
    OtherLanguage,
    /// They declined it, or let its offer pass.
    Declined,
}

/// An agent as a strategy sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// A stable order among the agents of a site: their membership's id.
    pub key: Uuid,
    /// Conversations they have.
    pub active: u32,
    /// Conversations that were offered to them and wait for their answer.
    pub queued: u32,
    /// Most conversations they may have at a time.
    pub max: u32,
    /// Share of the skills asked for that they have, weighed by level: 0 to 1.
    pub skills: f64,
    /// Tags of the languages they speak.
    pub languages: Vec<String>,
    /// Higher is more senior; none counts as lowest.
    pub priority: Option<i32>,
    /// Mean of their ratings, 1 to 5; none counts as lowest.
    pub rating: Option<f64>,
}

impl Candidate {
    /// `active / max * 100 + queued * 10`; an agent without capacity is fully loaded.
    pub fn load(&self) -> f64 {
        if self.max == 0 {
            return f64::INFINITY;
        }
        f64::from(self.active) / f64::from(self.max) * 100.0 + f64::from(self.queued) * 10.0
    }

    /// True while one more conversation fits.
    pub fn has_room(&self) -> bool {
        self.active + self.queued < self.max
    }

    /// `0.7 * match + 0.3 * (100 - load) / 100` with the load kept within 0 and 100.
    pub fn skill_score(&self) -> f64 {
        0.7 * self.skills + 0.3 * (100.0 - self.load().clamp(0.0, 100.0)) / 100.0
    }
}

/// A candidate's score as a decision shows it; more is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// Whose.
    pub candidate: &'a Candidate,
    /// By the strategy's formula.
    pub score: f64,
}

/// Orders eligible candidates, best first. `last` is the key of whoever got the last one.
pub fn ranked<'a>(strategy: Strategy, eligible: &'a [Candidate], last: Option<Uuid>) -> Vec<Scored<'a>> {
    let mut ranked: Vec<Scored<'a>> = eligible
        .iter()
        .map(|candidate| Scored { candidate, score: score(strategy, candidate) })
        .collect();
    ranked.sort_by(|a, b| compare(strategy, a, b).then_with(|| turn(a.candidate.key, b.candidate.key, last)));
    ranked
}

fn score(strategy: Strategy, candidate: &Candidate) -> f64 {
    match strategy {
        // Only whose turn it is counts.
        Strategy::RoundRobin => 0.0,
        Strategy::LeastBusy | Strategy::Department | Strategy::Language => -candidate.load(),
        Strategy::SkillBased => candidate.skill_score(),
        Strategy::VipPriority => f64::from(candidate.priority.unwrap_or(i32::MIN)),
    }
}

fn compare(strategy: Strategy, a: &Scored<'_>, b: &Scored<'_>) -> Ordering {
    let by_score = b.score.total_cmp(&a.score);
    let by_load = || a.candidate.load().total_cmp(&b.candidate.load());
    match strategy {
        Strategy::RoundRobin | Strategy::LeastBusy | Strategy::Department | Strategy::Language => by_score,
        Strategy::SkillBased => by_score.then_with(by_load),
        Strategy::VipPriority => {
            let rating = |scored: &Scored<'_>| scored.candidate.rating.unwrap_or(f64::NEG_INFINITY);
            by_score.then_with(|| rating(b).total_cmp(&rating(a))).then_with(by_load)
        }
    }
}

/// Whose turn comes first after `last`: the next key in order, and from the beginning again behind the end.
fn turn(a: Uuid, b: Uuid, last: Option<Uuid>) -> Ordering {
    let place = |key: Uuid| (last.is_some_and(|last| key <= last), key);
    place(a).cmp(&place(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: u128, active: u32, max: u32, queued: u32) -> Candidate {
        Candidate {
            key: Uuid::from_u128(number),
            active,
            queued,
            max,
            skills: 0.0,
            languages: vec![],
            priority: None,
            rating: None,
        }
    }

    fn first(strategy: Strategy, eligible: &[Candidate], last: Option<u128>) -> Option<u128> {
        let last = last.map(Uuid::from_u128);
        ranked(strategy, eligible, last).first().map(|scored| scored.candidate.key.as_u128())
    }

    #[test]
    fn rr1_the_next_in_turn_gets_it() {
        let (a, b, c) = (agent(1, 0, 5, 0), agent(2, 0, 5, 0), agent(3, 0, 5, 0));
        let all = [a.clone(), b, c.clone()];
        assert_eq!(first(Strategy::RoundRobin, &all, Some(3)), Some(1), "after the last comes the first");
        assert_eq!(first(Strategy::RoundRobin, &[a, c], Some(2)), Some(3), "who had the last one is not there");
        assert_eq!(first(Strategy::RoundRobin, &all, None), Some(1));
        assert_eq!(first(Strategy::RoundRobin, &[], None), None, "nobody: it waits");
    }

    #[test]
    fn lb1_the_lowest_load_gets_it() {
        let all = [agent(1, 2, 5, 0), agent(2, 4, 5, 1), agent(3, 1, 5, 0)];
        let loads: Vec<f64> = all.iter().map(Candidate::load).collect();
        assert_eq!(loads, [40.0, 90.0, 20.0]);
        assert_eq!(first(Strategy::LeastBusy, &all, None), Some(3));
    }

    #[test]
    fn sk1_skills_weigh_more_than_load() {
        let with = |number, skills, active, max| Candidate { skills, ..agent(number, active, max, 0) };
        let all = [with(1, 1.0, 2, 5), with(2, 0.5, 1, 5), with(3, 0.5, 0, 5)];
        let scores: Vec<f64> = all.iter().map(|it| (it.skill_score() * 100.0).round() / 100.0).collect();
        assert_eq!(scores, [0.88, 0.59, 0.65]);
        assert_eq!(first(Strategy::SkillBased, &all, None), Some(1));
        let rivals = [with(1, 1.0, 9, 10), with(2, 0.5, 0, 5)];
        assert_eq!((rivals[0].skill_score() * 100.0).round(), 73.0);
        assert_eq!(first(Strategy::SkillBased, &rivals, None), Some(1));
        assert!(with(4, 0.0, 20, 10).skill_score() >= 0.0, "the load is kept within its bounds");
    }

    #[test]
    fn vips_get_the_highest_level_then_the_best_rating_and_who_has_none_stands_last() {
        let with = |number, priority, rating| Candidate { priority, rating, ..agent(number, 0, 5, 0) };
        let all = [with(1, None, Some(5.0)), with(2, Some(3), None), with(3, Some(3), Some(4.1)), with(4, Some(2), None)];
        let order: Vec<u128> =
            ranked(Strategy::VipPriority, &all, None).iter().map(|it| it.candidate.key.as_u128()).collect();
        assert_eq!(order, [3, 2, 4, 1]);
    }

    #[test]
    fn who_may_have_none_is_full() {
        assert!(!agent(1, 0, 0, 0).has_room() && agent(1, 0, 0, 0).load().is_infinite());
        assert!(agent(1, 4, 5, 0).has_room() && !agent(1, 4, 5, 1).has_room());
    }
}
