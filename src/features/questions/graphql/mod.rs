//! The feature's part of the API.

mod mutation;
mod query;
mod types;

pub use mutation::QuestionsMutation;
pub use query::QuestionsQuery;
pub(crate) use types::QuestionGroup;
