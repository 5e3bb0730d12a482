//! Lines and columns from places in a text.

use async_graphql::Pos;

/// The lines of a text. Columns count characters, as the parser's do.
pub(in crate::server) struct Positions {
    /// Where each line begins.
    lines: Vec<usize>,
    /// The bytes that do not begin a character.
    inner: Vec<usize>,
}

impl Positions {
    pub(in crate::server) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut lines = vec![0];
        let mut inner = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => lines.push(at + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => lines.push(at + 1),
                0x80..=0xBF => inner.push(at),
                _ => {}
            }
        }
        Self { lines, inner }
    }

    /// The position of the byte `at`.
    pub(in crate::server) fn at(&self, at: usize) -> Pos {
        let line = self.lines.partition_point(|begin| *begin <= at);
        let begin = line.checked_sub(1).and_then(|before| self.lines.get(before)).copied().unwrap_or(0);
        let inner_before = |place: usize| self.inner.partition_point(|inner| *inner < place);
        Pos { line, column: at - begin + 1 - (inner_before(at) - inner_before(begin)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_every_line_break_counts_once() {
        let text = "{ a\r\n  # şu 🎉\r b\n\n\"🎉\" c";
        let positions = Positions::of(text);
        let of = |what: &str| {
            let Pos { line, column } = positions.at(text.find(what).unwrap());
            (line, column)
        };
        assert_eq!(of("a"), (1, 3));
        assert_eq!(of("#"), (2, 3));
        assert_eq!(of("🎉"), (2, 8));
        assert_eq!(of("b"), (3, 2));
        assert_eq!(of("c"), (5, 5));
    }
}
