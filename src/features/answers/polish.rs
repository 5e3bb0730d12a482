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
    restore: Restore,
    cleaner: Cleaner,
}

impl Polish {
    pub(super) fn new(restore: Restore, cleaner: Cleaner) -> Self {
        Self { beginning: Some(String::new()), signal: None, restore, cleaner }
    }

    /// What can be shown of a further piece; may be empty. After a signal nothing is.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.signal.is_some() {
            return String::new();
        }
        let Some(before) = self.beginning.take() else { return self.pass(piece) };
        let all = before + piece;
        if [NO_ANSWER, HANDOFF].iter().any(|signal| signal.starts_with(bare(&all))) {
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
        self.signal = self.signal.or_else(|| signal(&held));
        if self.signal.is_some() {
            return String::new();
        }
        let mut rest = self.pass(held.trim_start());
        let restored = self.restore.finish();
        rest.push_str(&self.cleaner.push(&restored));
        rest.push_str(&self.cleaner.finish());
        rest
    }

    /// What was said so far does not count; the answer begins anew.
    pub(super) fn restart(&mut self) {
        self.beginning = Some(String::new());
        self.signal = None;
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
        let restored = self.restore.push(text);
        self.cleaner.push(&restored)
    }
}

/// A text without what models like to put around a word: spaces, quotation marks, and marks of Markdown.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || "*_`\"'“”«»".contains(c))
}

/// The signal that a text begins with, as a word of its own: models like to add a full stop or an excuse.
fn signal(text: &str) -> Option<Signal> {
    let text = bare(text);
    let begins = |word: &str| {
        text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    if begins(NO_ANSWER) {
        Some(Signal::NoAnswer)
    } else if begins(HANDOFF) {
        Some(Signal::Handoff)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
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
    fn empty_lines_before_the_first_word_are_dropped() {
        assert_eq!(polished(&["\n\n", " ", "Yes,", " 14 days.\n"]), ("Yes, 14 days.\n".to_owned(), None));
        assert_eq!(polished(&[" \n"]), (String::new(), None));
    }

    #[test]
    fn masks_come_back_and_inventions_go() {
        let pieces = ["Yes [1] [2], write to [EMA", "IL_1] or https://evil.example/", "?a=[EMAIL_1] now"];
        assert_eq!(polished(&pieces), ("Yes [1] , write to a@b.example or  now".to_owned(), None));
    }
}
