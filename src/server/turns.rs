//! Whose turn it is: of the requests from one network address only so many are executed at once, and of those whose
//! answers may be long only some on the whole node. Whoever asks for a hundred long answers at once waits for themself:
//! others do not wait behind them, and memory holds a few of these answers at a time.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::places::Network;

/// Requests of one address that are executed at once. More than an office has at any moment: most take milliseconds.
const AT_ONCE: usize = 16;

/// Those of them whose answers may be long.
const LONG_AT_ONCE: usize = 4;

/// Requests of the whole node whose answers may be long, for each processor: one computes while the other one waits for
/// the database.
const LONG_PER_PROCESSOR: usize = 2;

/// Those who have a turn or wait for one, by their network. Requests without an address count as one network.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    queues: Arc<Mutex<HashMap<Option<Network>, Queue>>>,
    long: Arc<Semaphore>,
}

#[derive(Debug)]
struct Queue {
    turns: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// Who has a turn or waits.
    count: usize,
}

/// A turn, or a place in the queue for one. Dropping it makes room for the next.
#[derive(Debug)]
pub(super) struct Turn {
    all: Turns,
    network: Option<Network>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self { queues: Arc::default(), long: Arc::new(Semaphore::new(LONG_PER_PROCESSOR * processors)) }
    }
}

impl Queue {
    fn new() -> Self {
        let turns = |count| Arc::new(Semaphore::new(count));
        Self { turns: turns(AT_ONCE), long: turns(LONG_AT_ONCE), count: 0 }
    }
}

impl Turns {
    /// Returns once it is the caller's turn, first come, first served.
    pub(super) async fn take(&self, address: Option<IpAddr>, long: bool) -> Turn {
        let network = address.map(Network::from);
        let mut turn = Turn { all: self.clone(), network, permits: Vec::new() };
        for queue in self.enter(network, long) {
            turn.permits.extend(queue.acquire_owned().await.ok());
        }
        turn
    }

    /// Counts one more of a network; says what to wait for, one after the other.
    fn enter(&self, network: Option<Network>, long: bool) -> Vec<Arc<Semaphore>> {
        let mut queues = self.lock();
        let queue = queues.entry(network).or_insert_with(Queue::new);
        queue.count += 1;
        let own = queue.turns.clone();
        // What others need, too, comes last: nobody holds it while they wait for themself.
        if long { vec![queue.long.clone(), own, self.long.clone()] } else { vec![own] }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Network>, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permits.clear();
        let mut queues = self.all.lock();
        if let Some(queue) = queues.get_mut(&self.network) {
            queue.count -= 1;
            if queue.count == 0 {
                queues.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn one_address_waits_for_itself_and_others_do_not() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(turns.take(address(1), false).await);
        }
        let mut waiting = Box::pin(turns.take(address(1), false));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(turns.take(address(2), false).now_or_never().is_some());
        held.pop();
        assert!(waiting.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn long_answers_leave_turns_for_short_ones_and_are_few_on_a_node() {
        let turns = Turns { long: Arc::new(Semaphore::new(LONG_AT_ONCE + 1)), ..Turns::default() };
        let mut held = Vec::new();
        for _ in 0..LONG_AT_ONCE {
            held.push(turns.take(address(1), true).await);
        }
        let mut waiting: Vec<_> = (0..2 * AT_ONCE).map(|_| Box::pin(turns.take(address(1), true))).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        assert!(turns.take(address(1), false).now_or_never().is_some());
        held.push(turns.take(address(2), true).await);
        assert!(turns.take(address(3), true).now_or_never().is_none(), "the node has no more");
        held.pop();
        assert!(turns.take(address(3), true).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_left_is_forgotten_also_while_waiting() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(turns.take(None, false).await);
        }
        assert!(turns.take(None, false).now_or_never().is_none());
        drop(held);
        assert!(turns.lock().is_empty());
    }
}
