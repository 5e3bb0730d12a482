//! Google Gemini: `POST {base}/models/{model}:streamGenerateContent?alt=sse` with the key in `x-goog-api-key`, never in the
//! address. Roles are `user` and `model`; the system text stands in `system_instruction`.
//!
//! Every event is a `GenerateContentResponse`; there is no `[DONE]`: the one with a `finishReason` is the end, and the
//! last `usageMetadata` counts. A question that is blocked has a `promptFeedback` and no candidates.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::{
    Cause, ChatModel, Endpoint, ModelError, Prompt, Reply, Speaker,
    exchange::{Answer, Counted, Framing, Limit, Manner, Optional, Wire, error, in_stream, number, text},
};

static WIRE: Wire = Wire {
    framing: Framing::Events,
    read,
    end: "a finishReason",
    manner: Manner::FULL,
    optional: &[Optional::Temperature, Optional::System, Optional::Limit],
};

/// Google Gemini.
#[derive(Clone, Debug)]
pub struct Gemini(Endpoint);

impl Gemini {
    /// The usual address.
    pub const URL: &str = "https://generativelanguage.googleapis.com/v1beta";

    /// The endpoint's address is what stands before `/models`.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

impl ChatModel for Gemini {
    fn reply(&self, prompt: Prompt) -> Reply {
        let at = self.0.clone();
        self.0.reply(
            &WIRE,
            prompt,
            Box::new(move |prompt, model, manner| {
                let model = model.strip_prefix("models/").unwrap_or(model);
                let mut url = at.url(&["models", &format!("{model}:streamGenerateContent")]);
                url.query_pairs_mut().append_pair("alt", "sse");
                at.keyed(at.post(url, &body(prompt, manner)), "x-goog-api-key")
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.0.keyed(self.0.get(self.0.url(&["models"])), "x-goog-api-key"))
    }
}

fn body(prompt: &Prompt, manner: Manner) -> Value {
    let contents = prompt.turns.iter().map(|turn| {
        let role = match turn.speaker {
            Speaker::Visitor => "user",
            Speaker::Assistant => "model",
        };
        json!({ "role": role, "parts": [{ "text": turn.text }] })
    });
    let mut settings = Map::new();
    if manner.temperature {
        settings.insert("temperature".to_owned(), prompt.temperature.into());
    }
    if manner.limit != Limit::Absent {
        settings.insert("maxOutputTokens".to_owned(), prompt.max_tokens.into());
    }
    let mut body = json!({ "contents": contents.collect::<Vec<_>>(), "generationConfig": settings });
    if !prompt.system.is_empty() {
        body["system_instruction"] = json!({ "parts": [{ "text": prompt.system }] });
    }
    body
}

/// Reads an event. Its parts are thoughts or text.
fn read(answer: &mut Answer, event: &Map<String, Value>) -> Result<Option<String>, ModelError> {
    if let Some(error) = error(event) {
        return answer.fail(in_stream(error)).map(|()| None);
    }
    if let Some(usage) = event.get("usageMetadata") {
        let said = [&usage["candidatesTokenCount"], &usage["thoughtsTokenCount"]];
        answer.count(Counted {
            prompt: number(&usage["promptTokenCount"]),
            completion: said.into_iter().filter_map(number).reduce(u64::saturating_add),
            total: number(&usage["totalTokenCount"]).filter(|_| answer.has_spoken()),
        });
    }
    let Some(candidate) = event.get("candidates").and_then(|candidates| candidates.get(0)) else {
        let blocked = event.get("promptFeedback").is_some_and(|feedback| feedback["blockReason"].is_string());
        return if blocked {
            answer.fail(ModelError::give_up(Cause::Filtered, "the vendor blocked the prompt")).map(|()| None)
        } else {
            Ok(None)
        };
    };
    let said = answer.say(text(&candidate["content"]["parts"]));
    answer.ends(&candidate["finishReason"])?;
    Ok(said)
}
