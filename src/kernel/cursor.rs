//! A place in a site's journal.

use std::{fmt, str::FromStr};

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use super::{Error, ErrorReason, Result};

/// A place in a site's journal. Opaque to clients.
///
/// The epoch says in which life of the database: after a backup was put back the same numbers are given once more, to other
/// lines. Later epochs are greater, so places can be compared across them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// When the journal's present life began, in seconds since 1970.
    pub epoch: i64,
    /// The number of the line.
    pub seq: i64,
}

impl Cursor {
    /// Before everything that is kept, in whatever life.
    pub const BEGINNING: Self = Self { epoch: 0, seq: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{:x}.{}", self.epoch, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        if text == "beginning" {
            return Ok(Self::BEGINNING);
        }
        read(text).ok_or_else(|| {
            Error::bad_input(
                "after",
                ErrorReason::InvalidCursor,
                "Not a cursor of an event; send the `cursor` of the last event you received, or `beginning`.",
            )
        })
    }
}

fn read(text: &str) -> Option<Cursor> {
    let text = text.strip_prefix('j')?;
    let (epoch, seq) = match text.split_once('.') {
        Some((epoch, seq)) => (i64::from_str_radix(epoch, 16).ok()?, seq),
        // As it was before there were epochs: from another life than any.
        None => (0, text),
    };
    let cursor = Cursor { epoch, seq: seq.parse().ok()? };
    (cursor.epoch >= 0 && cursor.seq >= 0).then_some(cursor)
}

/// A place in a site's stream of events: the `cursor` of an event that was received. `beginning` replays everything
/// that is kept. Opaque; do not take it apart.
#[Scalar(name = "EventCursor")]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        text.parse().map_err(|error: Error| {
            InputValueError::custom(&error.message)
                .with_extension("code", "BAD_USER_INPUT")
                .with_extension("reason", "INVALID_CURSOR")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_way_to_a_client_and_back() {
        let cursor = Cursor { epoch: 1_764_450_000, seq: 123 };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert_eq!("beginning".parse::<Cursor>().unwrap(), Cursor::BEGINNING);
        assert_eq!("j123".parse::<Cursor>().unwrap(), Cursor { epoch: 0, seq: 123 });
        for text in ["", "j", "123", "j1.", "j.1", "j-1.1", "j1.-1", "jx.1", "j1.1.1"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_comes_after_a_backup_was_put_back_is_later() {
        assert!(Cursor { epoch: 2, seq: 1 } > Cursor { epoch: 1, seq: 99 });
    }
}
