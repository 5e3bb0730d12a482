//! `POST {base}/chat/completions` as OpenAI documents it ("Chat Completions", streaming) and as llama.cpp, Ollama, vLLM
//! and many others serve it.

use futures_util::future::BoxFuture;

use super::{
    ChatModel, Endpoint, ModelError, Prompt, Reply,
    chat_completions::{body, wire},
    exchange::{Manner, Wire},
};

/// Older servers know `max_tokens` only.
static WIRE: Wire = wire(Manner::FULL);

/// An endpoint that speaks OpenAI's protocol.
#[derive(Clone, Debug)]
pub struct OpenaiCompatible(Endpoint);

impl OpenaiCompatible {
    /// The endpoint's address is what stands before `/chat/completions`, such as `http://127.0.0.1:11434/v1`. Without a
    /// key, no `Authorization` is sent.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

impl ChatModel for OpenaiCompatible {
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

    /// Lists the models: that checks the key and costs no token. Endpoints without such a list count as fine.
    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.0.bearer(self.0.get(self.0.url(&["models"]))))
    }
}
