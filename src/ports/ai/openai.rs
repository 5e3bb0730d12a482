//! OpenAI itself: the protocol that others copy, with `max_completion_tokens`, which its newer models demand and its older
//! ones take, and without a temperature where a model refuses one.

use futures_util::future::BoxFuture;

use super::{
    ChatModel, Endpoint, ModelError, Prompt, Reply,
    chat_completions::{body, wire},
    exchange::{Limit, Manner, Wire},
};

static WIRE: Wire = wire(Manner { limit: Limit::MaxCompletionTokens, ..Manner::FULL });

/// OpenAI.
#[derive(Clone, Debug)]
pub struct Openai(Endpoint);

impl Openai {
    /// The usual address.
    pub const URL: &str = "https://api.openai.com/v1";

    /// The endpoint's address is what stands before `/chat/completions`.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

impl ChatModel for Openai {
    fn reply(&self, prompt: Prompt) -> Reply {
        let at = self.0.clone();
        self.0.reply(
            &WIRE,
            prompt,
            Box::new(move |prompt, model, manner| {
                at.bearer(at.post(at.url(&["chat", "completions"]), &body(prompt, model, manner)))
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.0.bearer(self.0.get(self.0.url(&["models"]))))
    }
}
