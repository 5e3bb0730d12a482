//! Who gets a conversation, and who waits until somebody has room.
//!
//! What always holds:
//! - The queue is in the database: who waits has a row there, exactly as long as they wait, and each wait has one outcome.
//! - Order is by priority, which waiting raises, then by arrival (`priority`). Whoever cannot be served by those who have
//!   room does not hold up those behind them.
//! - One transaction at a time gives out conversations of a site: nobody is given to two agents, and no agent gets more
//!   than they may have. Agents may take, and members may assign, by hand.
//! - Every change after which somebody could be given out is a journal line, and the reader of this feature answers it:
//!   the queue is drained in order at each such change. Nothing is counted up for an agent who was away.
//! - Whoever waits knows the truth: positions and estimates are worked out from the rows, once per change and node
//!   (`board`), and never stored.
//! - Each choice is kept with what it was made from (`decision`).
//! - While the site is closed nobody waits and nobody is given out.
//!
//! `app.rs` starts [`keep_queues`] on each node. Later features use: [`welcome_in`] before an assistant answers,
//! [`stand_in_for_assistant_in`] where one cannot, [`is_open`] and [`is_silenced`], [`queue_changes`] and [`offer_changes`] to follow a site.

mod agents;
mod announce;
mod attendance;
mod board;
mod choice;
mod decision;
mod drain;
mod enter;
mod facts;
mod graphql;
mod handover;
mod hours;
mod keep;
mod priority;
mod reader;
mod rules;
mod settings;
mod store;
mod texts;

pub use self::{
    announce::TellEmergency,
    attendance::CheckAttendance,
    graphql::{
        HandoverMutation, OffersQuery, OffersSubscription, QueueQuery, QueueSubscription, RoutingMutation, RoutingQuery,
    },
    keep::keep_queues,
    reader::{DrainQueue, reader},
};
pub(crate) use self::{
    enter::{is_open, is_silenced, stand_in_for_assistant_in, welcome_in},
    graphql::{OfferChanged, QueueChanged, offer_changes, queue_changes},
};
