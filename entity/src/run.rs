//! One answer of an assistant in the making, or a draft of a reply for an agent: the row outlives connections and servers.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    assistant::Provider,
    ids::{AssistantId, ConversationId, MessageId, RunId, SiteId, UserId},
    message::AnswerAction,
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RunId,
    pub site_id: SiteId,
    pub conversation_id: ConversationId,
    pub assistant_id: AssistantId,
    /// Number of the newest message that this run answers.
    pub question_seq: i64,
    /// 0 for the first answer to a question; one more each time that it is answered again, because it was made another
    /// one or a person who took it over did not answer.
    pub edition: i32,
    /// What the question said when its answer was begun, as a hash.
    pub question_hash: Option<Vec<u8>>,
    pub status: RunStatus,
    /// 1 for the first try; a server that dies in the middle leads to another.
    pub attempt: i32,
    /// The text so far, saved about every second and at the end.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    /// How many chunks `text` holds.
    pub chunks: i32,
    #[sea_orm(column_type = "JsonBinary")]
    pub citations: Json,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub usage: Option<Json>,
    /// Who answered, once that is known.
    pub provider: Option<Provider>,
    /// The provider's name of the model that answered.
    pub model: Option<String>,
    /// Who was asked in vain, and why.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub attempts: Option<Json>,
    /// Why it failed, as an error reason of the API.
    pub failure: Option<String>,
    pub message_id: Option<MessageId>,
    /// What the answer is, once it is there.
    pub action: Option<AnswerAction>,
    /// How likely what was found answers the question: 0 to 1.
    pub confidence: Option<f64>,
    /// Sources the model cited that do not exist; they were taken out.
    pub dropped_citations: i32,
    /// Links and images the model wrote that no source holds; they were taken out.
    pub removed_links: i32,
    /// The agent for whom this is a draft; none for an answer to the visitor.
    pub requested_by: Option<UserId>,
    /// What the agent made of the draft.
    pub draft_outcome: Option<DraftOutcome>,
    pub created_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// Waits for a worker.
    Queued,
    /// Is being written.
    Running,
    /// Ended with a message.
    Finished,
    /// Ended without one.
    Failed,
    /// Was stopped by a participant; what was written stays, marked as interrupted.
    Stopped,
    /// Was given up because a human took over or a newer question came.
    Cancelled,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DraftOutcome {
    /// It was sent as it was.
    Sent,
    /// It was changed and sent.
    Edited,
    /// It was not wanted.
    Discarded,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
