//! What is counted in a text before any parser sees it. The GraphQL parser recurses: a few thousand brackets in one
//! argument would overflow its stack and end the process, so nesting is bounded here, by a loop without recursion.
//!
//! What always holds: a text that passes has been cut into strings, comments and the rest exactly as the parser will
//! cut it. Where the two could differ (a string that does not end), the text is refused.

use crate::{
    config::Config,
    kernel::error::{Error, ErrorCode, ErrorReason, Result},
};

/// Longer names are refused: comparing them with the schema's names costs time in proportion to their length.
const MAX_NAME: usize = 200;

/// A document's text that is within the limits.
#[derive(Debug)]
pub(super) struct Read {
    /// The text, in which nothing has moved. What means nothing is blank, as not all parsers of the specification take it
    /// where it may stand: commas, and descriptions of operations, fragments and variables (of September 2025).
    pub(super) text: String,
    /// How many words, signs and comments it has.
    pub(super) tokens: usize,
}

/// Checks the text of a document.
pub(super) fn read_document(text: &str, limits: &Config) -> Result<Read> {
    let Config { max_nesting, max_tokens, max_document_bytes, .. } = *limits;
    if text.len() > max_document_bytes {
        return Err(too_large(format!(
            "The document has {} bytes; at most {max_document_bytes} are allowed. Pass long texts as variables.",
            text.len()
        )));
    }
    let bytes = text.as_bytes();
    let mut plain = bytes.to_vec();
    // A string that may turn out to describe what comes next, and whether a default value may stand here.
    let (mut description, mut after_equals) = (None, false);
    let (mut at, mut depth, mut tokens) = (0, 0_usize, 0_usize);
    let mut arguments = Arguments::default();
    while let Some(&byte) = bytes.get(at) {
        let length = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            // Commas and comments say nothing, but the parser keeps each of them.
            b'#' => bytes[at..].iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(bytes.len() - at),
            b'"' => string_length(&bytes[at..]).ok_or_else(|| unterminated(bytes, at))?,
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > max_nesting {
                    return Err(too_deep("document", None, max_nesting, FLATTER));
                }
                1
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                1
            }
            b'.' => run_length(&bytes[at..], |b| b == b'.'),
            _ if is_name(byte) => {
                let length = run_length(&bytes[at..], is_name);
                if length > MAX_NAME {
                    return Err(too_large(format!(
                        "A name in the document has {length} characters; at most {MAX_NAME} are allowed."
                    )));
                }
                length
            }
            _ => 1,
        };
        let described = match depth {
            0 => byte.is_ascii_lowercase(),
            1 => byte == b'$',
            _ => false,
        };
        match byte {
            b',' => plain[at] = b' ',
            b'#' => {}
            b'"' if !after_equals => description = Some(at..at + length),
            _ => {
                if let Some(string) = description.take().filter(|_| described) {
                    blank(&mut plain[string]);
                }
            }
        }
        if !matches!(byte, b',' | b'#') {
            after_equals = byte == b'=';
            arguments.take(&bytes[at..at + length])?;
        }
        at += length;
        tokens += 1;
        if tokens > max_tokens {
            return Err(too_large(format!(
                "The document has more than {max_tokens} words, signs and comments. Pass lists as variables, or ask in several \
                 requests."
            )));
        }
    }
    // Only whole characters were replaced.
    let text = String::from_utf8(plain).unwrap_or_else(|_| text.to_owned());
    Ok(Read { text, tokens })
}

/// Looks whether each argument, and each field of an object, has a colon behind its name: the parser takes one without for
/// none at all.
#[derive(Default)]
struct Arguments {
    /// The brackets that are open.
    open: Vec<u8>,
    /// How many of them are round.
    round: usize,
    /// What the last token began with.
    last: u8,
    /// The name behind which a colon must come.
    named: Option<String>,
}

impl Arguments {
    fn take(&mut self, token: &[u8]) -> Result<()> {
        let byte = token.first().copied().unwrap_or_default();
        if let Some(name) = self.named.take().filter(|_| byte != b':') {
            let message =
                format!("Syntax error: `{name}` stands where an argument may; expected a colon and a value after it.");
            return Err(Error::new(ErrorCode::GraphqlParseFailed, message));
        }
        match byte {
            b'(' | b'[' | b'{' => {
                self.open.push(byte);
                self.round += usize::from(byte == b'(');
            }
            b')' | b']' | b'}' => self.round -= usize::from(self.open.pop() == Some(b'(')),
            _ => {}
        }
        // In lists names are values, and so are those behind a colon or an equals sign.
        let is_key = self.round > 0
            && self.open.last().is_some_and(|open| *open != b'[')
            && (byte.is_ascii_alphabetic() || byte == b'_')
            && !matches!(self.last, b':' | b'=' | b'$' | b'@');
        self.named = is_key.then(|| String::from_utf8_lossy(token).into_owned());
        self.last = byte;
        Ok(())
    }
}

/// Takes a string out of a text without moving anything else.
fn blank(string: &mut [u8]) {
    for byte in string.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
}

/// Values in one JSON text: many times what any operation takes. Each costs a hundred bytes and a moment once it is read.
const MAX_VALUES: usize = 20_000;

/// Checks the nesting and the number of values of a JSON text. Whether it is JSON at all is the parser's business.
pub(super) fn check_json(text: &[u8], max_nesting: usize) -> Result<()> {
    let (mut at, mut depth, mut values) = (0, 0_usize, 1_usize);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at += plain_string_length(&text[at..]).unwrap_or(text.len() - at) - 1,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
                if depth > max_nesting {
                    return Err(too_deep("JSON text", None, max_nesting, FLATTER));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if values > MAX_VALUES {
            return Err(too_large(format!("The JSON text has more than {MAX_VALUES} values. Send them in parts.")));
        }
        at += 1;
    }
    Ok(())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn run_length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|b| !belongs(*b)).unwrap_or(bytes.len())
}

/// The length of the string or block string that begins here, with its quotes; `None` when it does not end.
fn string_length(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"\"\"\"") {
        let length = plain_string_length(bytes)?;
        return (!bytes[..length].iter().any(|b| matches!(b, b'\n' | b'\r'))).then_some(length);
    }
    let mut at = 3;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if rest.starts_with(b"\"\"\"") {
            return Some(at + 3);
        } else {
            at += 1;
        }
    }
    None
}

/// The length of the string in simple quotes that begins here; a backslash protects the next character.
fn plain_string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// What to do about brackets within brackets.
const FLATTER: &str = "Send values that are less nested.";

/// Nesting beyond a limit: how deep it is, where that is known without reading on, and what to do.
pub(super) fn too_deep(what: &str, found: Option<usize>, limit: usize, fix: &str) -> Error {
    let message = match found {
        Some(found) => format!("The {what} nests {found} levels deep; at most {limit} are allowed. {fix}"),
        None => format!("The {what} nests more than {limit} levels deep, which is the most that is allowed. {fix}"),
    };
    Error::new(ErrorCode::GraphqlValidationFailed, message).reason(ErrorReason::TooDeep)
}

/// Size beyond a limit.
pub(super) fn too_large(message: String) -> Error {
    Error::new(ErrorCode::GraphqlValidationFailed, message).reason(ErrorReason::DocumentTooLarge)
}

fn unterminated(bytes: &[u8], at: usize) -> Error {
    let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
    Error::new(
        ErrorCode::GraphqlParseFailed,
        format!("Syntax error: the string that begins in line {line} does not end."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Result<Read> {
        let limits = Config { max_nesting: 10, max_tokens: 100, max_document_bytes: 100_000, ..Config::default() };
        read_document(text, &limits)
    }

    #[test]
    fn brackets_count_outside_of_strings_and_comments_only() {
        let deep = "[".repeat(11);
        assert_eq!(document(&format!("{{ a(b: {deep}")).unwrap_err().reason, Some(ErrorReason::TooDeep));
        assert!(document(&format!("{{ a(b: \"{deep}\") }}")).is_ok());
        assert!(document(&format!("{{ a(b: \"\\\"{deep}\") }}")).is_ok());
        assert!(document(&format!("{{ a(b: \"\"\"{deep}\n\\\"\"\" {deep}\"\"\") }}")).is_ok());
        assert!(document(&format!("# {deep}\r{{ a }}")).is_ok());
        assert!(document(&format!("# \" \n{{ a(b: {deep}")).is_err());
    }

    #[test]
    fn an_argument_without_a_colon_is_refused() {
        for wrong in
            ["{ a(b: \"\" c) }", "{ a(b) { c } }", "{ a(b: {c: 1, d}) }", "query($a: Int = 1 b) { c }", "{a@b(c)}"]
        {
            assert!(document(wrong).is_err(), "{wrong}");
        }
        for fine in [
            "query Q($a: [Int!]! = [1] @b(c: D), $e: F = G) { a(b: C d: [E, F] g: {h: I j: [{k: L}]} m: -1.5e3 n: $o) @p { q(r: s) } }",
            "{ a(b: \"\"\"c d\"\"\" e: null) }",
        ] {
            assert!(document(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_string_that_does_not_end_hides_nothing() {
        let deep = "[".repeat(11);
        // The parser would read `"""` as an empty string and the rest as lists.
        for start in ["\"\"\"", "\"\"\"\"x\"", "\"x\n\""] {
            let error = document(&format!("{{ a(b: [{start} {deep}")).unwrap_err();
            assert!(
                matches!(error.code, ErrorCode::GraphqlParseFailed | ErrorCode::GraphqlValidationFailed),
                "{error:?}"
            );
        }
    }

    #[test]
    fn words_and_names_are_bounded() {
        assert!(document(&"a ".repeat(101)).is_err());
        assert!(document(&"a ".repeat(100)).is_ok());
        assert!(document(&",".repeat(101)).is_err());
        assert!(document(&"#\n".repeat(101)).is_err());
        assert!(document(&" ".repeat(100_000)).is_ok());
        assert_eq!(document(&" ".repeat(100_001)).unwrap_err().reason, Some(ErrorReason::DocumentTooLarge));
        assert_eq!(document(&"a".repeat(201)).unwrap_err().reason, Some(ErrorReason::DocumentTooLarge));
    }

    #[test]
    fn what_means_nothing_is_blank_and_nothing_moves() {
        let text = |text: &str| document(text).unwrap().text;
        assert_eq!(text("{a,b(c:\",\")}#,"), "{a b(c:\",\")}#,");
        assert_eq!(text("\"What\" query A { a }"), "       query A { a }");
        assert_eq!(text("\"\"\"W\nç\"\"\" fragment F"), "    \n      fragment F");
        assert_eq!(text("query(\"x\" $a: Int = \"y\" $b: Int)"), "query(    $a: Int = \"y\" $b: Int)");
        for same in ["\"What\" { a }", "{ a(b: \"x\" c: $d) }", "{ a } \"x\"", "query($a: X = \"y\" \"z\"@a)"] {
            assert_eq!(text(same), same);
        }
    }

    #[test]
    fn json_nesting_ignores_strings() {
        assert!(check_json(br#"{"a":"[[[[[\"[[[["}"#, 2).is_ok());
        assert!(check_json(b"[[[", 2).is_err());
        assert!(check_json(b"[][][]{}{}", 1).is_ok());
        assert!(check_json(b"\"unterminated [[[", 1).is_ok());
        assert!(check_json(format!("[{}\",,,\"]", "1,".repeat(MAX_VALUES - 2)).as_bytes(), 1).is_ok());
        assert!(check_json(format!("[{}1]", "1,".repeat(MAX_VALUES - 1)).as_bytes(), 1).is_err());
        assert!(check_json("[]".repeat(MAX_VALUES).as_bytes(), 1).is_err());
    }
}
