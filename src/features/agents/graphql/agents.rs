//! Agents in the API: who they are, what they can do, whether they are there.

use std::collections::HashMap;

use ::entity::{
    agent_profile::Skill,
    agent_state::Availability,
    ids::{DepartmentId, MembershipId, SiteId, UserId},
    membership::Role,
};
use async_graphql::{ComplexObject, Context, InputObject, Object, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::{
    super::{
        model::ProfileChanges,
        presence::Presence,
        profiles,
        roster::{RosterAgent, Whom, roster},
        store::{self, WantedMembers},
    },
    units::Department,
};
use crate::{
    features::{
        accounts::{self, User},
        sites::reach_in,
    },
    kernel::{
        Ctx, CtxExt, Error, Permission, Result,
        loader::Batch,
        page::{List, Paging, Place},
    },
};

/// Whether an agent is there, and for what.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AgentPresence {
    /// A dashboard of theirs is open, or was a minute ago.
    online: bool,
    /// What they say about themselves; it comes back with them.
    state: Availability,
    /// In their own words.
    text: Option<String>,
    /// When they are available again by themselves.
    until: Option<DateTime<Utc>>,
    /// Open conversations that are theirs.
    active_chats: i64,
    /// They have as many as they may have.
    at_capacity: bool,
    /// They get new conversations at the moment: online, available or busy, and not at capacity.
    accepts_chats: bool,
    #[graphql(skip)]
    whose: (SiteId, UserId),
}

impl AgentPresence {
    /// Whose it is, and where.
    pub(crate) fn whose(&self) -> (SiteId, UserId) {
        self.whose
    }
}

/// A member of a site as an agent.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "SiteAgent", complex)]
pub(crate) struct Agent {
    /// Identifies the membership.
    id: MembershipId,
    /// The site.
    site_id: SiteId,
    /// The person.
    user: User,
    /// What they may do on the site.
    role: Role,
    /// Most conversations at a time; 0 for none.
    max_chats: i32,
    /// Higher is more senior: important visitors get the highest first.
    priority_level: i32,
    /// Visitors may call them.
    accepts_calls: bool,
    /// The languages they speak (BCP 47).
    languages: Vec<String>,
    /// What they know.
    skills: Vec<Skill>,
    /// Grows by one with each change of the five above, 0 until the first; `updateAgent` takes it as `expectedVersion`.
    version: i32,
    /// Whether they are there.
    presence: AgentPresence,
}

#[ComplexObject]
impl Agent {
    /// The departments they work in, by name.
    #[graphql(complexity = "5 + child_complexity")]
    async fn departments(&self, ctx: &Context<'_>) -> Result<Vec<Department>> {
        Ok(ctx.cx().load(WorksIn(self.site_id, self.user.id)).await?.unwrap_or_default())
    }
}

/// The departments of a site in which somebody works.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct WorksIn(SiteId, UserId);

impl Loader<WorksIn> for Batch {
    type Value = Vec<Department>;
    type Error = Error;
    async fn load(&self, keys: &[WorksIn]) -> Result<HashMap<WorksIn, Vec<Department>>> {
        let mut sites: HashMap<SiteId, Vec<UserId>> = HashMap::new();
        for WorksIn(site, user) in keys {
            sites.entry(*site).or_default().push(*user);
        }
        let mut found: HashMap<WorksIn, Vec<Department>> = HashMap::new();
        for (site, users) in sites {
            for (user, department) in store::departments_with(&self.0.db(), site, users).await? {
                found.entry(WorksIn(site, user)).or_default().push(department.into());
            }
        }
        Ok(found)
    }
}

impl Agent {
    fn new(agent: RosterAgent, user: User) -> Self {
        let (at_capacity, accepts_chats) = (agent.at_capacity(), agent.accepts_chats());
        let RosterAgent { member, profile, presence, active } = agent;
        let Presence { online, state, text, until, .. } = presence;
        Self {
            id: member.id,
            site_id: member.site_id,
            user,
            role: member.role,
            max_chats: profile.max_chats,
            priority_level: profile.priority_level,
            accepts_calls: profile.accepts_calls,
            languages: profile.languages.0,
            skills: profile.skills.0,
            version: profile.version,
            presence: AgentPresence {
                online,
                state,
                text,
                until,
                active_chats: active,
                at_capacity,
                accepts_chats,
                whose: (member.site_id, member.user_id),
            },
        }
    }

    /// True when they get new conversations at the moment.
    pub(super) fn accepts_chats(&self) -> bool {
        self.presence.accepts_chats
    }

    /// Members with everything that is known of them, in six queries.
    pub(crate) async fn load_all(cx: &Ctx, site: SiteId, whom: Whom<'_>) -> Result<Vec<Self>> {
        let roster = roster(cx, &cx.db(), site, whom).await?;
        let mut users = accounts::users_by_ids(cx, roster.iter().map(RosterAgent::user).collect()).await?;
        let mut agents = Vec::with_capacity(roster.len());
        for agent in roster {
            let user = users.remove(&agent.user()).ok_or_else(|| Error::internal("a member who is nobody"))?;
            agents.push(Self::new(agent, user));
        }
        Ok(agents)
    }

    /// One member.
    pub(crate) async fn load(cx: &Ctx, site: SiteId, user: UserId) -> Result<Self> {
        let found = Self::load_all(cx, site, Whom::These(&[user])).await?.pop();
        found.ok_or_else(|| Error::not_found("agent"))
    }
}

/// What to change of an agent. What is left out stays.
#[derive(Debug, InputObject)]
struct UpdateAgentInput {
    /// The site.
    site_id: SiteId,
    /// The member of it.
    user_id: UserId,
    /// Most conversations at a time, 0 to 100.
    max_chats: Option<i32>,
    /// 0 to 100; important visitors get the highest first.
    priority_level: Option<i32>,
    /// Whether visitors may call them.
    accepts_calls: Option<bool>,
    /// The whole new list of languages they speak, tags like `tr` or `en-GB`; at most 20.
    languages: Option<Vec<String>>,
    /// The whole new list of skills, at most 50; each once, with or without accents.
    skills: Option<Vec<Skill>>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed them since; without it,
    /// the last change counts.
    expected_version: Option<i32>,
}

/// A changed agent.
#[derive(SimpleObject)]
struct UpdateAgentPayload {
    /// The agent as they are now.
    agent: Agent,
}

/// Changes to agents.
#[derive(Default)]
pub struct AgentsMutation;

#[Object]
impl AgentsMutation {
    /// Changes what a member of a site can do as an agent. For admins of the site.
    async fn update_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and what to change.")] input: UpdateAgentInput,
    ) -> Result<UpdateAgentPayload> {
        let UpdateAgentInput {
            site_id,
            user_id,
            max_chats,
            priority_level,
            accepts_calls,
            languages,
            skills,
            expected_version,
        } = input;
        let changes = ProfileChanges { max_chats, priority_level, accepts_calls, languages, skills };
        profiles::change(ctx.cx(), site_id, user_id, expected_version, changes).await?;
        Ok(UpdateAgentPayload { agent: Agent::load(ctx.cx(), site_id, user_id).await? })
    }
}

/// Questions about agents.
#[derive(Default)]
pub struct AgentsQuery;

#[Object]
impl AgentsQuery {
    /// The members of a site as agents, longest members first, for members of the site: all that an agent picker shows, in
    /// one query.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list and three filters")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Only those who work in this department.")] department_id: Option<DepartmentId>,
        #[graphql(desc = "Only those who have a dashboard open, or only those who have none.")] online: Option<bool>,
        #[graphql(desc = "Only those who get new conversations at the moment, or only those who do not.")]
        accepts_chats: Option<bool>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Agent>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::SitesRead, site_id)?;
        let mut wanted = WantedMembers { site: site_id, department: department_id, online: None, accepting: None };
        if online.is_some() || accepts_chats.is_some() {
            let there = roster(&cx, &cx.db(), site_id, Whom::Online).await?;
            let open = there.iter().filter(|agent| agent.accepts_chats()).map(RosterAgent::user).collect();
            wanted.online = online.map(|yes| (yes, there.iter().map(RosterAgent::user).collect()));
            wanted.accepting = accepts_chats.map(|yes| (yes, open));
        }
        let page = store::list_members(&cx.db(), &reach, &wanted, &paging).await?;
        let places: Vec<Place> =
            page.rows.iter().map(|row| Place(row.created_at.timestamp_micros(), row.id.0)).collect();
        let ids: Vec<UserId> = page.rows.iter().map(|row| row.user_id).collect();
        let agents = Agent::load_all(&cx, site_id, Whom::These(&ids)).await?;
        let mut shown = places.into_iter().zip(agents);
        let page = page.try_map(|_| shown.next().ok_or_else(|| Error::internal("a page that shrinks")))?;
        Ok(page.connect(
            |(place, _)| *place,
            |(_, agent)| agent,
            move || {
                let (cx, reach, wanted) = (cx.clone(), reach.clone(), wanted.clone());
                async move { store::count_members(&cx.db(), &reach, &wanted).await }.boxed()
            },
        ))
    }
}
