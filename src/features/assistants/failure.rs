//! Why providers do not answer, and what can be done about it.

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::ports::ai::Cause;

/// Why a provider did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ProviderFailure {
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
    /// It said nothing: it thought until `maxTokens` was used up, for example. That is paid all the same.
    NoWords,
    /// It was not asked, because it had failed several times in a row and is left alone for a while.
    CircuitOpen,
    /// It was not asked, because the site's budget of the day does not allow it.
    OverBudget,
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
            Cause::Wordless => Self::NoWords,
        }
    }
}

impl ProviderFailure {
    /// Its name in the schema.
    pub(super) fn name(self) -> &'static str {
        let all = <Self as async_graphql::resolver_utils::EnumType>::items();
        all.iter().find(|item| item.value == self).map_or("", |item| item.name)
    }

    /// The one of a name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let all = <Self as async_graphql::resolver_utils::EnumType>::items();
        all.iter().find(|item| item.name == name).map(|item| item.value)
    }

    /// True where it stays until somebody does something about it.
    pub(super) fn stays(self) -> bool {
        match self {
            Self::NotConfigured
            | Self::AddressRefused
            | Self::NoModel
            | Self::KeyRefused
            | Self::NoCredit
            | Self::ModelUnknown
            | Self::CircuitOpen => true,
            Self::RequestRefused
            | Self::Filtered
            | Self::RateLimited
            | Self::Unreachable
            | Self::Timeout
            | Self::ProviderError
            | Self::NotUnderstood
            | Self::CutOff
            | Self::NoWords
            | Self::OverBudget => false,
        }
    }

    /// False for what is not the provider's: a question that its filter stopped, or the site's own budget.
    pub(super) fn is_providers(self) -> bool {
        !matches!(self, Self::Filtered | Self::OverBudget)
    }

    /// What an admin can do about it.
    pub(crate) fn advice(self) -> &'static str {
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
            Self::NoWords => {
                "The model said nothing, but may have thought. Raise `maxTokens`, or take a model that thinks less."
            }
            Self::CircuitOpen => "It failed several times in a row and is tried again soon. Test it to try it at once.",
            Self::OverBudget => {
                "The budget of the day is used up. Raise it in the site's settings or wait for tomorrow."
            }
            Self::CutOff => "The answer broke off. Try again; if it stays, something between here and there cuts it.",
        }
    }
}
