//! Background tasks: spawned with the span of their cause, counted, and ended in order.
//!
//! A node ends in these steps, in [`Tasks::drain`] and nowhere else:
//!
//! 1. *Stopping*: nothing new begins. The listener closes, sockets and streams are told to go to another node, no further
//!    job is taken.
//! 2. Work under way ends: requests, jobs, commits. Supporting tasks go on: the bus tells other nodes what happens, texts
//!    are saved.
//! 3. What has not ended in time is cut: connections are closed and jobs dropped, which another node does again.
//! 4. *Finished*: supporting tasks say what is left to say, and end.

use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    task::{AbortHandle, JoinHandle},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// How long work that panicked rests before it begins again.
const REST: Duration = Duration::from_secs(1);

/// How long tasks that were cut may take to notice it.
const CUT: Duration = Duration::from_millis(500);

/// How long supporting tasks may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Spawns tasks and waits for them at the end.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stopping: CancellationToken,
    work: Arc<Group>,
    finished: CancellationToken,
    support: Arc<Group>,
}

impl Tasks {
    /// Runs `work` to its end, also during shutdown (which waits for it, but not for ever).
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.work.spawn(work)
    }

    /// Runs what other work needs as long as there is any: it ends when [`Tasks::finished`] does, or by itself.
    pub fn support(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.support.spawn(work);
    }

    /// Runs work that the server cannot be without, to its end at shutdown. Work that panics begins again: a fault in one
    /// round must not leave a node that answers requests and no longer routes, keeps leases or does jobs.
    pub fn keep<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        work: impl Fn() -> F + Send + 'static,
    ) {
        self.spawn(again(name, REST, self.stopping(), work));
    }

    /// The same for work that other work needs; see [`Tasks::support`].
    pub fn keep_support<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        work: impl Fn() -> F + Send + 'static,
    ) {
        self.support(again(name, REST, self.finished(), work));
    }

    /// Runs `work` until it ends or shutdown begins, whichever is first.
    pub fn spawn_until_shutdown(&self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.stopping.clone();
        self.spawn(async move {
            let _ = shutdown.run_until_cancelled(work).await;
        });
    }

    /// Ends with the beginning of shutdown: nothing new is begun from then on.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Ends when all work has ended after the beginning of shutdown, or was cut.
    pub fn finished(&self) -> CancellationToken {
        self.finished.clone()
    }

    /// Begins the shutdown.
    pub fn stop(&self) {
        self.stopping.cancel();
        self.work.tracker.close();
    }

    /// Begins the shutdown, waits up to `patience` for work under way, cuts what is left of it, and ends what supported
    /// it. Takes `patience` and two and a half seconds at most.
    pub async fn drain(&self, patience: Duration) {
        self.stop();
        if timeout(patience, self.work.tracker.wait()).await.is_err() {
            // Not inside the macro, which evaluates nothing where warnings are not logged.
            let tasks = self.work.abort();
            tracing::warn!(tasks, "work under way did not end in time and is cut");
            let _ = timeout(CUT, self.work.tracker.wait()).await;
        }
        self.finished.cancel();
        self.support.tracker.close();
        if timeout(FAREWELL, self.support.tracker.wait()).await.is_err() {
            self.support.abort();
        }
    }
}

/// Begins work that panicked again, until `end`.
async fn again<F: Future<Output = ()>>(
    name: &'static str,
    rest: Duration,
    end: CancellationToken,
    work: impl Fn() -> F,
) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() && !end.is_cancelled() {
        tracing::error!(task = name, "background work panicked; it begins again");
        tokio::time::sleep(rest).await;
    }
}

/// Tasks that can be waited for and cut together.
#[derive(Debug, Default)]
struct Group {
    tracker: TaskTracker,
    last: AtomicU64,
    running: [Mutex<Running>; SHARDS],
}

/// Tasks come and go by the thousand; so many locks keep them out of each other's way.
const SHARDS: usize = 16;

/// By number; nothing yet for a task that is being spawned.
type Running = HashMap<u64, Option<AbortHandle>>;

/// A task's place among those that run, for as long as it does.
struct Place {
    group: Arc<Group>,
    number: u64,
}

impl Group {
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    fn spawn<T: Send + 'static>(self: &Arc<Self>, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        self.shard(number).insert(number, None);
        let place = Place { group: self.clone(), number };
        let work = work.in_current_span();
        let task = tokio::spawn(self.tracker.track_future(async move {
            let _place = place;
            work.await
        }));
        // It may have ended already.
        if let Some(handle) = self.shard(number).get_mut(&number) {
            *handle = Some(task.abort_handle());
        }
        task
    }

    /// Cuts all that run; returns how many they were.
    fn abort(&self) -> usize {
        let running: Vec<AbortHandle> = (0..SHARDS as u64)
            .flat_map(|shard| self.shard(shard).values().flatten().cloned().collect::<Vec<_>>())
            .collect();
        running.iter().for_each(AbortHandle::abort);
        running.len()
    }

    fn shard(&self, number: u64) -> MutexGuard<'_, Running> {
        let shard = usize::try_from(number % SHARDS as u64).unwrap_or_default();
        self.running[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.group.shard(self.number).remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::atomic::AtomicUsize};

    use super::*;

    #[tokio::test]
    async fn work_that_panics_begins_again() {
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        let work = || async {
            let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
            assert!(round == 2, "a fault");
        };
        again("test", Duration::ZERO, CancellationToken::new(), work).await;
        assert_eq!(ROUNDS.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn what_supports_work_ends_after_it() {
        let tasks = Tasks::default();
        let (stopping, finished) = (tasks.stopping(), tasks.finished());
        let work_ended = CancellationToken::new();
        let seen = work_ended.clone();
        tasks.support(async move {
            finished.cancelled().await;
            assert!(seen.is_cancelled(), "the work had not ended");
        });
        tasks.spawn(async move {
            stopping.cancelled().await;
            tokio::task::yield_now().await;
            work_ended.cancel();
        });
        tasks.drain(Duration::from_secs(60)).await;
        assert!(tasks.finished().is_cancelled());
    }

    #[tokio::test]
    async fn what_does_not_end_is_cut() {
        let tasks = Tasks::default();
        let work = tasks.spawn(pending::<()>());
        tasks.support(pending());
        tasks.drain(Duration::ZERO).await;
        assert!(work.await.is_err_and(|error| error.is_cancelled()));
        assert!(tasks.work.running.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
