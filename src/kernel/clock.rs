//! The one source of time and of identifiers. Tests set it; nothing else in the program reads the wall clock.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::watch;
use uuid::Uuid;

/// Tells the time, in UTC and whole microseconds (what both databases keep).
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Set in tests: the time stands until it is moved.
    manual: Option<Arc<watch::Sender<DateTime<Utc>>>>,
    /// How far the machine's clock is wrong, for tests of nodes that disagree.
    wrong_by: TimeDelta,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `at` until it is moved.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self { manual: Some(Arc::new(watch::Sender::new(at.trunc_subsecs(6)))), ..Self::default() }
    }

    /// The machine's clock, wrong by so much: a node on which nobody keeps it right.
    pub fn wrong_by(offset: TimeDelta) -> Self {
        Self { wrong_by: offset, ..Self::default() }
    }

    /// True for a clock that stands until it is moved.
    pub fn is_set(&self) -> bool {
        self.manual.is_some()
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.manual {
            Some(at) => *at.borrow(),
            None => (Utc::now() + self.wrong_by).trunc_subsecs(6),
        }
    }

    /// The present moment in microseconds since 1970.
    pub fn micros(&self) -> i64 {
        self.now().timestamp_micros()
    }

    /// Moves a manual clock forward and wakes what sleeps on it. Does nothing to the system clock.
    pub fn advance(&self, by: Duration) {
        if let Some(at) = &self.manual {
            at.send_modify(|at| *at += by);
        }
    }

    /// Returns once `at` has come.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        match &self.manual {
            Some(clock) => {
                let mut moved = clock.subscribe();
                // The sender lives as long as `self`, so waiting cannot fail.
                let _ = moved.wait_for(|now| *now >= at).await;
            }
            None => tokio::time::sleep((at - self.now()).to_std().unwrap_or_default()).await,
        }
    }

    /// Returns after `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// A new identifier: UUID version 7 (RFC 9562), so that later ones sort after earlier ones.
    pub fn uuid(&self) -> Uuid {
        let now = self.now();
        let time =
            uuid::Timestamp::from_unix(uuid::NoContext, now.timestamp().unsigned_abs(), now.timestamp_subsec_nanos());
        Uuid::new_v7(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_a_manual_clock_passes_their_time() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let sleeper = clock.clone();
        let task = async move { sleeper.sleep(Duration::from_secs(60)).await };
        let mover = clock.clone();
        tokio::join!(task, async move {
            tokio::task::yield_now().await;
            mover.advance(Duration::from_secs(60));
        });
        assert_eq!(clock.micros(), 60_000_000);
    }
}
