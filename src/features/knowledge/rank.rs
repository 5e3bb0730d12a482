//! The order in which articles are found, by the whole of retrieval and by each of its parts alone: for measuring it.

use ::entity::ids::{ArticleId, SiteId};

use super::{
    retrieve::{QUESTION, RetrieveOptions, Spread, WIDE, find},
    store::Kind,
};
use crate::{
    kernel::{Ctx, Result, text},
    ports::vectors::Query,
};

/// What decides the order of articles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Words alone.
    Lexical,
    /// Meaning alone.
    Dense,
    /// Both, as questions are answered.
    Fused,
}

/// The public articles of a site that fit a question, best first, at most `limit`.
pub async fn ranked(cx: &Ctx, site: SiteId, question: &str, leg: Leg, limit: usize) -> Result<Vec<ArticleId>> {
    let question = text::first(question.trim(), QUESTION);
    if leg == Leg::Fused {
        let options = RetrieveOptions::public(limit);
        let found = find(cx, site, question, options, Spread::Articles, &Kind::default()).await?;
        return Ok(found.retrieved.passages.into_iter().map(|source| source.article).collect());
    }
    let vector = if leg == Leg::Dense { Some(cx.embeddings.query(question).await?) } else { None };
    let text = if leg == Leg::Lexical { question.to_owned() } else { String::new() };
    let found = cx.vectors.search(&cx.db(), site, Query { vector, text, limit: WIDE, public_only: true }).await?;
    let mut articles = Vec::with_capacity(limit);
    for matched in found.matches {
        if articles.len() < limit && !articles.contains(&matched.article) {
            articles.push(matched.article);
        }
    }
    Ok(articles)
}
