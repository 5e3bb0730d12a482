//! All WebSockets of this node: one ticker for their pings and time limits instead of a timer each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    Server,
    conn::{Conn, End},
    places::{Holder, Place, too_many_connections},
};
use crate::kernel::{access::Actor, error::Result};

/// The ticker's step; all time limits of sockets are whole seconds.
const STEP: Duration = Duration::from_secs(1);

/// So many steps between two rounds of housekeeping.
const UPKEEP: u64 = 5;

/// A client that is silent for so many pings is gone.
const SILENT_PINGS: u64 = 2;

/// The connections of this node.
#[derive(Default)]
pub(super) struct Sockets {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    conns: BTreeMap<u64, Arc<Conn>>,
}

/// A socket in the list. Dropping it takes it out and ends its operations.
pub(super) struct Registered {
    server: Arc<Server>,
    number: u64,
    conn: Arc<Conn>,
}

impl Sockets {
    /// How many sockets are open.
    pub(super) fn count(&self) -> usize {
        self.open().conns.len()
    }

    /// Ends all sockets.
    pub(super) fn end_all(&self, end: &End) {
        let all: Vec<_> = self.open().conns.values().cloned().collect();
        for conn in all {
            conn.end(end.clone());
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Adds a socket to the list.
    pub(super) fn register(self: &Arc<Self>, conn: &Arc<Conn>) -> Registered {
        let number = {
            let mut open = self.sockets.open();
            open.last += 1;
            let number = open.last;
            open.conns.insert(number, conn.clone());
            number
        };
        self.metrics.sockets.increment(1.0);
        if self.stopping.is_cancelled() {
            conn.end(going_away());
        }
        Registered { server: self.clone(), number, conn: conn.clone() }
    }

    /// Takes one of a visitor's connections. Others are not counted.
    ///
    /// # Errors
    /// `RATE_LIMITED` with the reason `TOO_MANY_CONNECTIONS`.
    pub(super) fn take_place(&self, actor: &Actor) -> Result<Option<Place>> {
        let Actor::Visitor { visitor, .. } = actor else { return Ok(None) };
        let place = self.places.take(Holder::Visitor(*visitor));
        if place.number > self.ports.config.max_visitor_connections {
            self.metrics.refused.increment(1);
            return Err(too_many_connections());
        }
        Ok(Some(place))
    }

    fn tick(&self, step: u64) {
        let (now, micros) = (Instant::now(), self.ports.clock.micros());
        let ping = self.ports.config.ping_seconds.max(1);
        let silence = u32::try_from(ping * SILENT_PINGS).unwrap_or(u32::MAX);
        for (number, conn) in &self.sockets.open().conns {
            // Spread over the interval, so that not all are pinged at once.
            conn.tick(now, micros, silence, (number + step).is_multiple_of(ping));
        }
        if step.is_multiple_of(UPKEEP) {
            self.metrics.upkeep();
        }
    }
}

/// This node stops: clients go to another.
pub(super) fn going_away() -> End {
    End::Close(1001, "Going away: reconnect and resume with your cursors".into())
}

/// Ticks until the server stops or is gone, then says goodbye to all sockets.
pub(super) async fn run_ticker(server: Weak<Server>) {
    let Some(stopping) = server.upgrade().map(|server| server.stopping.clone()) else { return };
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for step in 0.. {
        let stop = tokio::select! {
            _ = steps.tick() => false,
            () = stopping.cancelled() => true,
        };
        let Some(server) = server.upgrade() else { return };
        if stop {
            server.sockets.end_all(&going_away());
            return;
        }
        server.tick(step);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.server.sockets.open().conns.remove(&self.number);
        self.server.metrics.sockets.decrement(1.0);
        self.conn.cancel_all();
    }
}
