//! The feature's part of the API.

mod mutation;
mod query;
mod types;

pub use mutation::CannedResponsesMutation;
pub use query::CannedResponsesQuery;
pub(crate) use types::CannedResponse;
