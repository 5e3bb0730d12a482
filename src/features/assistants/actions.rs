//! Every write on assistants, one function each.

use ::entity::{
    assistant,
    ids::{AssistantId, SiteId, UserId},
};
use uuid::Uuid;

use super::{
    facts::AssistantFact,
    model::{self, Changes, New},
    store,
};
use crate::{
    features::{accounts, sites},
    kernel::{Ctx, Error, Permission, Result, Tx},
};

/// For which site an assistant is made, if for one, and with which id of the caller's.
pub(super) struct Place {
    pub(super) site: Option<SiteId>,
    pub(super) client: Option<Uuid>,
    /// The language, if one was given.
    pub(super) language: Option<String>,
}

/// Makes an assistant for a site or, without one, the caller's own.
pub(super) async fn create(cx: &Ctx, at: Place, new: New) -> Result<assistant::Model> {
    cx.reach(Permission::AssistantsManage)?;
    let person = accounts::signed_in(&cx.actor)?.user;
    let (site, owner, new) = match at.site {
        Some(id) => {
            let reach = sites::reach_in(cx, Permission::AssistantsManage, id)?;
            let site = sites::find(&cx.db(), &reach, id).await?;
            let language = at.language.unwrap_or(site.locale);
            (id, None, checked(cx, New { language, ..new }, None)?)
        }
        None => {
            let language = at.language.unwrap_or(new.language);
            let new = checked(cx, New { language, ..new }, Some(person))?;
            (sites::personal(cx, person).await?, Some(person), new)
        }
    };
    let id = at.client.map_or_else(|| cx.id(AssistantId), |client| model::derived(person, site, client));
    if at.client.is_some()
        && let Some(made) = store::lookup_any(&cx.db(), id).await?
    {
        return model::repeats(made, &new);
    }
    let mut tx = cx.begin().await?;
    match insert(&mut tx, id, site, owner, new.clone()).await {
        Ok(row) => {
            tx.commit().await?;
            Ok(row)
        }
        Err(error) if error.unique_violation() => {
            drop(tx);
            model::repeats(store::lookup_any(&cx.db(), id).await?.ok_or(error)?, &new)
        }
        Err(error) => Err(error),
    }
}

fn checked(cx: &Ctx, new: New, owner: Option<UserId>) -> Result<New> {
    let new = new.check(owner)?;
    model::has_provider(new.provider, cx.models.openai_compatible().is_some())?;
    Ok(new)
}

/// Inserts an assistant of a site, or of a customer in their private space.
pub(crate) async fn insert_in(tx: &mut Tx, site: SiteId, owner: Option<UserId>, new: New) -> Result<assistant::Model> {
    let (id, new) = (tx.cx().id(AssistantId), new.check(owner)?);
    insert(tx, id, site, owner, new).await
}

async fn insert(
    tx: &mut Tx,
    id: AssistantId,
    site: SiteId,
    owner: Option<UserId>,
    new: New,
) -> Result<assistant::Model> {
    let now = tx.cx().clock.now();
    let row = assistant::Model {
        id,
        site_id: site,
        owner_id: owner,
        name: new.name,
        instructions: new.instructions,
        provider: new.provider,
        model: new.model,
        temperature: new.temperature,
        max_tokens: new.max_tokens,
        language: new.language,
        welcome_text: new.welcome_text,
        enabled: new.enabled,
        open_to_customers: new.open_to_customers,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let row = store::insert(&tx.db(), row).await?;
    tx.record(site, id.0, &AssistantFact::Created { owner })?;
    Ok(row)
}

pub(super) async fn update(cx: &Ctx, id: AssistantId, changes: Changes) -> Result<assistant::Model> {
    let mut tx = cx.begin().await?;
    let row = find_managed(cx, &tx, id).await?;
    let before = New::of(&row);
    let after = before.clone().with(changes).check(row.owner_id)?;
    if after.provider != before.provider {
        model::has_provider(after.provider, cx.models.openai_compatible().is_some())?;
    }
    let changed = before.differences(&after);
    if changed.is_empty() {
        return Ok(row);
    }
    let row = assistant::Model { updated_at: cx.clock.now(), ..after.into_row(row) };
    let row = store::save(&tx.db(), row).await?;
    tx.record(row.site_id, id.0, &AssistantFact::Changed { changed })?;
    tx.commit().await?;
    Ok(row)
}

/// Marks an assistant as deleted; its conversations stay.
pub(super) async fn delete(cx: &Ctx, id: AssistantId) -> Result<AssistantId> {
    let mut tx = cx.begin().await?;
    let row = find_managed(cx, &tx, id).await?;
    let row = assistant::Model { deleted_at: Some(cx.clock.now()), ..row };
    let row = store::save(&tx.db(), row).await?;
    tx.record(row.site_id, id.0, &AssistantFact::Deleted)?;
    tx.commit().await?;
    Ok(id)
}

/// An assistant to change, locked. Whoever may only read it learns that; to others it does not exist.
async fn find_managed(cx: &Ctx, tx: &Tx, id: AssistantId) -> Result<assistant::Model> {
    let (reads, manages) = (cx.reach(Permission::AssistantsRead)?, cx.reach(Permission::AssistantsManage)?);
    let row = store::find_for_update(&tx.db(), &reads, id).await?;
    if manages.covers(row.site_id, None, row.owner_id) { Ok(row) } else { Err(Error::forbidden()) }
}
