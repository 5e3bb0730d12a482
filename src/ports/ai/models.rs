//! The models this server can use: the operator's, and those at addresses and with keys of assistants' own.
//!
//! The operator's keys go to the operator's addresses only, and addresses of assistants' own are public ones reached by
//! HTTPS, unless the operator allows others.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ::entity::assistant::Provider;
use reqwest::{Client, Url};

use super::{
    Anthropic, ApiKey, AzureOpenai, Cause, ChatModel, Circuits, Endpoint, Gemini, Manners, Mistral, ModelError, Ollama,
    Openai, OpenaiCompatible, Patience, Price, Prices,
};
use crate::{
    config::{Config, ConfigError},
    ports::http,
};

/// Who is asked, as an assistant's settings say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Whose protocol is spoken.
    pub provider: Provider,
    /// The assistant's own address; without it, the operator's or the provider's.
    pub base_url: Option<String>,
    /// The assistant's own key.
    pub key: Option<ApiKey>,
}

/// The models this server can use.
#[derive(Clone, Default)]
pub struct Models {
    config: Arc<Config>,
    /// Made when the first is needed: they read the machine's certificates.
    clients: Arc<OnceLock<Result<Clients, String>>>,
    manners: Manners,
    prices: Arc<Prices>,
    circuits: Circuits,
    played: Option<Arc<dyn ChatModel>>,
}

struct Clients {
    /// For the operator's addresses.
    any: Client,
    /// For addresses of assistants' own.
    public: Client,
}

/// What the operator has set for a provider.
#[derive(Default)]
struct Operator<'a> {
    url: Option<&'a str>,
    key: Option<&'a str>,
    model: Option<&'a str>,
    /// Without a key the provider answers nobody.
    needs_key: bool,
}

impl Models {
    /// The models that the settings name; none is fine.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn from_config(config: &Config) -> Result<Self, ConfigError> {
        for (setting, url) in [
            ("YANIT_OPENAI_URL", &config.openai_url),
            ("YANIT_AZURE_OPENAI_URL", &config.azure_openai_url),
            ("YANIT_OLLAMA_URL", &config.ollama_url),
        ] {
            let parsed = url.as_ref().map(|url| url.trim().parse::<Url>()).transpose();
            parsed.map_err(|error| ConfigError(format!("{setting}: is not an address: {error}")))?;
        }
        let prices = Prices::new(&config.model_prices);
        let prices = prices.map_err(|error| ConfigError(format!("YANIT_MODEL_PRICES: {error}")))?;
        Ok(Self { config: Arc::new(config.clone()), prices: Arc::new(prices), ..Self::default() })
    }

    /// With `model` in the place of every OpenAI-compatible endpoint.
    pub fn with_openai_compatible(model: Arc<dyn ChatModel>) -> Self {
        Self { played: Some(model), ..Self::default() }
    }

    /// The model to ask.
    ///
    /// # Errors
    /// Why it cannot be asked, without having tried.
    pub fn model(&self, target: &Target) -> Result<Arc<dyn ChatModel>, ModelError> {
        if let Some(played) = &self.played
            && target.provider == Provider::OpenaiCompatible
        {
            return Ok(played.clone());
        }
        let endpoint = self.endpoint(target)?;
        Ok(match target.provider {
            Provider::BuiltIn => return Err(ModelError::give_up(Cause::NotConfigured, "it is no model")),
            Provider::OpenaiCompatible => Arc::new(OpenaiCompatible::new(endpoint)),
            Provider::Openai => Arc::new(Openai::new(endpoint)),
            Provider::AzureOpenai => Arc::new(AzureOpenai::new(endpoint, self.config.azure_openai_api_version.clone())),
            Provider::Mistral => Arc::new(Mistral::new(endpoint)),
            Provider::Ollama => Arc::new(Ollama::new(endpoint)),
            Provider::Anthropic => Arc::new(Anthropic::new(endpoint)),
            Provider::Gemini => Arc::new(Gemini::new(endpoint)),
        })
    }

    /// The model that is asked when none is named: the operator's, at the operator's or the provider's address.
    pub fn usual_model(&self, target: &Target) -> Option<String> {
        let usual = target.base_url.is_none().then(|| self.operator(target.provider).model).flatten();
        usual.map(ToOwned::to_owned)
    }

    /// True for models on hardware of one's own: those of Ollama, and OpenAI-compatible ones in a private network.
    pub fn is_local(&self, target: &Target) -> bool {
        let url = || target.base_url.as_deref().or(self.operator(target.provider).url)?.trim().parse::<Url>().ok();
        match target.provider {
            Provider::BuiltIn | Provider::Ollama => true,
            Provider::OpenaiCompatible => url().is_some_and(|url| http::is_private_host(&url)),
            Provider::Openai | Provider::AzureOpenai | Provider::Mistral | Provider::Anthropic | Provider::Gemini => {
                false
            }
        }
    }

    /// What a model costs, where that is known. A local one costs nothing unless the server's settings say so.
    pub fn price(&self, target: &Target, model: Option<&str>) -> Option<Price> {
        let listed = model.and_then(|model| self.prices.of(target.provider, model));
        listed.or_else(|| self.is_local(target).then(Price::default))
    }

    /// Who is left alone at the moment.
    pub fn circuits(&self) -> &Circuits {
        &self.circuits
    }

    fn endpoint(&self, target: &Target) -> Result<Endpoint, ModelError> {
        let missing = |what| ModelError::give_up(Cause::NotConfigured, what);
        let operator = self.operator(target.provider);
        let clients = self.clients.get_or_init(clients).as_ref().map_err(|what| missing(what.as_str()))?;
        let (http, url, key, model) = match &target.base_url {
            Some(own) => {
                let http = if self.config.allow_private_models { &clients.any } else { &clients.public };
                (http, own_url(own, self.config.allow_private_models)?, target.key.clone(), None)
            }
            None => {
                let url = operator.url.ok_or_else(|| missing("no address is set"))?;
                let url = url.trim().parse::<Url>().map_err(|_| missing("the address that is set is none"))?;
                let key = target.key.clone().or_else(|| operator.key.and_then(ApiKey::new));
                (&clients.any, url, key, operator.model.map(ToOwned::to_owned))
            }
        };
        if operator.needs_key && key.is_none() {
            return Err(missing("no key is set"));
        }
        let first_byte = Duration::from_secs(self.config.model_patience_seconds);
        let patience = Patience { first_byte, ..Patience::default() };
        Ok(Endpoint::new(http.clone(), url, key, model).manners(self.manners.clone()).patience(patience))
    }

    fn operator(&self, provider: Provider) -> Operator<'_> {
        let of = &self.config;
        match provider {
            Provider::BuiltIn => Operator::default(),
            Provider::OpenaiCompatible => {
                set(of.openai_url.as_deref(), of.openai_api_key.as_deref(), of.openai_model.as_deref(), false)
            }
            // Beside an address of another endpoint, the key and the model are that endpoint's.
            Provider::Openai if of.openai_url.is_some() => set(Some(Openai::URL), None, None, true),
            Provider::Openai => set(Some(Openai::URL), of.openai_api_key.as_deref(), of.openai_model.as_deref(), true),
            Provider::AzureOpenai => set(
                of.azure_openai_url.as_deref(),
                of.azure_openai_api_key.as_deref(),
                of.azure_openai_model.as_deref(),
                true,
            ),
            Provider::Mistral => {
                set(Some(Mistral::URL), of.mistral_api_key.as_deref(), of.mistral_model.as_deref(), true)
            }
            Provider::Ollama => set(of.ollama_url.as_deref(), None, of.ollama_model.as_deref(), false),
            Provider::Anthropic => {
                set(Some(Anthropic::URL), of.anthropic_api_key.as_deref(), of.anthropic_model.as_deref(), true)
            }
            Provider::Gemini => set(Some(Gemini::URL), of.gemini_api_key.as_deref(), of.gemini_model.as_deref(), true),
        }
    }
}

fn set<'a>(url: Option<&'a str>, key: Option<&'a str>, model: Option<&'a str>, needs_key: bool) -> Operator<'a> {
    Operator { url, key, model, needs_key }
}

fn clients() -> Result<Clients, String> {
    let made = || Ok(Clients { any: http::client()?, public: http::public_client()? });
    made().map_err(|error| format!("no HTTP client: {}", http::describe(error)))
}

/// An assistant's own address, if it may be called.
fn own_url(text: &str, private: bool) -> Result<Url, ModelError> {
    let refused = |what| ModelError::give_up(Cause::AddressRefused, what);
    let url: Url = text.parse().map_err(|_| refused("it is not an address"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refused("it must hold no name, password or fragment"));
    }
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        "http" => return Err(refused("it must begin with https://")),
        _ => return Err(refused("it must begin with http:// or https://")),
    }
    if private || http::is_public_host(&url) { Ok(url) } else { Err(refused("it lies in a private network")) }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(config: Config) -> Models {
        Models::from_config(&config).unwrap()
    }

    fn cause(models: &Models, provider: Provider, base_url: Option<&str>, key: Option<&str>) -> Option<Cause> {
        let target = Target { provider, base_url: base_url.map(Into::into), key: key.and_then(ApiKey::new) };
        models.model(&target).err().map(|error| error.cause())
    }

    #[test]
    fn a_provider_needs_an_address_and_mostly_a_key() {
        let none = models(Config::default());
        for provider in [Provider::OpenaiCompatible, Provider::Ollama, Provider::AzureOpenai, Provider::BuiltIn] {
            assert_eq!(cause(&none, provider, None, Some("k")), Some(Cause::NotConfigured), "{provider:?}");
        }
        for provider in [Provider::Openai, Provider::Mistral, Provider::Anthropic, Provider::Gemini] {
            assert_eq!(cause(&none, provider, None, None), Some(Cause::NotConfigured), "{provider:?}");
            assert_eq!(cause(&none, provider, None, Some("k")), None, "{provider:?}");
        }
        let set = models(Config {
            ollama_url: Some("http://127.0.0.1:11434".into()),
            anthropic_api_key: Some("k".into()),
            ..Config::default()
        });
        assert_eq!(cause(&set, Provider::Ollama, None, None), None);
        assert_eq!(cause(&set, Provider::Anthropic, None, None), None);
    }

    #[test]
    fn the_operators_key_does_not_go_to_other_addresses() {
        let key = Some("operators".to_owned());
        let set = models(Config { openai_api_key: key.clone(), anthropic_api_key: key.clone(), ..Config::default() });
        for provider in [Provider::Openai, Provider::Anthropic] {
            assert_eq!(cause(&set, provider, None, None), None);
            let elsewhere = cause(&set, provider, Some("https://models.example.com/v1"), None);
            assert_eq!(elsewhere, Some(Cause::NotConfigured), "{provider:?}");
        }
        let url = Some("http://127.0.0.1:8080/v1".to_owned());
        let compatible = models(Config { openai_api_key: key, openai_url: url, ..Config::default() });
        assert_eq!(cause(&compatible, Provider::Openai, None, None), Some(Cause::NotConfigured));
    }

    #[test]
    fn models_on_hardware_of_ones_own_are_local_and_cost_nothing() {
        let set = models(Config { openai_url: Some("http://10.0.0.7:8000/v1".into()), ..Config::default() });
        let price = |provider, base_url: Option<&str>| {
            let target = Target { provider, base_url: base_url.map(Into::into), key: None };
            assert_eq!(set.is_local(&target), set.price(&target, Some("m")).is_some());
            set.price(&target, Some("m")).map(|price| price.output)
        };
        for url in ["http://127.0.0.1:1/v1", "http://vllm:8000/v1", "https://gpu.corp.internal/v1", "http://[fd00::1]/"]
        {
            assert_eq!(price(Provider::OpenaiCompatible, Some(url)), Some(0), "{url}");
        }
        assert_eq!(price(Provider::OpenaiCompatible, None), Some(0), "the server's");
        assert_eq!(price(Provider::OpenaiCompatible, Some("https://models.example.com/v1")), None);
        assert_eq!(price(Provider::Ollama, Some("https://ollama.example.com")), Some(0));
        assert_eq!(price(Provider::Openai, None), None);
    }

    #[test]
    fn own_addresses_are_public_and_encrypted_unless_the_operator_allows_others() {
        let (shut, open) =
            (models(Config::default()), models(Config { allow_private_models: true, ..Config::default() }));
        for (url, with_leave) in [
            ("https://models.example.com/v1", None),
            ("http://models.example.com/v1", None),
            ("https://10.0.0.7/v1", None),
            ("https://169.254.169.254/", None),
            ("http://127.0.0.1:11434/v1", None),
            ("https://me:pw@models.example.com/", Some(Cause::AddressRefused)),
            ("ftp://models.example.com/", Some(Cause::AddressRefused)),
            ("models.example.com", Some(Cause::AddressRefused)),
        ] {
            let without = (url != "https://models.example.com/v1").then_some(Cause::AddressRefused);
            assert_eq!(cause(&shut, Provider::OpenaiCompatible, Some(url), None), without, "{url}");
            assert_eq!(cause(&open, Provider::OpenaiCompatible, Some(url), None), with_leave, "{url}");
        }
    }
}
