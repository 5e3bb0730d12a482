//! Background work that must not be lost: rows in the database, done by any node.
//!
//! What always holds:
//! - A worker that takes a job gets a lease, which it moves on while it works, also while its node is stopping. A worker
//!   that dies stops doing so and another takes the job: a job may run twice. Who ends a job, or writes what must not be
//!   written twice, shows in that very transaction that the lease is still its own ([`Lease`]). Leases, and what is due,
//!   go by the clock of the database.
//! - A key names the work. While a job waits, another order of the same work changes nothing, but that it may be done
//!   earlier; while it is under way, it is done once more afterwards. There is one row for a key that waits or is under
//!   way, and at most one that failed, which blocks nothing.
//! - What comes round by itself ([`Job::EVERY`]) has one row in the whole installation, which is never deleted.
//! - Jobs of one [`Lane`] never wait for those of another.
//! - A job is tried [`MAX_ATTEMPTS`] times, each time later; a try whose worker died counts. Then it has failed: its kind
//!   may say what follows ([`Job::failed`]), and it can be seen, ordered anew and discarded for [`KEPT`].

mod failures;
mod lease;
mod queue;
mod work;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub use ::entity::job::Lane;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};

pub(super) use self::queue::insert;
pub use self::{
    failures::{count_failed, discard, failed, failed_here, find_failed, forget_failed, retry},
    lease::Lease,
    queue::{Figures, figures},
    work::{drain, work},
};
use super::{Ctx, Error, Result, Tx};

/// Tries before a job counts as failed for good.
pub const MAX_ATTEMPTS: i32 = 10;
/// How long a job that failed can be seen.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// An order to do something later.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its stable name.
    const KIND: &'static str;
    /// With which others it shares workers.
    const LANE: Lane;
    /// How long after its end it is done again, for work that comes round by itself.
    const EVERY: Option<Duration> = None;

    /// Names the work, where ordering it twice is ordering it once. Two orders with one key are the same.
    fn key(&self) -> Option<String> {
        None
    }

    /// When it may be done.
    fn due(&self) -> Due {
        Due::Now
    }

    /// Does it. May be called again after a crash.
    fn run(self, cx: Ctx, lease: Lease) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What follows from its failing for good, in the transaction that says so: nobody is to wait for it any more.
    fn failed(self, tx: &mut Tx) -> impl Future<Output = Result<()>> + Send {
        let _ = tx;
        async { Ok(()) }
    }
}

/// When a job may be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// At once.
    #[default]
    Now,
    /// So long after it was ordered, by the clock of the database.
    After(Duration),
    /// At a moment that somebody named.
    At(DateTime<Utc>),
}

/// Why a job was not done.
#[derive(Debug)]
pub enum Failure {
    /// Try again, after a while that grows.
    Retry(Error),
    /// What it needs is away, through no fault of its own: try again later, however often.
    Later(Error),
    /// Trying again is of no use.
    Fail(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.is_transient() { Self::Retry(error) } else { Self::Fail(error) }
    }
}

type Runner = Arc<dyn Fn(Ctx, String, Lease) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;
type Undertaker = Arc<dyn for<'a> Fn(&'a mut Tx, String) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// A kind of job, without its type.
#[derive(Clone)]
struct Kind {
    run: Runner,
    failed: Undertaker,
    every: Option<Duration>,
}

/// The kinds of job this program knows.
#[derive(Clone, Default)]
pub struct Kinds(HashMap<&'static str, Kind>);

impl Kinds {
    /// Adds a kind.
    pub fn with<J: Job>(mut self) -> Self {
        let run: Runner = Arc::new(|cx, payload, lease| {
            async move {
                let job: J = serde_json::from_str(&payload).map_err(|e| Failure::Fail(Error::internal(e)))?;
                job.run(cx, lease).await
            }
            .boxed()
        });
        let failed: Undertaker = Arc::new(|tx, payload| {
            async move {
                let job: J = serde_json::from_str(&payload)?;
                job.failed(tx).await
            }
            .boxed()
        });
        self.0.insert(J::KIND, Kind { run, failed, every: J::EVERY });
        self
    }

    fn get(&self, kind: &str) -> Option<&Kind> {
        self.0.get(kind)
    }
}

/// The key as the row has it: of this kind alone.
fn key_of<J: Job>(job: &J) -> Option<String> {
    let key = if J::EVERY.is_some() { Some(String::new()) } else { job.key() };
    key.map(|key| format!("{}:{key}", J::KIND))
}
