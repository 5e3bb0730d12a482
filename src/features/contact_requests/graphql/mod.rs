//! The feature's part of the API.

mod mutation;
mod query;
mod subscription;
mod types;

pub use mutation::ContactRequestsMutation;
pub use query::ContactRequestsQuery;
pub use subscription::ContactRequestsSubscription;
pub(crate) use subscription::{ContactRequestChanged, contact_request_changes};
pub(crate) use types::ContactRequest;
