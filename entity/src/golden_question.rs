//! A question with what a right answer to it is, to measure an assistant by.

use sea_orm::entity::prelude::*;

use crate::ids::{ArticleId, AssistantId, GoldenQuestionId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "golden_question")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoldenQuestionId,
    pub site_id: SiteId,
    pub assistant_id: AssistantId,
    #[sea_orm(column_type = "Text")]
    pub question: String,
    /// BCP 47.
    pub language: String,
    /// The article that answers it; it may be gone.
    pub expected_article_id: Option<ArticleId>,
    /// Words that a right answer shows.
    pub answer_contains: Option<String>,
    /// No article answers it: any answer is wrong.
    pub unanswerable: bool,
    /// A name of the admins' own for a part of the questions.
    pub kind: Option<String>,
    /// Grows by one with each change.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
