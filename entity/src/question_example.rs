//! A question that an assistant could not answer, without personal data. It goes with its conversation.

use sea_orm::entity::prelude::*;

use crate::ids::{ConversationId, QuestionExampleId, QuestionGroupId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "question_example")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: QuestionExampleId,
    pub site_id: SiteId,
    /// Null until its meaning has been compared with that of others.
    pub group_id: Option<QuestionGroupId>,
    pub conversation_id: ConversationId,
    /// Number of the message that asked.
    pub question_seq: i64,
    pub cause: Cause,
    /// What was asked, with personal data masked.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    /// BCP 47.
    pub language: String,
    /// Name of the embedder that made `vector`.
    pub model: Option<String>,
    /// Little-endian f32.
    pub vector: Option<Vec<u8>>,
    pub asked_at: DateTimeUtc,
}

/// How it became known that a question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cause {
    /// The assistant did not answer.
    Unanswered,
    /// Whoever asked said that the answer was no help.
    Unhelpful,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
