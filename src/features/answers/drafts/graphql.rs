//! Drafts in the API.

use ::entity::{
    ids::{ConversationId, RunId, SiteId},
    run::{DraftOutcome, RunStatus},
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{super::graphql::Run, store};
use crate::{
    features::{conversations::graphql::types::Message, sites},
    kernel::{CtxExt, Error, ErrorReason, Once, Permission, Result},
};

/// Where to draft a reply.
#[derive(Debug, InputObject)]
struct SuggestReplyInput {
    /// The conversation.
    conversation_id: ConversationId,
    /// Your own id of the draft, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// gives the same draft and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// A draft that is being written.
#[derive(SimpleObject)]
struct SuggestReplyPayload {
    /// The run: follow it with `assistantRun(runId:)`.
    run: Run,
}

/// A draft to send.
#[derive(Debug, InputObject)]
struct SendDraftInput {
    /// The draft's run.
    run_id: RunId,
    /// What to send instead of the draft's own text, Markdown, 1 to 10,000 characters. Without it the text is sent as it
    /// is, without its marks of sources (`[1]`).
    body: Option<String>,
}

/// A sent draft.
#[derive(SimpleObject)]
struct SendDraftPayload {
    /// Your message; the same on every retry.
    message: Message,
    /// The draft's run.
    run: Run,
}

/// A draft that is not wanted.
#[derive(Debug, InputObject)]
struct DiscardDraftInput {
    /// The draft's run.
    run_id: RunId,
}

/// A discarded draft.
#[derive(SimpleObject)]
struct DiscardDraftPayload {
    /// The draft's run.
    run: Run,
}

/// Mutations of drafts.
#[derive(Default)]
pub struct DraftsMutation;

#[Object]
impl DraftsMutation {
    /// Has the conversation's assistant (or, where it has none, the site's first) draft a reply to what the visitor said
    /// last, for you alone: follow it with `assistantRun`. For members of the site, also while the assistant is paused. Up
    /// to 30 a minute; an earlier draft for you in the conversation that is still being written is given up.
    async fn suggest_reply(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where.")] input: SuggestReplyInput,
    ) -> Result<SuggestReplyPayload> {
        let once = Once::new(ctx.cx(), "suggestReply", input.client_id, &input);
        Ok(SuggestReplyPayload { run: Run(super::suggest(ctx.cx(), input.conversation_id, &once).await?) })
    }

    /// Sends a draft that was made for you, as it is or changed. It becomes a message of yours, once, however often it is
    /// sent; as with each of your messages, the assistant is silent from then on.
    async fn send_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which draft, and what to send.")] input: SendDraftInput,
    ) -> Result<SendDraftPayload> {
        let (row, conversation, run) = super::send(ctx.cx(), input.run_id, input.body.as_deref()).await?;
        Ok(SendDraftPayload { message: Message { row, conversation }, run: Run(run) })
    }

    /// Says that a draft that was made for you is not wanted. One that is still being written is stopped.
    async fn discard_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which draft.")] input: DiscardDraftInput,
    ) -> Result<DiscardDraftPayload> {
        Ok(DiscardDraftPayload { run: Run(super::discard(ctx.cx(), input.run_id).await?) })
    }
}

/// What became of the drafts of a time.
#[derive(Default, SimpleObject)]
struct DraftStatistics {
    /// How many were asked for.
    suggested: i64,
    /// Sent as they were.
    sent: i64,
    /// Changed and sent.
    edited: i64,
    /// Discarded.
    discarded: i64,
    /// Ended without a text, because nothing was found or the provider failed; not those that were discarded.
    failed: i64,
    /// Given up for a newer one while they were written; not those that were discarded.
    superseded: i64,
    /// Still being written, or nobody has decided about them.
    open: i64,
}

/// Queries about drafts.
#[derive(Default)]
pub struct DraftsQuery;

#[Object]
impl DraftsQuery {
    /// What became of the drafts that were asked for on a site, for its admins: those from `from` on and before `to`.
    async fn draft_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Drafts asked for from this moment on; from the first one without it.")] from: Option<
            DateTime<Utc>,
        >,
        #[graphql(desc = "Drafts asked for before this moment; up to now without it.")] to: Option<DateTime<Utc>>,
    ) -> Result<DraftStatistics> {
        let cx = ctx.cx();
        let reach = sites::reach_in(cx, Permission::FeedbackRead, site_id)?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Error::bad_input("to", ErrorReason::OutOfRange, "`to` must be later than `from`."));
        }
        let mut sums = DraftStatistics::default();
        for (status, outcome, count) in store::counts(&cx.db(), &reach, site_id, (from, to)).await? {
            sums.suggested += count;
            *match (outcome, status) {
                (Some(DraftOutcome::Sent), _) => &mut sums.sent,
                (Some(DraftOutcome::Edited), _) => &mut sums.edited,
                (Some(DraftOutcome::Discarded), _) => &mut sums.discarded,
                (None, RunStatus::Failed) => &mut sums.failed,
                (None, RunStatus::Cancelled) => &mut sums.superseded,
                (None, RunStatus::Queued | RunStatus::Running | RunStatus::Finished | RunStatus::Stopped) => {
                    &mut sums.open
                }
            } += count;
        }
        Ok(sums)
    }
}
