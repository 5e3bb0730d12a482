//! Who holds a job, and how what it does ends.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::entity::{ids::JobId, job};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};

use super::queue::micros;
use crate::{
    kernel::{Ctx, Result, Tx},
    ports::db::for_update,
};

/// What a worker holds while it does a job: nobody else does it as long as the lease is moved on. Whether it is still
/// held, the database alone knows, so it is asked in the transaction that matters.
#[derive(Clone, Debug)]
pub struct Lease {
    job: JobId,
    /// The job's count of leases at the taking: another one's means that somebody else has taken it.
    number: i64,
    /// For work that comes round by itself.
    every: Option<Duration>,
    ended: Arc<AtomicBool>,
}

impl Lease {
    pub(super) fn of(row: &job::Model, every: Option<Duration>) -> Self {
        Self { job: row.id, number: row.lease, every, ended: Arc::default() }
    }

    pub(super) fn job(&self) -> JobId {
        self.job
    }

    pub(super) fn every(&self) -> Option<Duration> {
        self.every
    }

    /// The job's row, locked until the transaction's end; `None` when another worker has the job, or nobody.
    pub(super) async fn lock(&self, tx: &Tx) -> Result<Option<job::Model>> {
        let mine = job::Entity::find_by_id(self.job)
            .filter(job::Column::Lease.eq(self.number))
            .filter(job::Column::Held.eq(true))
            .filter(job::Column::FailedAt.is_null());
        Ok(for_update(mine).one(&tx.db()).await?)
    }

    /// True where this worker still has the job, and then nobody else takes it before the transaction has ended. To be
    /// asked in each transaction that must not be repeated.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn confirm(&self, tx: &Tx) -> Result<bool> {
        Ok(self.lock(tx).await?.is_some())
    }

    /// Ends the job together with what the transaction writes; false when this worker has lost it, and then nothing of
    /// that may be committed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end(&self, tx: &Tx) -> Result<bool> {
        let Some(row) = self.lock(tx).await? else { return Ok(false) };
        let cx = tx.cx();
        let again = match (row.again_at, self.every) {
            (Some(at), _) => Some(Expr::value(at)),
            (None, Some(every)) => Some(cx.database.now(&cx.clock).add(micros(every))),
            (None, None) => None,
        };
        match again {
            Some(at) => {
                job::Entity::update_many()
                    .col_expr(job::Column::RunAt, at)
                    .col_expr(job::Column::AgainAt, Expr::value(None::<i64>))
                    .col_expr(job::Column::Held, false.into())
                    .col_expr(job::Column::Attempts, 0.into())
                    .col_expr(job::Column::LastError, Expr::value(None::<String>))
                    .filter(job::Column::Id.eq(self.job))
                    .exec(&tx.db())
                    .await?;
            }
            None => {
                job::Entity::delete_by_id(self.job).exec(&tx.db()).await?;
            }
        }
        self.ended.store(true, Ordering::Relaxed);
        Ok(true)
    }

    /// True once [`Lease::end`] was called; whether its transaction was committed, its caller knows.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// The jobs under way on this node, by the number of their lease.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<BTreeMap<JobId, i64>>);

impl UnderWay {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<JobId, i64>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn all(&self) -> BTreeMap<JobId, i64> {
        self.with(|jobs| jobs.clone())
    }
}

/// A job's lease is moved on for as long as this lives.
pub(super) struct Held {
    all: Arc<UnderWay>,
    job: JobId,
}

impl Held {
    pub(super) fn new(cx: &Ctx, lease: &Lease) -> Self {
        let all = cx.shared.get::<UnderWay>();
        all.with(|jobs| jobs.insert(lease.job, lease.number));
        Self { all, job: lease.job }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.with(|jobs| jobs.remove(&self.job));
    }
}
