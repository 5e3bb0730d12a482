//! The store in Redis.
//!
//! One connection, which is opened when it is needed. After a failure nobody waits for Redis for a second, then one
//! caller tries again; so an outage costs a caller now and then half a second, and everybody else nothing.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, Script, aio::MultiplexedConnection};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::{Allowance, Charge, memory::Limits};
use crate::kernel::error::{Error, ErrorCode, Result};

/// What keys of values and of limits begin with, after the prefix of the nodes.
const VALUES: &str = "value";
const LIMITS: &str = "limit";

/// The longest a call waits for Redis, with or without connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long nobody asks after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// A limit stays for so much longer than it takes to refill, in ms: the nodes' clocks may differ.
const MARGIN: u64 = 10_000;

/// `decide` of `mod.rs` for every key, in one atomic step. Whole numbers up to 2^53 µs (the year 2255) are exact in Lua.
/// Arguments: now, margin; for each key interval, burst, cost. Answers with the place of the key that has to wait longest,
/// from 1, and the µs; or with 0 and the units left of the first.
static SPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local now, margin = tonumber(ARGV[1]), tonumber(ARGV[2])
        local full, which, longest, remaining = {}, 0, 0, 0
        for i, key in ipairs(KEYS) do
            local interval, burst, cost = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
            local tolerance = interval * burst
            local full_at = tonumber(redis.call('GET', key) or now)
            full_at = math.min(math.max(full_at, now), now + tolerance)
            local excess = full_at + interval * math.max(cost, 1) - now - tolerance
            if excess > longest then
                which, longest = i, excess
            end
            full_at = full_at + interval * cost
            full[i] = cost > 0 and full_at
            if i == 1 then
                remaining = math.floor((tolerance - (full_at - now)) / interval)
            end
        end
        if which > 0 then
            return {which, longest}
        end
        for i, key in ipairs(KEYS) do
            if full[i] then
                local lifetime = math.ceil((full[i] - now) / 1000) + margin
                redis.call('SET', key, string.format('%.0f', full[i]), 'PX', string.format('%.0f', lifetime))
            end
        end
        return {0, remaining}
        ",
    )
});

/// Arguments: for each key the µs to give back. A key that is gone has refilled.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        for i, key in ipairs(KEYS) do
            local full_at = redis.call('GET', key)
            if full_at then
                redis.call('SET', key, string.format('%.0f', tonumber(full_at) - tonumber(ARGV[i])), 'KEEPTTL')
            end
        end
        ",
    )
});

/// A store that all nodes on the same Redis server share. Clones share the connection.
#[derive(Clone)]
pub struct RedisScratch(Arc<Inner>);

struct Inner {
    client: Client,
    prefix: Box<str>,
    connection: Mutex<Option<MultiplexedConnection>>,
    gate: Gate,
    /// Counts while Redis is away.
    local: Limits,
}

impl RedisScratch {
    /// Connects; see [`super::Scratch::redis`].
    pub async fn connect(url: &str, prefix: &str) -> Result<Self> {
        let client = Client::open(url).map_err(|error| Error {
            source: Some(Arc::new(error)),
            ..Error::new(
                ErrorCode::InternalServerError,
                "The Redis URL is unusable; it looks like redis://[user:password@]host[:port][/database].",
            )
        })?;
        let inner = Inner {
            client,
            prefix: prefix.into(),
            connection: Mutex::default(),
            gate: Gate::new(),
            local: Limits::default(),
        };
        let scratch = Self(Arc::new(inner));
        // A server that is not there yet was logged, and is asked again later.
        let _ = scratch.health().await;
        Ok(scratch)
    }

    fn key(&self, of: &str, key: &str) -> String {
        format!("{}:{of}:{key}", self.0.prefix)
    }

    /// Keeps a value; see [`super::Scratch::put`].
    pub async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<()> {
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("SET");
        command.arg(self.key(VALUES, key)).arg(&value[..]).arg("PX").arg(millis);
        self.run(async |connection| command.exec_async(connection).await).await
    }

    /// The value, while it lasts.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(VALUES, key));
        self.run(async |connection| command.query_async(connection).await).await
    }

    /// Forgets the value.
    pub async fn remove(&self, key: &str) -> Result<()> {
        let mut command = redis::cmd("DEL");
        command.arg(self.key(VALUES, key));
        self.run(async |connection| command.exec_async(connection).await).await
    }

    /// Spends units; see [`super::Scratch::spend_all`].
    pub async fn spend_all(&self, charges: &[Charge<'_>], now: i64) -> Allowance {
        let mut call = SPEND.prepare_invoke();
        call.arg(now).arg(MARGIN);
        for Charge { key, rate, cost } in charges {
            call.key(self.key(LIMITS, key)).arg(rate.interval()).arg(rate.burst).arg(rate.bounded(*cost));
        }
        match self.run(async |connection| call.invoke_async::<(usize, i64)>(connection).await).await {
            Ok((0, remaining)) => Allowance::Granted { remaining: u32::try_from(remaining).unwrap_or_default() },
            Ok((place, micros)) => {
                Allowance::Refused { which: place - 1, retry_after: Duration::from_micros(micros.unsigned_abs()) }
            }
            Err(_) => self.0.local.spend_all(charges, now),
        }
    }

    /// Gives back units; see [`super::Scratch::give_back`].
    pub async fn give_back(&self, charges: &[Charge<'_>]) {
        let mut call = GIVE_BACK.prepare_invoke();
        for charge in charges {
            call.key(self.key(LIMITS, charge.key)).arg(charge.value());
        }
        if self.run(async |connection| call.invoke_async::<()>(connection).await).await.is_err() {
            self.0.local.give_back(charges);
        }
    }

    /// Asks Redis, unless it failed just now.
    pub async fn health(&self) -> Result<()> {
        self.run(async |connection| redis::cmd("PING").exec_async(connection).await).await
    }

    /// Runs one command, if the gate is open, and within the time that a caller can be asked to wait.
    async fn run<T>(&self, work: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>) -> Result<T> {
        let inner = &*self.0;
        if !inner.gate.enter(Instant::now()) {
            return Err(Error::unavailable("scratch store"));
        }
        let outcome = timeout(CONNECT_TIMEOUT, async {
            let mut connection = inner.connection().await?;
            work(&mut connection).await
        });
        match outcome.await.unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "no answer in time")))) {
            Ok(value) => {
                if inner.gate.open() {
                    tracing::info!("the scratch store answers again");
                }
                Ok(value)
            }
            Err(error) => {
                // Where it failed, nothing waits for long: a lock that is taken means that somebody connects anew.
                if let Ok(mut connection) = inner.connection.try_lock() {
                    *connection = None;
                }
                if inner.gate.close(Instant::now()) {
                    tracing::warn!(error = %error, "the scratch store does not answer; this node limits rates by itself");
                }
                Err(Error { source: Some(Arc::new(error)), ..Error::unavailable("scratch store") })
            }
        }
    }
}

impl Inner {
    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = &*held {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(held.insert(connection).clone())
    }
}

/// Lets callers through while all is well; after a failure one in every [`PAUSE`].
struct Gate {
    begun: Instant,
    /// 0: open. Otherwise closed, until so many ms after `begun`.
    until: AtomicU64,
}

impl Gate {
    fn new() -> Self {
        Self { begun: Instant::now(), until: AtomicU64::new(0) }
    }

    fn enter(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        let again = self.millis(now + PAUSE);
        until == 0
            || (self.millis(now) >= until
                && self.until.compare_exchange(until, again, Ordering::Relaxed, Ordering::Relaxed).is_ok())
    }

    /// Answers whether it was closed.
    fn open(&self) -> bool {
        self.until.load(Ordering::Relaxed) != 0 && self.until.swap(0, Ordering::Relaxed) != 0
    }

    /// Answers whether it was open.
    fn close(&self, now: Instant) -> bool {
        self.until.swap(self.millis(now + PAUSE), Ordering::Relaxed) == 0
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from((at - self.begun).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_caller_a_second_tries_again() {
        let gate = Gate::new();
        let now = Instant::now();
        assert!(gate.enter(now) && gate.enter(now));
        assert!(gate.close(now) && !gate.close(now));
        assert!(!gate.enter(now));
        let later = now + PAUSE;
        assert!(gate.enter(later) && !gate.enter(later));
        assert!(gate.open() && !gate.open());
        assert!(gate.enter(later) && gate.enter(later));
    }
}
