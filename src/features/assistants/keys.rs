//! An assistant's own key: sealed for the assistant, its provider and its address, so that a key never goes to an address
//! for which it was not given.

use ::entity::{
    assistant::{self, Provider},
    ids::AssistantId,
};
use async_graphql::MaybeUndefined;

use crate::{
    kernel::{Ctx, Error, ErrorReason, Result},
    ports::ai::{ApiKey, Cause, ModelError, Target},
};

/// Longest key, in characters.
const KEY_MAX: usize = 500;
/// A shorter key has no hint: its last characters would be too much of it.
const HINTED: usize = 12;

/// What becomes of a key.
#[derive(Clone, Debug, Default)]
pub(super) enum KeyChange {
    /// It stays with its provider and address.
    #[default]
    Keep,
    Remove,
    Set(ApiKey),
}

impl KeyChange {
    /// Reads and checks what was given.
    pub(super) fn new(field: &'static str, given: MaybeUndefined<String>) -> Result<Self> {
        match given {
            MaybeUndefined::Undefined => Ok(Self::Keep),
            MaybeUndefined::Null => Ok(Self::Remove),
            MaybeUndefined::Value(text) => key(field, &text).map(|key| key.map_or(Self::Remove, Self::Set)),
        }
    }
}

/// A key as vendors give them; `None` of an empty text.
fn key(field: &'static str, text: &str) -> Result<Option<ApiKey>> {
    let text = text.trim();
    if text.len() > KEY_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = format!("`{field}` must have at most {KEY_MAX} characters and no spaces, as the provider shows it.");
        return Err(Error::bad_input(field, ErrorReason::InvalidFormat, what));
    }
    Ok(ApiKey::new(text))
}

/// A sealed key and its last four characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) key: Option<String>,
    pub(super) hint: Option<String>,
}

impl Sealed {
    fn of(link: Link<'_>) -> Self {
        Self { key: link.sealed.map(ToOwned::to_owned), hint: link.hint.map(ToOwned::to_owned) }
    }

    pub(super) fn new(cx: &Ctx, id: AssistantId, provider: Provider, url: Option<&str>, key: &ApiKey) -> Result<Self> {
        let text = key.expose();
        let hint = (text.len() >= HINTED).then(|| text[text.len() - 4..].to_owned());
        Ok(Self { key: Some(cx.secrets.seal(text, &place(id, provider, url))?), hint })
    }
}

/// A provider as an assistant's settings name it: its own, or one of its fallbacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub(super) provider: Provider,
    pub(super) model: Option<&'a str>,
    pub(super) base_url: Option<&'a str>,
    pub(super) sealed: Option<&'a str>,
    pub(super) hint: Option<&'a str>,
}

/// Whom an assistant asks, in this order; the first is its own provider. None where that is the built-in answerer.
pub(super) fn links(row: &assistant::Model) -> impl Iterator<Item = Link<'_>> {
    let own = Link {
        provider: row.provider,
        model: row.model.as_deref(),
        base_url: row.base_url.as_deref(),
        sealed: row.api_key.as_deref(),
        hint: row.api_key_hint.as_deref(),
    };
    let fallbacks = row.fallbacks.0.iter().map(|fallback| Link {
        provider: fallback.provider,
        model: fallback.model.as_deref(),
        base_url: fallback.base_url.as_deref(),
        sealed: fallback.api_key.as_deref(),
        hint: fallback.api_key_hint.as_deref(),
    });
    std::iter::once(own).chain(fallbacks).filter(|link| link.provider != Provider::BuiltIn)
}

/// What becomes of the key of a link: a new one is sealed, one that stays is that of a saved link with the same provider
/// and address.
pub(super) fn sealed(
    cx: &Ctx,
    row: &assistant::Model,
    provider: Provider,
    url: Option<&str>,
    change: KeyChange,
) -> Result<Sealed> {
    let saved = || links(row).find(|link| link.sealed.is_some() && link.provider == provider && link.base_url == url);
    Ok(match change {
        KeyChange::Set(key) => Sealed::new(cx, row.id, provider, url, &key)?,
        KeyChange::Keep => saved().map(Sealed::of).unwrap_or_default(),
        KeyChange::Remove => Sealed::default(),
    })
}

/// Who is asked, with the key opened.
///
/// # Errors
/// When the key was sealed with another secret key of the server.
pub(super) fn target(cx: &Ctx, id: AssistantId, link: &Link<'_>) -> Result<Target, ModelError> {
    let place = place(id, link.provider, link.base_url);
    let key = link.sealed.map(|sealed| cx.secrets.open(sealed, &place)).transpose();
    let key =
        key.map_err(|_| ModelError::give_up(Cause::NotConfigured, "the assistant's key cannot be read any more"))?;
    let key = key.as_deref().and_then(ApiKey::new);
    Ok(Target { provider: link.provider, base_url: link.base_url.map(ToOwned::to_owned), key })
}

fn place(id: AssistantId, provider: Provider, url: Option<&str>) -> String {
    format!("{id} {provider:?} {}", url.unwrap_or_default())
}

/// What an admin is told when one of an assistant's providers cannot be asked at all.
pub(super) fn usable(cx: &Ctx, row: &assistant::Model) -> Result<()> {
    for (nth, link) in links(row).enumerate() {
        let at = if nth == 0 { "input".to_owned() } else { format!("input.fallbacks[{}]", nth - 1) };
        let model = target(cx, row.id, &link).and_then(|target| cx.models.model(&target));
        model.map(drop).map_err(|error| refusal(link.provider, &error, &at))?;
    }
    Ok(())
}

fn refusal(provider: Provider, error: &ModelError, at: &str) -> Error {
    if error.cause() == Cause::AddressRefused {
        let what = format!("`baseUrl` cannot be called: {}.", error.what());
        return Error::bad_input(format!("{at}.baseUrl"), ErrorReason::InvalidFormat, what);
    }
    let needs = match provider {
        Provider::BuiltIn => "nothing",
        Provider::OpenaiCompatible => "a `baseUrl` or, on the server, `YANIT_OPENAI_URL`",
        Provider::Openai => "an `apiKey` or, on the server, `YANIT_OPENAI_API_KEY` without `YANIT_OPENAI_URL`",
        Provider::AzureOpenai => {
            "a `baseUrl` and an `apiKey` or, on the server, `YANIT_AZURE_OPENAI_URL` and `…_API_KEY`"
        }
        Provider::Mistral => "an `apiKey` or, on the server, `YANIT_MISTRAL_API_KEY`",
        Provider::Ollama => "a `baseUrl` or, on the server, `YANIT_OLLAMA_URL`",
        Provider::Anthropic => "an `apiKey` or, on the server, `YANIT_ANTHROPIC_API_KEY`",
        Provider::Gemini => "an `apiKey` or, on the server, `YANIT_GEMINI_API_KEY`",
    };
    let what = format!(
        "This provider needs {needs}; a `baseUrl` of its own needs an `apiKey` of its own where keys are needed."
    );
    Error::conflict(ErrorReason::ProviderNotConfigured, what).at(format!("{at}.provider"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_a_header_can_hold() {
        let read = |text: &str| KeyChange::new("input.apiKey", MaybeUndefined::Value(text.to_owned()));
        assert!(matches!(read(" sk-abc "), Ok(KeyChange::Set(key)) if key.expose() == "sk-abc"));
        assert!(matches!(read("  "), Ok(KeyChange::Remove)));
        for wrong in ["two words", "line\nbreak", "ğ", &"x".repeat(501)] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
