//! The receiving side of one WebSocket: messages one by one, as fast as the client may send them, within the memory that
//! this node has for what is unfinished. An idle socket owns no buffer.

use std::{
    io::ErrorKind,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    assembly::{Assembly, Item, Wrong},
    budget::Share,
    conn::{Conn, End},
    pace::Pace,
};

/// Bytes taken from the kernel at once.
const CHUNK: usize = 8 * 1024;

/// After so many of them others get their turn on the processor.
const CHUNKS: usize = 32;

/// So much is still read from a client that is told to go: enough for it to end its message and read why.
const LEAVE: usize = 4 * 1024 * 1024;

pub(super) struct Reader {
    conn: Arc<Conn>,
    assembly: Assembly,
    share: Share,
    pace: Option<Pace>,
    patience: Duration,
    /// Where frames begin is not known any more.
    lost: bool,
    /// The longest message.
    pub(super) limit: usize,
}

impl Reader {
    /// Reads from a connection of which the first bytes were read already. A message that was begun may rest for
    /// `patience`.
    pub(super) fn new(conn: Arc<Conn>, early: &[u8], share: Share, patience: Duration, limit: usize) -> Self {
        let mut assembly = Assembly::default();
        assembly.feed(early);
        Self { conn, assembly, share, pace: None, patience, lost: false, limit }
    }

    /// What the client says next.
    pub(super) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, End>> {
        for _ in 0..CHUNKS {
            if !self.conn.may_read() {
                return Poll::Pending;
            }
            let item = self.assembly.next(self.limit);
            self.conn.spend(self.assembly.take_frames());
            match item {
                Ok(Some(item)) => {
                    let whole = !matches!(item, Item::Ping(_) | Item::Pong) || !self.assembly.in_message();
                    if whole && self.pace.take().is_some() {
                        self.conn.expect(None);
                    }
                    return Poll::Ready(Ok(item));
                }
                Ok(None) => self.account()?,
                Err(wrong) => return Poll::Ready(Err(self.end_for(wrong))),
            }
            let mut chunk = [0; CHUNK];
            match self.conn.try_read(&mut chunk) {
                Ok(0) => return Poll::Ready(Err(End::Gone)),
                Ok(bytes) => {
                    self.conn.heard();
                    self.assembly.feed(&chunk[..bytes]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if ready!(self.conn.poll_readable(cx)).is_err() {
                        return Poll::Ready(Err(End::Gone));
                    }
                }
                Err(_) => return Poll::Ready(Err(End::Gone)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Says what is held of an unfinished message, and by when more must come.
    fn account(&mut self) -> Result<(), End> {
        if self.share.hold(self.assembly.held()).is_err() {
            return Err(End::Close(1013, "Try again later: this node holds too many unfinished messages".into()));
        }
        if self.assembly.is_idle() {
            return Ok(());
        }
        let now = Instant::now();
        let before = self.pace.as_ref().map(Pace::deadline);
        let pace = self.pace.get_or_insert_with(|| Pace::begin(now, self.patience));
        pace.reached(now, self.assembly.received());
        let deadline = Some(pace.deadline());
        if deadline != before {
            self.conn.expect(deadline);
        }
        Ok(())
    }

    fn end_for(&mut self, wrong: Wrong) -> End {
        match wrong {
            Wrong::Protocol(what) => {
                self.lost = true;
                End::Close(1002, format!("Not WebSocket: {what}").into())
            }
            Wrong::NotUtf8 => End::Close(1007, "Not UTF-8".into()),
            Wrong::TooLarge => {
                End::Close(1009, format!("Message too large: at most {} bytes are allowed here", self.limit).into())
            }
        }
    }

    /// The client is told to go: nothing that it says is kept any more.
    pub(super) fn discard(&mut self) {
        self.assembly.discard();
        let _ = self.share.hold(0);
        self.conn.expect(None);
    }

    /// Ready when a client that was told to go has said goodbye or is gone, or when it goes on and on.
    pub(super) fn poll_gone(&mut self, read: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
        while *read <= LEAVE {
            while !self.lost {
                match self.assembly.next(usize::MAX) {
                    Ok(Some(Item::Close(_))) => return Poll::Ready(()),
                    Ok(Some(_)) | Err(Wrong::NotUtf8 | Wrong::TooLarge) => {}
                    Ok(None) => break,
                    Err(Wrong::Protocol(_)) => self.lost = true,
                }
            }
            let mut chunk = [0; CHUNK];
            match self.conn.try_read(&mut chunk) {
                Ok(0) => return Poll::Ready(()),
                Ok(bytes) => {
                    *read += bytes;
                    if !self.lost {
                        self.assembly.feed(&chunk[..bytes]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if ready!(self.conn.poll_readable(cx)).is_err() {
                        return Poll::Ready(());
                    }
                }
                Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}
