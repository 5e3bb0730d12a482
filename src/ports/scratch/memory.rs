//! The store within one process: a bounded cache of values, and a bounded table of rate limits.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use moka::{Expiry, policy::EvictionPolicy, sync::Cache};

use super::{Allowance, Charge, Verdict, decide};

/// The room for values with their keys, in bytes; the least recently used go first.
const VALUE_BYTES: u64 = 64 * 1024 * 1024;

/// What an entry costs beside its key and value, in bytes (about).
const ENTRY_BYTES: usize = 256;

const SHARDS: usize = 64;

/// Limits of one shard; about 100,000 in all.
const SHARD_LIMITS: usize = 1600;

/// A store for one process. Clones share it.
#[derive(Clone)]
pub struct MemoryScratch {
    values: Cache<Arc<str>, Value>,
    limits: Arc<Limits>,
}

#[derive(Clone)]
struct Value {
    bytes: Bytes,
    ttl: Duration,
}

struct Ttl;

impl Expiry<Arc<str>, Value> for Ttl {
    fn expire_after_create(&self, _: &Arc<str>, value: &Value, _: Instant) -> Option<Duration> {
        Some(value.ttl)
    }

    fn expire_after_update(&self, _: &Arc<str>, value: &Value, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(value.ttl)
    }
}

impl Default for MemoryScratch {
    fn default() -> Self {
        let values = Cache::builder()
            .max_capacity(VALUE_BYTES)
            .weigher(|key: &Arc<str>, value: &Value| {
                u32::try_from(key.len() + value.bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            // The default policy may turn a new entry away; here the new ones matter.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Ttl)
            .build();
        Self { values, limits: Arc::default() }
    }
}

impl MemoryScratch {
    /// Keeps a value; see [`super::Scratch::put`].
    pub fn put(&self, key: &str, value: Bytes, ttl: Duration) {
        self.values.insert(key.into(), Value { bytes: value, ttl });
    }

    /// The value, while it lasts.
    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.values.get(key).map(|value| value.bytes)
    }

    /// Forgets the value.
    pub fn remove(&self, key: &str) {
        self.values.invalidate(key);
    }

    /// Spends units; see [`super::Scratch::spend_all`].
    pub fn spend_all(&self, charges: &[Charge<'_>], now: i64) -> Allowance {
        self.limits.spend_all(charges, now)
    }

    /// Gives back units; see [`super::Scratch::give_back`].
    pub fn give_back(&self, charges: &[Charge<'_>]) {
        self.limits.give_back(charges);
    }
}

/// For each key, when all its units will be there again, in µs. A key whose time has come is as good as absent.
pub(super) struct Limits {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

type Shard = HashMap<Box<str>, i64>;

impl Default for Limits {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Limits {
    pub(super) fn spend_all(&self, charges: &[Charge<'_>], now: i64) -> Allowance {
        let numbers: Vec<usize> = charges.iter().map(|charge| self.shard_of(charge.key)).collect();
        let mut wanted = numbers.clone();
        // All in one order, so that no two callers wait for each other.
        wanted.sort_unstable();
        wanted.dedup();
        let mut held: Vec<_> = wanted.iter().map(|number| self.lock(*number)).collect();
        let place = |number: &usize| wanted.binary_search(number).unwrap_or_default();
        let mut to_store = Vec::with_capacity(charges.len());
        let mut longest: Option<(u64, usize)> = None;
        let mut first = 0;
        for (which, (charge, number)) in charges.iter().zip(&numbers).enumerate() {
            let stored = held[place(number)].get(charge.key).copied();
            match decide(stored, charge.rate, charge.cost, now) {
                Verdict::Enough { store, remaining } => {
                    to_store.push(store);
                    if which == 0 {
                        first = remaining;
                    }
                }
                Verdict::Wait(micros) if longest.is_none_or(|(most, _)| micros > most) => {
                    longest = Some((micros, which));
                }
                Verdict::Wait(_) => {}
            }
        }
        if let Some((micros, which)) = longest {
            return Allowance::Refused { which, retry_after: Duration::from_micros(micros) };
        }
        for ((charge, number), store) in charges.iter().zip(&numbers).zip(to_store) {
            if let Some(full_at) = store {
                put(&mut held[place(number)], charge.key, full_at, now);
            }
        }
        Allowance::Granted { remaining: first }
    }

    pub(super) fn give_back(&self, charges: &[Charge<'_>]) {
        for charge in charges {
            if let Some(full_at) = self.lock(self.shard_of(charge.key)).get_mut(charge.key) {
                *full_at -= charge.value();
            }
        }
    }

    fn shard_of(&self, key: &str) -> usize {
        // Below 64.
        (self.hasher.hash_one(key) % SHARDS as u64) as usize
    }

    /// Nothing panics while a lock is held.
    fn lock(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(limits: &mut Shard, key: &str, full_at: i64, now: i64) {
    if let Some(stored) = limits.get_mut(key) {
        *stored = full_at;
        return;
    }
    if limits.len() >= SHARD_LIMITS {
        make_room(limits, now);
    }
    limits.insert(key.into(), full_at);
}

/// Drops what has refilled; if that is less than half, also what is closest to it, down to half. So the work of going
/// through a shard is spread over half a shard of new keys.
fn make_room(limits: &mut Shard, now: i64) {
    limits.retain(|_, full_at| *full_at > now);
    if limits.len() > SHARD_LIMITS / 2 {
        let mut times: Vec<i64> = limits.values().copied().collect();
        let middle = times.len() - SHARD_LIMITS / 2;
        let (_, &mut threshold, _) = times.select_nth_unstable(middle);
        // All that last longer than the threshold stay; of those that end with it, as many as there is room for.
        let longer = limits.values().filter(|full_at| **full_at > threshold).count();
        let mut spare = (SHARD_LIMITS / 2).saturating_sub(longer);
        limits.retain(|_, full_at| {
            let tie = *full_at == threshold && spare > 0;
            spare -= usize::from(tie);
            *full_at > threshold || tie
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::scratch::Rate;

    const RATE: Rate = Rate { burst: 1, per: Duration::from_secs(60) };

    #[test]
    fn the_table_of_limits_is_bounded_and_keeps_those_that_need_longest() {
        let limits = Limits::default();
        let strict = Rate { burst: 1, per: Duration::from_secs(3600) };
        let spend = |key: &str, rate| limits.spend_all(&[Charge { key, rate, cost: 1 }], 0);
        spend("strict", strict);
        for number in 0..300_000 {
            spend(&format!("key {number}"), RATE);
        }
        let kept: usize = limits.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!((SHARDS * SHARD_LIMITS / 2..=SHARDS * SHARD_LIMITS).contains(&kept), "{kept}");
        assert!(matches!(spend("strict", strict), Allowance::Refused { .. }));
    }

    #[test]
    fn limits_that_have_refilled_make_room_first() {
        let mut limits: HashMap<Box<str>, i64> = (0..1600).map(|n| (n.to_string().into(), n)).collect();
        make_room(&mut limits, 1000);
        assert_eq!(limits.len(), 599);
        assert!(limits.values().all(|full_at| *full_at > 1000));
    }

    #[test]
    fn values_are_bounded_by_their_size_and_new_ones_get_in() {
        let scratch = MemoryScratch::default();
        for number in 0..200 {
            scratch.put(&number.to_string(), Bytes::from(vec![0; 1024 * 1024]), Duration::from_secs(60));
            assert!(scratch.get(&number.to_string()).is_some());
        }
        scratch.values.run_pending_tasks();
        assert!(scratch.values.weighted_size() <= VALUE_BYTES);
        assert!(scratch.get("199").is_some());
        assert!(scratch.get("0").is_none());
    }
}
