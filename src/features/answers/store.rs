//! Every query on runs.

use std::collections::HashMap;

use ::entity::{
    ids::{AssistantId, ConversationId, MessageId, RunId, SiteId, UserId},
    message,
    run::{self, RunStatus},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
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

/// How many runs have not ended, on all sites.
pub(crate) async fn unfinished(db: &Db<'_>) -> Result<u64> {
    let active = run::Entity::find().filter(run::Column::Status.is_in([RunStatus::Queued, RunStatus::Running]));
    Ok(active.count(db).await?)
}

/// Runs of a conversation that have not ended, locked, oldest first: answers, or the drafts for one agent.
pub(super) async fn active_for_update(
    db: &Db<'_>,
    conversation: ConversationId,
    drafts_for: Option<UserId>,
) -> Result<Vec<run::Model>> {
    let whose = match drafts_for {
        Some(user) => run::Column::RequestedBy.eq(user),
        None => run::Column::RequestedBy.is_null(),
    };
    Ok(for_update(
        run::Entity::find()
            .filter(run::Column::ConversationId.eq(conversation))
            .filter(run::Column::Status.is_in([RunStatus::Queued, RunStatus::Running]))
            .filter(whose)
            .order_by_asc(run::Column::QuestionSeq),
    )
    .all(db)
    .await?)
}

/// How often the answer to what was said after a message was begun anew.
pub(super) async fn restarts(db: &Db<'_>, conversation: ConversationId, after: i64) -> Result<u64> {
    Ok(run::Entity::find()
        .filter(run::Column::ConversationId.eq(conversation))
        .filter(run::Column::RequestedBy.is_null())
        .filter(run::Column::Status.eq(RunStatus::Cancelled))
        .filter(run::Column::QuestionSeq.gt(after))
        .count(db)
        .await?)
}

/// The answer that is being written in a conversation.
pub(super) async fn running(db: &Db<'_>, conversation: ConversationId) -> Result<Option<run::Model>> {
    Ok(run::Entity::find()
        .filter(run::Column::ConversationId.eq(conversation))
        .filter(run::Column::Status.eq(RunStatus::Running))
        .filter(run::Column::RequestedBy.is_null())
        .one(db)
        .await?)
}

/// The last run before a message that ended with one of its own: the turn of which that message is a part begins after the
/// question of this run.
pub(super) async fn answered_before(db: &Db<'_>, conversation: ConversationId, seq: i64) -> Result<Option<run::Model>> {
    Ok(run::Entity::find()
        .filter(run::Column::ConversationId.eq(conversation))
        .filter(run::Column::QuestionSeq.lt(seq))
        .filter(run::Column::RequestedBy.is_null())
        .filter(run::Column::MessageId.is_not_null())
        .order_by_desc(run::Column::QuestionSeq)
        .order_by_desc(run::Column::Edition)
        .limit(1)
        .one(db)
        .await?)
}

/// The newest run that was begun for a message.
pub(super) async fn newest_edition(db: &Db<'_>, conversation: ConversationId, seq: i64) -> Result<Option<run::Model>> {
    Ok(run::Entity::find()
        .filter(run::Column::ConversationId.eq(conversation))
        .filter(run::Column::QuestionSeq.eq(seq))
        .filter(run::Column::RequestedBy.is_null())
        .order_by_desc(run::Column::Edition)
        .limit(1)
        .one(db)
        .await?)
}

/// The numbers of the newest messages that runs answer.
pub(super) async fn questions(db: &Db<'_>, runs: Vec<RunId>) -> Result<HashMap<RunId, i64>> {
    if runs.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = run::Entity::find().filter(run::Column::Id.is_in(runs)).select_only();
    let rows: Vec<(RunId, i64)> =
        rows.columns([run::Column::Id, run::Column::QuestionSeq]).into_tuple().all(db).await?;
    Ok(rows.into_iter().collect())
}

/// The run that answers a message: of those that were begun for it or for what was said after it, the first that was not
/// given up for a later one; the newest of those for one question.
pub(super) async fn answering(db: &Db<'_>, conversation: ConversationId, seq: i64) -> Result<Option<run::Model>> {
    let runs = run::Entity::find()
        .filter(run::Column::ConversationId.eq(conversation))
        .filter(run::Column::QuestionSeq.gte(seq))
        .filter(run::Column::RequestedBy.is_null())
        .order_by_asc(run::Column::QuestionSeq)
        .order_by_desc(run::Column::Edition)
        .all(db)
        .await?;
    let going_on = runs.iter().find(|run| run.status != RunStatus::Cancelled).or(runs.first());
    Ok(going_on.cloned())
}

/// A run that is to be written.
pub(super) struct Queued {
    pub(super) site: SiteId,
    pub(super) conversation: ConversationId,
    pub(super) assistant: AssistantId,
    pub(super) question_seq: i64,
    /// How often an answer to it was begun that is not to be the last.
    pub(super) edition: i32,
    /// The agent for whom it is a draft.
    pub(super) drafted_for: Option<UserId>,
}

impl Queued {
    /// Its row.
    pub(super) fn row(self, id: RunId, now: DateTime<Utc>) -> run::Model {
        run::Model {
            id,
            site_id: self.site,
            conversation_id: self.conversation,
            assistant_id: self.assistant,
            question_seq: self.question_seq,
            edition: self.edition,
            question_hash: None,
            status: RunStatus::Queued,
            attempt: 0,
            text: String::new(),
            chunks: 0,
            citations: serde_json::json!([]),
            usage: None,
            provider: None,
            model: None,
            attempts: None,
            failure: None,
            message_id: None,
            action: None,
            confidence: None,
            dropped_citations: 0,
            removed_links: 0,
            requested_by: self.drafted_for,
            draft_outcome: None,
            created_at: now,
            started_at: None,
            finished_at: None,
        }
    }
}

/// Inserts a run unless it answers a question that has an answer in this edition. True when it was inserted.
pub(super) async fn insert(db: &Db<'_>, row: run::Model) -> Result<bool> {
    let answered = OnConflict::columns([run::Column::ConversationId, run::Column::QuestionSeq, run::Column::Edition])
        .target_and_where(Expr::col(run::Column::RequestedBy).is_null())
        .do_nothing()
        .to_owned();
    let inserted =
        run::Entity::insert(row.into_active_model()).on_conflict(answered).exec_without_returning(db).await?;
    Ok(inserted > 0)
}

/// Writes a changed run.
pub(super) async fn update(db: &Db<'_>, row: run::ActiveModel) -> Result<run::Model> {
    Ok(row.update(db).await?)
}
