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
//!
//! The parts, in the order in which one may use another:
//! - `state`: who attends a conversation, and what becomes of that when something happens. Pure.
//! - `model`, `facts`, `answer`, `store`, `live`: what a conversation is, what is told of it, and its rows.
//! - `messages`: messages as they are stored and numbered.
//! - `attention`: what becomes of it, written with all that belongs to it.
//! - `closing`: the end of a conversation, and its return.
//! - `mentions`: who is mentioned in a note.
//! - `reading`: inboxes, receipts, and who looks at what.
//! - `posting`: saying something, with what it brings about.
//! - `handoff`, `starting`, `details`, `idle`, `feedback`, `satisfaction`: single things that somebody does.
//! - `graphql`: all of that in the API.
//!
//! Other features use what stands below, and nothing else.

mod answer;
mod attention;
mod closing;
mod details;
mod facts;
mod feedback;
pub(crate) mod graphql;
mod handoff;
mod idle;
mod live;
mod mentions;
mod messages;
mod model;
mod posting;
mod reading;
mod satisfaction;
mod starting;
mod state;
mod store;

pub use self::{
    answer::Verdict,
    closing::graphql::ClosingMutation,
    feedback::graphql::{FeedbackMutation, FeedbackQuery},
    graphql::{ConversationsMutation, ConversationsQuery, ConversationsSubscription},
    idle::CloseIdle,
    mentions::graphql::{MentionsMutation, MentionsQuery, MentionsSubscription},
    messages::{Author, Posting},
    model::Citation,
    reading::viewing::keep_viewers,
    satisfaction::graphql::{SatisfactionMutation, SatisfactionQuery},
};
pub(crate) use self::{
    attention::{announcement, change_all_in, change_in, is_unannounced, language, locale, note_closed_in, noted},
    facts::{Attributes, ConversationFact, OfferFact},
    handoff::offer as offer_person,
    live::{Passing, pass, read as passing},
    mentions::graphql::{MentionChanged, mention_changes},
    messages::{
        answered_twice, has_spoken, history, last_told, last_written, message, place_of, replies, tell_all_in,
        unanswered,
    },
    model::{MESSAGE_MAX, audiences, blank, may, sees_internals},
    posting::{insert_answer, post_in, send},
    reading::viewing::{Viewer, Viewing},
    reading::{count_waiting, had_another, left_open, names_of, of_assignee, open_by_assignee, reply_times, talking},
    starting::{Start, start},
    state::{Event, Release, State, assistant_speaks, is_wish, waits},
    store::{Busy, by_ids, find, find_for_update, lock_all, lookup, tags},
};
