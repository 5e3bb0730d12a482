//! Golden questions: what an assistant is measured by.

use ::entity::{
    assistant, golden_question,
    ids::{ArticleId, AssistantId, GoldenQuestionId},
};
use async_graphql::MaybeUndefined;
use chrono::TimeDelta;
use uuid::Uuid;

use super::{assistant_of, facts::EvaluationFact, store};
use crate::{
    features::{knowledge, sites::reach_to},
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Result, once, secret, text, versions},
    ports::db::Db,
};

/// Questions that are made at once.
const BULK: usize = 500;
/// Questions of one assistant.
const MANY: u64 = 2_000;
const QUESTION_MAX: usize = 2_000;
const CONTAINS_MAX: usize = 500;
const KIND_MAX: usize = 50;

/// A golden question as somebody gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) question: String,
    pub(super) language: String,
    pub(super) expected_article: Option<ArticleId>,
    pub(super) answer_contains: Option<String>,
    pub(super) unanswerable: bool,
    pub(super) kind: Option<String>,
}

/// What to change of one; what is undefined stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) question: MaybeUndefined<String>,
    pub(super) language: MaybeUndefined<String>,
    pub(super) expected_article: MaybeUndefined<ArticleId>,
    pub(super) answer_contains: MaybeUndefined<String>,
    pub(super) unanswerable: MaybeUndefined<bool>,
    pub(super) kind: MaybeUndefined<String>,
}

/// Checks a question; `place` is what stands before the names of its fields.
fn checked(place: &str, draft: Draft) -> Result<Draft> {
    let at = |name: &str| format!("{place}.{name}");
    let named = |error: Error, name: &str| Error { field: Some(at(name).into()), ..error };
    let line = |name: &'static str, value: Option<String>, max: usize| {
        let value = value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        value.map(|value| text::longer(name, &value, max).map_err(|error| named(error, name))).transpose()
    };
    let question =
        text::body("question", draft.question.trim(), QUESTION_MAX).map_err(|error| named(error, "question"))?;
    let language = text::language("language", &draft.language).map_err(|error| named(error, "language"))?;
    if draft.unanswerable && (draft.expected_article.is_some() || draft.answer_contains.is_some()) {
        let message = "A question that no article answers has neither `expectedArticleId` nor `answerContains`.";
        return Err(Error::bad_input(at("unanswerable"), ErrorReason::InvalidCombination, message));
    }
    if !draft.unanswerable && draft.expected_article.is_none() && draft.answer_contains.is_none() {
        let message = "Say what is right: `expectedArticleId`, `answerContains` or both; or `unanswerable`.";
        return Err(Error::bad_input(at("expectedArticleId"), ErrorReason::InvalidCombination, message));
    }
    Ok(Draft {
        question,
        language,
        answer_contains: line("answerContains", draft.answer_contains, CONTAINS_MAX)?,
        kind: line("kind", draft.kind, KIND_MAX)?,
        ..draft
    })
}

/// Makes questions, all or none.
pub(super) async fn create(
    cx: &Ctx,
    assistant: AssistantId,
    drafts: Vec<Draft>,
    place: impl Fn(usize) -> String,
    once: &Once,
) -> Result<Vec<golden_question::Model>> {
    let assistant = assistant_of(cx, assistant).await?;
    if !(1..=BULK).contains(&drafts.len()) {
        let message = format!("`input.questions` has {} questions; give between 1 and {BULK}.", drafts.len());
        return Err(Error::bad_input("input.questions", ErrorReason::OutOfRange, message));
    }
    let checked = drafts.into_iter().enumerate().map(|(index, draft)| checked(&place(index), draft));
    let drafts: Vec<Draft> = checked.collect::<Result<_>>()?;
    // Those of a repetition are found by the same ids.
    let id = |place: usize| match once.key() {
        Some(key) => GoldenQuestionId(secret::id(&[key.as_bytes(), &place.to_le_bytes()])),
        None => cx.id(GoldenQuestionId),
    };
    let ids: Vec<GoldenQuestionId> = (0..drafts.len()).map(id).collect();
    let first = ids.first().map_or_else(Uuid::nil, |id| id.0);
    let mut tx = cx.begin().await?;
    let is_again = once.claim(&tx, first).await?.is_some();
    if is_again || once.key().is_some() {
        let left = store::golden_by_ids(&tx.db(), &ids).await?;
        match left.is_empty() {
            true if is_again => return Err(once::gone()),
            true => {}
            // Also where their id was forgotten since.
            false => return Ok(left),
        }
    }
    let articles = drafts.iter().map(|draft| draft.expected_article);
    articles_are_there(cx, &tx.db(), &assistant, articles, |index| format!("{}.expectedArticleId", place(index)))
        .await?;
    let known = store::count_golden(&tx.db(), assistant.id).await?;
    if known + drafts.len() as u64 > MANY {
        let message = format!("An assistant has at most {MANY} golden questions; this one has {known} already.");
        return Err(Error::bad_input("input.assistantId", ErrorReason::TooLong, message));
    }
    let now = cx.clock.now();
    let rows: Vec<golden_question::Model> = drafts
        .into_iter()
        .zip(ids)
        .zip(0..)
        .map(|((draft, id), place)| golden_question::Model {
            id,
            site_id: assistant.site_id,
            assistant_id: assistant.id,
            question: draft.question,
            language: draft.language,
            expected_article_id: draft.expected_article,
            answer_contains: draft.answer_contains,
            unanswerable: draft.unanswerable,
            kind: draft.kind,
            version: 1,
            // So that they are listed in the order in which they were given.
            created_at: now + TimeDelta::microseconds(place),
            updated_at: now,
        })
        .collect();
    store::insert_golden(&tx.db(), &rows).await?;
    let questions = rows.iter().map(|row| row.id).collect();
    tx.record(assistant.site_id, assistant.id.0, &EvaluationFact::QuestionsCreated { questions })?;
    tx.commit().await?;
    Ok(rows)
}

/// Changes a question; those asked in earlier evaluations stay as they were.
pub(super) async fn update(
    cx: &Ctx,
    id: GoldenQuestionId,
    expected: Option<i32>,
    changes: Changes,
) -> Result<golden_question::Model> {
    let reach = reach_to(cx, Permission::EvaluationsManage, "golden question")?;
    let found = store::find_golden(&cx.db(), &reach, id).await?;
    let assistant = assistant_of(cx, found.assistant_id).await?;
    let mut tx = cx.begin().await?;
    let row = store::find_golden_for_update(&tx.db(), &reach, id).await?;
    versions::check(row.version, expected)?;
    let cleared =
        |field: &'static str| Error::bad_input(field, ErrorReason::TooShort, format!("`{field}` cannot be cleared."));
    let needed = |field: &'static str, change: MaybeUndefined<String>, now: &str| match change {
        MaybeUndefined::Undefined => Ok(now.to_owned()),
        MaybeUndefined::Null => Err(cleared(field)),
        MaybeUndefined::Value(value) => Ok(value),
    };
    fn maybe<T>(change: MaybeUndefined<T>, now: Option<T>) -> Option<T> {
        match change {
            MaybeUndefined::Undefined => now,
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(value) => Some(value),
        }
    }
    let draft = Draft {
        question: needed("input.question", changes.question, &row.question)?,
        language: needed("input.language", changes.language, &row.language)?,
        expected_article: maybe(changes.expected_article, row.expected_article_id),
        answer_contains: maybe(changes.answer_contains, row.answer_contains.clone()),
        unanswerable: maybe(changes.unanswerable, Some(row.unanswerable)).unwrap_or(false),
        kind: maybe(changes.kind, row.kind.clone()),
    };
    let draft = checked("input", draft)?;
    if draft.expected_article != row.expected_article_id {
        let place = |_| "input.expectedArticleId".to_owned();
        articles_are_there(cx, &tx.db(), &assistant, std::iter::once(draft.expected_article), place).await?;
    }
    let changed = golden_question::Model {
        question: draft.question,
        language: draft.language,
        expected_article_id: draft.expected_article,
        answer_contains: draft.answer_contains,
        unanswerable: draft.unanswerable,
        kind: draft.kind,
        ..row.clone()
    };
    if changed == row {
        return Ok(row);
    }
    let changed = golden_question::Model { version: row.version + 1, updated_at: cx.clock.now(), ..changed };
    store::save_golden(&tx.db(), changed.clone()).await?;
    tx.record(row.site_id, row.assistant_id.0, &EvaluationFact::QuestionChanged { question: id })?;
    tx.commit().await?;
    Ok(changed)
}

/// Takes a question away.
pub(super) async fn delete(cx: &Ctx, id: GoldenQuestionId) -> Result<GoldenQuestionId> {
    let reach = reach_to(cx, Permission::EvaluationsManage, "golden question")?;
    let mut tx = cx.begin().await?;
    let row = store::find_golden_for_update(&tx.db(), &reach, id).await?;
    store::delete_golden(&tx.db(), id).await?;
    tx.record(row.site_id, row.assistant_id.0, &EvaluationFact::QuestionDeleted { question: id })?;
    tx.commit().await?;
    Ok(id)
}

/// Checks that the articles are of the assistant's site.
async fn articles_are_there(
    cx: &Ctx,
    db: &Db<'_>,
    assistant: &assistant::Model,
    articles: impl Iterator<Item = Option<ArticleId>> + Clone,
    field: impl Fn(usize) -> String,
) -> Result<()> {
    let ids: Vec<ArticleId> = articles.clone().flatten().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let reach = reach_to(cx, Permission::KnowledgeRead, "article")?;
    let known = knowledge::by_ids(db, &reach, ids).await?;
    for (index, article) in articles.enumerate() {
        let Some(id) = article else { continue };
        if known.get(&id).is_none_or(|row| row.site_id != assistant.site_id) {
            return Err(Error::not_found("article").at(field(index)));
        }
    }
    Ok(())
}
