//! Short-lived values and rate limits that all nodes share. Nothing here is worth a backup: what is lost is asked for,
//! computed or announced again.
//!
//! What always holds, for both variants:
//! - Values and limits are apart: the same key may be used for both.
//! - A value is gone after its time, and may be gone earlier when space is short.
//! - [`Scratch::spend`] is exact under concurrency, and refuses or grants even while Redis is away: then every node
//!   counts for itself (neither all open nor all closed).
//! - With Redis away the other calls fail with `UNAVAILABLE`, in half a second at first and at once from then on.

mod memory;
mod redis;

use std::time::Duration;

use bytes::Bytes;

pub use self::{memory::MemoryScratch, redis::RedisScratch};
use crate::kernel::error::Result;

/// Values live at least this long (what Redis can express) …
const MIN_TTL: Duration = Duration::from_millis(1);
/// … and at most this long.
const MAX_TTL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often something may happen: `burst` units at once, and as many again within `per`, evenly spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units that can be spent at once after a rest; 0 allows nothing.
    pub burst: u32,
    /// The time in which `burst` units refill. Counted in whole microseconds per unit, rounded down.
    pub per: Duration,
}

/// The answer to [`Scratch::spend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The units are spent.
    Granted {
        /// Units that could be spent now.
        remaining: u32,
    },
    /// Nothing was spent.
    Refused {
        /// When the same would be granted, if nobody else spends; for a cost above `burst` it never is.
        retry_after: Duration,
    },
}

/// Where short-lived values and rate limits are kept. Clones share them.
#[derive(Clone)]
pub enum Scratch {
    /// In this process.
    Memory(MemoryScratch),
    /// In Redis, for all nodes.
    Redis(RedisScratch),
}

impl Scratch {
    /// A store for one process.
    pub fn memory() -> Self {
        Self::Memory(MemoryScratch::default())
    }

    /// A store that all nodes on the same Redis server share. Fails only if the URL is unusable; a server that does not
    /// answer yet is asked again later.
    pub async fn redis(url: &str) -> Result<Self> {
        Ok(Self::Redis(RedisScratch::connect(url).await?))
    }

    /// Keeps a value for `ttl` (between a millisecond and a year), in place of an earlier one.
    pub async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<()> {
        let ttl = ttl.clamp(MIN_TTL, MAX_TTL);
        match self {
            Self::Memory(scratch) => {
                scratch.put(key, value, ttl);
                Ok(())
            }
            Self::Redis(scratch) => scratch.put(key, value, ttl).await,
        }
    }

    /// The value, while it lasts.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match self {
            Self::Memory(scratch) => Ok(scratch.get(key)),
            Self::Redis(scratch) => scratch.get(key).await,
        }
    }

    /// Forgets the value, if there is one.
    pub async fn remove(&self, key: &str) -> Result<()> {
        match self {
            Self::Memory(scratch) => {
                scratch.remove(key);
                Ok(())
            }
            Self::Redis(scratch) => scratch.remove(key).await,
        }
    }

    /// Spends `cost` units of what `rate` allows for `key`, or nothing if they are not all there.
    ///
    /// `now` is the kernel clock's time in µs. A `cost` of 0 asks without spending: it is refused when not even one
    /// unit is left. A key should always come with the same rate. This is the generic cell rate algorithm (ITU-T I.371).
    pub async fn spend(&self, key: &str, rate: Rate, cost: u32, now: i64) -> Result<Allowance> {
        match self {
            Self::Memory(scratch) => Ok(scratch.spend(key, rate, cost, now)),
            Self::Redis(scratch) => Ok(scratch.spend(key, rate, cost, now).await),
        }
    }

    /// Fails while the store is out of reach.
    pub async fn health(&self) -> Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(scratch) => scratch.health().await,
        }
    }
}

impl Rate {
    /// The time in which one unit refills, in µs; at least 1.
    fn interval(self) -> i64 {
        // At most a year in all, so that no sum overflows and all are exact as 64-bit floats (in Lua).
        let micros = self.per.min(MAX_TTL).as_micros() / u128::from(self.burst.max(1));
        i64::try_from(micros).unwrap_or(i64::MAX).max(1)
    }

    /// The cost to count with: how much more than the burst is asked for makes no difference.
    fn bounded(self, cost: u32) -> u32 {
        cost.min(self.burst.saturating_add(1))
    }
}

/// The algorithm, on the stored "theoretical arrival time": when all units will be there again, in µs. Also the text of
/// the Lua script in `redis.rs`. Answers with the time to store, if units were spent.
fn decide(stored: Option<i64>, rate: Rate, cost: u32, now: i64) -> (Allowance, Option<i64>) {
    let (interval, cost) = (rate.interval(), rate.bounded(cost));
    let tolerance = interval * i64::from(rate.burst);
    // Never later than all units spent just now: a clock that was ahead costs one refill at most.
    let full_at = stored.unwrap_or(now).clamp(now, now + tolerance);
    let excess = full_at + interval * i64::from(cost.max(1)) - now - tolerance;
    if excess > 0 {
        return (Allowance::Refused { retry_after: Duration::from_micros(excess.unsigned_abs()) }, None);
    }
    let full_at = full_at + interval * i64::from(cost);
    let remaining = (tolerance - (full_at - now)) / interval;
    let remaining = u32::try_from(remaining).unwrap_or(rate.burst);
    (Allowance::Granted { remaining }, (cost > 0).then_some(full_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per: Duration::from_secs(1) };
    const NOW: i64 = 1_700_000_000_000_000;

    #[test]
    fn a_burst_is_granted_exactly_and_refills_evenly() {
        let mut stored = None;
        let mut spend = |cost, now| {
            let (allowance, store) = decide(stored, RATE, cost, now);
            stored = store.or(stored);
            allowance
        };
        let refused = |micros| Allowance::Refused { retry_after: Duration::from_micros(micros) };
        assert_eq!(spend(0, NOW), Allowance::Granted { remaining: 3 });
        assert_eq!(spend(1, NOW), Allowance::Granted { remaining: 2 });
        assert_eq!(spend(3, NOW), refused(333_333));
        assert_eq!(spend(2, NOW), Allowance::Granted { remaining: 0 });
        assert_eq!(spend(1, NOW), refused(333_333));
        assert_eq!(spend(0, NOW), refused(333_333));
        assert_eq!(spend(1, NOW + 333_332), refused(1));
        assert_eq!(spend(1, NOW + 333_333), Allowance::Granted { remaining: 0 });
        assert_eq!(spend(0, NOW + 10_000_000), Allowance::Granted { remaining: 3 });
    }

    #[test]
    fn a_clock_that_was_ahead_costs_one_refill_at_most() {
        let (allowance, _) = decide(Some(NOW * 2), RATE, 1, NOW);
        assert_eq!(allowance, Allowance::Refused { retry_after: Duration::from_micros(333_333) });
    }

    #[test]
    fn odd_rates_do_no_harm() {
        for per in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for burst in [0, 1, u32::MAX] {
                for cost in [0, 1, u32::MAX] {
                    let (allowance, _) = decide(None, Rate { burst, per }, cost, NOW);
                    assert_eq!(matches!(allowance, Allowance::Granted { .. }), cost.max(1) <= burst);
                }
            }
        }
    }
}
