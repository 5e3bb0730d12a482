//! Background tasks: spawned with the span of their cause, counted, and ended at shutdown.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// How long work that panicked rests before it begins again.
const REST: Duration = Duration::from_secs(1);

/// Spawns tasks and waits for them at the end.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

impl Tasks {
    /// Runs `work` to its end, also during shutdown (which waits for it).
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        tokio::spawn(self.tracker.track_future(work.in_current_span()))
    }

    /// Runs work that the server cannot be without, to its end at shutdown. Work that panics begins again: a fault in one
    /// round must not leave a node that answers requests and no longer routes, keeps leases or does jobs.
    pub fn keep<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        work: impl Fn() -> F + Send + 'static,
    ) {
        self.keep_with(REST, name, work);
    }

    fn keep_with<F: Future<Output = ()> + Send + 'static>(
        &self,
        rest: Duration,
        name: &'static str,
        work: impl Fn() -> F + Send + 'static,
    ) {
        let stopping = self.stopping();
        self.spawn(async move {
            while AssertUnwindSafe(work()).catch_unwind().await.is_err() && !stopping.is_cancelled() {
                tracing::error!(task = name, "background work panicked; it begins again");
                tokio::time::sleep(rest).await;
            }
        });
    }

    /// Runs `work` until it ends or shutdown begins, whichever is first.
    pub fn spawn_until_shutdown(&self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.spawn(async move {
            let _ = shutdown.run_until_cancelled(work).await;
        });
    }

    /// Ends with the beginning of shutdown.
    pub fn stopping(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Begins the shutdown: what was spawned until shutdown ends.
    pub fn stop(&self) {
        self.shutdown.cancel();
        self.tracker.close();
    }

    /// Begins the shutdown and waits for everything that was spawned.
    pub async fn drain(&self) {
        self.stop();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_panics_begins_again() {
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        let tasks = Tasks::default();
        tasks.keep_with(Duration::ZERO, "test", || async {
            let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
            assert!(round == 2, "a fault");
        });
        tasks.tracker.close();
        tasks.tracker.wait().await;
        assert_eq!(ROUNDS.load(Ordering::Relaxed), 3);
    }
}
