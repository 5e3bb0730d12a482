//! The agents of a site as the choice sees them.

use std::collections::HashMap;

use ::entity::{
    agent_state::Availability,
    ids::{SiteId, UserId},
    queue_entry::{self, Strategy},
};

use super::{choice::Agent, store};
use crate::{
    features::agents::{self, RosterAgent, Whom},
    kernel::{Ctx, Result},
    ports::db::Db,
};

/// Agents with what is offered to them among `entries`. Ratings are loaded where somebody is chosen by them.
pub(super) async fn load(
    cx: &Ctx,
    db: &Db<'_>,
    site: SiteId,
    whom: Whom<'_>,
    entries: &[queue_entry::Model],
) -> Result<Vec<Agent>> {
    let roster = agents::roster(cx, db, site, whom).await?;
    let mut departments = agents::departments_of(db, site).await?;
    let by_rating = entries.iter().any(|entry| entry.demand.strategy == Strategy::VipPriority);
    let ratings = if by_rating { store::ratings(db, site).await? } else { HashMap::new() };
    let mut offered: HashMap<UserId, u32> = HashMap::new();
    for user in entries.iter().filter_map(|entry| entry.offered_to) {
        *offered.entry(user).or_default() += 1;
    }
    let agent = |one: RosterAgent| {
        let user = one.user();
        Agent {
            user,
            key: one.member.id.0,
            online: one.presence.online,
            willing: matches!(one.presence.state, Availability::Available | Availability::Busy),
            active: u32::try_from(one.active).unwrap_or(u32::MAX),
            offered: offered.get(&user).copied().unwrap_or_default(),
            max: u32::try_from(one.profile.max_chats).unwrap_or_default(),
            languages: one.profile.languages.0,
            skills: one.profile.skills.0,
            departments: departments.remove(&user).unwrap_or_default(),
            priority: one.profile.priority_level,
            rating: ratings.get(&user).copied(),
        }
    };
    Ok(roster.into_iter().map(agent).collect())
}
