//! WebSocket frames as they come (RFC 6455, sections 5 and 7), put together to messages. What is held of an unfinished
//! one is known, and no more than has come is ever held for it: a header that announces much costs nothing.

use std::string::FromUtf8Error;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// From this opcode on frames are control frames.
const CONTROL: u8 = CLOSE;

/// The longest payload of a control frame.
const MAX_CONTROL: u64 = 125;

/// "No code was given": stands for itself and is never sent.
pub(super) const NO_CODE: u16 = 1005;

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A text message.
    Text(String),
    /// A binary message, which means nothing here.
    Binary,
    /// A ping, with what its pong repeats.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// A close with its code.
    Close(u16),
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not WebSocket.
    Protocol(&'static str),
    /// The message has more bytes than allowed.
    TooLarge,
    /// A text that is not UTF-8.
    NotUtf8,
}

impl From<FromUtf8Error> for Wrong {
    fn from(_: FromUtf8Error) -> Self {
        Self::NotUtf8
    }
}

/// The header of a frame, and what has not come of its payload.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: u8,
    last: bool,
    mask: [u8; 4],
    left: u64,
}

/// A message of which something has come.
struct Message {
    text: bool,
    bytes: Vec<u8>,
}

/// The receiving end of a WebSocket, without the socket.
#[derive(Default)]
pub(super) struct Assembly {
    /// What came and was not looked at.
    unread: Vec<u8>,
    at: usize,
    frame: Option<Frame>,
    control: Vec<u8>,
    message: Option<Message>,
    frames: u32,
    discards: bool,
}

impl Assembly {
    /// Adds what has come.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// What is complete, if anything is. A message may have `limit` bytes.
    ///
    /// # Errors
    /// After [`Wrong::Protocol`] it must not be asked again; after the others it may.
    pub(super) fn next(&mut self, limit: usize) -> Result<Option<Item>, Wrong> {
        let item = self.advance(limit)?;
        // What is looked at needs no room; an idle socket has no buffer at all.
        if self.at == self.unread.len() {
            self.unread = Vec::new();
        } else {
            self.unread.drain(..self.at);
        }
        self.at = 0;
        Ok(item)
    }

    fn advance(&mut self, limit: usize) -> Result<Option<Item>, Wrong> {
        loop {
            let Some(mut frame) = self.frame.take() else {
                let Some((frame, used)) = header(&self.unread[self.at..])? else { return Ok(None) };
                self.at += used;
                self.frame = Some(frame);
                self.begin(frame, limit)?;
                continue;
            };
            let into = match &mut self.message {
                Some(message) if frame.opcode < CONTROL => &mut message.bytes,
                _ => &mut self.control,
            };
            let here = &self.unread[self.at..];
            let here = &here[..usize::try_from(frame.left).unwrap_or(usize::MAX).min(here.len())];
            if self.discards && frame.opcode < CONTROL {
                frame.left -= here.len() as u64;
            } else {
                append(into, here, &mut frame);
            }
            self.at += here.len();
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(item) = self.end(frame)? {
                return Ok(Some(item));
            }
        }
    }

    fn begin(&mut self, frame: Frame, limit: usize) -> Result<(), Wrong> {
        self.frames += 1;
        match (frame.opcode, &self.message) {
            (CLOSE | PING | PONG, _) if !frame.last => Err(Wrong::Protocol("a control frame in parts")),
            (CLOSE | PING | PONG, _) if frame.left > MAX_CONTROL => Err(Wrong::Protocol("a control frame too long")),
            (CLOSE | PING | PONG, _) => Ok(()),
            (TEXT | BINARY, None) => {
                self.message = Some(Message { text: frame.opcode == TEXT, bytes: Vec::new() });
                fits(0, frame.left, limit)
            }
            (CONTINUATION, Some(message)) => fits(message.bytes.len(), frame.left, limit),
            (CONTINUATION, None) => Err(Wrong::Protocol("a continuation of nothing")),
            (TEXT | BINARY, Some(_)) => Err(Wrong::Protocol("a message within another")),
            _ => Err(Wrong::Protocol("an unknown opcode")),
        }
    }

    fn end(&mut self, frame: Frame) -> Result<Option<Item>, Wrong> {
        if frame.opcode >= CONTROL {
            let payload = std::mem::take(&mut self.control);
            return Ok(Some(match frame.opcode {
                PING => Item::Ping(payload),
                CLOSE => Item::Close(close_code(&payload)?),
                _ => Item::Pong,
            }));
        }
        if !frame.last {
            return Ok(None);
        }
        match self.message.take() {
            Some(message) if message.text => Ok(Some(Item::Text(String::from_utf8(message.bytes)?))),
            _ => Ok(Some(Item::Binary)),
        }
    }

    /// From now on messages are without content, and nothing is held of them.
    pub(super) fn discard(&mut self) {
        self.discards = true;
        if let Some(message) = &mut self.message {
            message.bytes = Vec::new();
        }
    }

    /// Nothing is unfinished.
    pub(super) fn is_idle(&self) -> bool {
        !self.in_message() && self.frame.is_none() && self.unread.is_empty()
    }

    /// A message is unfinished: control frames may come between its parts.
    pub(super) fn in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Bytes of the unfinished message that have come. Control frames between its parts do not count.
    pub(super) fn received(&self) -> usize {
        self.message.as_ref().map_or(self.control.len() + self.unread.len(), |message| message.bytes.len())
    }

    /// Memory it holds.
    pub(super) fn held(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.bytes.capacity());
        message + self.control.capacity() + self.unread.capacity()
    }

    /// Frames that have begun since the last call.
    pub(super) fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }
}

fn fits(before: usize, more: u64, limit: usize) -> Result<(), Wrong> {
    let free = limit.saturating_sub(before) as u64;
    if more > free { Err(Wrong::TooLarge) } else { Ok(()) }
}

/// A frame's header and its length, once all of it has come.
fn header(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Wrong> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Wrong::Protocol("a reserved bit"));
    }
    if second & 0x80 == 0 {
        return Err(Wrong::Protocol("a frame without a mask"));
    }
    let (left, rest) = match second & 0x7F {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*length), rest)
        }
        short => (u64::from(short), rest),
    };
    let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
    let frame = Frame { opcode: first & 0x0F, last: first & 0x80 != 0, mask: *mask, left };
    Ok(Some((frame, bytes.len() - rest.len())))
}

/// Adds a part of a frame's payload, without its mask.
fn append(into: &mut Vec<u8>, part: &[u8], frame: &mut Frame) {
    frame.left -= part.len() as u64;
    if into.capacity() - into.len() < part.len() {
        // Doubles, as vectors do, but never beyond what was announced.
        let ahead = usize::try_from(frame.left).unwrap_or(usize::MAX).min(into.len());
        into.reserve_exact(part.len() + ahead);
    }
    let begin = into.len();
    into.extend_from_slice(part);
    for four in into[begin..].chunks_mut(4) {
        for (byte, mask) in four.iter_mut().zip(frame.mask) {
            *byte ^= mask;
        }
    }
    frame.mask.rotate_left(part.len() % 4);
}

/// The code in the payload of a close frame (RFC 6455, 7.4).
fn close_code(payload: &[u8]) -> Result<u16, Wrong> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(NO_CODE) } else { Err(Wrong::Protocol("half a close code")) };
    };
    if std::str::from_utf8(reason).is_err() {
        return Err(Wrong::NotUtf8);
    }
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(code),
        _ => Err(Wrong::Protocol("a close code that is none")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 100_000;

    /// A frame as a client sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x11, 0x22, 0x33, 0x44];
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | short as u8),
            medium @ 126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((medium as u16).to_be_bytes());
            }
            long => {
                bytes.push(0x80 | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// Everything that bytes say, given in pieces that end at these places.
    fn heard(bytes: &[u8], cuts: &[usize]) -> (Vec<Item>, Assembly) {
        let mut assembly = Assembly::default();
        let mut items = Vec::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            assembly.feed(&bytes[pair[0]..pair[1]]);
            while let Some(item) = assembly.next(LIMIT).unwrap() {
                items.push(item);
            }
        }
        (items, assembly)
    }

    fn wrong(bytes: &[u8]) -> Option<Wrong> {
        let mut assembly = Assembly::default();
        assembly.feed(bytes);
        loop {
            match assembly.next(LIMIT) {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(wrong) => return Some(wrong),
            }
        }
    }

    proptest! {
        #[test]
        fn messages_come_whole_wherever_the_network_cuts(
            texts in prop::collection::vec(".{0,40}|[a-zğ]{100,400}|x{66000}", 1..5),
            parts in 1_usize..5,
            cuts in prop::collection::vec(0_usize..100_000, 0..20),
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for text in &texts {
                let size = (text.len() / parts).max(1);
                let pieces: Vec<&[u8]> = if text.is_empty() { vec![b""] } else { text.as_bytes().chunks(size).collect() };
                for (number, piece) in pieces.iter().enumerate() {
                    let opcode = if number == 0 { TEXT } else { CONTINUATION };
                    let last = number + 1 == pieces.len();
                    bytes.extend(frame(if last { 0x80 | opcode } else { opcode }, piece));
                    if !last {
                        bytes.extend(frame(0x80 | PING, b"?"));
                        expected.push(Item::Ping(b"?".to_vec()));
                    }
                }
                expected.push(Item::Text(text.clone()));
            }
            bytes.extend(frame(0x80 | CLOSE, &1000_u16.to_be_bytes()));
            expected.push(Item::Close(1000));
            let (items, assembly) = heard(&bytes, &cuts);
            prop_assert_eq!(items, expected);
            prop_assert!(assembly.is_idle());
            prop_assert_eq!(assembly.held(), 0);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = wrong(&bytes);
        }
    }

    #[test]
    fn what_is_not_websocket_is_refused() {
        let part = frame(TEXT, b"a");
        for (bytes, what) in [
            (vec![0x81, 0x01, b'a'], "a frame without a mask"),
            (frame(0xC1, b"a"), "a reserved bit"),
            (frame(0x83, b"a"), "an unknown opcode"),
            (frame(0x8B, b"a"), "an unknown opcode"),
            (frame(0x80, b"a"), "a continuation of nothing"),
            ([part.clone(), frame(0x81, b"a")].concat(), "a message within another"),
            (frame(PING, b"a"), "a control frame in parts"),
            (frame(0x89, &[0; 126]), "a control frame too long"),
            (frame(0x88, &[3]), "half a close code"),
            (frame(0x88, &1005_u16.to_be_bytes()), "a close code that is none"),
            (frame(0x88, &999_u16.to_be_bytes()), "a close code that is none"),
        ] {
            assert_eq!(wrong(&bytes), Some(Wrong::Protocol(what)));
        }
        assert_eq!(wrong(&frame(0x81, b"\xff")), Some(Wrong::NotUtf8));
        assert_eq!(wrong(&frame(0x88, b"\x03\xe8\xff")), Some(Wrong::NotUtf8));
        assert_eq!(wrong(&[part, frame(0x80, "ğ".as_bytes())].concat()), None);
    }

    #[test]
    fn what_is_announced_beyond_the_limit_is_refused_at_once_and_costs_nothing_within() {
        let mut announced = vec![0x81, 0x80 | 127];
        announced.extend((LIMIT as u64 + 1).to_be_bytes());
        announced.extend([0; 4]);
        assert_eq!(wrong(&announced), Some(Wrong::TooLarge));
        let parts = [frame(TEXT, &vec![b'a'; LIMIT]), frame(0x80, b"a")].concat();
        assert_eq!(wrong(&parts), Some(Wrong::TooLarge));

        // Whoever is told so can still say goodbye.
        let mut assembly = Assembly::default();
        assembly.feed(&frame(0x81, &vec![b'a'; LIMIT + 1]));
        assert_eq!(assembly.next(LIMIT), Err(Wrong::TooLarge));
        assembly.discard();
        assembly.feed(&frame(0x88, b""));
        assert_eq!(assembly.next(usize::MAX), Ok(Some(Item::Text(String::new()))));
        assert_eq!(assembly.next(usize::MAX), Ok(Some(Item::Close(NO_CODE))));

        let header = &frame(0x81, &vec![b'a'; LIMIT])[..14];
        let (items, assembly) = heard(header, &[]);
        assert!(items.is_empty() && !assembly.is_idle());
        assert!(assembly.held() < 100, "{}", assembly.held());
        assert_eq!(wrong(&frame(0x81, &vec![b'a'; LIMIT])), None);
    }

    #[test]
    fn control_frames_are_no_progress_of_a_message() {
        let mut bytes = frame(TEXT, b"abc");
        bytes.extend([frame(0x8A, b""), frame(0x89, b"longer than it was")].concat());
        let (items, mut assembly) = heard(&bytes, &[]);
        assert_eq!(items, [Item::Pong, Item::Ping(b"longer than it was".to_vec())]);
        assert_eq!((assembly.received(), assembly.in_message(), assembly.take_frames()), (3, true, 3));
    }
}
