//! What an agent can do: defaults and limits, without IO.

use ::entity::{
    agent_profile::{self, Skill, Skills, Tags},
    ids::{SiteId, UserId},
};
use exact_index::text::fold;

use crate::kernel::{Error, ErrorReason, Result, entries, text};

/// Conversations at a time, where nothing else is said.
const MAX_CHATS: i32 = 5;
/// Most that can be said.
const MOST_CHATS: i32 = 100;
/// Priority levels go from 0 to this.
const TOP_LEVEL: i32 = 100;
const LANGUAGES: usize = 20;
const SKILLS: usize = 50;
const SKILL_NAME: usize = 50;
const SKILL_LEVELS: std::ops::RangeInclusive<i32> = 1..=5;

/// What a member can do of whom nothing is said.
pub(super) fn usual(site: SiteId, user: UserId) -> agent_profile::Model {
    agent_profile::Model {
        site_id: site,
        user_id: user,
        max_chats: MAX_CHATS,
        priority_level: 0,
        accepts_calls: true,
        languages: Tags::default(),
        skills: Skills::default(),
        version: 0,
    }
}

/// What to change of a profile; what is absent stays.
#[derive(Debug, Default)]
pub(super) struct ProfileChanges {
    pub(super) max_chats: Option<i32>,
    pub(super) priority_level: Option<i32>,
    pub(super) accepts_calls: Option<bool>,
    pub(super) languages: Option<Vec<String>>,
    pub(super) skills: Option<Vec<Skill>>,
}

/// The profile with its changes.
///
/// # Errors
/// `BAD_USER_INPUT` naming the field and its limit.
pub(super) fn changed(profile: agent_profile::Model, changes: ProfileChanges) -> Result<agent_profile::Model> {
    let ProfileChanges { max_chats, priority_level, accepts_calls, languages, skills } = changes;
    Ok(agent_profile::Model {
        max_chats: max_chats.map_or(Ok(profile.max_chats), |it| within("input.maxChats", it, MOST_CHATS))?,
        priority_level: priority_level
            .map_or(Ok(profile.priority_level), |it| within("input.priorityLevel", it, TOP_LEVEL))?,
        accepts_calls: accepts_calls.unwrap_or(profile.accepts_calls),
        languages: languages.map_or(Ok(profile.languages), |it| self::languages(&it))?,
        skills: skills.map_or(Ok(profile.skills), self::skills)?,
        ..profile
    })
}

fn within(field: &'static str, value: i32, most: i32) -> Result<i32> {
    if (0..=most).contains(&value) {
        return Ok(value);
    }
    let message = format!("`{field}` is {value}; give a number from 0 to {most}.");
    Err(Error::bad_input(field, ErrorReason::OutOfRange, message))
}

fn languages(tags: &[String]) -> Result<Tags> {
    let field = "input.languages";
    few(field, tags.len(), LANGUAGES)?;
    let mut known: Vec<String> = Vec::with_capacity(tags.len());
    for tag in entries(field, tags, |tag| text::language(field, tag))? {
        if !known.iter().any(|other| other.eq_ignore_ascii_case(&tag)) {
            known.push(tag);
        }
    }
    Ok(Tags(known))
}

fn skills(given: Vec<Skill>) -> Result<Skills> {
    let field = "input.skills";
    few(field, given.len(), SKILLS)?;
    let mut known: Vec<Skill> = Vec::with_capacity(given.len());
    entries(field, given, |Skill { name, level }| {
        let name = text::line("input.skills.name", &name, SKILL_NAME)?;
        if !SKILL_LEVELS.contains(&level) {
            let message = format!("The level of `{name}` is {level}; give a number from 1 to 5.");
            return Err(Error::bad_input("input.skills.level", ErrorReason::OutOfRange, message));
        }
        if known.iter().any(|other| fold(&other.name) == fold(&name)) {
            let message = format!("`{name}` is given twice; give each skill once.");
            return Err(Error::bad_input("input.skills.name", ErrorReason::InvalidCombination, message));
        }
        known.push(Skill { name, level });
        Ok(())
    })?;
    Ok(Skills(known))
}

fn few(field: &'static str, count: usize, most: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::bad_input(field, ErrorReason::TooLong, format!("`{field}` has {count} entries; give at most {most}.")))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn profile() -> agent_profile::Model {
        usual(SiteId(Uuid::nil()), UserId(Uuid::nil()))
    }

    fn with_skills(skills: &[(&str, i32)]) -> Result<agent_profile::Model> {
        let skills = skills.iter().map(|(name, level)| Skill { name: (*name).into(), level: *level }).collect();
        changed(profile(), ProfileChanges { skills: Some(skills), ..ProfileChanges::default() })
    }

    #[test]
    fn what_is_left_out_stays() {
        let changes = ProfileChanges { languages: Some(vec!["TR".into(), "tr".into()]), ..ProfileChanges::default() };
        let profile = changed(profile(), changes).unwrap();
        assert_eq!((profile.max_chats, profile.languages.0.len()), (5, 1));
    }

    #[test]
    fn limits_are_kept() {
        for changes in [
            ProfileChanges { max_chats: Some(-1), ..ProfileChanges::default() },
            ProfileChanges { max_chats: Some(101), ..ProfileChanges::default() },
            ProfileChanges { priority_level: Some(101), ..ProfileChanges::default() },
            ProfileChanges { languages: Some(vec!["türkçe".into()]), ..ProfileChanges::default() },
        ] {
            assert!(changed(profile(), changes).is_err());
        }
        assert!(with_skills(&[("İade", 1), ("Fatura", 5)]).is_ok());
        assert!(with_skills(&[("İade", 0)]).is_err(), "levels begin at 1");
        assert!(with_skills(&[("İade", 1), ("iade", 2)]).is_err(), "it is the same skill");
    }
}
