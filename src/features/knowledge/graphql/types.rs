//! What the API shows of articles.

use std::{borrow::Cow, collections::HashMap};

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    article_version,
    ids::{ArticleId, SiteId, UserId},
};
use async_graphql::{ComplexObject, Context, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};

use super::search::MatchExplanation;
use crate::{
    features::{
        accounts::{self, User},
        knowledge::{Source, store},
    },
    kernel::{CtxExt, Error, ErrorReason, Result, error::ErrorCode, loader::Batch, text},
};

/// Versions of an article that are shown.
const VERSIONS: i32 = 50;

/// A knowledge article, as the members of its site see it, or the customer whose own it is.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Article {
    /// Identifies the article.
    pub id: ArticleId,
    /// The site it belongs to; for one of your own, your private space, which is no site to ask for.
    pub site_id: SiteId,
    /// What it is about, in one line.
    pub title: String,
    /// Its name in addresses; unique within the site.
    pub slug: String,
    /// What search engines and lists show of it. Null without one.
    pub description: Option<String>,
    /// What it is sorted under. Null without one.
    pub category: Option<String>,
    /// The text, in Markdown.
    #[graphql(complexity = 40)]
    pub body: String,
    /// The language it is written in (BCP 47).
    pub language: String,
    /// Whether it is used.
    pub status: ArticleStatus,
    /// For whom it is.
    pub visibility: Visibility,
    /// Rises by one with each change by `updateArticle`, of whatever: send it as `expectedVersion` with yours.
    pub version: i32,
    /// The version that answers are made from. Null when none is: the article is not published, or about to be indexed.
    pub indexed_version: Option<i32>,
    /// What the embedder does not take of it, and why: it is found by its words only. Null when nothing is the matter.
    pub index_problem: Option<String>,
    /// How many readers opened it by `publicArticle`, each once a day; some seconds late.
    pub views: i64,
    /// How many readers it helped.
    pub helpful_count: i32,
    /// How many readers it did not help.
    pub unhelpful_count: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was last published. Null when it never was.
    pub published_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    author_id: Option<UserId>,
}

#[ComplexObject]
impl Article {
    /// Who wrote it. Null when it came with the server, or the person could not be loaded.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.author_id else { return Ok(None) };
        ctx.cx().load(AuthorKey(id)).await
    }

    /// Its tags, in alphabetical order.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(ctx.cx().load(TagsKey(self.id)).await?.unwrap_or_default())
    }

    /// What it said in its versions, newest first: the last 50. A version that changed something else, such as the tags,
    /// says the same as the one before. `restoreArticleVersion` brings one back.
    #[graphql(complexity = "10 + 50 * child_complexity")]
    async fn versions(&self, ctx: &Context<'_>) -> Result<Vec<ArticleVersion>> {
        let from = self.version - VERSIONS + 1;
        let rows = ctx.cx().load(VersionsKey(self.id, from)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(ArticleVersion::from).collect())
    }
}

/// The person who wrote an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct AuthorKey(UserId);

/// The tags of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TagsKey(ArticleId);

/// The versions of an article from one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct VersionsKey(ArticleId, i32);

impl Loader<AuthorKey> for Batch {
    type Value = User;
    type Error = Error;
    async fn load(&self, keys: &[AuthorKey]) -> Result<HashMap<AuthorKey, User>> {
        let users = accounts::users_by_ids(&self.0, keys.iter().map(|key| key.0).collect()).await?;
        Ok(users.into_iter().map(|(id, user)| (AuthorKey(id), user)).collect())
    }
}

impl Loader<TagsKey> for Batch {
    type Value = Vec<String>;
    type Error = Error;
    async fn load(&self, keys: &[TagsKey]) -> Result<HashMap<TagsKey, Vec<String>>> {
        let found = store::tags(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, tags)| (TagsKey(id), tags)).collect())
    }
}

impl Loader<VersionsKey> for Batch {
    type Value = Vec<article_version::Model>;
    type Error = Error;
    async fn load(&self, keys: &[VersionsKey]) -> Result<HashMap<VersionsKey, Vec<article_version::Model>>> {
        let mut found = store::versions(&self.0.db(), keys.iter().map(|key| (key.0, key.1))).await?;
        Ok(keys.iter().filter_map(|key| Some((*key, found.remove(&key.0)?))).collect())
    }
}

impl From<article::Model> for Article {
    fn from(row: article::Model) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            title: row.title,
            slug: row.slug,
            description: row.description,
            category: row.category,
            body: row.body,
            language: row.language,
            status: row.status,
            visibility: row.visibility,
            version: row.version,
            indexed_version: row.indexed_version,
            index_problem: row.index_problem,
            views: row.views,
            helpful_count: row.helpful,
            unhelpful_count: row.unhelpful,
            created_at: row.created_at,
            updated_at: row.updated_at,
            published_at: row.published_at,
            author_id: row.author_id,
        }
    }
}

/// What an article said in one of its versions. Citations of answers point here.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct ArticleVersion {
    /// The version.
    version: i32,
    /// The title it had.
    title: String,
    /// The text it had, in Markdown.
    #[graphql(complexity = 40)]
    body: String,
    /// When the version was made.
    created_at: DateTime<Utc>,
}

impl From<article_version::Model> for ArticleVersion {
    fn from(row: article_version::Model) -> Self {
        Self { version: row.version, title: row.title, body: row.body, created_at: row.created_at }
    }
}

/// A published article, as its readers see it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(in crate::features::knowledge) struct PublishedArticle {
    /// Identifies the article.
    pub(super) id: ArticleId,
    /// What it is about, in one line.
    title: String,
    /// Its name in addresses; `publicArticle` takes it.
    slug: String,
    /// What search engines and lists show of it. Null without one.
    description: Option<String>,
    /// What it is sorted under. Null without one.
    category: Option<String>,
    /// The text, in Markdown.
    #[graphql(complexity = 40)]
    body: String,
    /// The language it is written in (BCP 47).
    language: String,
    /// The version shown; citations name one.
    version: i32,
    /// When it was published.
    pub(super) published_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

#[ComplexObject]
impl PublishedArticle {
    /// Its tags, in alphabetical order.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(ctx.cx().load(TagsKey(self.id)).await?.unwrap_or_default())
    }
}

impl From<article::Model> for PublishedArticle {
    fn from(row: article::Model) -> Self {
        Self {
            id: row.id,
            title: row.title,
            slug: row.slug,
            description: row.description,
            category: row.category,
            body: row.body,
            language: row.language,
            version: row.version,
            published_at: row.published_at.unwrap_or(row.updated_at),
            updated_at: row.updated_at,
        }
    }
}

/// An article that may answer what was searched for.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct ArticleMatch {
    /// The article.
    article: PublishedArticle,
    /// The passage of it that fits best: a literal part of the version `passageVersion`.
    passage: String,
    /// The version the passage is taken from; the article may have a newer one that is being indexed.
    passage_version: i32,
    /// How well it fits, by the fusion that the site has chosen. Null unless you are a member of the site.
    score: Option<f64>,
    /// How the score came about. Null without `explain`.
    explanation: Option<MatchExplanation>,
}

impl ArticleMatch {
    pub(super) fn new(
        article: article::Model,
        source: Source,
        is_staff: bool,
        explanation: Option<MatchExplanation>,
    ) -> Self {
        Self {
            article: article.into(),
            passage_version: source.version,
            score: is_staff.then(|| text::decimal(source.score)),
            passage: source.text,
            explanation,
        }
    }
}

/// Why one of several things was refused, as `extensions` say it of a whole operation.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct ItemError {
    /// The kind of failure.
    pub(super) code: ErrorCode,
    /// Why exactly, where there is more to say.
    pub(super) reason: Option<ErrorReason>,
    /// For people; says what to do.
    pub(super) message: String,
    /// The argument that is wrong.
    pub(super) field: Option<String>,
    /// A value that would be fine there, for example a free slug.
    pub(super) suggestion: Option<String>,
}

impl From<Error> for ItemError {
    fn from(error: Error) -> Self {
        Self {
            code: error.code,
            reason: error.reason,
            message: error.message.into_owned(),
            field: error.field.map(Cow::into_owned),
            suggestion: error.suggestion.map(Cow::into_owned),
        }
    }
}
