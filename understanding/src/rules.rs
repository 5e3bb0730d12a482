//! The rules: phrases and patterns of `rules/*.txt`, read once.
//!
//! A line is `name: pattern, pattern …`; a line `@class: word, word …` names words for patterns. In a pattern `word*` takes
//! any ending, `@class` one phrase of the class, `..` up to three further words, `^` the beginning and `$` the end of the
//! message, and a `?` behind an element says that it may be missing. Lines may go on, indented; `#` begins a comment.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::{
    Language,
    words::{is_typo_of, squeeze},
};

const FILES: [(Option<Language>, &str); 4] = [
    (None, include_str!("../rules/any.txt")),
    (Some(Language::Turkish), include_str!("../rules/tr.txt")),
    (Some(Language::English), include_str!("../rules/en.txt")),
    (Some(Language::German), include_str!("../rules/de.txt")),
];
/// Shorter words are not compared with a typing error allowed: too many are one letter apart.
const TYPO_FROM: usize = 6;

/// What a pattern stands for. All but those from `RobotSpot` on account for words of small talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Greeting,
    /// Greets at the beginning and parts at the end.
    Wish,
    Thanks,
    Acknowledgement,
    Smile,
    Yes,
    No,
    Goodbye,
    Robot,
    /// A person by name: `temsilci`.
    Somebody,
    /// The wish to be connected, which needs no name.
    Connect,
    /// Says nothing by itself.
    Filler,
    /// Asks for a robot or person wherever it stands.
    RobotSpot,
    PersonSpot,
    /// Turns a spot into a question.
    Against,
    /// Asks something.
    Asks,
    /// Begins what goes on with the question before.
    FollowUp,
    /// Asks for a number.
    Amount,
    /// Takes up an offer, without saying yes.
    Consent,
}

impl Role {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "greeting" => Self::Greeting,
            "wish" => Self::Wish,
            "thanks" => Self::Thanks,
            "acknowledgement" => Self::Acknowledgement,
            "smile" => Self::Smile,
            "yes" => Self::Yes,
            "no" => Self::No,
            "goodbye" => Self::Goodbye,
            "robot" => Self::Robot,
            "somebody" => Self::Somebody,
            "connect" => Self::Connect,
            "filler" => Self::Filler,
            "robot-spot" => Self::RobotSpot,
            "person-spot" => Self::PersonSpot,
            "against" => Self::Against,
            "asks" => Self::Asks,
            "follow-up" => Self::FollowUp,
            "amount" => Self::Amount,
            "consent" => Self::Consent,
            _ => return None,
        })
    }

    /// True for what is looked for anywhere in a message.
    pub(crate) fn is_spot(self) -> bool {
        matches!(
            self,
            Self::RobotSpot
                | Self::PersonSpot
                | Self::Against
                | Self::Asks
                | Self::Consent
                | Self::FollowUp
                | Self::Amount
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Word(String),
    Beginning(String),
    Class(String),
    Gap,
    Start,
    End,
}

/// A sequence of words; `true` beside those that may be missing.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    elements: Vec<(Element, bool)>,
    pub(crate) role: Role,
    pub(crate) language: Option<Language>,
}

pub(crate) struct Rules {
    pub(crate) patterns: Vec<Pattern>,
    classes: HashMap<String, Vec<Vec<(Element, bool)>>>,
    /// Whole words of the rules, with which typing errors are compared.
    vocabulary: HashSet<String>,
}

static RULES: LazyLock<Rules> = LazyLock::new(Rules::read);
/// Words that a gap holds at most.
const GAP: usize = 3;

impl Rules {
    pub(crate) fn get() -> &'static Self {
        &RULES
    }

    fn read() -> Self {
        let mut rules = Self { patterns: vec![], classes: HashMap::new(), vocabulary: HashSet::new() };
        for (language, file) in FILES {
            for (name, patterns) in lines(file) {
                for elements in patterns.split(',').map(elements).filter(|elements| !elements.is_empty()) {
                    for (element, _) in &elements {
                        if let Element::Word(word) = element {
                            rules.vocabulary.insert(word.clone());
                        }
                    }
                    match (name.strip_prefix('@'), Role::of(&name)) {
                        (Some(class), _) => rules.classes.entry(class.to_owned()).or_default().push(elements),
                        (None, Some(role)) => rules.patterns.push(Pattern { elements, role, language }),
                        // A test reads the files: no such line is in the program.
                        (None, None) => {}
                    }
                }
            }
        }
        rules
    }

    /// A word as the rules have it: itself, or the one it was meant to be.
    pub(crate) fn spelled<'a>(&'a self, word: &'a str) -> &'a str {
        if self.vocabulary.contains(word) || word.chars().count() < TYPO_FROM {
            return word;
        }
        let fits = |known: &&String| {
            known.chars().count() >= TYPO_FROM && known.chars().next() == word.chars().next() && is_typo_of(word, known)
        };
        self.vocabulary.iter().filter(fits).min().map_or(word, String::as_str)
    }

    /// Where a pattern may end when it begins at a word.
    pub(crate) fn ends(&self, pattern: &Pattern, words: &[&str], at: usize) -> Vec<usize> {
        let mut ends = vec![];
        self.follow(&pattern.elements, words, at, &mut ends);
        ends
    }

    fn follow(&self, elements: &[(Element, bool)], words: &[&str], at: usize, ends: &mut Vec<usize>) {
        let Some(((element, is_optional), rest)) = elements.split_first() else {
            if !ends.contains(&at) {
                ends.push(at);
            }
            return;
        };
        if *is_optional {
            self.follow(rest, words, at, ends);
        }
        let word = words.get(at).copied();
        match element {
            Element::Word(known) if word == Some(known) => self.follow(rest, words, at + 1, ends),
            Element::Beginning(known) if word.is_some_and(|word| word.starts_with(known.as_str())) => {
                self.follow(rest, words, at + 1, ends);
            }
            Element::Class(name) => {
                for phrase in self.classes.get(name).into_iter().flatten() {
                    let mut places = vec![];
                    self.follow(phrase, words, at, &mut places);
                    for place in places {
                        self.follow(rest, words, place, ends);
                    }
                }
            }
            Element::Gap => {
                for place in at..=(at + GAP).min(words.len()) {
                    self.follow(rest, words, place, ends);
                }
            }
            Element::Start if at == 0 => self.follow(rest, words, at, ends),
            Element::End if at == words.len() => self.follow(rest, words, at, ends),
            Element::Word(_) | Element::Beginning(_) | Element::Start | Element::End => {}
        }
    }
}

/// Names and patterns of a file; lines that go on are joined.
fn lines(file: &str) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = vec![];
    for line in file.lines() {
        let line = line.split('#').next().unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (false, Some((name, patterns))) => lines.push((name.trim().to_owned(), patterns.to_owned())),
            _ => {
                if let Some((_, patterns)) = lines.last_mut() {
                    patterns.push(',');
                    patterns.push_str(line);
                }
            }
        }
    }
    lines
}

fn elements(pattern: &str) -> Vec<(Element, bool)> {
    let element = |part: &str| {
        let (part, is_optional) = part.strip_suffix('?').map_or((part, false), |part| (part, true));
        let folded = |word: &str| squeeze(&exact_index::text::fold(word)).replace('\'', "");
        let element = match part {
            ".." => Element::Gap,
            "^" => Element::Start,
            "$" => Element::End,
            _ => match (part.strip_prefix('@'), part.strip_suffix('*')) {
                (Some(class), _) => Element::Class(class.to_owned()),
                (None, Some(beginning)) => Element::Beginning(folded(beginning)),
                (None, None) => Element::Word(folded(part)),
            },
        };
        (element, is_optional)
    };
    pattern.split_whitespace().map(element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_rules_means_something() {
        let rules = Rules::get();
        for (_, file) in FILES {
            for (name, patterns) in lines(file) {
                assert!(name.starts_with('@') || Role::of(&name).is_some(), "{name}");
                for part in patterns.split([',', ' ']).filter_map(|part| part.trim().strip_prefix('@')) {
                    let class = part.trim_end_matches('?');
                    assert!(rules.classes.contains_key(class), "{name}: @{class}");
                }
            }
        }
    }

    #[test]
    fn typing_errors_in_long_words_are_mended() {
        let rules = Rules::get();
        assert_eq!(rules.spelled("tesekurlr"), "tesekurler");
        assert_eq!(rules.spelled("salam"), "salam");
    }
}
