//! Presence in the API.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    agent_state::Availability,
    ids::{LeaseId, SiteId, UserId},
};
use async_graphql::{Context, InputObject, Object, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};

use super::{
    super::{
        facts::AgentFact,
        presence::{self, Said},
        roster::Whom,
    },
    agents::Agent,
};
use crate::{
    features::{
        accounts,
        conversations::{
            Attributes, ConversationFact,
            graphql::subscription::{Gap, gap},
        },
        sites::reach_in,
    },
    kernel::{
        Ctx, CtxExt, Permission, Result,
        journal::{self, Cursor, Followed, Line, Placed, Scope, part_cursors, placed},
    },
};

/// How many agents of a site are there.
#[derive(SimpleObject)]
struct PresenceSummary {
    /// Agents with an open dashboard.
    online: i64,
    /// Those of them who get new conversations.
    accepting: i64,
    /// The agents with an open dashboard.
    agents: Vec<Agent>,
}

/// Questions about presence.
#[derive(Default)]
pub struct PresenceQuery;

#[Object]
impl PresenceQuery {
    /// Who of a site is there, for members of the site.
    #[graphql(complexity = "20 + child_complexity")]
    async fn presence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<PresenceSummary> {
        let cx = ctx.cx();
        reach_in(cx, Permission::ConversationsWork, site_id)?;
        let agents = Agent::load_all(cx, site_id, Whom::Online).await?;
        let accepting = agents.iter().filter(|agent| agent.accepts_chats()).count();
        Ok(PresenceSummary {
            online: i64::try_from(agents.len()).unwrap_or(i64::MAX),
            accepting: i64::try_from(accepting).unwrap_or(i64::MAX),
            agents,
        })
    }
}

/// What you say about your availability.
#[derive(Debug, InputObject)]
struct SetPresenceInput {
    /// The site.
    site_id: SiteId,
    /// What you are.
    state: Availability,
    /// In your own words, up to 140 characters.
    text: Option<String>,
    /// When you are available again by yourself, at most 90 days from now. Left out, when you say so.
    until: Option<DateTime<Utc>>,
}

/// Your availability.
#[derive(SimpleObject)]
struct SetPresencePayload {
    /// You, as others see you now.
    agent: Agent,
}

/// Changes to presence.
#[derive(Default)]
pub struct PresenceMutation;

#[Object]
impl PresenceMutation {
    /// Says whether you are available on a site. It stays when you sign out, until you say otherwise or `until` has come.
    async fn set_presence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and what.")] input: SetPresenceInput,
    ) -> Result<SetPresencePayload> {
        let SetPresenceInput { site_id, state, text, until } = input;
        presence::say(ctx.cx(), site_id, Said { state, text, until }).await?;
        let user = accounts::signed_in(&ctx.cx().actor)?.user;
        Ok(SetPresencePayload { agent: Agent::load(ctx.cx(), site_id, user).await? })
    }
}

/// An open dashboard.
#[derive(SimpleObject)]
struct AgentSession {
    /// Identifies the session.
    session_id: LeaseId,
    /// You, as others see you now.
    agent: Agent,
}

/// An agent came, went, got or lost a conversation, or changed.
#[derive(SimpleObject)]
pub(crate) struct PresenceChanged {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// The agent as they are now.
    agent: Agent,
}

/// An event of `presenceEvents`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "lives for the length of one event")]
enum PresenceEvent {
    /// An agent came, went, got or lost a conversation, or changed.
    Changed(PresenceChanged),
    /// Events are missing: refetch.
    Gap(Gap),
}

impl Placed for PresenceEvent {
    fn place(&self) -> Option<Cursor> {
        Some(match self {
            Self::Changed(changed) => changed.cursor,
            Self::Gap(gap) => gap.cursor,
        })
    }
}

/// Subscriptions about presence.
#[derive(Default)]
pub struct PresenceSubscription;

#[Subscription]
impl PresenceSubscription {
    /// Says that a dashboard of yours is open, for as long as you are subscribed and a minute longer: keep it open in every
    /// dashboard. You are online on the site while one is. Tells once that it is so, and then nothing.
    async fn agent_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<impl Stream<Item = Result<AgentSession>> + use<>> {
        let cx = ctx.cx().clone();
        let open = presence::open(&cx, site_id).await?;
        Ok(try_stream! {
            let agent = Agent::load(&cx, site_id, open.lease.user_id).await?;
            yield AgentSession { session_id: open.lease.id, agent };
            // Held until whoever subscribed is gone.
            futures_util::future::pending::<()>().await;
            drop(open);
        })
    }

    /// The agents of a site as they come, go, get and lose conversations, and say whether they are available, for
    /// members of the site. With `after`, first what was missed, each agent as they are now; without it, from now on:
    /// read `presence` in between.
    async fn presence_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The `cursor` of the last event received, or `inboxCursor`.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<PresenceEvent>> + use<>> {
        let cx = ctx.cx().clone();
        reach_in(&cx, Permission::ConversationsWork, site_id)?;
        let position = cx.position.clone();
        let events = try_stream! {
            let followed = journal::follow(cx.clone(), site_id, Scope::Site, after, None);
            let mut followed = std::pin::pin!(followed);
            while let Some(batch) = followed.next().await {
                match batch? {
                    Followed::Gap { from, to } => yield PresenceEvent::Gap(gap(from, to, "presence(siteId:)")),
                    Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp => {}
                    Followed::Lines(lines) => {
                        let mut changes = Box::pin(presence_changes(&cx, site_id, &lines)).await?;
                        part_cursors(changes.iter_mut().map(|changed| &mut changed.cursor));
                        for changed in changes {
                            yield PresenceEvent::Changed(changed);
                        }
                    }
                }
            }
        };
        Ok(placed(position, events))
    }
}

/// The agents of whom a batch of lines tells, as they are now: each once, at the last line about them. Nobody is told
/// of who is gone from the site meanwhile.
pub(crate) async fn presence_changes(cx: &Ctx, site: SiteId, lines: &[Line]) -> Result<Vec<PresenceChanged>> {
    let mut last: HashMap<UserId, Cursor> = HashMap::new();
    for line in lines {
        last.extend(concerned(line).into_iter().map(|user| (user, line.cursor())));
    }
    let mut places: BTreeMap<Cursor, Vec<UserId>> = BTreeMap::new();
    for (user, place) in last {
        places.entry(place).or_default().push(user);
    }
    let mut changes = vec![];
    for (place, users) in places {
        let agents = Agent::load_all(cx, site, Whom::These(&users)).await?;
        changes.extend(agents.into_iter().map(|agent| PresenceChanged { cursor: place, agent }));
    }
    Ok(changes)
}

/// The agents of whom a line tells: whose presence it changes, or how many conversations they have.
fn concerned(line: &Line) -> Vec<UserId> {
    if let Some(fact) = AgentFact::read(line) {
        return fact.present().into_iter().collect();
    }
    let moved = ConversationFact::read(line).and_then(|fact| {
        let (before, after) = fact.change()?;
        let (from, to) = (before.and_then(Attributes::burdens), after.and_then(Attributes::burdens));
        (from != to).then_some([from, to])
    });
    moved.into_iter().flatten().flatten().collect()
}
