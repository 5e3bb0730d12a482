//! The feature's part of the API.

mod events;
mod providers;
mod sending;
mod subscription;
mod types;
mod watch;

pub(crate) use events::RunCursor;
pub use providers::ProvidersSubscription;
pub(crate) use providers::{ProviderFailing, ProviderRecovered, ProviderTold, provider_told};
pub use sending::SendingMutation;
pub use subscription::AnswersSubscription;
pub use types::{AnswersMutation, AnswersQuery};
pub(crate) use types::{Run, node};
