//! Queries on ratings of conversations.

use ::entity::{
    conversation_closing::{self, Column, Entity},
    ids::{SiteId, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};

use crate::{
    features::accounts::instant,
    kernel::{
        Reach, Result,
        page::{Page, Paging},
    },
    ports::db::Db,
};

/// Which closed conversations count.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) site: SiteId,
    /// Closed from here on,
    pub(super) from: Option<DateTime<Utc>>,
    /// and before.
    pub(super) to: Option<DateTime<Utc>>,
    /// Given to this person when they were closed.
    pub(super) agent: Option<UserId>,
}

fn closed(reach: &Reach, wanted: &Wanted) -> Select<Entity> {
    let all = Condition::all()
        .add(Column::SiteId.eq(wanted.site))
        .add_option(wanted.from.map(|from| Column::ClosedAt.gte(from)))
        .add_option(wanted.to.map(|to| Column::ClosedAt.lt(to)))
        .add_option(wanted.agent.map(|id| Column::AssigneeId.eq(id)));
    Entity::find().filter(reach.site_rows(Column::SiteId)).filter(all)
}

/// How many were closed with each person and each score.
pub(super) async fn counts(
    db: &Db<'_>,
    reach: &Reach,
    wanted: &Wanted,
) -> Result<Vec<(Option<UserId>, Option<i32>, i64)>> {
    let rows = closed(reach, wanted).select_only().columns([Column::AssigneeId, Column::Score]);
    let rows = rows.column_as(Column::ConversationId.count(), "count");
    Ok(rows.group_by(Column::AssigneeId).group_by(Column::Score).into_tuple().all(db).await?)
}

fn rated(reach: &Reach, wanted: &Wanted, score: Option<i32>) -> Select<Entity> {
    let of_score = match score {
        Some(score) => Column::Score.eq(score),
        None => Column::Score.is_not_null(),
    };
    closed(reach, wanted).filter(of_score)
}

/// Ratings one by one, of the conversations that were closed last first.
pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    wanted: &Wanted,
    score: Option<i32>,
    paging: &Paging,
) -> Result<Page<conversation_closing::Model>> {
    let columns = (Column::ClosedAt, Column::ConversationId);
    paging.read(db, rated(reach, wanted, score), columns, true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, wanted: &Wanted, score: Option<i32>) -> Result<u64> {
    Ok(rated(reach, wanted, score).count(db).await?)
}
