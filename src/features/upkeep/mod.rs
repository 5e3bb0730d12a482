//! What the server tidies up by itself.

mod trim;

pub use self::trim::TrimJournals;
