//! Visitors: people on a site without an account, known by a token in their browser.
//!
//! What always holds:
//! - A token is bound to one site and one visitor. Who has it is the visitor; nothing a visitor tells about themself is
//!   proof of anything.
//! - Nothing is stored before a visitor does something: the id is made with the token, the row by [`ensure_in`].
//! - An earlier token of the same site brings the same visitor back, also when it has run out.
//! - The visitor writes their own profile; members of the site read it.
//!
//! Later features use: [`ensure_in`] at a visitor's first write; [`Visitor`] and [`by_ids`] to show who it is.

mod actions;
mod facts;
mod graphql;
mod model;
mod store;

use std::collections::HashMap;

use ::entity::{ids::VisitorId, visitor};

pub use self::{
    actions::ensure_in,
    facts::VisitorFact,
    graphql::{Visitor, VisitorsMutation, VisitorsQuery},
};
use crate::{
    kernel::{Ctx, Result},
    ports::db::Db,
};

/// The visitors with these ids, in one query. That the caller may see them is decided by the row that names them.
pub async fn by_ids(cx: &Ctx, ids: Vec<VisitorId>) -> Result<HashMap<VisitorId, Visitor>> {
    let rows = store::by_ids(&cx.db(), ids).await?;
    Ok(rows.into_iter().map(|(id, row)| (id, Visitor::from(row))).collect())
}

/// A visitor as they are stored, if they did anything.
pub(crate) async fn lookup(db: &Db<'_>, id: VisitorId) -> Result<Option<visitor::Model>> {
    Ok(store::by_ids(db, vec![id]).await?.remove(&id))
}

/// A visitor of a site that the caller is a member of, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: VisitorId) -> Result<Visitor> {
    let reach = crate::features::sites::reach_to(cx, crate::kernel::Permission::VisitorsRead, "visitor")?;
    Ok(store::find(&cx.db(), &reach, id).await?.into())
}
