//! Every query on runs.

use ::entity::{
    ids::{ConversationId, MessageId, RunId},
    message,
    run::{self, RunStatus},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};

use crate::{
    kernel::{Error, Result},
    ports::db::{Db, for_update},
};

/// A run; whether the caller may see it is decided by its conversation.
pub(super) async fn find(db: &Db<'_>, id: RunId) -> Result<run::Model> {
    run::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::not_found("run"))
}

/// A run, if it is there.
pub(super) async fn lookup(db: &Db<'_>, id: RunId) -> Result<Option<run::Model>> {
    Ok(run::Entity::find_by_id(id).one(db).await?)
}

/// The run that wrote a message.
pub(super) async fn lookup_by_message(db: &Db<'_>, id: MessageId) -> Result<Option<RunId>> {
    let row = message::Entity::find_by_id(id).select_only().column(message::Column::RunId);
    Ok(row.into_tuple::<Option<RunId>>().one(db).await?.flatten())
}

/// The same, locked.
pub(super) async fn find_for_update(db: &Db<'_>, id: RunId) -> Result<run::Model> {
    for_update(run::Entity::find_by_id(id)).one(db).await?.ok_or_else(|| Error::not_found("run"))
}

/// Runs of a conversation that have not ended, locked, oldest first.
pub(super) async fn active_for_update(db: &Db<'_>, conversation: ConversationId) -> Result<Vec<run::Model>> {
    Ok(for_update(
        run::Entity::find()
            .filter(run::Column::ConversationId.eq(conversation))
            .filter(run::Column::Status.is_in([RunStatus::Queued, RunStatus::Running]))
            .order_by_asc(run::Column::QuestionSeq),
    )
    .all(db)
    .await?)
}

/// The run that is being written in a conversation.
pub(super) async fn running(db: &Db<'_>, conversation: ConversationId) -> Result<Option<run::Model>> {
    Ok(run::Entity::find()
        .filter(run::Column::ConversationId.eq(conversation))
        .filter(run::Column::Status.eq(RunStatus::Running))
        .one(db)
        .await?)
}

/// Inserts a run unless the question has one. True when it was inserted.
pub(super) async fn insert(db: &Db<'_>, row: run::ActiveModel) -> Result<bool> {
    let inserted = run::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([run::Column::ConversationId, run::Column::QuestionSeq]).do_nothing().to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(inserted > 0)
}

/// Writes a changed run.
pub(super) async fn update(db: &Db<'_>, row: run::ActiveModel) -> Result<run::Model> {
    Ok(row.update(db).await?)
}
