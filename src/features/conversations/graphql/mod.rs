//! The feature's part of the API.

pub(crate) mod answer;
mod mutation;
pub(crate) mod people;
mod query;
pub(crate) mod subscription;
pub(crate) mod types;
pub(crate) mod viewers;

pub use mutation::ConversationsMutation;
pub use query::ConversationsQuery;
pub use subscription::ConversationsSubscription;
