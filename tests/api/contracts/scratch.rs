//! What `ports::scratch` promises, on each of its variants. Redis where `TEST_REDIS_URL` is set; the test that harms
//! the server starts one of its own.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail the test")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};
use yanit::{
    kernel::{clock::Clock, error::ErrorCode},
    ports::scratch::{Allowance, Charge, Rate, Scratch},
};

use super::bus::{OwnRedis, redis_url, until};

const NOW: i64 = 1_790_000_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);

/// A key of this run only: the server may be in use.
fn key(name: &str) -> String {
    format!("test:{}:{name}", Clock::system().uuid())
}

async fn spend(scratch: &Scratch, key: &str, rate: Rate, cost: u32, now: i64) -> Allowance {
    scratch.spend_all(&[Charge { key, rate, cost }], now).await.unwrap()
}

async fn keeps_values(scratch: &Scratch) {
    let (a, b) = (key("a"), key("b"));
    assert_eq!(scratch.get(&a).await.unwrap(), None);
    let value = Bytes::from_static(b"\0not text\xff");
    scratch.put(&a, value.clone(), HOUR).await.unwrap();
    scratch.put(&b, Bytes::new(), HOUR).await.unwrap();
    assert_eq!(scratch.get(&a).await.unwrap(), Some(value));
    assert_eq!(scratch.get(&b).await.unwrap(), Some(Bytes::new()));
    scratch.remove(&b).await.unwrap();
    scratch.remove(&b).await.unwrap();
    assert_eq!(scratch.get(&b).await.unwrap(), None);

    // The last value and the last time count, whichever way.
    scratch.put(&a, Bytes::from_static(b"short"), Duration::from_millis(50)).await.unwrap();
    scratch.put(&b, Bytes::from_static(b"short"), Duration::from_millis(50)).await.unwrap();
    scratch.put(&b, Bytes::from_static(b"long"), HOUR).await.unwrap();
    until("the value is gone", async || scratch.get(&a).await.unwrap().is_none()).await;
    assert_eq!(scratch.get(&b).await.unwrap(), Some(Bytes::from_static(b"long")));
    scratch.put(&a, Bytes::from_static(b"at once"), Duration::ZERO).await.unwrap();
    until("the value is gone", async || scratch.get(&a).await.unwrap().is_none()).await;
    scratch.put(&a, Bytes::from_static(b"forever"), Duration::MAX).await.unwrap();
    assert!(scratch.get(&a).await.unwrap().is_some());

    // Values and limits do not meet.
    let rate = Rate { burst: 1, per: HOUR };
    assert_eq!(spend(scratch, &b, rate, 1, NOW).await, Allowance::Granted { remaining: 0 });
    assert_eq!(scratch.get(&b).await.unwrap(), Some(Bytes::from_static(b"long")));
    for key in [a, b] {
        scratch.remove(&key).await.unwrap();
    }
}

async fn limits_exactly(scratch: &Scratch) {
    let key = key("concurrent");
    let rate = Rate { burst: 20, per: Duration::from_secs(60) };
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (scratch, key) = (scratch.clone(), key.clone());
        callers.spawn(async move { spend(&scratch, &key, rate, 1, NOW).await });
    }
    let answers = callers.join_all().await;
    let mut granted: Vec<u32> = answers
        .iter()
        .filter_map(|answer| match answer {
            Allowance::Granted { remaining } => Some(*remaining),
            Allowance::Refused { retry_after, which } => {
                assert_eq!(*which, 0);
                assert_eq!(*retry_after, Duration::from_secs(3));
                None
            }
        })
        .collect();
    granted.sort_unstable();
    assert_eq!(granted, (0..20).collect::<Vec<_>>());

    let refused = Allowance::Refused { which: 0, retry_after: Duration::from_secs(3) };
    assert_eq!(spend(scratch, &key, rate, 0, NOW).await, refused);
    assert_eq!(spend(scratch, &key, rate, 0, NOW + 3_000_000).await, Allowance::Granted { remaining: 1 });
    assert_eq!(spend(scratch, &key, rate, 1, NOW + 3_000_000).await, Allowance::Granted { remaining: 0 });
}

async fn spends_all_or_nothing(scratch: &Scratch) {
    let (few, many) = (key("few"), key("many"));
    let (few_rate, many_rate) = (Rate { burst: 2, per: HOUR }, Rate { burst: 10, per: HOUR });
    let both = [Charge { key: &many, rate: many_rate, cost: 3 }, Charge { key: &few, rate: few_rate, cost: 1 }];
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (scratch, few, many) = (scratch.clone(), few.clone(), many.clone());
        callers.spawn(async move {
            let both = [Charge { key: &many, rate: many_rate, cost: 3 }, Charge { key: &few, rate: few_rate, cost: 1 }];
            scratch.spend_all(&both, NOW).await.unwrap()
        });
    }
    let answers = callers.join_all().await;
    let refused = Allowance::Refused { which: 1, retry_after: HOUR / 2 };
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 6, "{answers:?}");
    // Who was refused has not spent anything: of ten, three and three are gone.
    assert_eq!(spend(scratch, &many, many_rate, 4, NOW).await, Allowance::Granted { remaining: 0 });
    let longest = Allowance::Refused { which: 0, retry_after: HOUR / 10 * 3 };
    assert_eq!(scratch.spend_all(&[both[0], Charge { key: &key("other"), ..both[1] }], NOW).await.unwrap(), longest);

    scratch.give_back(&[both[0], both[1]]).await.unwrap();
    assert_eq!(scratch.spend_all(&both, NOW).await.unwrap(), Allowance::Granted { remaining: 0 });
    // More than was ever there is not to be had by giving back.
    for _ in 0..9 {
        scratch.give_back(&both).await.unwrap();
    }
    scratch.give_back(&[Charge { key: &key("nobody's"), ..both[0] }]).await.unwrap();
    assert_eq!(spend(scratch, &many, many_rate, 0, NOW).await, Allowance::Granted { remaining: 10 });
}

#[tokio::test]
async fn a_store_in_memory_keeps_the_promises() {
    let scratch = Scratch::memory();
    keeps_values(&scratch).await;
    limits_exactly(&scratch).await;
    spends_all_or_nothing(&scratch).await;
    scratch.health().await.unwrap();
}

#[tokio::test]
async fn a_store_in_redis_keeps_the_promises() {
    let Some(url) = redis_url() else { return };
    let scratch = Scratch::redis(&url, "yanit").await.unwrap();
    keeps_values(&scratch).await;
    limits_exactly(&scratch).await;
    spends_all_or_nothing(&scratch).await;
    scratch.health().await.unwrap();
}

#[tokio::test]
async fn both_stores_count_alike() {
    let Some(url) = redis_url() else { return };
    let (memory, redis) = (Scratch::memory(), Scratch::redis(&url, "yanit").await.unwrap());
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..50 {
        let key = key("alike");
        let burst = [0, 1, 3, 10, 1000, u32::MAX][random.random_range(0..6)];
        let per = Duration::from_micros([0, 1, 1_000_000, 60_000_000, u64::MAX][random.random_range(0..5)]);
        let rate = Rate { burst, per };
        let mut now = NOW;
        for _ in 0..40 {
            let cost = [0, 1, 2, burst / 2, burst, u32::MAX][random.random_range(0..6)];
            let expected = spend(&memory, &key, rate, cost, now).await;
            let given = spend(&redis, &key, rate, cost, now).await;
            assert_eq!(given, expected, "{rate:?} cost {cost} at {now}");
            // Clocks also go back.
            now += random.random_range(-1000..500_000);
        }
    }
}

#[tokio::test]
async fn without_redis_the_node_limits_by_itself_and_values_fail_at_once() {
    let Some(mut server) = OwnRedis::new() else { return };
    let Err(error) = Scratch::redis("http://localhost", "yanit").await else { panic!("accepted") };
    assert!(error.message.contains("Redis URL"), "{error:?}");

    // Not there at the start: no failure, and it is found later.
    let scratch = Scratch::redis(&server.url(), "yanit").await.unwrap();
    assert!(scratch.health().await.is_err());
    limits_exactly(&scratch).await;
    server.start();
    until("the store finds the server", async || scratch.health().await.is_ok()).await;
    keeps_values(&scratch).await;
    limits_exactly(&scratch).await;

    server.kill();
    until("the outage is noticed", async || scratch.health().await.is_err()).await;
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_eq!(scratch.get("key").await.unwrap_err().code, ErrorCode::Unavailable);
        assert!(scratch.put("key", Bytes::new(), HOUR).await.is_err());
        assert!(scratch.remove("key").await.is_err());
    }
    limits_exactly(&scratch).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    // A server that comes back has forgotten the script, too.
    server.start();
    until("the store is back", async || scratch.health().await.is_ok()).await;
    keeps_values(&scratch).await;
    limits_exactly(&scratch).await;
}
