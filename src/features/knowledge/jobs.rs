//! Indexing: passages and vectors of an article, worked out in the background.

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    chunk,
    ids::{ArticleId, ChunkId, SiteId},
};
use serde::{Deserialize, Serialize};

use super::{
    chunk::{chunks, sentences_of},
    facts::ArticleFact,
    store,
};
use crate::{
    kernel::{
        Ctx, Error, Permission, Reach, Result,
        jobs::{Failure, Job},
    },
    ports::vectors::Passage,
};

/// How often an article that keeps changing is begun anew before the job is put back.
const ATTEMPTS: usize = 5;

/// Makes what is searchable of an article equal to what the article says now.
///
/// It has no key: a second order for the same article finds nothing to do, and a key would make an order that is given
/// while an earlier one is being finished disappear with it.
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

    async fn run(self, cx: Ctx) -> Result<(), Failure> {
        let reach = cx.reach(Permission::KnowledgeRead)?;
        for _ in 0..ATTEMPTS {
            let article = store::lookup(&cx.db(), &reach, self.article).await?;
            let article = article.filter(|article| article.status == ArticleStatus::Published);
            if let Some(article) = &article
                && !is_indexed(&cx, article).await?
                && !index(&cx, &reach, article).await?
            {
                continue;
            }
            if self.hand_over(&cx, &reach).await? {
                return Ok(());
            }
        }
        Err(Failure::Retry(Error::internal("the article changes faster than it can be indexed")))
    }
}

impl IndexArticle {
    /// Gives the vector index what the rows hold now. False when they changed meanwhile: two jobs may hand over the same
    /// article at once, and whoever was late must look again.
    async fn hand_over(&self, cx: &Ctx, reach: &Reach) -> Result<bool> {
        if !cx.vectors.keeps_passages() {
            return Ok(true);
        }
        let searchable = async || {
            let article = store::lookup(&cx.db(), reach, self.article).await?;
            Ok::<_, Error>(article.filter(|article| article.index_revision.is_some()))
        };
        let before = searchable().await?;
        match &before {
            Some(article) => {
                let passages = passages(article, store::chunks_of(&cx.db(), article.id).await?);
                cx.vectors.replace(self.site, self.article, passages).await?;
            }
            None => cx.vectors.remove(self.site, self.article).await?,
        }
        let revision = |article: Option<article::Model>| article.and_then(|article| article.index_revision);
        Ok(revision(before) == revision(searchable().await?))
    }
}

/// Nothing to do: its present version is searchable, by the present embedder.
async fn is_indexed(cx: &Ctx, article: &article::Model) -> Result<bool> {
    if article.indexed_version != Some(article.version) {
        return Ok(false);
    }
    let model = store::model_of(&cx.db(), article.id).await?;
    Ok(model.is_none_or(|model| model == cx.embeddings.model()))
}

/// Works out the vectors and puts them in place, in one transaction and only if the article still says the same. False
/// when it does not.
async fn index(cx: &Ctx, reach: &Reach, article: &article::Model) -> Result<bool> {
    let rows = embed(cx, article).await?;
    let passages = rows.len();
    let mut tx = cx.begin().await?;
    let Some(mut current) = store::lookup_for_update(&tx.db(), reach, article.id).await? else { return Ok(false) };
    if current.status != ArticleStatus::Published || current.version != article.version {
        return Ok(false);
    }
    store::delete_chunks(&tx.db(), article.id).await?;
    store::insert_chunks(&tx.db(), rows).await?;
    current.indexed_version = Some(article.version);
    current.index_revision = Some(store::next_revision(&tx.db(), article.site_id).await?);
    store::save(&tx.db(), &current).await?;
    tx.record(article.site_id, article.id.0, &ArticleFact::Indexed { version: article.version, passages })?;
    tx.commit().await?;
    Ok(true)
}

/// The article's passages with the vectors of each and of its sentences.
async fn embed(cx: &Ctx, article: &article::Model) -> Result<Vec<chunk::Model>> {
    let mut rows = vec![];
    for (ordinal, range) in (0..).zip(chunks(&article.body)) {
        let text = &article.body[range.clone()];
        let sentences = sentences_of(text);
        let mut texts = vec![format!("{}. {text}", article.title)];
        // A passage of one sentence needs one vector.
        if sentences.len() > 1 {
            texts.extend(sentences.into_iter().map(|sentence| format!("{}. {}", article.title, &text[sentence])));
        }
        let vectors = cx.embeddings.passages(texts).await?;
        rows.push(chunk::Model {
            id: cx.id(ChunkId),
            site_id: article.site_id,
            article_id: article.id,
            version: article.version,
            ordinal,
            text: text.to_owned(),
            start_byte: i32::try_from(range.start).map_err(Error::internal)?,
            end_byte: i32::try_from(range.end).map_err(Error::internal)?,
            model: cx.embeddings.model().to_owned(),
            dimension: i32::try_from(cx.embeddings.dimension()).map_err(Error::internal)?,
            vectors: chunk::pack_vectors(&vectors),
        });
    }
    Ok(rows)
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

/// Orders what is missing in the index: articles of another embedder, or all of them for a vector server that is empty.
/// Called at the start of the server; harmless to call again. Returns how many.
pub async fn catch_up(cx: &Ctx) -> Result<usize> {
    let is_new = cx.vectors.is_new().await.unwrap_or_else(|error| {
        tracing::warn!(error = ?error, "the vector index does not answer; it is not checked whether it is complete");
        false
    });
    let articles = match is_new {
        true => store::all_published(&cx.db()).await?,
        false => store::outdated(&cx.db(), cx.embeddings.model()).await?,
    };
    if articles.is_empty() {
        return Ok(0);
    }
    let mut tx = cx.begin().await?;
    for (article, site) in &articles {
        tx.enqueue(&IndexArticle { article: *article, site: *site }).await?;
    }
    tx.commit().await?;
    Ok(articles.len())
}
