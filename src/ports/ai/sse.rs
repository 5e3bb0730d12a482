//! Server-sent events, as the HTML standard has them (§9.2.6 "Interpreting an event stream"), as far as chat models use
//! them: only the data of each event is kept, at most [`LIMIT`] of it.

use super::{
    halves,
    lines::{LIMIT, Lines, TooLong},
};

/// Turns bytes into events.
#[derive(Default)]
pub(super) struct Events {
    lines: Lines,
    data: Data,
}

/// The data of the event that is being read, or, once `ready`, of the one that was handed out.
#[derive(Default)]
struct Data {
    text: String,
    /// Empty data is data as well.
    any: bool,
    ready: bool,
}

impl Events {
    /// True until something has arrived.
    pub(super) fn is_new(&self) -> bool {
        self.lines.is_new()
    }

    /// Adds bytes that arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
    }

    /// The data of the next complete event, or `None` until more bytes are pushed.
    pub(super) fn take(&mut self) -> Result<Option<&str>, TooLong> {
        if self.data.ready {
            self.data = Data::default();
        }
        while let Some(line) = self.lines.take()? {
            if !line.is_empty() {
                self.data.field(line)?;
            } else if self.data.any {
                self.data.ready = true;
                return Ok(Some(&self.data.text));
            }
            // An event without data (a lone `event:` or `id:`) is none.
        }
        Ok(None)
    }

    /// The body has ended: the data of an event without its closing empty line, which the standard drops and careless
    /// servers send.
    pub(super) fn finish(&mut self) -> Result<Option<&str>, TooLong> {
        self.push(b"\n\n");
        self.take()
    }
}

impl Data {
    /// Reads one line that is not empty. Comments start with a colon, so their field name is empty.
    fn field(&mut self, line: &[u8]) -> Result<(), TooLong> {
        let colon = line.iter().position(|byte| *byte == b':');
        if &line[..colon.unwrap_or(line.len())] != b"data" {
            return Ok(());
        }
        let value = colon.map_or(&[][..], |colon| &line[colon + 1..]);
        let value = halves::decode(value.strip_prefix(b" ").unwrap_or(value));
        if self.any {
            self.text.push('\n');
        }
        if self.text.len() + value.len() > LIMIT {
            return Err(TooLong);
        }
        self.text.push_str(&value);
        self.any = true;
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
