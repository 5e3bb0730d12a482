//! The rules of answers, without IO.

use ::entity::{
    conversation::{self, Attention},
    message::{self, AuthorKind},
    run,
};
use async_graphql::{Enum, SimpleObject};
use chrono::TimeDelta;
use exact_index::text::fold;
use serde::{Deserialize, Serialize};

use super::{history, turn};
use crate::{
    features::conversations,
    kernel::{Actor, secret},
    ports::ai::{Speaker, Turn},
};

/// Drafts are for the agent who asked for them alone; answers for everybody in the conversation.
pub(super) fn is_for(actor: &Actor, run: &run::Model) -> bool {
    run.requested_by.is_none_or(|user| actor.user() == Some(user))
}

/// Messages of the conversation that a model is told.
pub(super) const HISTORY: u64 = 12;
/// Characters of them, about 1,500 tokens.
const HISTORY_CHARACTERS: usize = 5_000;
/// Characters of what is asked now, however much else there is.
const TURN_CHARACTERS: usize = 20_000;
/// A message of so many characters is not the beginning of one.
const COMPLETE_CHARACTERS: usize = 60;

/// Why a run ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RunFailureReason")]
pub(super) enum FailureReason {
    /// The provider of the model does not answer, or refuses.
    ProviderFailed,
    /// An agent took over before the answer was complete.
    HumanTookOver,
    /// A newer message of the visitor is answered instead.
    Superseded,
    /// The conversation was closed before the answer was complete.
    ConversationClosed,
    /// The question was deleted before it was answered.
    QuestionDeleted,
    /// The assistant was switched off or deleted.
    AssistantDisabled,
    /// It was stopped before anything had been written.
    Stopped,
    /// Nothing that was found answers the question: only for drafts, where nobody has to be told so.
    NothingFound,
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

/// Why an assistant may not speak in a conversation, if it may not.
pub(super) fn silenced(conversation: &conversation::Model) -> Option<FailureReason> {
    if conversations::assistant_speaks(conversation) {
        None
    } else if conversation.attention == Attention::Closed {
        Some(FailureReason::ConversationClosed)
    } else {
        Some(FailureReason::HumanTookOver)
    }
}

/// The question: what the visitor said since anybody answered, as one text. Several short messages are one turn.
pub(super) fn question(history: &[message::Model]) -> String {
    let said: Vec<&str> = history::turn(history).iter().map(|message| message.body.as_str()).collect();
    said.join("\n")
}

/// What a question is compared by: corrected capitals, accents, spaces and full stops make it no other one.
pub(super) fn question_hash(question: &str) -> Vec<u8> {
    let folded = fold(question);
    let words = folded.split_whitespace().map(|word| word.trim_end_matches(['.', ',', '!', '?', '\u{2026}']));
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).map(str::as_bytes).collect();
    secret::hash(&words)
}

/// True when a question was made another one since its answer was begun.
pub(super) fn is_another(run: &run::Model, question: &str) -> bool {
    run.question_hash.as_ref().is_some_and(|known| *known != question_hash(question))
}

/// The conversation as a model is told it: what is asked now, and the newest turns before it that fit; neighbours of one
/// side joined.
pub(super) fn turns(history: &[message::Model]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let asked = history::turn(history).len();
    let mut said = 0;
    for (at, message) in history.iter().rev().enumerate() {
        let length = message.body.chars().count();
        let most = if at < asked { TURN_CHARACTERS } else { HISTORY_CHARACTERS };
        if said + length > most && !turns.is_empty() {
            break;
        }
        said += length;
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

/// Cuts a text into the pieces in which it is streamed: words with the space after them.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// The numbers of the sources that a cleaned text cites as `[n]`, in order and once each.
pub(super) fn cited(text: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for part in text.split('[').skip(1) {
        if let Some((inside, _)) = part.split_once(']')
            && let Ok(number) = inside.parse()
            && !found.contains(&number)
        {
            found.push(number);
        }
    }
    found
}

/// A text without its marks of sources, which mean something beside a list of them only.
pub(super) fn without_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        match after.split_once(']') {
            Some((number, after)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                // The space before a mark goes with it, unless something follows.
                let kept = if after.starts_with(char::is_alphanumeric) { before } else { before.trim_end_matches(' ') };
                plain.push_str(kept);
                rest = after;
            }
            Some(_) | None => {
                plain.push_str(before);
                plain.push('[');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain.trim().to_owned()
}

/// The message that a draft replies to: the visitor's newest, but not the mere wish for a person.
pub(super) fn to_reply_to(history: &[message::Model]) -> Option<i64> {
    let mut said = history.iter().rev().filter(|message| message.author_kind == AuthorKind::Visitor).peekable();
    let newest = said.peek().map(|message| message.seq);
    let question = said.find(|message| !turn::is_wish(&message.body));
    question.map(|message| message.seq).or(newest)
}

/// The question before this one, when this one is too short to stand alone ("and abroad?").
pub(super) fn earlier(history: &[message::Model], question: &str) -> Option<String> {
    if understanding::goes_on(question) { asked_before(history) } else { None }
}

/// What the visitor asked before this turn.
pub(super) fn asked_before(history: &[message::Model]) -> Option<String> {
    let mut before = history.iter().rev().skip_while(|message| message.author_kind == AuthorKind::Visitor);
    let asked = before.find(|message| message.author_kind == AuthorKind::Visitor && !turn::is_small(&message.body))?;
    Some(asked.body.clone())
}

/// True when what is about to be quoted is what the last answer quoted.
pub(super) fn is_repeated(history: &[message::Model], quotes: &[&str]) -> bool {
    let known = turn::last_said_back(history).and_then(|last| last.citations.as_ref()?.as_array().cloned());
    let known: Vec<_> = known.into_iter().flatten().filter_map(|it| it["quote"].as_str().map(str::to_owned)).collect();
    !quotes.is_empty() && quotes.iter().all(|quote| known.iter().any(|known| known == quote))
}

/// How long a message waits for the next one: not at all when it looks complete, because it asks or is long.
pub(super) fn patience(text: &str, debounce: TimeDelta) -> TimeDelta {
    let text = text.trim_end();
    let complete = text.ends_with(['?', '!', '…']) || text.contains('?') || text.chars().count() >= COMPLETE_CHARACTERS;
    if complete { TimeDelta::zero() } else { debounce }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_counts_once() {
        assert_eq!(cited("Yes [2]. See [1], [2] and [9]; not [x] or ["), vec![2, 1, 9]);
    }

    #[test]
    fn marks_of_sources_go_and_other_brackets_stay() {
        assert_eq!(
            without_marks("Within 14 days [1]. Free [2][3], see [x] or [the page](u)."),
            "Within 14 days. Free, see [x] or [the page](u)."
        );
        assert_eq!(without_marks("open [ and [12"), "open [ and [12");
    }

    #[test]
    fn what_looks_complete_does_not_wait() {
        let debounce = TimeDelta::milliseconds(800);
        for text in ["İade süresi kaç gün?", "Kaç gün? teşekkürler", &"uzun ".repeat(20)] {
            assert_eq!(patience(text, debounce), TimeDelta::zero(), "{text}");
        }
        for text in ["Merhaba", "bir sorum var.", ""] {
            assert_eq!(patience(text, debounce), debounce, "{text}");
        }
    }

    #[test]
    fn a_corrected_typing_error_makes_no_other_question() {
        let asks = |text: &str| question_hash(text);
        assert_eq!(asks("İade süresi  kaç gün?"), asks("iade suresi kaç gün ??"));
        assert_ne!(asks("İade süresi kaç gün?"), asks("Kargo süresi kaç gün?"));
        assert_ne!(asks("C destekliyor mu"), asks("C++ destekliyor mu"));
        assert_ne!(asks("ab c"), asks("a bc"));
    }

    #[test]
    fn pieces_put_together_are_the_text() {
        let text = "İade 14 gün.\n\nKargo  ücretsiz.";
        assert_eq!(pieces(text).collect::<String>(), text);
    }
}
