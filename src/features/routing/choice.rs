//! Who gets a conversation: the strategies, without IO.
//!
//! Those who cannot get it are excluded, each with a reason. The strategy scores the rest. Every rule for ties and missing
//! values is here: an agent without a value stands last, and of equal ones the one is taken whose turn it is, in the order
//! of [`Agent::key`] after whoever got the last conversation of the site.

use std::{cmp::Ordering, collections::HashSet};

use ::entity::{
    agent_profile::Skill,
    ids::{DepartmentId, UserId},
    queue_entry::{Demand, Strategy},
};
use async_graphql::Enum;
use exact_index::text::fold;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The language that is tried when nobody speaks the visitor's.
const COMMON_LANGUAGE: &str = "en";

/// Why an agent does not get a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RoutingExclusion")]
pub(crate) enum Exclusion {
    /// No dashboard of theirs is open, or its connection has been gone for a minute.
    Offline,
    /// They are away, on a break or do not want to be disturbed.
    NotAvailable,
    /// They may have no conversations: `maxChats` is 0.
    NoCapacity,
    /// They have as many conversations, and offers of them, as they may have.
    AtCapacity,
    /// They declined this one, or let its offer pass, and others have not been asked yet.
    Declined,
    /// They are not in the department that is asked for.
    OtherDepartment,
    /// They have none of the skills that are asked for.
    NoSkill,
    /// They do not speak the language, and somebody else does.
    OtherLanguage,
    /// Nobody gets it: the site, or the department that is asked for, is closed, or there is an emergency.
    SiteClosed,
}

/// An agent as the choice sees them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Agent {
    pub(super) user: UserId,
    /// A stable order among the agents of a site: their membership's id.
    pub(super) key: Uuid,
    pub(super) online: bool,
    /// What they say about themselves lets them get conversations.
    pub(super) willing: bool,
    /// Conversations they have.
    pub(super) active: u32,
    /// Conversations that are offered to them.
    pub(super) offered: u32,
    /// Most of both together.
    pub(super) max: u32,
    pub(super) languages: Vec<String>,
    pub(super) skills: Vec<Skill>,
    pub(super) departments: HashSet<DepartmentId>,
    /// Higher is more senior.
    pub(super) priority: i32,
    /// Mean of their ratings, 1 to 5; none counts as lowest.
    pub(super) rating: Option<f64>,
}

impl Agent {
    /// `active / max * 100 + offered * 10`; an agent without capacity is loaded without end.
    pub(super) fn load(&self) -> f64 {
        if self.max == 0 {
            return f64::INFINITY;
        }
        f64::from(self.active) / f64::from(self.max) * 100.0 + f64::from(self.offered) * 10.0
    }

    /// How many more conversations fit.
    pub(super) fn room(&self) -> u32 {
        self.max.saturating_sub(self.active + self.offered)
    }

    /// True while one more conversation fits.
    pub(super) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// True when they may get any conversation at all.
    pub(super) fn is_eligible(&self) -> bool {
        self.online && self.willing && self.has_room()
    }

    /// Share of the skills asked for that they have at the level asked for: 0 to 1.
    pub(super) fn fit(&self, wanted: &[Skill]) -> f64 {
        let has = |skill: &&Skill| {
            let name = fold(&skill.name);
            self.skills.iter().any(|own| own.level >= skill.level && fold(&own.name) == name)
        };
        if wanted.is_empty() { 0.0 } else { wanted.iter().filter(has).count() as f64 / wanted.len() as f64 }
    }

    fn speaks(&self, language: &str) -> bool {
        self.languages.iter().any(|own| base(own) == base(language))
    }

    fn exclusion(&self, demand: &Demand, declined: &[UserId]) -> Option<Exclusion> {
        let elsewhere = |department| demand.strict && !self.departments.contains(&department);
        if !self.online {
            Some(Exclusion::Offline)
        } else if !self.willing {
            Some(Exclusion::NotAvailable)
        } else if self.max == 0 {
            Some(Exclusion::NoCapacity)
        } else if !self.has_room() {
            Some(Exclusion::AtCapacity)
        } else if declined.contains(&self.user) {
            Some(Exclusion::Declined)
        } else if demand.department.is_some_and(elsewhere) {
            Some(Exclusion::OtherDepartment)
        } else {
            None
        }
    }
}

/// `0.7 * fit + 0.3 * (100 - load) / 100` with the load kept within 0 and 100.
fn skill_score(fit: f64, load: f64) -> f64 {
    0.7 * fit + 0.3 * (100.0 - load.clamp(0.0, 100.0)) / 100.0
}

/// The language of a tag without region: `en` of `en-GB`.
fn base(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// An agent in a choice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Considered<'a> {
    pub(super) agent: &'a Agent,
    /// By the strategy; more is better. None for who is excluded.
    pub(super) score: Option<f64>,
    pub(super) excluded: Option<Exclusion>,
    /// Share of the skills asked for that they have.
    pub(super) fit: f64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice<'a> {
    /// The strategy that decided in the end: the least busy where the one asked for has nothing to go by.
    pub(super) strategy: Strategy,
    /// Somebody who had the conversation before got it back, whatever the strategy says.
    pub(super) returned: bool,
    /// Everybody, best first, then who is excluded.
    pub(super) considered: Vec<Considered<'a>>,
}

impl<'a> Choice<'a> {
    /// What is left of it while nobody gets anything.
    pub(super) fn while_closed(mut self) -> Self {
        for one in &mut self.considered {
            (one.score, one.excluded) = (None, Some(Exclusion::SiteClosed));
        }
        self
    }

    /// Who gets it.
    pub(super) fn chosen(&self) -> Option<&'a Agent> {
        self.considered.first().filter(|best| best.excluded.is_none()).map(|best| best.agent)
    }
}

/// Chooses among agents. `last` is the key of whoever got the site's last conversation; `site_language` is a tag.
pub(super) fn choose<'a>(
    demand: &Demand,
    declined: &[UserId],
    agents: &'a [Agent],
    site_language: &str,
    last: Option<Uuid>,
) -> Choice<'a> {
    let nothing_to_go_by = (demand.strategy == Strategy::SkillBased && demand.skills.is_empty())
        || (demand.strategy == Strategy::Department && demand.department.is_none());
    let strategy = if nothing_to_go_by { Strategy::LeastBusy } else { demand.strategy };
    let mut considered: Vec<Considered<'a>> = agents
        .iter()
        .map(|agent| Considered {
            agent,
            score: None,
            excluded: agent.exclusion(demand, declined),
            fit: agent.fit(&demand.skills),
        })
        .collect();
    narrow(strategy, demand, site_language, &mut considered);
    for one in &mut considered {
        one.score = one.excluded.is_none().then(|| score(strategy, one));
    }
    let returned = |one: &Considered<'_>| Some(one.agent.user) == demand.preferred && one.excluded.is_none();
    considered.sort_by(|a, b| {
        a.excluded
            .is_some()
            .cmp(&b.excluded.is_some())
            .then_with(|| returned(b).cmp(&returned(a)))
            .then_with(|| compare(strategy, a, b))
            .then_with(|| turn(a.agent.key, b.agent.key, last))
    });
    let returned = considered.first().is_some_and(returned);
    Choice { strategy, returned, considered }
}

/// Leaves to a strategy those whom it is about, as long as there is one of them.
fn narrow(strategy: Strategy, demand: &Demand, site_language: &str, considered: &mut [Considered<'_>]) {
    let mut keep = |why: Exclusion, fits: &dyn Fn(&Considered<'_>) -> bool, all_else: bool| {
        if all_else && !considered.iter().any(|one| one.excluded.is_none() && fits(one)) {
            return false;
        }
        for one in considered.iter_mut().filter(|one| one.excluded.is_none()) {
            one.excluded = (!fits(one)).then_some(why);
        }
        true
    };
    match strategy {
        Strategy::RoundRobin | Strategy::LeastBusy | Strategy::VipPriority => {}
        Strategy::SkillBased => {
            keep(Exclusion::NoSkill, &|one| one.fit > 0.0, false);
        }
        Strategy::Department => {
            let inside = |one: &Considered<'_>| demand.department.is_some_and(|it| one.agent.departments.contains(&it));
            keep(Exclusion::OtherDepartment, &inside, true);
        }
        Strategy::Language => {
            let asked = demand.language.as_deref().into_iter().chain([COMMON_LANGUAGE, site_language]);
            for language in asked {
                if keep(Exclusion::OtherLanguage, &|one| one.agent.speaks(language), true) {
                    return;
                }
            }
        }
    }
}

fn score(strategy: Strategy, one: &Considered<'_>) -> f64 {
    match strategy {
        // Only whose turn it is counts.
        Strategy::RoundRobin => 0.0,
        Strategy::LeastBusy | Strategy::Department | Strategy::Language => -one.agent.load(),
        Strategy::SkillBased => skill_score(one.fit, one.agent.load()),
        Strategy::VipPriority => f64::from(one.agent.priority),
    }
}

fn compare(strategy: Strategy, a: &Considered<'_>, b: &Considered<'_>) -> Ordering {
    let of = |one: &Considered<'_>| one.score.unwrap_or(f64::NEG_INFINITY);
    let by_score = of(b).total_cmp(&of(a));
    let by_load = || a.agent.load().total_cmp(&b.agent.load());
    match strategy {
        Strategy::RoundRobin | Strategy::LeastBusy | Strategy::Department | Strategy::Language => by_score,
        Strategy::SkillBased => by_score.then_with(by_load),
        Strategy::VipPriority => {
            let rating = |one: &Considered<'_>| one.agent.rating.unwrap_or(f64::NEG_INFINITY);
            by_score.then_with(|| rating(b).total_cmp(&rating(a))).then_with(by_load)
        }
    }
}

/// Whose turn comes first after `last`: the next key in order, and from the beginning again behind the end.
pub(super) fn turn(a: Uuid, b: Uuid, last: Option<Uuid>) -> Ordering {
    let place = |key: Uuid| (last.is_some_and(|last| key <= last), key);
    place(a).cmp(&place(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: u128, active: u32, max: u32, offered: u32) -> Agent {
        Agent {
            user: UserId(Uuid::from_u128(number)),
            key: Uuid::from_u128(number),
            online: true,
            willing: true,
            active,
            offered,
            max,
            languages: vec![],
            skills: vec![],
            departments: HashSet::new(),
            priority: 0,
            rating: None,
        }
    }

    fn demand(strategy: Strategy) -> Demand {
        Demand { strategy, ..Demand::default() }
    }

    fn skill(name: &str, level: i32) -> Skill {
        Skill { name: name.into(), level }
    }

    fn first(demand: &Demand, agents: &[Agent], last: Option<u128>) -> Option<u128> {
        choose(demand, &[], agents, "tr", last.map(Uuid::from_u128)).chosen().map(|agent| agent.key.as_u128())
    }

    #[test]
    fn rr1_the_next_in_turn_gets_it() {
        let wish = demand(Strategy::RoundRobin);
        let all = [agent(1, 0, 5, 0), agent(2, 0, 5, 0), agent(3, 0, 5, 0)];
        assert_eq!(first(&wish, &all, Some(3)), Some(1), "after the last comes the first");
        let without_b = [all[0].clone(), Agent { online: false, ..all[1].clone() }, all[2].clone()];
        assert_eq!(first(&wish, &without_b, Some(2)), Some(3), "who had the last one is not there");
        assert_eq!(first(&wish, &all, None), Some(1));
        assert_eq!(first(&wish, &all, Some(9)), Some(1), "who had the last one is not known any more");
        assert_eq!(first(&wish, &[], None), None, "nobody: it waits");
    }

    #[test]
    fn lb1_the_lowest_load_gets_it() {
        let all = [agent(1, 2, 5, 0), agent(2, 4, 6, 1), agent(3, 1, 5, 0)];
        assert_eq!([all[0].load(), agent(2, 4, 5, 1).load(), all[2].load()], [40.0, 90.0, 20.0]);
        assert_eq!(first(&demand(Strategy::LeastBusy), &all, None), Some(3));
    }

    #[test]
    fn sk1_skills_weigh_more_than_load_and_who_has_none_never_wins() {
        let both = vec![skill("İade", 3), skill("Fatura", 1)];
        let with = |number, skills: &[Skill], active| Agent { skills: skills.to_vec(), ..agent(number, active, 5, 0) };
        let all = [with(1, &both, 2), with(2, &both[..1], 1), with(3, &[skill("iade", 5)], 0), with(4, &[], 0)];
        let wish = Demand { skills: both.clone(), ..demand(Strategy::SkillBased) };
        let choice = choose(&wish, &[], &all, "tr", None);
        let scores: Vec<_> = choice.considered.iter().map(|one| one.score.map(|it| (it * 100.0).round())).collect();
        assert_eq!(scores, [Some(88.0), Some(65.0), Some(59.0), None]);
        assert_eq!(choice.considered[3].excluded, Some(Exclusion::NoSkill));
        assert_eq!(first(&wish, &all, None), Some(1));
        let busy = Agent { skills: both.clone(), ..agent(1, 9, 10, 0) };
        assert_eq!((skill_score(1.0, busy.load()) * 100.0).round(), 73.0);
        assert_eq!(first(&wish, &[busy, all[2].clone()], None), Some(1));
        assert!(skill_score(0.0, 200.0) >= 0.0, "the load is kept within its bounds");
        assert_eq!(with(5, &[skill("İade", 2)], 0).fit(&both), 0.0, "the level is too low");
        let none = demand(Strategy::SkillBased);
        assert_eq!(choose(&none, &[], &all, "tr", None).strategy, Strategy::LeastBusy, "no skills are asked for");
        assert_eq!(first(&wish, &[with(4, &[], 0)], None), None, "rather nobody than somebody who cannot help");
    }

    #[test]
    fn vips_get_the_highest_level_then_the_best_rating_and_who_has_none_stands_last() {
        let with = |number, priority, rating| Agent { priority, rating, ..agent(number, 0, 5, 0) };
        let all = [with(1, 0, Some(5.0)), with(2, 3, None), with(3, 3, Some(4.1)), with(4, 2, None)];
        let wish = demand(Strategy::VipPriority);
        let choice = choose(&wish, &[], &all, "tr", None);
        let order: Vec<u128> = choice.considered.iter().map(|one| one.agent.key.as_u128()).collect();
        assert_eq!(order, [3, 2, 4, 1]);
    }

    #[test]
    fn a_department_comes_first_and_all_others_after_it_unless_it_must_be_this_one() {
        let department = DepartmentId(Uuid::from_u128(9));
        let inside = |agent: Agent| Agent { departments: HashSet::from([department]), ..agent };
        let wish = Demand { department: Some(department), ..demand(Strategy::Department) };
        let all = [agent(1, 0, 5, 0), inside(agent(2, 4, 5, 0))];
        assert_eq!(first(&wish, &all, None), Some(2));
        let full = [agent(1, 0, 5, 0), inside(agent(2, 5, 5, 0))];
        assert_eq!(first(&wish, &full, None), Some(1), "nobody in it has room");
        assert_eq!(first(&Demand { strict: true, ..wish }, &full, None), None);
    }

    #[test]
    fn languages_are_tried_one_after_the_other() {
        let with = |number, language: &str| Agent { languages: vec![language.into()], ..agent(number, 0, 5, 0) };
        let wish = |language: &str| Demand { language: Some(language.into()), ..demand(Strategy::Language) };
        let all = [with(1, "tr"), with(2, "en-GB"), with(3, "de")];
        assert_eq!(first(&wish("de-AT"), &all, None), Some(3));
        assert_eq!(first(&wish("fr"), &all, None), Some(2), "English next");
        assert_eq!(first(&wish("fr"), &[with(3, "de"), with(1, "tr")], None), Some(1), "then the site's");
        assert_eq!(first(&wish("fr"), &[with(3, "de")], None), Some(3), "then anybody");
    }

    #[test]
    fn who_cannot_get_it_is_told_why() {
        let all = [
            Agent { online: false, ..agent(1, 0, 5, 0) },
            Agent { willing: false, ..agent(2, 0, 5, 0) },
            agent(3, 0, 0, 0),
            agent(4, 4, 5, 1),
            agent(5, 0, 5, 0),
        ];
        let declined = [UserId(Uuid::from_u128(5))];
        let choice = choose(&demand(Strategy::LeastBusy), &declined, &all, "tr", None);
        assert_eq!(choice.chosen(), None);
        let why: Vec<_> = choice.considered.iter().filter_map(|one| one.excluded).collect();
        use Exclusion::{AtCapacity, Declined, NoCapacity, NotAvailable, Offline};
        assert_eq!(why, [Offline, NotAvailable, NoCapacity, AtCapacity, Declined]);
    }

    #[test]
    fn who_had_it_before_gets_it_back_if_they_can() {
        let wish = Demand { preferred: Some(UserId(Uuid::from_u128(2))), ..demand(Strategy::LeastBusy) };
        let choice = [agent(1, 0, 5, 0), agent(2, 4, 5, 0)];
        assert_eq!(first(&wish, &choice, None), Some(2));
        assert_eq!(first(&wish, &[agent(1, 0, 5, 0), agent(2, 5, 5, 0)], None), Some(1));
    }
}
