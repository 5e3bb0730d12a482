//! Lines out of bytes, as server-sent events and newline-delimited JSON need them.
//!
//! Bytes go in as they arrive and are split at line ends only, so a letter cut in two by a packet's border is whole again
//! before it is decoded. What is held is at most [`LIMIT`] per line.

use std::borrow::Cow;

use super::halves;

/// Longest line, and longest data of one event, in bytes.
pub(super) const LIMIT: usize = 1 << 20;

/// A line or an event is longer than [`LIMIT`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Turns bytes into lines; LF, CR and CRLF end one.
#[derive(Default)]
pub(super) struct Lines {
    /// What has arrived; everything before `start` is used up, nothing before `seen` is a line end.
    buffer: Vec<u8>,
    start: usize,
    seen: usize,
    /// The last line ended with CR, so an LF that comes next belongs to it.
    after_cr: bool,
    /// The byte order mark can only be at the very beginning.
    begun: bool,
}

impl Lines {
    /// True until something but white space has arrived.
    pub(super) fn is_new(&self) -> bool {
        !self.begun && self.buffer.iter().all(u8::is_ascii_whitespace)
    }

    /// Adds bytes that arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete line, without its end, or `None` until more bytes are pushed.
    pub(super) fn take(&mut self) -> Result<Option<&[u8]>, TooLong> {
        if self.after_cr && self.start < self.buffer.len() {
            self.after_cr = false;
            if self.buffer[self.start] == b'\n' {
                self.start += 1;
                self.seen = self.start;
            }
        }
        let end = self.buffer[self.seen..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(length) = end else {
            self.seen = self.buffer.len();
            return if self.seen - self.start > LIMIT { Err(TooLong) } else { Ok(None) };
        };
        let (mut from, to) = (self.start, self.seen + length);
        if to - from > LIMIT {
            return Err(TooLong);
        }
        self.after_cr = self.buffer[to] == b'\r';
        self.start = to + 1;
        self.seen = self.start;
        if !self.begun {
            self.begun = true;
            if self.buffer[from..to].starts_with("\u{feff}".as_bytes()) {
                from += 3;
            }
        }
        Ok(Some(&self.buffer[from..to]))
    }

    /// The next complete line that is not blank, decoded.
    pub(super) fn take_text(&mut self) -> Result<Option<String>, TooLong> {
        while let Some(line) = self.take()? {
            let text: Cow<'_, str> = halves::decode(line);
            if !text.trim().is_empty() {
                return Ok(Some(text.into_owned()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_none_and_letters_cut_in_two_are_whole() {
        let mut lines = Lines::default();
        let body = "{\"a\":\"ğ🙂\"}\r\n\r\n \n{}\n".as_bytes();
        let mut found = Vec::new();
        for byte in body {
            lines.push(&[*byte]);
            found.extend(lines.take_text().unwrap());
        }
        assert_eq!(found, ["{\"a\":\"ğ🙂\"}", "{}"]);
    }
}
