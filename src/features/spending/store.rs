//! Every query on what models cost.

use ::entity::{
    ai_day, ai_reservation,
    ai_usage::{self, Purpose},
    assistant::Provider,
    ids::{RunId, SiteId},
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    kernel::{Reach, Result},
    ports::db::{Db, for_update},
};

fn of_day(site: SiteId, day: NaiveDate) -> Condition {
    Condition::all().add(ai_day::Column::SiteId.eq(site)).add(ai_day::Column::Day.eq(day))
}

/// Makes the row of a day, if there is none.
async fn ensure_day(db: &Db<'_>, site: SiteId, day: NaiveDate) -> Result<()> {
    let row = ai_day::ActiveModel { site_id: Set(site), day: Set(day), spent_micros: Set(0) };
    let keys = OnConflict::columns([ai_day::Column::SiteId, ai_day::Column::Day]).do_nothing().to_owned();
    ai_day::Entity::insert(row).on_conflict(keys).exec_without_returning(db).await?;
    Ok(())
}

/// What was spent on a day, locked: what is set aside for the day changes for nobody else meanwhile.
pub(super) async fn spent_for_update(db: &Db<'_>, site: SiteId, day: NaiveDate) -> Result<i64> {
    ensure_day(db, site, day).await?;
    let row = for_update(ai_day::Entity::find().filter(of_day(site, day))).one(db).await?;
    Ok(row.map_or(0, |row| row.spent_micros))
}

/// What was spent on a day.
pub(super) async fn spent(db: &Db<'_>, site: SiteId, day: NaiveDate) -> Result<i64> {
    let row = ai_day::Entity::find().filter(of_day(site, day)).one(db).await?;
    Ok(row.map_or(0, |row| row.spent_micros))
}

/// Adds to what was spent on a day.
async fn spend(db: &Db<'_>, site: SiteId, day: NaiveDate, micros: i64) -> Result<()> {
    ensure_day(db, site, day).await?;
    ai_day::Entity::update_many()
        .col_expr(ai_day::Column::SpentMicros, Expr::col(ai_day::Column::SpentMicros).add(micros))
        .filter(of_day(site, day))
        .exec(db)
        .await?;
    Ok(())
}

/// What is set aside for calls of a day that are under way.
pub(super) async fn reserved(db: &Db<'_>, site: SiteId, day: NaiveDate) -> Result<i64> {
    // Few rows, as each is a call under way; a sum in the database would be a decimal on PostgreSQL.
    let rows: Vec<i64> = ai_reservation::Entity::find()
        .filter(ai_reservation::Column::SiteId.eq(site))
        .filter(ai_reservation::Column::Day.eq(day))
        .select_only()
        .column(ai_reservation::Column::CostMicros)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().fold(0, i64::saturating_add))
}

/// Reservations of a site that have run out.
pub(super) async fn expired(db: &Db<'_>, site: SiteId, now: DateTime<Utc>) -> Result<Vec<ai_reservation::Model>> {
    let of_site = ai_reservation::Entity::find().filter(ai_reservation::Column::SiteId.eq(site));
    Ok(of_site.filter(ai_reservation::Column::ExpiresAt.lt(now)).all(db).await?)
}

/// Reservations for calls of a run.
pub(super) async fn left_by(db: &Db<'_>, site: SiteId, run: RunId) -> Result<Vec<ai_reservation::Model>> {
    let of_site = ai_reservation::Entity::find().filter(ai_reservation::Column::SiteId.eq(site));
    Ok(of_site.filter(ai_reservation::Column::RunId.eq(run)).all(db).await?)
}

pub(super) async fn insert_reservation(db: &Db<'_>, row: ai_reservation::Model) -> Result<()> {
    ai_reservation::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// True when there was one.
pub(super) async fn delete_reservation(db: &Db<'_>, id: Uuid) -> Result<bool> {
    Ok(ai_reservation::Entity::delete_by_id(id).exec(db).await?.rows_affected > 0)
}

/// Adds a line to the books, and its cost to its day; nothing where the call stands there already, because its run was
/// taken for dead and was not.
pub(super) async fn insert(db: &Db<'_>, line: ai_usage::Model) -> Result<()> {
    let (site, day, cost) = (line.site_id, line.day, line.cost_micros.unwrap_or(0));
    let inserted = ai_usage::Entity::insert(line.into_active_model())
        .on_conflict(OnConflict::column(ai_usage::Column::Id).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    if inserted > 0 && cost > 0 { spend(db, site, day, cost).await } else { Ok(()) }
}

/// The calls of one day to one model for one purpose.
#[derive(Debug, FromQueryResult)]
pub(super) struct Sum {
    pub(super) day: NaiveDate,
    pub(super) provider: Provider,
    pub(super) model: Option<String>,
    pub(super) purpose: Purpose,
    pub(super) calls: i64,
    pub(super) failed: i64,
    pub(super) estimated: i64,
    pub(super) unpriced: i64,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) cost_micros: i64,
}

/// A site's calls, summed up, newest day first.
pub(super) async fn sums(db: &Db<'_>, reach: &Reach, site: SiteId, from: NaiveDate, to: NaiveDate) -> Result<Vec<Sum>> {
    use ai_usage::Column::{
        CompletionTokens, CostMicros, Day, Estimated, Model as ModelName, Ok as Fine, PromptTokens, Provider as By,
        Purpose as For, SiteId as Site,
    };
    let number = |expression: sea_orm::sea_query::SimpleExpr| expression.cast_as("bigint");
    let when = |condition: sea_orm::sea_query::SimpleExpr| number(Expr::case(condition, 1).finally(0).sum());
    let rows = ai_usage::Entity::find()
        .filter(reach.site_rows(Site))
        .filter(Site.eq(site))
        .filter(Day.between(from, to))
        .select_only()
        .column(Day)
        .column(By)
        .column(ModelName)
        .column(For)
        .column_as(Fine.count(), "calls")
        .column_as(when(Fine.eq(false)), "failed")
        .column_as(when(Estimated.eq(true)), "estimated")
        .column_as(when(CostMicros.is_null()), "unpriced")
        .column_as(number(PromptTokens.sum()), "prompt_tokens")
        .column_as(number(CompletionTokens.sum()), "completion_tokens")
        .column_as(number(Expr::col(CostMicros).if_null(0).sum()), "cost_micros")
        .group_by(Day)
        .group_by(By)
        .group_by(ModelName)
        .group_by(For)
        .order_by_desc(Day)
        .order_by_asc(By)
        .order_by_asc(ModelName)
        .order_by_asc(For);
    Ok(rows.into_model::<Sum>().all(db).await?)
}
