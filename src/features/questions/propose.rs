//! From unanswered questions to a draft: what agents replied where they were asked.

use std::collections::HashSet;

use ::entity::{
    article::{self, Visibility},
    ids::{ArticleId, QuestionGroupId},
    question_group,
};
use exact_index::text::fold;

use super::{facts::QuestionFact, model::SHOWN, personal, store, store::Words};
use crate::{
    features::{
        answers, conversations,
        knowledge::{self, NewArticle},
        sites::{self, reach_to},
    },
    kernel::{Ctx, Error, Once, Permission, Result, once, text},
    ports::db::Db,
};

/// Characters of a title.
const TITLE: usize = 200;
/// Characters of all replies that are used.
const REPLIES: usize = 8_000;
/// Words of a reply below which it says nothing: "one moment, please".
const FEW_WORDS: usize = 5;

/// What came of a proposal.
pub(super) struct Proposal {
    pub(super) group: question_group::Model,
    pub(super) article: article::Model,
    /// False when the group had a draft already.
    pub(super) created: bool,
}

/// Makes a draft article from a group, or finds the one that was made.
pub(super) async fn propose(cx: &Ctx, id: QuestionGroupId, once: &Once) -> Result<Proposal> {
    let reach = reach_to(cx, Permission::KnowledgeWrite, "group of questions")?;
    let group = store::find(&cx.db(), &reach, id).await?;
    if let Some(made) = once.made(&cx.db()).await? {
        return again(cx, &cx.db(), group, ArticleId(made)).await;
    }
    if let Some(article) = drafted(cx, &cx.db(), &group).await? {
        return Ok(Proposal { group, article, created: false });
    }
    let asked = store::words(&cx.db(), &[id]).await?.remove(&id).unwrap_or_default();
    let first = asked.first().ok_or_else(|| Error::not_found("group of questions"))?;
    let replies = replies(cx, &asked).await?;
    // Models are asked outside the transaction.
    let written = match replies.is_empty() {
        true => None,
        false => answers::write_article(cx, group.site_id, &first.text, &replies).await?,
    };
    let body = written.unwrap_or_else(|| extracted(&group.language, &asked, &replies));
    let title = text::first(first.text.lines().next().unwrap_or(&first.text), TITLE);
    let new = NewArticle::check(group.site_id, title, &body, &group.language, None, Visibility::Public)?;

    let mut tx = cx.begin().await?;
    let group = store::find_all_for_update(&tx.db(), &reach, &[id]).await?.pop();
    let group = group.ok_or_else(|| Error::not_found("group of questions"))?;
    // Somebody else may have been faster, or the same request.
    if let Some(made) = once.made(&tx.db()).await? {
        return again(cx, &tx.db(), group, ArticleId(made)).await;
    }
    if let Some(article) = drafted(cx, &tx.db(), &group).await? {
        return Ok(Proposal { group, article, created: false });
    }
    let article = knowledge::insert_in(&mut tx, new, cx.actor.user()).await?;
    // The group is locked: whoever comes with the same id for it waits, and for another one it is another content.
    if once.claim(&tx, article.id.0).await?.is_some() {
        return Err(once::mismatch());
    }
    let group = question_group::Model { article_id: Some(article.id), ..group };
    store::save_group(&tx.db(), group.clone()).await?;
    tx.record(group.site_id, id.0, &QuestionFact::Proposed { group: id, article: article.id })?;
    tx.commit().await?;
    Ok(Proposal { group, article, created: true })
}

/// What was made under the same id before.
async fn again(cx: &Ctx, db: &Db<'_>, group: question_group::Model, made: ArticleId) -> Result<Proposal> {
    let reach = sites::reach_in(cx, Permission::KnowledgeRead, group.site_id)?;
    let article = knowledge::by_ids(db, &reach, vec![made]).await?.remove(&made).ok_or_else(once::gone)?;
    Ok(Proposal { group, article, created: true })
}

/// The draft of a group, while it is there.
async fn drafted(cx: &Ctx, db: &Db<'_>, group: &question_group::Model) -> Result<Option<article::Model>> {
    let Some(id) = group.article_id else { return Ok(None) };
    let reach = sites::reach_in(cx, Permission::KnowledgeRead, group.site_id)?;
    Ok(knowledge::by_ids(db, &reach, vec![id]).await?.remove(&id))
}

/// What agents replied after the questions, without personal data; each thing once, newest first.
async fn replies(cx: &Ctx, asked: &[Words]) -> Result<Vec<String>> {
    let (mut seen, mut room, mut found) = (HashSet::new(), REPLIES, vec![]);
    for words in asked.iter().rev() {
        let said = conversations::replies(&cx.db(), words.conversation_id, words.question_seq).await?;
        if said.is_empty() {
            continue;
        }
        let names = conversations::names_of(&cx.db(), words.conversation_id).await?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for reply in said {
            let reply = personal::mask(reply.trim(), &names);
            let length = reply.chars().count();
            if reply.split_whitespace().count() >= FEW_WORDS && length <= room && seen.insert(fold(&reply)) {
                room -= length;
                found.push(reply);
            }
        }
    }
    Ok(found)
}

/// A body without a model: the replies as they are or, where nobody replied, what was asked.
fn extracted(language: &str, asked: &[Words], replies: &[String]) -> String {
    if !replies.is_empty() {
        return replies.join("\n\n");
    }
    let questions: Vec<String> = asked.iter().take(SHOWN).map(|words| format!("- {}", one_line(&words.text))).collect();
    let lead = match language {
        "tr" => "Bu sorulara henüz kimse yanıt vermedi:",
        "de" => "Diese Fragen hat noch niemand beantwortet:",
        _ => "Nobody has answered these questions yet:",
    };
    format!("{lead}\n\n{}", questions.join("\n"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
