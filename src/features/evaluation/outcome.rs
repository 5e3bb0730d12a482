//! What is kept of each question that was asked, and what all of them come to.

use std::time::Duration;

use ::entity::{evaluation_outcome, golden_question, ids::EvaluationId, message::AnswerAction};
use async_graphql::SimpleObject;
use serde::{Deserialize, Serialize};

use super::{
    measure::Measured,
    model::{Ranks, percentile, share},
};
use crate::kernel::{Error, Result, text};

/// Characters of an answer that are kept.
const ANSWER: usize = 1_000;

/// What was measured of one question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Detail {
    /// Absent when the provider failed.
    pub(super) action: Option<AnswerAction>,
    pub(super) answer: String,
    /// Some article is expected.
    pub(super) has_article: bool,
    /// Where it stood; absent beyond the tenth place.
    pub(super) rank: Option<usize>,
    pub(super) unanswerable: bool,
    pub(super) citations: usize,
    pub(super) valid_citations: usize,
    pub(super) latency_us: u64,
}

/// Whether a question was treated rightly.
pub(super) fn passed(golden: &golden_question::Model, measured: &Measured) -> bool {
    match golden.unanswerable {
        true => measured.trial.action.is_some_and(|action| action != AnswerAction::Answer),
        false => measured.right_article && measured.right_text,
    }
}

/// The row of a question that was asked.
pub(super) fn row(
    evaluation: EvaluationId,
    ordinal: i64,
    golden: &golden_question::Model,
    measured: &Measured,
    place: Option<usize>,
) -> Result<evaluation_outcome::Model> {
    let detail = Detail {
        action: measured.trial.action,
        answer: text::first(&measured.trial.text, ANSWER).to_owned(),
        has_article: golden.expected_article_id.is_some(),
        rank: place,
        unanswerable: golden.unanswerable,
        citations: measured.trial.citations.len(),
        valid_citations: measured.valid_citations,
        latency_us: u64::try_from(measured.latency.as_micros()).map_err(Error::internal)?,
    };
    Ok(evaluation_outcome::Model {
        evaluation_id: evaluation,
        golden_question_id: golden.id,
        ordinal,
        question: golden.question.clone(),
        passed: passed(golden, measured),
        detail: serde_json::to_value(detail)?,
    })
}

/// What an evaluation came to. Shares are from 0 to 1; null where there was nothing to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SimpleObject)]
pub(super) struct EvaluationMeasures {
    /// Questions that were asked.
    questions: usize,
    /// Of them, those that were treated rightly: answered from the expected article with the expected words, or not
    /// answered where there is no answer.
    passed: usize,
    /// Share of the questions with an expected article for which it was found first.
    recall1: Option<f64>,
    /// The same, for the first three articles.
    recall3: Option<f64>,
    /// The same, for the first ten.
    recall10: Option<f64>,
    /// Mean reciprocal rank of the expected article, 0 beyond the tenth.
    mrr: Option<f64>,
    /// Share of the citations whose quote is literally in the cited version.
    citation_validity: Option<f64>,
    /// Share of the unanswerable questions that got an answer.
    false_answer_rate: Option<f64>,
    /// Share of all questions to which the assistant said that it does not know, or asked back.
    abstain_rate: f64,
    /// Share of all questions that it handed to a person of its own accord.
    handoff_rate: f64,
    /// Share of all questions for which its provider failed.
    failure_rate: f64,
    /// Milliseconds from question to whole answer that half of the questions did not exceed.
    latency_p50_ms: f64,
    /// The same, for 95 of 100.
    latency_p95_ms: f64,
}

/// The measures of all outcomes.
pub(super) fn measures<'a>(
    rows: impl IntoIterator<Item = &'a evaluation_outcome::Model>,
) -> Result<EvaluationMeasures> {
    let rows: Vec<&evaluation_outcome::Model> = rows.into_iter().collect();
    let details: Vec<Detail> =
        rows.iter().map(|row| Ok(serde_json::from_value(row.detail.clone())?)).collect::<Result<_>>()?;
    let all = details.len();
    let ended = |as_one_of: &[Option<AnswerAction>]| {
        share(details.iter().filter(|detail| as_one_of.contains(&detail.action)).count(), all)
    };
    let has_articles = details.iter().any(|detail| detail.has_article);
    let ranks: Ranks = details.iter().filter(|detail| detail.has_article).map(|detail| detail.rank).collect();
    let citations: usize = details.iter().map(|detail| detail.citations).sum();
    let valid = details.iter().map(|detail| detail.valid_citations).sum();
    let (unanswerable, wrong) = details
        .iter()
        .filter(|detail| detail.unanswerable)
        .fold((0, 0), |(n, wrong), it| (n + 1, wrong + usize::from(it.action == Some(AnswerAction::Answer))));
    let times: Vec<Duration> = details.iter().map(|detail| Duration::from_micros(detail.latency_us)).collect();
    let millis = |percent| percentile(&times, percent).as_secs_f64() * 1_000.0;
    Ok(EvaluationMeasures {
        questions: all,
        passed: rows.iter().filter(|row| row.passed).count(),
        recall1: has_articles.then(|| ranks.recall(1)),
        recall3: has_articles.then(|| ranks.recall(3)),
        recall10: has_articles.then(|| ranks.recall(10)),
        mrr: has_articles.then(|| ranks.reciprocal()),
        citation_validity: (citations > 0).then(|| share(valid, citations)),
        false_answer_rate: (unanswerable > 0).then(|| share(wrong, unanswerable)),
        abstain_rate: ended(&[Some(AnswerAction::Abstain), Some(AnswerAction::Clarify)]),
        handoff_rate: ended(&[Some(AnswerAction::Handoff)]),
        failure_rate: ended(&[None]),
        latency_p50_ms: millis(50),
        latency_p95_ms: millis(95),
    })
}
