//! What turns text into vectors: the built-in embedder, or a model on an Ollama or OpenAI-compatible server.
//!
//! Promises of all:
//! - Vectors have length 1 (or are all zeros, for text of which nothing was understood) and all the same dimension.
//! - [`Embeddings::model`] names what they mean; vectors of different models do not compare.
//! - Questions and articles wait in lines of their own, each bounded, so that somebody who asks does not wait for an
//!   article that is being indexed. The vectors of recent questions are kept.
//! - A server that failed is left alone for some seconds by questions, which go on with words only; articles try again,
//!   later each time.

mod built_in;
mod remote;

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use moka::sync::Cache;
use tokio::sync::Semaphore;

pub use self::remote::{Patience, Protocol, RemoteEmbedder};
use self::{
    built_in::BuiltIn,
    remote::{Failed, Remote},
};
use crate::{
    config::Config,
    kernel::{Error, Result},
};

/// Questions that the built-in embedder works on at once.
const QUESTIONS: usize = 2;
/// Articles that it works on at once: one core is left for everything else.
const ARTICLES: usize = 1;
/// Texts of an article between which others get their turn.
const BATCH: usize = 8;
/// Questions whose vectors are kept, a few kB each.
const CACHED: u64 = 4_000;
/// Bytes of a question that make it too long to be kept.
const LONG: usize = 1_000;
/// How long questions leave a server alone that did not answer.
const PAUSE: Duration = Duration::from_secs(5);

/// What a text is for; models are trained to tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Question,
    Passage,
    /// A passage of a batch that was refused, asked for once.
    Suspect,
}

/// The vectors of passages, as far as the embedder takes them.
#[derive(Clone, Debug, Default)]
pub struct Passages {
    /// One for each text, of zeros where it was refused.
    pub vectors: Vec<Vec<f32>>,
    /// Which texts were refused.
    pub refused: Vec<usize>,
    /// What the embedder said of the first of them; holds no text.
    pub reason: Option<String>,
}

/// The embedder; cheap to clone.
#[derive(Clone)]
pub struct Embeddings {
    engine: Engine,
    model: Arc<str>,
    /// Known from the start or from the first answer on.
    dimension: Arc<OnceLock<usize>>,
    batch: usize,
    questions: Arc<Semaphore>,
    articles: Arc<Semaphore>,
    recent: Cache<String, Arc<[f32]>>,
    /// Set after a failure of a server.
    away_until: Arc<Mutex<Option<Instant>>>,
}

#[derive(Clone)]
enum Engine {
    BuiltIn(BuiltIn),
    Remote(Arc<Remote>),
}

impl Embeddings {
    /// The embedder that the settings name.
    ///
    /// # Errors
    /// When the address is none, or the machine has no CA certificates.
    pub fn from_config(config: &Config) -> Result<Self> {
        let protocol = match config.embedder.as_str() {
            "ollama" => Protocol::Ollama,
            "openai" => Protocol::Openai,
            _ => return Ok(Self::built_in()),
        };
        let remote = RemoteEmbedder {
            protocol,
            url: config.embedder_url.clone().unwrap_or_default(),
            api_key: config.embedder_api_key.clone(),
            model: config.embedder_model.clone().unwrap_or_default(),
            batch: config.embedder_batch,
            concurrency: config.embedder_concurrency,
            patience: Patience::default(),
        };
        Self::remote(remote)
    }

    /// The embedder inside the binary. Takes no memory until it is used.
    pub fn built_in() -> Self {
        let engine = Engine::BuiltIn(BuiltIn::default());
        let this = Self::new(engine, embedder::MODEL.into(), BATCH, (QUESTIONS, ARTICLES));
        this.dimension.get_or_init(|| embedder::DIMENSION);
        this
    }

    /// A model on a server. Asks it nothing yet.
    ///
    /// # Errors
    /// When the address is none, or the machine has no CA certificates.
    pub fn remote(settings: RemoteEmbedder) -> Result<Self> {
        let (batch, concurrency) = (settings.batch.max(1), settings.concurrency.max(1));
        let model = settings.name();
        let engine = Engine::Remote(Arc::new(Remote::new(settings)?));
        Ok(Self::new(engine, model.into(), batch, (concurrency, concurrency)))
    }

    fn new(engine: Engine, model: Arc<str>, batch: usize, (questions, articles): (usize, usize)) -> Self {
        Self {
            engine,
            model,
            dimension: Arc::default(),
            batch,
            questions: Arc::new(Semaphore::new(questions)),
            articles: Arc::new(Semaphore::new(articles)),
            recent: Cache::new(CACHED),
            away_until: Arc::default(),
        }
    }

    /// Names what the vectors mean; vectors of different models do not compare.
    pub fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// Numbers in a vector, as far as it is known: a server tells with its first answer.
    pub fn known_dimension(&self) -> Option<usize> {
        self.dimension.get().copied()
    }

    /// Where the number of numbers in a vector will stand, for those who cannot wait for it.
    pub fn dimension_cell(&self) -> Arc<OnceLock<usize>> {
        self.dimension.clone()
    }

    /// Numbers in a vector. Asks the server when it is not known yet.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer.
    pub async fn dimension(&self) -> Result<usize> {
        match self.known_dimension() {
            Some(known) => Ok(known),
            None => Ok(self.query("?").await?.len()),
        }
    }

    /// Fails while a server does not answer. Asks nothing: the last call counts.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub fn health(&self) -> Result<()> {
        if self.is_away() { Err(Error::unavailable("embedder")) } else { Ok(()) }
    }

    /// The vector of a question.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer, or did not a moment ago.
    pub async fn query(&self, text: &str) -> Result<Arc<[f32]>> {
        self.question(&self.questions, text).await
    }

    /// The same for a question that nobody waits for, in the line of the articles.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer, or did not a moment ago.
    pub async fn query_in_background(&self, text: &str) -> Result<Arc<[f32]>> {
        self.question(&self.articles, text).await
    }

    async fn question(&self, line: &Arc<Semaphore>, text: &str) -> Result<Arc<[f32]>> {
        let text = text.trim();
        if let Some(known) = self.recent.get(text) {
            return Ok(known);
        }
        if self.is_away() {
            return Err(Error::unavailable("embedder"));
        }
        let vectors = self.embed(line, Purpose::Question, &[text.to_owned()]).await?;
        let vector: Arc<[f32]> = vectors.into_iter().next().unwrap_or_default().into();
        if text.len() <= LONG {
            self.recent.insert(text.to_owned(), vector.clone());
        }
        Ok(vector)
    }

    /// The vectors of passages and sentences, in order; best given as `"{title}. {text}"`.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer, however often it is asked.
    pub async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.batch) {
            vectors.extend(self.embed(&self.articles, Purpose::Passage, batch).await?);
        }
        Ok(vectors)
    }

    /// The same, with zeros for a text that the embedder refuses while it answers others: one passage must not keep the
    /// rest of an article from being found.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer, however often it is asked.
    pub async fn passages_it_takes(&self, texts: Vec<String>) -> Result<Passages> {
        let mut found = Passages::default();
        for batch in texts.chunks(self.batch) {
            match self.embed(&self.articles, Purpose::Passage, batch).await {
                Ok(vectors) => found.vectors.extend(vectors),
                Err(failed) if failed.for_texts => self.one_by_one(batch, failed, &mut found).await?,
                Err(failed) => return Err(failed.into()),
            }
        }
        Ok(found)
    }

    /// Finds out which texts of a batch are refused, by halves.
    async fn one_by_one(&self, batch: &[String], failed: Failed, found: &mut Passages) -> Result<()> {
        // Does it answer at all? That tells the length of the zeros as well.
        let Ok(sample) = self.embed(&self.articles, Purpose::Suspect, &["?".to_owned()]).await else {
            return Err(failed.into());
        };
        let length = sample.first().map_or(0, Vec::len);
        let mut parts = vec![(batch, Some(failed))];
        while let Some((part, known)) = parts.pop() {
            let failed = match known {
                Some(failed) => failed,
                None => match self.embed(&self.articles, Purpose::Suspect, part).await {
                    Ok(vectors) => {
                        found.vectors.extend(vectors);
                        continue;
                    }
                    Err(failed) if failed.for_texts => failed,
                    Err(failed) => return Err(failed.into()),
                },
            };
            if part.len() == 1 {
                found.refused.push(found.vectors.len());
                found.vectors.push(vec![0.0; length]);
                found.reason.get_or_insert(failed.what);
            } else {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([(second, None), (first, None)]);
            }
        }
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    async fn embed(&self, line: &Arc<Semaphore>, purpose: Purpose, texts: &[String]) -> Result<Vec<Vec<f32>>, Failed> {
        let turn = line.clone().acquire_owned().await.map_err(|error| Failed::of_server(error.to_string()))?;
        match &self.engine {
            Engine::BuiltIn(engine) => {
                engine.embed(turn, purpose, texts.to_vec()).await.map_err(|error| Failed::of_server(error.to_string()))
            }
            Engine::Remote(server) => {
                let answer = server.embed(purpose, texts).await.and_then(|vectors| self.checked(vectors));
                let away = answer.as_ref().err().map(|_| Instant::now() + PAUSE);
                *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = away;
                answer
            }
        }
    }

    /// Vectors of the one dimension, which the first answer decides.
    fn checked(&self, vectors: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>, Failed> {
        let Some(first) = vectors.first() else { return Ok(vectors) };
        let dimension = *self.dimension.get_or_init(|| first.len());
        if vectors.iter().all(|vector| vector.len() == dimension) {
            return Ok(vectors);
        }
        let what = format!("vectors have {} numbers, those before had {dimension}", first.len());
        Err(Failed::of_server(what))
    }

    fn is_away(&self) -> bool {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings").field("model", &self.model).finish_non_exhaustive()
    }
}
