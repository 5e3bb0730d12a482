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

use ::entity::ids::ContactRequestId;

pub(crate) use self::graphql::{ContactRequest, ContactRequestChanged, contact_request_changes};
pub use self::graphql::{ContactRequestsMutation, ContactRequestsQuery, ContactRequestsSubscription};
use super::sites::reach_to;
use crate::kernel::{Ctx, Error, Permission, Result};

/// A request, as the members of its site see it, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: ContactRequestId) -> Result<ContactRequest> {
    let reach = reach_to(cx, Permission::ContactRequestsWork, "contact request")?;
    let row = store::by_ids(&cx.db(), &reach, vec![id]).await?.remove(&id);
    row.map(ContactRequest).ok_or_else(|| Error::not_found("contact request"))
}
