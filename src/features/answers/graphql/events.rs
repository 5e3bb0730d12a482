//! What happens in a conversation, as the API tells it.

use ::entity::{
    conversation_closing::CloseReason,
    ids::{ConversationId, RunId},
    message::{Audience, AuthorKind},
};
use async_graphql::{Enum, ID, InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Union, Value};

use super::{
    super::model::{FailureReason, Usage},
    types::Run,
};
use crate::{
    features::conversations::{
        Citation,
        graphql::{
            answer::AssistantAnswer,
            subscription::{Gap, MessageChanged},
            types::{Conversation, Message, Receipt},
            viewers::ViewersChanged,
        },
    },
    kernel::journal::{Cursor, Placed},
};

/// How far a watcher of one run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunCursor {
    pub(super) attempt: i32,
    pub(super) sources: bool,
    pub(super) index: i32,
    pub(super) characters: i32,
}

/// A place in the stream of one run: the `cursor` of an event that was received. Opaque; do not take it apart.
#[Scalar(name = "RunCursor")]
impl ScalarType for RunCursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let read = || {
            let mut parts = text.strip_prefix('r')?.split('.');
            let cursor = Self {
                attempt: parts.next()?.parse().ok()?,
                sources: parts.next()? == "1",
                index: parts.next()?.parse().ok()?,
                characters: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(cursor)
        };
        read().ok_or_else(|| {
            InputValueError::custom("Not a cursor of a run; send the `cursor` of the last event you received.")
                .with_extension("code", "BAD_USER_INPUT")
                .with_extension("reason", "INVALID_CURSOR")
        })
    }

    fn to_value(&self) -> Value {
        let sources = i32::from(self.sources);
        Value::String(format!("r{}.{sources}.{}.{}", self.attempt, self.index, self.characters))
    }
}

/// An assistant begins to answer. A second one for the same run (a higher `attempt`) means that the answer begins anew,
/// because its server died or the visitor edited the question: forget the text.
#[derive(Clone, SimpleObject)]
pub(super) struct RunStarted {
    /// The run's place, for `assistantRun(after:)`.
    pub(super) run_cursor: RunCursor,
    /// The event's place, for `conversationEvents(after:)`; null in `assistantRun`.
    pub(super) event_cursor: Option<Cursor>,
    /// Which run.
    pub(super) run_id: RunId,
    /// 1 for the first try.
    pub(super) attempt: i32,
}

/// Passages were found that may answer the question.
#[derive(Clone, SimpleObject)]
pub(super) struct SourcesFound {
    /// The run's place, for `assistantRun(after:)`.
    pub(super) run_cursor: RunCursor,
    /// The event's place, for `conversationEvents(after:)`; null in `assistantRun`.
    pub(super) event_cursor: Option<Cursor>,
    /// Which run.
    pub(super) run_id: RunId,
    /// The passages, best first.
    pub(super) sources: Vec<Citation>,
}

/// A piece of the answer. Who comes late gets the text so far as one piece: put `text` at character `start` and forget
/// what stood from there on.
#[derive(Clone, SimpleObject)]
pub(super) struct Chunk {
    /// The run's place, for `assistantRun(after:)`.
    pub(super) run_cursor: RunCursor,
    /// Which run.
    pub(super) run_id: RunId,
    /// Number of the piece, from 0; of the last one when several come together.
    pub(super) index: i32,
    /// Where `text` begins in the answer, in Unicode characters.
    pub(super) start: i32,
    /// Markdown.
    pub(super) text: String,
}

/// The answer is complete and stored as a message.
#[derive(Clone, SimpleObject)]
pub(super) struct RunFinished {
    /// The event's place, for `conversationEvents(after:)`; null in `assistantRun`.
    pub(super) event_cursor: Option<Cursor>,
    /// Which run.
    pub(super) run_id: RunId,
    /// The message; `interrupted` when it was stopped or broke off.
    pub(super) message: Message,
    /// What the assistant made of the question.
    pub(super) answer: Option<AssistantAnswer>,
    /// Its sources: literal quotes.
    pub(super) citations: Vec<Citation>,
    /// What it cost, where the provider says so.
    pub(super) usage: Option<Usage>,
}

/// The run ended without a message.
#[derive(Clone, SimpleObject)]
pub(super) struct RunFailed {
    /// The event's place, for `conversationEvents(after:)`; null in `assistantRun`.
    pub(super) event_cursor: Option<Cursor>,
    /// Which run.
    pub(super) run_id: RunId,
    /// Why.
    pub(super) reason: FailureReason,
}

/// The draft is complete: send it with `sendDraft` or discard it with `discardDraft`.
#[derive(SimpleObject)]
pub(super) struct DraftReady {
    /// Which run.
    pub(super) run_id: RunId,
    /// The run: its text, its sources and what is known about them.
    pub(super) run: Run,
}

/// An event of `assistantRun`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "lives for the length of one event")]
pub(super) enum RunEvent {
    /// It begins.
    RunStarted(RunStarted),
    /// Passages were found.
    SourcesFound(SourcesFound),
    /// A piece of the text.
    Chunk(Chunk),
    /// It is complete; the last event.
    RunFinished(RunFinished),
    /// The draft is complete; the last event.
    DraftReady(DraftReady),
    /// It ended without a message or a draft; the last event.
    RunFailed(RunFailed),
}

/// What changed in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum ConversationChange {
    /// It was started.
    Started,
    /// It was closed.
    Closed,
    /// It was reopened.
    Reopened,
    /// It was given to somebody, or to nobody.
    Assigned,
    /// Its tags changed; told to members of the site only.
    TagsChanged,
    /// It waits for a person from now on.
    HumanRequested,
    /// It does not wait for a person any more: the visitor goes on with the assistant.
    HumanRequestCancelled,
    /// An agent wrote to the visitor who waited.
    HumanJoined,
    /// It entered the queue: `queuePosition` shows its place.
    QueueEntered,
    /// Its wait in the queue is over; `queueOutcome` of the conversation tells how.
    QueueLeft,
    /// The connection of the agent who has it is gone: `AGENT_BACK` or, after a minute, `AGENT_GONE` follows.
    AgentReconnecting,
    /// The agent is connected again.
    AgentBack,
    /// The agent who had it has been gone for a minute: another one is looked for. Where none has
    /// room, the assistant helps; whoever asked for a person keeps their place in line.
    AgentGone,
    /// It was handed over to a department or to the queue.
    Transferred,
    /// The visitor is offered a person: see `offers` of the conversation.
    PersonOffered,
    /// An agent took over: the assistant is silent.
    AssistantPaused,
    /// The assistant may answer again.
    AssistantResumed,
    /// Its title changed.
    Renamed,
    /// Its visitor or customer rated it.
    Rated,
}

/// A conversation changed.
#[derive(SimpleObject)]
pub(super) struct ConversationChanged {
    /// The event's place; resume with `after: cursor`.
    pub(super) cursor: Cursor,
    /// What changed.
    pub(super) conversation_change: ConversationChange,
    /// Why, where it was closed and a member of the site said so. For members of the site; null for others.
    pub(super) close_reason: Option<CloseReason>,
    /// The conversation as it is now.
    pub(super) conversation: Conversation,
}

/// A conversation was deleted; the last event.
#[derive(SimpleObject)]
pub(super) struct ConversationDeleted {
    /// The event's place.
    pub(super) cursor: Cursor,
    /// Which conversation.
    pub(super) conversation_id: ConversationId,
}

/// A participant received or read messages.
#[derive(SimpleObject)]
pub(super) struct ReceiptMoved {
    /// The event's place; resume with `after: cursor`.
    pub(super) cursor: Cursor,
    /// How far they have come.
    pub(super) receipt: Receipt,
}

/// Somebody types, or has stopped. Passing: forget it after 6 seconds.
#[derive(SimpleObject)]
pub(super) struct TypingChanged {
    /// Where.
    pub(super) conversation_id: ConversationId,
    /// In which role.
    pub(super) author_kind: AuthorKind,
    /// The visitor's or person's id.
    pub(super) author_id: ID,
    /// The name to show.
    pub(super) author_name: Option<String>,
    /// For whom: `STAFF` where it is a note, of which only members of the site are told.
    pub(super) audience: Audience,
    /// True while typing.
    pub(super) is_typing: bool,
    /// What is being typed, if the sender shows it.
    pub(super) preview: Option<String>,
}

/// An event of `conversationEvents`. Those with a `cursor` (`eventCursor` where a run tells it) are kept and can be
/// replayed; typing, viewers and pieces of answers pass.
#[derive(Union)]
pub(super) enum ConversationEvent {
    /// A message was sent or changed.
    MessageChanged(MessageChanged),
    /// The conversation changed.
    ConversationChanged(ConversationChanged),
    /// It is gone.
    ConversationDeleted(ConversationDeleted),
    /// Somebody received or read messages.
    ReceiptMoved(ReceiptMoved),
    /// Somebody types.
    TypingChanged(TypingChanged),
    /// Other members of the site opened it, or closed it; told to members of the site only.
    ViewersChanged(ViewersChanged),
    /// An assistant begins to answer.
    RunStarted(RunStarted),
    /// It found passages.
    SourcesFound(SourcesFound),
    /// A piece of its answer.
    Chunk(Chunk),
    /// The answer is complete.
    RunFinished(RunFinished),
    /// It ended without a message.
    RunFailed(RunFailed),
    /// Events are missing: refetch.
    Gap(Gap),
}

impl Placed for ConversationEvent {
    fn place(&self) -> Option<Cursor> {
        match self {
            Self::MessageChanged(event) => Some(event.cursor),
            Self::ConversationChanged(event) => Some(event.cursor),
            Self::ConversationDeleted(event) => Some(event.cursor),
            Self::ReceiptMoved(event) => Some(event.cursor),
            Self::RunStarted(event) => event.event_cursor,
            Self::SourcesFound(event) => event.event_cursor,
            Self::RunFinished(event) => event.event_cursor,
            Self::RunFailed(event) => event.event_cursor,
            Self::Gap(event) => Some(event.cursor),
            Self::TypingChanged(_) | Self::ViewersChanged(_) | Self::Chunk(_) => None,
        }
    }
}
