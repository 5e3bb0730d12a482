//! What describes a conversation: its title and its tags. And its deletion.

use ::entity::{
    conversation::{self, QueueOutcome},
    ids::ConversationId,
};
use exact_index::text::fold;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::{
    attention,
    facts::{Attributes, ConversationFact},
    live, model, store,
};
use crate::kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx, entries, text, versions};

/// Adds and removes tags.
pub(crate) async fn tag(
    cx: &Ctx,
    id: ConversationId,
    add: &[String],
    remove: &[String],
) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let clean = |field: &'static str, tags: &[String]| entries(field, tags, |tag| model::tag(field, tag));
    let (add, remove) = (clean("input.add", add)?, clean("input.remove", remove)?);
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    model::may(&cx.actor, Permission::ConversationsWork, &found)?;
    let before = store::attributes(&tx, &found).await?;
    let mut tags: Vec<String> = before.tags.iter().filter(|tag| !remove.contains(tag)).cloned().collect();
    tags.extend(add);
    tags.sort();
    tags.dedup();
    if tags.len() > model::TAGS_MAX {
        return Err(Error::bad_input(
            "input.add",
            ErrorReason::TooLong,
            format!("A conversation has at most {} tags; this would make {}.", model::TAGS_MAX, tags.len()),
        ));
    }
    if tags != before.tags {
        store::set_tags(&tx.db(), &found, &tags).await?;
        let after = Attributes { tags, ..before.clone() };
        tx.record(found.site_id, id.0, &ConversationFact::TagsChanged { before, after })?;
        tx.commit().await?;
    }
    Ok(found)
}

/// Gives the conversation a title, or none.
pub(crate) async fn rename(
    cx: &Ctx,
    id: ConversationId,
    expected: Option<i32>,
    title: Option<&str>,
) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let title = text::maybe_line("input.title", title, model::TITLE_MAX)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    versions::check(found.version, expected)?;
    if found.title == title {
        return Ok(found);
    }
    let version = found.version + 1;
    let mut row = found.into_active_model();
    row.version = Set(version);
    row.title_folded = Set(title.as_deref().map(fold).unwrap_or_default());
    row.title = Set(title);
    let renamed = store::update(&tx.db(), row).await?;
    tx.record(renamed.site_id, id.0, &ConversationFact::Renamed)?;
    tx.commit().await?;
    Ok(renamed)
}

/// Deletes a conversation with everything in it: a customer their own, an admin any of the site.
pub(crate) async fn delete(cx: &Ctx, id: ConversationId) -> Result<ConversationId> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    model::may(&cx.actor, Permission::ConversationsDelete, &found)?;
    delete_in(&mut tx, &found).await?;
    tx.commit().await?;
    live::forget(cx, id);
    Ok(id)
}

/// The same inside a transaction that has locked it.
pub(crate) async fn delete_in(tx: &mut Tx, found: &conversation::Model) -> Result<()> {
    let (site, id, actor) = (found.site_id, found.id, tx.cx().actor.id());
    let before = store::attributes(tx, found).await?;
    if attention::leave_in(tx, site, id, None, actor.as_ref()).await? {
        let outcome = QueueOutcome::Closed;
        tx.record_by(actor.clone(), site, id.0, &ConversationFact::QueueLeft { outcome })?;
    }
    conversation::Entity::delete_many().filter(conversation::Column::Id.eq(id)).exec(&tx.db()).await?;
    tx.record(site, id.0, &ConversationFact::Deleted { before })
}
