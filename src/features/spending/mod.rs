//! What language models cost: a row for each call, and a budget for each of a site's days.
//!
//! What always holds:
//! - A call is booked once, in the transaction that ends what it was made for.
//! - A day begins and ends in the site's time zone; a call counts on the day on which it began.
//! - Before a call that costs money, the most that it can cost is set aside under the lock of its day, so that many calls
//!   at once, on many nodes, stay within the budget. What a server that died had set aside counts as spent.
//! - A cost that is not known is said to be unknown, never zero. Such calls are made as long as there is money left.
//!
//! Later features use: [`Call`] and [`Outcome`] with [`reserve`], [`release`], [`book`] and [`book_alone`] around calls.

mod actions;
mod graphql;
mod model;
mod store;

pub use self::graphql::SpendingQuery;
pub(crate) use self::{
    actions::{Reserved, book, book_alone, release, reserve},
    model::{Call, Outcome, day_of, guess},
};
