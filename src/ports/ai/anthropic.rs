//! Anthropic: `POST {base}/messages` with `x-api-key` and `anthropic-version`. The system text stands beside the messages,
//! `max_tokens` is a must, and temperatures go from 0 to 1; newer models refuse them.
//!
//! Events carry their `type`: `message_start` with the tokens of the prompt, deltas of text and of thoughts, `ping`, a
//! `message_delta` with `stop_reason` and the tokens so far, and `message_stop`, without which the answer was cut. An
//! `error` event can come at any moment.

use futures_util::future::BoxFuture;
use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};

use super::{
    ChatModel, Endpoint, Finish, ModelError, Prompt, Reply, Speaker,
    exchange::{Answer, Counted, Framing, Manner, Optional, Wire, in_stream, number, text},
};

/// The version of the API that is spoken here.
const VERSION: &str = "2023-06-01";

static WIRE: Wire = Wire {
    framing: Framing::Events,
    read,
    end: "message_stop",
    manner: Manner::FULL,
    optional: &[Optional::Temperature, Optional::System],
};

/// Anthropic.
#[derive(Clone, Debug)]
pub struct Anthropic(Endpoint);

impl Anthropic {
    /// The usual address.
    pub const URL: &str = "https://api.anthropic.com/v1";

    /// The endpoint's address is what stands before `/messages`.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
        self.0.keyed(request, "x-api-key").header("anthropic-version", VERSION)
    }
}

impl ChatModel for Anthropic {
    fn reply(&self, prompt: Prompt) -> Reply {
        let this = self.clone();
        self.0.reply(
            &WIRE,
            prompt,
            Box::new(move |prompt, model, manner| {
                this.keyed(this.0.post(this.0.url(&["messages"]), &body(prompt, model, manner)))
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.keyed(self.0.get(self.0.url(&["models"]))))
    }
}

fn body(prompt: &Prompt, model: &str, manner: Manner) -> Value {
    let messages = prompt.turns.iter().map(|turn| {
        let role = match turn.speaker {
            Speaker::Visitor => "user",
            Speaker::Assistant => "assistant",
        };
        json!({ "role": role, "content": turn.text })
    });
    let mut body = json!({
        "model": model,
        "messages": messages.collect::<Vec<_>>(),
        "max_tokens": prompt.max_tokens,
        "stream": true,
    });
    if !prompt.system.is_empty() {
        body["system"] = prompt.system.as_str().into();
    }
    if manner.temperature {
        body["temperature"] = prompt.temperature.min(1.0).into();
    }
    body
}

/// Reads an event. Kinds that are not known are none: there may be new ones.
fn read(answer: &mut Answer, event: &Map<String, Value>) -> Result<Option<String>, ModelError> {
    let of = |name: &str| event.get(name).unwrap_or(&Value::Null);
    match of("type").as_str().unwrap_or_default() {
        "message_start" => count(answer, &of("message")["usage"]),
        "content_block_start" if of("content_block")["type"] == "text" => {
            return Ok(answer.say(text(&of("content_block")["text"])));
        }
        "content_block_delta" if of("delta")["type"] == "text_delta" => {
            return Ok(answer.say(text(&of("delta")["text"])));
        }
        "message_delta" => {
            count(answer, of("usage"));
            announce(answer, &of("delta")["stop_reason"])?;
        }
        "message_stop" => {
            answer.finish = answer.announced.or(Some(Finish::Stop));
            answer.close();
        }
        "error" => answer.fail(in_stream(of("error")))?,
        // A whole answer.
        "message" => {
            count(answer, of("usage"));
            let said = answer.say(text(of("content")));
            answer.ends(of("stop_reason"))?;
            return Ok(said);
        }
        _ => {}
    }
    Ok(None)
}

/// The reason comes before the end mark.
fn announce(answer: &mut Answer, reason: &Value) -> Result<(), ModelError> {
    answer.ends(reason)?;
    answer.announced = answer.finish.take().or(answer.announced);
    Ok(())
}

fn count(answer: &mut Answer, usage: &Value) {
    let cached = [&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]];
    let cached = cached.into_iter().filter_map(number).fold(0, u64::saturating_add);
    let prompt = number(&usage["input_tokens"]).map(|tokens| tokens.saturating_add(cached));
    answer.count(Counted { prompt, completion: number(&usage["output_tokens"]), total: None });
}
