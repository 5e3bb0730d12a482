//! What failed for good: how it fails, and what can be done about it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use ::entity::{ids::JobId, job};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, Select, sea_query::Expr,
};

use super::{KEPT, Kind, MAX_ATTEMPTS, lease::Lease, queue};
use crate::{
    kernel::{
        Ctx, Error, Result, Tx,
        page::{Page, Paging},
    },
    ports::{
        bus::Topic,
        db::{Db, for_update},
    },
};

/// Counts the jobs that failed for good, by kind.
const FAILED: &str = "yanit_jobs_failed_total";

/// How many jobs failed for good in this process, by kind.
#[derive(Default)]
struct Here(Mutex<BTreeMap<String, u64>>);

/// How many jobs failed for good in this process, by kind.
pub fn failed_here(cx: &Ctx) -> BTreeMap<String, u64> {
    cx.shared.get::<Here>().0.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Ends a job that failed for good, and what its kind says with it. Work that comes round by itself has its next turn.
pub(super) async fn fail(cx: &Ctx, kind: Option<&Kind>, lease: &Lease, error: &Error) -> Result<()> {
    let Some(row) = bury(cx, kind, lease, error).await? else { return Ok(()) };
    *cx.shared.get::<Here>().0.lock().unwrap_or_else(PoisonError::into_inner).entry(row.kind.clone()).or_default() += 1;
    metrics::counter!(FAILED, "kind" => row.kind).increment(1);
    Ok(())
}

async fn bury(cx: &Ctx, kind: Option<&Kind>, lease: &Lease, error: &Error) -> Result<Option<job::Model>> {
    let mut tx = cx.begin().await?;
    if let Some(every) = lease.every() {
        let Some(row) = lease.lock(&tx).await? else { return Ok(None) };
        queue::free(&tx, row.id, every, Some(0), Some(error.to_string())).await?;
        tx.commit().await?;
        return Ok(Some(row));
    }
    if let Some(kind) = kind
        && let Some(row) = job::Entity::find_by_id(lease.job()).one(&tx.db()).await?
        && let Err(error) = (kind.failed)(&mut tx, row.payload).await
    {
        if error.code == crate::kernel::error::ErrorCode::Unavailable {
            return Err(error);
        }
        // The job has failed all the same.
        tracing::error!(job.id = %lease.job(), error = ?error, "what follows from a job's failing could not be done");
        drop(tx);
        tx = cx.begin().await?;
    }
    let Some(row) = lease.lock(&tx).await? else { return Ok(None) };
    if let Some(key) = &row.key {
        // One failure of the same work says as much as many.
        job::Entity::delete_many()
            .filter(job::Column::Key.eq(key))
            .filter(job::Column::FailedAt.is_not_null())
            .exec(&tx.db())
            .await?;
    }
    let failed = job::ActiveModel {
        failed_at: Set(Some(cx.clock.now())),
        held: Set(false),
        // The last one may have died, too, which was seen when it was taken once more.
        attempts: Set(row.attempts.min(MAX_ATTEMPTS)),
        again_at: Set(None),
        last_error: Set(Some(error.to_string())),
        ..row.clone().into_active_model()
    };
    job::Entity::update_many().set(failed).filter(job::Column::Id.eq(row.id)).exec(&tx.db()).await?;
    if let Some(at) = row.again_at {
        // It was ordered once more meanwhile, and that order has all its tries before it.
        let again = job::Model {
            id: cx.id(JobId),
            run_at: at,
            held: false,
            lease: 0,
            again_at: None,
            attempts: 0,
            last_error: None,
            ..row.clone()
        };
        job::Entity::insert(again.into_active_model()).exec_without_returning(&tx.db()).await?;
    }
    tx.commit().await?;
    Ok(Some(row))
}

/// The jobs that failed for good, the last first, and how many there are.
///
/// # Errors
/// When the database does not answer.
pub async fn failed(db: &Db<'_>, paging: &Paging) -> Result<Page<job::Model>> {
    let failed = job::Entity::find().filter(job::Column::FailedAt.is_not_null());
    let convert = |micros| chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default().into();
    paging.read(db, failed, (job::Column::FailedAt, job::Column::Id), true, convert).await
}

/// How many jobs have failed for good.
///
/// # Errors
/// When the database does not answer.
pub async fn count_failed(db: &Db<'_>) -> Result<u64> {
    Ok(job::Entity::find().filter(job::Column::FailedAt.is_not_null()).count(db).await?)
}

/// Orders a job that failed anew, with all its tries before it. Where the same work has been ordered since, that order
/// stands for it.
///
/// # Errors
/// `NOT_FOUND` when no job with that id has failed.
pub async fn retry(tx: &mut Tx, id: JobId) -> Result<()> {
    let row = lock_failed(tx, id).await?;
    let ordered = match &row.key {
        Some(key) => job::Entity::find()
            .filter(job::Column::Key.eq(key))
            .filter(job::Column::FailedAt.is_null())
            .one(&tx.db())
            .await?
            .is_some(),
        None => false,
    };
    if ordered {
        job::Entity::delete_by_id(id).exec(&tx.db()).await?;
        return Ok(());
    }
    let cx = tx.cx().clone();
    job::Entity::update_many()
        .col_expr(job::Column::FailedAt, Expr::value(None::<chrono::DateTime<chrono::Utc>>))
        .col_expr(job::Column::Attempts, 0.into())
        .col_expr(job::Column::RunAt, cx.database.now(&cx.clock))
        .filter(job::Column::Id.eq(id))
        .exec(&tx.db())
        .await?;
    tx.hint(Topic::Jobs);
    Ok(())
}

/// Forgets a job that failed.
///
/// # Errors
/// `NOT_FOUND` when no job with that id has failed.
pub async fn discard(tx: &Tx, id: JobId) -> Result<()> {
    lock_failed(tx, id).await?;
    job::Entity::delete_by_id(id).exec(&tx.db()).await?;
    Ok(())
}

/// A job that failed for good.
///
/// # Errors
/// `NOT_FOUND` when no job with that id has failed.
pub async fn find_failed(db: &Db<'_>, id: JobId) -> Result<job::Model> {
    one_failed(id).one(db).await?.ok_or_else(|| Error::not_found("failed job"))
}

async fn lock_failed(tx: &Tx, id: JobId) -> Result<job::Model> {
    for_update(one_failed(id)).one(&tx.db()).await?.ok_or_else(|| Error::not_found("failed job"))
}

fn one_failed(id: JobId) -> Select<job::Entity> {
    job::Entity::find_by_id(id).filter(job::Column::FailedAt.is_not_null())
}

/// Forgets what failed long ago.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_failed(tx: &Tx) -> Result<()> {
    let before = tx.cx().clock.now() - KEPT;
    job::Entity::delete_many().filter(job::Column::FailedAt.lt(before)).exec(&tx.db()).await?;
    Ok(())
}
