//! Unanswered questions: what visitors ask and the knowledge base does not say, grouped by meaning, with a way to an
//! article.
//!
//! What always holds:
//! - A question is taken in when its run ended without an answer, or when whoever asked said that the answer was no help.
//!   It counts once, on however many nodes and however often the journal is read.
//! - Who asked is in no group, and personal data is masked before a question is stored. The words of a question go with
//!   its message, and with its conversation; a group of which no words are left is not shown.
//! - A group is resolved when an article made from it is published, and open again when it is asked again.
//!
//! `app.rs` lists the [`reader`] and the job [`EmbedQuestion`].

mod actions;
mod facts;
mod graphql;
mod jobs;
mod model;
mod personal;
mod propose;
mod reader;
mod store;

use ::entity::ids::QuestionGroupId;

pub(crate) use self::graphql::QuestionGroup;
pub use self::{
    graphql::{QuestionsMutation, QuestionsQuery},
    jobs::EmbedQuestion,
    reader::reader,
};
use super::sites::reach_to;
use crate::kernel::{Ctx, Permission, Result};

/// A group of questions, as the members of its site see it, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: QuestionGroupId) -> Result<QuestionGroup> {
    let reach = reach_to(cx, Permission::KnowledgeRead, "group of questions")?;
    Ok(store::find(&cx.db(), &reach, id).await?.into())
}
