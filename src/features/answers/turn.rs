//! What a visitor's turn means in the light of what was said before, and in what language it is answered.

use ::entity::message::{self, AnswerAction, AuthorKind};
use understanding::{Complaint, Kind, understand};

use crate::features::knowledge::language::{self, Language};

/// What a turn calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An answer.
    Question,
    /// A person.
    Person,
    /// To be told who writes.
    Robot,
    /// To be told who writes, and an answer.
    RobotAndQuestion,
    /// Another answer, or the same one in other words.
    Complaint(Complaint),
    /// To be asked what it is about: a complaint with which a conversation begins.
    Unknown,
    /// A few words back.
    SmallTalk(SmallTalk),
}

/// What is said besides questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SmallTalk {
    Greeting,
    Thanks,
    Acknowledgement,
    /// Yes, where nothing was offered.
    Yes,
    /// No to an offer, or to anything else.
    No {
        /// A person was offered.
        to_offer: bool,
    },
    Goodbye,
}

/// What a turn means after what was said before it.
pub(super) fn meaning(text: &str, history: &[message::Model]) -> Meaning {
    let understood = understand(text);
    let offered = person_offered(history);
    let has_begun = last_said_back(history).is_some();
    if let Some(complaint) = understanding::complaint(text)
        && !understanding::asks_for_a_person(text)
    {
        return if has_begun { Meaning::Complaint(complaint) } else { Meaning::Unknown };
    }
    let small_talk = match understood.kind {
        Kind::Question if understanding::asks_for_a_person(text) => return Meaning::Person,
        Kind::Question | Kind::Robot if !understanding::beside_who_writes(text).is_empty() => {
            return Meaning::RobotAndQuestion;
        }
        Kind::Question => return Meaning::Question,
        Kind::Person => return Meaning::Person,
        Kind::Robot => return Meaning::Robot,
        Kind::Yes if offered => return Meaning::Person,
        Kind::Acknowledgement if offered && understood.consents => return Meaning::Person,
        Kind::Yes => SmallTalk::Yes,
        Kind::No => SmallTalk::No { to_offer: offered },
        // "Good day" and a smile, at the end of something.
        Kind::Greeting if understood.is_open && has_begun => {
            if text.chars().any(char::is_alphabetic) {
                SmallTalk::Goodbye
            } else {
                SmallTalk::Acknowledgement
            }
        }
        Kind::Goodbye if understood.is_open && !has_begun => SmallTalk::Greeting,
        Kind::Greeting => SmallTalk::Greeting,
        Kind::Thanks => SmallTalk::Thanks,
        Kind::Acknowledgement => SmallTalk::Acknowledgement,
        Kind::Goodbye => SmallTalk::Goodbye,
    };
    Meaning::SmallTalk(small_talk)
}

/// True for words that ask for a person or agree to one, by themselves.
pub(super) fn is_wish(text: &str) -> bool {
    matches!(understand(text).kind, Kind::Person | Kind::Yes)
}

/// True for words that need no answer from articles.
pub(super) fn is_small(text: &str) -> bool {
    understand(text).kind != Kind::Question && understanding::beside_who_writes(text).is_empty()
        || understanding::is_nonsense(text)
        || understanding::complaint(text).is_some()
}

/// What was last said to the visitor.
pub(super) fn last_said_back(history: &[message::Model]) -> Option<&message::Model> {
    history.iter().rev().find(|message| message.author_kind != AuthorKind::Visitor)
}

/// True when the last words to the visitor offered a person: with an abstention, titles that may be meant, or that an
/// assistant writes. An answer that was cut short did not come to it, and a model that asks back offers nothing.
fn person_offered(history: &[message::Model]) -> bool {
    let Some(last) = last_said_back(history).filter(|last| !last.interrupted) else { return false };
    match last.action {
        Some(AnswerAction::Abstain) => true,
        Some(AnswerAction::Clarify) => {
            let has_titles = last.citations.as_ref().and_then(|all| all.as_array()).is_some_and(|all| !all.is_empty());
            let mut before = history.iter().rev().filter(|message| message.seq < last.seq);
            let asked = before.find(|message| message.author_kind == AuthorKind::Visitor);
            let is_offered = |said: &str| {
                understand(said).kind == Kind::Robot || understanding::complaint(said) == Some(Complaint::Unclear)
            };
            has_titles || asked.is_some_and(|asked| is_offered(&asked.body))
        }
        Some(AnswerAction::Answer | AnswerAction::Handoff) | None => false,
    }
}

/// The language of a turn: that of its words, else of the conversation, else the visitor's, else the assistant's, else
/// English.
pub(super) fn language(text: &str, history: &[message::Model], locale: Option<&str>, assistant: &str) -> Language {
    let said = understand(text).languages;
    let may_be = |language: &Language| said.contains(*language);
    if let Some(language) = language::detect(text).filter(may_be) {
        return language;
    }
    let of_conversation = history
        .iter()
        .rev()
        .filter(|message| message.author_kind == AuthorKind::Visitor)
        .find_map(|message| language::detect(&message.body).or_else(|| only(&message.body)));
    if let Some(language) = of_conversation.filter(|_| understand(text).is_borrowed) {
        return language;
    }
    let others = [of_conversation, locale.and_then(Language::of_tag), Language::of_tag(assistant)];
    // "Hi" is English or German, whatever the assistant speaks.
    let fits = others.into_iter().flatten().find(may_be);
    fits.or_else(|| [Language::English, Language::German, Language::Turkish].into_iter().find(may_be))
        .unwrap_or(Language::English)
}

/// The only language in which small talk is said, unless others borrow it.
fn only(text: &str) -> Option<Language> {
    let understood = understand(text);
    understood.languages.only().filter(|_| !understood.is_borrowed)
}

#[cfg(test)]
pub(super) mod tests {
    use ::entity::{
        ids::{ConversationId, MessageId, SiteId},
        message::Audience,
    };
    use uuid::Uuid;

    use super::*;

    /// A message of a conversation, the visitor's where there is no action.
    pub(in crate::features::answers) fn said(seq: i64, body: &str, action: Option<AnswerAction>) -> message::Model {
        message::Model {
            id: MessageId(Uuid::from_u128(seq.unsigned_abs().into())),
            site_id: SiteId(Uuid::nil()),
            conversation_id: ConversationId(Uuid::nil()),
            seq,
            author_kind: if action.is_some() { AuthorKind::Assistant } else { AuthorKind::Visitor },
            author_id: None,
            audience: Audience::Everyone,
            body: body.to_owned(),
            folded: String::new(),
            client_id: None,
            content_hash: None,
            run_id: None,
            citations: None,
            action,
            confidence: None,
            interrupted: false,
            created_at: chrono::DateTime::UNIX_EPOCH,
            edited_at: None,
            deleted_at: None,
        }
    }

    fn after(action: AnswerAction, text: &str) -> Meaning {
        let history = [said(1, "Uzay mekiği?", None), said(2, "…", Some(action)), said(3, text, None)];
        meaning(text, &history)
    }

    #[test]
    fn an_offer_is_taken_up_or_refused() {
        for yes in
            ["Evet", "evet lütfen", "tamam", "ok", "👍", "Yes please!", "ja, gerne", "evet bağlayın", "olur bağlayın"]
        {
            assert_eq!(after(AnswerAction::Abstain, yes), Meaning::Person, "{yes}");
        }
        for no in ["Hayır, tamam", "Nein, ok", "tamam boşver", "hayır", "no thanks", "yok gerek yok"] {
            let declined = Meaning::SmallTalk(SmallTalk::No { to_offer: true });
            assert_eq!(after(AnswerAction::Abstain, no), declined, "{no}");
        }
        for other in ["ok bye", "anladım", "teşekkürler"] {
            assert!(matches!(after(AnswerAction::Abstain, other), Meaning::SmallTalk(_)), "{other}");
        }
        assert_eq!(after(AnswerAction::Answer, "evet"), Meaning::SmallTalk(SmallTalk::Yes));
        assert_eq!(after(AnswerAction::Clarify, "evet"), Meaning::SmallTalk(SmallTalk::Yes));
        assert_eq!(after(AnswerAction::Answer, "tamam"), Meaning::SmallTalk(SmallTalk::Acknowledgement));
        assert_eq!(after(AnswerAction::Clarify, "evet bağlayın"), Meaning::Person);
    }

    #[test]
    fn what_is_said_against_an_answer_is_no_question() {
        for (said, complaint) in [
            ("that didn't help", Complaint::Unhelped),
            ("yanlış cevap", Complaint::Unhelped),
            ("das ist falsch", Complaint::Unhelped),
            ("anlamadım", Complaint::Unclear),
            ("ich verstehe nicht", Complaint::Unclear),
            ("???", Complaint::Unclear),
        ] {
            assert_eq!(after(AnswerAction::Answer, said), Meaning::Complaint(complaint), "{said}");
            assert_eq!(meaning(said, &[super::tests::said(1, said, None)]), Meaning::Unknown, "{said}");
            assert!(is_small(said), "{said}");
        }
        let talk = |action| [said(1, "anlamadım", None), said(2, "…", Some(action)), said(3, "evet", None)];
        assert_eq!(meaning("evet", &talk(AnswerAction::Clarify)), Meaning::Person);
        assert_eq!(meaning("evet", &talk(AnswerAction::Abstain)), Meaning::Person);
        for wish in ["anlamadım, temsilciye bağla", "you don't understand, give me a human"] {
            assert_eq!(after(AnswerAction::Answer, wish), Meaning::Person, "{wish}");
        }
    }

    #[test]
    fn titles_that_may_be_meant_come_with_an_offer_and_so_does_who_writes() {
        let titles =
            message::Model { citations: Some(serde_json::json!([{}])), ..said(2, "…", Some(AnswerAction::Clarify)) };
        assert_eq!(meaning("evet", &[said(1, "kutu", None), titles, said(3, "evet", None)]), Meaning::Person);
        let told = [said(1, "robot musun", None), said(2, "…", Some(AnswerAction::Clarify)), said(3, "evet", None)];
        assert_eq!(meaning("evet", &told), Meaning::Person);
    }

    #[test]
    fn who_writes_may_be_asked_beside_a_question() {
        for both in [
            "Bot musun? Kargo ücreti ne kadar?",
            "Hi are you a bot?? How long is the warranty?",
            "Hi are you a bot? I need to return a cup, how many days?",
            "Bist du ein Roboter? Wie kann ich bezahlen?",
        ] {
            assert_eq!(after(AnswerAction::Answer, both), Meaning::RobotAndQuestion, "{both}");
            assert!(!is_small(both), "{both}");
        }
        assert_eq!(after(AnswerAction::Answer, "robot musun?"), Meaning::Robot);
        assert_eq!(after(AnswerAction::Answer, "Are you a bot? I want a human!"), Meaning::Person);
        assert_eq!(after(AnswerAction::Answer, "makine mi?"), Meaning::Question);
    }

    #[test]
    fn a_good_day_greets_first_and_parts_later() {
        assert_eq!(meaning("iyi günler", &[said(1, "iyi günler", None)]), Meaning::SmallTalk(SmallTalk::Greeting));
        assert_eq!(after(AnswerAction::Answer, "iyi günler"), Meaning::SmallTalk(SmallTalk::Goodbye));
        assert_eq!(meaning("😀", &[said(1, "😀", None)]), Meaning::SmallTalk(SmallTalk::Greeting));
        assert_eq!(after(AnswerAction::Answer, "😀"), Meaning::SmallTalk(SmallTalk::Acknowledgement));
        assert_eq!(meaning("good night", &[said(1, "good night", None)]), Meaning::SmallTalk(SmallTalk::Greeting));
        assert_eq!(after(AnswerAction::Answer, "good night"), Meaning::SmallTalk(SmallTalk::Goodbye));
    }

    #[test]
    fn the_language_is_that_of_the_words_the_conversation_the_locale_or_the_assistant() {
        let first = |text: &str, locale, assistant| language(text, &[said(1, text, None)], locale, assistant);
        assert_eq!(first("Where is my parcel?", Some("de"), "tr"), Language::English);
        assert_eq!(first("Hi", None, "tr"), Language::English);
        assert_eq!(first("Hi", Some("de-AT"), "tr"), Language::German);
        assert_eq!(first("Guten Tag", Some("en"), "tr"), Language::German);
        assert_eq!(first("👍", Some("de"), "tr"), Language::German);
        assert_eq!(first("AB-1234", None, "de"), Language::German);
        assert_eq!(first("AB-1234", Some("fr"), "xx"), Language::English);
        let talk = [said(1, "Wo ist mein Paket?", None), said(2, "…", Some(AnswerAction::Answer)), said(3, "ok", None)];
        assert_eq!(language("ok", &talk, Some("en"), "tr"), Language::German);
        let talk = [said(1, "Guten Tag", None), said(2, "…", Some(AnswerAction::Clarify)), said(3, "bye bye", None)];
        assert_eq!(language("bye bye", &talk, None, "tr"), Language::German);
        assert_eq!(first("bye bye", None, "tr"), Language::English);
        assert_eq!(first("bye", None, "tr"), Language::English);
        assert_eq!(first("merci vielmals", None, "tr"), Language::German);
        assert_eq!(first("Merci", Some("de-CH"), "tr"), Language::German);
    }
}
