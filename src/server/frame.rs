//! WebSocket frames as they leave: written by us, so that what many subscribers share is never copied.

use bytes::Bytes;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// The longest reason in a close frame.
const MAX_REASON: usize = 123;

/// The longest frame header of a server.
const MAX_HEADER: usize = 10;

/// What closes the JSON of an operation's message.
const TAIL: &[u8] = b"}";

/// A WebSocket frame in parts: what is this subscriber's own, what all share, and what closes it.
pub(super) struct Frame {
    head: Vec<u8>,
    body: Bytes,
    tail: &'static [u8],
}

impl Frame {
    /// A text message that belongs to no operation.
    pub(super) fn text(text: &str) -> Self {
        let mut head = Vec::with_capacity(text.len() + MAX_HEADER);
        write_header(TEXT, text.len(), &mut head);
        head.extend_from_slice(text.as_bytes());
        Self { head, body: Bytes::new(), tail: b"" }
    }

    /// A WebSocket ping.
    pub(super) fn ping() -> Self {
        Self::control(PING, b"")
    }

    /// The answer to a client's ping.
    pub(super) fn pong(payload: &[u8]) -> Self {
        Self::control(PONG, payload)
    }

    /// A goodbye. Without a code it has no reason either.
    pub(super) fn close(code: Option<u16>, reason: &str) -> Self {
        let Some(code) = code else { return Self::control(CLOSE, b"") };
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
        Self::control(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    fn control(kind: u8, payload: &[u8]) -> Self {
        let mut head = Vec::with_capacity(payload.len() + MAX_HEADER);
        write_header(kind, payload.len(), &mut head);
        head.extend_from_slice(payload);
        Self { head, body: Bytes::new(), tail: b"" }
    }

    /// A message of an operation: its beginning, as [`prefix`] makes it, and what may be shared with others.
    pub(super) fn message(prefix: &str, body: Bytes) -> Self {
        let mut head = Vec::with_capacity(prefix.len() + MAX_HEADER);
        write_header(TEXT, prefix.len() + body.len() + TAIL.len(), &mut head);
        head.extend_from_slice(prefix.as_bytes());
        Self { head, body, tail: TAIL }
    }

    /// Its parts in their order.
    pub(super) fn parts(&self) -> [&[u8]; 3] {
        [&self.head, &self.body, self.tail]
    }

    /// Its length with its header.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.tail.len()
    }
}

/// `{"type":"next","id":"…"` and, with a payload, `,"payload":`.
pub(super) fn prefix(kind: &str, id: &str, payload: bool) -> String {
    // Text always has a JSON form.
    let id = serde_json::to_string(id).unwrap_or_default();
    let payload = if payload { ",\"payload\":" } else { "" };
    format!("{{\"type\":\"{kind}\",\"id\":{id}{payload}")
}

/// The header of an unmasked, unfragmented frame (RFC 6455, section 5.2).
fn write_header(kind: u8, length: usize, into: &mut Vec<u8>) {
    into.push(kind);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => into.push(short),
        (_, Ok(medium)) => {
            into.push(126);
            into.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            into.push(127);
            into.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_forms() {
        for (length, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut bytes = Vec::new();
            write_header(TEXT, length, &mut bytes);
            assert_eq!(bytes.len(), header, "{length}");
        }
    }

    #[test]
    fn a_close_has_room_for_its_reason() {
        let frame = Frame::close(Some(4400), &"ğ".repeat(100));
        assert_eq!(&frame.parts().concat()[..4], [CLOSE, 124, 0x11, 0x30], "122 bytes of whole letters, and the code");
        assert_eq!(Frame::close(None, "x").parts().concat(), [CLOSE, 0]);
    }

    #[test]
    fn a_message_is_one_json_object() {
        let frame = Frame::message(&prefix("next", "a\"b", true), Bytes::from_static(b"{\"data\":null}"));
        let text = frame.parts().concat();
        assert_eq!(frame.len(), text.len());
        let message: serde_json::Value = serde_json::from_slice(&text[2..]).unwrap();
        assert_eq!(message["id"], "a\"b");
    }
}
