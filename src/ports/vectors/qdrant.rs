//! The index on a Qdrant server, for more vectors than one process should hold.
//!
//! - One collection per embedder, see `collection.rs`: a new embedder fills a new one, and old vectors are never compared
//!   with new ones.
//! - A point is a passage: the vector of the whole, those of its sentences as one multivector whose `MaxSim` is the
//!   "nearest sentence" of the formula, and its words as a sparse vector. Separate points for sentences would make one
//!   search into several and crowd each other out of the candidates.
//! - One hybrid query proposes candidates by whole, by sentences and by words (with the word frequencies of the one
//!   site), and scores all of them in meaning. How much of the question their words cover is computed here, by the same
//!   code as in the built-in index, so that both give the same scores. The words of a site take about 3 kB a passage, a
//!   fifth of what its vectors take; they also answer while Qdrant does not.
//! - Qdrant proposes, the rows decide: a point whose passage is gone or not to be seen is dropped after the search, so
//!   a point that is late to go does no harm.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use ::entity::ids::{ArticleId, ChunkId, SiteId};
use qdrant_client::{
    Qdrant, QdrantError,
    qdrant::{
        DeletePointsBuilder, IdfParams, PointStruct, PrefetchQueryBuilder, QueryBatchPointsBuilder, QueryPoints,
        QueryPointsBuilder, SearchParams, UpsertPointsBuilder,
    },
};

use super::{
    EmbeddedIndex, Found, Passage, Query,
    collection::{self, Place},
    points::{SENTENCES, WHOLE, WORDS, Within, point, question, scored_chunk, words_of},
    rows, scored,
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
/// How long words alone answer after Qdrant did not, so that not every question waits for it. Also how long it is not
/// asked again whether a collection serves that did not.
const PAUSE: Duration = Duration::from_secs(5);

/// The collection of an embedder on a Qdrant server.
pub struct QdrantIndex {
    client: Qdrant,
    model: Arc<str>,
    /// Numbers of a vector, once the embedder has told.
    dimension: Arc<OnceLock<usize>>,
    words: EmbeddedIndex,
    place: tokio::sync::Mutex<Option<(Place, Instant)>>,
    away_until: Mutex<Option<Instant>>,
}

impl QdrantIndex {
    /// The collection of an embedder's vectors on a server; `dimension` may become known later. Connects with the first
    /// request.
    ///
    /// # Errors
    /// When `url` is not one.
    pub fn new(url: &str, api_key: Option<&str>, model: Arc<str>, dimension: Arc<OnceLock<usize>>) -> Result<Self> {
        let client = Qdrant::from_url(url)
            .api_key(api_key)
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            // It would connect now, and print.
            .skip_compatibility_check()
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            client,
            model,
            dimension,
            words: EmbeddedIndex::of_words(),
            place: tokio::sync::Mutex::default(),
            away_until: Mutex::default(),
        })
    }

    /// The words of each site.
    pub(super) fn words(&self) -> &EmbeddedIndex {
        &self.words
    }

    pub(super) async fn replace(&self, site: SiteId, article: ArticleId, passages: Vec<Passage>) -> Result<()> {
        let place = self.place().await?;
        let chunks: Vec<ChunkId> = passages.iter().map(|passage| passage.chunk).collect();
        let points: Vec<PointStruct> = passages.into_iter().filter_map(|passage| point(site, passage)).collect();
        for batch in points.chunks(BATCH) {
            let upsert = UpsertPointsBuilder::new(&place.collection, batch).wait(true);
            self.told(self.client.upsert_points(upsert).await).await?;
        }
        // New ones first, so that the article is not away in between.
        self.delete(&place, &Within::site(site).article(article).but(chunks)).await
    }

    pub(super) async fn remove(&self, site: SiteId, article: ArticleId) -> Result<()> {
        let place = self.place().await?;
        self.delete(&place, &Within::site(site).article(article)).await
    }

    pub(super) async fn search(&self, db: &Db<'_>, site: SiteId, query: Query) -> Result<Found> {
        // Every passage that shares a word with the question.
        let words = Query { vector: None, limit: usize::MAX, ..query.clone() };
        let mut by_words = self.words.search(db, site, words).await?;
        let vector = query.vector.as_deref().filter(|vector| vector.iter().any(|number| *number != 0.0));
        let near = match vector.filter(|_| !self.is_away()) {
            Some(vector) if self.is_of(db, site, vector.len()).await? => self.nearest(site, &query, vector).await?,
            Some(_) | None => None,
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
        let covered: HashSet<ChunkId> = matches.iter().map(|found| found.chunk).collect();
        let rest = visible.iter().filter(|(chunk, _)| !covered.contains(chunk));
        matches.extend(rest.map(|(chunk, article)| scored(*chunk, *article, near[chunk], 0.0)));
        matches.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        matches.truncate(query.limit);
        Ok(Found { matches, words_only: false })
    }

    /// True when all passages of a site are made by the embedder that a question of this length was.
    async fn is_of(&self, db: &Db<'_>, site: SiteId, dimension: usize) -> Result<bool> {
        let embedder = rows::head(db, site).await?.embedder;
        Ok(embedder.is_some_and(|(model, length)| *model == *self.model && length == dimension))
    }

    /// Fails while the collection is being filled, or the server does not answer.
    pub(super) async fn serves(&self) -> Result<()> {
        if self.place().await?.serves { Ok(()) } else { Err(Error::unavailable("vector index")) }
    }

    /// The collection holds everything: searches go there from now on.
    pub(super) async fn serve(&self) -> Result<()> {
        let place = self.place().await?;
        let served = self.told(collection::serve(&self.client, &self.alias()?, place).await).await?;
        *self.place.lock().await = Some((served, Instant::now()));
        Ok(())
    }

    pub(super) async fn health(&self) -> Result<()> {
        self.told(self.client.health_check().await).await?;
        Ok(())
    }

    /// `V` of the passages that are near in any way; nothing while the server does not answer or is being filled.
    async fn nearest(&self, site: SiteId, query: &Query, vector: &[f32]) -> Result<Option<HashMap<ChunkId, f32>>> {
        let place = match self.place().await {
            Ok(place) if place.serves => place,
            Ok(_) => return Ok(None),
            Err(error) => return Ok(self.pause(&error)),
        };
        let within = if query.public_only { Within::site(site).public() } else { Within::site(site) };
        let batch = [WHOLE, SENTENCES].map(|using| hybrid(&place, &within, using, query, vector));
        let batch = QueryBatchPointsBuilder::new(&place.collection, batch.to_vec());
        let answer = match self.told(self.client.query_batch(batch).await).await {
            Ok(answer) => answer,
            Err(error) => return Ok(self.pause(&error)),
        };
        let mut scores = answer
            .result
            .into_iter()
            .map(|part| part.result.iter().filter_map(scored_chunk).collect::<HashMap<_, _>>());
        let (whole, sentences) = (scores.next().unwrap_or_default(), scores.next().unwrap_or_default());
        let both = |(chunk, whole): (ChunkId, f32)| Some((chunk, 0.5 * whole + 0.5 * sentences.get(&chunk)?));
        Ok(Some(whole.into_iter().filter_map(both).collect()))
    }

    async fn delete(&self, place: &Place, within: &Within) -> Result<()> {
        let delete = DeletePointsBuilder::new(&place.collection).points(within.filter()).wait(true);
        self.told(self.client.delete_points(delete).await).await?;
        Ok(())
    }

    fn alias(&self) -> Result<String> {
        let dimension = self.dimension.get().ok_or_else(|| Error::unavailable("embedder"))?;
        Ok(collection::alias(&self.model, *dimension))
    }

    /// The collection, found or made at the first request; one that does not serve yet is looked for again.
    async fn place(&self) -> Result<Place> {
        let alias = self.alias()?;
        let dimension = self.dimension.get().copied().unwrap_or_default();
        let mut known = self.place.lock().await;
        if let Some((place, since)) = known.as_ref()
            && (place.serves || since.elapsed() < PAUSE)
        {
            return Ok(place.clone());
        }
        let place = collection::open(&self.client, &alias, dimension).await.map_err(unavailable)?;
        *known = Some((place.clone(), Instant::now()));
        Ok(place)
    }

    /// Notes that the server answers, or turns the client's error into ours. After one the collection is looked for
    /// again: the server may be a new one.
    async fn told<T>(&self, answer: Result<T, QdrantError>) -> Result<T> {
        match answer {
            Ok(answer) => {
                *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(answer)
            }
            Err(error) => {
                *self.place.lock().await = None;
                Err(unavailable(error))
            }
        }
    }

    fn is_away(&self) -> bool {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn pause<T>(&self, error: &Error) -> Option<T> {
        tracing::warn!(error = ?error, "the vector index does not answer; words alone decide for a while");
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
        None
    }
}

/// Candidates by whole, by sentences and by words, scored by one of the dense vectors. The site is insisted on in each part.
fn hybrid(place: &Place, within: &Within, using: &str, query: &Query, vector: &[f32]) -> QueryPoints {
    let limit = query.limit.max(CANDIDATES);
    let leg = |nearest, using: &str| {
        PrefetchQueryBuilder::default().query(nearest).using(using).filter(within.filter()).limit(limit as u64)
    };
    let mut legs =
        vec![leg(question(WHOLE, vector), WHOLE).build(), leg(question(SENTENCES, vector), SENTENCES).build()];
    if let Some(words) = words_of(&query.text) {
        // How rare a word is, is the site's own business, too; servers before 1.19 take all tenants' instead.
        let idf = Some(IdfParams { corpus: Some(within.filter()) });
        legs.push(leg(words, WORDS).params(SearchParams { idf, ..SearchParams::default() }).build());
    }
    let all = legs.len() * limit;
    QueryPointsBuilder::new(&place.collection)
        .prefetch(legs)
        .query(question(using, vector))
        .using(using)
        .filter(within.filter())
        .limit(all as u64)
        .with_payload(false)
        .build()
}

fn unavailable(error: QdrantError) -> Error {
    Error { source: Some(Arc::new(error)), ..Error::unavailable("vector index") }
}
