//! What `ports::bus` promises, on each of its variants. Redis where `TEST_REDIS_URL` is set; the tests that harm the
//! server start one of their own.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail the test")]

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use entity::ids::SiteId;
use uuid::Uuid;
use yanit::{
    kernel::{clock::Clock, task::Tasks},
    ports::bus::{Bus, Heard, Listener, Topic},
};

/// The server that tests share, if there is one.
#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
pub(super) fn redis_url() -> Option<String> {
    std::env::var("TEST_REDIS_URL").ok().filter(|url| !url.is_empty())
}

/// A Redis server for one test. Killed when dropped.
pub(super) struct OwnRedis {
    port: u16,
    directory: PathBuf,
    process: Option<Child>,
}

impl OwnRedis {
    /// Nothing where tests run without Redis.
    pub(super) fn new() -> Option<Self> {
        redis_url()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = std::env::temp_dir().join(format!("yanit-test-redis-{port}"));
        std::fs::create_dir_all(&directory).unwrap();
        Some(Self { port, directory, process: None })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn start(&mut self) {
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(&self.directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// `STOP` freezes the server: connections stay open and nothing answers. `CONT` ends that.
    fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Waits until something holds, with a deadline.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(15), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn hear(listener: &mut Listener) -> Heard {
    tokio::time::timeout(Duration::from_secs(30), listener.next()).await.unwrap()
}

/// Skips the lags that an outage brings, until something else is heard.
async fn hear_past_lags(listener: &mut Listener) -> Heard {
    loop {
        let heard = hear(listener).await;
        if heard != Heard::Lagged {
            return heard;
        }
    }
}

fn id() -> Uuid {
    Clock::system().uuid()
}

fn passed(number: usize) -> Heard {
    Heard::Passed(Bytes::from(number.to_string()))
}

/// What holds for a bus by itself.
async fn carries_signals(bus: &Bus) {
    let (subject, passing) = (Topic::Subject(id()), Topic::Passing(id()));
    let mut listener = bus.listen(&[subject.clone(), passing.clone()]);
    let mut other = bus.listen(&[Topic::Subject(id())]);

    // Many wakes are one, and payloads come in order, once each, before the call returns.
    for number in 0..100 {
        bus.wake(&[subject.clone(), passing.clone()]);
        bus.pass(&passing, Bytes::from(number.to_string()));
    }
    assert_eq!(listener.try_next(), Some(Heard::Woken));
    for number in 0..100 {
        assert_eq!(listener.try_next(), Some(passed(number)));
    }
    assert_eq!(listener.try_next(), None);
    assert_eq!(other.try_next(), None);

    // A waiting listener is woken, also from another thread.
    let waker = bus.clone();
    let topic = subject.clone();
    let waking = std::thread::spawn(move || waker.wake(&[topic]));
    assert_eq!(hear(&mut listener).await, Heard::Woken);
    waking.join().unwrap();

    // Who does not keep up hears of it and then goes on.
    for number in 0..2000 {
        bus.pass(&passing, Bytes::from(number.to_string()));
    }
    assert_eq!(listener.try_next(), Some(Heard::Lagged));
    let mut last = None;
    while let Some(heard) = listener.try_next() {
        last = Some(heard);
    }
    assert_eq!(last, Some(passed(1999)));

    assert!(!bus.is_degraded());
    bus.health().await.unwrap();
}

/// What holds between two nodes.
async fn carries_signals_between(one: &Bus, other: &Bus) {
    let topics = [
        Topic::Subject(id()),
        Topic::Site(SiteId(id())),
        Topic::Access(id()),
        Topic::Jobs,
        Topic::Journal,
        Topic::Passing(id()),
    ];
    for topic in topics {
        let mut listener = other.listen(std::slice::from_ref(&topic));
        one.wake(std::slice::from_ref(&topic));
        assert_eq!(hear(&mut listener).await, Heard::Woken, "{topic:?}");
    }

    let (there, back) = (Topic::Passing(id()), Topic::Passing(id()));
    let mut near = one.listen(&[there.clone(), back.clone()]);
    let mut far = other.listen(&[there.clone(), back.clone()]);
    for number in 0..1000 {
        one.pass(&there, Bytes::from(number.to_string()));
    }
    for number in 0..1000 {
        assert_eq!(hear(&mut near).await, passed(number));
        assert_eq!(hear(&mut far).await, passed(number));
    }
    // The answer comes after all echoes of the question: nobody has heard anything twice.
    other.pass(&back, Bytes::from_static(b"back"));
    for listener in [&mut near, &mut far] {
        assert_eq!(hear(listener).await, Heard::Passed(Bytes::from_static(b"back")));
        assert_eq!(listener.try_next(), None);
    }
}

#[tokio::test]
async fn a_bus_in_memory_keeps_the_promises() {
    carries_signals(&Bus::memory()).await;
}

#[tokio::test]
async fn a_bus_over_redis_keeps_the_promises() {
    let Some(url) = redis_url() else { return };
    let tasks = Tasks::default();
    let (one, other) =
        (Bus::redis(&url, "yanit", &tasks).await.unwrap(), Bus::redis(&url, "yanit", &tasks).await.unwrap());
    carries_signals(&one).await;
    carries_signals_between(&one, &other).await;
    carries_signals_between(&other, &one).await;
    tasks.drain(std::time::Duration::from_secs(10)).await;
}

#[tokio::test]
async fn an_unusable_redis_url_is_refused_without_repeating_it() {
    for url in ["", "redis://", "http://localhost", "redis://user:secret@host:notaport"] {
        let Err(error) = Bus::redis(url, "yanit", &Tasks::default()).await else { panic!("{url:?} was accepted") };
        assert!(error.message.contains("Redis URL"), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn after_an_outage_of_redis_the_lag_is_heard_and_delivery_resumes() {
    let Some(mut server) = OwnRedis::new() else { return };
    let tasks = Tasks::default();

    // Not there at the start: no failure, and it is found later.
    let one = Bus::redis(&server.url(), "yanit", &tasks).await.unwrap();
    assert!(one.is_degraded());
    assert!(one.health().await.is_err());
    server.start();
    until("the bus finds the server", async || !one.is_degraded()).await;
    let other = Bus::redis(&server.url(), "yanit", &tasks).await.unwrap();
    carries_signals_between(&one, &other).await;

    for round in 0..2 {
        let topic = Topic::Passing(id());
        let (mut near, mut far) = (one.listen(&[Topic::Jobs]), other.listen(std::slice::from_ref(&topic)));
        // Gone, and then frozen, which only shows in answers that do not come.
        if round == 0 {
            server.kill()
        } else {
            server.signal("STOP")
        }
        assert_eq!(hear(&mut near).await, Heard::Lagged);
        assert_eq!(hear(&mut far).await, Heard::Lagged);
        assert!(one.is_degraded() && other.is_degraded());

        // Listeners are reminded, signals still reach this node, and nobody waits.
        assert_eq!(hear(&mut near).await, Heard::Lagged);
        let begun = Instant::now();
        for _ in 0..20_000 {
            one.wake(&[Topic::Jobs]);
            one.pass(&topic, Bytes::from_static(b"lost"));
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(hear_past_lags(&mut near).await, Heard::Woken);

        if round == 0 {
            server.start()
        } else {
            server.signal("CONT")
        }
        until("both are back", async || !one.is_degraded() && !other.is_degraded()).await;
        assert_eq!(hear(&mut far).await, Heard::Lagged);
        one.pass(&topic, Bytes::from_static(b"again"));
        until("a payload arrives", async || {
            hear_past_lags(&mut far).await == Heard::Passed(Bytes::from_static(b"again"))
        })
        .await;
    }
    tasks.drain(std::time::Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_node_that_was_cut_off_tells_the_others_to_look_again() {
    let Some(mut server) = OwnRedis::new() else { return };
    server.start();
    let (tasks, leaving) = (Tasks::default(), Tasks::default());
    let mut one = Bus::redis(&server.url(), "yanit", &tasks).await.unwrap();
    until("the server is up", async || !one.is_degraded()).await;
    let other = Bus::redis(&server.url(), "yanit", &leaving).await.unwrap();

    // What is signalled just before the end is still heard elsewhere.
    let mut listener = one.listen(&[Topic::Jobs]);
    other.wake(&[Topic::Jobs]);
    leaving.drain(std::time::Duration::from_secs(10)).await;
    assert_eq!(hear(&mut listener).await, Heard::Woken);
    drop(listener);

    // A server that comes back empty-handed has lost signals: both sides are told.
    one = Bus::redis(&server.url(), "yanit", &tasks).await.unwrap();
    let mut listener = one.listen(&[Topic::Journal]);
    server.kill();
    assert_eq!(hear(&mut listener).await, Heard::Lagged);
    server.start();
    until("the bus is back", async || !one.is_degraded()).await;
    assert_eq!(hear(&mut listener).await, Heard::Lagged);
    tasks.drain(std::time::Duration::from_secs(10)).await;
}
