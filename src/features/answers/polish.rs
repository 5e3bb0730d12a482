//! A model's words on their way to the visitor: signals to the server are caught, personal data is put back, and what no
//! source holds is taken out.

use super::{
    clean::{Cleaner, Removed},
    personal_data::Restore,
};

/// What a model writes when the sources do not hold the answer.
pub(super) const NO_ANSWER: &str = "NO_ANSWER";
/// What a model writes when the visitor wants a person.
pub(super) const HANDOFF: &str = "HANDOFF";

/// What a model said to the server instead of to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// It has no answer.
    NoAnswer,
    /// The visitor wants a person.
    Handoff,
}

/// The way of one answer.
pub(super) struct Polish {
    /// The first words, until it is clear that they are no signal: it must not flash up.
    beginning: Option<String>,
    signal: Option<Signal>,
    ending: Ending,
    restore: Restore,
    cleaner: Cleaner,
}

impl Polish {
    pub(super) fn new(restore: Restore, cleaner: Cleaner) -> Self {
        Self { beginning: Some(String::new()), signal: None, ending: Ending::default(), restore, cleaner }
    }

    /// What can be shown of a further piece; may be empty. After a signal nothing is.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.signal.is_some() {
            return String::new();
        }
        let Some(before) = self.beginning.take() else { return self.pass(piece) };
        let all = before + piece;
        if may_be_signal(&all) {
            self.beginning = Some(all);
            return String::new();
        }
        self.signal = signal(&all);
        // Some models begin with empty lines.
        if self.signal.is_some() { String::new() } else { self.pass(all.trim_start()) }
    }

    /// The rest, when nothing follows.
    pub(super) fn finish(&mut self) -> String {
        let held = self.beginning.take().unwrap_or_default();
        self.signal = self.signal.or_else(|| signal(&held)).or_else(|| alone(&held));
        if self.signal.is_some() {
            return String::new();
        }
        let mut rest = self.pass(held.trim_start());
        let ending = self.ending.rest();
        rest.push_str(&self.pass_on(&ending));
        let restored = self.restore.finish();
        rest.push_str(&self.cleaner.push(&restored));
        rest.push_str(&self.cleaner.finish());
        rest
    }

    /// What was said so far does not count; the answer begins anew.
    pub(super) fn restart(&mut self) {
        self.beginning = Some(String::new());
        self.signal = None;
        self.ending = Ending::default();
        self.restore.finish();
        self.cleaner.restart();
    }

    /// What the model said to the server, once that is known.
    pub(super) fn signal(&self) -> Option<Signal> {
        self.signal
    }

    /// What was taken out so far.
    pub(super) fn removed(&self) -> Removed {
        self.cleaner.removed()
    }

    fn pass(&mut self, text: &str) -> String {
        let passed = self.ending.push(text);
        self.pass_on(&passed)
    }

    fn pass_on(&mut self, text: &str) -> String {
        let restored = self.restore.push(text);
        self.cleaner.push(&restored)
    }
}

/// The last word of an answer, while it may be a signal: behind an answer it says nothing, and is dropped.
#[derive(Default)]
struct Ending {
    held: String,
    /// The last letter that was passed on.
    last: Option<char>,
}

impl Ending {
    /// What can be passed on after a further piece.
    fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let written = self.held.trim_end();
        // Two words make one signal.
        let last = last_word(written);
        let before = written[..last].trim_end_matches(' ');
        let begin = if bare(&before[last_word(before)..]) == "NO" { last_word(before) } else { last };
        let is_open = written.len() == self.held.trim_end_matches(' ').len();
        let word = as_signal(&written[begin..]);
        let is_word = begin > 0 || self.last.is_none_or(char::is_whitespace);
        let may_be = is_word
            && begin < written.len()
            && SIGNALS.iter().any(|signal| *signal == word || is_open && signal.starts_with(&word));
        let held = self.held.split_off(if may_be { begin } else { self.held.len() });
        let passed = std::mem::replace(&mut self.held, held);
        self.last = passed.chars().next_back().or(self.last);
        passed
    }

    /// The rest, when nothing follows.
    fn rest(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        let word = as_signal(&held);
        // Within a line, what may be words of an answer is none.
        let is_signal = SIGNALS.contains(&word.as_str())
            && (self.last.is_none_or(|last| last == '\n') || bare(&held).contains('_'));
        if is_signal { String::new() } else { held }
    }
}

/// Where the last word of a text begins.
fn last_word(text: &str) -> usize {
    text.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8())
}

const SIGNALS: [&str; 2] = [NO_ANSWER, HANDOFF];

/// A text as signals are written: models escape them for Markdown, take the bar for a space, and end them like a sentence.
fn as_signal(text: &str) -> String {
    let text = bare(text).trim_end_matches(['.', '!', '\\']);
    bare(text).replace('\\', "").replace([' ', '-'], "_")
}

/// True for the beginning of a signal, however it is written.
fn may_be_signal(text: &str) -> bool {
    let begun = as_signal(text).to_ascii_uppercase();
    let may_grow = SIGNALS.iter().any(|signal| signal.starts_with(&begun)) && signal(text).is_none();
    may_grow || SIGNALS.iter().any(|signal| bare(text).replace('\\', "").eq_ignore_ascii_case(signal))
}

/// The signal that a text is as a whole, however it is written.
fn alone(text: &str) -> Option<Signal> {
    match as_signal(text).to_ascii_uppercase().as_str() {
        NO_ANSWER => Some(Signal::NoAnswer),
        HANDOFF => Some(Signal::Handoff),
        _ => None,
    }
}

/// A text without what models like to put around a word: spaces, quotation marks, and marks of Markdown.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || "*_`\"'“”«»".contains(c))
}

/// The signal that a text begins with, as a word of its own: models like to add a full stop or an excuse.
fn signal(text: &str) -> Option<Signal> {
    let text = bare(text).replace('\\', "");
    let ends_word = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let begins = |word: &str| text.strip_prefix(word).is_some_and(ends_word);
    let begins_with_bar = text
        .split_at_checked(NO_ANSWER.len())
        .is_some_and(|(word, rest)| word.eq_ignore_ascii_case(NO_ANSWER) && ends_word(rest));
    if begins_with_bar {
        Some(Signal::NoAnswer)
    } else if begins(HANDOFF) {
        Some(Signal::Handoff)
    } else {
        None
    }
}

/// True for a text that says, as a whole or to begin with, that the sources do not hold the answer.
pub(super) fn is_no_answer(text: &str) -> bool {
    signal(text).or_else(|| alone(text)) == Some(Signal::NoAnswer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::personal_data::Masks, *};

    fn polished(pieces: &[&str]) -> (String, Option<Signal>) {
        let mut masks = Masks::new(None);
        masks.mask("a@b.example");
        let mut polish = Polish::new(masks.restore(), Cleaner::new(1, []));
        let mut text: String = pieces.iter().map(|piece| polish.push(piece)).collect();
        text.push_str(&polish.finish());
        (text, polish.signal())
    }

    #[test]
    fn signals_are_caught_whole_or_in_pieces() {
        for pieces in [&["NO_ANSWER"][..], &[" NO", "_ANS", "WER"], &["NO_ANSWER."], &["NO_ANSWER", " sorry"]] {
            assert_eq!(polished(pieces), (String::new(), Some(Signal::NoAnswer)), "{pieces:?}");
        }
        for pieces in [&["**NO_ANSWER**"][..], &["`", "NO_", "ANSWER`"], &["\"NO_ANSWER\"."]] {
            assert_eq!(polished(pieces), (String::new(), Some(Signal::NoAnswer)), "{pieces:?}");
        }
        assert_eq!(polished(&["HAND", "OFF\n"]), (String::new(), Some(Signal::Handoff)));
        assert_eq!(polished(&["NO", " problem"]), ("NO problem".to_owned(), None));
        assert_eq!(polished(&["HANDOFFS are"]), ("HANDOFFS are".to_owned(), None));
    }

    #[test]
    fn signals_may_be_written_otherwise_where_they_are_alone() {
        for (text, signal) in [
            ("NO ANSWER", Signal::NoAnswer),
            ("NO\\_ANSWER", Signal::NoAnswer),
            ("**NO\\_ANSWER**.", Signal::NoAnswer),
            ("no_answer.", Signal::NoAnswer),
            ("No_answer. Sorry!", Signal::NoAnswer),
            ("NO\\_ANSWER sorry", Signal::NoAnswer),
            ("No answer.\n", Signal::NoAnswer),
            ("handoff", Signal::Handoff),
            ("Handoff.", Signal::Handoff),
        ] {
            assert_eq!(polished(&[text]), (String::new(), Some(signal)), "{text}");
            assert_eq!(polished(&letters(text)), (String::new(), Some(signal)), "{text} in pieces");
        }
        for text in ["No answer was found.", "Handoff means that a person takes over.", "No.", "NO", "no_answers are"] {
            assert_eq!(polished(&[text]), (text.to_owned(), None));
            assert_eq!(polished(&letters(text)), (text.to_owned(), None), "in pieces");
        }
    }

    #[test]
    fn signals_behind_an_answer_are_dropped() {
        for text in [
            "Yes [1].\n\nNO_ANSWER",
            "Yes [1]. NO_ANSWER",
            "Yes [1].\n**NO_ANSWER**.\n",
            "Yes [1].\nNO\\_ANSWER",
            "Yes [1].\nNO ANSWER",
            "Yes [1].\n\n**NO ANSWER**",
            "Yes [1].\n\n`HANDOFF`\n",
            "Yes [1].\n\nHANDOFF",
        ] {
            for (shown, signal) in [polished(&[text]), polished(&letters(text))] {
                assert_eq!((shown.trim_end(), signal), ("Yes [1].", None), "{text}");
            }
        }
        for text in [
            "It is called HANDOFF",
            "It ends as NO ANSWER.",
            "PIANO\\nANSWER",
            "**PIANO ANSWER",
            "Yes, NO_ANSWERS stay",
            "Say NO",
            "N",
            "A NO\n\nH",
            "We do HAND OFF",
        ] {
            assert_eq!(polished(&[text]), (text.to_owned(), None));
            assert_eq!(polished(&letters(text)), (text.to_owned(), None), "in pieces");
        }
    }

    fn letters(text: &'static str) -> Vec<&'static str> {
        text.split_inclusive(|_: char| true).collect()
    }

    #[test]
    fn empty_lines_before_the_first_word_are_dropped() {
        assert_eq!(polished(&["\n\n", " ", "Yes,", " 14 days.\n"]), ("Yes, 14 days.\n".to_owned(), None));
        assert_eq!(polished(&[" \n"]), (String::new(), None));
    }

    #[test]
    fn masks_come_back_and_inventions_go() {
        let pieces = ["Yes [1] [2], write to [EMA", "IL_1] or https://evil.example/", "?a=[EMAIL_1] now"];
        assert_eq!(polished(&pieces), ("Yes [1] , write to a@b.example or  now".to_owned(), None));
    }

    proptest! {
        /// However a text is cut into pieces, the same is shown.
        #[test]
        fn pieces_do_not_matter(
            parts in prop::collection::vec(prop::sample::select(vec![
                "NO_ANSWER", "HANDOFF", "NO", "ANSWER", "_", " ", "\n", "**", ".", "Evet", "no", "N", "H", "\\", "ğ",
            ]), 0..8),
        ) {
            let text = parts.concat();
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            prop_assert_eq!(polished(&letters), polished(&[&text]));
        }
    }
}
