//! Azure OpenAI: OpenAI's chunks behind `POST {endpoint}/openai/deployments/{deployment}/chat/completions?api-version=…`
//! and a header `api-key`. The first chunk has no choices but `prompt_filter_results`.
//!
//! Where the address ends with `/v1` it is Azure's newer API, `{endpoint}/openai/v1`: the deployment is named as the model
//! and no version is needed.

use futures_util::future::BoxFuture;
use reqwest::{RequestBuilder, Url};

use super::{
    ChatModel, Endpoint, ModelError, Prompt, Reply,
    chat_completions::{body, wire},
    exchange::{Limit, Manner, Wire},
};

static WIRE: Wire = wire(Manner { limit: Limit::MaxCompletionTokens, ..Manner::FULL });

/// A resource of Azure OpenAI.
#[derive(Clone, Debug)]
pub struct AzureOpenai {
    endpoint: Endpoint,
    api_version: String,
}

impl AzureOpenai {
    /// The endpoint's address is the resource's, `https://name.openai.azure.com`, and its models are deployments. An
    /// `api-version` in the address goes before `api_version`.
    pub fn new(endpoint: Endpoint, api_version: String) -> Self {
        Self { endpoint, api_version }
    }

    fn is_v1(&self) -> bool {
        self.endpoint.base_url().path().trim_end_matches('/').ends_with("/v1")
    }

    /// An address below `/openai`, with the version where one is needed.
    fn url(&self, path: &[&str]) -> Url {
        if self.is_v1() {
            return self.endpoint.url(path);
        }
        let mut url = self.endpoint.url(&[&["openai"], path].concat());
        if !url.query_pairs().any(|(name, _)| name == "api-version") {
            url.query_pairs_mut().append_pair("api-version", &self.api_version);
        }
        url
    }

    fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
        self.endpoint.keyed(request, "api-key")
    }
}

impl ChatModel for AzureOpenai {
    fn reply(&self, prompt: Prompt) -> Reply {
        let this = self.clone();
        self.endpoint.reply(
            &WIRE,
            prompt,
            Box::new(move |prompt, model, manner| {
                let dated = ["deployments", model, "chat", "completions"];
                let url = this.url(if this.is_v1() { &dated[2..] } else { &dated });
                this.keyed(this.endpoint.post(url, &body(prompt, model, manner)))
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.endpoint.health(self.keyed(self.endpoint.get(self.url(&["models"]))))
    }
}
