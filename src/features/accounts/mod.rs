//! People with an account, and their sign-ins.
//!
//! What always holds:
//! - An e-mail address has one account, however it is capitalised.
//! - Passwords are argon2id hashes; refresh tokens are stored as hashes; neither is ever logged or sent back.
//! - A session is one sign-in on one device, and the family of its refresh tokens: one counts at a time, an exchange
//!   replaces it, and using a replaced one ends the session.
//! - Access tokens say who, never what they may do; that is looked up at each request, so it can be withdrawn.
//! - An account alone is a customer's. Roles in sites come from `sites`.
//!
//! Later features use: [`User`] and [`users_by_ids`]; [`signed_in`] to demand a person; [`token`] for signed tokens;
//! [`once`] against guessing; [`SessionCache`] and [`session_person`] to find out who
//! calls; [`NewPerson`], [`create`], [`hash_password`], [`insert_in`] and [`sign_in_in`] to make accounts.

mod actions;
pub(super) mod credits;
mod graphql;
mod limits;
mod model;
mod passwords;
mod sessions;
mod store;
pub mod token;

use std::collections::HashMap;

use ::entity::{
    ids::{SessionId, UserId},
    user,
};
use chrono::DateTime;

pub use self::{
    actions::{Issued, create, hash_password, insert_in, reset_password, sign_in_in, signed_in},
    graphql::{AccountsMutation, AccountsQuery, AuthPayload, Session, User, by},
    limits::once,
    model::NewPerson,
    sessions::SessionCache,
};
use crate::{
    kernel::{Ctx, Result},
    ports::db::Db,
};

/// The people with these ids, in one query. That the caller may see them is decided by the row that names them.
pub async fn users_by_ids(cx: &Ctx, ids: Vec<UserId>) -> Result<HashMap<UserId, User>> {
    let rows = store::by_ids(&cx.db(), ids).await?;
    Ok(rows.into_iter().map(|(id, row)| (id, User::from(row))).collect())
}

/// The person with an id.
pub async fn find(db: &Db<'_>, id: UserId) -> Result<user::Model> {
    store::find(db, id).await
}

/// The person with an address, if there is an account for it.
pub async fn lookup_by_email(db: &Db<'_>, email: &str) -> Result<Option<user::Model>> {
    store::lookup_by_email(db, &crate::kernel::text::address(email)).await
}

/// The person behind a sign-in that counts.
///
/// # Errors
/// `UNAUTHENTICATED` with `SESSION_REVOKED` when it was ended, or `INVALID_TOKEN` when there is none.
pub async fn session_person(cx: &Ctx, user: UserId, session: SessionId) -> Result<user::Model> {
    let row = store::lookup_session(&cx.db(), session).await?;
    let row = row.filter(|row| row.user_id == user).ok_or_else(token::invalid)?;
    if row.revoked_at.is_some() {
        return Err(model::revoked());
    }
    store::find(&cx.db(), user).await
}

/// Whether a token's bearer may go on.
async fn verify(cx: &Ctx, claims: &token::Claims) -> Result<()> {
    if claims.expired(cx.clock.now()) {
        return Err(token::expired());
    }
    match claims.bearer {
        token::Bearer::User { sub, sid } => session_person(cx, sub, sid).await.map(|_| ()),
        token::Bearer::Visitor { .. } => Ok(()),
        token::Bearer::Device { .. } => Err(token::invalid()),
    }
}

/// The sort key of lists by time, as the database compares it.
pub(in crate::features) fn instant(micros: i64) -> sea_orm::Value {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().into()
}

/// The caller's own account or a colleague's, for `node(id:)`.
pub(crate) async fn user_node(cx: &Ctx, id: UserId, is_colleague: bool) -> Result<User> {
    match cx.actor.user() {
        Some(own) if own == id => Ok(User::own(store::find(&cx.db(), id).await?)),
        Some(_) if is_colleague => Ok(User::from(store::find(&cx.db(), id).await?)),
        _ => Err(crate::kernel::Error::not_found("user")),
    }
}

/// One of the caller's own sign-ins that counts, for `node(id:)`.
pub(crate) async fn session_node(cx: &Ctx, id: SessionId) -> Result<Session> {
    let user = signed_in(&cx.actor)?.user;
    let row = store::live_session(&cx.db(), user, id, cx.clock.now()).await?;
    row.map(|row| Session::new(row, &cx.actor)).ok_or_else(|| crate::kernel::Error::not_found("session"))
}
