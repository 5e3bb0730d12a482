//! Anthropic: `POST {base}/messages` with `x-api-key` and `anthropic-version`. The system text stands beside the messages,
//! `max_tokens` is a must, and temperatures go from 0 to 1; newer models refuse them.
//!
//! Events carry their `type`: `message_start` with the tokens of the prompt, deltas of text and of thoughts, `ping`, a
//! `message_delta` with `stop_reason` and the tokens so far, and `message_stop`, without which the answer was cut. An
//! `error` event can come at any moment.

use futures_util::future::BoxFuture;
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ChatModel, Endpoint, Finish, ModelError, Prompt, Reply, Speaker,
    exchange::{Answer, Framing, Manner, Wire, from_visitor, in_stream, malformed},
};
use crate::ports::http::ErrorWords;

/// The version of the API that is spoken here.
const VERSION: &str = "2023-06-01";

static WIRE: Wire = Wire {
    framing: Framing::Events,
    read,
    end: "message_stop",
    manner: Manner { temperature: true, completion_tokens: false },
    adapt,
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
    let messages = from_visitor(&prompt.turns).iter().map(|turn| {
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

/// The words name no parameter, only the message does: "`temperature` is deprecated for this model."
fn adapt(manner: Manner, words: &ErrorWords) -> Option<Manner> {
    let refused = manner.temperature && words.any(&["invalid_request_error"]) && words.mentions("temperature");
    refused.then_some(Manner { temperature: false, ..manner })
}

/// One event. Kinds that are not known are none: there may be new ones.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Option<Start>,
    },
    ContentBlockDelta {
        delta: Delta,
    },
    MessageDelta {
        delta: Option<End>,
        usage: Option<Counts>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct End {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

fn read(answer: &mut Answer, data: &str) -> Result<Option<String>, ModelError> {
    let event = match serde_json::from_str(data) {
        Ok(event) => event,
        Err(error) => return answer.fail(malformed(&error)).map(|()| None),
    };
    match event {
        Event::MessageStart { message } => count(answer, message.and_then(|message| message.usage)),
        Event::ContentBlockDelta { delta } if delta.kind == "text_delta" => return Ok(answer.say(delta.text)),
        Event::MessageDelta { delta, usage } => {
            count(answer, usage);
            answer.announced = match delta.and_then(|delta| delta.stop_reason).as_deref() {
                None => answer.announced,
                Some("max_tokens" | "model_context_window_exceeded") => Some(Finish::Length),
                Some("refusal") => Some(Finish::ContentFilter),
                // `end_turn`, `stop_sequence`.
                Some(_) => Some(Finish::Stop),
            };
        }
        Event::MessageStop => {
            answer.finish = answer.announced.or(Some(Finish::Stop));
            answer.close();
        }
        Event::Error { error } => answer.fail(in_stream(&error))?,
        Event::ContentBlockDelta { .. } | Event::Other => {}
    }
    Ok(None)
}

fn count(answer: &mut Answer, usage: Option<Counts>) {
    if let Some(counts) = usage {
        answer.count(counts.input_tokens, counts.output_tokens);
    }
}
