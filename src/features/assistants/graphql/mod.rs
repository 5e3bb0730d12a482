//! Assistants in the API.

mod mutation;
mod query;
mod types;

pub(crate) use self::types::{ProfileKey, node};
pub use self::{
    mutation::AssistantsMutation,
    query::AssistantsQuery,
    types::{Assistant, AssistantProfile},
};
