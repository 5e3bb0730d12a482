//! Those who mean well: an agent who asks and writes at a steady rate, and a visitor who waits for what the agent writes.
//! They have a thread of their own.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, interval, sleep, timeout};

use crate::{
    server::{AGENT, Place, SEND, VISITOR, body},
    wire::{Wire, subscribe},
};

/// Between two requests of a kind.
const EVERY: Duration = Duration::from_millis(50);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The visitor waits before the first message is sent.
const HEAD_START: Duration = Duration::from_millis(500);
/// So long after the last message the visitor still waits.
const LAST_WAIT: Duration = Duration::from_secs(2);

const QUERY: &str = "{ me { name } }";
const FOLLOW: &str =
    "subscription($c: ID!) { messages(conversationId: $c) { ... on MessageChanged { message { body } } } }";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A query over HTTP, each on a new connection.
    Query,
    /// `sendMessage` over HTTP, on one connection.
    Send,
    /// A query on an open WebSocket.
    Socket,
    /// From when a message was due to be sent until a subscriber has it.
    Told,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Query, Kind::Send, Kind::Socket, Kind::Told];

/// One request. Its time counts from when it was due, so that waiting for the one before counts, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    pub(crate) due: Instant,
    pub(crate) took: Duration,
    pub(crate) fine: bool,
}

#[derive(Default)]
struct Log {
    samples: Mutex<Vec<Sample>>,
    /// When each message was due.
    sent: Mutex<HashMap<u64, Instant>>,
    accepted: Mutex<HashSet<u64>>,
    told: Mutex<HashSet<u64>>,
    stop: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    fn add(&self, kind: Kind, due: Instant, fine: bool) {
        lock(&self.samples).push(Sample { kind, due, took: due.elapsed(), fine });
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The innocent at work.
pub(crate) struct Innocent {
    log: Arc<Log>,
    thread: JoinHandle<io::Result<()>>,
}

/// What they saw.
pub(crate) struct Story {
    pub(crate) samples: Vec<Sample>,
    /// Messages that the server accepted and the subscriber never had.
    pub(crate) lost: usize,
}

impl Innocent {
    pub(crate) fn start(to: SocketAddr, place: &Place) -> Self {
        let log = Arc::new(Log::default());
        let work = Work {
            to,
            log: log.clone(),
            agent: place.agent.clone(),
            visitor: place.visitor.token.clone(),
            conversation: place.visitor.conversation.clone(),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let busy = async {
                    sleep(HEAD_START).await;
                    tokio::join!(work.query(), work.send(), work.socket());
                    sleep(LAST_WAIT).await;
                };
                tokio::select! {
                    () = work.listen() => {}
                    () = busy => {}
                }
            });
            Ok(())
        });
        Self { log, thread }
    }

    /// Waits for the last messages.
    pub(crate) fn stop(self) -> io::Result<Story> {
        self.log.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the innocent client failed"))??;
        let lost = lock(&self.log.accepted).difference(&lock(&self.log.told)).count();
        let samples = std::mem::take(&mut *lock(&self.log.samples));
        Ok(Story { samples, lost })
    }
}

struct Work {
    to: SocketAddr,
    log: Arc<Log>,
    agent: String,
    visitor: String,
    conversation: String,
}

impl Work {
    /// Does something at a steady rate.
    async fn steadily(&self, kind: Kind, mut act: impl AsyncFnMut(u64, Instant) -> io::Result<()>) {
        let mut clock = interval(EVERY);
        for number in 0.. {
            if self.log.stops() {
                return;
            }
            let due = clock.tick().await;
            let done = timeout(PATIENCE, act(number, due)).await;
            self.log.add(kind, due, matches!(done, Ok(Ok(()))));
        }
    }

    async fn query(&self) {
        let query = body(QUERY, &json!({}));
        self.steadily(Kind::Query, async |_, _| fine(Wire::open(self.to, AGENT).await?, &self.agent, &query).await.1)
            .await;
    }

    async fn send(&self) {
        let mut kept = None;
        self.steadily(Kind::Send, async |number, due| {
            let wire = match kept.take() {
                Some(wire) => wire,
                None => Wire::open(self.to, AGENT).await?,
            };
            lock(&self.log.sent).insert(number, due);
            let message = body(SEND, &json!({ "c": self.conversation, "b": number.to_string() }));
            let (wire, answer) = fine(wire, &self.agent, &message).await;
            if answer.is_ok() {
                lock(&self.log.accepted).insert(number);
                kept = Some(wire);
            }
            answer
        })
        .await;
    }

    async fn socket(&self) {
        let mut kept = None;
        self.steadily(Kind::Socket, async |number, _| {
            let mut wire = match kept.take() {
                Some(wire) => wire,
                None => {
                    let mut wire = Wire::open(self.to, AGENT).await?;
                    wire.sign_in(Some(&self.agent)).await?;
                    wire
                }
            };
            let id = number.to_string();
            tokio::io::AsyncWriteExt::write_all(&mut wire.write, &subscribe(&id, &json!({ "query": QUERY }))).await?;
            let answer = wire.message().await?;
            let end = wire.message().await?;
            kept = Some(wire);
            check(answer["id"] == *id && answer["payload"]["data"]["me"].is_object() && end["type"] == "complete")
        })
        .await;
    }

    /// Follows the conversation, again if the socket ends.
    async fn listen(&self) {
        loop {
            // It ends with an error only.
            let _: io::Result<()> = self.follow().await;
            self.log.add(Kind::Told, Instant::now(), false);
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn follow(&self) -> io::Result<()> {
        let mut wire = Wire::open(self.to, VISITOR).await?;
        wire.sign_in(Some(&self.visitor)).await?;
        let follow = subscribe("1", &json!({ "query": FOLLOW, "variables": { "c": self.conversation } }));
        tokio::io::AsyncWriteExt::write_all(&mut wire.write, &follow).await?;
        loop {
            let event: Value = wire.message().await?;
            check(event["type"] == "next")?;
            let text = event["payload"]["data"]["messages"]["message"]["body"].as_str().unwrap_or_default();
            let Ok(number) = text.parse() else { continue };
            let due = lock(&self.log.sent).get(&number).copied();
            if let Some(due) = due.filter(|_| lock(&self.log.told).insert(number)) {
                self.log.add(Kind::Told, due, true);
            }
        }
    }
}

fn check(fine: bool) -> io::Result<()> {
    if fine { Ok(()) } else { Err(io::Error::other("refused")) }
}

/// Posts; an answer with errors is an error.
async fn fine(mut wire: Wire, token: &str, body: &str) -> (Wire, io::Result<()>) {
    let answer = wire.post(Some(token), body).await;
    let fine = answer.and_then(|(status, answer)| check(status == 200 && !answer.starts_with(b"{\"errors\"")));
    (wire, fine)
}
