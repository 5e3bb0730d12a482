//! How conversations end and come back.
//!
//! A closing remembers why and to whom the conversation was given, and takes the visitor's rating (`satisfaction`).
//! Reopening forgets it, unless it was rated.

pub(crate) mod graphql;
pub(super) mod store;

use ::entity::{
    conversation::{self, QueueOutcome, Status},
    conversation_closing::{self, CloseReason},
    ids::ConversationId,
};
use sea_orm::{ActiveValue::Set, IntoActiveModel};

use super::{
    actions,
    facts::{Attributes, ConversationFact},
    model, store as conversations, waiting,
};
use crate::kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx, error::ErrorCode, text};

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
    if (reason.is_some() || note.is_some()) && !actions::sees_internals(&cx.actor, &found) {
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
    waiting::leave_in(&mut tx, (found.site_id, id), QueueOutcome::Closed, cx.actor.id()).await?;
    let before = actions::attributes(&tx, &found).await?;
    let now = cx.clock.now();
    let mut row = found.into_active_model();
    row.status = Set(Status::Closed);
    row.closed_at = Set(Some(now));
    row.open_key = Set(None);
    let closed = conversations::update(&tx.db(), row).await?;
    let earlier = store::newest_for_update(&tx.db(), id).await?;
    let closing = conversation_closing::Model {
        conversation_id: id,
        number: earlier.map_or(0, |earlier| earlier.number) + 1,
        site_id: closed.site_id,
        assignee_id: closed.assignee_id,
        handled_seconds: closed.assigned_at.filter(|_| closed.assignee_id.is_some()).map(|at| (now - at).num_seconds()),
        reason,
        note,
        closed_at: now,
        score: None,
        comment: None,
        rated_at: None,
    };
    store::insert(&tx.db(), closing).await?;
    let after = Attributes { status: Status::Closed, ..before.clone() };
    tx.record(closed.site_id, id.0, &ConversationFact::Closed { before, after, reason })?;
    tx.commit().await?;
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
    let by_who_asks = !actions::sees_internals(&cx.actor, &found);
    let reopened = reopen_in(&mut tx, found, by_who_asks, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(reopened)
}

/// The same inside a transaction that has locked it.
pub(super) async fn reopen_in(
    tx: &mut Tx,
    found: conversation::Model,
    by_who_asks: bool,
    actor: Option<String>,
) -> Result<conversation::Model> {
    let before = actions::attributes(tx, &found).await?;
    let key = found.visitor_id.map(|visitor| model::open_key(visitor, found.assistant_id));
    if let Some(key) = &key
        && conversations::lookup_open(&tx.db(), key).await?.is_some()
    {
        return Err(another_open());
    }
    let mut row = found.into_active_model();
    row.status = Set(Status::Open);
    row.closed_at = Set(None);
    row.open_key = Set(key);
    // Who had it may be gone, or have no room. Whether it goes back to them is decided like for everybody who waits;
    // a member of the site who opens it again knows what they do.
    if by_who_asks {
        row.assignee_id = Set(None);
        row.assigned_at = Set(None);
    }
    let reopened = conversations::update(&tx.db(), row).await.map_err(|error| error.or_taken(another_open))?;
    store::forget_unrated(&tx.db(), reopened.id).await?;
    let after = Attributes { status: Status::Open, assignee: reopened.assignee_id, ..before.clone() };
    tx.record_by(actor, reopened.site_id, reopened.id.0, &ConversationFact::Reopened { before, after })?;
    Ok(reopened)
}

fn another_open() -> Error {
    Error::conflict(
        ErrorReason::OpenConversationExists,
        "This visitor has another open conversation with the assistant; go on in that one.",
    )
}
