//! A conversation between a visitor (or customer), assistants and agents.
//!
//! What an inbox row shows (last message, preview, unread counts) is copied here in the statement that writes the
//! message, so that a page of the inbox is one index range and never counts messages.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AssistantId, ConversationId, DepartmentId, MessageId, SiteId, UserId, VisitorId},
    message::AuthorKind,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConversationId,
    pub site_id: SiteId,
    pub assistant_id: Option<AssistantId>,
    /// Exactly one of `visitor_id` and `customer_id` is set.
    pub visitor_id: Option<VisitorId>,
    pub customer_id: Option<UserId>,
    pub status: Status,
    /// Who attends it. The columns from here to `queue_left_at` are one value together; the database refuses any other
    /// combination, and one module alone changes them.
    pub attention: Attention,
    /// While it waits, its assistant answers meanwhile.
    pub assistant_helps: bool,
    pub title: Option<String>,
    /// Rises when the title changes.
    pub version: i32,
    /// The title folded for search.
    pub title_folded: String,
    /// The first 45 characters of the first message of a person.
    pub description: Option<String>,
    /// With a person, who; while it waits, for whom it is meant, if for somebody; closed, who had it.
    pub assignee_id: Option<UserId>,
    /// When it was given to them.
    pub assigned_at: Option<DateTimeUtc>,
    /// The department it was handed to, if it was.
    pub department_id: Option<DepartmentId>,
    /// How its last wait in the queue ended; null while it waits, and when it never did.
    pub queue_outcome: Option<QueueOutcome>,
    /// When that was.
    pub queue_left_at: Option<DateTimeUtc>,
    /// Since when it waits for a person, or waited.
    pub human_requested_at: Option<DateTimeUtc>,
    /// Who wished for the person.
    pub handoff_reason: Option<HandoffReason>,
    /// When an agent first wrote after that.
    pub human_joined_at: Option<DateTimeUtc>,
    /// When the visitor began to wait for the last reply of a person that they had to wait for, and when it came.
    pub reply_awaited_at: Option<DateTimeUtc>,
    pub replied_at: Option<DateTimeUtc>,
    /// When the visitor was offered a person beside the assistant.
    pub person_offered_at: Option<DateTimeUtc>,
    /// Visitor and assistant while open, null when closed. Unique: there is one open conversation for both.
    pub open_key: Option<String>,
    /// Number of the newest message, 0 when there is none. Includes internal notes.
    pub last_seq: i64,
    /// The newest message that the visitor may see and that is not of the server itself.
    pub last_message_id: Option<MessageId>,
    pub last_message_author: Option<AuthorKind>,
    /// The first 140 characters of it.
    pub last_message_preview: Option<String>,
    /// When that was sent, in microseconds since 1970; the inbox is sorted by it.
    pub last_activity: i64,
    /// Messages of the visitor that no agent has read.
    pub unread_by_staff: i32,
    /// Messages of agents and assistants that the visitor has not read.
    pub unread_by_visitor: i32,
    pub created_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
    /// The number of its newest message when it was last opened again: what was said before is another matter.
    pub opened_seq: i64,
    /// The number of its newest message when an agent last let the assistant speak again: it answers what comes after.
    pub resumed_seq: i64,
    /// The number of the newest message of the visitor for which the site asked for a person, by itself.
    pub called_seq: i64,
    /// The number of its newest message when a wait last ended without a person, or the assistant began to help: who wished
    /// for a person until then has had that wish heard.
    pub waited_seq: i64,
}

/// Who attends a conversation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Attention {
    /// The assistant answers. Where there is none, nobody does until the visitor writes.
    #[default]
    Assistant,
    /// Nobody yet: it waits for a person. The assistant may answer meanwhile; `assistantPaused` says whether it does.
    Waiting,
    /// A person, the conversation's assignee.
    Person,
    /// Nobody: it is closed.
    Closed,
}

/// Whether a conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ConversationStatus")]
pub enum Status {
    /// Goes on.
    Open,
    /// Ended; can be reopened.
    Closed,
}

/// Who wished that a person takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HandoffReason {
    /// The visitor or customer, with `requestHuman`.
    Visitor,
    /// The assistant, because the visitor asked it for a person.
    Assistant,
    /// The site: people answer first there, or there is no assistant, or it cannot answer.
    Site,
    /// An agent who handed it over to a department or to the queue.
    Agent,
    /// Nobody: the agent who had it has been gone for a minute.
    AgentGone,
}

/// How a wait in the queue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QueueOutcome {
    /// It was given to an agent.
    Assigned,
    /// The visitor would rather not wait.
    Left,
    /// The visitor was gone for longer than a minute.
    Abandoned,
    /// Nobody came in time: the visitor is offered to leave a message or to be called back.
    TimedOut,
    /// The site closed before somebody came: the same is offered.
    SiteClosed,
    /// The assistant took it back.
    Assistant,
    /// The conversation was closed or deleted.
    Closed,
    /// It goes on elsewhere: for another department, or for an agent it is meant for.
    Moved,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::visitor::Entity", from = "Column::VisitorId", to = "super::visitor::Column::Id")]
    Visitor,
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::AssigneeId", to = "super::user::Column::Id")]
    Assignee,
}

impl Related<super::visitor::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Visitor.def()
    }
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Assignee.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
