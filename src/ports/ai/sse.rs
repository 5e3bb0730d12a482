//! Server-sent events, as the HTML standard has them (§9.2.6 "Interpreting an event stream"), as far as chat models use
//! them: only the data of each event is kept.
//!
//! Bytes go in as they arrive and are split at line ends only, so a letter cut in two by a packet's border is whole again
//! before it is decoded. What is held is at most [`LIMIT`] per line and per event.

/// Longest line, and longest data of one event, in bytes.
pub(super) const LIMIT: usize = 1 << 20;

/// A line or an event is longer than [`LIMIT`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Turns bytes into events.
#[derive(Default)]
pub(super) struct Events {
    /// What has arrived; everything before `start` is used up, nothing before `seen` is a line end.
    buffer: Vec<u8>,
    start: usize,
    seen: usize,
    /// The last line ended with CR, so an LF that comes next belongs to it.
    after_cr: bool,
    /// The byte order mark can only be at the very beginning.
    begun: bool,
    /// Data of the event that is being read, or, once `ready`, of the one that was handed out.
    data: String,
    has_data: bool,
    ready: bool,
}

impl Events {
    /// Adds bytes that arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The data of the next complete event, or `None` until more bytes are pushed.
    pub(super) fn take(&mut self) -> Result<Option<&str>, TooLong> {
        if self.ready {
            self.data.clear();
            self.has_data = false;
            self.ready = false;
        }
        while let Some((from, to)) = self.next_line()? {
            if from == to {
                // An event without data (a lone `event:` or `id:`) is none.
                if self.has_data {
                    self.ready = true;
                    return Ok(Some(&self.data));
                }
                continue;
            }
            self.field(from, to)?;
        }
        Ok(None)
    }

    /// The body has ended: the data of an event without its closing empty line, which the standard drops and careless
    /// servers send.
    pub(super) fn finish(&mut self) -> Result<Option<&str>, TooLong> {
        self.push(b"\n\n");
        self.take()
    }

    /// The borders of the next complete line, without its end.
    fn next_line(&mut self) -> Result<Option<(usize, usize)>, TooLong> {
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
        Ok(Some((from, to)))
    }

    /// Reads one line that is not empty. Comments start with a colon, so their field name is empty.
    fn field(&mut self, from: usize, to: usize) -> Result<(), TooLong> {
        let line = &self.buffer[from..to];
        let colon = line.iter().position(|byte| *byte == b':');
        if &line[..colon.unwrap_or(line.len())] != b"data" {
            return Ok(());
        }
        let value = colon.map_or(&[][..], |colon| &line[colon + 1..]);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        if self.has_data {
            self.data.push('\n');
        }
        if self.data.len() + value.len() > LIMIT {
            return Err(TooLong);
        }
        self.data.push_str(&value);
        self.has_data = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parts: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for part in parts {
            events.push(part);
            while let Some(data) = events.take().unwrap() {
                found.push(data.to_owned());
            }
        }
        found.extend(events.finish().unwrap().map(ToOwned::to_owned));
        found
    }

    #[test]
    fn only_the_data_of_each_event_is_kept() {
        let body = "\u{feff}: hello\nevent: x\nid: 1\n\ndata: one\n\ndata:two\ndata:  three\ndata\n\ndatabase: no\n\n:\n\ndata: [DONE]\n\n";
        assert_eq!(read(&[body.as_bytes()]), ["one", "two\n three\n", "[DONE]"]);
    }

    #[test]
    fn every_kind_of_line_end_counts_once() {
        let body = "data: a\r\ndata: b\r\n\r\ndata: c\rdata: d\r\rdata: e\ndata: f\n\n";
        assert_eq!(read(&[body.as_bytes()]), ["a\nb", "c\nd", "e\nf"]);
    }

    #[test]
    fn an_event_whose_closing_line_is_missing_is_read_at_the_end() {
        assert_eq!(read(&[b"data: a\n\ndata: b\n"]), ["a", "b"]);
        assert_eq!(read(&[b"data: a\n\ndata: b"]), ["a", "b"]);
        assert_eq!(read(&[b"data: a\r\n\r"]), ["a"]);
        assert!(read(&[b"\n\n: nothing"]).is_empty());
    }

    #[test]
    fn a_line_without_end_is_not_hoarded() {
        let mut events = Events::default();
        for _ in 0..16 {
            events.push(&[b'x'; LIMIT / 16]);
            assert_eq!(events.take(), Ok(None));
        }
        events.push(b"x");
        assert_eq!(events.take(), Err(TooLong));
    }

    #[test]
    fn an_event_without_end_is_not_hoarded() {
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(LIMIT / 2 - 1));
        events.push(line.as_bytes());
        assert_eq!(events.take(), Ok(None));
        events.push(line.as_bytes());
        assert_eq!(events.take(), Ok(None));
        events.push(b"data: xx\n");
        assert_eq!(events.take(), Err(TooLong));
    }

    proptest! {
        #[test]
        fn packet_borders_make_no_difference(
            lines in prop::collection::vec("(data: ?)?[a-zğıİşö🙂:]{0,6}", 0..12),
            ends in prop::collection::vec("\n|\r\n|\r", 12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let body: String = lines.iter().zip(&ends).map(|(line, end)| format!("{line}{end}")).collect();
            let body = body.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&parts), read(&[body]));
        }
    }
}
