//! Background work that must not be lost: rows in the database, done by any node.
//!
//! A worker takes a due row by moving its `run_at` into the future: the lease. While it works it moves the lease on; a
//! worker that dies stops doing so and another takes the row. So a job may run twice and must be idempotent.

use std::{
    collections::{BTreeSet, HashMap},
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::{ids::JobId, job};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType, OnConflict},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::{Ctx, Error, Result};
use crate::ports::{
    bus::{Heard, Topic},
    db::Db,
};

/// How long a worker may be silent before its job is given to another.
const LEASE: Duration = Duration::from_secs(15);
/// How often it says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the table is asked without a hint, for jobs that become due and hints that got lost.
const POLL: Duration = Duration::from_secs(2);
/// Tries before a job counts as failed for good.
const MAX_ATTEMPTS: i32 = 10;

/// An order to do something later.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its stable name.
    const KIND: &'static str;

    /// At most one job with a key waits at a time.
    fn key(&self) -> Option<String> {
        None
    }

    /// Not before; at once when absent.
    fn due(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Does it. May be called again after a crash.
    fn run(self, cx: Ctx) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why a job was not done.
#[derive(Debug)]
pub enum Failure {
    /// Try again, after a while that grows.
    Retry(Error),
    /// Trying again is of no use.
    Fail(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.is_transient() { Self::Retry(error) } else { Self::Fail(error) }
    }
}

/// Inserts a job unless one with its key waits already.
pub(super) async fn insert<J: Job>(db: &Db<'_>, job: &J, id: JobId, now: DateTime<Utc>) -> Result<()> {
    let row = job::ActiveModel {
        id: Set(id),
        kind: Set(J::KIND.to_owned()),
        key: Set(job.key().map(|key| format!("{}:{key}", J::KIND))),
        payload: Set(serde_json::to_string(job)?),
        run_at: Set(job.due().unwrap_or(now).timestamp_micros()),
        attempts: Set(0),
        failed_at: Set(None),
        last_error: Set(None),
        created_at: Set(now),
    };
    job::Entity::insert(row)
        .on_conflict(OnConflict::column(job::Column::Key).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

type Runner = Arc<dyn Fn(Ctx, String) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// The kinds of job this program knows.
#[derive(Clone, Default)]
pub struct Kinds(HashMap<&'static str, Runner>);

impl Kinds {
    /// Adds a kind.
    pub fn with<J: Job>(mut self) -> Self {
        let run: Runner = Arc::new(|cx, payload| {
            async move {
                let job: J = serde_json::from_str(&payload).map_err(|e| Failure::Fail(Error::internal(e)))?;
                job.run(cx).await
            }
            .boxed()
        });
        self.0.insert(J::KIND, run);
        self
    }
}

/// Works until shutdown; jobs under way are finished (or left to another node when the process ends first).
pub async fn work(cx: Ctx, kinds: Kinds) {
    let slots = Arc::new(Semaphore::new(cx.config.workers));
    let mut hints = cx.bus.listen(&[Topic::Jobs]);
    let stopping = cx.tasks.stopping();
    cx.tasks.spawn(keep_leases(cx.clone()));
    loop {
        let free = slots.available_permits();
        let taken = if free == 0 { Ok(vec![]) } else { take(&cx, free as u64).await };
        let busy = match taken {
            Ok(jobs) => {
                let full = !jobs.is_empty() && jobs.len() == free;
                for job in jobs {
                    let Ok(slot) = slots.clone().acquire_owned().await else { return };
                    let (cx, kinds) = (cx.clone(), kinds.clone());
                    let tasks = cx.tasks.clone();
                    tasks.spawn(async move {
                        perform(&cx, &kinds, job).await;
                        drop(slot);
                        // There may be more than there were slots.
                        cx.bus.wake(&[Topic::Jobs]);
                    });
                }
                full && slots.available_permits() > 0
            }
            Err(error) => {
                tracing::warn!(error = ?error, "jobs cannot be read");
                tokio::time::sleep(Duration::from_secs(1)).await;
                false
            }
        };
        if busy {
            continue;
        }
        let soon = cx.clock.now() + POLL;
        tokio::select! {
            () = stopping.cancelled() => return,
            heard = hints.next() => match heard { Heard::Woken | Heard::Lagged | Heard::Passed(_) => {} },
            () = cx.clock.sleep_until(soon) => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Does every job that is due, one after the other, until none is left. For commands and tests.
pub async fn drain(cx: &Ctx, kinds: &Kinds) -> Result<()> {
    let all = async {
        loop {
            let Some(job) = take(cx, 1).await?.pop() else { return Ok(()) };
            perform(cx, kinds, job).await;
        }
    };
    let kept = async {
        keep_leases(cx.clone()).await;
        pending().await
    };
    tokio::select! {
        done = all => done,
        never = kept => never,
    }
}

/// How many jobs wait or are under way, not counting those failed for good.
pub async fn waiting(cx: &Ctx) -> Result<u64> {
    Ok(job::Entity::find().filter(job::Column::FailedAt.is_null()).count(&cx.db()).await?)
}

/// Takes due jobs by moving their `run_at`.
async fn take(cx: &Ctx, limit: u64) -> Result<Vec<job::Model>> {
    let now = cx.clock.micros();
    let due = job::Entity::find()
        .filter(job::Column::RunAt.lte(now))
        .filter(job::Column::FailedAt.is_null())
        .order_by_asc(job::Column::RunAt)
        .limit(limit);
    // A look without a lock first: most polls find nothing, and on SQLite a transaction would wait for the writer.
    if due.clone().one(&cx.db()).await?.is_none() {
        return Ok(vec![]);
    }
    let tx = cx.begin().await?;
    let mut jobs = due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked).all(&tx.db()).await?;
    for job in &mut jobs {
        job.attempts += 1;
    }
    job::Entity::update_many()
        .col_expr(job::Column::RunAt, (now + LEASE.as_micros() as i64).into())
        .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
        .filter(job::Column::Id.is_in(jobs.iter().map(|job| job.id)))
        .exec(&tx.db())
        .await?;
    tx.commit().await?;
    Ok(jobs)
}

async fn perform(cx: &Ctx, kinds: &Kinds, job: job::Model) {
    let _held = Held::new(cx, job.id);
    let span = tracing::info_span!("job", job.kind = %job.kind, job.id = %job.id, attempt = job.attempts);
    let outcome = match kinds.0.get(job.kind.as_str()) {
        None => Err(Failure::Fail(Error::internal(format!("unknown kind of job {}", job.kind)))),
        Some(run) => {
            let work = std::panic::AssertUnwindSafe(run(cx.clone(), job.payload.clone())).catch_unwind();
            let done = tracing::Instrument::instrument(work, span.clone()).await;
            done.unwrap_or_else(|_| Err(Failure::Retry(Error::internal("the job panicked"))))
        }
    };
    let _entered = span.enter();
    let settled = match outcome {
        Ok(()) => finish(cx, job.id).boxed(),
        Err(Failure::Retry(error)) if job.attempts < MAX_ATTEMPTS => {
            tracing::warn!(error = ?error, "job will be tried again");
            retry(cx, &job, error).boxed()
        }
        Err(Failure::Retry(error) | Failure::Fail(error)) => {
            tracing::error!(error = ?error, "job failed");
            fail(cx, job.id, error).boxed()
        }
    };
    drop(_entered);
    if let Err(error) = settled.await {
        // Its lease runs out and it is done again; jobs are idempotent.
        tracing::warn!(error = ?error, "a job's end could not be written");
    }
}

/// The jobs under way on this node.
#[derive(Default)]
struct UnderWay(Mutex<BTreeSet<JobId>>);

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<JobId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job's lease is moved on for as long as this lives.
struct Held {
    all: Arc<UnderWay>,
    job: JobId,
}

impl Held {
    fn new(cx: &Ctx, job: JobId) -> Self {
        let all = cx.shared.get::<UnderWay>();
        all.lock().insert(job);
        Self { all, job }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.lock().remove(&self.job);
    }
}

/// Says that this node's workers live: one statement for all of their jobs. At shutdown it says so once more.
async fn keep_leases(cx: Ctx) {
    let all = cx.shared.get::<UnderWay>();
    let stopping = cx.tasks.stopping();
    let mut last = false;
    while !last {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = stopping.cancelled() => last = true,
        }
        let jobs: Vec<JobId> = all.lock().iter().copied().collect();
        if !jobs.is_empty()
            && let Err(error) = extend(&cx, jobs).await
        {
            tracing::warn!(error = ?error, "the leases of jobs could not be moved on");
        }
    }
}

async fn extend(cx: &Ctx, jobs: Vec<JobId>) -> Result<()> {
    let tx = cx.begin().await?;
    job::Entity::update_many()
        .col_expr(job::Column::RunAt, (cx.clock.micros() + LEASE.as_micros() as i64).into())
        .filter(job::Column::Id.is_in(jobs))
        .exec(&tx.db())
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn finish(cx: &Ctx, id: JobId) -> Result<()> {
    let tx = cx.begin().await?;
    job::Entity::delete_by_id(id).exec(&tx.db()).await?;
    tx.commit().await?;
    Ok(())
}

async fn retry(cx: &Ctx, job: &job::Model, error: Error) -> Result<()> {
    let wait = Duration::from_secs(1) * 2_u32.saturating_pow(job.attempts.clamp(1, 10).unsigned_abs() - 1);
    let wait = error.retry_after.unwrap_or_default().max(wait);
    set(
        cx,
        job.id,
        [
            (job::Column::RunAt, (cx.clock.micros() + wait.as_micros() as i64).into()),
            (job::Column::LastError, Some(error.to_string()).into()),
        ],
    )
    .await
}

async fn fail(cx: &Ctx, id: JobId, error: Error) -> Result<()> {
    set(
        cx,
        id,
        [
            (job::Column::FailedAt, Some(cx.clock.now()).into()),
            (job::Column::Key, None::<String>.into()),
            (job::Column::LastError, Some(error.to_string()).into()),
        ],
    )
    .await
}

async fn set<const N: usize>(cx: &Ctx, id: JobId, values: [(job::Column, sea_orm::Value); N]) -> Result<()> {
    let tx = cx.begin().await?;
    let mut update = job::Entity::update_many().filter(job::Column::Id.eq(id));
    for (column, value) in values {
        update = update.col_expr(column, Expr::value(value));
    }
    update.exec(&tx.db()).await?;
    tx.commit().await?;
    Ok(())
}
