//! How conversations end and come back.
//!
//! A closing remembers why and to whom the conversation was given, and takes the visitor's rating (`satisfaction`).
//! Reopening forgets it, unless it was rated.

pub(crate) mod graphql;
pub(super) mod store;

use ::entity::{
    conversation::{self, Status},
    conversation_closing::{self, CloseReason},
    ids::ConversationId,
};

use super::{attention::change_in, model, state::Event, store as conversations};
use crate::{
    features::sites,
    kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx, error::ErrorCode, text},
};

/// Most characters of a note on why a conversation was closed.
const NOTE_MAX: usize = 1_000;

/// Ends a conversation. Anybody in it may, members of the site with a reason; closing twice is refused.
async fn close(
    cx: &Ctx,
    id: ConversationId,
    reason: Option<CloseReason>,
    note: Option<&str>,
) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let note = match note.map(str::trim) {
        None | Some("") => None,
        Some(note) => Some(text::longer("input.note", note, NOTE_MAX)?),
    };
    let mut tx = cx.begin().await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if (reason.is_some() || note.is_some()) && !model::sees_internals(&cx.actor, &found) {
        let message = "Members of the site say why a conversation is closed; leave `reason` and `note` out.";
        return Err(Error::new(ErrorCode::Forbidden, message).at("input.reason"));
    }
    if note.is_some() && reason.is_none() {
        let message = "A note explains a reason: give `reason`, too; `OTHER` fits where no other one does.";
        return Err(Error::bad_input("input.reason", ErrorReason::InvalidCombination, message));
    }
    if found.status == Status::Closed {
        return Err(Error::conflict(ErrorReason::ConversationClosed, "The conversation is closed already."));
    }
    let closed = close_in(&mut tx, found, (reason, note)).await?;
    tx.commit().await?;
    Ok(closed)
}

/// The same inside a transaction that has locked it, and in which it is open.
pub(crate) async fn close_in(
    tx: &mut Tx,
    found: conversation::Model,
    (reason, note): (Option<CloseReason>, Option<String>),
) -> Result<conversation::Model> {
    let (now, id, actor) = (tx.cx().clock.now(), found.id, tx.cx().actor.id());
    let closed = change_in(tx, found, Event::Closed(reason), actor).await?;
    let earlier = store::newest_for_update(&tx.db(), id).await?;
    let closing = conversation_closing::Model {
        conversation_id: id,
        number: earlier.map_or(0, |earlier| earlier.number) + 1,
        site_id: closed.site_id,
        assignee_id: closed.assignee_id,
        handled_seconds: closed.assigned_at.map(|at| (now - at).num_seconds()),
        reason,
        note,
        closed_at: now,
        score: None,
        comment: None,
        rated_at: None,
    };
    store::insert(&tx.db(), closing).await?;
    Ok(closed)
}

/// Brings a closed conversation back.
async fn reopen(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if found.status == Status::Open {
        return Err(Error::conflict(ErrorReason::ConversationOpen, "The conversation is open already."));
    }
    let by_staff = match (model::sees_internals(&cx.actor, &found), found.assignee_id) {
        (true, Some(agent)) => {
            let by_them = cx.actor.user() == Some(agent);
            Some(by_them || sites::is_there(&tx.db(), found.site_id, agent).await?)
        }
        (true, None) => Some(false),
        (false, _) => None,
    };
    let reopened = reopen_in(&mut tx, found, by_staff, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(reopened)
}

/// The same inside a transaction that has locked it. `by_staff` says for a member of the site whether the agent who had it
/// is there.
pub(super) async fn reopen_in(
    tx: &mut Tx,
    found: conversation::Model,
    by_staff: Option<bool>,
    actor: Option<String>,
) -> Result<conversation::Model> {
    let key = found.visitor_id.map(|visitor| model::open_key(visitor, found.assistant_id));
    if let Some(key) = &key
        && conversations::lookup_open(&tx.db(), key).await?.is_some()
    {
        return Err(another_open());
    }
    let reopened = change_in(tx, found, Event::Reopened { by_staff }, actor).await;
    let reopened = reopened.map_err(|error| error.or_taken(another_open))?;
    store::forget_unrated(&tx.db(), reopened.id).await?;
    Ok(reopened)
}

fn another_open() -> Error {
    Error::conflict(
        ErrorReason::OpenConversationExists,
        "This visitor has another open conversation with the assistant; go on in that one.",
    )
}
