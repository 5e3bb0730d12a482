//! Starting a conversation, or finding the one that goes on.

use ::entity::{
    conversation,
    ids::{AssistantId, ConversationId, UserId},
};
use exact_index::text::fold;
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use uuid::Uuid;

use super::{
    facts::{Attributes, ConversationFact},
    messages, model, posting, store,
};
use crate::{
    features::{accounts, assistants, sites, visitors},
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Reach, Result, once, quotas, text},
    ports::db::Db,
};

/// What a conversation is started with.
pub(crate) struct Start {
    pub(crate) assistant: Option<AssistantId>,
    pub(crate) title: Option<String>,
    /// The id of its first message: one that was sent already leads to where it was sent.
    pub(crate) first_message: Option<Uuid>,
}

/// Starts a conversation, or finds the one that goes on. True when it is new, also for a repetition.
pub(crate) async fn start(cx: &Ctx, start: Start, once: &Once) -> Result<(conversation::Model, bool)> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    if let Some(made) = once.made(&cx.db()).await? {
        return Ok((started(&cx.db(), &reach, made).await?, true));
    }
    if let Some(found) = sent_before(cx, &reach, start.first_message).await? {
        return Ok((found, false));
    }
    let title = text::maybe_line("input.title", start.title.as_deref(), model::TITLE_MAX)?;
    let mut fresh = model::blank(cx);
    let mut pays = None;
    fresh.title_folded = title.as_deref().map(fold).unwrap_or_default();
    fresh.title = title;
    if let Some((site, visitor)) = reach.visitor() {
        // Who is with a person, or waits for one, goes on there, also when its assistant was switched off meanwhile.
        let attended = store::lookup_attended(&cx.db(), site, visitor, start.assistant).await?;
        if let Some(found) = attended {
            return Ok((found, false));
        }
        let about = visitors::lookup(&cx.db(), visitor).await?;
        sites::offered::check_pre_chat(&cx.db(), site, about.as_ref()).await?;
        let assistant = assistants::for_visitor(cx, site, start.assistant).await?;
        fresh.site_id = site;
        fresh.visitor_id = Some(visitor);
        fresh.assistant_id = assistant;
        fresh.open_key = Some(model::open_key(visitor, assistant));
    } else {
        let user = cx.actor.user().ok_or_else(Error::unauthenticated)?;
        let id = start.assistant.ok_or_else(|| {
            Error::bad_input(
                "input.assistantId",
                ErrorReason::InvalidCombination,
                "Say with which assistant: `assistantId`.",
            )
        })?;
        let assistant = assistants::for_customer(cx, id).await?;
        // Nobody pays for an assistant of their own.
        pays = (assistant.charges_credit && assistant.owner_id != Some(user)).then_some(user);
        fresh.site_id = assistant.site_id;
        fresh.customer_id = Some(user);
        fresh.assistant_id = Some(assistant.id);
    }
    begin(cx, &reach, fresh, pays, once).await
}

/// The conversation in which the first message was sent already, closed or not: a retry makes nothing new.
async fn sent_before(cx: &Ctx, reach: &Reach, message: Option<Uuid>) -> Result<Option<conversation::Model>> {
    let Some(client_id) = message else { return Ok(None) };
    let (site, author) = match reach.visitor() {
        Some((site, visitor)) => (Some(site), visitor.0),
        None => (None, cx.actor.user().ok_or_else(Error::unauthenticated)?.0),
    };
    match messages::place_sent(&cx.db(), site, author, client_id).await? {
        Some(id) => store::lookup(&cx.db(), reach, id).await,
        None => Ok(None),
    }
}

/// The conversation that was started under the same client id.
async fn started(db: &Db<'_>, reach: &Reach, made: Uuid) -> Result<conversation::Model> {
    store::lookup(db, reach, ConversationId(made)).await?.ok_or_else(once::gone)
}

/// Inserts the conversation, for a credit where somebody pays; when the database says that it exists, finds it.
async fn begin(
    cx: &Ctx,
    reach: &Reach,
    fresh: conversation::Model,
    pays: Option<UserId>,
    once: &Once,
) -> Result<(conversation::Model, bool)> {
    if let Some(found) = existing(cx, &fresh).await? {
        return Ok((found, false));
    }
    let quotas = [quotas::CONVERSATIONS_OF_GUEST, quotas::CONVERSATIONS_FROM_ADDRESS, quotas::CONVERSATIONS_TO_SITE];
    let expenses = posting::guests(cx, fresh.site_id, quotas);
    if let Some(made) = once.spend(cx, &expenses).await? {
        return Ok((started(&cx.db(), reach, made).await?, true));
    }
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, fresh.id.0).await? {
        quotas::give_back(cx, &expenses).await?;
        return Ok((started(&tx.db(), reach, made).await?, true));
    }
    if let Some(visitor) = fresh.visitor_id {
        visitors::ensure_in(&mut tx, fresh.site_id, visitor).await?;
    }
    let after = Attributes::of(&fresh, vec![]);
    match fresh.clone().into_active_model().reset_all().insert(&tx.db()).await.map_err(Error::from) {
        Ok(inserted) => {
            if let Some(user) = pays {
                accounts::credits::spend_in(&mut tx, user).await?;
            }
            tx.record(inserted.site_id, inserted.id.0, &ConversationFact::Started { after })?;
            tx.commit().await?;
            Ok((inserted, true))
        }
        Err(error) if error.unique_violation() => {
            drop(tx);
            let found = existing(cx, &fresh).await?.ok_or(error)?;
            quotas::give_back(cx, &expenses).await?;
            Ok((found, false))
        }
        Err(error) => Err(error),
    }
}

/// The conversation of a visitor that goes on. A customer may have several.
async fn existing(cx: &Ctx, fresh: &conversation::Model) -> Result<Option<conversation::Model>> {
    match &fresh.open_key {
        Some(key) => store::lookup_open(&cx.db(), key).await,
        None => Ok(None),
    }
}
