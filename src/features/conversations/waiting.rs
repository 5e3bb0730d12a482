//! Leaving the queue. Who waits there has a row in `queue_entry`; whatever ends the wait deletes it in the same
//! transaction, with the conversation locked, so that each wait has one outcome. Entering it, and the order, are of the
//! feature that gives conversations to agents.

use ::entity::{
    conversation::{self, HandoffReason, QueueOutcome},
    ids::{ConversationId, DepartmentId, SiteId, UserId},
    queue_entry,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};

use super::{
    actions,
    facts::{Attributes, ConversationFact},
    handoff, store,
};
use crate::kernel::{Result, Tx};

/// Ends a wait of a conversation that is locked. False where nobody waits, or not any more.
pub(crate) async fn leave_in(
    tx: &mut Tx,
    (site, id): (SiteId, ConversationId),
    outcome: QueueOutcome,
    actor: Option<String>,
) -> Result<bool> {
    if queue_entry::Entity::delete_by_id(id).exec(&tx.db()).await?.rows_affected == 0 {
        return Ok(false);
    }
    conversation::Entity::update_many()
        .col_expr(conversation::Column::QueueOutcome, Expr::value(outcome))
        .filter(conversation::Column::Id.eq(id))
        .exec(&tx.db())
        .await?;
    tx.record_by(actor, site, id.0, &ConversationFact::QueueLeft { outcome })?;
    Ok(true)
}

/// Tells that a conversation waits in the queue now.
pub(crate) async fn entered_in(tx: &mut Tx, site: SiteId, id: ConversationId) -> Result<()> {
    conversation::Entity::update_many()
        .col_expr(conversation::Column::QueueOutcome, Expr::value(None::<QueueOutcome>))
        .filter(conversation::Column::Id.eq(id))
        .exec(&tx.db())
        .await?;
    tx.record(site, id.0, &ConversationFact::QueueEntered)
}

/// Forgets a wait that begins anew with another wish; nothing has come of it.
pub(crate) async fn requeued_in(tx: &Tx, id: ConversationId) -> Result<()> {
    queue_entry::Entity::delete_by_id(id).exec(&tx.db()).await?;
    Ok(())
}

/// Takes a conversation, which is locked, from an agent who is gone.
pub(crate) async fn agent_gone_in(tx: &mut Tx, found: conversation::Model) -> Result<conversation::Model> {
    let before = actions::attributes(tx, &found).await?;
    let free = free_in(tx, found).await?;
    let after = Attributes { assignee: None, ..before.clone() };
    tx.record(free.site_id, free.id.0, &ConversationFact::AgentGone { before, after })?;
    Ok(free)
}

/// Hands a conversation, which is locked, over to a department or, without one, to whoever is free.
pub(crate) async fn transfer_in(
    tx: &mut Tx,
    found: conversation::Model,
    department: Option<DepartmentId>,
) -> Result<conversation::Model> {
    let before = actions::attributes(tx, &found).await?;
    let mut row = free_in(tx, found).await?.into_active_model();
    row.department_id = Set(department);
    let moved = store::update(&tx.db(), row).await?;
    let after = Attributes { assignee: None, ..before.clone() };
    tx.record(moved.site_id, moved.id.0, &ConversationFact::Transferred { department, before, after })?;
    handoff::request_in(tx, moved, HandoffReason::Agent).await
}

/// Takes a conversation, which is locked, from whoever has it.
pub(crate) async fn release_in(tx: &mut Tx, found: conversation::Model) -> Result<conversation::Model> {
    let before = actions::attributes(tx, &found).await?;
    let free = free_in(tx, found).await?;
    let after = Attributes { assignee: None, ..before.clone() };
    tx.record(free.site_id, free.id.0, &ConversationFact::Assigned { before, after })?;
    Ok(free)
}

async fn free_in(tx: &mut Tx, found: conversation::Model) -> Result<conversation::Model> {
    let mut row = found.into_active_model();
    row.assignee_id = Set(None);
    row.assigned_at = Set(None);
    store::update(&tx.db(), row).await
}

/// Gives a conversation, which is locked, to an agent; a wait ends with that.
pub(crate) async fn assign_in(
    tx: &mut Tx,
    found: conversation::Model,
    agent: UserId,
    actor: Option<String>,
) -> Result<conversation::Model> {
    let (site, id) = (found.site_id, found.id);
    leave_in(tx, (site, id), QueueOutcome::Assigned, actor.clone()).await?;
    let before = actions::attributes(tx, &found).await?;
    let mut row = found.into_active_model();
    row.assignee_id = Set(Some(agent));
    row.assigned_at = Set(Some(tx.cx().clock.now()));
    let assigned = store::update(&tx.db(), row).await?;
    let after = Attributes { assignee: Some(agent), ..before.clone() };
    tx.record_by(actor, site, id.0, &ConversationFact::Assigned { before, after })?;
    Ok(assigned)
}

/// Nobody came: the assistant, if there is one, takes the conversation back, which is locked. False where nobody waits, or
/// not any more.
pub(crate) async fn give_up_in(tx: &mut Tx, found: conversation::Model, outcome: QueueOutcome) -> Result<bool> {
    let waited = leave_in(tx, (found.site_id, found.id), outcome, tx.cx().actor.id()).await?;
    if waited {
        handoff::resume_in(tx, found).await?;
    }
    Ok(waited)
}
