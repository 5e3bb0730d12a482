//! Letters that a vendor cut in two between events: half an emoji as `\ud83d`, or some of a letter's bytes.
//!
//! Both are no text by themselves, so they travel as private letters through the reading of an event and are put
//! together by [`Halves`]. What stays alone becomes U+FFFD.

use std::borrow::Cow;

/// A half of a UTF-16 pair, `\ud800` to `\udfff`.
const PAIRS: u32 = 0x10_E000;
/// A byte of a letter in UTF-8.
const BYTES: u32 = 0x10_F000;

/// Text, with each byte that is none as a private letter.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(BYTES + u32::from(*byte))));
    }
    text.into()
}

/// JSON, with each half of a pair that stands alone as a private letter.
pub(super) fn with_whole_escapes(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return json.into();
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match escaped(rest) {
            Some(high) if (0xd800..0xdc00).contains(&high) && is_low(&rest[6..]) => 12,
            Some(alone) if (0xd800..0xe000).contains(&alone) => {
                out.extend(char::from_u32(PAIRS + alone - 0xd800));
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out.into()
}

/// The number of the `\uXXXX` that a text begins with.
fn escaped(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

fn is_low(text: &str) -> bool {
    escaped(text).is_some_and(|low| (0xdc00..0xe000).contains(&low))
}

/// Puts halves together, from one text to the next.
#[derive(Debug, Default)]
pub(super) struct Halves {
    high: Option<u32>,
    bytes: Vec<u8>,
}

impl Halves {
    /// The text, with what the one before it left open.
    pub(super) fn join(&mut self, text: String) -> String {
        let has_none = self.high.is_none() && self.bytes.is_empty();
        if has_none && !text.contains(|c| matches!(u32::from(c), PAIRS..0x10_F800)) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match u32::from(c) {
                pair @ PAIRS..0x10_E800 => self.pair(pair - PAIRS, &mut out),
                byte @ BYTES..0x10_F100 => {
                    self.unpaired(&mut out);
                    self.bytes.push(byte.to_be_bytes()[3]);
                    match std::str::from_utf8(&self.bytes) {
                        Ok(text) => {
                            out.push_str(text);
                            self.bytes.clear();
                        }
                        Err(error) if error.error_len().is_none() => {}
                        Err(_) => self.incomplete(&mut out),
                    }
                }
                _ => {
                    self.close(&mut out);
                    out.push(c);
                }
            }
        }
        out
    }

    fn pair(&mut self, half: u32, out: &mut String) {
        self.incomplete(out);
        match self.high.take() {
            Some(high) if half >= 0x400 => out.extend(char::from_u32(0x1_0000 + (high << 10) + half - 0x400)),
            before => {
                out.extend(before.map(|_| char::REPLACEMENT_CHARACTER));
                if half < 0x400 {
                    self.high = Some(half);
                } else {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }

    fn close(&mut self, out: &mut String) {
        self.unpaired(out);
        self.incomplete(out);
    }

    fn unpaired(&mut self, out: &mut String) {
        out.extend(self.high.take().map(|_| char::REPLACEMENT_CHARACTER));
    }

    fn incomplete(&mut self, out: &mut String) {
        if !self.bytes.is_empty() {
            out.push_str(&String::from_utf8_lossy(&self.bytes));
            self.bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &[&str]) -> String {
        let mut halves = Halves::default();
        let text = |json: &str| serde_json::from_str::<String>(&with_whole_escapes(json)).unwrap();
        events.iter().map(|json| halves.join(text(json))).collect()
    }

    #[test]
    fn halves_of_an_emoji_are_put_together() {
        assert_eq!(read(&[r#""a\ud83d""#, r#""\ude00b""#]), "a😀b");
        assert_eq!(read(&[r#""\ud83d\ude00""#, r#""\\ud83d \u00e7""#]), "😀\\ud83d ç");
        assert_eq!(read(&[r#""a\ud83d""#, r#""b\ude00c""#]), "a\u{fffd}b\u{fffd}c");
        assert_eq!(read(&[r#""\uD83D""#, r#""""#, r#""\uDE00""#]), "😀");
    }

    #[test]
    fn bytes_of_a_letter_are_put_together() {
        let bytes = "a😀ğ".as_bytes();
        for cut in 0..=bytes.len() {
            let mut halves = Halves::default();
            let parts = [&bytes[..cut], &bytes[cut..]];
            let text: String = parts.iter().map(|part| halves.join(decode(part).into_owned())).collect();
            assert_eq!(text, "a😀ğ", "{cut}");
        }
        assert_eq!(Halves::default().join(decode(b"a\xf0b").into_owned()), "a\u{fffd}b");
    }
}
