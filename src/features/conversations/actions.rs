//! Every write of the feature but receipts, one function each.

use ::entity::{
    conversation::{self, Attention, QueueOutcome, Status},
    ids::{AssistantId, ConversationId, MessageId, RunId, SiteId, UserId},
    message::{self, Audience, AuthorKind},
    message_revision, reaction,
};
use chrono::{DateTime, Utc};
use exact_index::text::fold;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    attention::{self, Event, Release, change_in},
    facts::{Attributes, ConversationFact},
    lane::{self, Author, Posting},
    live, mentions, model, store, viewing,
};
use crate::{
    features::{accounts, assistants, sites, visitors},
    kernel::{
        Actor, Ctx, Error, ErrorReason, Permission, Reach, Result, Tx,
        quotas::{self, Expense, Quota},
        secret, text,
    },
};

/// What a conversation is started with.
pub(super) struct Start {
    pub(super) assistant: Option<AssistantId>,
    pub(super) title: Option<String>,
    pub(super) client_id: Option<Uuid>,
}

/// Starts a conversation, or finds the one that goes on. True when it is new.
pub(super) async fn start(cx: &Ctx, start: Start) -> Result<(conversation::Model, bool)> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let title = text::maybe_line("input.title", start.title.as_deref(), model::TITLE_MAX)?;
    let mut fresh = blank(cx);
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
        if let Some(client) = start.client_id {
            // A repetition meets the same primary key.
            fresh.id = ConversationId(secret::id(&[b"conversation", user.0.as_bytes(), client.as_bytes()]));
        }
    }
    begin(cx, &reach, fresh, pays).await
}

/// Inserts the conversation, for a credit where somebody pays; when the database says that it exists, finds it.
async fn begin(
    cx: &Ctx,
    reach: &Reach,
    fresh: conversation::Model,
    pays: Option<UserId>,
) -> Result<(conversation::Model, bool)> {
    if let Some(found) = existing(cx, reach, &fresh).await? {
        return Ok((found, false));
    }
    let quotas = [quotas::CONVERSATIONS_OF_GUEST, quotas::CONVERSATIONS_FROM_ADDRESS, quotas::CONVERSATIONS_TO_SITE];
    let expenses = guests(cx, fresh.site_id, quotas);
    quotas::spend(cx, &expenses).await?;
    let mut tx = cx.begin().await?;
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
            let found = existing(cx, reach, &fresh).await?.ok_or(error)?;
            quotas::give_back(cx, &expenses).await?;
            Ok((found, false))
        }
        Err(error) => Err(error),
    }
}

async fn existing(cx: &Ctx, reach: &Reach, fresh: &conversation::Model) -> Result<Option<conversation::Model>> {
    match &fresh.open_key {
        Some(key) => store::lookup_open(&cx.db(), key).await,
        None => store::lookup(&cx.db(), reach, fresh.id).await,
    }
}

/// A conversation that is not there yet.
pub(crate) fn blank(cx: &Ctx) -> conversation::Model {
    blank_at(cx.id(ConversationId), cx.clock.now())
}

/// The same, with an id and a time.
pub(super) fn blank_at(id: ConversationId, now: DateTime<Utc>) -> conversation::Model {
    conversation::Model {
        id,
        site_id: ::entity::ids::SiteId(Uuid::nil()),
        assistant_id: None,
        visitor_id: None,
        customer_id: None,
        status: Status::Open,
        attention: Attention::Assistant,
        title: None,
        title_folded: String::new(),
        description: None,
        assignee_id: None,
        assigned_at: None,
        department_id: None,
        queue_outcome: None,
        queue_left_at: None,
        human_requested_at: None,
        handoff_reason: None,
        human_joined_at: None,
        person_offered_at: None,
        open_key: None,
        last_seq: 0,
        last_message_id: None,
        last_message_author: None,
        last_message_preview: None,
        last_activity: now.timestamp_micros(),
        unread_by_staff: 0,
        unread_by_visitor: 0,
        created_at: now,
        closed_at: None,
        opened_seq: 0,
        resumed_seq: 0,
    }
}

/// Sends a message; exactly once for one client id.
pub(super) async fn send(
    cx: &Ctx,
    id: ConversationId,
    body: &str,
    audience: Audience,
    mentions: Vec<UserId>,
    client_id: Option<Uuid>,
) -> Result<message::Model> {
    let permission = match audience {
        Audience::Everyone => Permission::ConversationsWrite,
        Audience::Staff => Permission::ConversationsWork,
    };
    let reach = cx.reach(Permission::ConversationsRead)?;
    let body = text::body("input.body", body, model::MESSAGE_MAX)?;
    let conversation = live::place(cx, &reach, id).await?;
    model::may(&cx.actor, permission, &conversation)?;
    let (kind, author) = model::speaker(&cx.actor, &conversation)?;
    let mentions = mentions::checked(cx, &conversation, mentions).await?;
    let site = conversation.site_id;
    let expenses =
        guests(cx, site, [quotas::MESSAGES_OF_GUEST, quotas::MESSAGES_FROM_ADDRESS, quotas::MESSAGES_TO_SITE]);
    if let Err(refused) = quotas::spend(cx, &expenses).await {
        // What was sent before is there, however many others were.
        let sent = store::sent_before(&cx.db(), site, vec![author], client_id.into_iter().collect()).await?;
        if sent.is_empty() {
            return Err(refused);
        }
    }
    let posted = lane::post(
        cx,
        site,
        Posting {
            conversation: id,
            author: Author { kind, id: Some(author) },
            audience,
            body,
            mentions,
            client_id,
            run: None,
            citations: vec![],
            verdict: None,
            interrupted: false,
            actor: cx.actor.id(),
        },
    )
    .await?;
    if !posted.is_new {
        quotas::give_back(cx, &expenses).await?;
    }
    Ok(posted.message)
}

/// What one more of something spends: of the caller, from their address, and of the site. Nothing for its staff.
fn guests(cx: &Ctx, site: SiteId, [of_guest, from_address, to_site]: [Quota; 3]) -> Vec<Expense> {
    match cx.actor.id() {
        Some(id) if !cx.actor.is_staff_of(site) => {
            vec![of_guest.of(id), from_address.at(site, &cx.request), to_site.of(site)]
        }
        Some(_) | None => vec![],
    }
}

/// Posts what an assistant wrote, unless a human has taken over meanwhile: whether the assistant may still speak and the
/// message are one transaction. The conversation must be locked by it. `None` when it must stay silent.
pub(crate) async fn insert_answer(
    tx: &mut Tx,
    conversation: &conversation::Model,
    posting: &Posting,
) -> Result<Option<message::Model>> {
    if !attention::assistant_speaks(conversation) {
        return Ok(None);
    }
    lane::post_in(tx, conversation.site_id, posting).await.map(Some)
}

/// Replaces a message's text; the earlier one is kept.
pub(super) async fn edit_message(cx: &Ctx, id: MessageId, body: &str) -> Result<message::Model> {
    let body = text::body("input.body", body, model::MESSAGE_MAX)?;
    change_message(cx, id, Some(body)).await
}

/// Empties a message and marks it as deleted; its text is kept for audit.
pub(super) async fn delete_message(cx: &Ctx, id: MessageId) -> Result<message::Model> {
    change_message(cx, id, None).await
}

async fn change_message(cx: &Ctx, id: MessageId, body: Option<String>) -> Result<message::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let (message, conversation, author) = own_message(cx, &tx, &reach, id).await?;
    let now = cx.clock.now();
    model::may_change(&message, author, cx.config.edit_window(), now)?;
    if body.as_ref() == Some(&message.body) {
        return Ok(message);
    }
    let revision = i32::try_from(store::revisions(&tx.db(), id).await?.len()).unwrap_or(i32::MAX - 1) + 1;
    message_revision::ActiveModel {
        message_id: Set(id),
        revision: Set(revision),
        site_id: Set(message.site_id),
        body: Set(message.body.clone()),
        replaced_at: Set(now),
    }
    .insert(&tx.db())
    .await?;
    let deleted = body.is_none();
    if deleted {
        mentions::forget_in(&tx, id).await?;
    }
    let body = body.unwrap_or_default();
    if conversation.last_message_id == Some(id) {
        let preview = text::first(&body, model::PREVIEW).to_owned();
        let mut row = conversation.clone().into_active_model();
        row.last_message_preview = Set(Some(preview));
        store::update(&tx.db(), row).await?;
    }
    let audience = message.audience;
    let mut row = message.into_active_model();
    row.folded = Set(fold(&body));
    row.body = Set(body);
    if deleted {
        row.deleted_at = Set(Some(now));
    } else {
        row.edited_at = Set(Some(now));
    }
    let message = row.update(&tx.db()).await?;
    if audience == Audience::Everyone {
        describe_in(&tx, conversation.id).await?;
    }
    let fact = if deleted {
        ConversationFact::MessageDeleted { message: id, audience }
    } else {
        ConversationFact::MessageEdited { message: id, audience }
    };
    tx.record(conversation.site_id, conversation.id.0, &fact)?;
    tx.commit().await?;
    Ok(message)
}

/// Describes a conversation by the first message that is still there.
async fn describe_in(tx: &Tx, id: ConversationId) -> Result<()> {
    let first = store::first_words(&tx.db(), id).await?;
    let description = first.map(|body| text::first(&body, model::DESCRIPTION).to_owned());
    let row = conversation::ActiveModel { description: Set(description), ..Default::default() };
    conversation::Entity::update_many().set(row).filter(conversation::Column::Id.eq(id)).exec(&tx.db()).await?;
    Ok(())
}

/// A message the caller may see, in a conversation that is locked from here on, and as whom the caller speaks there.
async fn own_message(
    cx: &Ctx,
    tx: &Tx,
    reach: &Reach,
    id: MessageId,
) -> Result<(message::Model, conversation::Model, (AuthorKind, Uuid))> {
    let (message, _) = store::find_message(&tx.db(), reach, id).await?;
    let conversation = store::find_for_update(&tx.db(), reach, message.conversation_id).await?;
    // Again, now that nobody else can change it.
    let (message, _) = store::find_message(&tx.db(), reach, id).await?;
    if !model::audiences(&cx.actor, &conversation).contains(&message.audience) {
        return Err(Error::not_found("message"));
    }
    let author = model::speaker(&cx.actor, &conversation)?;
    Ok((message, conversation, author))
}

/// Puts an emoji on a message, or takes it away.
pub(super) async fn react(cx: &Ctx, id: MessageId, emoji: &str, on: bool) -> Result<message::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let emoji = model::emoji("input.emoji", emoji)?;
    let mut tx = cx.begin().await?;
    let (message, conversation, (kind, author)) = own_message(cx, &tx, &reach, id).await?;
    if message.deleted_at.is_some() {
        return Err(Error::conflict(ErrorReason::MessageDeleted, "The message was deleted."));
    }
    let changed = if on {
        let row = reaction::ActiveModel {
            message_id: Set(id),
            author_id: Set(author),
            emoji: Set(emoji),
            author_kind: Set(kind),
            site_id: Set(message.site_id),
            created_at: Set(cx.clock.now()),
        };
        let key = [reaction::Column::MessageId, reaction::Column::AuthorId, reaction::Column::Emoji];
        reaction::Entity::insert(row)
            .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
            .exec_without_returning(&tx.db())
            .await?
            > 0
    } else {
        let key = (id, author, emoji);
        reaction::Entity::delete_by_id(key).exec(&tx.db()).await?.rows_affected > 0
    };
    if changed {
        let audience = message.audience;
        tx.record(
            conversation.site_id,
            conversation.id.0,
            &ConversationFact::ReactionsChanged { message: id, audience },
        )?;
        tx.commit().await?;
    }
    Ok(message)
}

pub(super) async fn attributes(tx: &Tx, conversation: &conversation::Model) -> Result<Attributes> {
    let tags = store::tags(&tx.db(), vec![conversation.id]).await?.remove(&conversation.id).unwrap_or_default();
    Ok(Attributes::of(conversation, tags))
}

/// Adds and removes tags.
pub(super) async fn tag(
    cx: &Ctx,
    id: ConversationId,
    add: &[String],
    remove: &[String],
) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let clean = |field: &'static str, tags: &[String]| {
        tags.iter().map(|tag| model::tag(field, tag)).collect::<Result<Vec<_>>>()
    };
    let (add, remove) = (clean("input.add", add)?, clean("input.remove", remove)?);
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    model::may(&cx.actor, Permission::ConversationsWork, &found)?;
    let before = attributes(&tx, &found).await?;
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
pub(super) async fn rename(cx: &Ctx, id: ConversationId, title: Option<&str>) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let title = text::maybe_line("input.title", title, model::TITLE_MAX)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    if found.title == title {
        return Ok(found);
    }
    let mut row = found.into_active_model();
    row.title_folded = Set(title.as_deref().map(fold).unwrap_or_default());
    row.title = Set(title);
    let renamed = store::update(&tx.db(), row).await?;
    tx.record(renamed.site_id, id.0, &ConversationFact::Renamed)?;
    tx.commit().await?;
    Ok(renamed)
}

/// Silences the assistant in this conversation, which then waits for a person, or lets it speak again.
pub(super) async fn set_paused(cx: &Ctx, id: ConversationId, paused: bool) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    model::may(&cx.actor, Permission::ConversationsWork, &found)?;
    let event = match (paused, found.attention) {
        (true, Attention::Assistant) => Event::Released(Release::Unassigned),
        (false, Attention::Waiting | Attention::Person) => Event::Resumed(QueueOutcome::Assistant),
        (_, Attention::Closed) => {
            let message = "The conversation is closed; reopen it first.";
            return Err(Error::conflict(ErrorReason::ConversationClosed, message));
        }
        (true, Attention::Waiting | Attention::Person) | (false, Attention::Assistant) => return Ok(found),
    };
    let changed = change_in(&mut tx, found, event, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a conversation with everything in it: a customer their own, an admin any of the site.
pub(super) async fn delete(cx: &Ctx, id: ConversationId) -> Result<ConversationId> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    model::may(&cx.actor, Permission::ConversationsDelete, &found)?;
    let before = attributes(&tx, &found).await?;
    attention::leave_in(&mut tx, found.site_id, id, None, cx.actor.id().as_ref()).await?;
    conversation::Entity::delete_many().filter(conversation::Column::Id.eq(id)).exec(&tx.db()).await?;
    tx.record(found.site_id, id.0, &ConversationFact::Deleted { before })?;
    tx.commit().await?;
    live::forget(cx, id);
    Ok(id)
}

/// Says that the caller is typing, or has stopped; passing, never stored.
pub(super) async fn typing(cx: &Ctx, id: ConversationId, is_typing: bool, preview: Option<&str>) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let preview = match preview {
        Some(words) => Some(text::longer("input.preview", words, model::TYPING_MAX)?),
        None => None,
    };
    let conversation = live::place(cx, &reach, id).await?;
    let (kind, author) = model::speaker(&cx.actor, &conversation)?;
    let name = live::name_of(cx, kind, author).await?;
    live::pass(cx, id.0, &live::Passing::Typing { kind, author, name, is_typing, preview });
    if kind == AuthorKind::Agent {
        viewing::types(cx, id, UserId(author), is_typing);
    }
    Ok(())
}

/// The run a message was written by.
pub(super) fn run_of(message: &message::Model) -> Option<RunId> {
    message.run_id
}

/// True when the caller is staff where this conversation is.
pub(super) fn sees_internals(actor: &Actor, conversation: &conversation::Model) -> bool {
    model::audiences(actor, conversation).contains(&Audience::Staff)
}
