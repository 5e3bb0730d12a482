//! Mistral: OpenAI's chunks, with the usage in the last one by itself. Fields that Mistral does not know are refused
//! (422), `stream_options` among them; its hottest temperature is 1.5.

use futures_util::future::BoxFuture;

use super::{
    ChatModel, Endpoint, ModelError, Prompt, Reply,
    chat_completions::{body, wire},
    exchange::{Manner, Wire},
};

static WIRE: Wire = wire(Manner { usage: false, ..Manner::FULL });

/// Mistral.
#[derive(Clone, Debug)]
pub struct Mistral(Endpoint);

impl Mistral {
    /// The usual address.
    pub const URL: &str = "https://api.mistral.ai/v1";

    /// The endpoint's address is what stands before `/chat/completions`.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

impl ChatModel for Mistral {
    fn reply(&self, prompt: Prompt) -> Reply {
        let at = self.0.clone();
        self.0.reply(
            &WIRE,
            prompt,
            Box::new(move |prompt, model, manner| {
                let mild = Prompt { temperature: prompt.temperature.min(1.5), ..prompt.clone() };
                let body = body(&mild, model, manner);
                at.bearer(at.post(at.url(&["chat", "completions"]), &body))
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.0.bearer(self.0.get(self.0.url(&["models"]))))
    }
}
