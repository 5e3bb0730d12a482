//! Counting drafts.

use ::entity::{
    ids::SiteId,
    run::{self, Column, DraftOutcome, RunStatus},
};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    kernel::{Reach, Result},
    ports::db::Db,
};

/// How many drafts that were asked for in a time ended in each way.
pub(super) async fn counts(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<Vec<(RunStatus, Option<DraftOutcome>, i64)>> {
    let all = Condition::all()
        .add(Column::SiteId.eq(site))
        .add(Column::RequestedBy.is_not_null())
        .add_option(from.map(|from| Column::CreatedAt.gte(from)))
        .add_option(to.map(|to| Column::CreatedAt.lt(to)));
    let rows = run::Entity::find().filter(reach.site_rows(Column::SiteId)).filter(all);
    let rows = rows.select_only().columns([Column::Status, Column::DraftOutcome]);
    let rows = rows.column_as(Column::Id.count(), "count");
    Ok(rows.group_by(Column::Status).group_by(Column::DraftOutcome).into_tuple().all(db).await?)
}
