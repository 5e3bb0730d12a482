//! Groups of questions in the API, and how what belongs to them loads.

use std::collections::HashMap;

use ::entity::{
    article,
    ids::{ArticleId, QuestionGroupId, SiteId},
    question_group::{self, QuestionStatus},
};
use async_graphql::{ComplexObject, Context, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};

use super::super::{
    model::SHOWN,
    store::{self, Words},
};
use crate::{
    features::{
        knowledge::{self, Article},
        sites::reach_to,
    },
    kernel::{CtxExt, Error, Permission, Result, loader::Batch},
};

/// Questions of one meaning that assistants could not answer, or whose answers were no help. Who asked is not told.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct QuestionGroup {
    /// Identifies the group.
    pub(crate) id: QuestionGroupId,
    /// The site it was asked on.
    site_id: SiteId,
    /// The language of the first of them (BCP 47).
    language: String,
    /// How often it was asked.
    count: i64,
    /// When it was asked last.
    last_asked_at: DateTime<Utc>,
    /// What is to be done about it.
    status: QuestionStatus,
    #[graphql(skip)]
    article_id: Option<ArticleId>,
}

/// A question as it was asked, with personal data masked as `[…]`.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct QuestionExample {
    /// The words.
    text: String,
    /// When it was asked.
    asked_at: DateTime<Utc>,
}

#[ComplexObject]
impl QuestionGroup {
    /// The question that stands for all of them: the first that is kept.
    async fn question(&self, ctx: &Context<'_>) -> Result<String> {
        let words = ctx.cx().load(WordsKey(self.id)).await?.unwrap_or_default();
        Ok(words.into_iter().next().map(|words| words.text).unwrap_or_default())
    }

    /// A few of them, newest first: at most 5.
    async fn examples(&self, ctx: &Context<'_>) -> Result<Vec<QuestionExample>> {
        let words = ctx.cx().load(WordsKey(self.id)).await?.unwrap_or_default();
        let newest = words.into_iter().rev().take(SHOWN);
        Ok(newest.map(|words| QuestionExample { text: words.text, asked_at: words.asked_at }).collect())
    }

    /// The article that was made from it by `proposeArticle`. Null when there is none (any more).
    async fn proposed_article(&self, ctx: &Context<'_>) -> Result<Option<Article>> {
        match self.article_id {
            Some(id) => Ok(ctx.cx().load(ArticleKey(id)).await?.map(Article::from)),
            None => Ok(None),
        }
    }
}

impl From<question_group::Model> for QuestionGroup {
    fn from(row: question_group::Model) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            language: row.language,
            count: row.count,
            last_asked_at: row.last_asked_at,
            status: row.status,
            article_id: row.article_id,
        }
    }
}

/// The questions of a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct WordsKey(QuestionGroupId);
/// An article within the caller's reach.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ArticleKey(ArticleId);

impl Loader<WordsKey> for Batch {
    type Value = Vec<Words>;
    type Error = Error;
    async fn load(&self, keys: &[WordsKey]) -> Result<HashMap<WordsKey, Vec<Words>>> {
        let ids: Vec<QuestionGroupId> = keys.iter().map(|key| key.0).collect();
        let found = store::words(&self.0.db(), &ids).await?;
        Ok(found.into_iter().map(|(id, words)| (WordsKey(id), words)).collect())
    }
}

impl Loader<ArticleKey> for Batch {
    type Value = article::Model;
    type Error = Error;
    async fn load(&self, keys: &[ArticleKey]) -> Result<HashMap<ArticleKey, article::Model>> {
        let reach = reach_to(&self.0, Permission::KnowledgeRead, "article")?;
        let ids = keys.iter().map(|key| key.0).collect();
        let found = knowledge::by_ids(&self.0.db(), &reach, ids).await?;
        Ok(found.into_iter().map(|(id, row)| (ArticleKey(id), row)).collect())
    }
}
