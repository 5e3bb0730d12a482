//! Indexing: passages and vectors of an article, worked out in the background.

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    chunk,
    ids::{ArticleId, SiteId},
};
use serde::{Deserialize, Serialize};

use super::{embed, facts::ArticleFact, store};
use crate::{
    kernel::{
        Ctx, Error, Permission, Reach, Result,
        error::ErrorCode,
        jobs::{Failure, Job, Lane, Lease},
    },
    ports::vectors::Passage,
};

/// How often an article that keeps changing is begun anew before the job is put back.
const ATTEMPTS: usize = 5;

/// Makes what is searchable of an article equal to what the article says now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IndexArticle {
    article: ArticleId,
    site: SiteId,
}

impl IndexArticle {
    pub(super) fn of(article: &article::Model) -> Self {
        Self { article: article.id, site: article.site_id }
    }
}

impl Job for IndexArticle {
    const KIND: &'static str = "knowledge.index_article";
    const LANE: Lane = Lane::Bulk;

    fn key(&self) -> Option<String> {
        Some(self.article.to_string())
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        let reach = cx.reach(Permission::KnowledgeRead)?;
        self.work(&cx, &reach, false).await.map_err(when_away)
    }
}

impl IndexArticle {
    /// Makes the passages anew, whatever there is.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the embedder or the vector server does not answer.
    pub(super) async fn again(&self, cx: &Ctx, reach: &Reach) -> Result<()> {
        self.work(cx, reach, true).await
    }

    async fn work(&self, cx: &Ctx, reach: &Reach, anew: bool) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let article = store::lookup(&cx.db(), reach, self.article).await?;
            let article = article.filter(|article| article.status == ArticleStatus::Published);
            if let Some(article) = &article
                && (anew || !is_indexed(cx, article).await?)
                && !index(cx, reach, article).await?
            {
                continue;
            }
            return self.hand_over(cx, reach).await;
        }
        Err(Error::internal("the article changes faster than it can be indexed"))
    }

    /// Gives the vector server what the rows hold now. Two jobs may hand over the same article at once, so whoever was
    /// late looks again.
    pub(super) async fn hand_over(&self, cx: &Ctx, reach: &Reach) -> Result<()> {
        if !cx.vectors.keeps_passages() {
            return Ok(());
        }
        let searchable = async || {
            let article = store::lookup(&cx.db(), reach, self.article).await?;
            Ok::<_, Error>(article.filter(|article| article.index_revision.is_some()))
        };
        let revision = |article: &Option<article::Model>| article.as_ref().and_then(|article| article.index_revision);
        let mut now = searchable().await?;
        for _ in 0..ATTEMPTS {
            let rows = match &now {
                Some(article) => store::chunks_of(&cx.db(), article.id).await?,
                None => vec![],
            };
            match &now {
                // Vectors of another embedder do not belong there.
                Some(article) if rows.iter().all(|row| *row.model == **cx.embeddings.model()) => {
                    cx.vectors.replace(self.site, self.article, passages(article, rows)).await?;
                }
                Some(_) | None => cx.vectors.remove(self.site, self.article).await?,
            }
            let before = std::mem::replace(&mut now, searchable().await?);
            if revision(&before) == revision(&now) {
                return Ok(());
            }
        }
        Err(Error::internal("the article changes faster than it can be handed over"))
    }
}

/// An embedder or a vector server that is away for long must not make work fail that it will do when it is back.
pub(super) fn when_away(error: Error) -> Failure {
    if error.code == ErrorCode::Unavailable { Failure::Later(error) } else { error.into() }
}

/// Nothing to do: its present version is searchable, by the present embedder.
async fn is_indexed(cx: &Ctx, article: &article::Model) -> Result<bool> {
    if article.indexed_version != Some(article.version) {
        return Ok(false);
    }
    let model = store::model_of(&cx.db(), article.id).await?;
    Ok(model.is_none_or(|model| *model == **cx.embeddings.model()))
}

/// Works out the vectors and puts them in place, in one transaction and only if the article still says the same. False
/// when it does not.
async fn index(cx: &Ctx, reach: &Reach, article: &article::Model) -> Result<bool> {
    let (rows, problem) = embed::rows(cx, article).await?;
    let passages = rows.len();
    let mut tx = cx.begin().await?;
    let Some(mut current) = store::lookup_for_update(&tx.db(), reach, article.id).await? else { return Ok(false) };
    if current.status != ArticleStatus::Published || current.version != article.version {
        return Ok(false);
    }
    store::delete_chunks(&tx.db(), article.id).await?;
    store::insert_chunks(&tx.db(), rows).await?;
    current.indexed_version = Some(article.version);
    current.index_problem = problem;
    current.index_revision = Some(store::next_revision(&tx.db(), article.site_id).await?);
    store::save(&tx.db(), &current).await?;
    store::settle_model(&tx.db(), article.site_id, cx.embeddings.model()).await?;
    tx.record(article.site_id, article.id.0, &ArticleFact::Indexed { version: article.version, passages })?;
    tx.commit().await?;
    Ok(true)
}

fn passages(article: &article::Model, rows: Vec<chunk::Model>) -> Vec<Passage> {
    let public = article.visibility == Visibility::Public;
    let passage = |row: chunk::Model| Passage {
        chunk: row.id,
        article: row.article_id,
        vectors: row.unpack_vectors(),
        text: row.text,
        public,
    };
    rows.into_iter().map(passage).collect()
}
