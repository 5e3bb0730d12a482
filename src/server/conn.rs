//! The sending side of one WebSocket. Whoever has something to say to a client writes it into the socket at once;
//! what the kernel does not take waits here, bounded, and leaves in as few writes as possible.
//!
//! What always holds:
//! - Frames leave in the order in which they were given, those of the protocol library (pongs, close) included.
//! - An idle socket owns no buffer and wakes nobody.
//! - After an operation ended, by whichever side, nothing of it is sent.
//! - More than the limit waiting: the connection ends with [`SLOW`], and its queue is dropped.

use std::{
    borrow::Cow,
    collections::VecDeque,
    io::{self, IoSlice, Read, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::{net::TcpStream, sync::Notify};

use super::{
    events::{BATCH, Event, HIGH_WATER, Running},
    frame::{Frame, prefix},
};
use crate::kernel::journal::Cursor;

/// Close code of a connection that does not read what waits for it ("try again later"). It resumes by its cursors.
pub(super) const SLOW: End = End::Close(1013, Cow::Borrowed("Slow consumer: reconnect and resume with your cursors"));

/// So much may wait in bytes, whatever the number of events.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Parts handed to the kernel in one write: three a frame.
const PARTS: usize = 96;

/// So many answers to control messages may wait, besides what the streams add, before the client is not read.
const REPLIES: usize = 64;

/// A queue that grew beyond this is given back when it is empty.
const KEPT_CAPACITY: usize = 8;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a close code and its reason.
    Close(u16, Cow<'static, str>),
    /// The other side is gone: nobody to say goodbye to.
    Gone,
}

/// What the connection's task must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask again who the caller is.
    Recheck,
    /// End the connection.
    End(End),
}

struct Operation {
    id: Box<str>,
    serial: u32,
    running: Running,
}

/// Why an operation cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its id is in use.
    Duplicate,
    /// There are as many as allowed.
    TooMany,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame that have left.
    written: usize,
    waiting_bytes: usize,
    /// The connection's task.
    waker: Option<Waker>,
    operations: Vec<Operation>,
    last_serial: u32,
    end: Option<End>,
    recheck: bool,
    /// The socket failed: nothing can be written.
    broken: bool,
}

/// One WebSocket, shared by its task, its operations, the hub and the ticker.
pub(super) struct Conn {
    stream: TcpStream,
    state: Mutex<State>,
    room: Notify,
    limit: usize,
    /// Seconds since the client was last heard.
    pub(super) quiet: AtomicU32,
    /// Seconds left for `connection_init`; [`u32::MAX`] once it came.
    pub(super) patience: AtomicU32,
    /// When the sign-in runs out, in µs; [`i64::MAX`] for never.
    pub(super) expires: AtomicI64,
    /// Seconds until the caller is checked again; [`u32::MAX`] for never.
    pub(super) recheck: AtomicU32,
}

impl Conn {
    /// Takes over a socket. `limit` events may wait, `patience` seconds pass until the first message.
    pub(super) fn new(stream: TcpStream, limit: usize, patience: u32) -> Self {
        Self {
            stream,
            state: Mutex::default(),
            room: Notify::new(),
            limit,
            quiet: AtomicU32::new(0),
            patience: AtomicU32::new(patience),
            expires: AtomicI64::new(i64::MAX),
            recheck: AtomicU32::new(u32::MAX),
        }
    }

    /// Sends a text message that belongs to no operation.
    pub(super) fn say(&self, text: &str) {
        self.push([Frame::text(text)]);
    }

    /// Sends a WebSocket ping.
    pub(super) fn ping(&self) {
        self.push([Frame::ping()]);
    }

    /// Reserves an id for an operation.
    pub(super) fn start(&self, id: &str, limit: usize) -> Result<u32, Refused> {
        let mut state = self.lock();
        if state.operations.iter().any(|operation| &*operation.id == id) {
            return Err(Refused::Duplicate);
        }
        if state.operations.len() >= limit {
            return Err(Refused::TooMany);
        }
        state.last_serial = state.last_serial.wrapping_add(1);
        let serial = state.last_serial;
        state.operations.push(Operation { id: id.into(), serial, running: Running::Starting });
        Ok(serial)
    }

    /// Says what runs under a reserved id. If the operation ended meanwhile, `running` ends too.
    pub(super) fn attach(&self, serial: u32, running: Running) {
        let before = {
            let mut state = self.lock();
            match state.operations.iter_mut().find(|operation| operation.serial == serial) {
                Some(operation) => operation.running.replace(running),
                None => running,
            }
        };
        // Outside the lock: leaving a shared execution takes other locks.
        drop(before);
    }

    /// Sends those of an operation's results that follow `after`.
    pub(super) fn next(&self, serial: u32, events: &[Event], after: Option<Cursor>) {
        let mut state = self.lock();
        let Some(operation) = state.operations.iter().find(|operation| operation.serial == serial) else { return };
        let prefix = prefix("next", &operation.id, true);
        let news = events.iter().filter(|event| event.follows(after));
        let frames = news.map(|event| Frame::message(&prefix, event.payload.clone()));
        self.push_to(&mut state, frames);
    }

    /// Sends the only result of an operation and ends it, in one write.
    pub(super) fn answer(&self, serial: u32, payload: Bytes) {
        let ended = {
            let mut state = self.lock();
            let Some(at) = state.operations.iter().position(|operation| operation.serial == serial) else { return };
            let operation = state.operations.swap_remove(at);
            let next = Frame::message(&prefix("next", &operation.id, true), payload);
            let complete = Frame::message(&prefix("complete", &operation.id, false), Bytes::new());
            self.push_to(&mut state, [next, complete]);
            operation
        };
        drop(ended);
    }

    /// Sends an `error` for an id under which nothing runs.
    pub(super) fn refuse(&self, id: &str, errors: Bytes) {
        self.push([Frame::message(&prefix("error", id, true), errors)]);
    }

    /// Ends an operation from our side, with an `error` if there is a list of errors, else with `complete`.
    pub(super) fn finish(&self, serial: u32, errors: Option<&Bytes>) {
        let ended = {
            let mut state = self.lock();
            let Some(at) = state.operations.iter().position(|operation| operation.serial == serial) else { return };
            let operation = state.operations.swap_remove(at);
            let frame = match errors {
                Some(errors) => Frame::message(&prefix("error", &operation.id, true), errors.clone()),
                None => Frame::message(&prefix("complete", &operation.id, false), Bytes::new()),
            };
            self.push_to(&mut state, [frame]);
            operation
        };
        drop(ended);
    }

    /// Ends an operation from the client's side: nothing more of it is sent.
    pub(super) fn cancel(&self, id: &str) {
        let ended = {
            let mut state = self.lock();
            let at = state.operations.iter().position(|operation| &*operation.id == id);
            at.map(|at| state.operations.swap_remove(at))
        };
        drop(ended);
    }

    /// Ends all operations.
    pub(super) fn cancel_all(&self) {
        let ended = std::mem::take(&mut self.lock().operations);
        drop(ended);
    }

    /// Asks the connection's task to end it. The first reason counts.
    pub(super) fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(end);
            wake(&mut state);
        }
    }

    /// Drops what waits, except for a frame that has half left. For the close frame of a slow consumer.
    pub(super) fn forget_waiting(&self) {
        let mut state = self.lock();
        let keep = usize::from(state.written > 0);
        state.frames.truncate(keep);
        state.waiting_bytes = state.frames.iter().map(Frame::len).sum();
    }

    /// Returns once there is room for more of a stream that can wait.
    pub(super) async fn room(&self) {
        loop {
            let mut made = std::pin::pin!(self.room.notified());
            made.as_mut().enable();
            if self.lock().frames.len() < self.high_water() {
                return;
            }
            made.await;
        }
    }

    /// Drives what waits into the socket. Ready when the connection's task has something to do.
    pub(super) fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<Turn> {
        let mut state = self.lock();
        if let Some(end) = &state.end {
            return Poll::Ready(Turn::End(end.clone()));
        }
        self.poll_write(&mut state, cx);
        if state.broken {
            return Poll::Ready(Turn::End(End::Gone));
        }
        if std::mem::take(&mut state.recheck) { Poll::Ready(Turn::Recheck) } else { Poll::Pending }
    }

    /// Ready when nothing waits any more, or nothing can be written.
    pub(super) fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        self.poll_write(&mut state, cx);
        if state.broken || state.frames.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// True while so little waits that reading more from the client makes sense. Streams alone never stop it.
    pub(super) fn may_read(&self) -> bool {
        let state = self.lock();
        state.frames.len() < self.high_water() + state.streams() + REPLIES
    }

    /// Ready when there is something to read.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_ready(cx)
    }

    fn push(&self, frames: impl IntoIterator<Item = Frame>) {
        self.push_to(&mut self.lock(), frames);
    }

    fn push_to(&self, state: &mut State, frames: impl IntoIterator<Item = Frame>) {
        if state.end.is_some() || state.broken {
            return;
        }
        let idle = state.frames.is_empty();
        for frame in frames {
            state.waiting_bytes += frame.len();
            state.frames.push_back(frame);
        }
        if idle {
            self.write(state);
        }
        let crowded = state.frames.len() > self.limit + state.streams()
            || (state.frames.len() > 1 && state.waiting_bytes > MAX_WAITING_BYTES);
        if crowded {
            state.end = Some(SLOW);
        }
        // Otherwise somebody already waits for the socket.
        if crowded || state.broken || (idle && !state.frames.is_empty()) {
            wake(state);
        }
    }

    /// Writes until everything has left or the socket takes no more.
    fn write(&self, state: &mut State) {
        while !state.frames.is_empty() {
            let mut parts = [IoSlice::new(&[]); PARTS];
            let mut used = 0;
            let mut skip = state.written;
            'frames: for frame in &state.frames {
                for part in frame.parts() {
                    let cut = skip.min(part.len());
                    skip -= cut;
                    let part = &part[cut..];
                    if used == PARTS {
                        break 'frames;
                    }
                    if !part.is_empty() {
                        parts[used] = IoSlice::new(part);
                        used += 1;
                    }
                }
            }
            match self.stream.try_write_vectored(&parts[..used]) {
                Ok(0) => state.broken = true,
                Ok(sent) => state.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => state.broken = true,
            }
            if state.broken {
                state.frames.clear();
                state.waiting_bytes = 0;
            }
        }
        if state.frames.capacity() > KEPT_CAPACITY {
            state.frames = VecDeque::new();
        }
    }

    fn poll_write(&self, state: &mut State, cx: &mut Context<'_>) {
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        let crowded = state.frames.len() >= self.high_water();
        loop {
            self.write(state);
            if state.frames.is_empty() {
                break;
            }
            match self.stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    state.broken = true;
                    state.frames.clear();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if crowded && state.frames.len() < self.high_water() {
            self.room.notify_waiters();
        }
    }

    fn high_water(&self) -> usize {
        self.limit.min(HIGH_WATER)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What streams that wait for room can add to it: each may have a batch in its hands.
    fn streams(&self) -> usize {
        self.operations.len() * BATCH
    }

    fn sent(&mut self, bytes: usize) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.written += bytes;
        while let Some(first) = self.frames.front()
            && self.written >= first.len()
        {
            self.written -= first.len();
            self.frames.pop_front();
        }
    }
}

fn wake(state: &mut State) {
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
}

/// The socket as the protocol library sees it: reads come from the kernel, writes join the queue.
pub(super) struct Io(pub(super) Arc<Conn>);

impl Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.stream.try_read(buffer)
    }
}

impl Write for Io {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let frame = Frame::raw(bytes);
        let mut state = self.0.lock();
        // Its close frame must leave after the connection was told to end.
        state.waiting_bytes += frame.len();
        state.frames.push_back(frame);
        self.0.write(&mut state);
        if !state.frames.is_empty() {
            wake(&mut state);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Conn {
    /// The client was heard.
    pub(super) fn heard(&self) {
        self.quiet.store(0, Ordering::Relaxed);
    }

    /// A second has passed. Ends the connection where something has run out.
    pub(super) fn tick(&self, now_micros: i64, silence: u32, ping_due: bool) {
        let patience = self.patience.load(Ordering::Relaxed);
        if patience == 0 {
            self.end(End::Close(4408, "Connection initialisation timeout".into()));
        } else if patience != u32::MAX {
            self.patience.store(patience - 1, Ordering::Relaxed);
        }
        let recheck = self.recheck.load(Ordering::Relaxed);
        if recheck == 0 {
            self.recheck.store(u32::MAX, Ordering::Relaxed);
            let mut state = self.lock();
            state.recheck = true;
            wake(&mut state);
        } else if recheck != u32::MAX {
            self.recheck.store(recheck - 1, Ordering::Relaxed);
        }
        if self.expires.load(Ordering::Relaxed) <= now_micros {
            self.end(End::Close(4403, "Forbidden: TOKEN_EXPIRED".into()));
        }
        if self.quiet.fetch_add(1, Ordering::Relaxed) >= silence {
            self.end(End::Gone);
        }
        if ping_due {
            self.ping();
        }
    }
}
