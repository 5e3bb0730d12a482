//! One question with a known answer, asked as a visitor would, and how good what came back is.

use std::time::{Duration, Instant};

use ::entity::{assistant, ids::ArticleId, message::AnswerAction};

use super::model::{DEEP, rank};
use crate::{
    features::{
        answers::{self, Trial},
        knowledge::{self, Leg},
    },
    kernel::{Ctx, Result},
};

/// What a right answer to a question is.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The article that answers it; `None` where any, or none, is right.
    pub(crate) article: Option<ArticleId>,
    /// Words that a right answer shows.
    pub(crate) contains: Option<String>,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// What the assistant said.
    pub(crate) trial: Trial,
    /// From the question to the whole answer.
    pub(crate) latency: Duration,
    /// It rests on the expected article.
    pub(crate) right_article: bool,
    /// It shows the expected words.
    pub(crate) right_text: bool,
    /// Citations whose quote is, byte for byte, what the cited version says there.
    pub(crate) valid_citations: usize,
}

/// Asks an assistant.
pub(crate) async fn measure(
    cx: &Ctx,
    assistant: &assistant::Model,
    question: &str,
    expected: &Expected,
) -> Result<Measured> {
    let begun = Instant::now();
    let trial = answers::try_question(cx, assistant, question).await?;
    let latency = begun.elapsed();
    let answered = trial.action == Some(AnswerAction::Answer);
    let cites = |article: ArticleId| trial.citations.iter().any(|citation| citation.article == article);
    Ok(Measured {
        right_article: answered && expected.article.is_none_or(cites),
        right_text: answered && expected.contains.as_ref().is_none_or(|words| trial.text.contains(words)),
        valid_citations: valid_citations(cx, &trial).await?,
        latency,
        trial,
    })
}

/// The place of an article among those found for a question.
pub(crate) async fn place(
    cx: &Ctx,
    assistant: &assistant::Model,
    question: &str,
    article: ArticleId,
    leg: Leg,
) -> Result<Option<usize>> {
    Ok(rank(&knowledge::ranked(cx, assistant.site_id, question, leg, DEEP).await?, &article))
}

async fn valid_citations(cx: &Ctx, trial: &Trial) -> Result<usize> {
    let bodies = knowledge::bodies(&cx.db(), trial.citations.iter().map(|it| (it.article, it.version))).await?;
    let mut valid = 0;
    for citation in &trial.citations {
        let Some(body) = bodies.get(&(citation.article, citation.version)) else { continue };
        let place = usize::try_from(citation.start).ok().zip(usize::try_from(citation.end).ok());
        let said = place.map(|(start, end)| body.chars().skip(start).take(end - start).collect::<String>());
        valid += usize::from(said.as_ref() == Some(&citation.quote));
    }
    Ok(valid)
}
