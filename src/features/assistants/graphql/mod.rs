//! Assistants in the API.

mod mutation;
mod query;
mod types;

pub use self::{
    mutation::AssistantsMutation,
    query::AssistantsQuery,
    types::{Assistant, AssistantProfile},
};
pub(crate) use self::types::{ProfileKey, node};
