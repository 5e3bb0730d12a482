//! Short-lived values and rate limits that all nodes share. Nothing here is worth a backup: what is lost is asked for,
//! computed or announced again.
//!
//! What always holds, for both variants:
//! - Values and limits are apart: the same key may be used for both.
//! - A value is gone after its time, and may be gone earlier when space is short.
//! - [`Scratch::spend_all`] is exact under concurrency, and refuses or grants even while Redis is away: then every node
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

/// Units to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge<'a> {
    /// Of what. A key should always come with the same rate.
    pub key: &'a str,
    /// How much of it there is.
    pub rate: Rate,
    /// How many. 0 asks without spending: it is refused when not even one unit is left.
    pub cost: u32,
}

impl Charge<'_> {
    /// The time in which its units refill, in µs.
    fn value(&self) -> i64 {
        self.rate.interval() * i64::from(self.rate.bounded(self.cost))
    }
}

/// The answer to [`Scratch::spend_all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The units are spent.
    Granted {
        /// Units of the first charge that could be spent now.
        remaining: u32,
    },
    /// Nothing was spent.
    Refused {
        /// The charge that has to wait longest, by its place.
        which: usize,
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

    /// A store that all nodes on the same Redis server with the same prefix share. Fails only if the URL is unusable; a server that does not
    /// answer yet is asked again later.
    pub async fn redis(url: &str, prefix: &str) -> Result<Self> {
        Ok(Self::Redis(RedisScratch::connect(url, prefix).await?))
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

    /// Spends the units of all charges, or nothing if they are not all there. Their keys must differ.
    ///
    /// `now` is the kernel clock's time in µs. This is the generic cell rate algorithm (ITU-T I.371).
    pub async fn spend_all(&self, charges: &[Charge<'_>], now: i64) -> Result<Allowance> {
        match self {
            Self::Memory(scratch) => Ok(scratch.spend_all(charges, now)),
            Self::Redis(scratch) => Ok(scratch.spend_all(charges, now).await),
        }
    }

    /// Gives back units that were spent.
    pub async fn give_back(&self, charges: &[Charge<'_>]) -> Result<()> {
        match self {
            Self::Memory(scratch) => scratch.give_back(charges),
            Self::Redis(scratch) => scratch.give_back(charges).await,
        }
        Ok(())
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

/// What one charge comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Store this, if units were spent; so many are left.
    Enough { store: Option<i64>, remaining: u32 },
    /// Wait so many µs.
    Wait(u64),
}

/// The algorithm, on the stored "theoretical arrival time": when all units will be there again, in µs. Also the text of
/// the Lua script in `redis.rs`.
fn decide(stored: Option<i64>, rate: Rate, cost: u32, now: i64) -> Verdict {
    let (interval, cost) = (rate.interval(), rate.bounded(cost));
    let tolerance = interval * i64::from(rate.burst);
    // Never later than all units spent just now: a clock that was ahead costs one refill at most.
    let full_at = stored.unwrap_or(now).clamp(now, now + tolerance);
    let excess = full_at + interval * i64::from(cost.max(1)) - now - tolerance;
    if excess > 0 {
        return Verdict::Wait(excess.unsigned_abs());
    }
    let full_at = full_at + interval * i64::from(cost);
    let remaining = (tolerance - (full_at - now)) / interval;
    let remaining = u32::try_from(remaining).unwrap_or(rate.burst);
    Verdict::Enough { store: (cost > 0).then_some(full_at), remaining }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per: Duration::from_secs(1) };
    const NOW: i64 = 1_700_000_000_000_000;

    #[test]
    fn a_burst_is_granted_exactly_and_refills_evenly() {
        let mut stored = None;
        let mut spend = |cost, now| match decide(stored, RATE, cost, now) {
            Verdict::Enough { store, remaining } => {
                stored = store.or(stored);
                Ok(remaining)
            }
            Verdict::Wait(micros) => Err(micros),
        };
        assert_eq!(spend(0, NOW), Ok(3));
        assert_eq!(spend(1, NOW), Ok(2));
        assert_eq!(spend(3, NOW), Err(333_333));
        assert_eq!(spend(2, NOW), Ok(0));
        assert_eq!(spend(1, NOW), Err(333_333));
        assert_eq!(spend(0, NOW), Err(333_333));
        assert_eq!(spend(1, NOW + 333_332), Err(1));
        assert_eq!(spend(1, NOW + 333_333), Ok(0));
        assert_eq!(spend(0, NOW + 10_000_000), Ok(3));
    }

    #[test]
    fn a_clock_that_was_ahead_costs_one_refill_at_most() {
        assert_eq!(decide(Some(NOW * 2), RATE, 1, NOW), Verdict::Wait(333_333));
    }

    #[test]
    fn odd_rates_do_no_harm() {
        for per in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for burst in [0, 1, u32::MAX] {
                for cost in [0, 1, u32::MAX] {
                    let verdict = decide(None, Rate { burst, per }, cost, NOW);
                    assert_eq!(matches!(verdict, Verdict::Enough { .. }), cost.max(1) <= burst);
                }
            }
        }
    }
}
