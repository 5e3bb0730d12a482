//! The bus between nodes: a [`MemoryBus`], fed by one Redis channel.
//!
//! A node has one link at a time: a subscription and a connection that publishes. They live and die together, so there
//! are two states only. *Linked*: signals go out in batches, and the node's own frames coming back prove, at least
//! every second, that the whole way works. *Degraded*: signals for other nodes are dropped and every local listener
//! hears of a lag once a second, so it polls. Between the two: who may have missed something is told so, here and,
//! by [`Signal::Everything`], on the other nodes.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult,
    aio::{MultiplexedConnection, PubSubStream},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Listener, MemoryBus, Topic,
    wire::{self, NodeId, Signal},
};
use crate::kernel::{
    error::{Error, ErrorCode, Result},
    task::Tasks,
};

/// The one channel of all nodes, after their prefix.
const CHANNEL: &str = "bus";

/// Signals that wait for the publisher. When it is full, more are dropped and the other nodes are told of a loss.
const QUEUE: usize = 8192;

/// The most signals of one batch, which is one round trip.
const BATCH: usize = 1024;

/// A frame that has grown to this is published; the next signal begins another.
const FRAME_BYTES: usize = 64 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The publisher says something at least this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Hearing nothing for this long, not even the own heartbeat, means that the subscription is dead.
const SILENCE: Duration = Duration::from_secs(3);

/// While degraded, listeners hear of a lag this often.
const REMINDER: Duration = Duration::from_secs(1);

const MIN_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_millis(500);

/// A link that held this long was a good one: after it, the next attempt comes soon.
const GOOD_LINK: Duration = Duration::from_secs(10);

/// How long [`RedisBus::connect`] waits for the server.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A bus that reaches all nodes on the same Redis server.
#[derive(Clone)]
pub struct RedisBus {
    local: MemoryBus,
    queue: mpsc::Sender<Signal>,
    /// A signal found the queue full.
    overflowed: Arc<AtomicBool>,
    degraded: watch::Receiver<bool>,
}

impl RedisBus {
    /// Connects; see [`super::Bus::redis`].
    pub async fn connect(url: &str, prefix: &str, tasks: &Tasks) -> Result<Self> {
        let client = Client::open(url).map_err(|error| Error {
            source: Some(Arc::new(error)),
            ..Error::new(
                ErrorCode::InternalServerError,
                "The Redis URL is unusable; it looks like redis://[user:password@]host[:port][/database].",
            )
        })?;
        let local = MemoryBus::default();
        let overflowed = Arc::new(AtomicBool::new(false));
        let (queue, signals) = mpsc::channel(QUEUE);
        let (degraded_sender, mut degraded) = watch::channel(true);
        let link = Link {
            client,
            channel: format!("{prefix}:{CHANNEL}"),
            node: rand::random(),
            local: local.clone(),
            signals,
            overflowed: Arc::clone(&overflowed),
            degraded: degraded_sender,
            finished: tasks.finished(),
        };
        let reminder = remind(local.clone(), degraded.clone());
        // Others are told of what happens here until nothing happens any more.
        tasks.support(async move {
            tokio::select! {
                () = link.keep() => {}
                () = reminder => {}
            }
        });
        // Not there in time: then it stays degraded for now.
        let _ = timeout(PATIENCE, degraded.wait_for(|degraded| !degraded)).await;
        Ok(Self { local, queue, overflowed, degraded })
    }

    /// Begins to listen; see [`super::Bus::listen`].
    pub fn listen(&self, topics: &[Topic]) -> Listener {
        self.local.listen(topics)
    }

    /// Wakes the listeners on all nodes; see [`super::Bus::wake`].
    pub fn wake(&self, topics: &[Topic]) {
        self.local.wake(topics);
        topics.iter().for_each(|topic| self.send(Signal::Wake(topic.clone())));
    }

    /// Gives the payload to the listeners on all nodes; see [`super::Bus::pass`].
    pub fn pass(&self, topic: &Topic, payload: Bytes) {
        self.local.pass(topic, &payload);
        self.send(Signal::Pass(topic.clone(), payload));
    }

    /// What this node's listeners hear.
    pub(super) fn local(&self) -> &MemoryBus {
        &self.local
    }

    /// Fails while other nodes are out of reach.
    pub fn health(&self) -> Result<()> {
        if self.is_degraded() { Err(Error::unavailable("bus")) } else { Ok(()) }
    }

    /// True while other nodes are out of reach.
    pub fn is_degraded(&self) -> bool {
        *self.degraded.borrow()
    }

    fn send(&self, signal: Signal) {
        if self.queue.try_send(signal).is_err() {
            self.overflowed.store(true, Ordering::Relaxed);
        }
    }
}

/// Tells every listener of a lag as long as the bus is degraded. Ends with the link.
async fn remind(local: MemoryBus, mut degraded: watch::Receiver<bool>) {
    while degraded.wait_for(|degraded| *degraded).await.is_ok() {
        local.lag_everyone();
        sleep(REMINDER).await;
    }
}

/// What keeps a node connected.
struct Link {
    client: Client,
    channel: String,
    node: NodeId,
    local: MemoryBus,
    signals: mpsc::Receiver<Signal>,
    overflowed: Arc<AtomicBool>,
    degraded: watch::Sender<bool>,
    /// Nobody will signal anything any more.
    finished: CancellationToken,
}

impl Link {
    /// Links again and again, until all work has ended or the bus is gone.
    async fn keep(mut self) {
        let mut missed = false;
        let mut delay = MIN_DELAY;
        while !self.signals.is_closed() {
            let begun = Instant::now();
            let Err(error) = self.link(missed).await else { break };
            if !self.degraded.send_replace(true) || !missed {
                tracing::warn!(error = %error, "the bus has lost Redis; other nodes are out of reach and listeners poll");
            }
            missed = true;
            delay = if begun.elapsed() >= GOOD_LINK { MIN_DELAY } else { (delay * 2).min(MAX_DELAY) };
            if self.finished.run_until_cancelled(sleep(delay)).await.is_none() {
                break;
            }
        }
        self.degraded.send_replace(true);
    }

    /// One link, from connecting to its failure. `missed`: since the last one, signals may have been lost.
    async fn link(&mut self, missed: bool) -> RedisResult<()> {
        let heard = self.subscribe().await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        if missed {
            // What has piled up is stale, and `Everything` stands for all of it.
            for _ in 0..QUEUE {
                if self.signals.try_recv().is_err() {
                    break;
                }
            }
            self.publish(&mut connection, &[Signal::Everything]).await?;
            self.local.lag_everyone();
            tracing::info!("the bus reaches Redis again");
        }
        self.degraded.send_replace(false);
        let hear = hear(heard, self.node, self.local.clone());
        tokio::select! {
            failed = hear => failed,
            ended = self.speak(connection) => ended,
        }
    }

    async fn subscribe(&self) -> RedisResult<PubSubStream> {
        let mut subscription = in_time(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await?;
        in_time(RESPONSE_TIMEOUT, subscription.subscribe(&self.channel)).await?;
        Ok(subscription.into_on_message())
    }

    /// Publishes what is signalled, until that fails, everything is said after the end of all work, or the bus is gone.
    async fn speak(&mut self, mut connection: MultiplexedConnection) -> RedisResult<()> {
        let finished = self.finished.clone();
        let mut end = pin!(finished.cancelled());
        let mut leaving = false;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = &mut end, if !leaving => leaving = true,
                received = timeout(HEARTBEAT, self.signals.recv_many(&mut batch, BATCH)), if !leaving => {
                    if received == Ok(0) {
                        return Ok(());
                    }
                }
                else => {
                    while batch.len() < BATCH && let Ok(signal) = self.signals.try_recv() {
                        batch.push(signal);
                    }
                    if batch.is_empty() {
                        return Ok(());
                    }
                }
            }
            if self.overflowed.swap(false, Ordering::Relaxed) {
                tracing::warn!("signals to other nodes were dropped: the queue of the bus was full");
                batch.push(Signal::Everything);
            }
            self.publish(&mut connection, &batch).await?;
            batch.clear();
        }
    }

    /// Publishes in one round trip; no signals at all make a heartbeat.
    async fn publish(&self, connection: &mut MultiplexedConnection, signals: &[Signal]) -> RedisResult<()> {
        let mut pipeline = redis::pipe();
        let mut frame = wire::frame(&self.node);
        for signal in signals {
            if frame.len() >= FRAME_BYTES {
                let full = std::mem::replace(&mut frame, wire::frame(&self.node));
                pipeline.publish(&self.channel, full).ignore();
            }
            wire::put(&mut frame, signal);
        }
        pipeline.publish(&self.channel, frame).ignore();
        pipeline.exec_async(connection).await
    }
}

/// Delivers what other nodes say, until the subscription fails.
async fn hear(mut frames: PubSubStream, node: NodeId, local: MemoryBus) -> RedisResult<()> {
    loop {
        let frame = in_time(SILENCE, async { Ok(frames.next().await) }).await?;
        let frame = frame.ok_or_else(|| RedisError::from((ErrorKind::Io, "the subscription has ended")))?;
        deliver(frame.get_payload_bytes(), &node, &local);
    }
}

fn deliver(frame: &[u8], node: &NodeId, local: &MemoryBus) {
    let Some((sender, mut signals)) = wire::open(frame) else {
        // Perhaps a node of a later version.
        return local.lag_everyone();
    };
    // What this node sent, its listeners have heard.
    while sender != *node && !signals.is_empty() {
        match wire::take(&mut signals) {
            Signal::Wake(topic) => local.wake(&[topic]),
            Signal::Pass(topic, payload) => local.pass(&topic, &payload),
            Signal::Everything => local.lag_everyone(),
        }
    }
}

/// Gives up after `limit`.
async fn in_time<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err((ErrorKind::Io, "no answer in time").into()))
}
