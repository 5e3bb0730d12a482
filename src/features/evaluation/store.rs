//! Queries on golden questions and evaluations.

use std::collections::HashMap;

use ::entity::{
    assistant,
    evaluation::{self, Column as Run, EvaluationStatus},
    evaluation_gate::{self, Gate},
    evaluation_outcome::{self, Column as Outcome},
    golden_question::{self, Column as Golden},
    ids::{AssistantId, EvaluationId, GoldenQuestionId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::OnConflict,
};

use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

/// Rows are inserted in statements of this many, below SQLite's limit of parameters.
const BATCH: usize = 100;

fn golden(reach: &Reach) -> Select<golden_question::Entity> {
    golden_question::Entity::find().filter(reach.site_rows(Golden::SiteId))
}

pub(super) async fn find_golden(db: &Db<'_>, reach: &Reach, id: GoldenQuestionId) -> Result<golden_question::Model> {
    let row = golden(reach).filter(Golden::Id.eq(id)).one(db).await?;
    row.ok_or_else(|| Error::not_found("golden question"))
}

pub(super) async fn find_golden_for_update(
    db: &Db<'_>,
    reach: &Reach,
    id: GoldenQuestionId,
) -> Result<golden_question::Model> {
    let row = for_update(golden(reach).filter(Golden::Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("golden question"))
}

/// Those of an assistant, and perhaps of a kind.
fn of_assistant(assistant: AssistantId, kind: Option<&str>) -> Select<golden_question::Entity> {
    golden_question::Entity::find()
        .filter(Golden::AssistantId.eq(assistant))
        .filter(Condition::all().add_option(kind.map(|kind| Golden::Kind.eq(kind))))
}

pub(super) async fn list_golden(
    db: &Db<'_>,
    assistant: AssistantId,
    kind: Option<&str>,
    paging: &Paging,
) -> Result<Page<golden_question::Model>> {
    paging.read(db, of_assistant(assistant, kind), (Golden::CreatedAt, Golden::Id), false, instant).await
}

pub(super) async fn count_golden_of(db: &Db<'_>, assistant: AssistantId, kind: Option<&str>) -> Result<u64> {
    Ok(of_assistant(assistant, kind).count(db).await?)
}

pub(super) async fn count_golden(db: &Db<'_>, assistant: AssistantId) -> Result<u64> {
    count_golden_of(db, assistant, None).await
}

/// All of an assistant's in order; with a limit, the newest of them.
pub(super) async fn all_golden(
    db: &Db<'_>,
    assistant: AssistantId,
    limit: Option<u64>,
) -> Result<Vec<golden_question::Model>> {
    let newest = of_assistant(assistant, None).order_by_desc(Golden::CreatedAt).order_by_desc(Golden::Id).limit(limit);
    let mut rows = newest.all(db).await?;
    rows.reverse();
    Ok(rows)
}

/// Those of these ids that are there, in the order in which they were made.
pub(super) async fn golden_by_ids(db: &Db<'_>, ids: &[GoldenQuestionId]) -> Result<Vec<golden_question::Model>> {
    let these = golden_question::Entity::find().filter(Golden::Id.is_in(ids.iter().copied()));
    Ok(these.order_by_asc(Golden::CreatedAt).all(db).await?)
}

pub(super) async fn insert_golden(db: &Db<'_>, rows: &[golden_question::Model]) -> Result<()> {
    for batch in rows.chunks(BATCH) {
        let rows = batch.iter().cloned().map(IntoActiveModel::into_active_model);
        golden_question::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

pub(super) async fn save_golden(db: &Db<'_>, row: golden_question::Model) -> Result<()> {
    golden_question::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

pub(super) async fn delete_golden(db: &Db<'_>, id: GoldenQuestionId) -> Result<()> {
    golden_question::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

fn runs(reach: &Reach) -> Select<evaluation::Entity> {
    evaluation::Entity::find().filter(reach.site_rows(Run::SiteId))
}

pub(super) async fn find_run(db: &Db<'_>, reach: &Reach, id: EvaluationId) -> Result<evaluation::Model> {
    runs(reach).filter(Run::Id.eq(id)).one(db).await?.ok_or_else(|| Error::not_found("evaluation"))
}

pub(super) async fn find_run_for_update(db: &Db<'_>, reach: &Reach, id: EvaluationId) -> Result<evaluation::Model> {
    let row = for_update(runs(reach).filter(Run::Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("evaluation"))
}

/// The newest of an assistant in a state.
pub(super) async fn newest_run(
    db: &Db<'_>,
    assistant: AssistantId,
    status: EvaluationStatus,
) -> Result<Option<evaluation::Model>> {
    let rows = evaluation::Entity::find().filter(Run::AssistantId.eq(assistant)).filter(Run::Status.eq(status));
    Ok(rows.order_by_desc(Run::CreatedAt).order_by_desc(Run::Id).one(db).await?)
}

pub(super) async fn list_runs(
    db: &Db<'_>,
    reach: &Reach,
    assistant: AssistantId,
    paging: &Paging,
) -> Result<Page<evaluation::Model>> {
    let of_assistant = runs(reach).filter(Run::AssistantId.eq(assistant));
    paging.read(db, of_assistant, (Run::CreatedAt, Run::Id), true, instant).await
}

pub(super) async fn count_runs(db: &Db<'_>, reach: &Reach, assistant: AssistantId) -> Result<u64> {
    Ok(runs(reach).filter(Run::AssistantId.eq(assistant)).count(db).await?)
}

pub(super) async fn insert_run(db: &Db<'_>, row: evaluation::Model) -> Result<()> {
    evaluation::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

pub(super) async fn save_run(db: &Db<'_>, row: evaluation::Model) -> Result<()> {
    evaluation::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

/// Keeps outcomes; those that are there stay.
pub(super) async fn insert_outcomes(db: &Db<'_>, rows: Vec<evaluation_outcome::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let key = OnConflict::columns([Outcome::EvaluationId, Outcome::GoldenQuestionId]).do_nothing().to_owned();
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    evaluation_outcome::Entity::insert_many(rows).on_conflict(key).exec_without_returning(db).await?;
    Ok(())
}

/// All outcomes of an evaluation by question.
pub(super) async fn outcomes(
    db: &Db<'_>,
    run: EvaluationId,
) -> Result<HashMap<GoldenQuestionId, evaluation_outcome::Model>> {
    let rows = evaluation_outcome::Entity::find().filter(Outcome::EvaluationId.eq(run)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.golden_question_id, row)).collect())
}

fn of_run(run: EvaluationId, passed: Option<bool>) -> Select<evaluation_outcome::Entity> {
    evaluation_outcome::Entity::find()
        .filter(Outcome::EvaluationId.eq(run))
        .filter(Condition::all().add_option(passed.map(|passed| Outcome::Passed.eq(passed))))
}

pub(super) async fn list_outcomes(
    db: &Db<'_>,
    run: EvaluationId,
    passed: Option<bool>,
    paging: &Paging,
) -> Result<Page<evaluation_outcome::Model>> {
    let select = of_run(run, passed);
    paging.read(db, select, (Outcome::Ordinal, Outcome::GoldenQuestionId), false, Into::into).await
}

pub(super) async fn count_outcomes(db: &Db<'_>, run: EvaluationId, passed: Option<bool>) -> Result<u64> {
    Ok(of_run(run, passed).count(db).await?)
}

/// Whether an assistant's questions are asked before an article is published: unless somebody said no.
pub(super) async fn gate(db: &Db<'_>, assistant: &assistant::Model) -> Result<evaluation_gate::Model> {
    let row = evaluation_gate::Entity::find_by_id(assistant.id).one(db).await?;
    let (assistant_id, site_id) = (assistant.id, assistant.site_id);
    Ok(row.unwrap_or(evaluation_gate::Model { assistant_id, site_id, gate: Gate::Warn, version: 0 }))
}

pub(super) async fn set_gate(db: &Db<'_>, row: evaluation_gate::Model) -> Result<()> {
    let replace = OnConflict::column(evaluation_gate::Column::AssistantId)
        .update_columns([evaluation_gate::Column::Gate, evaluation_gate::Column::Version])
        .to_owned();
    evaluation_gate::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}
