//! Knowledge: articles, and finding in them what answers a question.
//!
//! What always holds:
//! - An article belongs to one site; its slug is unique there. Agents change what they wrote, admins everything.
//! - Its version rises with each change of title or body, and what each version said is kept: a citation names article,
//!   version and bytes, and can be checked for good.
//! - Answers are made from published articles only, those to visitors from public ones only. What is archived, deleted
//!   or made internal is out of answers with the commit of that change.
//! - A published article is searchable in whole or not at all: passages and vectors are replaced in one transaction, and
//!   only while the article still says what they were made from. Until then its previous version stays.
//!
//! For later features: [`retrieve`] and [`extract`] answer questions, [`fit_context`] makes sources fit into a prompt,
//! [`language`] guesses in what language to answer. `app.rs` lists the job [`IndexArticle`] and calls [`catch_up`] at
//! start. [`insert_in`] and [`publish_in`] put articles in, for example the [`demo`] ones.

mod actions;
mod answer;
mod chunk;
mod context;
pub mod demo;
mod facts;
mod graphql;
mod jobs;
pub mod language;
mod lists;
mod model;
mod retrieve;
mod store;

use ::entity::{article, ids::ArticleId};

pub use self::{
    actions::{insert_in, publish_in},
    answer::{Citation, Decision, Extract, Retrieved, Sentence, Source, extract},
    context::fit_context,
    facts::ArticleFact,
    graphql::{Article, KnowledgeMutation, KnowledgeQuery},
    jobs::{IndexArticle, catch_up},
    model::NewArticle,
    retrieve::{RetrieveOptions, retrieve},
};
use crate::{
    features::sites::reach_to,
    kernel::{Ctx, Permission, Result},
};

/// An article within the caller's reach: of a site they are a member of.
///
/// # Errors
/// `NOT_FOUND`, or why the caller may see no articles at all.
pub async fn find(cx: &Ctx, id: ArticleId) -> Result<article::Model> {
    store::find(&cx.db(), &reach_to(cx, Permission::KnowledgeRead, "article")?, id).await
}

/// An article that the caller may see as a member of its site, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: ArticleId) -> Result<Article> {
    Ok(find(cx, id).await?.into())
}
