//! Rules of assistants.

use ::entity::{
    assistant::{self, Provider},
    ids::{AssistantId, SiteId, UserId},
};
use async_graphql::{Enum, MaybeUndefined};
use uuid::Uuid;

use crate::{
    kernel::{Error, ErrorReason, Result, secret, text},
    ports::ai::Cause,
};

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
const MODEL_MAX: usize = 100;
const URL_MAX: usize = 500;
const MOST_TOKENS: i32 = 8192;

/// Everything about an assistant that can be set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct New {
    pub(crate) name: String,
    pub(crate) instructions: String,
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) temperature: f64,
    pub(crate) max_tokens: i32,
    pub(crate) language: String,
    pub(crate) welcome_text: String,
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
            temperature: TEMPERATURE,
            max_tokens: MAX_TOKENS,
            language: LANGUAGE.to_owned(),
            welcome_text: String::new(),
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
    pub(super) temperature: MaybeUndefined<f64>,
    pub(super) max_tokens: MaybeUndefined<i32>,
    pub(super) language: MaybeUndefined<String>,
    pub(super) welcome_text: MaybeUndefined<String>,
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
        Ok(Self {
            base_url,
            name: text::line("input.name", &self.name, NAME_MAX)?,
            instructions: text::longer("input.instructions", &self.instructions, INSTRUCTIONS_MAX)?,
            model: text::maybe_line("input.model", self.model.as_deref(), MODEL_MAX)?,
            language: text::language("input.language", &self.language)?,
            welcome_text: text::longer("input.welcomeText", &self.welcome_text, WELCOME_MAX)?,
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
            temperature: row.temperature,
            max_tokens: row.max_tokens,
            language: row.language.clone(),
            welcome_text: row.welcome_text.clone(),
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
            model: pick(changes.model.map_value(Some), self.model, default.model),
            temperature: pick(changes.temperature, self.temperature, default.temperature),
            max_tokens: pick(changes.max_tokens, self.max_tokens, default.max_tokens),
            language: pick(changes.language, self.language, String::new()),
            welcome_text: pick(changes.welcome_text, self.welcome_text, default.welcome_text),
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
            ("temperature", self.temperature != other.temperature),
            ("maxTokens", self.max_tokens != other.max_tokens),
            ("language", self.language != other.language),
            ("welcomeText", self.welcome_text != other.welcome_text),
            ("confidenceThreshold", self.confidence_threshold != other.confidence_threshold),
            ("debounceMs", self.debounce_ms != other.debounce_ms),
            ("enabled", self.enabled != other.enabled),
            ("chargesCredit", self.charges_credit != other.charges_credit),
            ("openToCustomers", self.open_to_customers != other.open_to_customers),
        ];
        differ.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect()
    }

    /// Puts the settings into a row.
    pub(super) fn into_row(self, row: assistant::Model) -> assistant::Model {
        assistant::Model {
            name: self.name,
            instructions: self.instructions,
            provider: self.provider,
            model: self.model,
            base_url: self.base_url,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            language: self.language,
            welcome_text: self.welcome_text,
            confidence_threshold: self.confidence_threshold,
            debounce_ms: self.debounce_ms,
            enabled: self.enabled,
            charges_credit: self.charges_credit,
            open_to_customers: self.open_to_customers,
            ..row
        }
    }
}

/// Why a provider did not answer a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum ProviderFailure {
    /// Neither the assistant nor the server has an address, or a key, for the provider.
    NotConfigured,
    /// The assistant's `baseUrl` is none that may be called.
    AddressRefused,
    /// Neither the assistant nor the server names a model.
    NoModel,
    /// The provider refuses the key.
    KeyRefused,
    /// The provider's account has no credit left.
    NoCredit,
    /// The provider knows no such model, or the address is not that of its API.
    ModelUnknown,
    /// The provider does not accept the request.
    RequestRefused,
    /// The provider's filter stopped the question.
    Filtered,
    /// Too many requests at the moment.
    RateLimited,
    /// There is no connection to the provider.
    Unreachable,
    /// Nothing came in time.
    Timeout,
    /// The provider has trouble of its own.
    ProviderError,
    /// What answers there is not this provider's API.
    NotUnderstood,
    /// The answer broke off.
    CutOff,
}

impl From<Cause> for ProviderFailure {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::NotConfigured => Self::NotConfigured,
            Cause::AddressRefused => Self::AddressRefused,
            Cause::NoModel => Self::NoModel,
            Cause::KeyRefused => Self::KeyRefused,
            Cause::Unpaid => Self::NoCredit,
            Cause::ModelUnknown => Self::ModelUnknown,
            Cause::Refused => Self::RequestRefused,
            Cause::Filtered => Self::Filtered,
            Cause::RateLimited => Self::RateLimited,
            Cause::Unreachable => Self::Unreachable,
            Cause::Silent => Self::Timeout,
            Cause::Failing => Self::ProviderError,
            Cause::NotUnderstood => Self::NotUnderstood,
            Cause::Cut => Self::CutOff,
        }
    }
}

impl ProviderFailure {
    /// What an admin can do about it.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NotConfigured => "Give the assistant an address or a key, or ask who runs the server to set one.",
            Self::AddressRefused => "Use a public HTTPS address, or ask who runs the server to allow private ones.",
            Self::NoModel => "Name a model.",
            Self::KeyRefused => {
                "The provider refuses the key. Check that it is whole, of this provider, and may use the model."
            }
            Self::NoCredit => "The provider's account has no credit left. Look at its billing page.",
            Self::ModelUnknown => "The provider knows no such model. Check the model's name and the address.",
            Self::RequestRefused => "The provider does not accept the request. Another model may.",
            Self::Filtered => "The provider's filter stopped a harmless question. Look at its settings for filters.",
            Self::RateLimited => "The provider has too many requests of this account. Try again in a minute.",
            Self::Unreachable => "There is no connection to the provider. Check the address.",
            Self::Timeout => "The provider did not answer in time. A local one may be loading the model: try again.",
            Self::ProviderError => "The provider has trouble of its own. Try again later.",
            Self::NotUnderstood => "What answers there is not this provider's API. Check the provider and the address.",
            Self::CutOff => "The answer broke off. Try again; if it stays, something between here and there cuts it.",
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

/// An assistant that is switched off starts nothing.
pub(super) fn is_on(enabled: bool) -> Result<()> {
    if enabled {
        Ok(())
    } else {
        Err(Error::conflict(ErrorReason::AssistantDisabled, "The assistant is switched off."))
    }
}

/// The id of the assistant that a person made on a site with this client id: a repetition meets the same primary key.
pub(super) fn derived(user: UserId, site: SiteId, client: Uuid) -> AssistantId {
    let hash = secret::hash(&[b"assistant", user.0.as_bytes(), site.0.as_bytes(), client.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // UUID version 8 (RFC 9562): made by the application.
    AssistantId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// What was made with a client id answers a repetition. One that was changed since may differ from what is repeated.
pub(super) fn repeats(row: assistant::Model, new: &New) -> Result<assistant::Model> {
    let untouched = row.updated_at == row.created_at;
    if row.deleted_at.is_some() || (untouched && New::of(&row) != *new) {
        return Err(Error::conflict(
            ErrorReason::IdempotencyMismatch,
            "This `clientId` was used for another assistant or for one that was deleted; take a new one.",
        )
        .at("input.clientId"));
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
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
