//! Canned responses: texts with variables that agents put into conversations by a shortcut.
//!
//! What always holds:
//! - A response is the site's, written by its admins for all members, or a member's own, which nobody else sees.
//! - A shortcut is taken once among the site's and once among each member's own, however it is capitalised or accented.
//! - The variables of a text are known ones when it is stored; what fills them is never read for variables again.
//! - Putting one into a conversation sends nothing: the agent gets the text, and the use is counted.

mod actions;
mod facts;
mod graphql;
mod model;
mod store;

use ::entity::ids::CannedResponseId;

pub(crate) use self::graphql::CannedResponse;
pub use self::graphql::{CannedResponsesMutation, CannedResponsesQuery};
use super::{accounts, sites::reach_to};
use crate::kernel::{Ctx, Permission, Result};

/// A response of the site or one's own, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: CannedResponseId) -> Result<CannedResponse> {
    let reach = reach_to(cx, Permission::CannedResponsesUse, "canned response")?;
    let user = accounts::signed_in(&cx.actor)?.user;
    Ok(store::find(&cx.db(), &reach, user, id).await?.into())
}
