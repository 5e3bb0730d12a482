//! Rules of assistants.

use ::entity::{
    assistant::{self, Fallback, Provider},
    ids::UserId,
};
use async_graphql::MaybeUndefined;

use crate::kernel::{Error, ErrorReason, Result, entries, text};

/// How freely an assistant writes that was not told.
pub(super) const TEMPERATURE: f64 = 0.7;
/// How long its answers are at most.
pub(super) const MAX_TOKENS: i32 = 500;
/// What it speaks in a customer's private space.
pub(super) const LANGUAGE: &str = "en";
/// How long a short message waits for the next one that was not told, in milliseconds.
pub(super) const DEBOUNCE_MS: i32 = 800;
const LONGEST_DEBOUNCE_MS: i32 = 10_000;
const NAME_MAX: usize = 100;
const INSTRUCTIONS_MAX: usize = 10_000;
const WELCOME_MAX: usize = 1_000;
/// Most questions that a widget offers.
const MOST_SUGGESTIONS: usize = 6;
/// Most characters of one of them.
const SUGGESTION_MAX: usize = 200;
const MODEL_MAX: usize = 100;
const URL_MAX: usize = 500;
const MOST_TOKENS: i32 = 8192;
/// Most providers that are asked after the assistant's own.
const MOST_FALLBACKS: usize = 5;

/// A provider that is asked where the ones before it fail, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewFallback {
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) base_url: Option<String>,
}

impl NewFallback {
    fn of(row: &Fallback) -> Self {
        Self { provider: row.provider, model: row.model.clone(), base_url: row.base_url.clone() }
    }

    fn check(self, owner: Option<UserId>) -> Result<Self> {
        if self.provider == Provider::BuiltIn {
            let what = "`BUILT_IN` is always asked last, by itself; leave it out of `fallbacks`.";
            return Err(Error::bad_input("input.fallbacks.provider", ErrorReason::InvalidCombination, what));
        }
        let base_url = text::maybe_line("input.fallbacks.baseUrl", self.base_url.as_deref(), URL_MAX)?;
        if base_url.is_some() && owner.is_some() {
            let what = "Only a site's assistant can have fallbacks with a `baseUrl`.";
            return Err(Error::bad_input("input.fallbacks.baseUrl", ErrorReason::InvalidCombination, what));
        }
        Ok(Self {
            base_url,
            model: text::maybe_line("input.fallbacks.model", self.model.as_deref(), MODEL_MAX)?,
            ..self
        })
    }
}

/// Everything about an assistant that can be set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct New {
    pub(crate) name: String,
    pub(crate) instructions: String,
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) fallbacks: Vec<NewFallback>,
    pub(crate) route_by_complexity: bool,
    pub(crate) temperature: f64,
    pub(crate) max_tokens: i32,
    pub(crate) language: String,
    pub(crate) welcome_text: String,
    pub(crate) suggested_questions: Vec<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) confidence_threshold: Option<f64>,
    pub(crate) debounce_ms: i32,
    pub(crate) enabled: bool,
    pub(crate) charges_credit: bool,
    pub(crate) open_to_customers: bool,
}

impl Default for New {
    /// All but the name, which is needed.
    fn default() -> Self {
        Self {
            name: String::new(),
            instructions: String::new(),
            provider: Provider::BuiltIn,
            model: None,
            base_url: None,
            fallbacks: vec![],
            route_by_complexity: true,
            temperature: TEMPERATURE,
            max_tokens: MAX_TOKENS,
            language: LANGUAGE.to_owned(),
            welcome_text: String::new(),
            suggested_questions: vec![],
            avatar_url: None,
            confidence_threshold: None,
            debounce_ms: DEBOUNCE_MS,
            enabled: true,
            charges_credit: false,
            open_to_customers: false,
        }
    }
}

/// What to change of an assistant; what is undefined stays, null brings the default back.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) name: MaybeUndefined<String>,
    pub(super) instructions: MaybeUndefined<String>,
    pub(super) provider: MaybeUndefined<Provider>,
    pub(super) model: MaybeUndefined<String>,
    pub(super) base_url: MaybeUndefined<String>,
    pub(super) fallbacks: MaybeUndefined<Vec<NewFallback>>,
    pub(super) route_by_complexity: MaybeUndefined<bool>,
    pub(super) temperature: MaybeUndefined<f64>,
    pub(super) max_tokens: MaybeUndefined<i32>,
    pub(super) language: MaybeUndefined<String>,
    pub(super) welcome_text: MaybeUndefined<String>,
    pub(super) suggested_questions: MaybeUndefined<Vec<String>>,
    pub(super) avatar_url: MaybeUndefined<String>,
    pub(super) confidence_threshold: MaybeUndefined<f64>,
    pub(super) debounce_ms: MaybeUndefined<i32>,
    pub(super) enabled: MaybeUndefined<bool>,
    pub(super) charges_credit: MaybeUndefined<bool>,
    pub(super) open_to_customers: MaybeUndefined<bool>,
}

impl New {
    /// Checks and tidies the settings of an assistant, which is a customer's own if it has an owner.
    pub(super) fn check(self, owner: Option<UserId>) -> Result<Self> {
        if !(0.0..=2.0).contains(&self.temperature) {
            return Err(out_of_range("input.temperature", "a number from 0 to 2"));
        }
        if !(1..=MOST_TOKENS).contains(&self.max_tokens) {
            return Err(out_of_range("input.maxTokens", "a whole number from 1 to 8192"));
        }
        if self.confidence_threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
            return Err(out_of_range("input.confidenceThreshold", "a number from 0 to 1, or null"));
        }
        if !(0..=LONGEST_DEBOUNCE_MS).contains(&self.debounce_ms) {
            return Err(out_of_range("input.debounceMs", "a whole number from 0 to 10000"));
        }
        if self.charges_credit && !self.open_to_customers {
            return Err(Error::bad_input(
                "input.chargesCredit",
                ErrorReason::InvalidCombination,
                "Only customers pay with credits; set `openToCustomers` as well, or leave `chargesCredit` off.",
            ));
        }
        if owner.is_some() && self.open_to_customers {
            return Err(Error::bad_input(
                "input.openToCustomers",
                ErrorReason::InvalidCombination,
                "Only a site's assistant can be opened to other customers; leave `openToCustomers` off.",
            ));
        }
        let base_url = text::maybe_line("input.baseUrl", self.base_url.as_deref(), URL_MAX)?;
        if base_url.is_some() && (owner.is_some() || self.provider == Provider::BuiltIn) {
            return Err(Error::bad_input(
                "input.baseUrl",
                ErrorReason::InvalidCombination,
                "Only a site's assistant with a provider other than `BUILT_IN` can have a `baseUrl`.",
            ));
        }
        if self.fallbacks.len() > MOST_FALLBACKS {
            let what = format!(
                "`input.fallbacks` has {} providers; at most {MOST_FALLBACKS} are allowed.",
                self.fallbacks.len()
            );
            return Err(Error::bad_input("input.fallbacks", ErrorReason::TooLong, what));
        }
        if self.provider == Provider::BuiltIn && !self.fallbacks.is_empty() {
            let what =
                "The built-in answerer never fails, so nobody is asked after it; give an empty list of `fallbacks`.";
            return Err(Error::bad_input("input.fallbacks", ErrorReason::InvalidCombination, what));
        }
        let questions = self.suggested_questions;
        if questions.len() > MOST_SUGGESTIONS {
            let what = format!(
                "`input.suggestedQuestions` has {} questions; at most {MOST_SUGGESTIONS} are allowed.",
                questions.len()
            );
            return Err(Error::bad_input("input.suggestedQuestions", ErrorReason::TooLong, what));
        }
        let question = |words: &String| text::line("input.suggestedQuestions", words, SUGGESTION_MAX);
        let suggested_questions = entries("input.suggestedQuestions", &questions, question)?;
        let fallbacks = entries("input.fallbacks", self.fallbacks, |fallback| fallback.check(owner))?;
        Ok(Self {
            base_url,
            fallbacks,
            suggested_questions,
            name: text::line("input.name", &self.name, NAME_MAX)?,
            instructions: text::longer("input.instructions", &self.instructions, INSTRUCTIONS_MAX)?,
            model: text::maybe_line("input.model", self.model.as_deref(), MODEL_MAX)?,
            language: text::language("input.language", &self.language)?,
            welcome_text: text::longer("input.welcomeText", &self.welcome_text, WELCOME_MAX)?,
            avatar_url: self.avatar_url.map(|url| text::picture("input.avatarUrl", &url)).transpose()?,
            ..self
        })
    }

    /// The settings as they are.
    pub(super) fn of(row: &assistant::Model) -> Self {
        Self {
            name: row.name.clone(),
            instructions: row.instructions.clone(),
            provider: row.provider,
            model: row.model.clone(),
            base_url: row.base_url.clone(),
            fallbacks: row.fallbacks.0.iter().map(NewFallback::of).collect(),
            route_by_complexity: row.route_by_complexity,
            temperature: row.temperature,
            max_tokens: row.max_tokens,
            language: row.language.clone(),
            welcome_text: row.welcome_text.clone(),
            suggested_questions: row.suggested_questions.0.clone(),
            avatar_url: row.avatar_url.clone(),
            confidence_threshold: row.confidence_threshold,
            debounce_ms: row.debounce_ms,
            enabled: row.enabled,
            charges_credit: row.charges_credit,
            open_to_customers: row.open_to_customers,
        }
    }

    /// The settings with changes, not checked yet. A name and a language cannot be taken away; an address belongs to its
    /// provider.
    pub(super) fn with(self, changes: Changes) -> Self {
        let default = Self::default();
        let provider = pick(changes.provider, self.provider, default.provider);
        let base_url = self.base_url.filter(|_| provider == self.provider);
        Self {
            name: pick(changes.name, self.name, String::new()),
            instructions: pick(changes.instructions, self.instructions, default.instructions),
            provider,
            base_url: pick(changes.base_url.map_value(Some), base_url, default.base_url),
            fallbacks: pick(changes.fallbacks, self.fallbacks, default.fallbacks),
            route_by_complexity: pick(
                changes.route_by_complexity,
                self.route_by_complexity,
                default.route_by_complexity,
            ),
            model: pick(changes.model.map_value(Some), self.model, default.model),
            temperature: pick(changes.temperature, self.temperature, default.temperature),
            max_tokens: pick(changes.max_tokens, self.max_tokens, default.max_tokens),
            language: pick(changes.language, self.language, String::new()),
            welcome_text: pick(changes.welcome_text, self.welcome_text, default.welcome_text),
            suggested_questions: pick(
                changes.suggested_questions,
                self.suggested_questions,
                default.suggested_questions,
            ),
            avatar_url: pick(changes.avatar_url.map_value(Some), self.avatar_url, default.avatar_url),
            confidence_threshold: pick(
                changes.confidence_threshold.map_value(Some),
                self.confidence_threshold,
                default.confidence_threshold,
            ),
            debounce_ms: pick(changes.debounce_ms, self.debounce_ms, default.debounce_ms),
            enabled: pick(changes.enabled, self.enabled, default.enabled),
            charges_credit: pick(changes.charges_credit, self.charges_credit, default.charges_credit),
            open_to_customers: pick(changes.open_to_customers, self.open_to_customers, default.open_to_customers),
        }
    }

    /// The names of the settings that differ, as the API calls them.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let differ = [
            ("name", self.name != other.name),
            ("instructions", self.instructions != other.instructions),
            ("provider", self.provider != other.provider),
            ("model", self.model != other.model),
            ("baseUrl", self.base_url != other.base_url),
            ("fallbacks", self.fallbacks != other.fallbacks),
            ("routeByComplexity", self.route_by_complexity != other.route_by_complexity),
            ("temperature", self.temperature != other.temperature),
            ("maxTokens", self.max_tokens != other.max_tokens),
            ("language", self.language != other.language),
            ("welcomeText", self.welcome_text != other.welcome_text),
            ("suggestedQuestions", self.suggested_questions != other.suggested_questions),
            ("avatarUrl", self.avatar_url != other.avatar_url),
            ("confidenceThreshold", self.confidence_threshold != other.confidence_threshold),
            ("debounceMs", self.debounce_ms != other.debounce_ms),
            ("enabled", self.enabled != other.enabled),
            ("chargesCredit", self.charges_credit != other.charges_credit),
            ("openToCustomers", self.open_to_customers != other.open_to_customers),
        ];
        differ.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect()
    }

    /// Puts the settings into a row, but for the fallbacks, which have keys.
    pub(super) fn into_row(self, row: assistant::Model) -> assistant::Model {
        assistant::Model {
            name: self.name,
            instructions: self.instructions,
            provider: self.provider,
            model: self.model,
            base_url: self.base_url,
            route_by_complexity: self.route_by_complexity,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            language: self.language,
            welcome_text: self.welcome_text,
            suggested_questions: assistant::Questions(self.suggested_questions),
            avatar_url: self.avatar_url,
            confidence_threshold: self.confidence_threshold,
            debounce_ms: self.debounce_ms,
            enabled: self.enabled,
            charges_credit: self.charges_credit,
            open_to_customers: self.open_to_customers,
            ..row
        }
    }
}

fn pick<T>(new: MaybeUndefined<T>, now: T, default: T) -> T {
    match new {
        MaybeUndefined::Undefined => now,
        MaybeUndefined::Null => default,
        MaybeUndefined::Value(value) => value,
    }
}

fn out_of_range(field: &'static str, what: &str) -> Error {
    Error::bad_input(field, ErrorReason::OutOfRange, format!("`{field}` must be {what}."))
}

/// What an assistant says of itself in a language of this product, else in English; that a person can be asked for only
/// where there is one.
pub(crate) fn disclosure(language: &str, has_staff: bool) -> &'static str {
    match (language.split('-').next(), has_staff) {
        (Some("tr"), true) => {
            "Size bir yapay zekâ asistanı cevap veriyor, insan değil. Dilediğinizde bir temsilci isteyebilirsiniz."
        }
        (Some("tr"), false) => "Size bir yapay zekâ asistanı cevap veriyor, insan değil.",
        (Some("de"), true) => {
            "Hier antwortet ein KI-Assistent, kein Mensch. Sie können jederzeit nach einer Person fragen."
        }
        (Some("de"), false) => "Hier antwortet ein KI-Assistent, kein Mensch.",
        (_, true) => "An AI assistant answers here, not a human. You can ask for a person at any time.",
        (_, false) => "An AI assistant answers here, not a human.",
    }
}

/// True for an assistant that may answer: it is switched on and not deleted.
pub(crate) fn may_answer(row: &assistant::Model) -> bool {
    row.enabled && row.deleted_at.is_none()
}

/// An assistant that is switched off starts nothing.
pub(super) fn is_on(enabled: bool) -> Result<()> {
    if enabled {
        Ok(())
    } else {
        Err(Error::conflict(ErrorReason::AssistantDisabled, "The assistant is switched off."))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn new() -> New {
        New { name: "Ayşe".into(), ..New::default() }
    }

    #[test]
    fn settings_outside_their_limits_are_refused_by_name() {
        let field = |settings: New| settings.check(None).err().and_then(|error| error.field).unwrap_or_default();
        assert_eq!(field(new()), "");
        assert_eq!(field(New { temperature: 2.0, max_tokens: 8192, ..new() }), "");
        assert_eq!(field(New { name: " ".into(), ..new() }), "input.name");
        assert_eq!(field(New { name: "x".repeat(101), ..new() }), "input.name");
        assert_eq!(field(New { instructions: "x".repeat(10_001), ..new() }), "input.instructions");
        assert_eq!(field(New { welcome_text: "x".repeat(1_001), ..new() }), "input.welcomeText");
        assert_eq!(field(New { model: Some("a\nb".into()), ..new() }), "input.model");
        assert_eq!(field(New { language: "turkish!".into(), ..new() }), "input.language");
        assert_eq!(field(New { max_tokens: 0, ..new() }), "input.maxTokens");
        for temperature in [-0.1, 2.1, f64::NAN] {
            assert_eq!(field(New { temperature, ..new() }), "input.temperature");
        }
    }

    #[test]
    fn a_customers_own_is_not_opened_to_others() {
        let open = New { open_to_customers: true, ..new() };
        assert!(open.clone().check(None).is_ok());
        assert!(open.check(Some(UserId(Uuid::from_u128(1)))).is_err());
    }

    #[test]
    fn changes_leave_what_is_undefined_and_name_what_differs() {
        let before = New { temperature: 0.1, model: Some("small".into()), ..new() };
        assert_eq!(before.clone().with(Changes::default()), before);
        let changes = Changes {
            temperature: MaybeUndefined::Null,
            model: MaybeUndefined::Value("large".into()),
            ..Changes::default()
        };
        let after = before.clone().with(changes);
        assert_eq!((after.temperature, after.model.as_deref()), (TEMPERATURE, Some("large")));
        assert_eq!(before.differences(&after), ["model", "temperature"]);
        let nameless = Changes { name: MaybeUndefined::Null, ..Changes::default() };
        assert!(before.with(nameless).check(None).is_err());
    }

    #[test]
    fn an_address_belongs_to_a_sites_provider() {
        let own = |provider| New { provider, base_url: Some("https://models.example.com".into()), ..new() };
        assert!(own(Provider::Ollama).check(None).is_ok());
        assert!(own(Provider::BuiltIn).check(None).is_err());
        assert!(own(Provider::Ollama).check(Some(UserId(Uuid::from_u128(1)))).is_err());
        let to = |provider| Changes { provider: MaybeUndefined::Value(provider), ..Changes::default() };
        assert_eq!(own(Provider::Ollama).with(to(Provider::Mistral)).base_url, None);
        assert!(own(Provider::Ollama).with(to(Provider::Ollama)).base_url.is_some());
    }
}
