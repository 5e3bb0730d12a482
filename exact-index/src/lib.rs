//! Exact hybrid search over one site's knowledge, held in memory.
//!
//! A [`Partition`] keeps the entries of a single site: the dense vectors of each chunk and of its
//! sentences, and an inverted index of its words. [`Partition::search`] ranks by
//!
//! ```text
//! S(q, d)   = V(q, d) + w * cov(q, d)²
//! V(q, d)   = 0.5 * cos(q, d) + 0.5 * max over sentences s of d of cos(q, s)
//! cov(q, d) = BM25(q, d) / ((k1 + 1) * sum of idf over the query's terms)
//! ```
//!
//! and is exact: an 8-bit scan bounds every score from both sides, and each entry that could still
//! reach the result is scored again from its 32-bit vectors. There is no approximate graph, no
//! training and no background work. The crate does no IO; rows live in the SQL database and are
//! loaded into a partition by the caller.
//!
//! [`text`] is the analysis shared by every lexical leg, so that a Qdrant collection holding
//! [`text::sparse_document`] vectors ranks words as a partition does.

mod error;
mod kernel;
mod lexical;
mod partition;
mod search;
pub mod text;
mod vectors;

pub use error::IndexError;
pub use partition::{Entry, Partition};
pub use search::{Filter, Hit, Query};
