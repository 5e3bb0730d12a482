//! The agents of a site with all that decides whether they get a conversation.

use ::entity::{
    agent_profile,
    ids::{SiteId, UserId},
    membership,
};

use super::{
    model,
    presence::{self, Presence},
    store,
};
use crate::{
    features::{conversations, sites},
    kernel::{Ctx, Result},
    ports::db::Db,
};

/// A member of a site as one who may get conversations.
#[derive(Clone, Debug)]
pub(crate) struct RosterAgent {
    /// Their membership; its id is a stable order among the agents of the site.
    pub(crate) member: membership::Model,
    /// What they can do.
    pub(crate) profile: agent_profile::Model,
    /// Whether they are there.
    pub(crate) presence: Presence,
    /// Open conversations that are theirs.
    pub(crate) active: i64,
}

impl RosterAgent {
    /// Who it is.
    pub(crate) fn user(&self) -> UserId {
        self.member.user_id
    }

    /// They have as many conversations as they may have. Who may have none always has.
    pub(crate) fn at_capacity(&self) -> bool {
        self.active >= i64::from(self.profile.max_chats)
    }

    /// They get new conversations: online, available or busy, and not at capacity.
    pub(crate) fn accepts_chats(&self) -> bool {
        self.presence.is_available() && !self.at_capacity()
    }
}

/// Which members of a site a roster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom<'a> {
    /// Those who have an open dashboard.
    Online,
    /// Everybody.
    Everybody,
    /// Those of these who are members.
    These(&'a [UserId]),
}

/// Members of a site, longest members first, in five queries.
pub(crate) async fn roster(cx: &Ctx, db: &Db<'_>, site: SiteId, whom: Whom<'_>) -> Result<Vec<RosterAgent>> {
    let online = presence::store::online(db, site).await?;
    let members = match whom {
        Whom::Online => sites::members(db, site, &online.iter().copied().collect::<Vec<_>>()).await?,
        Whom::Everybody => sites::all_members(db, site).await?,
        Whom::These(users) => sites::members(db, site, users).await?,
    };
    let ids: Vec<UserId> = members.iter().map(|member| member.user_id).collect();
    let mut profiles = store::profiles(db, site, &ids).await?;
    let mut said = presence::store::said(db, site, &ids).await?;
    let active = conversations::open_by_assignee(db, site, &ids).await?;
    let now = cx.clock.now();
    let mut roster = Vec::with_capacity(members.len());
    for member in members {
        let user = member.user_id;
        roster.push(RosterAgent {
            profile: profiles.remove(&user).unwrap_or_else(|| model::usual(site, user)),
            presence: Presence::of(user, online.contains(&user), said.remove(&user), now),
            active: active.get(&user).copied().unwrap_or_default(),
            member,
        });
    }
    Ok(roster)
}
