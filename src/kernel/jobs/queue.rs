//! The table of jobs: ordering, taking, putting back.

use std::{collections::BTreeMap, time::Duration};

use ::entity::{
    ids::JobId,
    job::{self, Lane},
};
use rand::Rng;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, Iterable, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Alias, Expr, LockBehavior, LockType, OnConflict, Query},
};

use super::{Due, Job, key_of, lease::Lease};
use crate::kernel::{Ctx, Error, Result, Tx};

/// How long a worker may be silent before its job is given to another.
const LEASE: Duration = Duration::from_secs(15);
/// The first wait before another try; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The wait for what is away.
const LATER: Duration = Duration::from_secs(20);
/// Workers that may have died over a job before it waits as if it had failed. The first is no fault of the job, and
/// somebody may be waiting.
const DEATHS: i32 = 1;

/// The database's unit of time.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

/// Orders a job; see the [module](super) for what its key does.
pub(in crate::kernel) async fn insert<J: Job>(tx: &Tx, job: &J) -> Result<()> {
    use job::Column::{AgainAt, Attempts, CreatedAt, FailedAt, Held, Id, Key, Kind, Lane, Lease, Payload, RunAt};
    let cx = tx.cx();
    let now = cx.database.now(&cx.clock);
    let run_at = match job.due() {
        Due::Now => now,
        Due::After(wait) => now.add(micros(wait)),
        Due::At(moment) => Expr::value(moment.timestamp_micros()),
    };
    let values: [(job::Column, Expr); 10] = [
        (Id, cx.id(JobId).into()),
        (Kind, J::KIND.into()),
        (Lane, Expr::value(J::LANE.to_value())),
        (Key, Expr::value(key_of(job))),
        (Payload, serde_json::to_string(job)?.into()),
        (RunAt, run_at),
        (Held, false.into()),
        (Lease, Expr::value(0_i64)),
        (Attempts, 0.into()),
        (CreatedAt, Expr::value(cx.clock.now())),
    ];
    let mut order = Query::insert();
    let (columns, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    order.into_table(job::Entity).columns(columns).values(values).map_err(Error::internal)?;
    let again = "CASE WHEN job.held AND (job.again_at IS NULL OR excluded.run_at < job.again_at) \
                 THEN excluded.run_at ELSE job.again_at END";
    // A job that failed waits as long as it has to, whoever orders it meanwhile.
    let earlier = "CASE WHEN NOT job.held AND job.attempts = 0 AND excluded.run_at < job.run_at \
                   THEN excluded.run_at ELSE job.run_at END";
    let known = OnConflict::column(Key)
        .target_and_where(FailedAt.is_null())
        .value(AgainAt, Expr::cust(again))
        .value(RunAt, Expr::cust(earlier))
        .to_owned();
    tx.db().execute(order.on_conflict(known)).await?;
    Ok(())
}

/// How long it is until the first job of each lane is due; nothing for a lane without jobs.
pub(super) async fn soonest(cx: &Ctx, lanes: &[Lane]) -> Result<Vec<(Lane, i64)>> {
    let mut ask = Query::select();
    for lane in lanes {
        let first = Query::select()
            .expr(Expr::col(job::Column::RunAt).min())
            .from(job::Entity)
            .and_where(job::Column::Lane.eq(*lane))
            .and_where(job::Column::FailedAt.is_null())
            .take();
        let wait = Expr::SubQuery(None, Box::new(first.into())).sub(cx.database.now(&cx.clock));
        ask.expr_as(wait, Alias::new(lane.to_value()));
    }
    let Some(row) = cx.db().query_one(&ask).await? else { return Ok(vec![]) };
    let mut soonest = Vec::with_capacity(lanes.len());
    for lane in lanes {
        soonest.extend(row.try_get::<Option<i64>>("", &lane.to_value())?.map(|wait| (*lane, wait)));
    }
    Ok(soonest)
}

/// Takes jobs that are due, at most so many of each lane, but none that is under way here: a lease that ran out because
/// the database did not answer is no reason to do a job twice.
pub(super) async fn take(cx: &Ctx, wanted: &[(Lane, usize)], here: &BTreeMap<JobId, i64>) -> Result<Vec<job::Model>> {
    let now = || cx.database.now(&cx.clock);
    let tx = cx.begin().await?;
    let mut taken = vec![];
    for (lane, most) in wanted {
        let due: Vec<(JobId, bool, i32)> = job::Entity::find()
            .select_only()
            .columns([job::Column::Id, job::Column::Held, job::Column::Attempts])
            .filter(job::Column::Lane.eq(*lane))
            .filter(job::Column::FailedAt.is_null())
            .filter(Expr::col(job::Column::RunAt).lte(now()))
            .order_by_asc(job::Column::RunAt)
            .limit((most + here.len()) as u64)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_tuple()
            .all(&tx.db())
            .await?;
        let others = due.into_iter().filter(|(id, _, _)| !here.contains_key(id)).take(*most);
        // One of those that were under way when their worker died may have killed it. They come back one by one, so that
        // the others are done meanwhile.
        let (suspects, ready): (Vec<_>, Vec<_>) = others.partition(|(_, held, tries)| *held && *tries > DEATHS);
        for (id, _, tries) in suspects {
            free(&tx, id, backoff(tries), None, None).await?;
        }
        let ids: Vec<JobId> = ready.into_iter().map(|(id, _, _)| id).collect();
        if ids.is_empty() {
            continue;
        }
        let mut rows = job::Entity::update_many()
            .col_expr(job::Column::RunAt, now().add(micros(LEASE)))
            .col_expr(job::Column::Held, true.into())
            .col_expr(job::Column::Lease, Expr::col(job::Column::Lease).add(1))
            .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
            .filter(job::Column::Id.is_in(ids.iter().copied()))
            .exec_with_returning(&tx.db())
            .await?;
        rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
        taken.append(&mut rows);
    }
    tx.commit().await?;
    Ok(taken)
}

/// Moves the leases of jobs on that are still held. A row that somebody has locked is about to change anyway, and nobody
/// takes it meanwhile.
pub(super) async fn extend(cx: &Ctx, jobs: &BTreeMap<JobId, i64>) -> Result<()> {
    let tx = cx.begin().await?;
    let mine: Vec<(JobId, i64)> = job::Entity::find()
        .select_only()
        .columns([job::Column::Id, job::Column::Lease])
        .filter(job::Column::Id.is_in(jobs.keys().copied()))
        .filter(job::Column::Held.eq(true))
        .filter(job::Column::FailedAt.is_null())
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(&tx.db())
        .await?;
    let mine: Vec<JobId> =
        mine.into_iter().filter(|(id, lease)| jobs.get(id) == Some(lease)).map(|(id, _)| id).collect();
    if mine.is_empty() {
        return Ok(());
    }
    job::Entity::update_many()
        .col_expr(job::Column::RunAt, cx.database.now(&cx.clock).add(micros(LEASE)))
        .filter(job::Column::Id.is_in(mine))
        .exec(&tx.db())
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Puts a job back after a try. With `counted` the try counts towards those it has.
pub(super) async fn put_back(cx: &Ctx, lease: &Lease, error: &Error, counted: bool) -> Result<()> {
    let tx = cx.begin().await?;
    let Some(row) = lease.lock(&tx).await? else { return Ok(()) };
    let (wait, attempts) =
        if counted { (backoff(row.attempts), row.attempts) } else { (spread(LATER), row.attempts - 1) };
    let wait = error.retry_after.unwrap_or_default().max(wait);
    free(&tx, row.id, wait, Some(attempts), Some(error.to_string())).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts a job back as if it had not been taken.
pub(super) async fn give_back(cx: &Ctx, lease: &Lease) -> Result<()> {
    let tx = cx.begin().await?;
    let Some(row) = lease.lock(&tx).await? else { return Ok(()) };
    free(&tx, row.id, Duration::ZERO, Some(row.attempts - 1), None).await?;
    tx.commit().await?;
    Ok(())
}

/// Lets a job that is locked by the transaction wait for another worker.
pub(super) async fn free(
    tx: &Tx,
    id: JobId,
    wait: Duration,
    attempts: Option<i32>,
    error: Option<String>,
) -> Result<()> {
    let cx = tx.cx();
    let mut update = job::Entity::update_many()
        .col_expr(job::Column::RunAt, cx.database.now(&cx.clock).add(micros(wait)))
        .col_expr(job::Column::Held, false.into())
        .filter(job::Column::Id.eq(id));
    if let Some(attempts) = attempts {
        update = update.col_expr(job::Column::Attempts, attempts.into());
    }
    if let Some(error) = error {
        update = update.col_expr(job::Column::LastError, error.into());
    }
    update.exec(&tx.db()).await?;
    Ok(())
}

/// How long to wait after the try of this number.
fn backoff(attempt: i32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempt.clamp(1, 31).unsigned_abs() - 1);
    spread(FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT))
}

/// From half of a wait to all of it, so that what failed together does not come back together.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// The jobs of one lane, for those who run the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// That wait or are under way.
    pub waiting: u64,
    /// How long the one that has been due for longest waits for a worker.
    pub oldest: Duration,
    /// That failed and were not ordered anew or discarded.
    pub failed: u64,
}

/// How much work there is.
///
/// # Errors
/// When the database does not answer.
pub async fn figures(cx: &Ctx) -> Result<BTreeMap<Lane, Figures>> {
    let mut all = BTreeMap::new();
    for (lane, wait) in soonest(cx, &Lane::iter().collect::<Vec<_>>()).await? {
        let oldest = Duration::from_micros(u64::try_from(-wait).unwrap_or_default());
        all.insert(lane, Figures { oldest, ..Figures::default() });
    }
    for lane in Lane::iter() {
        let of = job::Entity::find().filter(job::Column::Lane.eq(lane));
        let figures: &mut Figures = all.entry(lane).or_default();
        figures.waiting = of.clone().filter(job::Column::FailedAt.is_null()).count(&cx.db()).await?;
        figures.failed = of.filter(job::Column::FailedAt.is_not_null()).count(&cx.db()).await?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_differ() {
        for (attempt, longest) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (31, 300), (i32::MAX, 300)] {
            for _ in 0..50 {
                let wait = backoff(attempt);
                assert!(wait <= Duration::from_secs(longest) && wait * 2 >= Duration::from_secs(longest), "{wait:?}");
            }
        }
        let some: std::collections::BTreeSet<Duration> = (0..20).map(|_| backoff(5)).collect();
        assert!(some.len() > 1);
    }
}
