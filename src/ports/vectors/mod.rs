//! Nearest passages within one site: the built-in index, or a Qdrant server.
//!
//! Promises of both:
//! - Every call names one site; nothing of another site is ever seen.
//! - The rows are the truth: the passages of an article are found from the moment its transaction commits, on every
//!   node, and no longer found from the moment they are removed or made internal. What is kept elsewhere (memory,
//!   Qdrant) is made from the rows again when it is lost.
//! - Passages are ordered by `S = V + cov²`: closeness in meaning of the whole and of the nearest sentence, and the
//!   share of the question's words that is covered. Both parts are told, so that a threshold can be put on each.
//! - Where vectors cannot be compared (none given, Qdrant away), words alone decide, and the answer says so.

mod collection;
mod embedded;
mod points;
mod qdrant;
mod rows;

use std::sync::Arc;

use ::entity::ids::{ArticleId, ChunkId, SiteId};
use exact_index::Query as Weights;

pub use self::{embedded::EmbeddedIndex, qdrant::QdrantIndex};
use crate::{kernel::Result, ports::db::Db};

/// The index.
pub enum Vectors {
    /// In memory, made from the rows when a site is first searched.
    Embedded(EmbeddedIndex),
    /// On a Qdrant server; words stay in memory.
    Qdrant(Box<QdrantIndex>),
}

/// What a search can find.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The passage.
    pub chunk: ChunkId,
    /// Its article.
    pub article: ArticleId,
    /// Title and passage, for comparing words.
    pub text: String,
    /// The vector of the whole, then those of its sentences.
    pub vectors: Vec<Vec<f32>>,
    /// Visitors may be answered from it.
    pub public: bool,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The question's vector; without one, words alone decide.
    pub vector: Option<Arc<[f32]>>,
    /// The question as typed.
    pub text: String,
    /// Most passages to find.
    pub limit: usize,
    /// Leave out what is internal.
    pub public_only: bool,
}

/// A passage that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The passage.
    pub chunk: ChunkId,
    /// Its article.
    pub article: ArticleId,
    /// `V`: closeness in meaning, -1 to 1; 0 when only words were compared.
    pub dense: f32,
    /// `cov`: share of the question's words that is covered, 0 to 1.
    pub lexical: f32,
    /// `S = V + cov²`.
    pub score: f32,
}

impl Match {
    /// `S = V + cov²`, whatever the order of the list it stands in.
    pub fn measured(&self) -> f32 {
        self.dense + Weights::LEXICAL_WEIGHT * self.lexical * self.lexical
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Best first; of equal score, by id.
    pub matches: Vec<Match>,
    /// True when only words were compared.
    pub words_only: bool,
}

impl Vectors {
    /// The passages of an article as its rows have them now take the place of those before. The built-in index reads the
    /// rows by itself.
    ///
    /// # Errors
    /// `UNAVAILABLE` when Qdrant does not answer: try again later.
    pub async fn replace(&self, site: SiteId, article: ArticleId, passages: Vec<Passage>) -> Result<()> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Qdrant(index) => index.replace(site, article, passages).await,
        }
    }

    /// Forgets an article whose rows are gone.
    ///
    /// # Errors
    /// `UNAVAILABLE` when Qdrant does not answer: try again later.
    pub async fn remove(&self, site: SiteId, article: ArticleId) -> Result<()> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Qdrant(index) => index.remove(site, article).await,
        }
    }

    /// True where [`Self::replace`] has something to do.
    pub fn keeps_passages(&self) -> bool {
        matches!(self, Self::Qdrant(_))
    }

    /// The passages of a site that fit best.
    pub async fn search(&self, db: &Db<'_>, site: SiteId, query: Query) -> Result<Found> {
        match self {
            Self::Embedded(index) => index.search(db, site, query).await,
            Self::Qdrant(index) => index.search(db, site, query).await,
        }
    }

    /// The share of the question's words that each text covers, by the frequencies of the site's words: 0 to 1.
    pub async fn coverages(&self, db: &Db<'_>, site: SiteId, question: &str, texts: &[&str]) -> Result<Vec<f32>> {
        let words = match self {
            Self::Embedded(index) => index,
            Self::Qdrant(index) => index.words(),
        };
        words.coverages(db, site, question, texts).await
    }

    /// Fails while what [`Self::replace`] was given is not searched: a Qdrant collection that is new is filled first.
    ///
    /// # Errors
    /// `UNAVAILABLE` also when Qdrant does not answer.
    pub async fn serves(&self) -> Result<()> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Qdrant(index) => index.serves().await,
        }
    }

    /// Everything was handed over: from now on it is searched.
    ///
    /// # Errors
    /// `UNAVAILABLE` when Qdrant does not answer: try again later.
    pub async fn serve(&self) -> Result<()> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Qdrant(index) => index.serve().await,
        }
    }

    /// Answers when the index does.
    pub async fn health(&self) -> Result<()> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Qdrant(index) => index.health().await,
        }
    }
}

/// `S` of a match from its two parts.
fn scored(chunk: ChunkId, article: ArticleId, dense: f32, lexical: f32) -> Match {
    Match { chunk, article, dense, lexical, score: dense + Weights::LEXICAL_WEIGHT * lexical * lexical }
}
