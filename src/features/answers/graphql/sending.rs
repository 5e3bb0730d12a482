//! Saying something to an assistant in the API, and what comes of it.

use ::entity::{
    ids::{AssistantId, ConversationId, RunId},
    message::Audience,
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use uuid::Uuid;

use super::{super::waiting, types::Run};
use crate::{
    features::conversations::{
        self, Start,
        graphql::types::{Conversation, Message},
    },
    kernel::{Ctx, CtxExt, Once, Result, journal, text},
};

/// With whom to talk.
#[derive(Debug, InputObject)]
struct StartConversationInput {
    /// The assistant. Visitors may leave it out: the site's first assistant that is on.
    assistant_id: Option<AssistantId>,
    /// A title, for customers who keep several conversations; at most 200 characters.
    title: Option<String>,
    /// Your own id of the conversation, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same conversation and never a second one, and the same first message. Leave it out only if
    /// you never retry.
    client_id: Option<Uuid>,
    /// The first message, sent at once. A widget gives it and so leaves nothing where nobody writes.
    message: Option<FirstMessageInput>,
}

/// The message with which a conversation begins, or goes on.
#[derive(Debug, InputObject)]
struct FirstMessageInput {
    /// Markdown, 1 to 10,000 characters.
    body: String,
    /// Your own id of the message, as for `sendMessage`. Left out, it is the conversation's.
    client_id: Option<Uuid>,
}

/// A conversation to talk in.
#[derive(SimpleObject)]
struct StartConversationPayload {
    /// The conversation, with a `cursor` to subscribe from: what comes of the first message is told after it.
    conversation: Conversation,
    /// True when it is new, also for a repetition under its `clientId`; false when an open one goes on.
    started: bool,
    /// The first message, if one was given; the same on every retry.
    message: Option<Message>,
    /// The run that answers the first message; see `SendMessagePayload`.
    run_id: Option<RunId>,
}

/// A message to send.
#[derive(Debug, InputObject)]
struct SendMessageInput {
    /// Where.
    conversation_id: ConversationId,
    /// Markdown, 1 to 10,000 characters.
    body: String,
    /// Your own id of the message, a UUID you make: sending it again, for example after a lost connection, gives the
    /// same message and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
    /// Waits until the assistant has answered, for 25 seconds at most, and gives the answer as well. The assistant goes on
    /// writing when that is over: follow `runId` with `assistantRun`.
    #[graphql(default)]
    await_answer: bool,
}

/// A stored message.
#[derive(SimpleObject)]
struct SendMessagePayload {
    /// The message as it is stored; the same on every retry.
    message: Message,
    /// The run that answers it; follow it with `assistantRun`. Null where no assistant answers: a person has the
    /// conversation or is to have it, or a member of the site wrote the message.
    run_id: Option<RunId>,
    /// The same run as it stands.
    run: Option<Run>,
    /// With `awaitAnswer`, the assistant's answer. Null without it, where no assistant answers, and when the answer takes
    /// longer or failed: `run` tells which.
    answer: Option<Message>,
}

/// Mutations that an assistant may answer.
#[derive(Default)]
pub struct SendingMutation;

#[Object]
impl SendingMutation {
    /// Starts a conversation with an assistant, with its first message if one is given. For a visitor it is the open one
    /// with that assistant if there is one, however often and from however many tabs it is called; for a customer a new
    /// one. No inbox shows a conversation in which nothing was said.
    async fn start_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With whom to talk.")] input: StartConversationInput,
    ) -> Result<StartConversationPayload> {
        let cx = ctx.cx();
        let first = input.message.as_ref();
        // Nothing is started for a message that cannot be sent.
        first.map(|first| text::body("input.message.body", &first.body, conversations::MESSAGE_MAX)).transpose()?;
        let once = Once::new(cx, "startConversation", input.client_id, &input);
        let first_message = first.and_then(|first| first.client_id.or(input.client_id));
        let start = Start { assistant: input.assistant_id, title: input.title.clone(), first_message };
        let (row, started) = conversations::start(cx, start, &once).await?;
        let cursor = journal::head(&cx.db(), row.site_id).await?;
        let message = match first {
            Some(first) => {
                let body = ("input.message.body", first.body.as_str());
                Some(conversations::send(cx, row.id, body, Audience::Everyone, vec![], first_message).await?)
            }
            None => None,
        };
        let run_id = match &message {
            Some(message) if ctx.look_ahead().field("runId").exists() => waiting::run_of(cx, message).await?,
            Some(_) | None => None,
        };
        let message = match message {
            Some(message) => Some(Message::of(cx, message).await?),
            None => None,
        };
        let conversation = Conversation::with_cursor(cx, row.id, cursor).await?;
        Ok(StartConversationPayload { conversation, started, message, run_id: run_id.map(|run| run.id) })
    }

    /// Sends a message. It is stored when this answers; with a `clientId` a retry never doubles it.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to send.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let cx = ctx.cx();
        let (id, body) = (input.conversation_id, ("input.body", input.body.as_str()));
        let row = conversations::send(cx, id, body, Audience::Everyone, vec![], input.client_id).await?;
        let asked = ctx.look_ahead();
        let wants_run = input.await_answer || asked.field("runId").exists() || asked.field("run").exists();
        let run = if wants_run { waiting::run_of(cx, &row).await? } else { None };
        let run = match run {
            Some(run) if input.await_answer => Some(waiting::until_over(cx, run).await?),
            run => run,
        };
        let answer = match &run {
            Some(run) if input.await_answer => answer(cx, run).await?,
            Some(_) | None => None,
        };
        let message = Message::of(cx, row).await?;
        Ok(SendMessagePayload { message, run_id: run.as_ref().map(|run| run.id), run: run.map(Run), answer })
    }
}

/// The message that a run ended with.
async fn answer(cx: &Ctx, run: &::entity::run::Model) -> Result<Option<Message>> {
    match run.message_id {
        Some(id) => Ok(Some(Message::of(cx, conversations::message(&cx.db(), run.conversation_id, id).await?).await?)),
        None => Ok(None),
    }
}
