//! Questions of one meaning that an assistant could not answer. Who asked is not here, and neither are the words: those
//! are in the examples, which go with their conversations.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{ArticleId, QuestionGroupId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "question_group")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: QuestionGroupId,
    pub site_id: SiteId,
    pub status: QuestionStatus,
    /// BCP 47, of the first question.
    pub language: String,
    /// How often it was asked.
    pub count: i64,
    pub last_asked_at: DateTimeUtc,
    /// The draft that was made from it; it may be gone.
    pub article_id: Option<ArticleId>,
    pub created_at: DateTimeUtc,
}

/// What is to be done about unanswered questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuestionStatus {
    /// Nobody has done anything about it yet, or it was asked again since.
    Open,
    /// An article made from it was published.
    Resolved,
    /// Somebody decided that it needs no article.
    Dismissed,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
