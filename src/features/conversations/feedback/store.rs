//! Queries on ratings.

use std::collections::HashMap;

use ::entity::{
    answer_feedback::{self, Column, Entity},
    assistant,
    ids::{AssistantId, MessageId, SiteId},
    message::{self, AuthorKind},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect, Select,
    sea_query::{OnConflict, Query},
};

use crate::{
    features::accounts::instant,
    kernel::{
        Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

pub(super) async fn lookup(db: &Db<'_>, id: MessageId) -> Result<Option<answer_feedback::Model>> {
    Ok(for_update(Entity::find_by_id(id)).one(db).await?)
}

/// Ratings by message.
pub(super) async fn by_messages(
    db: &Db<'_>,
    ids: Vec<MessageId>,
) -> Result<HashMap<MessageId, answer_feedback::Model>> {
    let rows = Entity::find().filter(Column::MessageId.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.message_id, row)).collect())
}

/// Inserts a rating, or replaces the earlier one.
pub(super) async fn put(db: &Db<'_>, row: answer_feedback::Model) -> Result<()> {
    let replace = OnConflict::column(Column::MessageId)
        .update_columns([Column::Helpful, Column::Comment, Column::RatedAt])
        .to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// Which answers count.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) site: SiteId,
    /// Sent from here on,
    pub(super) from: Option<DateTime<Utc>>,
    /// and before.
    pub(super) to: Option<DateTime<Utc>>,
    pub(super) assistant: Option<AssistantId>,
}

fn rated(reach: &Reach, wanted: &Wanted) -> Select<Entity> {
    let all = Condition::all()
        .add(Column::SiteId.eq(wanted.site))
        .add_option(wanted.from.map(|from| Column::AnsweredAt.gte(from)))
        .add_option(wanted.to.map(|to| Column::AnsweredAt.lt(to)))
        .add_option(wanted.assistant.map(|id| Column::AssistantId.eq(id)));
    Entity::find().filter(reach.site_rows(Column::SiteId)).filter(all)
}

/// How many answers of each assistant were rated helpful, and how many not.
pub(super) async fn counts(db: &Db<'_>, reach: &Reach, wanted: &Wanted) -> Result<Vec<(AssistantId, bool, i64)>> {
    let rows = rated(reach, wanted).select_only().columns([Column::AssistantId, Column::Helpful]);
    let rows = rows.column_as(Column::MessageId.count(), "count");
    Ok(rows.group_by(Column::AssistantId).group_by(Column::Helpful).into_tuple().all(db).await?)
}

/// How many answers assistants gave, rated or not.
pub(super) async fn answers(db: &Db<'_>, reach: &Reach, wanted: &Wanted) -> Result<u64> {
    use message::Column as Said;
    let assistants = Query::select()
        .column(assistant::Column::Id)
        .from(assistant::Entity)
        .cond_where(assistant::Column::SiteId.eq(wanted.site))
        .to_owned();
    let by = match wanted.assistant {
        Some(id) => Said::AuthorId.eq(id.0),
        None => Said::AuthorId.in_subquery(assistants),
    };
    let all = Condition::all()
        .add(Said::SiteId.eq(wanted.site))
        .add(by)
        .add(Said::AuthorKind.eq(AuthorKind::Assistant))
        // Every answer has one: with it, the index on site, author and client id holds.
        .add(Said::ClientId.is_not_null())
        .add_option(wanted.from.map(|from| Said::CreatedAt.gte(from)))
        .add_option(wanted.to.map(|to| Said::CreatedAt.lt(to)));
    Ok(message::Entity::find().filter(reach.site_rows(Said::SiteId)).filter(all).count(db).await?)
}

fn one_by_one(reach: &Reach, wanted: &Wanted, helpful: Option<bool>) -> Select<Entity> {
    rated(reach, wanted).filter(Condition::all().add_option(helpful.map(|helpful| Column::Helpful.eq(helpful))))
}

/// Ratings one by one, of the newest answers first.
pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    wanted: &Wanted,
    helpful: Option<bool>,
    paging: &Paging,
) -> Result<Page<answer_feedback::Model>> {
    let select = one_by_one(reach, wanted, helpful);
    paging.read(db, select, (Column::AnsweredAt, Column::MessageId), true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, wanted: &Wanted, helpful: Option<bool>) -> Result<u64> {
    Ok(one_by_one(reach, wanted, helpful).count(db).await?)
}
