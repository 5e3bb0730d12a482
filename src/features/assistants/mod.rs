//! Assistants: what answers visitors and customers, and how.
//!
//! What always holds:
//! - An assistant belongs to a site, made by its admins, or to a customer, in the customer's private space. Only a
//!   site's can be opened to customers.
//! - Deleting keeps the row: conversations go on showing its name, but nobody can find it or start with it.
//! - One that is switched off starts no conversations and writes no answers.
//! - Instructions and the model are for those who manage or read the assistant; others see its [`AssistantProfile`].
//! - A key is never shown again, and goes to no other provider or address than it was given for.
//! - Answers come from its provider, else from its fallbacks, else from the built-in answerer.
//! - Staff learn of a provider that keeps failing, and of its recovery (`ProviderFact`); visitors are answered all the same.
//! - Whoever may read one but not change it gets `FORBIDDEN`, everybody else `NOT_FOUND`.
//!
//! Later features use: [`for_visitor`] and [`for_customer`] to start conversations; [`find_any`] to answer in them;
//! [`ask`] to ask its models, and the [`Account`] that comes of it; [`ProfileKey`] to show who answered; [`insert_in`]
//! with [`New`] to make one.

mod account;
mod actions;
mod asking;
mod facts;
mod failure;
mod graphql;
mod keys;
mod model;
mod routing;
mod store;
mod trial;
mod watch;

use ::entity::{
    assistant,
    ids::{AssistantId, SiteId},
};

pub(crate) use self::{
    account::{Account, Attempt},
    actions::insert_in,
    asking::{Asked, Question, ask, asks_models, may_ask_cloud},
    facts::ProviderFact,
    failure::ProviderFailure,
    graphql::{ProfileKey, node},
    model::{New, disclosure, may_answer},
    watch::{Trouble, failing, failing_by_provider, forget_troubles},
};
pub use self::{
    facts::AssistantFact,
    graphql::{Assistant, AssistantProfile, AssistantsMutation, AssistantsQuery},
};
use crate::{
    features::accounts,
    kernel::{Ctx, Error, Result},
    ports::db::Db,
};

/// The assistant a visitor of a site talks to: the one they want or, without a wish, the site's first that is on.
/// `None` when the site has none that is on.
///
/// # Errors
/// `NOT_FOUND` when the site has no such assistant, `CONFLICT` with `ASSISTANT_DISABLED` when it is switched off.
pub(crate) async fn for_visitor(cx: &Ctx, site: SiteId, wanted: Option<AssistantId>) -> Result<Option<AssistantId>> {
    let Some(id) = wanted else { return store::lookup_first(&cx.db(), site).await };
    let enabled = store::lookup_enabled(&cx.db(), site, id).await?.ok_or_else(|| Error::not_found("assistant"))?;
    model::is_on(enabled)?;
    Ok(Some(id))
}

/// What visitors see of the assistant that a site's widget talks to; `None` when none is on.
pub(crate) async fn on_widget(cx: &Ctx, site: SiteId) -> Result<Option<AssistantProfile>> {
    let Some(id) = store::lookup_first(&cx.db(), site).await? else { return Ok(None) };
    cx.load(ProfileKey(id)).await
}

/// The assistant a customer wants to talk to: their own, or one that a site has opened to customers.
///
/// # Errors
/// `NOT_FOUND` when it is neither, `CONFLICT` with `ASSISTANT_DISABLED` when it is switched off.
pub(crate) async fn for_customer(cx: &Ctx, id: AssistantId) -> Result<assistant::Model> {
    let customer = accounts::signed_in(&cx.actor)?.user;
    let row = store::lookup_for_customer(&cx.db(), customer, id).await?;
    let row = row.ok_or_else(|| Error::not_found("assistant"))?;
    model::is_on(row.enabled)?;
    Ok(row)
}

/// A site's assistants, oldest first; not those that are deleted.
pub(crate) async fn of_site(db: &Db<'_>, site: SiteId) -> Result<Vec<assistant::Model>> {
    store::all_of_site(db, site).await
}

/// True for an assistant that may answer: it is switched on and not deleted.
pub(crate) async fn is_on(db: &Db<'_>, id: AssistantId) -> Result<bool> {
    let found = store::lookup_any(db, id).await?;
    Ok(found.as_ref().is_some_and(may_answer))
}

/// An assistant wherever it is and in whatever state, deleted ones too. For work that the server does by itself.
pub(crate) async fn find_any(db: &Db<'_>, id: AssistantId) -> Result<Option<assistant::Model>> {
    store::lookup_any(db, id).await
}
