//! Delivered and read: how far each participant has come, never backwards.

use ::entity::{conversation, ids::ConversationId, message::AuthorKind, participant};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};

use super::super::{facts::ConversationFact, messages, model, store};
use crate::{
    kernel::{Ctx, Error, ErrorReason, Permission, Result},
    ports::db::for_update,
};

/// Moves the caller's receipts: `seq` messages have arrived and, if `read`, were read. A receipt that is further
/// already stays where it is. Reading implies delivery.
pub(crate) async fn acknowledge(cx: &Ctx, id: ConversationId, seq: i64, read: bool) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    if !(0..=found.last_seq).contains(&seq) {
        return Err(Error::bad_input(
            "input.seq",
            ErrorReason::OutOfRange,
            "`input.seq` must be the `seq` of a message you received.",
        ));
    }
    let (kind, actor) = model::speaker(&cx.actor, &found)?;
    let known = for_update(participant::Entity::find_by_id((id, actor))).one(&tx.db()).await?;
    let (delivered, before) = known.as_ref().map_or((0, 0), |row| (row.delivered_seq, row.read_seq));
    let (delivered_seq, read_seq) = (delivered.max(seq), if read { before.max(seq) } else { before });
    if (delivered_seq, read_seq) == (delivered, before) && known.is_some() {
        return Ok(found);
    }
    let row = participant::ActiveModel {
        conversation_id: Set(id),
        actor_id: Set(actor),
        kind: Set(kind),
        site_id: Set(found.site_id),
        delivered_seq: Set(delivered_seq),
        read_seq: Set(read_seq),
        updated_at: Set(cx.clock.now()),
    };
    match known {
        Some(_) => {
            row.update(&tx.db()).await?;
        }
        None => {
            row.insert(&tx.db()).await?;
        }
    }
    let mut updated = found;
    if read {
        updated = count_unread(&tx, updated, kind, read_seq).await?;
    }
    tx.record(updated.site_id, id.0, &ConversationFact::ReceiptMoved { kind, actor, delivered_seq, read_seq })?;
    tx.commit().await?;
    Ok(updated)
}

/// Counts anew what the reader's side has not read. Agents share one count: a question one of them has read is known.
async fn count_unread(
    tx: &crate::kernel::Tx,
    found: conversation::Model,
    kind: AuthorKind,
    read_seq: i64,
) -> Result<conversation::Model> {
    let mut row = found.clone().into_active_model();
    match kind {
        AuthorKind::Agent => {
            let left = messages::unread(&tx.db(), found.id, read_seq, &[AuthorKind::Visitor]).await?;
            row.unread_by_staff = Set(left.min(found.unread_by_staff));
        }
        AuthorKind::Visitor => {
            let by = [AuthorKind::Agent, AuthorKind::Assistant];
            let left = messages::unread(&tx.db(), found.id, read_seq, &by).await?;
            row.unread_by_visitor = Set(left.min(found.unread_by_visitor));
        }
        AuthorKind::Assistant | AuthorKind::System => return Ok(found),
    }
    store::update(&tx.db(), row).await
}
