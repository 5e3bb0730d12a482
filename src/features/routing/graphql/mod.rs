//! Routing, queue and hand-over in the API.

mod decisions;
mod handover;
mod offers;
mod queue;
mod settings;

pub use self::{
    handover::HandoverMutation,
    offers::OffersSubscription,
    queue::{QueueQuery, QueueSubscription},
    settings::{RoutingMutation, RoutingQuery},
};
