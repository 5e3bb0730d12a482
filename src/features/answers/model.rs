//! The rules of answers, without IO.

use ::entity::message::{self, AuthorKind};
use async_graphql::{Enum, SimpleObject};
use serde::{Deserialize, Serialize};

use crate::ports::ai::{Speaker, Turn};

/// Messages of the conversation that a model is told.
pub(super) const HISTORY: u64 = 12;
/// Characters of them, about 1,500 tokens.
const HISTORY_CHARACTERS: usize = 5_000;
/// Characters of sources in a prompt.
pub(super) const CONTEXT_CHARACTERS: usize = 1_500;
/// What a model says when the sources do not hold the answer.
pub(super) const NO_ANSWER: &str = "NO_ANSWER";

/// Why a run ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RunFailureReason")]
pub(super) enum FailureReason {
    /// The provider of the model does not answer, or refuses.
    ProviderFailed,
    /// No provider is configured on the server.
    ProviderNotConfigured,
    /// An agent took over before the answer was complete.
    HumanTookOver,
    /// A newer message of the visitor is answered instead.
    Superseded,
    /// The assistant was switched off or deleted, or the conversation was closed.
    AssistantDisabled,
    /// It was stopped before anything had been written.
    Stopped,
    /// Something went wrong on the server.
    Internal,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[graphql(name = "TokenUsage")]
pub(super) struct Usage {
    /// Tokens of the prompt, as counted by the provider.
    pub(super) prompt_tokens: u32,
    /// Tokens of the answer.
    pub(super) completion_tokens: u32,
}

/// The question: what the visitor said since anybody answered, as one text. Several short messages are one turn.
pub(super) fn question(history: &[message::Model]) -> String {
    let mut said: Vec<&str> = history
        .iter()
        .rev()
        .take_while(|message| message.author_kind == AuthorKind::Visitor)
        .map(|message| message.body.as_str())
        .collect();
    said.reverse();
    said.join("\n")
}

/// The conversation as a model is told it: the newest turns that fit, neighbours of one side joined.
pub(super) fn turns(history: &[message::Model]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut room = HISTORY_CHARACTERS;
    for message in history.iter().rev() {
        let length = message.body.chars().count();
        if length > room && !turns.is_empty() {
            break;
        }
        room = room.saturating_sub(length);
        let speaker = match message.author_kind {
            AuthorKind::Visitor => Speaker::Visitor,
            AuthorKind::Agent | AuthorKind::Assistant | AuthorKind::System => Speaker::Assistant,
        };
        match turns.last_mut() {
            Some(turn) if turn.speaker == speaker => turn.text = format!("{}\n{}", message.body, turn.text),
            _ => turns.push(Turn { speaker, text: message.body.clone() }),
        }
    }
    turns.reverse();
    turns
}

/// What an assistant says when it has no answer, in the language of the question: it offers a person.
pub(super) fn no_answer(language: &str) -> &'static str {
    match language {
        "tr" => "Bunun cevabını bilgi bankamızda bulamadım. Sizi bir temsilciye bağlayayım mı?",
        "de" => {
            "Darauf habe ich in unserer Wissensbasis keine Antwort gefunden. Soll ich Sie mit einer Person verbinden?"
        }
        _ => "I couldn't find the answer to that in our knowledge base. Shall I connect you with a person?",
    }
}

/// What stands before titles of articles that may or may not be meant.
pub(super) fn did_you_mean(language: &str) -> &'static str {
    match language {
        "tr" => "Tam cevabı bulamadım. Bunlardan birini mi arıyordunuz? Değilse sizi bir temsilciye bağlayabilirim.",
        "de" => "Ich bin mir nicht sicher. Meinten Sie eines davon? Sonst verbinde ich Sie gern mit einer Person.",
        _ => "I'm not sure. Did you mean one of these? If not, I can connect you with a person.",
    }
}

/// Cuts a text into the pieces in which it is streamed: words with the space after them.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// The numbers of the sources that a text cites as `[n]`, in order and once each, those between 1 and `sources` only.
pub(super) fn cited(text: &str, sources: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for part in text.split('[').skip(1) {
        let Some((inside, _)) = part.split_once(']') else { continue };
        if let Ok(number) = inside.trim().parse::<usize>()
            && (1..=sources).contains(&number)
            && !found.contains(&number)
        {
            found.push(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_sources_are_dropped_and_each_counts_once() {
        assert_eq!(cited("Yes [2]. See [1], [2] and [9]; not [x] or [", 3), vec![2, 1]);
    }

    #[test]
    fn pieces_put_together_are_the_text() {
        let text = "İade 14 gün.\n\nKargo  ücretsiz.";
        assert_eq!(pieces(text).collect::<String>(), text);
    }
}
