//! Doing jobs: on each node some workers for each lane.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use ::entity::job::{self, Lane};
use futures_util::FutureExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use super::{
    Failure, Kinds, MAX_ATTEMPTS, failures,
    lease::{Held, Lease, UnderWay},
    queue,
};
use crate::{
    kernel::{Ctx, Error, Result},
    ports::bus::Topic,
};

/// How often a worker says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the table is asked without a hint. What becomes due has a timer; this is for hints that got lost.
const POLL: Duration = Duration::from_secs(5);
/// When to look again after others were faster, or the database did not answer.
const SOON: Duration = Duration::from_millis(50);

/// Works until shutdown, and keeps the leases of jobs under way until they have ended.
pub async fn work(cx: Ctx, kinds: Kinds) {
    tokio::select! {
        () = take_turns(&cx, &kinds) => {}
        never = keep_leases(&cx) => match never {},
    }
}

/// Does every job that is due, one after the other, until none is left. For commands and tests.
///
/// # Errors
/// When the database does not answer.
pub async fn drain(cx: &Ctx, kinds: &Kinds) -> Result<()> {
    let all = async {
        let lanes = [Lane::Interactive, Lane::Background, Lane::Bulk].map(|lane| (lane, 1));
        loop {
            let jobs = queue::take(cx, &lanes, &cx.shared.get::<UnderWay>().all()).await?;
            if jobs.is_empty() {
                return Ok(());
            }
            let held: Vec<_> = jobs.into_iter().map(|job| hold(cx, kinds, job)).collect();
            for (job, lease, held) in held {
                perform(cx, kinds, &job, &lease).await;
                drop(held);
            }
        }
    };
    tokio::select! {
        done = all => done,
        never = keep_leases(cx) => match never {},
    }
}

/// The workers of this node.
struct Slots([(Lane, u32, Arc<Semaphore>); 3]);

impl Slots {
    /// Answers wait for models, so there are many; what comes in thousands is to leave room for everything else.
    fn new(workers: usize) -> Self {
        let some = |lane, most: usize| {
            let most = u32::try_from(most.max(1)).unwrap_or(u32::MAX);
            (lane, most, Arc::new(Semaphore::new(most as usize)))
        };
        Self([some(Lane::Interactive, workers), some(Lane::Background, workers / 8), some(Lane::Bulk, workers / 16)])
    }

    /// How many are free in each lane that has any.
    fn free(&self) -> Vec<(Lane, usize)> {
        let free = self.0.iter().map(|(lane, _, slots)| (*lane, slots.available_permits()));
        free.filter(|(_, free)| *free > 0).collect()
    }

    fn occupy(&self, lane: Lane) -> Option<OwnedSemaphorePermit> {
        let (_, _, slots) = self.0.iter().find(|(of, _, _)| *of == lane)?;
        slots.clone().try_acquire_owned().ok()
    }

    /// Returns once nothing is under way.
    async fn all_free(&self) {
        for (_, most, slots) in &self.0 {
            let _ = slots.acquire_many(*most).await;
        }
    }
}

async fn take_turns(cx: &Ctx, kinds: &Kinds) {
    let slots = Slots::new(cx.config.workers);
    let ended = Arc::new(Notify::new());
    let mut hints = cx.bus.listen(&[Topic::Jobs]);
    let stopping = cx.tasks.stopping();
    while !stopping.is_cancelled() {
        let wait = match turn(cx, kinds, &slots, &ended).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(error = ?error, "jobs cannot be read");
                tokio::time::sleep(SOON * 10).await;
                continue;
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            _ = hints.next() => {}
            // There may be more than there were workers, and what ended may come round.
            () = ended.notified() => {}
            () = cx.clock.sleep(wait) => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    slots.all_free().await;
}

/// Begins what is due and has a free worker. Returns how long it is until more is due.
async fn turn(cx: &Ctx, kinds: &Kinds, slots: &Slots, ended: &Arc<Notify>) -> Result<Duration> {
    let mut free = slots.free();
    let lanes: Vec<Lane> = free.iter().map(|(lane, _)| *lane).collect();
    // A look without a lock first: most find nothing, and on SQLite a transaction would wait for the writer.
    let soonest = if lanes.is_empty() { vec![] } else { queue::soonest(cx, &lanes).await? };
    free.retain(|(lane, _)| soonest.iter().any(|(of, wait)| of == lane && *wait <= 0));
    if free.is_empty() {
        let first = soonest.iter().map(|(_, wait)| *wait).min();
        return Ok(first.map_or(POLL, |wait| Duration::from_micros(u64::try_from(wait).unwrap_or_default())));
    }
    let jobs = queue::take(cx, &free, &cx.shared.get::<UnderWay>().all()).await?;
    if jobs.is_empty() {
        tokio::time::sleep(SOON).await;
    }
    for job in jobs {
        let slot = slots.occupy(job.lane);
        let (cx, kinds, ended) = (cx.clone(), kinds.clone(), ended.clone());
        let (job, lease, held) = hold(&cx, &kinds, job);
        let tasks = cx.tasks.clone();
        tasks.spawn(async move {
            perform(&cx, &kinds, &job, &lease).await;
            drop((held, slot));
            ended.notify_one();
        });
    }
    Ok(Duration::ZERO)
}

fn hold(cx: &Ctx, kinds: &Kinds, job: job::Model) -> (job::Model, Lease, Held) {
    // A node of an older version ordered each turn with a key of its own.
    let is_the_one = job.key.as_deref() == Some(&format!("{}:", job.kind));
    let every = kinds.get(&job.kind).and_then(|kind| kind.every).filter(|_| is_the_one);
    let lease = Lease::of(&job, every);
    let held = Held::new(cx, &lease);
    (job, lease, held)
}

async fn perform(cx: &Ctx, kinds: &Kinds, job: &job::Model, lease: &Lease) {
    let stopping = cx.tasks.stopping();
    let span = tracing::info_span!("job", job.kind = %job.kind, job.id = %job.id, attempt = job.attempts);
    async {
        let kind = kinds.get(&job.kind);
        let outcome = match kind {
            _ if job.attempts > MAX_ATTEMPTS => {
                Err(Failure::Fail(Error::internal("each of its workers ended in the middle of it")))
            }
            // A node of a newer version may know it.
            None => Err(Failure::Retry(Error::internal(format!("unknown kind of job {}", job.kind)))),
            Some(kind) => {
                let work = (kind.run)(cx.clone(), job.payload.clone(), lease.clone());
                tokio::select! {
                    done = AssertUnwindSafe(work).catch_unwind() => {
                        done.unwrap_or_else(|_| Err(Failure::Retry(Error::internal("the job panicked"))))
                    }
                    // What comes in thousands holds no node up that stops: another one begins it anew.
                    () = stopping.cancelled(), if job.lane == Lane::Bulk => {
                        if let Err(error) = queue::give_back(cx, lease).await {
                            tracing::warn!(error = ?error, "a job could not be given back");
                        }
                        return;
                    }
                }
            }
        };
        let settled = match outcome {
            Ok(()) if lease.is_ended() => Ok(()),
            Ok(()) => finish(cx, lease).await,
            Err(Failure::Later(error)) => {
                tracing::warn!(error = ?error, "a job waits for what does not answer");
                queue::put_back(cx, lease, &error, false).await
            }
            Err(Failure::Retry(error)) if job.attempts < MAX_ATTEMPTS => {
                tracing::warn!(error = ?error, "job will be tried again");
                queue::put_back(cx, lease, &error, true).await
            }
            Err(Failure::Retry(error) | Failure::Fail(error)) => {
                tracing::error!(error = ?error, "job failed");
                failures::fail(cx, kind, lease, &error).await
            }
        };
        if let Err(error) = settled {
            // Its lease runs out and it is done again; jobs are idempotent.
            tracing::warn!(error = ?error, "a job's end could not be written");
        }
    }
    .instrument(span)
    .await;
}

async fn finish(cx: &Ctx, lease: &Lease) -> Result<()> {
    let tx = cx.begin().await?;
    if !lease.end(&tx).await? {
        tracing::warn!("another worker has the job, whose lease ran out");
        return Ok(());
    }
    tx.commit().await.map(drop)
}

/// Says that this node's workers live, one statement for all of their jobs, as long as anybody works.
async fn keep_leases(cx: &Ctx) -> Infallible {
    let all = cx.shared.get::<UnderWay>();
    let mut last = cx.clock.now();
    loop {
        cx.clock.sleep_until(last + HEARTBEAT).await;
        last = cx.clock.now();
        let jobs = all.all();
        if !jobs.is_empty()
            && let Err(error) = queue::extend(cx, &jobs).await
        {
            tracing::warn!(error = ?error, "the leases of jobs could not be moved on");
        }
    }
}
