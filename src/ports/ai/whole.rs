//! Answers in JSON where a stream was asked for: one object, a list of them, or one after the other.

use super::{
    halves,
    lines::{LIMIT, TooLong},
};

/// Cuts objects out of bytes as they arrive.
#[derive(Default)]
pub(super) struct Objects {
    buffer: Vec<u8>,
}

impl Objects {
    /// True for a body of JSON, `None` until something has come.
    pub(super) fn begin_with(bytes: &[u8]) -> Option<bool> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        bytes.iter().find(|byte| !byte.is_ascii_whitespace()).map(|first| matches!(first, b'{' | b'['))
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next object that is whole; at the end of the body also what is left.
    pub(super) fn take(&mut self, ended: bool) -> Result<Option<String>, TooLong> {
        let between = |byte: &u8| byte.is_ascii_whitespace() || b"[],\xef\xbb\xbf".contains(byte);
        let begin = self.buffer.iter().position(|byte| !between(byte)).unwrap_or(self.buffer.len());
        self.buffer.drain(..begin);
        let end = match object(&self.buffer) {
            Some(end) => end,
            None if ended && !self.buffer.is_empty() => self.buffer.len(),
            None if self.buffer.len() > LIMIT => return Err(TooLong),
            None => return Ok(None),
        };
        let object: Vec<u8> = self.buffer.drain(..end).collect();
        Ok(Some(halves::decode(&object).into_owned()))
    }
}

/// How long the object is that bytes begin with, if it is whole.
fn object(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_out_whole_wherever_they_were_cut() {
        let body = "[{\"a\":\"}\\\"]ğ\"},\r\n {\"b\":[1,{}]}]{\"c\":1}\n".as_bytes();
        for cut in 0..=body.len() {
            let (mut objects, mut found) = (Objects::default(), vec![]);
            for part in [&body[..cut], &body[cut..]] {
                objects.push(part);
                while let Some(object) = objects.take(false).unwrap() {
                    found.push(object);
                }
            }
            assert_eq!(found, ["{\"a\":\"}\\\"]ğ\"}", "{\"b\":[1,{}]}", "{\"c\":1}"], "{cut}");
        }
        let mut objects = Objects::default();
        objects.push(b"{\"a\":");
        assert_eq!(objects.take(false), Ok(None));
        assert_eq!(objects.take(true), Ok(Some("{\"a\":".to_owned())));
        assert_eq!(objects.take(true), Ok(None));
    }
}
