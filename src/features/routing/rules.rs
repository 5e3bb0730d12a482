//! How a site gives conversations to agents: settings, and rules that say what kind of agent a conversation needs.
//! Without IO.

use ::entity::{
    agent_profile::Skill,
    ids::{AssistantId, DepartmentId},
    queue_entry::{Demand, Strategy},
};
use async_graphql::{Enum, InputObject, SimpleObject};
use exact_index::text::fold;
use serde::{Deserialize, Serialize};

use crate::kernel::{Error, ErrorReason, Result, entries, text};

/// Most rules of a site.
const RULES: usize = 50;
/// Most entries of a list in a rule.
const ENTRIES: usize = 20;
const NAME: usize = 100;
const VALUE: usize = 200;
/// Seconds an agent has to accept an offer: at least, at most, and where nothing is said.
const OFFER: (i32, i32, i32) = (10, 300, 30);
/// Seconds that visitors wait in the queue: at least, at most, and where nothing is said.
const PATIENCE: (i32, i32, i32) = (60, 3_600, 300);

/// How an agent comes to a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RoutingAssignment")]
pub(crate) enum Assignment {
    /// It is given to the agent who is chosen.
    #[default]
    Automatic,
    /// It is offered to them, and to the next one when they decline or let `offerSeconds` pass. When an offer passes and
    /// everybody was asked, those who are there are asked again.
    Offer,
}

/// Who answers a new conversation first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FirstResponder {
    /// The assistant; a person when one is asked for.
    #[default]
    Assistant,
    /// A person, if one is free at that moment; else the assistant.
    People,
}

/// What a visitor's page or an earlier conversation told about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(name = "RoutingAttribute", input_name = "RoutingAttributeInput")]
pub(crate) struct Attribute {
    /// The name of an entry of the visitor's `customData`.
    pub(crate) name: String,
    /// Its value; in any case, with or without accents.
    pub(crate) value: String,
}

/// When a rule fits: everything that is said must be so. A list is met by one of its entries; what is left out does not
/// matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(name = "RoutingConditions", input_name = "RoutingConditionsInput")]
pub(crate) struct Conditions {
    /// It was started with one of these assistants.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) assistant_ids: Vec<AssistantId>,
    /// The visitor's language is one of these; `en` fits `en-GB`, too.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) languages: Vec<String>,
    /// It has one of these tags.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// The visitor's `customData` has all of these.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) attributes: Vec<Attribute>,
    /// The visitor is marked as important, or is not.
    pub(crate) vip: Option<bool>,
    /// The visitor had another conversation before, or did not.
    pub(crate) returning: Option<bool>,
}

/// What kind of agent a conversation needs that fits the conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(name = "RoutingRule", input_name = "RoutingRuleInput")]
pub(crate) struct Rule {
    /// What it is called, up to 100 characters; decisions name it.
    pub(crate) name: String,
    /// When it fits.
    #[graphql(name = "when")]
    pub(crate) conditions: Conditions,
    /// How an agent is chosen.
    pub(crate) strategy: Strategy,
    /// The department for it; needed for `DEPARTMENT`.
    pub(crate) department_id: Option<DepartmentId>,
    /// Nobody outside of the department may get it.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) only_department: bool,
    /// The skills for it, with the lowest level that will do; for `SKILL_BASED`.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) skills: Vec<Skill>,
    /// The visitor is about to buy: one point of priority in the queue.
    #[graphql(default)]
    #[serde(default)]
    pub(crate) sales: bool,
}

/// How a site gives conversations to agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) assignment: Assignment,
    pub(crate) offer_seconds: i32,
    pub(crate) patience_seconds: i32,
    pub(crate) first_responder: FirstResponder,
    /// For what no rule fits.
    pub(crate) strategy: Strategy,
    pub(crate) rules: Vec<Rule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            assignment: Assignment::default(),
            offer_seconds: OFFER.2,
            patience_seconds: PATIENCE.2,
            first_responder: FirstResponder::default(),
            strategy: Strategy::default(),
            rules: vec![],
        }
    }
}

/// What is known of a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) assistant: Option<AssistantId>,
    pub(crate) language: Option<String>,
    pub(crate) tags: Vec<String>,
    /// The visitor's `customData`.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) vip: bool,
    pub(crate) returning: bool,
}

impl Conditions {
    fn fit(&self, known: &Known) -> bool {
        let among = |list: &[String], fits: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|it| fits(it));
        let speaks = |tag: &str| known.language.as_deref().is_some_and(|language| is_a(language, tag));
        let has = |wanted: &Attribute| {
            known.attributes.iter().any(|it| it.name == wanted.name && fold(&it.value) == fold(&wanted.value))
        };
        (self.assistant_ids.is_empty() || known.assistant.is_some_and(|it| self.assistant_ids.contains(&it)))
            && among(&self.languages, &speaks)
            && among(&self.tags, &|tag| known.tags.iter().any(|own| own == tag))
            && self.attributes.iter().all(has)
            && self.vip.is_none_or(|vip| vip == known.vip)
            && self.returning.is_none_or(|returning| returning == known.returning)
    }
}

/// Is a language tag that of a wider one? `en-GB` is `en`.
fn is_a(tag: &str, wider: &str) -> bool {
    let (tag, wider) = (tag.to_lowercase(), wider.to_lowercase());
    tag == wider || tag.strip_prefix(&wider).is_some_and(|rest| rest.starts_with('-'))
}

impl Settings {
    /// What a conversation needs, by the first rule that fits, and whether its visitor is about to buy.
    pub(crate) fn demand(&self, version: i32, known: &Known) -> (Demand, bool) {
        let demand = Demand { language: known.language.clone(), rules_version: version, ..Demand::default() };
        match self.rules.iter().find(|rule| rule.conditions.fit(known)) {
            Some(rule) => {
                let demand = Demand {
                    strategy: rule.strategy,
                    department: rule.department_id,
                    strict: rule.only_department,
                    skills: rule.skills.clone(),
                    rule: Some(rule.name.clone()),
                    ..demand
                };
                (demand, rule.sales)
            }
            None => (Demand { strategy: self.strategy, ..demand }, false),
        }
    }

    /// The settings with everything in its usual form.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` naming the field and its limit.
    pub(crate) fn checked(self) -> Result<Self> {
        within("input.offerSeconds", self.offer_seconds, OFFER)?;
        within("input.patienceSeconds", self.patience_seconds, PATIENCE)?;
        if matches!(self.strategy, Strategy::SkillBased | Strategy::Department) {
            let message = "`input.strategy` is for what no rule fits, so there is no department and no skill to go by; \
                           make a rule without conditions the last one instead.";
            return Err(Error::bad_input("input.strategy", ErrorReason::InvalidCombination, message));
        }
        few("input.rules", self.rules.len(), RULES)?;
        let rules = entries("input.rules", self.rules, Rule::checked)?;
        Ok(Self { rules, ..self })
    }
}

impl Rule {
    fn checked(self) -> Result<Self> {
        let name = text::line("input.rules.name", &self.name, NAME)?;
        if self.strategy == Strategy::Department && self.department_id.is_none() {
            let message = format!("The rule `{name}` is by department and names none; give `departmentId`.");
            return Err(Error::bad_input("input.rules.departmentId", ErrorReason::InvalidCombination, message));
        }
        if self.only_department && self.department_id.is_none() {
            let message = format!("The rule `{name}` is for one department only and names none; give `departmentId`.");
            return Err(Error::bad_input("input.rules.onlyDepartment", ErrorReason::InvalidCombination, message));
        }
        if (self.strategy == Strategy::SkillBased) == self.skills.is_empty() {
            let message = format!("The rule `{name}`: give `skills` with `SKILL_BASED`, and only with it.");
            return Err(Error::bad_input("input.rules.skills", ErrorReason::InvalidCombination, message));
        }
        few("input.rules.skills", self.skills.len(), ENTRIES)?;
        entries("input.rules.skills", &self.skills, |skill| {
            text::line("input.rules.skills.name", &skill.name, NAME)?;
            within("input.rules.skills.level", skill.level, (1, 5, 1))
        })?;
        let Conditions { assistant_ids, languages, tags, attributes, vip, returning } = self.conditions;
        few("input.rules.when.assistantIds", assistant_ids.len(), ENTRIES)?;
        few("input.rules.when.languages", languages.len(), ENTRIES)?;
        few("input.rules.when.tags", tags.len(), ENTRIES)?;
        few("input.rules.when.attributes", attributes.len(), ENTRIES)?;
        let languages =
            entries("input.rules.when.languages", &languages, |tag| text::language("input.rules.when.languages", tag))?;
        let tag = |tag: &String| Ok(text::line("input.rules.when.tags", tag, NAME)?.to_lowercase());
        let tags = entries("input.rules.when.tags", &tags, tag)?;
        entries("input.rules.when.attributes", &attributes, |Attribute { name, value }| {
            text::line("input.rules.when.attributes.name", name, NAME)?;
            text::line("input.rules.when.attributes.value", value, VALUE)
        })?;
        let conditions = Conditions { assistant_ids, languages, tags, attributes, vip, returning };
        Ok(Self { name, conditions, ..self })
    }
}

fn within(field: &'static str, value: i32, (least, most, _): (i32, i32, i32)) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("`{field}` is {value}; give a number from {least} to {most}.");
    Err(Error::bad_input(field, ErrorReason::OutOfRange, message))
}

fn few(field: &'static str, count: usize, most: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::bad_input(field, ErrorReason::TooLong, format!("`{field}` has {count} entries; give at most {most}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, conditions: Conditions) -> Rule {
        Rule {
            name: name.into(),
            conditions,
            strategy: Strategy::RoundRobin,
            department_id: None,
            only_department: false,
            skills: vec![],
            sales: true,
        }
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let attribute = |value: &str| Attribute { name: "plan".into(), value: value.into() };
        let gold = Conditions { attributes: vec![attribute("Altın")], vip: Some(false), ..Conditions::default() };
        let german = Conditions { languages: vec!["de".into()], ..Conditions::default() };
        let tagged = Conditions { tags: vec!["iade".into(), "kargo".into()], ..Conditions::default() };
        let settings = Settings {
            rules: vec![rule("gold", gold), rule("german", german), rule("tagged", tagged)],
            ..Settings::default()
        };
        let of = |known: Known| settings.demand(3, &known).0.rule;
        let german = Known { language: Some("de-AT".into()), ..Known::default() };
        assert_eq!(of(Known { attributes: vec![attribute("altin")], ..german.clone() }).as_deref(), Some("gold"));
        assert_eq!(of(Known { vip: true, attributes: vec![attribute("Altın")], ..Known::default() }), None);
        assert_eq!(of(german).as_deref(), Some("german"));
        assert_eq!(of(Known { language: Some("dex".into()), ..Known::default() }), None);
        let (demand, sales) = settings.demand(3, &Known { tags: vec!["kargo".into()], ..Known::default() });
        assert_eq!((demand.rule.as_deref(), demand.rules_version, sales), (Some("tagged"), 3, true));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let with = |change: fn(&mut Rule)| {
            let mut one = rule("x", Conditions::default());
            change(&mut one);
            Settings { rules: vec![one], ..Settings::default() }.checked()
        };
        assert!(with(|_| {}).is_ok());
        assert!(with(|rule| rule.strategy = Strategy::Department).is_err());
        assert!(with(|rule| rule.strategy = Strategy::SkillBased).is_err());
        assert!(with(|rule| rule.only_department = true).is_err());
        assert!(with(|rule| rule.name = " ".into()).is_err());
        assert!(with(|rule| rule.conditions.languages = vec!["türkçe".into()]).is_err());
        assert!(Settings { offer_seconds: 9, ..Settings::default() }.checked().is_err());
        assert!(Settings { patience_seconds: 3_601, ..Settings::default() }.checked().is_err());
        assert!(Settings { strategy: Strategy::SkillBased, ..Settings::default() }.checked().is_err());
    }
}
