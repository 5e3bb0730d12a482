//! Answers: an assistant's run from a visitor's question to a message with sources.
//!
//! Always true:
//! - All that a visitor says until they are answered is one turn. Each question of it is answered, or named as not answered,
//!   in its newest words; who keeps writing is answered after three restarts, and what they write from then on is the next
//!   turn. A question that is made another one is answered anew.
//! - A question leads to one run (a row) and one job; watching it only watches. A closed tab changes nothing, and a server
//!   that dies leaves the run to another, which begins a new attempt.
//! - Whether the assistant may still speak and its message are one transaction: it never speaks over a human.
//! - Citations are made from the passages that were retrieved; a source the model invents is dropped.
//! - What a visitor or an article says is data in the prompt, never an instruction; links and images that no source holds
//!   never reach a visitor.
//! - A draft is seen by the agent who asked for it alone ([`drafts`]).
//! - What an answer is (answer, question back, abstention, handoff) is decided here, never by its words.

mod article;
mod asked;
mod clean;
mod drafts;
mod facts;
mod generate;
mod graphql;
mod history;
mod job;
mod model;
mod offer;
mod personal_data;
mod polish;
mod progress;
mod prompt;
mod reader;
mod resume;
mod store;
mod summary;
mod texts;
mod trial;
mod turn;
mod waiting;

pub(crate) use article::write_article;
pub(crate) use asked::{Asked, asked, asked_by_answer, finished_run};
pub use drafts::graphql::{DraftsMutation, DraftsQuery};
pub use graphql::{AnswersMutation, AnswersQuery, AnswersSubscription, ProvidersSubscription, SendingMutation};
pub(crate) use graphql::{ProviderFailing, ProviderRecovered, ProviderTold, Run, RunCursor, node, provider_told};
pub use job::AnswerQuestion;
pub use offer::OfferPerson;
pub use progress::keep_saving;
pub use reader::reader;
pub use resume::AnswerLeftOpen;
pub(crate) use store::unfinished;
pub use summary::SummarizeHandoff;
pub(crate) use trial::{Trial, try_question};
