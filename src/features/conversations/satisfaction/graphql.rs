//! Ratings of conversations in the API.

use std::collections::BTreeMap;

use ::entity::{
    conversation_closing,
    ids::{ConversationId, SiteId, UserId},
};
use async_graphql::{ComplexObject, Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::{
    super::graphql::types::{Agent, AgentKey, Conversation, ConversationKey},
    model::{self, Figures},
    rate,
    store::{self, Wanted},
};
use crate::{
    features::sites,
    kernel::{
        CtxExt, Error, ErrorReason, Permission, Reach, Result,
        page::{List, Page, Paging, Place},
    },
};

/// How content whoever asked was with a conversation that was closed.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ConversationRating {
    /// 1 (not content at all) to 5 (very content).
    score: i32,
    /// In their own words, where they said more.
    comment: Option<String>,
    /// When they said so first.
    rated_at: DateTime<Utc>,
    /// Until when they can change it.
    editable_until: DateTime<Utc>,
}

impl ConversationRating {
    /// The rating of a closing, if it was rated.
    pub(crate) fn of(row: conversation_closing::Model) -> Option<Self> {
        let (score, rated_at) = (row.score?, row.rated_at?);
        Some(Self { score, comment: row.comment, rated_at, editable_until: model::editable_until(rated_at) })
    }
}

/// What you think of a conversation.
#[derive(Debug, InputObject)]
struct RateConversationInput {
    /// The conversation, which is closed.
    conversation_id: ConversationId,
    /// 1 (not content at all) to 5 (very content).
    score: i32,
    /// In your own words, at most 1,000 characters. Left out, an earlier comment goes.
    comment: Option<String>,
}

/// A rated conversation.
#[derive(SimpleObject)]
struct RateConversationPayload {
    /// The conversation, with its `rating`.
    conversation: Conversation,
}

/// Ratings of conversations.
#[derive(Default)]
pub struct SatisfactionMutation;

#[Object]
impl SatisfactionMutation {
    /// Says how content you are with a conversation that was closed, once; for a day you can change it. For its visitor or
    /// customer. Refused with `CONVERSATION_OPEN` while it goes on and with `RATING_FINAL` after the day. One that is
    /// reopened and closed again can be rated again.
    async fn rate_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation, and what you think of it.")] input: RateConversationInput,
    ) -> Result<RateConversationPayload> {
        let row = rate(ctx.cx(), input.conversation_id, input.score, input.comment.as_deref()).await?;
        Ok(RateConversationPayload { conversation: row.into() })
    }
}

/// How many conversations were given a score.
#[derive(SimpleObject)]
struct ScoreCount {
    /// The score, 1 to 5.
    score: i32,
    /// How many conversations.
    count: i64,
}

/// How closed conversations were rated. A conversation counts with each time it was closed, but for those that went on
/// without having been rated.
#[derive(SimpleObject)]
struct SatisfactionFigures {
    /// Conversations that were closed.
    closed: i64,
    /// Those of them that were rated.
    rated: i64,
    /// `rated` / `closed`, 0 to 1; null where none was closed.
    response_rate: Option<f64>,
    /// The mean score, 1 to 5; null where none was rated.
    mean: Option<f64>,
    /// How many were given each of the scores 1, 2, 3, 4 and 5.
    distribution: Vec<ScoreCount>,
}

impl From<Figures> for SatisfactionFigures {
    fn from(figures: Figures) -> Self {
        let counts = figures.by_score.into_iter().zip(1..);
        Self {
            closed: figures.closed,
            rated: figures.rated(),
            response_rate: figures.response_rate(),
            mean: figures.mean(),
            distribution: counts.map(|(count, score)| ScoreCount { score, count }).collect(),
        }
    }
}

/// How the conversations that were closed in a time were rated.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct Satisfaction {
    #[graphql(flatten)]
    figures: SatisfactionFigures,
    /// The same for each person to whom conversations were given when they were closed, most ratings first.
    agents: Vec<AgentSatisfaction>,
    #[graphql(skip)]
    reach: Reach,
    #[graphql(skip)]
    wanted: Wanted,
}

/// How the conversations were rated that were given to one person when they were closed.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct AgentSatisfaction {
    /// The person's id.
    agent_id: UserId,
    #[graphql(flatten)]
    figures: SatisfactionFigures,
}

#[ComplexObject]
impl AgentSatisfaction {
    /// The person. Null when there is no such account any more.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        ctx.cx().load(AgentKey(self.agent_id)).await
    }
}

/// A rating and the conversation it is of.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct RatedConversation {
    /// What whoever asked thinks of it.
    rating: ConversationRating,
    #[graphql(skip)]
    row: conversation_closing::Model,
}

#[ComplexObject]
impl RatedConversation {
    /// The conversation.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Option<Conversation>> {
        Ok(ctx.cx().load(ConversationKey(self.row.conversation_id)).await?.map(Conversation::from))
    }
}

#[ComplexObject]
impl Satisfaction {
    /// The ratings one by one, of the conversations that were closed last first.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn ratings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those with this score.")] score: Option<i32>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<RatedConversation>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let (reach, wanted) = (self.reach.clone(), self.wanted.clone());
        let Page { rows, has_next, has_previous } = store::list(&cx.db(), &reach, &wanted, score, &paging).await?;
        let rated = |row: conversation_closing::Model| {
            Some(RatedConversation { rating: ConversationRating::of(row.clone())?, row })
        };
        let page = Page { rows: rows.into_iter().filter_map(rated).collect(), has_next, has_previous };
        let place =
            |rated: &RatedConversation| Place(rated.row.closed_at.timestamp_micros(), rated.row.conversation_id.0);
        Ok(page.connect(
            place,
            |rated| rated,
            move || {
                let (cx, reach, wanted) = (cx.clone(), reach.clone(), wanted.clone());
                async move { store::count(&cx.db(), &reach, &wanted, score).await }.boxed()
            },
        ))
    }
}

/// Questions about ratings of conversations.
#[derive(Default)]
pub struct SatisfactionQuery;

#[Object]
impl SatisfactionQuery {
    /// How a site's conversations were rated by those who asked, for its admins: those that were closed from `from` on and
    /// before `to`.
    async fn satisfaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Conversations closed from this moment on; from the first one without it.")] from: Option<
            DateTime<Utc>,
        >,
        #[graphql(desc = "Conversations closed before this moment; up to now without it.")] to: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those that were given to this person when they were closed.")] agent_id: Option<UserId>,
    ) -> Result<Satisfaction> {
        let cx = ctx.cx();
        let reach = sites::reach_in(cx, Permission::FeedbackRead, site_id)?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Error::bad_input("to", ErrorReason::OutOfRange, "`to` must be later than `from`."));
        }
        let wanted = Wanted { site: site_id, from, to, agent: agent_id };
        let mut all = Figures::default();
        let mut by_agent: BTreeMap<UserId, Figures> = BTreeMap::new();
        for (agent, score, count) in store::counts(&cx.db(), &reach, &wanted).await? {
            all.add(score, count);
            if let Some(agent) = agent {
                by_agent.entry(agent).or_default().add(score, count);
            }
        }
        let mut agents: Vec<AgentSatisfaction> = by_agent
            .into_iter()
            .map(|(agent_id, figures)| AgentSatisfaction { agent_id, figures: figures.into() })
            .collect();
        agents.sort_by_key(|agent| std::cmp::Reverse(agent.figures.rated));
        Ok(Satisfaction { figures: all.into(), agents, reach, wanted })
    }
}
