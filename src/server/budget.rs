//! Memory that this node holds for its clients, in one direction: what they have begun to send, or what they do not take.
//!
//! One rule divides it: nobody may hold more than what is still free (dynamic thresholds, as switches divide the memory
//! of their queues). The greediest are refused first, something stays free for others however many push, and one client
//! alone can use half of it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use bytes::Bytes;
use metrics::{Counter, Gauge};

/// A large answer leaves in pieces of this size, so that what has left is free again.
const PIECE: usize = 64 * 1024;

/// The memory of one direction.
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
    gauge: Gauge,
    refused: Counter,
}

/// What one connection holds of it. Dropping it gives it back.
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

/// There is not as much left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Budget {
    /// So many bytes; what is used of them is shown by the gauge, refusals are counted.
    pub(super) fn new(limit: usize, gauge: Gauge, refused: Counter) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), gauge, refused })
    }

    /// A share of nothing yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

/// May somebody hold `own` bytes when all together, they included, hold `used`?
fn allows(limit: usize, used: usize, own: usize) -> bool {
    own <= limit.saturating_sub(used)
}

impl Share {
    /// Holds so many bytes from now on. Holding less never fails.
    ///
    /// # Errors
    /// When it would be more than what is left; the share stays as it was.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        if bytes <= self.bytes {
            let less = self.bytes - bytes;
            if less > 0 {
                self.budget.used.fetch_sub(less, Ordering::Relaxed);
                self.budget.gauge.decrement(less as f64);
                self.bytes = bytes;
            }
            return Ok(());
        }
        let more = bytes - self.bytes;
        let used = self.budget.used.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        if !allows(self.budget.limit, used, bytes) {
            self.budget.used.fetch_sub(more, Ordering::Relaxed);
            self.budget.refused.increment(1);
            return Err(Full);
        }
        self.budget.gauge.increment(more as f64);
        self.bytes = bytes;
        Ok(())
    }

    /// A body of an answer that waits until its reader has taken it: held for as long.
    ///
    /// # Errors
    /// When there is not as much left.
    pub(super) fn body(mut self, bytes: Bytes) -> Result<Body, Full> {
        self.hold(bytes.len())?;
        let pieces = futures_util::stream::unfold((bytes, self), |(mut bytes, mut share)| async {
            if bytes.is_empty() {
                return None;
            }
            let piece = bytes.split_to(PIECE.min(bytes.len()));
            let _ = share.hold(bytes.len());
            Some((Ok::<_, Infallible>(piece), (bytes, share)))
        });
        Ok(Body::from_stream(pieces))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: usize) -> Arc<Budget> {
        Budget::new(limit, Gauge::noop(), Counter::noop())
    }

    #[test]
    fn one_alone_can_hold_half() {
        let mut share = budget(100).share();
        assert_eq!(share.hold(50), Ok(()));
        assert_eq!(share.hold(51), Err(Full));
        assert_eq!(share.bytes, 50);
    }

    #[test]
    fn the_greedy_are_refused_while_the_modest_are_served() {
        let budget = budget(1_000);
        let mut greedy: Vec<Share> = (0..9).map(|_| budget.share()).collect();
        // All grow step by step, as far as they may.
        for bytes in 1..1_000 {
            for share in &mut greedy {
                let _ = share.hold(bytes);
            }
        }
        assert!(greedy.iter().all(|share| (90..=101).contains(&share.bytes)), "a tenth each");
        let mut modest = budget.share();
        assert_eq!(modest.hold(40), Ok(()));
        let more = greedy[0].bytes + 1;
        assert_eq!(greedy[0].hold(more), Err(Full));
    }

    #[test]
    fn what_is_dropped_is_free_again() {
        let budget = budget(100);
        let mut share = budget.share();
        share.hold(40).unwrap();
        share.hold(10).unwrap();
        assert_eq!(budget.used.load(Ordering::Relaxed), 10);
        drop(share);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
