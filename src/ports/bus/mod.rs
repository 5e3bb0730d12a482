//! Hints between the parts of the program, and between nodes: "look again" and small messages that may be lost.
//!
//! What always holds, for both variants:
//! - The bus carries no truth. A signal is delivered at most once; what must not be lost is in the database, and a
//!   listener that is woken reads it there.
//! - Payloads of one topic and one sender arrive in the order in which they were passed.
//! - Everything is bounded, and a loss is visible: who may have missed something hears [`Heard::Lagged`].
//! - [`Bus::wake`] and [`Bus::pass`] neither block nor fail, whatever Redis does.

mod memory;
mod redis;
mod wire;

use bytes::Bytes;
use entity::ids::SiteId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    memory::{Listener, MemoryBus},
    redis::RedisBus,
};
use crate::kernel::{error::Result, task::Tasks};

/// What a signal is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// Wake: there are new journal lines about this subject.
    Subject(Uuid),
    /// Wake: something of this site changed, for example its queue.
    Site(SiteId),
    /// Wake: the rights or sign-ins of this user or visitor changed.
    Access(Uuid),
    /// Wake: there is work in the job table.
    Jobs,
    /// Passing: which lines were added to the journal of a site.
    Journal,
    /// Passing: typing signals and AI chunks of a conversation or run.
    Passing(Uuid),
    /// Passing: what nodes tell each other of who has which conversation open.
    Viewers,
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// At least one of the topics was woken since the last time. Many wakes are one.
    Woken,
    /// A payload. May be older than a snapshot that was read after listening began.
    Passed(Bytes),
    /// Something may have been missed: read everything again. Says `Woken`, too.
    Lagged,
}

/// The way signals travel. Clones are cheap and share everything; signals are carried as long as one clone lives.
#[derive(Clone)]
pub enum Bus {
    /// Within this process.
    Memory(MemoryBus),
    /// Within this process and, through Redis, to every other node.
    Redis(RedisBus),
}

impl Bus {
    /// A bus for one process.
    pub fn memory() -> Self {
        Self::Memory(MemoryBus::default())
    }

    /// A bus that reaches all nodes on the same Redis server with the same prefix.
    ///
    /// Fails only if the URL is unusable. Waits a second and a half for the server; after that it returns a degraded
    /// bus, which connects in the background as soon as it can.
    pub async fn redis(url: &str, prefix: &str, tasks: &Tasks) -> Result<Self> {
        Ok(Self::Redis(RedisBus::connect(url, prefix, tasks).await?))
    }

    /// Begins to listen: what is signalled after this returns is heard. Dropping the listener ends it.
    pub fn listen(&self, topics: &[Topic]) -> Listener {
        match self {
            Self::Memory(bus) => bus.listen(topics),
            Self::Redis(bus) => bus.listen(topics),
        }
    }

    /// Wakes the listeners of the topics: those of this node before it returns, those of others soon.
    pub fn wake(&self, topics: &[Topic]) {
        match self {
            Self::Memory(bus) => bus.wake(topics),
            Self::Redis(bus) => bus.wake(topics),
        }
    }

    /// Gives the payload to the listeners of the topic: those of this node before it returns, those of others soon.
    pub fn pass(&self, topic: &Topic, payload: Bytes) {
        match self {
            Self::Memory(bus) => bus.pass(topic, &payload),
            Self::Redis(bus) => bus.pass(topic, payload),
        }
    }

    /// Wakes the listeners of this node alone.
    pub fn wake_here(&self, topics: &[Topic]) {
        self.local().wake(topics);
    }

    /// Tells every listener of this node that it may have missed something.
    pub fn lag_here(&self) {
        self.local().lag_everyone();
    }

    fn local(&self) -> &MemoryBus {
        match self {
            Self::Memory(bus) => bus,
            Self::Redis(bus) => bus.local(),
        }
    }

    /// Fails while other nodes are out of reach. Asks nobody: the connection is watched all the time.
    pub async fn health(&self) -> Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(bus) => bus.health(),
        }
    }

    /// True while other nodes are out of reach. Every listener then hears [`Heard::Lagged`] once a second.
    pub fn is_degraded(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Redis(bus) => bus.is_degraded(),
        }
    }
}
