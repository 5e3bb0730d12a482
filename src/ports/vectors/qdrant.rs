//! The index on a Qdrant server, for more vectors than one process should hold.
//!
//! - One collection per embedder: its name holds the model and the length of the vectors, so a new embedder fills a new
//!   collection and old vectors are never compared with new ones.
//! - A point is a passage: the vector of the whole, and those of its sentences as one multivector whose `MaxSim` is the
//!   "nearest sentence" of the formula. Separate points for sentences would make one search into several and crowd
//!   each other out of the candidates.
//! - Words are compared here, by the same code as in the built-in index: coverage needs the word frequencies of the one
//!   site, and Qdrant's own (`Modifier::Idf`) are those of the collection, that is of all tenants. The words of a site
//!   take about 3 kB a passage, a fifth of what its vectors take. They also answer while Qdrant does not.
//! - Qdrant proposes, the rows decide: a point whose passage is gone or not to be seen is dropped after the search, so
//!   a point that is late to go does no harm.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::entity::ids::{ArticleId, ChunkId, SiteId};
use qdrant_client::{
    Qdrant, QdrantError,
    qdrant::{
        BoolIndexParamsBuilder, Condition, CountPointsBuilder, CreateCollectionBuilder,
        CreateFieldIndexCollectionBuilder, DeletePointsBuilder, Distance, FieldType, Filter, HnswConfigDiffBuilder,
        KeywordIndexParamsBuilder, MultiVectorComparator, MultiVectorConfigBuilder, PointId, PointStruct,
        PrefetchQueryBuilder, QueryBatchPointsBuilder, QueryPoints, QueryPointsBuilder, UpsertPointsBuilder,
        VectorParamsBuilder, VectorsConfigBuilder,
    },
};
use tokio::sync::OnceCell;

use super::{
    EmbeddedIndex, Found, Passage, Query,
    points::{ARTICLE, PUBLIC, SENTENCES, SITE, WHOLE, of_article, of_site, point, question, scored_chunk},
    scored,
};
use crate::{
    kernel::{Error, Result},
    ports::db::Db,
};

/// Candidates of each leg: whole passages, sentences, words.
const CANDIDATES: usize = 50;
/// Points sent at once; a point has about 10 kB.
const BATCH: usize = 64;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long words alone answer after Qdrant did not, so that not every question waits for it.
const PAUSE: Duration = Duration::from_secs(5);

/// A collection of a Qdrant server.
pub struct QdrantIndex {
    client: Qdrant,
    collection: String,
    dimension: u64,
    words: EmbeddedIndex,
    ready: Mutex<std::sync::Arc<OnceCell<()>>>,
    away_until: Mutex<Option<Instant>>,
}

impl QdrantIndex {
    /// The collection of an embedder's vectors on a server. Connects with the first request.
    ///
    /// # Errors
    /// When `url` is not one.
    pub fn new(url: &str, api_key: Option<&str>, model: &str, dimension: usize) -> Result<Self> {
        let client = Qdrant::from_url(url)
            .api_key(api_key)
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            // It would connect now, and print.
            .skip_compatibility_check()
            .build()
            .map_err(Error::internal)?;
        let model: String = model.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        Ok(Self {
            client,
            collection: format!("yanit_{model}_{dimension}"),
            dimension: dimension as u64,
            words: EmbeddedIndex::of_words(),
            ready: Mutex::default(),
            away_until: Mutex::default(),
        })
    }

    /// The words of each site.
    pub(super) fn words(&self) -> &EmbeddedIndex {
        &self.words
    }

    pub(super) async fn replace(&self, site: SiteId, article: ArticleId, passages: Vec<Passage>) -> Result<()> {
        self.ensure().await?;
        let ids: Vec<PointId> = passages.iter().map(|passage| passage.chunk.0.into()).collect();
        let points: Vec<PointStruct> = passages.into_iter().filter_map(|passage| point(site, passage)).collect();
        for batch in points.chunks(BATCH) {
            let upsert = UpsertPointsBuilder::new(&self.collection, batch).wait(true);
            self.told(self.client.upsert_points(upsert).await)?;
        }
        // New ones first, so that the article is not away in between.
        let mut old = of_article(site, article);
        old.must_not.push(Condition::has_id(ids));
        self.delete(old).await
    }

    pub(super) async fn remove(&self, site: SiteId, article: ArticleId) -> Result<()> {
        self.ensure().await?;
        self.delete(of_article(site, article)).await
    }

    pub(super) async fn search(&self, db: &Db<'_>, site: SiteId, query: Query) -> Result<Found> {
        // Every passage that shares a word with the question.
        let words = Query { vector: None, limit: usize::MAX, ..query.clone() };
        let mut by_words = self.words.search(db, site, words).await?;
        let vector = query.vector.as_deref().filter(|vector| vector.iter().any(|number| *number != 0.0));
        let near = match vector.filter(|_| !self.is_away()) {
            Some(vector) => {
                let best: Vec<ChunkId> = by_words.matches.iter().take(CANDIDATES).map(|found| found.chunk).collect();
                self.nearest(site, &query, vector, &best).await.inspect_err(|error| self.pause(error)).ok()
            }
            None => None,
        };
        let Some(near) = near else {
            by_words.matches.truncate(query.limit);
            return Ok(by_words);
        };
        let visible = self.words.visible(db, site, query.public_only, near.keys().copied()).await?;
        // A passage that is not on the server yet is found by its words.
        let mut matches = by_words.matches;
        for found in &mut matches {
            if let Some(dense) = near.get(&found.chunk) {
                *found = scored(found.chunk, found.article, *dense, found.lexical);
            }
        }
        let covered: std::collections::HashSet<ChunkId> = matches.iter().map(|found| found.chunk).collect();
        let rest = visible.iter().filter(|(chunk, _)| !covered.contains(chunk));
        matches.extend(rest.map(|(chunk, article)| scored(*chunk, *article, near[chunk], 0.0)));
        matches.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        matches.truncate(query.limit);
        Ok(Found { matches, words_only: false })
    }

    pub(super) async fn is_new(&self) -> Result<bool> {
        self.ensure().await?;
        let counted = self.told(self.client.count(CountPointsBuilder::new(&self.collection).exact(true)).await)?;
        Ok(counted.result.is_none_or(|result| result.count == 0))
    }

    pub(super) async fn health(&self) -> Result<()> {
        self.told(self.client.health_check().await)?;
        Ok(())
    }

    /// `V` of the passages that are near in any way, and of `also`. One request: both queries score the same candidates.
    async fn nearest(
        &self,
        site: SiteId,
        query: &Query,
        vector: &[f32],
        also: &[ChunkId],
    ) -> Result<HashMap<ChunkId, f32>> {
        self.ensure().await?;
        let limit = query.limit.max(CANDIDATES);
        let mut filter = of_site(site);
        if query.public_only {
            filter.must.push(Condition::matches(PUBLIC, true));
        }
        let ask = |using: &str| -> QueryPoints {
            let leg = |leg: &str| {
                PrefetchQueryBuilder::default()
                    .query(question(leg, vector))
                    .using(leg)
                    .filter(filter.clone())
                    .limit(limit as u64)
            };
            let mut those = filter.clone();
            those.must.push(Condition::has_id(also.iter().map(|chunk| chunk.0)));
            let those = leg(WHOLE).filter(those).limit(also.len().max(1) as u64);
            QueryPointsBuilder::new(&self.collection)
                .prefetch(vec![leg(WHOLE).build(), leg(SENTENCES).build(), those.build()])
                .query(question(using, vector))
                .using(using)
                .filter(filter.clone())
                .limit((2 * limit + also.len()) as u64)
                .with_payload(false)
                .build()
        };
        let batch = QueryBatchPointsBuilder::new(&self.collection, vec![ask(WHOLE), ask(SENTENCES)]);
        let answer = self.told(self.client.query_batch(batch).await)?;
        let mut scores = answer
            .result
            .into_iter()
            .map(|part| part.result.iter().filter_map(scored_chunk).collect::<HashMap<_, _>>());
        let (whole, sentences) = (scores.next().unwrap_or_default(), scores.next().unwrap_or_default());
        Ok(whole
            .into_iter()
            .filter_map(|(chunk, whole)| Some((chunk, 0.5 * whole + 0.5 * sentences.get(&chunk)?)))
            .collect())
    }

    async fn delete(&self, filter: Filter) -> Result<()> {
        let delete = DeletePointsBuilder::new(&self.collection).points(filter).wait(true);
        self.told(self.client.delete_points(delete).await)?;
        Ok(())
    }

    /// Makes the collection and its indexes when they are missing. Several nodes may do so at once.
    async fn ensure(&self) -> Result<()> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ready.get_or_try_init(|| self.create()).await?;
        Ok(())
    }

    async fn create(&self) -> Result<()> {
        if !self.told(self.client.collection_exists(&self.collection).await)? {
            let params = || VectorParamsBuilder::new(self.dimension, Distance::Cosine);
            let many = MultiVectorConfigBuilder::new(MultiVectorComparator::MaxSim);
            let mut vectors = VectorsConfigBuilder::default();
            vectors.add_named_vector_params(WHOLE, params());
            vectors.add_named_vector_params(SENTENCES, params().multivector_config(many));
            // A graph a tenant and none over all: every search is within one.
            let graphs = HnswConfigDiffBuilder::default().m(0).payload_m(16);
            let create = CreateCollectionBuilder::new(&self.collection).vectors_config(vectors).hnsw_config(graphs);
            if let Err(error) = self.client.create_collection(create).await {
                // Another node may have been first.
                let exists = self.told(self.client.collection_exists(&self.collection).await)?;
                exists.then_some(()).ok_or_else(|| unavailable(error))?;
            }
        }
        let index =
            |field: &str, kind| CreateFieldIndexCollectionBuilder::new(&self.collection, field, kind).wait(true);
        let tenant = KeywordIndexParamsBuilder::default().is_tenant(true);
        let plain = KeywordIndexParamsBuilder::default().enable_hnsw(false);
        let flag = BoolIndexParamsBuilder::new().enable_hnsw(false);
        for index in [
            index(SITE, FieldType::Keyword).field_index_params(tenant),
            index(ARTICLE, FieldType::Keyword).field_index_params(plain),
            index(PUBLIC, FieldType::Bool).field_index_params(flag),
        ] {
            self.told(self.client.create_field_index(index).await)?;
        }
        Ok(())
    }

    /// Notes that the server answers, or turns the client's error into ours. After one the collection is looked for again: the server may be a new one.
    fn told<T>(&self, answer: Result<T, QdrantError>) -> Result<T> {
        if answer.is_ok() {
            *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        answer.map_err(|error| {
            *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
            unavailable(error)
        })
    }

    fn is_away(&self) -> bool {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn pause(&self, error: &Error) {
        tracing::warn!(error = ?error, "the vector index does not answer; words alone decide for a while");
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }
}

fn unavailable(error: QdrantError) -> Error {
    Error { source: Some(std::sync::Arc::new(error)), ..Error::unavailable("vector index") }
}
