//! What turns text into vectors: the built-in embedder, loaded with its first use.
//!
//! An embedding takes milliseconds to a second of one core. It runs on threads made for blocking, a few at a time:
//! questions and articles wait in lines of their own, so that somebody who asks does not wait for an article that is
//! being indexed. The vectors of recent questions are kept.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use embedder::{DIMENSION, Embedder, Kind, MODEL};
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::kernel::{Error, Result};

/// Questions that are worked on at once.
const QUESTIONS: usize = 2;
/// Articles that are worked on at once: one core is left for everything else.
const ARTICLES: usize = 1;
/// Texts of an article between which others get their turn.
const BATCH: usize = 8;
/// Questions whose vectors are kept, 1.5 kB each.
const CACHED: u64 = 4_000;
/// Bytes of a question that make it too long to be kept.
const LONG: usize = 1_000;

/// The embedder; cheap to clone.
#[derive(Clone)]
pub struct Embeddings {
    engine: Arc<OnceLock<Result<Embedder>>>,
    questions: Arc<Semaphore>,
    articles: Arc<Semaphore>,
    recent: Cache<String, Arc<[f32]>>,
}

impl Embeddings {
    /// The embedder inside the binary. Takes no memory until it is used.
    pub fn built_in() -> Self {
        Self {
            engine: Arc::default(),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            articles: Arc::new(Semaphore::new(ARTICLES)),
            recent: Cache::new(CACHED),
        }
    }

    /// Names what the vectors mean; vectors of different models do not compare.
    pub fn model(&self) -> &'static str {
        MODEL
    }

    /// Numbers in a vector.
    pub fn dimension(&self) -> usize {
        DIMENSION
    }

    /// The vector of a question.
    pub async fn query(&self, text: &str) -> Result<Arc<[f32]>> {
        let text = text.trim();
        if let Some(known) = self.recent.get(text) {
            return Ok(known);
        }
        let vectors = self.embed(&self.questions, Kind::Query, vec![text.to_owned()]).await?;
        let vector: Arc<[f32]> = vectors.into_iter().next().unwrap_or_default().into();
        if text.len() <= LONG {
            self.recent.insert(text.to_owned(), vector.clone());
        }
        Ok(vector)
    }

    /// The vectors of passages and sentences, in order; best given as `"{title}. {text}"`.
    pub async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut rest = texts.into_iter();
        loop {
            let batch: Vec<String> = rest.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return Ok(vectors);
            }
            vectors.extend(self.embed(&self.articles, Kind::Passage, batch).await?);
        }
    }

    async fn embed(&self, line: &Arc<Semaphore>, kind: Kind, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let turn = line.clone().acquire_owned().await.map_err(Error::internal)?;
        let engine = self.engine.clone();
        let work = move || {
            // Held by the thread, not by the caller: work whose caller has gone still occupies a core.
            let _turn = turn;
            let engine =
                engine.get_or_init(|| Embedder::load().map_err(Error::internal)).as_ref().map_err(Clone::clone)?;
            Ok(texts.iter().map(|text| engine.embed(kind, text)).collect())
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings").field("model", &MODEL).finish_non_exhaustive()
    }
}
