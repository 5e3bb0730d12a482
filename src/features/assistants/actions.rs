//! Every write on assistants, one function each.

use ::entity::{
    assistant::{self, Fallback, Fallbacks, Questions},
    ids::{AssistantId, SiteId, UserId},
};

use super::{
    facts::AssistantFact,
    keys::{self, KeyChange},
    model::{Changes, New},
    store,
};
use crate::{
    features::{accounts, sites},
    kernel::{Ctx, Error, Once, Permission, Result, Tx, once, versions},
};

/// For which site an assistant is made, if for one.
pub(super) struct Place {
    pub(super) site: Option<SiteId>,
    /// The language, if one was given.
    pub(super) language: Option<String>,
}

/// What becomes of an assistant's keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) own: KeyChange,
    /// One for each of the fallbacks that are given anew.
    pub(super) fallbacks: Vec<KeyChange>,
}

/// Makes an assistant for a site or, without one, the caller's own.
pub(super) async fn create(cx: &Ctx, at: Place, new: New, keys: Keys, once: &Once) -> Result<assistant::Model> {
    cx.reach(Permission::AssistantsManage)?;
    let person = accounts::signed_in(&cx.actor)?.user;
    let (site, owner, new) = match at.site {
        Some(id) => {
            let reach = sites::reach_in(cx, Permission::AssistantsManage, id)?;
            let site = sites::find(&cx.db(), &reach, id).await?;
            let language = at.language.unwrap_or(site.locale);
            (id, None, New { language, ..new }.check(None)?)
        }
        None => {
            let language = at.language.unwrap_or(new.language);
            let new = New { language, ..new }.check(Some(person))?;
            (sites::personal(cx, person).await?, Some(person), new)
        }
    };
    let id = cx.id(AssistantId);
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, id.0).await? {
        let found = store::lookup_any(&tx.db(), AssistantId(made)).await?;
        return found.filter(|row| row.deleted_at.is_none()).ok_or_else(once::gone);
    }
    let row = with_keys(cx, made(cx, id, site, owner, new.clone()), &new, keys)?;
    keys::usable(cx, &row)?;
    let row = insert(&mut tx, row).await?;
    tx.commit().await?;
    Ok(row)
}

/// Inserts an assistant of a site, or of a customer in their private space.
pub(crate) async fn insert_in(tx: &mut Tx, site: SiteId, owner: Option<UserId>, new: New) -> Result<assistant::Model> {
    let (cx, new) = (tx.cx(), new.check(owner)?);
    let row = made(cx, cx.id(AssistantId), site, owner, new.clone());
    let row = with_keys(cx, row, &new, Keys::default())?;
    insert(tx, row).await
}

fn made(cx: &Ctx, id: AssistantId, site: SiteId, owner: Option<UserId>, new: New) -> assistant::Model {
    let now = cx.clock.now();
    assistant::Model {
        id,
        site_id: site,
        owner_id: owner,
        name: new.name,
        instructions: new.instructions,
        provider: new.provider,
        model: new.model,
        base_url: new.base_url,
        api_key: None,
        api_key_hint: None,
        fallbacks: Fallbacks::default(),
        route_by_complexity: new.route_by_complexity,
        temperature: new.temperature,
        max_tokens: new.max_tokens,
        language: new.language,
        welcome_text: new.welcome_text,
        suggested_questions: Questions(new.suggested_questions),
        avatar_url: new.avatar_url,
        confidence_threshold: new.confidence_threshold,
        debounce_ms: new.debounce_ms,
        enabled: new.enabled,
        charges_credit: new.charges_credit,
        open_to_customers: new.open_to_customers,
        version: 1,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}

/// A row with the keys and fallbacks of these settings; keys that stay are those of `row` as it is.
fn with_keys(cx: &Ctx, row: assistant::Model, new: &New, keys: Keys) -> Result<assistant::Model> {
    let own = keys::sealed(cx, &row, new.provider, new.base_url.as_deref(), keys.own)?;
    let changes = keys.fallbacks.into_iter().chain(std::iter::repeat(KeyChange::Keep));
    let fallbacks = new.fallbacks.iter().zip(changes).map(|(new, change)| {
        let sealed = keys::sealed(cx, &row, new.provider, new.base_url.as_deref(), change)?;
        Ok(Fallback {
            provider: new.provider,
            model: new.model.clone(),
            base_url: new.base_url.clone(),
            api_key: sealed.key,
            api_key_hint: sealed.hint,
        })
    });
    let fallbacks = Fallbacks(fallbacks.collect::<Result<_>>()?);
    Ok(assistant::Model { api_key: own.key, api_key_hint: own.hint, fallbacks, ..row })
}

async fn insert(tx: &mut Tx, row: assistant::Model) -> Result<assistant::Model> {
    let row = store::insert(&tx.db(), row).await?;
    tx.record(row.site_id, row.id.0, &AssistantFact::Created { owner: row.owner_id })?;
    Ok(row)
}

pub(super) async fn update(
    cx: &Ctx,
    id: AssistantId,
    expected: Option<i32>,
    changes: Changes,
    keys: Keys,
) -> Result<assistant::Model> {
    let mut tx = cx.begin().await?;
    let before = find_managed(cx, &tx, id).await?;
    versions::check(before.version, expected)?;
    let after = changed(cx, before.clone(), changes, keys)?;
    let mut names = New::of(&before).differences(&New::of(&after));
    if before.api_key != after.api_key {
        names.push("apiKey".to_owned());
    }
    if before.fallbacks != after.fallbacks && !names.iter().any(|name| name == "fallbacks") {
        names.push("fallbacks".to_owned());
    }
    if names.is_empty() {
        return Ok(before);
    }
    if names.iter().any(|name| ["provider", "baseUrl", "apiKey", "fallbacks"].contains(&name.as_str())) {
        keys::usable(cx, &after)?;
    }
    let row = assistant::Model { version: before.version + 1, updated_at: cx.clock.now(), ..after };
    let row = store::save(&tx.db(), row).await?;
    tx.record(row.site_id, id.0, &AssistantFact::Changed { changed: names })?;
    tx.commit().await?;
    Ok(row)
}

/// An assistant with changes, checked. Keys stay only where they were given for.
pub(super) fn changed(cx: &Ctx, row: assistant::Model, changes: Changes, keys: Keys) -> Result<assistant::Model> {
    let settings = New::of(&row).with(changes).check(row.owner_id)?;
    let row = with_keys(cx, row, &settings, keys)?;
    Ok(settings.into_row(row))
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

/// An assistant that the caller may change, as it is.
pub(super) async fn lookup_managed(cx: &Ctx, id: AssistantId) -> Result<assistant::Model> {
    let (reads, manages) = (cx.reach(Permission::AssistantsRead)?, cx.reach(Permission::AssistantsManage)?);
    let row = store::find(&cx.db(), &reads, id).await?;
    if manages.covers(row.site_id, None, row.owner_id) { Ok(row) } else { Err(Error::forbidden()) }
}

/// An assistant to change, locked. Whoever may only read it learns that; to others it does not exist.
async fn find_managed(cx: &Ctx, tx: &Tx, id: AssistantId) -> Result<assistant::Model> {
    let (reads, manages) = (cx.reach(Permission::AssistantsRead)?, cx.reach(Permission::AssistantsManage)?);
    let row = store::find_for_update(&tx.db(), &reads, id).await?;
    if manages.covers(row.site_id, None, row.owner_id) { Ok(row) } else { Err(Error::forbidden()) }
}
