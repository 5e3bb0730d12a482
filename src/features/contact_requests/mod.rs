//! Contact requests: what visitors and customers leave when nobody can talk to them now. A message, or the wish to be
//! called.
//!
//! What always holds:
//! - Whoever asks can be reached: there is an e-mail address or a phone number, for a call the number.
//! - A request sent twice with one client id is one request.
//! - A request is of one site; members of the site see to it, and nobody else sees it after it was sent.
//! - The conversation it is about is one of whoever asks. The request outlives it, and the department it is for.
//! - How many somebody sends within an hour is limited, by who they are and by where they send from.

mod actions;
mod facts;
mod graphql;
mod model;
mod store;

pub use self::graphql::{ContactRequestsMutation, ContactRequestsQuery, ContactRequestsSubscription};
