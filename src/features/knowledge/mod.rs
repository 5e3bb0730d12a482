//! Knowledge: articles, and finding in them what answers a question.
//!
//! What always holds:
//! - An article belongs to one site; its slug is unique there. Agents change what they wrote, admins everything.
//! - A customer's own articles belong to their private space: nobody else sees them, and the assistants of their own answer
//!   from them.
//! - Its version rises with each change, of whatever, and what each version said is kept: a citation names article, version
//!   and bytes, and can be checked for good.
//! - Answers are made from published articles only, those to visitors from public ones only. What is archived, deleted
//!   or made internal is out of answers with the commit of that change.
//! - A published article is searchable in whole or not at all: passages and vectors are replaced in one transaction, and
//!   only while the article still says what they were made from. Until then its previous version stays.
//!
//! For later features: [`retrieve`] and [`extract`] answer questions, [`Retrieved::within_budget`] makes sources fit into a
//! prompt, [`language`] guesses in what language to answer; [`ranked`] and [`bodies`] are for measuring how well that
//! goes, `copy_searchable` and `index_copy` for trying things out. `app.rs` lists the jobs and orders [`CheckIndex`] at
//! start, which calls [`catch_up`]; [`keep_counting`] writes how often articles are opened. [`insert_in`] and
//! [`publish_in`] put articles in, for example the [`demo`] ones.

mod actions;
mod agreement;
mod answer;
mod background;
mod chunk;
mod context;
mod copy;
pub mod demo;
mod embed;
mod facts;
mod fusion;
mod graphql;
mod import;
mod jobs;
pub mod language;
mod links;
mod lists;
mod markup;
mod model;
mod page;
mod rank;
mod rebuild;
mod retrieve;
mod settings;
mod store;
mod transfer;
mod views;

use std::collections::HashMap;

use ::entity::{
    article,
    ids::{ArticleId, ImportId},
};

pub(crate) use self::copy::{copy_searchable, index_copy};
pub use self::{
    actions::{insert_in, publish_in},
    answer::{Citation, Decision, Extract, Quote, Retrieved, Sentence, Source, extract},
    facts::{ArticleFact, KnowledgeFact},
    graphql::{Article, ArticleImport, KnowledgeMutation, KnowledgeQuery},
    import::ImportArticles,
    jobs::IndexArticle,
    model::{Details, NewArticle},
    rank::{Leg, ranked},
    rebuild::{CheckIndex, FillVectors, RebuildIndex, catch_up},
    retrieve::{RetrieveOptions, retrieve},
    views::keep_counting,
};
use crate::{
    features::sites::reach_to,
    kernel::{Ctx, Permission, Reach, Result},
    ports::db::Db,
};

/// An article within the caller's reach: of a site they are a member of, or of their own.
///
/// # Errors
/// `NOT_FOUND`, or why the caller may see no articles at all.
pub async fn find(cx: &Ctx, id: ArticleId) -> Result<article::Model> {
    store::find(&cx.db(), &reach_to(cx, Permission::KnowledgeRead, "article")?, id).await
}

/// Articles by id, those within reach.
pub async fn by_ids(db: &Db<'_>, reach: &Reach, ids: Vec<ArticleId>) -> Result<HashMap<ArticleId, article::Model>> {
    store::by_ids(db, reach, ids).await
}

/// What versions of articles say, in one query; those that are gone are absent.
pub(crate) async fn bodies(
    db: &Db<'_>,
    versions: impl Iterator<Item = (ArticleId, i32)>,
) -> Result<HashMap<(ArticleId, i32), String>> {
    store::bodies(db, versions).await
}

/// How many passages all articles together have.
pub async fn passages(db: &Db<'_>) -> Result<usize> {
    store::count_chunks(db).await
}

/// An article that the caller may see as a member of its site, for `node(id:)`.
pub(crate) async fn article_node(cx: &Ctx, id: ArticleId) -> Result<Article> {
    Ok(find(cx, id).await?.into())
}

/// An import, as the members of its site see it, for `node(id:)`.
pub(crate) async fn import_node(cx: &Ctx, id: ImportId) -> Result<ArticleImport> {
    Ok(import::read(cx, id).await?.into())
}
