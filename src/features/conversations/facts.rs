//! What can happen to a conversation.

use ::entity::{
    conversation::{self, Attention, HandoffReason, QueueOutcome, Status},
    conversation_closing::CloseReason,
    ids::{AssistantId, ConversationId, DepartmentId, MessageId, UserId},
    message::{Audience, AuthorKind},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::state::State;
use crate::kernel::tx::Fact;

/// What an inbox filters by, as it was at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) status: Status,
    pub(crate) assignee: Option<UserId>,
    pub(crate) assistant: Option<AssistantId>,
    pub(crate) tags: Vec<String>,
    /// A person was asked for, and none has written yet.
    #[serde(default)]
    pub(crate) waiting: bool,
    #[serde(default)]
    pub(crate) attention: Attention,
    #[serde(default)]
    pub(crate) department: Option<DepartmentId>,
    #[serde(default)]
    pub(crate) outcome: Option<QueueOutcome>,
    #[serde(default)]
    pub(crate) customer: Option<UserId>,
    /// Something stands in it; before, no inbox shows it.
    #[serde(default = "is_said")]
    pub(crate) said: bool,
}

/// What earlier facts mean, which do not say it.
fn is_said() -> bool {
    true
}

impl Attributes {
    pub(crate) fn of(conversation: &conversation::Model, tags: Vec<String>) -> Self {
        Self {
            status: conversation.status,
            assignee: conversation.assignee_id,
            assistant: conversation.assistant_id,
            tags,
            waiting: State::of(conversation).unanswered_since().is_some(),
            attention: conversation.attention,
            department: conversation.department_id,
            outcome: conversation.queue_outcome,
            customer: conversation.customer_id,
            said: conversation.last_seq > 0,
        }
    }

    /// Of whose open conversations it is one: it counts towards what that agent may have at a time.
    pub(crate) fn burdens(&self) -> Option<UserId> {
        self.assignee.filter(|_| self.attention == Attention::Person)
    }
}

/// A fact about a conversation. Those that change what an inbox filters by carry the attributes before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum ConversationFact {
    Started {
        after: Attributes,
    },
    MessagePosted {
        message: MessageId,
        seq: i64,
        author: AuthorKind,
        author_id: Option<Uuid>,
        audience: Audience,
    },
    MessageEdited {
        message: MessageId,
        audience: Audience,
    },
    MessageDeleted {
        message: MessageId,
        audience: Audience,
    },
    ReactionsChanged {
        message: MessageId,
        audience: Audience,
    },
    AnswerRated {
        message: MessageId,
        helpful: bool,
    },
    ReceiptMoved {
        kind: AuthorKind,
        actor: Uuid,
        delivered_seq: i64,
        read_seq: i64,
    },
    Closed {
        before: Attributes,
        after: Attributes,
        reason: Option<CloseReason>,
    },
    Rated {
        score: i32,
    },
    Reopened {
        before: Attributes,
        after: Attributes,
    },
    Assigned {
        before: Attributes,
        after: Attributes,
    },
    TagsChanged {
        before: Attributes,
        after: Attributes,
    },
    HumanRequested {
        reason: HandoffReason,
        before: Attributes,
        after: Attributes,
    },
    HumanRequestCancelled {
        before: Attributes,
        after: Attributes,
    },
    HumanJoined {
        before: Attributes,
        after: Attributes,
    },
    QueueEntered,
    QueueLeft {
        outcome: QueueOutcome,
    },
    AgentReconnecting,
    AgentBack,
    AgentGone {
        before: Attributes,
        after: Attributes,
    },
    Transferred {
        department: Option<DepartmentId>,
        before: Attributes,
        after: Attributes,
    },
    PersonOffered,
    AssistantPaused,
    AssistantResumed {
        /// It answers what the visitor asked and nobody has answered.
        #[serde(default)]
        answers_pending: bool,
    },
    Renamed,
    Deleted {
        before: Attributes,
    },
}

impl Fact for ConversationFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "conversation.started",
            Self::MessagePosted { .. } => "message.posted",
            Self::MessageEdited { .. } => "message.edited",
            Self::MessageDeleted { .. } => "message.deleted",
            Self::ReactionsChanged { .. } => "message.reactions_changed",
            Self::AnswerRated { .. } => "message.rated",
            Self::ReceiptMoved { .. } => "conversation.receipt_moved",
            Self::Closed { .. } => "conversation.closed",
            Self::Rated { .. } => "conversation.rated",
            Self::Reopened { .. } => "conversation.reopened",
            Self::Assigned { .. } => "conversation.assigned",
            Self::TagsChanged { .. } => "conversation.tags_changed",
            Self::HumanRequested { .. } => "conversation.human_requested",
            Self::HumanRequestCancelled { .. } => "conversation.human_request_cancelled",
            Self::HumanJoined { .. } => "conversation.human_joined",
            Self::QueueEntered => "conversation.queue_entered",
            Self::QueueLeft { .. } => "conversation.queue_left",
            Self::AgentReconnecting => "conversation.agent_reconnecting",
            Self::AgentBack => "conversation.agent_back",
            Self::AgentGone { .. } => "conversation.agent_gone",
            Self::Transferred { .. } => "conversation.transferred",
            Self::PersonOffered => "conversation.person_offered",
            Self::AssistantPaused => "conversation.assistant_paused",
            Self::AssistantResumed { .. } => "conversation.assistant_resumed",
            Self::Renamed => "conversation.renamed",
            Self::Deleted { .. } => "conversation.deleted",
        }
    }
}

impl ConversationFact {
    /// Reads a journal line; `None` for another feature's.
    pub(crate) fn read(line: &crate::kernel::journal::Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }

    /// True for what visitors must never learn of.
    pub(crate) fn is_internal(&self) -> bool {
        match self {
            Self::MessagePosted { audience, .. }
            | Self::MessageEdited { audience, .. }
            | Self::MessageDeleted { audience, .. }
            | Self::ReactionsChanged { audience, .. } => *audience == Audience::Staff,
            Self::TagsChanged { .. } => true,
            Self::Started { .. }
            | Self::AnswerRated { .. }
            | Self::ReceiptMoved { .. }
            | Self::Closed { .. }
            | Self::Rated { .. }
            | Self::Reopened { .. }
            | Self::Assigned { .. }
            | Self::HumanRequested { .. }
            | Self::HumanRequestCancelled { .. }
            | Self::HumanJoined { .. }
            | Self::QueueEntered
            | Self::QueueLeft { .. }
            | Self::AgentReconnecting
            | Self::AgentBack
            | Self::AgentGone { .. }
            | Self::Transferred { .. }
            | Self::PersonOffered
            | Self::AssistantPaused
            | Self::AssistantResumed { .. }
            | Self::Renamed
            | Self::Deleted { .. } => false,
        }
    }

    /// The inbox attributes before and after, where the fact changes them.
    pub(crate) fn change(&self) -> Option<(Option<&Attributes>, Option<&Attributes>)> {
        match self {
            Self::Started { after } => Some((None, Some(after))),
            Self::Closed { before, after, .. }
            | Self::Reopened { before, after }
            | Self::Assigned { before, after }
            | Self::HumanRequested { before, after, .. }
            | Self::HumanRequestCancelled { before, after }
            | Self::HumanJoined { before, after }
            | Self::AgentGone { before, after }
            | Self::Transferred { before, after, .. }
            | Self::TagsChanged { before, after } => Some((Some(before), Some(after))),
            Self::Deleted { before } => Some((Some(before), None)),
            Self::MessagePosted { .. }
            | Self::MessageEdited { .. }
            | Self::MessageDeleted { .. }
            | Self::ReactionsChanged { .. }
            | Self::AnswerRated { .. }
            | Self::ReceiptMoved { .. }
            | Self::Rated { .. }
            | Self::QueueEntered
            | Self::QueueLeft { .. }
            | Self::AgentReconnecting
            | Self::AgentBack
            | Self::PersonOffered
            | Self::AssistantPaused
            | Self::AssistantResumed { .. }
            | Self::Renamed => None,
        }
    }
}

/// How an offer to an agent ends with the wait of its conversation. The agent is the subject of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum OfferFact {
    /// They have the conversation now.
    Accepted { conversation: ConversationId, user: UserId },
    /// Somebody else has it, or it does not wait any more.
    Withdrawn { conversation: ConversationId, user: UserId },
}

impl Fact for OfferFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "offer.accepted",
            Self::Withdrawn { .. } => "offer.withdrawn",
        }
    }
}

impl OfferFact {
    /// Reads a journal line; `None` for another feature's.
    pub(crate) fn read(line: &crate::kernel::journal::Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
