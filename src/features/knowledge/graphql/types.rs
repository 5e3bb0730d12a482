//! What the API shows of articles.

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    article_version,
    ids::{ArticleId, SiteId, UserId},
};
use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    features::{
        accounts::{self, User},
        knowledge::{Source, store},
    },
    kernel::{CtxExt, Result},
};

/// Versions of an article that are shown.
const VERSIONS: u64 = 50;

/// A knowledge article, as members of its site see it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Article {
    /// Identifies the article.
    pub id: ArticleId,
    /// The site it belongs to.
    pub site_id: SiteId,
    /// What it is about, in one line.
    pub title: String,
    /// Its name in addresses; unique within the site.
    pub slug: String,
    /// The text, in Markdown.
    pub body: String,
    /// The language it is written in (BCP 47).
    pub language: String,
    /// Whether it is used.
    pub status: ArticleStatus,
    /// For whom it is.
    pub visibility: Visibility,
    /// Rises by one with each change of title or body.
    pub version: i32,
    /// The version that answers are made from. Null when none is: the article is not published, or about to be indexed.
    pub indexed_version: Option<i32>,
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
        Ok(accounts::users_by_ids(ctx.cx(), vec![id]).await?.remove(&id))
    }

    /// What it said in its versions, newest first: the last 50.
    #[graphql(complexity = "10 + 10 * child_complexity")]
    async fn versions(&self, ctx: &Context<'_>) -> Result<Vec<ArticleVersion>> {
        let rows = store::versions(&ctx.cx().db(), self.id, VERSIONS).await?;
        Ok(rows.into_iter().map(ArticleVersion::from).collect())
    }
}

impl From<article::Model> for Article {
    fn from(row: article::Model) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            title: row.title,
            slug: row.slug,
            body: row.body,
            language: row.language,
            status: row.status,
            visibility: row.visibility,
            version: row.version,
            indexed_version: row.indexed_version,
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
pub(in crate::features::knowledge) struct PublishedArticle {
    /// Identifies the article.
    pub(super) id: ArticleId,
    /// What it is about, in one line.
    title: String,
    /// Its name in addresses; `publicArticle` takes it.
    slug: String,
    /// The text, in Markdown.
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

impl From<article::Model> for PublishedArticle {
    fn from(row: article::Model) -> Self {
        Self {
            id: row.id,
            title: row.title,
            slug: row.slug,
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
    /// How well it fits: `dense + 0.3 · lexical`. Null unless you are a member of the site.
    score: Option<f64>,
    /// Closeness in meaning: about 0.0 to 0.2 for unrelated, 0.3 to 0.7 for related texts. Null unless you are a member
    /// of the site.
    dense: Option<f64>,
    /// Share of the words searched for, weighted by rarity, that the passage has: 0 to 1. Null unless you are a member
    /// of the site.
    lexical: Option<f64>,
}

impl ArticleMatch {
    pub(super) fn new(article: article::Model, source: Source, is_staff: bool) -> Self {
        let shown = |number: f32| is_staff.then_some(f64::from(number));
        Self {
            article: article.into(),
            passage_version: source.version,
            score: shown(source.score),
            dense: shown(source.dense),
            lexical: shown(source.lexical),
            passage: source.text,
        }
    }
}
