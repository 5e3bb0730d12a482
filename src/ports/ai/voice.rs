//! An answer on its way from a vendor to the reader: only what is meant for the reader passes (see [`Plain`]).
//!
//! Some templates open the thoughts themselves, so that a model's answer begins with thoughts that only their end tells
//! apart. Of a model that was seen to do so, nothing passes before that end. One that is not known yet is listened to for
//! a moment before its first words pass; should they turn out to be thoughts later, they are withdrawn.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    Cause, Finish, ModelError, Piece, Reply, Usage,
    plain::{Plain, Shown},
};

/// How a model is known to begin its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Begins {
    /// It has not answered yet.
    #[default]
    Unknown,
    /// With the answer, or with thoughts that are marked as such.
    Plainly,
    /// With thoughts that only their end tells apart.
    Thinking,
}

/// Names of models that think aloud.
const THINKERS: [&str; 5] = ["think", "reasoner", "magistral", "qwq", "r1"];

impl Begins {
    /// What a model's name tells of it.
    pub(super) fn of_name(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        let thinks = words.any(|word| {
            THINKERS.iter().any(|known| if *known == "r1" { word == "r1" } else { word.starts_with(known) })
        });
        if thinks { Self::Thinking } else { Self::Unknown }
    }
}

/// Words that wait until it is clear what they are.
enum Wait {
    /// Nothing waits.
    No,
    /// Until the thoughts end.
    Thoughts(String),
    /// For a moment, from the first word on.
    Moment(String, Option<Instant>),
}

/// Letters that no answer begins with twice in one breath.
const REPEATED: usize = 8;
/// The same where it was said in one piece.
const SENTENCE: usize = 20;
/// Letters that a longer piece does not begin with by chance, where it is the second one.
const GROWING: usize = 4;

/// What was said so far: some vendors say it again with each piece, or once more at the end.
#[derive(Default)]
struct SoFar {
    text: String,
    /// Its pieces begin with what was said before.
    grows: bool,
    /// The first two pieces, until a third has come.
    first: Vec<String>,
}

/// What is new in a piece.
#[derive(Debug, PartialEq, Eq)]
enum New<'a> {
    More(&'a str),
    /// What was said before does not count: it was the beginning of this, more than once.
    Anew(&'a str),
}

impl SoFar {
    /// What is new in a piece.
    fn new_in<'a>(&mut self, piece: &'a str) -> New<'a> {
        let new = self.repeated(piece).unwrap_or(piece);
        if !self.grows && self.grew(piece) {
            (self.grows, self.text) = (true, piece.to_owned());
            return New::Anew(piece);
        }
        self.text.push_str(new);
        New::More(new)
    }

    /// True for the third of three pieces that each begin with the one before: letters at first, too few to tell.
    fn grew(&mut self, piece: &str) -> bool {
        let grows = |before: &str, after: &str| before.len() < after.len() && after.starts_with(before);
        match self.first.as_slice() {
            _ if piece.trim().is_empty() => return false,
            [one, two] if !two.is_empty() => {
                let grew = grows(one, two) && grows(two, piece) && one.chars().any(char::is_alphabetic);
                // The second one will do no more.
                self.first[1].clear();
                return grew;
            }
            [_, _] => return false,
            _ => {}
        }
        self.first.push(piece.to_owned());
        false
    }

    /// What follows in a piece that repeats what was said before.
    fn repeated<'a>(&mut self, piece: &'a str) -> Option<&'a str> {
        let said = self.text.trim_start();
        let rest = if piece.trim() == said.trim_end() { "" } else { piece.trim_start().strip_prefix(said)? };
        let has_so_many = |least| said.chars().nth(least - 1).is_some();
        let begins_anew = !rest.is_empty() && (has_so_many(GROWING) || rest.starts_with(char::is_whitespace));
        // A word may be said twice at the beginning; a sentence is not.
        let is_whole = has_so_many(if self.first.len() > 1 { REPEATED } else { SENTENCE });
        let repeats = self.grows || is_whole || begins_anew;
        if !repeats || !said.chars().any(char::is_alphabetic) {
            return None;
        }
        self.grows |= !rest.is_empty();
        Some(rest)
    }
}

/// What passes of an answer. At its end `learn` is told how the model begins; `spent` is the guess of what was written
/// without a word for the reader.
pub(super) fn heard(
    mut answer: Reply,
    begins: Begins,
    moment: Duration,
    most: u32,
    learn: impl Fn(Begins) + Send + 'static,
) -> Reply {
    Box::pin(async_stream::stream! {
        let mut plain = if begins == Begins::Plainly { Plain::of_known() } else { Plain::default() };
        let mut so_far = SoFar::default();
        let mut wait = match begins {
            Begins::Plainly => Wait::No,
            Begins::Thinking => Wait::Thoughts(String::new()),
            Begins::Unknown => Wait::Moment(String::new(), None),
        };
        loop {
            let next = match &wait {
                Wait::Moment(_, Some(until)) => timeout_at(*until, answer.next()).await.ok(),
                Wait::Moment(_, None) | Wait::Thoughts(_) | Wait::No => Some(answer.next().await),
            };
            let Some(next) = next else {
                let waited = std::mem::replace(&mut wait, Wait::No).words() + &plain.settle().text;
                if !waited.is_empty() {
                    yield Ok(Piece::Text(waited));
                }
                continue;
            };
            let shown = match &next {
                Some(Ok(Piece::Text(text))) => match so_far.new_in(text) {
                    New::More(new) => plain.push(new),
                    New::Anew(whole) => {
                        plain = Plain::default();
                        Shown { withdrawn: true, text: plain.push(whole).text }
                    }
                },
                Some(Ok(Piece::Withdrawn)) => continue,
                Some(Ok(Piece::Done { .. }) | Err(_)) | None => plain.finish(),
            };
            if shown.withdrawn {
                match std::mem::replace(&mut wait, Wait::No) {
                    Wait::No => yield Ok(Piece::Withdrawn),
                    // Nothing of it had passed.
                    Wait::Thoughts(_) | Wait::Moment(..) => {}
                }
            }
            if let Wait::Moment(_, until) = &mut wait {
                until.get_or_insert(Instant::now() + moment);
            }
            match &mut wait {
                _ if shown.text.is_empty() => {}
                Wait::No => yield Ok(Piece::Text(shown.text)),
                Wait::Thoughts(words) => words.push_str(&shown.text),
                Wait::Moment(words, _) => words.push_str(&shown.text),
            }
            if plain.marks_thoughts() {
                // What is no thought is known from here on.
                let waited = std::mem::replace(&mut wait, Wait::No).words();
                if !waited.is_empty() {
                    yield Ok(Piece::Text(waited));
                }
            }
            let end = match next {
                Some(Ok(Piece::Text(_) | Piece::Withdrawn)) => continue,
                Some(end) => end,
                None => return,
            };
            let unfinished = matches!(end, Err(_) | Ok(Piece::Done { finish: Finish::Length, .. }));
            let has_text = match wait {
                // Thoughts that have no end.
                Wait::Thoughts(_) if unfinished => false,
                Wait::Thoughts(words) | Wait::Moment(words, _) => {
                    if !words.is_empty() {
                        yield Ok(Piece::Text(words));
                    }
                    plain.has_text()
                }
                Wait::No => plain.has_text(),
            };
            if end.is_ok() {
                if plain.closed_alone() {
                    learn(Begins::Thinking);
                } else if has_text && (begins == Begins::Unknown || plain.marks_thoughts()) {
                    learn(Begins::Plainly);
                }
            }
            yield ended(end, has_text, plain.hidden(), most);
            return;
        }
    })
}

impl Wait {
    fn words(self) -> String {
        match self {
            Self::No => String::new(),
            Self::Thoughts(words) | Self::Moment(words, _) => words,
        }
    }
}

/// The end of an answer: one without a word for the reader is none.
fn ended(end: Result<Piece, ModelError>, has_text: bool, hidden: usize, most: u32) -> Result<Piece, ModelError> {
    match end {
        Ok(Piece::Done { finish: Finish::ContentFilter, .. }) if !has_text => {
            Err(ModelError::give_up(Cause::Filtered, "the vendor's filter stopped the answer"))
        }
        Ok(Piece::Done { finish, usage }) if !has_text => {
            let (what, guess) = match finish {
                Finish::Length => ("the limit was used up before the first word", most),
                Finish::Stop | Finish::ContentFilter => ("the answer has no word", tokens(hidden)),
            };
            let (counted, estimated) = match usage {
                Some(usage) => (usage, false),
                None => (Usage { prompt_tokens: 0, completion_tokens: guess }, true),
            };
            Err(ModelError::Wordless { what: what.into(), usage: counted, estimated })
        }
        other => other,
    }
}

/// Tokens of so many characters, as far as one can guess.
fn tokens(characters: usize) -> u32 {
    u32::try_from(characters.div_ceil(3)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::stream;

    use super::*;

    const DONE: Result<Piece, ModelError> = Ok(Piece::Done { finish: Finish::Stop, usage: None });

    async fn all(
        begins: Begins,
        pieces: &[&str],
        end: Result<Piece, ModelError>,
    ) -> (Vec<Result<Piece, ModelError>>, Option<Begins>) {
        let said = pieces.iter().map(|text| Ok(Piece::Text((*text).to_owned()))).collect::<Vec<_>>();
        let learnt = Arc::new(Mutex::new(None));
        let keep = learnt.clone();
        let learn = move |begins| *keep.lock().unwrap() = Some(begins);
        let reply =
            heard(stream::iter(said).chain(stream::iter([end])).boxed(), begins, Duration::from_secs(9), 400, learn);
        let pieces = reply.collect().await;
        let learnt = *learnt.lock().unwrap();
        (pieces, learnt)
    }

    fn text(text: &str) -> Result<Piece, ModelError> {
        Ok(Piece::Text(text.to_owned()))
    }

    #[tokio::test]
    async fn thoughts_that_only_their_end_tells_apart_do_not_pass_and_are_known_from_then_on() {
        let said = ["pl", "an</think>", "İade", " 30"];
        let (pieces, learnt) = all(Begins::Unknown, &said, DONE).await;
        assert_eq!(pieces, [text("İade"), text(" 30"), DONE]);
        assert_eq!(learnt, Some(Begins::Thinking));
        assert_eq!(all(Begins::Thinking, &said, DONE).await.0, [text("İade"), text(" 30"), DONE]);
        assert_eq!(all(Begins::Thinking, &["İade"], DONE).await.0, [text("İade"), DONE], "it need not think");
        let (pieces, _) = all(Begins::Plainly, &said, DONE).await;
        assert_eq!(pieces, [text("pl"), text("an"), Ok(Piece::Withdrawn), text("İade"), text(" 30"), DONE]);
    }

    #[tokio::test]
    async fn after_thoughts_that_are_marked_words_pass_as_they_come() {
        let said = ["<think>plan", "</think>İade", " 30"];
        for begins in [Begins::Thinking, Begins::Unknown] {
            let (pieces, learnt) = all(begins, &said, DONE).await;
            assert_eq!((pieces, learnt), (vec![text("İade"), text(" 30"), DONE], Some(Begins::Plainly)));
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_word_is_none() {
        let length = Ok(Piece::Done { finish: Finish::Length, usage: None });
        for (begins, said) in [(Begins::Unknown, "<think>plan"), (Begins::Thinking, "plan"), (Begins::Plainly, " ")] {
            let (pieces, learnt) = all(begins, &[said], length.clone()).await;
            let usage = Usage { prompt_tokens: 0, completion_tokens: 400 };
            let what = "the limit was used up before the first word".to_owned();
            assert_eq!(pieces.last(), Some(&Err(ModelError::Wordless { what, usage, estimated: true })), "{said}");
            assert_eq!(learnt, None);
        }
        let filtered = Ok(Piece::Done { finish: Finish::ContentFilter, usage: None });
        let (pieces, _) = all(Begins::Plainly, &[], filtered).await;
        assert_eq!(pieces[0].as_ref().map_err(ModelError::cause), Err(Cause::Filtered));
    }

    #[tokio::test]
    async fn a_model_that_is_not_known_is_listened_to_for_a_moment() {
        let endless = stream::iter([text("Mer")]).chain(stream::pending()).boxed();
        let mut reply = heard(endless, Begins::Unknown, Duration::from_millis(20), 400, |_| {});
        assert_eq!(reply.next().await, Some(text("Mer")));
    }

    #[test]
    fn what_is_said_again_is_said_once() {
        for (pieces, expected) in [
            (&["İade", "İade süresi", "İade süresi 30 gün"][..], "İade süresi 30 gün"),
            (&["Bu", "Bu süre", "Bu süre 30", "Bu süre 30", "Bu süre 30 gün"], "Bu süre 30 gün"),
            (&["\n", "\nİade", "\nİade süresi"], "\n\nİade süresi"),
            (&["İade ", "süresi ", "30 gün.", "İade süresi 30 gün."], "İade süresi 30 gün."),
            (&["\n\nİade süresi ", "30 gün.\n", "İade süresi 30 gün."], "\n\nİade süresi 30 gün.\n"),
            (&["<think>pl", "<think>plan</think>", "<think>plan</think>İade"], "<think>plan</think>İade"),
            (&["İ", "İa", "İad", "İade", "İade", "İade s"], "İade s"),
            (&["10", "100", "1000"], "101001000"),
            (&["Ba", "Ba", " ha", " ha"], "BaBa ha ha"),
            (&["Teşekkürler ", "Teşekkürler ", "Teşekkürler "], "Teşekkürler Teşekkürler Teşekkürler "),
            (&["İade süresi 30 gündür.", "İade süresi 30 gündür."], "İade süresi 30 gündür."),
            (&["A", "ARP ", "nedir? ", "ARP "], "AARP nedir? ARP "),
            (&["--------", "--------"], "----------------"),
        ] {
            let (mut so_far, mut said) = (SoFar::default(), String::new());
            for piece in pieces {
                match so_far.new_in(piece) {
                    New::More(new) => said.push_str(new),
                    New::Anew(whole) => whole.clone_into(&mut said),
                }
            }
            assert_eq!(said, expected, "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn what_grows_letter_by_letter_is_begun_anew() {
        let (pieces, _) = all(Begins::Plainly, &["İ", "İa", "İad", "İade"], DONE).await;
        assert_eq!(pieces, [text("İ"), text("İa"), Ok(Piece::Withdrawn), text("İad"), text("e"), DONE]);
        let (pieces, _) = all(Begins::Unknown, &["İ", "İa", "İad", "İade"], DONE).await;
        assert_eq!(pieces, [text("İad"), text("e"), DONE]);
    }

    #[tokio::test]
    async fn what_is_no_answer_counts_as_none() {
        for said in [&["null"][..], &["Error: up", "stream overloaded"], &["{\"name\": \"x\", ", "\"arguments\": {}}"]]
        {
            let (pieces, learnt) = all(Begins::Plainly, said, DONE).await;
            assert_eq!(pieces.len(), 1, "{said:?}");
            assert_eq!(pieces[0].as_ref().map_err(ModelError::cause), Err(Cause::Wordless), "{said:?}");
            assert_eq!(learnt, None);
        }
    }

    #[test]
    fn names_tell_of_thinkers() {
        for (name, begins) in [
            ("deepseek-r1:8b", Begins::Thinking),
            ("Qwen3-30B-A3B-Thinking-2507", Begins::Thinking),
            ("qwq-32b", Begins::Thinking),
            ("gpt-4o", Begins::Unknown),
            ("command-r1x", Begins::Unknown),
        ] {
            assert_eq!(Begins::of_name(name), begins, "{name}");
        }
    }
}
