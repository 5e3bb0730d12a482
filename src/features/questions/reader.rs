//! Takes unanswered questions in, groups them once their meaning is known, and notices what becomes of them.
//!
//! A reader's work on a site is done by one node at a time, so no two questions found a group of the same meaning.

use ::entity::{
    ids::{ArticleId, MessageId, QuestionExampleId, QuestionGroupId, SiteId},
    question_example::{self, Cause},
    question_group::{self, QuestionStatus},
};
use futures_util::FutureExt;

use super::{
    facts::QuestionFact,
    jobs::EmbedQuestion,
    model::{self, KEPT, QUESTION_MAX},
    personal, store,
};
use crate::{
    features::{
        answers::{self, Asked},
        conversations::{self, ConversationFact},
        knowledge::{ArticleFact, language},
    },
    kernel::{Result, Tx, journal::Line, readers::Reader, text},
};

/// Reacts to answers and ratings, to questions that were embedded, and to articles that are published.
pub fn reader() -> Reader {
    Reader::new("questions", |line| News::read(line).is_some(), |tx, lines| react(tx, lines).boxed())
}

/// What a line says that matters here.
enum News {
    /// A run ended with a message.
    Finished(::entity::ids::RunId),
    /// Whoever asked said whether an answer helped.
    Rated(MessageId, bool),
    /// A message lost its text.
    Deleted(MessageId),
    /// A question can be grouped.
    Embedded(QuestionExampleId),
    /// An article answers from now on.
    Published(ArticleId),
}

/// The lines that can matter: each line of a busy site is looked at, and reading costs more than comparing.
const KINDS: [&str; 5] = ["run.finished", "question.embedded", "article.published", "message.rated", "message.deleted"];

impl News {
    fn read(line: &Line) -> Option<Self> {
        if !KINDS.contains(&line.kind.as_str()) {
            return None;
        }
        if let Some(run) = answers::finished_run(line) {
            return Some(Self::Finished(run));
        }
        if let Some(QuestionFact::Embedded { example }) = QuestionFact::read(line) {
            return Some(Self::Embedded(example));
        }
        if let Some(ArticleFact::Published { .. }) = ArticleFact::read(line) {
            return Some(Self::Published(ArticleId(line.subject)));
        }
        let fact = ConversationFact::read(line)?;
        if let ConversationFact::AnswerRated { message, helpful } = fact {
            return Some(Self::Rated(message, helpful));
        }
        if let ConversationFact::MessageDeleted { message, .. } = fact { Some(Self::Deleted(message)) } else { None }
    }
}

async fn react(tx: &mut Tx, lines: &[Line]) -> Result<()> {
    for line in lines {
        match News::read(line) {
            None => {}
            Some(News::Finished(run)) => {
                if let Some(asked) = answers::asked(&tx.db(), run).await?.filter(|asked| asked.is_unanswered) {
                    take_in(tx, asked, Cause::Unanswered).await?;
                }
            }
            Some(News::Rated(message, helpful)) => rated(tx, message, helpful).await?,
            Some(News::Deleted(message)) => {
                if let Some((conversation, seq)) = conversations::place_of(&tx.db(), message).await? {
                    store::forget(&tx.db(), conversation, seq).await?;
                }
            }
            Some(News::Embedded(example)) => group(tx, example).await?,
            Some(News::Published(article)) => resolve(tx, line.site_id, article).await?,
        }
    }
    Ok(())
}

/// A question without an answer counts already, whatever is thought of what the assistant said instead.
async fn rated(tx: &mut Tx, message: MessageId, helpful: bool) -> Result<()> {
    let Some(asked) = answers::asked_by_answer(&tx.db(), message).await?.filter(|asked| !asked.is_unanswered) else {
        return Ok(());
    };
    if !helpful {
        return take_in(tx, asked, Cause::Unhelpful).await;
    }
    if let Some(group) = store::withdraw(&tx.db(), asked.conversation, asked.seq).await?
        && let Some(row) = store::lookup_for_update(&tx.db(), group).await?
    {
        store::save_group(&tx.db(), question_group::Model { count: (row.count - 1).max(0), ..row }).await?;
    }
    Ok(())
}

/// Keeps a question without what tells who asked it, and orders its embedding.
async fn take_in(tx: &mut Tx, asked: Asked, cause: Cause) -> Result<()> {
    let names = conversations::names_of(&tx.db(), asked.conversation).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let masked = personal::mask(asked.text.trim(), &names);
    let words = text::first(&masked, QUESTION_MAX).trim();
    if !words.chars().any(char::is_alphabetic) {
        return Ok(());
    }
    let example = tx.cx().id(QuestionExampleId);
    let row = question_example::Model {
        id: example,
        site_id: asked.site,
        group_id: None,
        conversation_id: asked.conversation,
        question_seq: asked.seq,
        cause,
        text: words.to_owned(),
        language: language::detect(words).map_or("en", language::Language::tag).to_owned(),
        model: None,
        vector: None,
        asked_at: tx.cx().clock.now(),
    };
    if store::insert_example(&tx.db(), row).await? {
        tx.enqueue(&EmbedQuestion { example }).await?;
    }
    Ok(())
}

/// Puts a question to those that mean the same, or begins a group with it.
async fn group(tx: &mut Tx, id: QuestionExampleId) -> Result<()> {
    let Some(example) = store::lookup_example(&tx.db(), id).await?.filter(|row| row.group_id.is_none()) else {
        return Ok(());
    };
    let (Some(model), Some(vector)) = (&example.model, &example.vector) else { return Ok(()) };
    let meanings = store::meanings(&tx.db(), example.site_id, model).await?;
    let known = model::same(&store::unpack(vector), meanings.iter().map(|(id, vector)| (*id, vector.as_slice())));
    let known = match known {
        Some(group) => store::lookup_for_update(&tx.db(), group).await?,
        None => None,
    };
    let group = match known {
        Some(row) => {
            let (status, count) = (model::asked_again(row.status), row.count + 1);
            let last_asked_at = row.last_asked_at.max(example.asked_at);
            let group = row.id;
            store::save_group(&tx.db(), question_group::Model { status, count, last_asked_at, ..row }).await?;
            group
        }
        None => begin(tx, &example).await?,
    };
    store::set_group(&tx.db(), id, group).await?;
    keep_few(tx, group).await?;
    tx.record(example.site_id, group.0, &QuestionFact::Grouped { group })
}

/// What a question means cannot be found out: it is shown by itself.
pub(super) async fn leave_alone(tx: &mut Tx, id: QuestionExampleId) -> Result<()> {
    let Some(example) = store::lookup_example(&tx.db(), id).await?.filter(|row| row.group_id.is_none()) else {
        return Ok(());
    };
    let group = begin(tx, &example).await?;
    store::set_group(&tx.db(), id, group).await?;
    tx.record(example.site_id, group.0, &QuestionFact::Grouped { group })
}

async fn begin(tx: &Tx, first: &question_example::Model) -> Result<QuestionGroupId> {
    let group = tx.cx().id(QuestionGroupId);
    let row = question_group::Model {
        id: group,
        site_id: first.site_id,
        status: QuestionStatus::Open,
        language: first.language.clone(),
        count: 1,
        last_asked_at: first.asked_at,
        article_id: None,
        created_at: tx.cx().clock.now(),
    };
    store::insert_group(&tx.db(), row).await?;
    Ok(group)
}

/// Of very many questions that mean the same the first and the newest are enough.
async fn keep_few(tx: &Tx, group: QuestionGroupId) -> Result<()> {
    let words = store::words(&tx.db(), &[group]).await?.remove(&group).unwrap_or_default();
    for row in words.iter().skip(1).take(words.len().saturating_sub(KEPT)) {
        store::delete_example(&tx.db(), row.id).await?;
    }
    Ok(())
}

/// An article was published: the questions it was made from have their answer.
async fn resolve(tx: &mut Tx, site: SiteId, article: ArticleId) -> Result<()> {
    for row in store::of_article_for_update(&tx.db(), site, article).await? {
        let group = row.id;
        store::save_group(&tx.db(), question_group::Model { status: QuestionStatus::Resolved, ..row }).await?;
        tx.record(site, group.0, &QuestionFact::Resolved { group, article })?;
    }
    Ok(())
}
