//! What a visitor's message is: a greeting, thanks, an acknowledgement, yes, no, a goodbye, the question whether a robot
//! writes, the wish for a person, or a question. In Turkish, English and German.
//!
//! ```
//! use understanding::{Kind, understand};
//!
//! assert_eq!(understand("ok teşekkürler 👍").kind, Kind::Thanks);
//! assert_eq!(understand("Hayır, tamam").kind, Kind::No);
//! assert_eq!(understand("Teşekkürler, peki kargo ücreti ne kadar?").kind, Kind::Question);
//! ```
//!
//! A question is the default: taking small talk for a question costs a needless search, taking a question for small talk
//! costs somebody an answer. A message is therefore anything else only when *all* its words are accounted for by phrases
//! of `rules/`, or when a pattern for a robot or a person is found that other words do not turn into a question.
//!
//! Words are compared folded (lower case, no accents), with repeated letters counted once (`thanksss`), long ones with one
//! typing error, and apart where they were written together (`allesklar`). The pure functions here never fail and read nothing: the rules are part of the program.
//!
//! Reading order: `words` (a text's words and emoji) → `rules` (the files) → `parse` (phrases over words) → here;
//! `names` and `nonsense` stand for themselves.

mod names;
mod nonsense;
mod parse;
mod rules;
mod words;

use rules::{Role, Rules};

/// A language of this product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Turkish.
    Turkish,
    /// English.
    English,
    /// German.
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Turkish, Self::English, Self::German];

    /// Its BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Turkish => "tr",
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language a BCP 47 tag means; `en-GB` counts as English, others are absent.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }
}

/// Some languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Languages([bool; 3]);

impl Languages {
    /// All of them: nothing is known.
    pub const ANY: Self = Self([true; 3]);

    /// True when a language is among them.
    #[must_use]
    pub fn contains(self, language: Language) -> bool {
        self.0[language as usize]
    }

    /// The language, when there is only one.
    #[must_use]
    pub fn only(self) -> Option<Language> {
        let mut found = Language::ALL.into_iter().filter(|language| self.contains(*language));
        found.next().filter(|_| found.next().is_none())
    }

    fn of(language: Language) -> Self {
        Self(Language::ALL.map(|other| other == language))
    }

    fn or(self, other: Self) -> Self {
        Self(Language::ALL.map(|language| self.contains(language) || other.contains(language)))
    }

    fn and(self, other: Self) -> Self {
        Self(Language::ALL.map(|language| self.contains(language) && other.contains(language)))
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Hello; how are you.
    Greeting,
    /// Thank you; that helped.
    Thanks,
    /// All right; I see.
    Acknowledgement,
    /// Yes.
    Yes,
    /// No; not needed.
    No,
    /// Goodbye.
    Goodbye,
    /// Is it a robot who writes; who is it?
    Robot,
    /// A person is wanted.
    Person,
    /// Anything else: a question, a complaint, a story.
    Question,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Greeting,
        Self::Thanks,
        Self::Acknowledgement,
        Self::Yes,
        Self::No,
        Self::Goodbye,
        Self::Robot,
        Self::Person,
        Self::Question,
    ];

    /// Its name in the files of utterances.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Thanks => "thanks",
            Self::Acknowledgement => "acknowledgement",
            Self::Yes => "yes",
            Self::No => "no",
            Self::Goodbye => "goodbye",
            Self::Robot => "robot",
            Self::Person => "person",
            Self::Question => "question",
        }
    }
}

/// What a visitor has to say against an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It is wrong, or of no use.
    Unhelped,
    /// It was not understood.
    Unclear,
}

/// What was understood of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Understood {
    /// What it is.
    pub kind: Kind,
    /// True for what both greets and parts, as `iyi günler` and `good night`, and for a lone smile: at the beginning of a
    /// conversation it is a greeting, within one a goodbye or an acknowledgement.
    pub is_open: bool,
    /// True for words that are at home in one language and used in all three, as `bye bye`: within a conversation they do
    /// not change its language.
    pub is_borrowed: bool,
    /// True where it takes up an offer: `yes`, and a mere `ok`.
    pub consents: bool,
    /// The languages in which it can be said: any for a question, and for what all of them say.
    pub languages: Languages,
}

/// With so many words, a question mark makes a question even of words of small talk; of pictures it always does.
const ASKING_WORDS: usize = 3;

/// Understands a message by itself, without what was said before.
#[must_use]
pub fn understand(text: &str) -> Understood {
    let rules = Rules::get();
    let words = rules.spelled(&words::words(text));
    // "Brauch ich grad nicht" is "brauch ich nicht".
    let read = read(rules, &words)
        .or_else(|| read(rules, &rules.without_slight(&words)))
        .or_else(|| read_without_names(rules, text));
    let nothing = Understood {
        kind: Kind::Question,
        is_open: false,
        is_borrowed: false,
        consents: false,
        languages: Languages::ANY,
    };
    let Some(understood) = read else { return nothing };
    // "Is it all good?" is made of words of small talk, but asks.
    let says = matches!(understood.kind, Kind::Thanks | Kind::Acknowledgement | Kind::Yes | Kind::No | Kind::Goodbye);
    let asks = text.contains(['?', '❓', '❔']);
    let is_drawn = words.iter().all(|word| word.chars().all(words::is_emoji));
    if asks && (is_drawn || says && words.len() >= ASKING_WORDS) { nothing } else { understood }
}

/// What a message is but for the names in it. Where it is said to somebody without a title, it must be what is said to
/// people.
fn read_without_names(rules: &Rules, text: &str) -> Option<Understood> {
    if text.contains('?') {
        return None;
    }
    let (left, has_title) = names::without_names(text, |word| rules.knows(word))?;
    let understood = read(rules, &rules.spelled(&words::words(&left)))?;
    let is_said = match understood.kind {
        Kind::Thanks | Kind::Goodbye => true,
        Kind::Greeting | Kind::Acknowledgement | Kind::Yes | Kind::No => has_title,
        Kind::Robot | Kind::Person | Kind::Question => false,
    };
    is_said.then_some(understood)
}

/// What words are together, where that is no question.
fn read(rules: &Rules, words: &[String]) -> Option<Understood> {
    if words.is_empty() {
        return None;
    }
    let covered = parse::cover(rules, words);
    let kind =
        parse::spot(rules, words, covered.as_ref()).or_else(|| covered.as_ref().and_then(|found| found.kind()))?;
    if kind != Kind::Person && parse::is_there(rules, words, Role::Trouble) {
        return None;
    }
    let greets = kind == Kind::Greeting && covered.as_ref().is_some_and(|found| !found.has(Role::Greeting));
    let is_open = greets || kind == Kind::Goodbye && parse::is_all(rules, words, Role::Open);
    let is_borrowed = parse::is_all(rules, words, Role::Borrowed);
    let languages = match &covered {
        Some(found) => found.languages(),
        None => parse::spotted_languages(rules, words),
    };
    let consents = kind == Kind::Yes || kind == Kind::Acknowledgement && parse::is_there(rules, words, Role::Consent);
    Some(Understood { kind, is_open, is_borrowed, consents, languages })
}

/// Cuts a message into the questions it asks, each with the words around it; the whole message when it asks one or none.
///
/// Only what asks by itself counts as a question of its own: `And on Sundays?` stays with the question before it.
#[must_use]
pub fn questions(text: &str) -> Vec<&str> {
    parse::questions(text)
}

/// True for a question that may need the one before it to be understood: `and abroad?`, `how long?`. It has a word or two
/// of its own at most, and either begins as what goes on or asks for nothing by itself. Small talk, complaints and nonsense
/// go on with nothing.
#[must_use]
pub fn goes_on(text: &str) -> bool {
    parse::goes_on(text) && understand(text).kind == Kind::Question && complaint(text).is_none() && !is_nonsense(text)
}

/// True for a question of which it is plain that it goes on: it begins like that, asks without naming anything, or has a
/// question mark. Of others, as `yurt dışı`, only what is known may tell.
#[must_use]
pub fn goes_on_plainly(text: &str) -> bool {
    goes_on(text) && (text.contains('?') || parse::is_said_to_go_on(text))
}

/// The thing of which a question asks what may be asked of anything, as its price and when it is open: `library's` of `What
/// are the library's opening hours?`. Absent where no other thing than whoever is asked is named.
#[must_use]
pub fn thing(text: &str) -> Option<&str> {
    parse::thing(text)
}

/// True for a question that wants a number: how much, how many, how long.
#[must_use]
pub fn asks_how_much(text: &str) -> bool {
    parse::is_there(Rules::get(), &words::words(text), Role::Amount)
}

/// True where a sentence or a clause of a message asks for a person by itself, whatever is asked beside it.
#[must_use]
pub fn asks_for_a_person(text: &str) -> bool {
    parse::parts(text).into_iter().any(|part| understand(part).kind == Kind::Person) || parse::wishes_beside(text)
}

/// What a message says beside asking whether a robot writes: `How long is the warranty?` of `Are you a bot? How long is the
/// warranty?` Nothing where it asks only that, or does not ask it; small talk is nothing, either.
#[must_use]
pub fn beside_who_writes(text: &str) -> Vec<&str> {
    parse::beside_who_writes(text)
}

/// True for keys that were run over, as `asdfgh`: there is nothing in it to look for.
#[must_use]
pub fn is_nonsense(text: &str) -> bool {
    let rules = Rules::get();
    nonsense::is_nonsense(&words::words(text), |word| rules.knows(word))
}

/// What a message has to say against the answer before it, where it says nothing else: `that didn't help`, `anlamadım`,
/// `???`. `Ürünün kırık geldiğini anlamadım, iade edebilir miyim?` asks something.
#[must_use]
pub fn complaint(text: &str) -> Option<Complaint> {
    // "Ne?" is no German no, and "wie bitte?" no yes.
    let found = parse::complaint(text)?;
    let is_meant = match understand(text).kind {
        Kind::Question => true,
        // "Bu bilgi doğru değil" is more than a no.
        Kind::No if found == Complaint::Unhelped => words::words(text).len() >= ASKING_WORDS,
        Kind::Person | Kind::Robot => false,
        Kind::Greeting | Kind::Thanks | Kind::Acknowledgement | Kind::Yes | Kind::No | Kind::Goodbye => {
            text.contains('?')
        }
    };
    is_meant.then_some(found)
}

/// A question without what is said around it out of politeness: `iade nasıl yapılır` of `Merhaba, iade nasıl yapılır?
/// Teşekkürler`. All of it where nothing is, or where it is no question.
#[must_use]
pub fn core(text: &str) -> &str {
    parse::core(text)
}

/// The one sentence of a message that asks, where there is more in it: `It is two weeks now, I am furious. When will it
/// come?` Where none asks, the one beside words of anger: `I want a refund NOW! This is unacceptable!`
#[must_use]
pub fn asking_part(text: &str) -> Option<&str> {
    parse::asking_part(text)
}
