//! The sending side of one WebSocket. Whoever has something to say to a client writes it into the socket at once;
//! what the kernel does not take waits here, bounded, and leaves in as few writes as possible.
//!
//! What always holds:
//! - Frames leave in the order in which they were given, pongs and closes included.
//! - An idle socket owns no buffer and wakes nobody.
//! - After an operation ended, by whichever side, nothing of it is sent.
//! - More than the limit waiting, or more than this node has left, or too slowly taken: the connection ends with
//!   [`SLOW`], and its queue is dropped.

use std::{
    borrow::Cow,
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{net::TcpStream, sync::Notify, time::Instant};

use super::{
    assembly::NO_CODE,
    budget::Share,
    events::{Event, Running},
    frame::{Frame, prefix},
    pace::Pace,
    queue::{BATCH, BATCH_BYTES, Room},
    ws::FORBIDDEN,
};
use crate::kernel::journal::Cursor;

/// Close code of a connection that does not read what waits for it ("try again later"). It resumes by its cursors.
pub(super) const SLOW: End = End::Close(1013, Cow::Borrowed("Slow consumer: reconnect and resume with your cursors"));

/// Close code of a connection whose client began a message and does not go on with it.
pub(super) const STALLED: End = End::Close(1008, Cow::Borrowed("Message too slow: go on with what was begun"));

/// Close code of a connection whose client says too much for too long.
pub(super) const FLOOD: End = End::Close(4429, Cow::Borrowed("Too many messages"));

/// Frames a second that are read from one client, control frames included; more must wait. A person may send 100
/// requests a second with the usual settings, dashboards send a few.
const FRAMES_PER_SECOND: u32 = 200;

/// Who sends more than that for so many seconds without a pause has to go.
const FLOOD_SECONDS: u32 = 5;

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

struct State {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame that have left.
    written: usize,
    waiting_bytes: usize,
    /// What waits, as this node counts it.
    share: Share,
    /// So many events may wait, and so many bytes.
    room: Room,
    /// The connection's task.
    waker: Option<Waker>,
    operations: Vec<Operation>,
    last_serial: u32,
    end: Option<End>,
    recheck: bool,
    /// How fast what waits is taken; `None` while nothing waits.
    taken: Option<Pace>,
    /// Bytes of it that have left.
    left: usize,
    /// Frames that are read until the next tick.
    allowance: u32,
    /// Seconds in which all of it was spent.
    flooding: u32,
    /// When more of an unfinished message must have come.
    due: Option<Instant>,
    /// The socket failed: nothing can be written.
    broken: bool,
}

/// One WebSocket, shared by its task, its operations, the hub and the ticker.
pub(super) struct Conn {
    stream: TcpStream,
    state: Mutex<State>,
    room: Notify,
    /// Longest rest in taking what waits.
    rest: Duration,
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
    /// Takes over a socket. `room` is for what waits, and the client may rest for `rest` in taking it; `patience` seconds
    /// pass until the first message.
    pub(super) fn new(stream: TcpStream, room: Room, share: Share, rest: Duration, patience: u32) -> Self {
        let state = State {
            frames: VecDeque::new(),
            written: 0,
            waiting_bytes: 0,
            share,
            room,
            waker: None,
            operations: Vec::new(),
            last_serial: 0,
            end: None,
            recheck: false,
            taken: None,
            left: 0,
            allowance: FRAMES_PER_SECOND,
            flooding: 0,
            due: None,
            broken: false,
        };
        Self {
            stream,
            state: Mutex::new(state),
            room: Notify::new(),
            rest,
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

    /// Answers a WebSocket ping.
    pub(super) fn pong(&self, payload: &[u8]) {
        self.push([Frame::pong(payload)]);
    }

    /// Says goodbye, also after the connection was told to end.
    pub(super) fn goodbye(&self, code: u16, reason: &str) {
        let mut state = self.lock();
        if !state.broken {
            let frame = Frame::close(Some(code).filter(|code| *code != NO_CODE), reason);
            state.waiting_bytes += frame.len();
            state.frames.push_back(frame);
            self.write(&mut state);
        }
    }

    /// So much may wait from now on.
    pub(super) fn make_room(&self, room: Room) {
        self.lock().room = room;
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
        state.waiting_bytes = state.frames.iter().map(Frame::len).sum::<usize>() - state.written;
        state.settle();
    }

    /// Returns once there is room for more of a stream that can wait.
    pub(super) async fn room(&self) {
        loop {
            let mut made = std::pin::pin!(self.room.notified());
            made.as_mut().enable();
            if !self.lock().is_busy() {
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

    /// True while so little waits that reading more from the client makes sense, and it has not said too much. Streams
    /// alone never stop it.
    pub(super) fn may_read(&self) -> bool {
        let state = self.lock();
        state.allowance > 0 && state.frames.len() < state.room.high_water() + state.streams() * BATCH + REPLIES
    }

    /// So many frames were read.
    pub(super) fn spend(&self, frames: u32) {
        if frames > 0 {
            let mut state = self.lock();
            state.allowance = state.allowance.saturating_sub(frames);
        }
    }

    /// More of an unfinished message must come until then; `None` when none is unfinished.
    pub(super) fn expect(&self, due: Option<Instant>) {
        self.lock().due = due;
    }

    /// Takes what the kernel has.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buffer)
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
        let (count, streams) = (state.frames.len(), state.streams());
        let crowded = count > state.room.events + streams * BATCH
            || (count > 1 && state.waiting_bytes > state.room.bytes + streams * BATCH_BYTES)
            || !state.settle();
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => state.broken = true,
            }
            if state.broken {
                state.drop_frames();
            }
        }
        state.watch(self.rest);
        if state.frames.is_empty() && state.frames.capacity() > KEPT_CAPACITY {
            state.frames = VecDeque::new();
        }
    }

    fn poll_write(&self, state: &mut State, cx: &mut Context<'_>) {
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        let busy = state.is_busy();
        loop {
            self.write(state);
            if state.frames.is_empty() {
                break;
            }
            match self.stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    state.broken = true;
                    state.drop_frames();
                    break;
                }
                Poll::Pending => break,
            }
        }
        state.settle();
        if busy && !state.is_busy() {
            self.room.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Streams that wait for room can add to it: each may have a batch in its hands.
    fn streams(&self) -> usize {
        self.operations.len()
    }

    /// So much waits that streams that can wait should.
    fn is_busy(&self) -> bool {
        self.room.is_busy(self.frames.len(), self.waiting_bytes)
    }

    /// Tells this node how much waits; false when it is more than it has left.
    fn settle(&mut self) -> bool {
        self.share.hold(self.waiting_bytes).is_ok()
    }

    fn drop_frames(&mut self) {
        self.frames.clear();
        self.waiting_bytes = 0;
        self.settle();
    }

    /// Looks at whether what waits is taken.
    fn watch(&mut self, rest: Duration) {
        if self.frames.is_empty() {
            self.taken = None;
            self.left = 0;
            return;
        }
        let now = Instant::now();
        let left = self.left;
        self.taken.get_or_insert_with(|| Pace::begin(now, rest)).reached(now, left);
    }

    fn sent(&mut self, bytes: usize) {
        self.left += bytes;
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

impl Conn {
    /// The client was heard.
    pub(super) fn heard(&self) {
        self.quiet.store(0, Ordering::Relaxed);
    }

    /// A second has passed. Ends the connection where something has run out.
    pub(super) fn tick(&self, now: Instant, now_micros: i64, silence: u32, ping_due: bool) {
        self.tick_reading(now);
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
            self.end(End::Close(FORBIDDEN, "Forbidden: TOKEN_EXPIRED".into()));
        }
        if self.quiet.fetch_add(1, Ordering::Relaxed) >= silence {
            self.end(End::Gone);
        }
        if ping_due {
            self.ping();
        }
    }

    /// The client may say something again, unless it says too much or does not go on.
    fn tick_reading(&self, now: Instant) {
        let mut state = self.lock();
        let spent = std::mem::replace(&mut state.allowance, FRAMES_PER_SECOND) == 0;
        state.flooding = if spent { state.flooding + 1 } else { 0 };
        let end = match state.due {
            Some(due) if due <= now => Some(STALLED),
            _ if state.taken.is_some_and(|pace| pace.deadline() <= now) => Some(SLOW),
            _ if state.flooding >= FLOOD_SECONDS => Some(FLOOD),
            _ => None,
        };
        let ends = end.is_some();
        state.end = state.end.take().or(end);
        if spent || ends {
            wake(&mut state);
        }
    }
}
