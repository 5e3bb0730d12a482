//! Sites: the tenants, their settings and their members.
//!
//! What always holds:
//! - Anybody with an account can make a site and becomes its admin; a site keeps at least one admin.
//! - A site has a public key (in the page that carries the widget; it proves nothing) and, if it wants, a list of
//!   origins from which visitor sessions may be started and used.
//! - A journal head is made with each site.
//! - A customer's private space is a site with an owner: found by [`personal`] only, without members or visitors, and
//!   in no list.
//! - Whoever is not a member gets `NOT_FOUND`; a member whose role does not allow it gets `FORBIDDEN`.
//!
//! Later features use: [`reach_in`] and [`reach_to`] to check a caller on one site; [`find`] for a site within reach,
//! [`find_any`] for one anywhere; [`personal`]; [`by_key`], [`admits`], [`admits_page`] and [`admits_start`] for visitors; [`roles_of`] for sign-ins; [`insert_in`] and [`join_in`]
//! to make sites; [`is_member`] to check an assignee, [`members`] who is mentioned.

mod actions;
mod facts;
mod graphql;
mod invitations;
mod model;
pub(crate) mod offered;
mod origin;
mod store;

use ::entity::{
    ids::{InvitationId, MembershipId, SiteId, UserId},
    membership::{self, Role},
    site,
};

pub use self::{
    actions::{insert_in, join_in, personal},
    facts::SiteFact,
    graphql::{Invitation, Site, SiteMember, SitesMutation, SitesQuery},
    model::NewSite,
};
use chrono::{DateTime, Utc};

use super::accounts;
use crate::{
    kernel::{Actor, Ctx, Error, ErrorReason, Permission, Reach, Result, error::ErrorCode},
    ports::db::Db,
};

/// The caller's reach for something on one site of which they name the id.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for visitors and for members whose role does not allow it, `NOT_FOUND`
/// for everybody else, so that the existence of sites does not leak.
pub fn reach_in(cx: &Ctx, permission: Permission, site: SiteId) -> Result<Reach> {
    let reach = cx.reach(permission).and_then(|reach| reach.site(site).map(|_| reach));
    match &cx.actor {
        Actor::User(person) if person.role_in(site).is_some() => reach.map_err(|_| Error::forbidden()),
        Actor::User(_) => reach.map_err(|_| Error::not_found("site")),
        Actor::Visitor { .. } => reach.map_err(|_| Error::forbidden()),
        Actor::Anonymous | Actor::System => reach,
    }
}

/// The caller's reach for something of a site that is named by an id of its own.
///
/// # Errors
/// As [`reach_in`]: a person without the permission anywhere gets `NOT_FOUND`.
pub fn reach_to(cx: &Ctx, permission: Permission, what: &'static str) -> Result<Reach> {
    cx.reach(permission).map_err(|error| match &cx.actor {
        Actor::User(_) => Error::not_found(what),
        Actor::Anonymous | Actor::Visitor { .. } | Actor::System => error,
    })
}

/// Where the caller is a member, for the list of sites: nowhere yet is an empty list.
fn reach_of_sites(cx: &Ctx) -> Result<Option<Reach>> {
    match &cx.actor {
        Actor::User(_) => Ok(cx.reach(Permission::SitesRead).ok()),
        Actor::Anonymous | Actor::Visitor { .. } | Actor::System => cx.reach(Permission::SitesRead).map(Some),
    }
}

/// A site within reach. Private spaces are not found.
pub async fn find(db: &Db<'_>, reach: &Reach, id: SiteId) -> Result<site::Model> {
    store::find(db, reach, id).await
}

/// A site, locked: of several changes to what belongs to it, one after the other happens.
///
/// # Errors
/// `NOT_FOUND` when there is none within reach.
pub async fn find_for_update(db: &Db<'_>, reach: &Reach, id: SiteId) -> Result<site::Model> {
    store::find_for_update(db, reach, id).await
}

/// A site or private space by its id alone. For work that the server does by itself.
pub async fn find_any(db: &Db<'_>, id: SiteId) -> Result<site::Model> {
    store::lookup(db, id).await?.ok_or_else(|| Error::not_found("site"))
}

/// The site with a public key.
///
/// # Errors
/// `NOT_FOUND` for unknown and replaced keys.
pub async fn by_key(db: &Db<'_>, key: &str) -> Result<site::Model> {
    store::lookup_by_key(db, key).await?.ok_or_else(|| Error::not_found("site"))
}

/// True when the person is a member of the site, with whatever role.
pub async fn is_member(db: &Db<'_>, site: SiteId, user: UserId) -> Result<bool> {
    Ok(store::lookup_member(db, site, user).await?.is_some())
}

/// True while a member of a site has an open dashboard, and a minute longer.
pub async fn is_there(db: &Db<'_>, site: SiteId, user: UserId) -> Result<bool> {
    store::has_lease(db, site, user).await
}

/// True for somebody whose visitors have a person now: their dashboard is open, and they do not say that they are away.
pub(crate) async fn attends(db: &Db<'_>, site: SiteId, user: UserId, now: DateTime<Utc>) -> Result<bool> {
    Ok(store::has_lease(db, site, user).await? && !store::is_away(db, site, user, now).await?)
}

/// A person as a member of a site, if they are one.
pub async fn member(db: &Db<'_>, site: SiteId, user: UserId) -> Result<Option<membership::Model>> {
    store::lookup_member(db, site, user).await
}

/// Those of some people who are members of a site, longest members first.
pub async fn members(db: &Db<'_>, site: SiteId, users: &[UserId]) -> Result<Vec<membership::Model>> {
    store::members_among(db, site, users).await
}

/// True for a person whom the caller finds among the members of some site.
pub(crate) async fn is_colleague(cx: &Ctx, user: UserId) -> Result<bool> {
    let roles = store::roles_of(&cx.db(), user).await?;
    Ok(roles.iter().any(|(site, _)| cx.actor.is_staff_of(*site)))
}

/// Every member of a site, longest members first.
pub async fn all_members(db: &Db<'_>, site: SiteId) -> Result<Vec<membership::Model>> {
    store::all_members(db, site).await
}

/// A person's roles, sorted by site.
pub async fn roles_of(db: &Db<'_>, user: UserId) -> Result<Vec<(SiteId, Role)>> {
    store::roles_of(db, user).await
}

/// Checks the page that starts a visitor's session: with a list, the page must say where it is from.
///
/// # Errors
/// `FORBIDDEN` with `ORIGIN_NOT_ALLOWED`.
pub fn admits_start(cx: &Ctx, site: &site::Model) -> Result<()> {
    let own_or_allowed = cx.request.origin.as_deref().is_some_and(|origin| fits(cx, site, origin));
    if site.allowed_origins.0.is_empty() || own_or_allowed { Ok(()) } else { Err(origin_not_allowed()) }
}

/// Checks the page that uses a visitor's token: if it says where it is from, that must be fine. (What is no browser
/// says nothing; the token was bound to an allowed page when it was issued.)
///
/// # Errors
/// `FORBIDDEN` with `ORIGIN_NOT_ALLOWED`; `UNAUTHENTICATED` with `INVALID_TOKEN` when the site is gone.
pub async fn admits(cx: &Ctx, site: SiteId) -> Result<()> {
    let Some(origin) = cx.request.origin.as_deref() else { return Ok(()) };
    if origin::is_own(&cx.request, cx.config.public_url.as_deref(), origin) {
        return Ok(());
    }
    let site = store::lookup(&cx.db(), site).await?.ok_or_else(crate::features::accounts::token::invalid)?;
    admits_page(cx, &site)
}

/// Checks the page that shows what a site shows to everybody: if it says where it is from, that must be fine.
///
/// # Errors
/// `FORBIDDEN` with `ORIGIN_NOT_ALLOWED`.
pub fn admits_page(cx: &Ctx, site: &site::Model) -> Result<()> {
    let is_fine = |origin| site.allowed_origins.0.is_empty() || fits(cx, site, origin);
    if cx.request.origin.as_deref().is_none_or(is_fine) { Ok(()) } else { Err(origin_not_allowed()) }
}

fn fits(cx: &Ctx, site: &site::Model, origin: &str) -> bool {
    origin::allows(&site.allowed_origins.0, origin)
        || origin::is_own(&cx.request, cx.config.public_url.as_deref(), origin)
}

fn origin_not_allowed() -> Error {
    Error::new(ErrorCode::Forbidden, "This page's origin is not among the site's allowed origins.")
        .reason(ErrorReason::OriginNotAllowed)
}

/// A site that the caller is a member of, for `node(id:)`.
pub(crate) async fn site_node(cx: &Ctx, id: SiteId) -> Result<Site> {
    let reach = reach_in(cx, Permission::SitesRead, id)?;
    Ok(store::find(&cx.db(), &reach, id).await?.into())
}

/// A membership, as the members of its site see it, for `node(id:)`.
pub(crate) async fn member_node(cx: &Ctx, id: MembershipId) -> Result<SiteMember> {
    let row = store::find_member(&cx.db(), &reach_to(cx, Permission::SitesRead, "member")?, id).await?;
    let user = accounts::find(&cx.db(), row.user_id).await?;
    Ok(SiteMember::new(row, user.into()))
}

/// An invitation, as the admins of its site see it, for `node(id:)`.
pub(crate) async fn invitation_node(cx: &Ctx, id: InvitationId) -> Result<Invitation> {
    let reach = reach_to(cx, Permission::MembersManage, "invitation")?;
    let row = store::invitation(&cx.db(), &reach, id).await?;
    Ok(Invitation::new(row, cx.clock.now()))
}
