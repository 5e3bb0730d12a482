//! A message of a conversation.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, MessageId, RunId, SiteId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MessageId,
    pub site_id: SiteId,
    pub conversation_id: ConversationId,
    /// 1, 2, 3 … within the conversation, given in the inserting transaction. Unique with the conversation.
    pub seq: i64,
    pub author_kind: AuthorKind,
    /// Visitor, user or assistant, by `author_kind`; null for the system.
    pub author_id: Option<Uuid>,
    pub audience: Audience,
    /// Markdown as it was written; empty once deleted.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// The body folded for search (lower case, without diacritics).
    #[sea_orm(column_type = "Text")]
    pub folded: String,
    /// The sender's own id of this message. Unique per site and author.
    pub client_id: Option<Uuid>,
    /// SHA-256 of what was sent with `client_id`: a repetition must be of the same content.
    pub content_hash: Option<Vec<u8>>,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    /// Sources of an assistant's message.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub citations: Option<Json>,
    /// What an assistant's message is.
    pub action: Option<AnswerAction>,
    /// How likely what was found answers the question: 0 to 1.
    pub confidence: Option<f64>,
    /// The answer was stopped half-way.
    pub interrupted: bool,
    pub created_at: DateTimeUtc,
    pub edited_at: Option<DateTimeUtc>,
    pub deleted_at: Option<DateTimeUtc>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorKind {
    /// The person who asks: a visitor of a site or a registered customer.
    Visitor,
    /// A human member of the site.
    Agent,
    /// An AI assistant.
    Assistant,
    /// The server itself.
    System,
}

/// What an assistant's answer is. Decided by the server, never read from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AnswerAction {
    /// It answers the question.
    Answer,
    /// It asks back: which of these is meant, or how it can help.
    Clarify,
    /// It does not know, says so, and offers a person.
    Abstain,
    /// It hands the conversation over to a person.
    Handoff,
}

/// Who may see a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "MessageAudience")]
pub enum Audience {
    /// Everybody in the conversation.
    Everyone,
    /// Members of the site only: an internal note.
    Staff,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
