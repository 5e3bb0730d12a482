//! Knowledge in the API.

mod index;
mod mutation;
mod query;
mod search;
mod transfer;
mod types;

use async_graphql::MergedObject;

pub use self::{transfer::ArticleImport, types::Article};

/// Questions about knowledge.
#[derive(MergedObject, Default)]
pub struct KnowledgeQuery(query::ArticlesQuery, search::SearchQuery, index::IndexQuery, transfer::TransferQuery);

/// Changes to knowledge.
#[derive(MergedObject, Default)]
pub struct KnowledgeMutation(mutation::ArticlesMutation, index::IndexMutation, transfer::TransferMutation);
