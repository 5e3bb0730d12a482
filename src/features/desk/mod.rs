//! The desk: all that a dashboard of the staff follows, as one stream with one cursor.
//!
//! What always holds:
//! - It tells what the streams of the single features tell, made by them from the same journal lines: nothing is kept for it.
//! - Everybody is told what they may see there: of offers and mentions those whose they are, of providers those who manage
//!   the site's assistants.
//! - Every event stands at a place of the journal, but for who has a conversation open, which passes. States that move by
//!   themselves, such as positions in the queue, are not in it: an event says that they are to be looked at.

mod graphql;

pub use self::graphql::DeskSubscription;
