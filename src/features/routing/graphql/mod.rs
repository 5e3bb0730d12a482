//! Routing, queue and hand-over in the API.

mod decisions;
mod handover;
mod offers;
mod queue;
mod settings;

pub use self::{
    handover::HandoverMutation,
    offers::{OffersQuery, OffersSubscription},
    queue::{QueueQuery, QueueSubscription},
    settings::{RoutingMutation, RoutingQuery},
};
pub(crate) use self::{
    offers::{OfferChanged, offer_changes},
    queue::{QueueChanged, queue_changes},
};
