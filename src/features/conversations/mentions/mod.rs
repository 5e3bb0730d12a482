//! Members of a site who are mentioned in internal notes, and whether they have read it.
//!
//! A mention is made with its note and goes with it. Its lines are about the one who is mentioned: nobody else follows
//! them. Who is no member any more sees theirs no longer.

mod facts;
pub(crate) mod graphql;
mod store;

use ::entity::{
    conversation,
    ids::{MessageId, UserId},
    mention, message,
};

use self::facts::MentionFact;
use crate::{
    features::{accounts, sites},
    kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx},
};

/// Most people who are mentioned in one note.
const MENTIONED_MAX: usize = 20;
/// Most mentions that are marked at once.
const MARKED_MAX: usize = 100;

/// Checks who is to be mentioned in a note; sorted, each once.
pub(super) async fn checked(cx: &Ctx, conversation: &conversation::Model, ids: Vec<UserId>) -> Result<Vec<UserId>> {
    let given = ids.clone();
    let mut ids = ids;
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(ids);
    }
    if ids.len() > MENTIONED_MAX {
        let message = format!("`input.mentionIds` has {} people; a note mentions at most {MENTIONED_MAX}.", ids.len());
        return Err(Error::bad_input("input.mentionIds", ErrorReason::TooLong, message));
    }
    let members = sites::members(&cx.db(), conversation.site_id, &ids).await?;
    // Whoever asks in a conversation must not see its notes, member or not.
    let may_read =
        |id: &UserId| members.iter().any(|member| member.user_id == *id) && conversation.customer_id != Some(*id);
    match given.iter().position(|id| !may_read(id)) {
        Some(place) => Err(Error::bad_input(
            "input.mentionIds",
            ErrorReason::NotMember,
            format!("{} is no member of the conversation's site who may read its notes; leave them out.", given[place]),
        )
        .in_entry("input.mentionIds", place)),
        None => Ok(ids),
    }
}

/// The mentions of a note that is about to be inserted; those who are mentioned are told.
pub(super) fn record_in(
    tx: &mut Tx,
    note: &message::Model,
    users: &[UserId],
    actor: Option<&String>,
) -> Result<Vec<mention::Model>> {
    let mut rows = Vec::with_capacity(users.len());
    for user in users {
        tx.record_by(actor.cloned(), note.site_id, user.0, &MentionFact::Added { message: note.id })?;
        rows.push(mention::Model {
            message_id: note.id,
            user_id: *user,
            site_id: note.site_id,
            conversation_id: note.conversation_id,
            created_at: note.created_at,
            read_at: None,
        });
    }
    Ok(rows)
}

/// Inserts mentions, after their notes.
pub(super) async fn insert_in(tx: &Tx, rows: Vec<mention::Model>) -> Result<()> {
    store::insert(&tx.db(), rows).await
}

/// Takes back the mentions of a note that is deleted.
pub(super) async fn forget_in(tx: &Tx, note: MessageId) -> Result<()> {
    store::delete(&tx.db(), note).await
}

/// Marks mentions of the caller as read; all or none. Those that are read already stay as they are.
async fn mark_read(cx: &Ctx, ids: Vec<MessageId>) -> Result<Vec<mention::Model>> {
    let reach = sites::reach_to(cx, Permission::ConversationsWork, "mention")?;
    let user = accounts::signed_in(&cx.actor)?.user;
    if !(1..=MARKED_MAX).contains(&ids.len()) {
        let message = format!("`input.messageIds` has {} ids; give between 1 and {MARKED_MAX}.", ids.len());
        return Err(Error::bad_input("input.messageIds", ErrorReason::OutOfRange, message));
    }
    let mut tx = cx.begin().await?;
    let mut rows = store::find_all_for_update(&tx.db(), &reach, user, &ids).await?;
    if let Some(place) = ids.iter().position(|id| !rows.iter().any(|row| row.message_id == *id)) {
        return Err(Error::not_found("mention").at(format!("input.messageIds[{place}]")));
    }
    let now = cx.clock.now();
    let mut unread = Vec::new();
    for row in rows.iter_mut().filter(|row| row.read_at.is_none()) {
        row.read_at = Some(now);
        unread.push(row.message_id);
        tx.record(row.site_id, user.0, &MentionFact::Read { message: row.message_id })?;
    }
    if !unread.is_empty() {
        store::set_read(&tx.db(), user, unread, now).await?;
        tx.commit().await?;
    }
    Ok(rows)
}
