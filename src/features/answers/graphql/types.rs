//! Runs in the API.

use ::entity::{
    assistant::Provider,
    ids::{AssistantId, ConversationId, MessageId, RunId},
    message::AnswerAction,
    run::{self, DraftOutcome, RunStatus},
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::{
    job,
    model::{self, FailureReason, Usage},
    progress, store,
};
use crate::{
    features::{
        assistants::Attempt,
        conversations::{self, Citation},
    },
    kernel::{Ctx, CtxExt, Permission, Result},
};

/// A run as it stands.
pub(crate) struct Run(pub(crate) run::Model);

/// One answer of an assistant in the making, or a draft of a reply for an agent. It goes on whether or not anybody watches.
#[Object]
impl Run {
    /// Opaque id, `run_…`.
    pub(crate) async fn id(&self) -> RunId {
        self.0.id
    }

    /// The conversation it answers in.
    async fn conversation_id(&self) -> ConversationId {
        self.0.conversation_id
    }

    /// The assistant that answers.
    async fn assistant_id(&self) -> AssistantId {
        self.0.assistant_id
    }

    /// Where it stands.
    async fn status(&self) -> RunStatus {
        self.0.status
    }

    /// 1 for the first try; a server that dies in the middle leads to another.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// What has been written so far.
    async fn text(&self, ctx: &Context<'_>) -> String {
        match self.0.status {
            RunStatus::Running => progress::snapshot(ctx.cx(), &self.0).await.text,
            RunStatus::Queued | RunStatus::Finished | RunStatus::Failed | RunStatus::Stopped | RunStatus::Cancelled => {
                self.0.text.clone()
            }
        }
    }

    /// The sources that were found; once it has ended, those that are cited.
    async fn citations(&self) -> Result<Vec<Citation>> {
        sources(&self.0)
    }

    /// What the answer is, once it has ended with one.
    async fn action(&self) -> Option<AnswerAction> {
        self.0.action
    }

    /// How likely what was found answers the question, 0 to 1; null until it has ended with an answer.
    async fn confidence(&self) -> Option<f64> {
        self.0.confidence
    }

    /// How many sources the model cited that do not exist; they were taken out of the text.
    async fn dropped_citations(&self) -> i32 {
        self.0.dropped_citations
    }

    /// How many links and images the model wrote that no source holds; they were taken out of the text.
    async fn removed_links(&self) -> i32 {
        self.0.removed_links
    }

    /// What it cost, where the provider says so.
    async fn usage(&self) -> Option<Usage> {
        usage(&self.0)
    }

    /// Who answered; null until it has ended, and for visitors and customers.
    async fn provider(&self, ctx: &Context<'_>) -> Option<Provider> {
        self.0.provider.filter(|_| self.for_staff(ctx))
    }

    /// The provider's name of the model that answered; null where there is none, until it has ended, and for visitors and
    /// customers.
    async fn model(&self, ctx: &Context<'_>) -> Option<String> {
        self.0.model.clone().filter(|_| self.for_staff(ctx))
    }

    /// Who was asked in vain before, in this order; empty until it has ended. Null for visitors and customers.
    async fn attempts(&self, ctx: &Context<'_>) -> Option<Vec<Attempt>> {
        let attempts =
            || self.0.attempts.clone().and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default();
        self.for_staff(ctx).then(attempts)
    }

    /// True for a draft: it is for the agent who asked for it alone, until they send it.
    async fn is_draft(&self) -> bool {
        self.0.requested_by.is_some()
    }

    /// What the agent made of the draft; null while they have not decided, and for answers.
    async fn draft_outcome(&self) -> Option<DraftOutcome> {
        self.0.draft_outcome
    }

    /// The message it ended with; for a draft, once it is sent, the agent's.
    async fn message_id(&self) -> Option<MessageId> {
        self.0.message_id
    }

    /// Why it ended without one.
    async fn failure_reason(&self) -> Option<FailureReason> {
        failure(&self.0)
    }

    /// When the question was taken up.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }
}

impl Run {
    /// Which models are asked is for those who read the assistant.
    fn for_staff(&self, ctx: &Context<'_>) -> bool {
        ctx.cx().actor.is_staff_of(self.0.site_id)
    }
}

/// A run's sources.
pub(super) fn sources(run: &run::Model) -> Result<Vec<Citation>> {
    Ok(serde_json::from_value(run.citations.clone())?)
}

/// A run's cost.
pub(super) fn usage(run: &run::Model) -> Option<Usage> {
    run.usage.clone().and_then(|json| serde_json::from_value(json).ok())
}

/// Why a run failed.
pub(super) fn failure(run: &run::Model) -> Option<FailureReason> {
    run.failure.clone().and_then(|name| serde_json::from_value(serde_json::Value::String(name)).ok())
}

/// A run of a conversation within the caller's reach, with that conversation.
pub(super) async fn find(cx: &Ctx, id: RunId) -> Result<(run::Model, ::entity::conversation::Model)> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let run = store::find(&cx.db(), id).await?;
    if !model::is_for(&cx.actor, &run) {
        return Err(crate::kernel::Error::not_found("run"));
    }
    let conversation = conversations::lookup(&cx.db(), &reach, run.conversation_id).await?;
    conversation.map(|conversation| (run, conversation)).ok_or_else(|| crate::kernel::Error::not_found("run"))
}

/// A run that the caller may see, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: RunId) -> Result<Option<Run>> {
    match find(cx, id).await {
        Ok((run, _)) => Ok(Some(Run(run))),
        Err(error) if error.is_transient() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Queries about answers.
#[derive(Default)]
pub struct AnswersQuery;

#[Object]
impl AnswersQuery {
    /// One run, with what has been written so far.
    async fn run(&self, ctx: &Context<'_>, #[graphql(desc = "Which one.")] run_id: RunId) -> Result<Run> {
        Ok(Run(find(ctx.cx(), run_id).await?.0))
    }
}

/// Which run.
#[derive(Debug, InputObject)]
struct StopRunInput {
    /// Which run.
    run_id: RunId,
}

/// A stopped run.
#[derive(SimpleObject)]
struct StopRunPayload {
    /// The run. What had been written follows as a message marked `interrupted`.
    run: Run,
}

/// Mutations of answers.
#[derive(Default)]
pub struct AnswersMutation;

#[Object]
impl AnswersMutation {
    /// Stops an answer. What was written so far is kept as a message marked `interrupted`. Everybody in the
    /// conversation may. A draft can be stopped by whom it is for; what there is of it can be sent.
    async fn stop_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run.")] input: StopRunInput,
    ) -> Result<StopRunPayload> {
        Ok(StopRunPayload { run: Run(job::stop(ctx.cx(), input.run_id).await?) })
    }
}
