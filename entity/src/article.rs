//! A knowledge article as it stands now.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{ArticleId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ArticleId,
    pub site_id: SiteId,
    pub author_id: Option<UserId>,
    pub title: String,
    /// The title in folded letters, for finding it however it is typed.
    pub title_folded: String,
    /// What search engines and lists show of it.
    pub description: Option<String>,
    pub category: Option<String>,
    /// The category in folded letters.
    pub category_folded: Option<String>,
    /// Unique within the site.
    pub slug: String,
    /// Markdown.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// BCP 47.
    pub language: String,
    pub status: ArticleStatus,
    pub visibility: Visibility,
    /// Rises with each change of title or body.
    pub version: i32,
    /// The version that answers are made from; null when none.
    pub indexed_version: Option<i32>,
    /// The site's `index_head` revision of the last change to what is searchable of it; null when nothing is.
    pub index_revision: Option<i64>,
    /// What the embedder does not take of it; null when it takes all.
    pub index_problem: Option<String>,
    /// Readers who opened it, each once a day.
    pub views: i64,
    /// Readers whom it helped, and whom it did not.
    pub helpful: i32,
    pub unhelpful: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub published_at: Option<DateTimeUtc>,
}

/// Whether an article is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ArticleStatus {
    /// Being written; nobody but members of the site sees it.
    Draft,
    /// Answers are made from it.
    Published,
    /// Kept, no longer used.
    Archived,
}

/// For whom an article is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ArticleVisibility")]
pub enum Visibility {
    /// Visitors may read it and be answered from it.
    Public,
    /// Members of the site only.
    Internal,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
