//! Ratings in the API.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    answer_feedback,
    ids::{AssistantId, MessageId, SiteId},
};
use async_graphql::{ComplexObject, Context, InputObject, Object, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::{
    super::graphql::types::{Message, message_node},
    rate,
    store::{self, Wanted},
};
use crate::{
    features::{assistants, sites},
    kernel::{
        CtxExt, Error, ErrorReason, Permission, Reach, Result,
        loader::Batch,
        page::{List, Paging, Place},
    },
};

/// What whoever asked thinks of an answer.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct AnswerFeedback {
    /// Whether it helped.
    helpful: bool,
    /// In their own words, where they said more.
    comment: Option<String>,
    /// When they said so, last.
    rated_at: DateTime<Utc>,
}

impl From<answer_feedback::Model> for AnswerFeedback {
    fn from(row: answer_feedback::Model) -> Self {
        Self { helpful: row.helpful, comment: row.comment, rated_at: row.rated_at }
    }
}

/// The rating of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FeedbackKey(pub(crate) MessageId);

impl Loader<FeedbackKey> for Batch {
    type Value = AnswerFeedback;
    type Error = Error;
    async fn load(&self, keys: &[FeedbackKey]) -> Result<HashMap<FeedbackKey, AnswerFeedback>> {
        let found = store::by_messages(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, row)| (FeedbackKey(id), row.into())).collect())
    }
}

/// What you think of an answer.
#[derive(Debug, InputObject)]
struct RateAnswerInput {
    /// The assistant's message.
    message_id: MessageId,
    /// Whether it helped.
    helpful: bool,
    /// In your own words, at most 1,000 characters. Left out, an earlier comment goes.
    comment: Option<String>,
}

/// A rated answer.
#[derive(SimpleObject)]
struct RateAnswerPayload {
    /// The message, with its `feedback`.
    message: Message,
}

/// Ratings of answers.
#[derive(Default)]
pub struct FeedbackMutation;

#[Object]
impl FeedbackMutation {
    /// Says whether an assistant's message helped. For the visitor or customer of the conversation; rating again replaces
    /// the earlier rating. Refused with `NOT_AN_ANSWER` for a message that no assistant wrote.
    async fn rate_answer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message, and what you think of it.")] input: RateAnswerInput,
    ) -> Result<RateAnswerPayload> {
        let (row, conversation) = rate(ctx.cx(), input.message_id, input.helpful, input.comment.as_deref()).await?;
        Ok(RateAnswerPayload { message: Message { row, conversation } })
    }
}

/// How the answers of a time were rated.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct AnswerFeedbackSummary {
    /// Answers that were rated helpful.
    helpful: i64,
    /// Answers that were rated as no help.
    unhelpful: i64,
    /// The same for each assistant that was rated, most ratings first.
    assistants: Vec<AssistantFeedback>,
    #[graphql(skip)]
    reach: Reach,
    #[graphql(skip)]
    wanted: Wanted,
}

/// How an assistant's answers were rated.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct AssistantFeedback {
    /// The assistant's id.
    assistant_id: AssistantId,
    /// Answers that were rated helpful.
    helpful: i64,
    /// Answers that were rated as no help.
    unhelpful: i64,
}

#[ComplexObject]
impl AssistantFeedback {
    /// The assistant. Null when it could not be loaded.
    async fn assistant(&self, ctx: &Context<'_>) -> Result<Option<assistants::AssistantProfile>> {
        ctx.cx().load(assistants::ProfileKey(self.assistant_id)).await
    }
}

/// A rating and the answer it is of.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct RatedAnswer {
    /// What whoever asked thinks of it.
    feedback: AnswerFeedback,
    #[graphql(skip)]
    row: answer_feedback::Model,
}

#[ComplexObject]
impl RatedAnswer {
    /// The answer.
    #[graphql(complexity = "5 + child_complexity")]
    async fn message(&self, ctx: &Context<'_>) -> Result<Option<Message>> {
        message_node(ctx.cx(), self.row.message_id).await
    }
}

#[ComplexObject]
impl AnswerFeedbackSummary {
    /// How many answers assistants gave in that time, rated or not.
    async fn answers(&self, ctx: &Context<'_>) -> Result<u64> {
        store::answers(&ctx.cx().db(), &self.reach, &self.wanted).await
    }

    /// The ratings one by one, of the newest answers first.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn ratings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that say that it helped, or that it did not.")] helpful: Option<bool>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<RatedAnswer>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let (reach, wanted) = (self.reach.clone(), self.wanted.clone());
        let page = store::list(&cx.db(), &reach, &wanted, helpful, &paging).await?;
        let place = |row: &answer_feedback::Model| Place(row.answered_at.timestamp_micros(), row.message_id.0);
        let show = |row: answer_feedback::Model| RatedAnswer { feedback: row.clone().into(), row };
        Ok(page.connect(place, show, move || {
            let (cx, reach, wanted) = (cx.clone(), reach.clone(), wanted.clone());
            async move { store::count(&cx.db(), &reach, &wanted, helpful).await }.boxed()
        }))
    }
}

/// Questions about ratings.
#[derive(Default)]
pub struct FeedbackQuery;

#[Object]
impl FeedbackQuery {
    /// How a site's answers were rated, for its admins: those that were sent from `from` on and before `to`.
    async fn answer_feedback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Answers sent from this moment on; from the first one without it.")] from: Option<
            DateTime<Utc>,
        >,
        #[graphql(desc = "Answers sent before this moment; up to now without it.")] to: Option<DateTime<Utc>>,
        #[graphql(desc = "Only answers of this assistant.")] assistant_id: Option<AssistantId>,
    ) -> Result<AnswerFeedbackSummary> {
        let cx = ctx.cx();
        let reach = sites::reach_in(cx, Permission::FeedbackRead, site_id)?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Error::bad_input("to", ErrorReason::OutOfRange, "`to` must be later than `from`."));
        }
        let wanted = Wanted { site: site_id, from, to, assistant: assistant_id };
        let mut by_assistant: BTreeMap<AssistantId, (i64, i64)> = BTreeMap::new();
        for (id, helpful, count) in store::counts(&cx.db(), &reach, &wanted).await? {
            let counts = by_assistant.entry(id).or_default();
            *(if helpful { &mut counts.0 } else { &mut counts.1 }) += count;
        }
        let mut assistants: Vec<AssistantFeedback> = by_assistant
            .into_iter()
            .map(|(assistant_id, (helpful, unhelpful))| AssistantFeedback { assistant_id, helpful, unhelpful })
            .collect();
        assistants.sort_by_key(|rated| std::cmp::Reverse(rated.helpful + rated.unhelpful));
        Ok(AnswerFeedbackSummary {
            helpful: assistants.iter().map(|rated| rated.helpful).sum(),
            unhelpful: assistants.iter().map(|rated| rated.unhelpful).sum(),
            assistants,
            reach,
            wanted,
        })
    }
}
