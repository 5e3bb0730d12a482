//! The rules: phrases and patterns of `rules/*.txt`, read once.
//!
//! A line is `name: pattern, pattern …`; a line `@class: word, word …` names words for patterns. In a pattern `word*` takes
//! any ending, `@class` one phrase of the class, `..` up to three further words, `^` the beginning and `$` the end of the
//! message, and a `?` behind an element says that it may be missing. Lines may go on, indented; `#` begins a comment. The
//! class `@glued` names words that people write together with the word before (`allesklar`, `botmusun`), the class `@slight`
//! words that may stand within any phrase (`brauch ich grad nicht`).

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::{
    Language,
    words::{is_exchanged, is_typo_of, squeeze},
};

const FILES: [(Option<Language>, &str); 4] = [
    (None, include_str!("../rules/any.txt")),
    (Some(Language::Turkish), include_str!("../rules/tr.txt")),
    (Some(Language::English), include_str!("../rules/en.txt")),
    (Some(Language::German), include_str!("../rules/de.txt")),
];
/// Shorter words are not compared with a typing error allowed: too many are one letter apart.
const TYPO_FROM: usize = 6;
/// Shorter words are not looked at for two letters exchanged.
const EXCHANGED_FROM: usize = 5;
/// The shortest word that is looked for without its vowels.
const SKELETON: usize = 3;
/// The shortest word to which another is glued.
const GLUED_TO: usize = 3;

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
    /// Nothing more is wanted: no, unless more is said.
    Enough,
    Goodbye,
    Robot,
    /// A person by name: `temsilci`.
    Somebody,
    /// The wish to be connected, which needs no name.
    Connect,
    /// Says nothing by itself.
    Filler,
    /// A picture that no rule knows; there are no lines of it.
    Picture,
    /// Asks for a robot or person wherever it stands.
    RobotSpot,
    PersonSpot,
    /// Turns a spot into a question.
    Against,
    /// Refuses a person, whatever is asked beside it.
    Refusal,
    /// Something is wrong or was not understood: a question, whatever it is made of.
    Trouble,
    /// An answer was of no use: `wrong answer`.
    Unhelped,
    /// An answer was not understood: `what do you mean`.
    Unclear,
    /// Says nothing by itself beside those two.
    Beside,
    /// What may be asked of anything: what it costs, when it is open.
    Attribute,
    /// Names whoever is asked, or a day, and so no other thing.
    Own,
    /// A thing that has another name in each article: shipping, admission.
    Matter,
    /// Asks something.
    Asks,
    /// Begins what goes on with the question before.
    FollowUp,
    /// Asks for a number.
    Amount,
    /// Takes up an offer, without saying yes.
    Consent,
    /// Leads to a question: `can you tell me`.
    Lead,
    /// Begins a clause that needs another.
    Depends,
    /// Says of whom is told, where that is not the visitor.
    Others,
    /// Makes a wish of a name.
    Please,
    /// Parts at the end of a conversation, and greets at its beginning.
    Open,
    /// At home in one language, used in all.
    Borrowed,
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
            "enough" => Self::Enough,
            "goodbye" => Self::Goodbye,
            "robot" => Self::Robot,
            "somebody" => Self::Somebody,
            "connect" => Self::Connect,
            "filler" => Self::Filler,
            "robot-spot" => Self::RobotSpot,
            "person-spot" => Self::PersonSpot,
            "against" => Self::Against,
            "refusal" => Self::Refusal,
            "trouble" => Self::Trouble,
            "unhelped" => Self::Unhelped,
            "unclear" => Self::Unclear,
            "beside" => Self::Beside,
            "attribute" => Self::Attribute,
            "own" => Self::Own,
            "matter" => Self::Matter,
            "asks" => Self::Asks,
            "follow-up" => Self::FollowUp,
            "amount" => Self::Amount,
            "consent" => Self::Consent,
            "lead" => Self::Lead,
            "depends" => Self::Depends,
            "others" => Self::Others,
            "please" => Self::Please,
            "open" => Self::Open,
            "borrowed" => Self::Borrowed,
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
                | Self::Refusal
                | Self::Trouble
                | Self::Unhelped
                | Self::Unclear
                | Self::Beside
                | Self::Attribute
                | Self::Own
                | Self::Matter
                | Self::Asks
                | Self::Consent
                | Self::FollowUp
                | Self::Amount
                | Self::Lead
                | Self::Depends
                | Self::Others
                | Self::Please
                | Self::Open
                | Self::Borrowed
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

#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) patterns: Vec<Pattern>,
    classes: HashMap<String, Vec<Vec<(Element, bool)>>>,
    /// Whole words of the rules, with which typing errors are compared, and the languages that have them.
    vocabulary: HashMap<String, Vec<Option<Language>>>,
    /// Words that are written together with the one before.
    glued: Vec<(String, Option<Language>)>,
    /// Words that may stand within any phrase.
    slight: HashSet<String>,
    /// Words without their vowels, as people write them in haste: `tskrlr`.
    skeletons: HashMap<String, String>,
    /// The patterns that may begin with a word, by their places.
    beginning: HashMap<String, Vec<usize>>,
    /// Those that may begin with any.
    beginning_with_any: Vec<usize>,
}

static RULES: LazyLock<Rules> = LazyLock::new(Rules::read);
/// Words that a gap holds at most.
const GAP: usize = 3;

impl Rules {
    pub(crate) fn get() -> &'static Self {
        &RULES
    }

    fn read() -> Self {
        let mut rules = Self::default();
        for (language, file) in FILES {
            for (name, patterns) in lines(file) {
                for elements in patterns.split(',').map(elements).filter(|elements| !elements.is_empty()) {
                    for (element, _) in &elements {
                        if let Element::Word(word) = element {
                            rules.vocabulary.entry(word.clone()).or_default().push(language);
                            match name.as_str() {
                                "@glued" => rules.glued.push((word.clone(), language)),
                                "@slight" => _ = rules.slight.insert(word.clone()),
                                _ => {}
                            }
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
        rules.index();
        for word in rules.vocabulary.keys() {
            let skeleton = skeleton(word);
            let shortest = rules.skeletons.entry(skeleton).or_insert_with(|| word.clone());
            // The same word each time, whatever the order of the vocabulary.
            if (word.len(), word) < (shortest.len(), shortest) {
                shortest.clone_from(word);
            }
        }
        rules
    }

    /// Notes with which words each pattern may begin.
    fn index(&mut self) {
        for nth in 0..self.patterns.len() {
            let mut words = HashSet::new();
            if self.first_words(&self.patterns[nth].elements, &mut words) {
                self.beginning_with_any.push(nth);
            } else {
                words.into_iter().for_each(|word| self.beginning.entry(word).or_default().push(nth));
            }
        }
    }

    /// Collects the words with which elements may begin; true when that may be any word, or none.
    fn first_words(&self, elements: &[(Element, bool)], words: &mut HashSet<String>) -> bool {
        for (element, is_optional) in elements {
            match element {
                Element::Start => continue,
                Element::Word(word) => _ = words.insert(word.clone()),
                Element::Class(name) => {
                    let mut any = false;
                    for phrase in self.classes.get(name).into_iter().flatten() {
                        any |= self.first_words(phrase, words);
                    }
                    if any {
                        return true;
                    }
                }
                Element::Beginning(_) | Element::Gap | Element::End => return true,
            }
            if !is_optional {
                return false;
            }
        }
        true
    }

    /// The patterns that may begin with a word, in their order, with their places.
    pub(crate) fn beginning(&self, word: &str) -> impl Iterator<Item = (usize, &Pattern)> {
        let mut places = self.beginning.get(word).cloned().unwrap_or_default();
        places.extend(&self.beginning_with_any);
        places.sort_unstable();
        places.into_iter().map(|nth| (nth, &self.patterns[nth]))
    }

    /// Words as the rules have them: mended, and those apart that were written together.
    pub(crate) fn spelled(&self, words: &[String]) -> Vec<String> {
        let mut spelled = Vec::with_capacity(words.len());
        for word in words {
            match self.unglued(word) {
                Some((first, second)) => spelled.extend([first.to_owned(), second.to_owned()]),
                None => spelled.push(self.mended(word).to_owned()),
            }
        }
        spelled
    }

    /// Words without those of the class `@slight`, which may stand within any phrase.
    pub(crate) fn without_slight(&self, words: &[String]) -> Vec<String> {
        words.iter().filter(|word| !self.slight.contains(*word)).cloned().collect()
    }

    /// True for a word of the rules, also in haste or with a typing error.
    pub(crate) fn knows(&self, word: &str) -> bool {
        self.vocabulary.contains_key(self.mended(word))
    }

    /// True for a word that tells no language.
    pub(crate) fn is_shared(&self, word: &str) -> bool {
        self.vocabulary.get(word).is_some_and(|languages| languages.contains(&None))
    }

    /// The two words that an unknown one consists of.
    fn unglued<'a>(&self, word: &'a str) -> Option<(&'a str, &'a str)> {
        if self.vocabulary.contains_key(word) {
            return None;
        }
        self.glued.iter().find_map(|(second, language)| {
            let first = word.strip_suffix(second.as_str()).filter(|first| first.chars().count() >= GLUED_TO)?;
            let of = self.vocabulary.get(first)?;
            of.contains(language).then(|| word.split_at(first.len()))
        })
    }

    /// The word that one with a typing error was meant to be, or itself.
    fn mended<'a>(&'a self, word: &'a str) -> &'a str {
        let length = word.chars().count();
        if self.vocabulary.contains_key(word) {
            return word;
        }
        if length >= SKELETON && skeleton(word) == word {
            return self.skeletons.get(word).map_or(word, String::as_str);
        }
        if length < EXCHANGED_FROM {
            return word;
        }
        let fits = |known: &&String| {
            known.chars().next() == word.chars().next()
                && (is_exchanged(word, known)
                    || length >= TYPO_FROM && known.chars().count() >= TYPO_FROM && is_typo_of(word, known))
        };
        self.vocabulary.keys().filter(fits).min().map_or(word, String::as_str)
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

/// A word without its vowels but the first letter.
fn skeleton(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next();
    squeeze(&first.into_iter().chain(letters.filter(|c| !"aeiou".contains(*c))).collect::<String>())
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
        for (typed, meant) in [("tesekurlr", "tesekurler"), ("dnake", "danke"), ("salam", "salam"), ("kargo", "kargo")]
        {
            assert_eq!(rules.mended(typed), meant);
        }
    }

    #[test]
    fn words_written_together_are_told_apart() {
        let rules = Rules::get();
        assert_eq!(rules.spelled(&["alesklar".to_owned()]), ["ales", "klar"]);
        assert_eq!(rules.spelled(&["guthaben".to_owned()]), ["guthaben"]);
    }
}
