//! Conversations: what visitors and customers, assistants and agents say to each other.
//!
//! Always true:
//! - There is one open conversation of a visitor with an assistant (`open_key` is unique).
//! - Messages of a conversation are numbered 1, 2, 3 … in the transaction that inserts them.
//! - A message sent twice with one client id is one message.
//! - An internal note reaches members of the site only: the queries leave it out, not the resolvers.
//! - Who attends a conversation is one value (`attention`).
//! - An answer has one rating, of the one who asked (`feedback`); so has each time a conversation was closed
//!   (`closing`, `satisfaction`).
//! - Who is mentioned in a note is a member of the site (`mentions`).
//! - Which of the staff have a conversation open is known on all nodes and kept nowhere (`viewing`); visitors never learn
//!   of it.
//! - Every change leaves a journal line about the conversation; followers and readers see it in that order.

pub(crate) mod actions;
pub(crate) mod answer;
pub(crate) mod attention;
pub(crate) mod closing;
mod facts;
pub(crate) mod feedback;
pub(crate) mod graphql;
pub(crate) mod handoff;
mod lane;
pub(crate) mod live;
pub(crate) mod mentions;
pub(crate) mod model;
mod receipts;
mod reply_times;
pub(crate) mod satisfaction;
mod store;
pub(crate) mod viewing;

pub(crate) use actions::{blank, insert_answer};
pub use answer::Verdict;
pub(crate) use attention::note_closed_in;
pub use closing::graphql::ClosingMutation;
pub(crate) use facts::{Attributes, ConversationFact, OfferFact};
pub use feedback::graphql::{FeedbackMutation, FeedbackQuery};
pub use graphql::{ConversationsMutation, ConversationsQuery, ConversationsSubscription};
pub use lane::{Author, Posting};
pub(crate) use lane::{post_in, tell_all_in};
pub use mentions::graphql::{MentionsMutation, MentionsQuery, MentionsSubscription};
pub use model::Citation;
pub(crate) use reply_times::reply_times;
pub use satisfaction::graphql::{SatisfactionMutation, SatisfactionQuery};
pub(crate) use store::{
    Busy, answered_twice, by_ids, count_waiting, find, find_for_update, had_another, history, last_written, lock_all,
    lookup, message, names_of, of_assignee, open_by_assignee, place_of, replies, tags, talking, unanswered,
};
pub use viewing::keep_viewers;
