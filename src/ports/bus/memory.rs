//! The fan-out within one process.
//!
//! A listener is one mailbox, registered under each of its topics. The table is cut into shards so that unrelated
//! topics do not wait for each other; a shard stays locked while one signal is put into the mailboxes, which is what
//! makes all listeners see the same order.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use bytes::Bytes;

use super::{Heard, Topic};

/// More payloads than this in one mailbox: its owner does not keep up, drops them and hears of a lag instead.
const MAILBOX_PAYLOADS: usize = 1024;

/// What a drained mailbox keeps allocated, in payloads.
const MAILBOX_KEEPS: usize = 16;

const SHARDS: usize = 64;

/// One shard of the table: who listens to what. A topic nobody listens to has no entry.
type Shard = Mutex<HashMap<Topic, Vec<Arc<Mailbox>>>>;

/// A bus for one process.
#[derive(Clone)]
pub struct MemoryBus {
    shards: Arc<[Shard; SHARDS]>,
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self { shards: Arc::new(std::array::from_fn(|_| Shard::default())) }
    }
}

impl MemoryBus {
    /// Begins to listen; see [`super::Bus::listen`].
    pub fn listen(&self, topics: &[Topic]) -> Listener {
        let mailbox = Arc::new(Mailbox::default());
        let mut distinct = Vec::with_capacity(topics.len());
        for topic in topics {
            if !distinct.contains(topic) {
                let mut shard = self.shard(topic);
                // Most topics have one listener: no room for more until they come.
                shard.entry(topic.clone()).or_insert_with(|| Vec::with_capacity(1)).push(Arc::clone(&mailbox));
                distinct.push(topic.clone());
            }
        }
        Listener { bus: self.clone(), topics: distinct.into_boxed_slice(), mailbox }
    }

    /// Wakes everybody who listens to one of the topics.
    pub fn wake(&self, topics: &[Topic]) {
        for topic in topics {
            self.each(topic, |mailbox| mailbox.put(|mail| mail.woken = true));
        }
    }

    /// Gives the payload, shared, to everybody who listens to the topic.
    pub fn pass(&self, topic: &Topic, payload: &Bytes) {
        self.each(topic, |mailbox| mailbox.put(|mail| mail.push(payload.clone())));
    }

    /// Tells every listener that it may have missed something.
    pub fn lag_everyone(&self) {
        for shard in self.shards.iter() {
            lock(shard).values().flatten().for_each(|mailbox| mailbox.put(|mail| mail.lagged = true));
        }
    }

    fn each(&self, topic: &Topic, tell: impl Fn(&Mailbox)) {
        if let Some(mailboxes) = self.shard(topic).get(topic) {
            mailboxes.iter().for_each(|mailbox| tell(mailbox));
        }
    }

    fn shard(&self, topic: &Topic) -> MutexGuard<'_, HashMap<Topic, Vec<Arc<Mailbox>>>> {
        let number = match topic {
            // The last byte of a version 7 uuid is random.
            Topic::Subject(id) | Topic::Access(id) | Topic::Passing(id) => usize::from(id.as_bytes()[15]),
            Topic::Site(id) => usize::from(id.0.as_bytes()[15]),
            Topic::Jobs => 0,
            Topic::Journal => 1,
            Topic::Viewers => 2,
        };
        lock(&self.shards[number % SHARDS])
    }
}

/// Hears what happens to its topics. Dropping it ends that.
pub struct Listener {
    bus: MemoryBus,
    topics: Box<[Topic]>,
    mailbox: Arc<Mailbox>,
}

impl Listener {
    /// Waits for the next signal. Cancel-safe: a dropped call has taken nothing.
    pub async fn next(&mut self) -> Heard {
        poll_fn(|context| {
            let mut mail = lock(&self.mailbox.mail);
            match mail.take() {
                Some(heard) => Poll::Ready(heard),
                None => {
                    match &mut mail.waker {
                        Some(waker) => waker.clone_from(context.waker()),
                        None => mail.waker = Some(context.waker().clone()),
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The next signal, if there is one already.
    pub fn try_next(&mut self) -> Option<Heard> {
        lock(&self.mailbox.mail).take()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for topic in &self.topics {
            let mut shard = self.bus.shard(topic);
            if let Some(mailboxes) = shard.get_mut(topic) {
                if let Some(place) = mailboxes.iter().position(|mailbox| Arc::ptr_eq(mailbox, &self.mailbox)) {
                    mailboxes.swap_remove(place);
                }
                if mailboxes.is_empty() {
                    shard.remove(topic);
                }
            }
        }
    }
}

#[derive(Default)]
struct Mailbox {
    mail: Mutex<Mail>,
}

impl Mailbox {
    /// Changes the mail and wakes the owner, after the mailbox is unlocked.
    fn put(&self, change: impl FnOnce(&mut Mail)) {
        let mut mail = lock(&self.mail);
        change(&mut mail);
        let waker = mail.waker.take();
        drop(mail);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What waits for one listener.
#[derive(Default)]
struct Mail {
    woken: bool,
    lagged: bool,
    /// Unallocated until the first payload.
    passed: VecDeque<Bytes>,
    /// Set while the owner waits.
    waker: Option<Waker>,
}

impl Mail {
    fn push(&mut self, payload: Bytes) {
        if self.passed.len() >= MAILBOX_PAYLOADS {
            self.passed = VecDeque::new();
            self.lagged = true;
        }
        self.passed.push_back(payload);
    }

    /// A lag first, as it says the most; what was passed around the time of the lag still follows.
    fn take(&mut self) -> Option<Heard> {
        if std::mem::take(&mut self.lagged) {
            self.woken = false;
            return Some(Heard::Lagged);
        }
        if std::mem::take(&mut self.woken) {
            return Some(Heard::Woken);
        }
        let payload = self.passed.pop_front()?;
        if self.passed.is_empty() && self.passed.capacity() > MAILBOX_KEEPS {
            self.passed = VecDeque::new();
        }
        Some(Heard::Passed(payload))
    }
}

/// Nothing panics while a lock is held, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn topic(number: u128) -> Topic {
        Topic::Passing(Uuid::from_u128(number))
    }

    #[test]
    fn many_wakes_are_heard_once() {
        let bus = MemoryBus::default();
        let mut listener = bus.listen(&[topic(1), Topic::Jobs]);
        bus.wake(&[topic(1), Topic::Jobs, topic(1), topic(2)]);
        assert_eq!(listener.try_next(), Some(Heard::Woken));
        assert_eq!(listener.try_next(), None);
    }

    #[test]
    fn a_listener_that_falls_behind_hears_of_the_lag_and_then_what_came_after_it() {
        let bus = MemoryBus::default();
        let mut listener = bus.listen(&[topic(1), topic(1)]);
        for number in 0..=MAILBOX_PAYLOADS {
            bus.pass(&topic(1), &Bytes::from(number.to_string()));
        }
        assert_eq!(listener.try_next(), Some(Heard::Lagged));
        assert_eq!(listener.try_next(), Some(Heard::Passed(Bytes::from(MAILBOX_PAYLOADS.to_string()))));
        assert_eq!(listener.try_next(), None);
    }

    #[test]
    fn payloads_are_shared_and_not_copied() {
        let bus = MemoryBus::default();
        let (mut one, mut other) = (bus.listen(&[topic(1)]), bus.listen(&[topic(1)]));
        let payload = Bytes::from(vec![7; 100]);
        bus.pass(&topic(1), &payload);
        for listener in [&mut one, &mut other] {
            let Some(Heard::Passed(heard)) = listener.try_next() else { panic!("nothing was passed") };
            assert_eq!(heard.as_ptr(), payload.as_ptr());
        }
    }

    #[test]
    fn nothing_stays_behind_when_listeners_are_dropped() {
        let bus = MemoryBus::default();
        let listeners: Vec<_> = (0..1000).map(|number| bus.listen(&[topic(number), Topic::Jobs])).collect();
        drop(listeners);
        assert!(bus.shards.iter().all(|shard| lock(shard).is_empty()));
    }

    #[test]
    fn a_drained_mailbox_gives_its_memory_back() {
        let bus = MemoryBus::default();
        let mut listener = bus.listen(&[topic(1)]);
        (0..500).for_each(|_| bus.pass(&topic(1), &Bytes::new()));
        while listener.try_next().is_some() {}
        assert_eq!(lock(&listener.mailbox.mail).passed.capacity(), 0);
    }

    #[tokio::test]
    async fn a_cancelled_wait_takes_nothing() {
        let bus = MemoryBus::default();
        let mut listener = bus.listen(&[topic(1)]);
        assert_eq!(listener.next().now_or_never(), None);
        bus.wake(&[topic(1)]);
        assert_eq!(listener.next().await, Heard::Woken);
    }
}
