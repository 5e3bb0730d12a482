//! What an assistant's message is, beside its text.

use ::entity::{message::AnswerAction, widget_settings::Features};
use async_graphql::{Enum, SimpleObject};

use super::model::Citation;

/// What the server made of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What it is.
    pub action: AnswerAction,
    /// How likely what was found answers the question: 0 to 1.
    pub confidence: f64,
}

/// What a visitor is offered beside an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum Offer {
    /// To wait for an agent: `requestHuman`.
    WaitForAgent,
    /// To leave the question, which is answered by e-mail: `leaveMessage` with the conversation.
    OpenTicket,
    /// To leave a message that is answered later: `leaveMessage`.
    LeaveMessage,
    /// To be called back: `requestCallback`.
    RequestCallback,
}

impl Offer {
    /// True where the site's widget has what it leads to.
    pub(crate) fn is_on(self, features: &Features) -> bool {
        match self {
            Self::WaitForAgent => features.live_chat,
            Self::OpenTicket | Self::LeaveMessage => features.tickets,
            Self::RequestCallback => features.callbacks,
        }
    }
}

/// What is left when nobody came.
pub(crate) const LATER: [Offer; 2] = [Offer::LeaveMessage, Offer::RequestCallback];

/// Both ways to a person.
pub(crate) const OFFERS: [Offer; 2] = [Offer::WaitForAgent, Offer::OpenTicket];

/// A part of an answer's text and the sources that it rests on.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct AnswerSpan {
    /// Where it begins in the text, in Unicode characters.
    pub(crate) start: i32,
    /// Where it ends.
    pub(crate) end: i32,
    /// The `number` of each citation it rests on.
    pub(crate) citations: Vec<i32>,
}

/// What is offered with an answer.
pub(crate) fn offers(action: AnswerAction) -> &'static [Offer] {
    match action {
        AnswerAction::Abstain => &OFFERS,
        AnswerAction::Answer | AnswerAction::Clarify | AnswerAction::Handoff => &[],
    }
}

/// Which part of a text rests on which sources: what stands before `[n]` since the last such mark or paragraph; in a text
/// without marks, the quotes themselves.
pub(crate) fn spans(text: &str, citations: &[Citation]) -> Vec<AnswerSpan> {
    let marked = marked(text, citations);
    let found = if marked.is_empty() { quoted(text, citations) } else { marked };
    let characters = |byte: usize| i32::try_from(text[..byte].chars().count()).unwrap_or(i32::MAX);
    let span = |(start, end, citations)| AnswerSpan { start: characters(start), end: characters(end), citations };
    found.into_iter().map(span).collect()
}

type Bytes = (usize, usize, Vec<i32>);

fn marked(text: &str, citations: &[Citation]) -> Vec<Bytes> {
    let mut spans: Vec<Bytes> = vec![];
    let mut from = 0;
    for (at, _) in text.match_indices('[') {
        let Some(length) = text[at..].find(']') else { break };
        let Ok(number) = text[at + 1..at + length].trim().parse::<i32>() else { continue };
        if !citations.iter().any(|citation| citation.number == number) {
            continue;
        }
        let before = &text[from.min(at)..at];
        match spans.last_mut() {
            // Another mark of the same words: "so it is [1][2]".
            Some((_, _, numbers)) if before.trim().is_empty() => numbers.push(number),
            _ => {
                let paragraph = before.rfind("\n").map_or(0, |line| line + 1);
                let start = from + paragraph + before[paragraph..].len() - before[paragraph..].trim_start().len();
                spans.push((start, from + before.trim_end().len(), vec![number]));
            }
        }
        from = at + length + 1;
        // The mark stands before the full stop that belongs to it.
        from +=
            text[from..].chars().next().filter(|c| matches!(c, '.' | '!' | '?' | ',' | ';')).map_or(0, char::len_utf8);
    }
    spans
}

fn quoted(text: &str, citations: &[Citation]) -> Vec<Bytes> {
    let place = |citation: &Citation| {
        let start = text.find(&citation.quote).filter(|_| !citation.quote.is_empty())?;
        Some((start, start + citation.quote.len(), vec![citation.number]))
    };
    citations.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use ::entity::ids::{ArticleId, ChunkId};
    use uuid::Uuid;

    use super::*;

    fn citation(number: i32, quote: &str) -> Citation {
        Citation {
            number,
            article: ArticleId(Uuid::nil()),
            version: 1,
            chunk: ChunkId(Uuid::nil()),
            title: String::new(),
            slug: String::new(),
            quote: quote.into(),
            start: 0,
            end: 0,
            score: 1.0,
        }
    }

    fn parts(text: &str, citations: &[Citation]) -> Vec<(String, Vec<i32>)> {
        let letters: Vec<char> = text.chars().collect();
        let part =
            |span: AnswerSpan| (letters[span.start as usize..span.end as usize].iter().collect(), span.citations);
        spans(text, citations).into_iter().map(part).collect()
    }

    #[test]
    fn words_before_a_mark_rest_on_its_source() {
        let sources = [citation(1, "a"), citation(3, "b")];
        let text = "Şöyle:\n\nİade 14 gündür [1][3]. Ücretsizdir [3]! Yok [2] ve [x].";
        let expected = [("İade 14 gündür".to_owned(), vec![1, 3]), ("Ücretsizdir".to_owned(), vec![3])];
        assert_eq!(parts(text, &sources), expected);
    }

    #[test]
    fn a_text_of_quotes_rests_on_them() {
        let sources = [citation(1, "Önce bu."), citation(2, "Sonra şu.")];
        let expected = [("Önce bu.".to_owned(), vec![1]), ("Sonra şu.".to_owned(), vec![2])];
        assert_eq!(parts("Önce bu. Sonra şu.", &sources), expected);
        assert_eq!(parts("Bilmiyorum.", &[]), []);
    }
}
