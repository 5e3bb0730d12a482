//! Golden questions and evaluations in the API.

use ::entity::{
    evaluation::{self, EvaluationStatus},
    evaluation_gate::{self, Gate},
    evaluation_outcome, golden_question,
    ids::{ArticleId, AssistantId, EvaluationId, GoldenQuestionId},
    message::AnswerAction,
};
use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::super::{
    outcome::{Detail, EvaluationMeasures},
    store,
};
use crate::kernel::{
    CtxExt, Result,
    page::{List, Paging, Place},
};

/// A question with what a right answer to it is.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct GoldenQuestion {
    /// Identifies the question.
    pub(crate) id: GoldenQuestionId,
    /// The assistant that is measured by it.
    assistant_id: AssistantId,
    /// What is asked.
    question: String,
    /// The language it is asked in (BCP 47).
    language: String,
    /// The article that answers it. Null where any, or none, does.
    expected_article_id: Option<ArticleId>,
    /// Words that a right answer shows, exactly. Null where none are asked for.
    answer_contains: Option<String>,
    /// No article answers it: any answer is wrong.
    unanswerable: bool,
    /// A name of your own for a part of the questions.
    kind: Option<String>,
    /// Grows by one with each change; `updateGoldenQuestion` takes it as `expectedVersion`.
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<golden_question::Model> for GoldenQuestion {
    fn from(row: golden_question::Model) -> Self {
        Self {
            id: row.id,
            assistant_id: row.assistant_id,
            question: row.question,
            language: row.language,
            expected_article_id: row.expected_article_id,
            answer_contains: row.answer_contains,
            unanswerable: row.unanswerable,
            kind: row.kind,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What came of a golden question.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct EvaluationOutcome {
    /// The golden question; it may be gone or changed since.
    golden_question_id: GoldenQuestionId,
    /// What was asked.
    question: String,
    /// It was treated rightly: answered from the expected article with the expected words, or not answered where there
    /// is no answer.
    passed: bool,
    /// What the assistant did. Null when its provider failed.
    action: Option<AnswerAction>,
    /// What it said: the first 1,000 characters.
    answer: String,
    /// Where the expected article stood among those found, from 1. Null where it was not among the first ten, or none is
    /// expected.
    rank: Option<usize>,
    /// Citations of the answer.
    citations: usize,
    /// Of them, those whose quote is literally in the cited version.
    valid_citations: usize,
    /// Milliseconds from the question to the whole answer.
    latency_ms: f64,
}

impl EvaluationOutcome {
    fn of(row: evaluation_outcome::Model) -> Result<Self> {
        let detail: Detail = serde_json::from_value(row.detail)?;
        Ok(Self {
            golden_question_id: row.golden_question_id,
            question: row.question,
            passed: row.passed,
            action: detail.action,
            answer: detail.answer,
            rank: detail.rank,
            citations: detail.citations,
            valid_citations: detail.valid_citations,
            latency_ms: std::time::Duration::from_micros(detail.latency_us).as_secs_f64() * 1_000.0,
        })
    }
}

/// One time that an assistant's golden questions were asked.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Evaluation {
    /// Identifies the evaluation.
    pub(crate) id: EvaluationId,
    /// The assistant that was asked.
    assistant_id: AssistantId,
    /// Where it stands.
    status: EvaluationStatus,
    /// Questions that are asked.
    total: i32,
    /// Of them, those that have been: its progress.
    done: i32,
    /// When it was ordered.
    created_at: DateTime<Utc>,
    /// When it ended. Null while it runs.
    finished_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    measured: Option<serde_json::Value>,
    #[graphql(skip)]
    previous: Option<EvaluationId>,
}

impl From<evaluation::Model> for Evaluation {
    fn from(row: evaluation::Model) -> Self {
        Self {
            id: row.id,
            assistant_id: row.assistant_id,
            status: row.status,
            total: row.total,
            done: row.done,
            created_at: row.created_at,
            finished_at: row.finished_at,
            measured: row.measures,
            previous: row.previous_id,
        }
    }
}

#[ComplexObject]
impl Evaluation {
    /// What it came to. Null until it has ended.
    async fn measures(&self) -> Result<Option<EvaluationMeasures>> {
        Ok(self.measured.clone().map(serde_json::from_value).transpose()?)
    }

    /// What came of each question, in the order of the questions.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn outcomes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that were treated rightly, or that were not.")] passed: Option<bool>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<EvaluationOutcome>> {
        let (cx, id) = (ctx.cx().clone(), self.id);
        let paging = Paging::new(first, after, last, before)?;
        let page = store::list_outcomes(&cx.db(), id, passed, &paging).await?;
        let place = |row: &(Place, EvaluationOutcome)| row.0;
        let read = |row: evaluation_outcome::Model| {
            Ok((Place(row.ordinal, row.golden_question_id.0), EvaluationOutcome::of(row)?))
        };
        Ok(page.try_map(read)?.connect(
            place,
            |row| row.1,
            move || {
                let cx = cx.clone();
                async move { store::count_outcomes(&cx.db(), id, passed).await }.boxed()
            },
        ))
    }

    /// What is better and what is worse than the last time. Null while it runs, and for an assistant's first evaluation.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn compared_to_last(&self, ctx: &Context<'_>) -> Result<Option<EvaluationDiff>> {
        let Some(previous) = self.previous else { return Ok(None) };
        let db = ctx.cx().db();
        let before = store::outcomes(&db, previous).await?;
        let mut now: Vec<evaluation_outcome::Model> = store::outcomes(&db, self.id).await?.into_values().collect();
        now.sort_by_key(|row| row.ordinal);
        let mut diff = EvaluationDiff { previous_id: previous, better: vec![], worse: vec![], unchanged: 0, added: 0 };
        for row in now {
            match before.get(&row.golden_question_id).map(|before| before.passed) {
                None => diff.added += 1,
                Some(before) if before == row.passed => diff.unchanged += 1,
                Some(false) => diff.better.push(EvaluationOutcome::of(row)?),
                Some(true) => diff.worse.push(EvaluationOutcome::of(row)?),
            }
        }
        Ok(Some(diff))
    }
}

/// What changed between an evaluation and the one before it.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct EvaluationDiff {
    /// The evaluation before.
    #[graphql(name = "previousEvaluationId")]
    previous_id: EvaluationId,
    /// Questions that are treated rightly now and were not then.
    better: Vec<EvaluationOutcome>,
    /// Questions that were treated rightly then and are not now.
    worse: Vec<EvaluationOutcome>,
    /// Questions for which nothing changed.
    unchanged: usize,
    /// Questions that were not asked then.
    added: usize,
}

/// How an assistant is measured by its golden questions.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct EvaluationSettings {
    /// What happens before an article is published.
    gate: Gate,
    /// Rises with each change; 0 where nobody has changed anything yet.
    version: i32,
}

impl From<evaluation_gate::Model> for EvaluationSettings {
    fn from(row: evaluation_gate::Model) -> Self {
        Self { gate: row.gate, version: row.version }
    }
}

/// A golden question that is treated otherwise once an article is published.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct PublishEffect {
    /// The assistant it belongs to.
    pub(super) assistant_id: AssistantId,
    /// The golden question.
    pub(super) golden_question: GoldenQuestion,
}

/// What publishing an article would do to golden questions. Nothing was published.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct PublishPreview {
    /// Golden questions that were asked without the article and with it: the newest 300 of each assistant of the site
    /// whose gate is `WARN`.
    pub(super) asked: usize,
    /// Warnings: those that are treated rightly now and would not be.
    pub(super) worse: Vec<PublishEffect>,
    /// Those that are not treated rightly now and would be.
    pub(super) better: Vec<PublishEffect>,
}
