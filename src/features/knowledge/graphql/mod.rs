//! Knowledge in the API.

mod mutation;
mod query;
mod types;

pub use self::{mutation::KnowledgeMutation, query::KnowledgeQuery, types::Article};
