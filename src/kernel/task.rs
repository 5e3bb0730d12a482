//! Background tasks: spawned with the span of their cause, counted, and ended at shutdown.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

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
