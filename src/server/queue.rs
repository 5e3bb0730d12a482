//! What waits for a client that reads slowly: how much it may be, and the queue of an SSE stream.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    budget::Share,
    events::{Event, Running},
};
use crate::{
    config::Config,
    kernel::{access::Actor, journal::Cursor},
};

/// So many events that are ready at the same time are handed on together, and leave in one write …
pub(super) const BATCH: usize = 32;

/// … unless they have so many bytes; the last one may go beyond.
pub(super) const BATCH_BYTES: usize = 256 * 1024;

/// From so many waiting events on, streams that can wait are not asked for more …
const HIGH_WATER: usize = 64;

/// … and from so many bytes on.
const HIGH_WATER_BYTES: usize = 256 * 1024;

/// Bytes that may wait for somebody with an account.
const ROOM_OF_USERS: usize = 16 * 1024 * 1024;

/// Bytes that may wait for anybody else; everybody can be a visitor.
const ROOM_OF_STRANGERS: usize = 2 * 1024 * 1024;

/// How much may wait for one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In events.
    pub(super) events: usize,
    /// In bytes, whatever the number of events. One alone may have more.
    pub(super) bytes: usize,
}

impl Room {
    /// What a caller gets.
    pub(super) fn of(actor: &Actor, config: &Config) -> Self {
        let bytes = match actor {
            Actor::User(_) | Actor::System => ROOM_OF_USERS,
            Actor::Anonymous | Actor::Visitor { .. } => ROOM_OF_STRANGERS,
        };
        Self { events: config.max_queued_events, bytes }
    }

    /// Events from which on streams wait.
    pub(super) fn high_water(self) -> usize {
        self.events.min(HIGH_WATER)
    }

    /// So much waits that streams that can wait should.
    pub(super) fn is_busy(self, events: usize, bytes: usize) -> bool {
        events >= self.high_water() || bytes >= HIGH_WATER_BYTES
    }
}

/// What waits for one SSE stream.
pub(super) struct Queue {
    state: Mutex<Waiting>,
    news: Notify,
    made_room: Notify,
    room: Room,
}

struct Waiting {
    payloads: VecDeque<Bytes>,
    bytes: usize,
    /// What waits, as this node counts it.
    share: Share,
    end: Option<Option<Bytes>>,
    slow: bool,
    /// `None` once nobody reads any more.
    running: Option<Running>,
}

/// What the reader of a [`Queue`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A payload.
    Next(Bytes),
    /// The end; with a list of errors if it failed.
    End(Option<Bytes>),
    /// The reader was too slow and must be cut off.
    TooSlow,
}

impl Waiting {
    /// Drops what waits.
    fn clear(&mut self) {
        self.payloads = VecDeque::new();
        self.bytes = 0;
        let _ = self.share.hold(0);
    }
}

impl Queue {
    /// A queue with so much room.
    pub(super) fn new(room: Room, share: Share) -> Self {
        let state = Waiting {
            payloads: VecDeque::new(),
            bytes: 0,
            share,
            end: None,
            slow: false,
            running: Some(Running::Starting),
        };
        Self { state: Mutex::new(state), news: Notify::new(), made_room: Notify::new(), room }
    }

    /// Adds those of the events that follow `after`. Beyond the limit the stream is cut.
    pub(super) fn push(&self, events: &[Event], after: Option<Cursor>) {
        let mut state = self.lock();
        // Nothing is kept for a reader that has left.
        if state.slow || state.end.is_some() || state.running.is_none() {
            return;
        }
        for event in events.iter().filter(|event| event.follows(after)) {
            state.bytes += event.payload.len();
            state.payloads.push_back(event.payload.clone());
        }
        let (count, bytes) = (state.payloads.len(), state.bytes);
        let crowded = count > self.room.events + BATCH || (count > 1 && bytes > self.room.bytes + BATCH_BYTES);
        if crowded || state.share.hold(bytes).is_err() {
            state.clear();
            state.slow = true;
        }
        drop(state);
        self.news.notify_one();
    }

    /// Nothing will follow.
    pub(super) fn end(&self, errors: Option<&Bytes>) {
        self.lock().end.get_or_insert(errors.cloned());
        self.news.notify_one();
    }

    /// What comes next.
    pub(super) async fn next(&self) -> Found {
        loop {
            {
                let mut state = self.lock();
                if state.slow {
                    return Found::TooSlow;
                }
                let busy = self.is_busy(&state);
                if let Some(payload) = state.payloads.pop_front() {
                    state.bytes -= payload.len();
                    let bytes = state.bytes;
                    let _ = state.share.hold(bytes);
                    if busy && !self.is_busy(&state) {
                        self.made_room.notify_one();
                    }
                    return Found::Next(payload);
                }
                if let Some(end) = &state.end {
                    return Found::End(end.clone());
                }
            }
            self.news.notified().await;
        }
    }

    /// Returns once there is room for more of a stream that can wait.
    pub(super) async fn room(&self) {
        while self.is_busy(&self.lock()) {
            self.made_room.notified().await;
        }
    }

    fn is_busy(&self, state: &Waiting) -> bool {
        self.room.is_busy(state.payloads.len(), state.bytes)
    }

    /// Says what runs. If nobody reads any more, it ends.
    pub(super) fn attach(&self, next: Running) {
        let before = {
            let mut state = self.lock();
            match &mut state.running {
                Some(running) => running.replace(next),
                None => next,
            }
        };
        // Outside the lock: leaving a shared execution takes other locks.
        drop(before);
    }

    /// Nobody reads any more: ends what runs.
    pub(super) fn leave(&self) {
        let running = {
            let mut state = self.lock();
            state.clear();
            state.running.take()
        };
        drop(running);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Counter, Gauge};

    use super::{super::budget::Budget, *};

    fn events(count: usize, bytes: usize) -> Vec<Event> {
        (0..count).map(|_| Event { place: None, payload: Bytes::from(vec![b'x'; bytes]) }).collect()
    }

    fn queue(node: usize) -> Queue {
        let share = Budget::new(node, Gauge::noop(), Counter::noop()).share();
        Queue::new(Room { events: 100, bytes: 1_000_000 }, share)
    }

    #[tokio::test]
    async fn a_reader_is_too_slow_by_events_by_bytes_and_by_what_the_node_has() {
        let fits = queue(100_000_000);
        fits.push(&events(100 + BATCH, 10), None);
        assert!(matches!(fits.next().await, Found::Next(_)));
        let large = queue(100_000_000);
        large.push(&events(1, 30_000_000), None);
        assert!(matches!(large.next().await, Found::Next(_)), "one alone may be larger");

        let many = queue(100_000_000);
        many.push(&events(101 + BATCH, 1), None);
        let heavy = queue(100_000_000);
        heavy.push(&events(2, 700_000), None);
        let full = queue(1_000);
        full.push(&events(1, 600), None);
        for queue in [many, heavy, full] {
            assert_eq!(queue.next().await, Found::TooSlow);
        }
    }

    #[tokio::test]
    async fn streams_wait_while_a_large_event_waits() {
        let queue = queue(100_000_000);
        queue.push(&events(1, HIGH_WATER_BYTES), None);
        let (_, found) = tokio::join!(queue.room(), queue.next());
        assert!(matches!(found, Found::Next(_)));
        queue.room().await;
    }
}
