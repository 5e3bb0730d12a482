//! How fast the other side of a connection must go on: with a body or a message that it has begun, and with taking what
//! is sent to it. Not a total time, which would cut the large with the slow, but no rest and a minimum rate.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// Bytes a second, on average: what the slowest networks carry that people use (64 kbit/s).
pub(super) const MIN_RATE: u64 = 8 * 1024;

/// The pace of one transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    began: Instant,
    moved: Instant,
    bytes: usize,
    patience: Duration,
}

impl Pace {
    /// A transfer begins. It may rest, and be behind the minimum rate, for `patience`.
    pub(super) fn begin(now: Instant, patience: Duration) -> Self {
        Self { began: now, moved: now, bytes: 0, patience }
    }

    /// So many bytes have come so far.
    pub(super) fn reached(&mut self, now: Instant, bytes: usize) {
        if bytes > self.bytes {
            self.bytes = bytes;
            self.moved = now;
        }
    }

    /// When it is too slow, unless more comes before.
    pub(super) fn deadline(&self) -> Instant {
        let earned = Duration::from_millis(self.bytes as u64 * 1_000 / MIN_RATE);
        (self.began + earned).min(self.moved) + self.patience
    }
}

/// A connection that ends when its other side takes what is sent to it too slowly. Costs nothing while it does.
pub(super) struct Paced {
    stream: TcpStream,
    patience: Duration,
    blocked: Option<Blocked>,
}

/// The kernel takes no more because the other side does not.
struct Blocked {
    pace: Pace,
    bytes: usize,
    timer: Pin<Box<Sleep>>,
}

impl Paced {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, blocked: None }
    }

    /// The bare connection.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Looks at how a write went.
    fn watch(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(blocked)) = (&write, &mut self.blocked) {
            blocked.bytes += bytes;
            blocked.pace.reached(Instant::now(), blocked.bytes);
        }
        if write.is_ready() {
            return write;
        }
        let blocked = self.blocked.get_or_insert_with(|| {
            let pace = Pace::begin(Instant::now(), self.patience);
            Blocked { pace, bytes: 0, timer: Box::pin(sleep_until(pace.deadline())) }
        });
        blocked.timer.as_mut().reset(blocked.pace.deadline());
        blocked.timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watch(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Comes when everything was written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.blocked = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn after(pace: &Pace) -> Duration {
        pace.deadline() - pace.began
    }

    #[test]
    fn a_drip_ends_and_a_slow_transfer_goes_on() {
        let now = Instant::now();
        let (mut drip, mut slow) = (Pace::begin(now, PATIENCE), Pace::begin(now, PATIENCE));
        for second in 1..=60 {
            let at = now + Duration::from_secs(second);
            drip.reached(at, second as usize);
            slow.reached(at, (second * 2 * MIN_RATE) as usize);
        }
        assert!(after(&drip) < PATIENCE + Duration::from_secs(1));
        assert_eq!(after(&slow), Duration::from_secs(70));
    }

    #[test]
    fn haste_buys_no_rest() {
        let now = Instant::now();
        let mut pace = Pace::begin(now, PATIENCE);
        pace.reached(now, 1024 * MIN_RATE as usize);
        assert_eq!(after(&pace), PATIENCE);
    }

    #[test]
    fn what_brings_nothing_new_is_no_progress() {
        let now = Instant::now();
        let mut pace = Pace::begin(now, PATIENCE);
        pace.reached(now + Duration::from_secs(5), 0);
        assert_eq!(after(&pace), PATIENCE);
    }
}
