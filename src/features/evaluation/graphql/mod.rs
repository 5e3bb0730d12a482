//! The feature's part of the API.

mod mutation;
mod query;
mod types;

pub use mutation::EvaluationMutation;
pub use query::EvaluationQuery;
pub(crate) use types::{Evaluation, GoldenQuestion};
