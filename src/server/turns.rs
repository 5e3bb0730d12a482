//! Whose turn it is: of the requests from one network address only so many are executed at once. Whoever asks for a
//! hundred long answers at once waits for themself, and others do not wait behind them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::places::Network;

/// Requests of one address that are executed at once. More than an office has at any moment: most take milliseconds.
const AT_ONCE: usize = 16;

/// Those who have a turn or wait for one, by their network. Requests without an address count as one network.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Option<Network>, Queue>>>);

#[derive(Debug)]
struct Queue {
    turns: Arc<Semaphore>,
    /// Who has one or waits.
    count: usize,
}

/// A turn, or a place in the queue for one. Dropping it makes room for the next.
#[derive(Debug)]
pub(super) struct Turn {
    all: Turns,
    network: Option<Network>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Returns once it is the caller's turn, first come, first served.
    pub(super) async fn take(&self, address: Option<IpAddr>) -> Turn {
        let network = address.map(Network::from);
        let turns = {
            let mut all = self.lock();
            let queue =
                all.entry(network).or_insert_with(|| Queue { turns: Arc::new(Semaphore::new(AT_ONCE)), count: 0 });
            queue.count += 1;
            queue.turns.clone()
        };
        let mut turn = Turn { all: self.clone(), network, permit: None };
        turn.permit = turns.acquire_owned().await.ok();
        turn
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Network>, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        let mut all = self.all.lock();
        if let Some(queue) = all.get_mut(&self.network) {
            queue.count -= 1;
            if queue.count == 0 {
                all.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_address_waits_for_itself_and_others_do_not() {
        let turns = Turns::default();
        let (one, other) = (Some(IpAddr::from([192, 0, 2, 1])), Some(IpAddr::from([192, 0, 2, 2])));
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(turns.take(one).await);
        }
        let mut waiting = Box::pin(turns.take(one));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(turns.take(other).now_or_never().is_some());
        held.pop();
        assert!(waiting.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_left_is_forgotten_also_while_waiting() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(turns.take(None).await);
        }
        assert!(turns.take(None).now_or_never().is_none());
        drop(held);
        assert!(turns.lock().is_empty());
    }
}
