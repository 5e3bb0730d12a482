//! What OpenAI, Azure, Mistral and all who speak OpenAI's protocol have in common: the messages of a request, and the
//! chunks of an answer, `choices[0].delta.content`, a `finish_reason`, a `usage`, then `[DONE]`.
//!
//! With its `finish_reason` an answer is complete, whatever follows; without it was cut.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Finish, ModelError, Prompt, Speaker,
    exchange::{Answer, Framing, Manner, Wire, in_stream, malformed},
};
use crate::ports::http::ErrorWords;

/// The name of the end mark.
const END: &str = "a finish_reason";

/// Codes of a parameter that a model does not take.
const UNSUPPORTED: &[&str] = &["unsupported_parameter", "unsupported_value"];

/// How these vendors answer; they differ in how they are asked at first.
pub(super) const fn wire(completion_tokens: bool) -> Wire {
    let manner = Manner { temperature: true, completion_tokens };
    Wire { framing: Framing::Events, read, end: END, manner, adapt }
}

/// The system text and the turns as messages.
pub(super) fn messages(prompt: &Prompt) -> Vec<Value> {
    let mut messages = Vec::with_capacity(prompt.turns.len() + 1);
    if !prompt.system.is_empty() {
        messages.push(json!({ "role": "system", "content": prompt.system }));
    }
    for turn in &prompt.turns {
        let role = match turn.speaker {
            Speaker::Visitor => "user",
            Speaker::Assistant => "assistant",
        };
        messages.push(json!({ "role": role, "content": turn.text }));
    }
    messages
}

/// A request's body as OpenAI takes it.
pub(super) fn body(prompt: &Prompt, model: &str, manner: Manner) -> Value {
    let limit = if manner.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({
        "model": model,
        "messages": messages(prompt),
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    body[limit] = prompt.max_tokens.into();
    if manner.temperature {
        body["temperature"] = prompt.temperature.into();
    }
    body
}

/// Newer models refuse temperatures and `max_tokens`; older servers do not know `max_completion_tokens`.
fn adapt(manner: Manner, words: &ErrorWords) -> Option<Manner> {
    if !words.any(UNSUPPORTED) && !words.mentions("Unrecognized request argument") {
        return None;
    }
    if manner.temperature && words.mentions("temperature") {
        return Some(Manner { temperature: false, ..manner });
    }
    let refused = if manner.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    words.mentions(refused).then_some(Manner { completion_tokens: !manner.completion_tokens, ..manner })
}

/// One event. All fields may be missing or null; unknown ones (`reasoning_content`, filters' results) are ignored.
#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Counts>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Content>,
}

/// A text or, from Mistral's reasoning models, a list of parts, those with thoughts among them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Content {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Reads an event's data and returns its text, if it has any.
fn read(answer: &mut Answer, data: &str) -> Result<Option<String>, ModelError> {
    if data.trim() == "[DONE]" {
        answer.close();
        return Ok(None);
    }
    let (choices, usage) = match serde_json::from_str(data) {
        Ok(Chunk { error: None, choices, usage }) => (choices, usage),
        Ok(Chunk { error: Some(error), .. }) => return answer.fail(in_stream(&error)).map(|()| None),
        Err(error) => return answer.fail(malformed(&error)).map(|()| None),
    };
    if let Some(counts) = usage {
        answer.count(counts.prompt_tokens.or(Some(0)), counts.completion_tokens.or(Some(0)));
    }
    let Some(choice) = choices.into_iter().flatten().next() else { return Ok(None) };
    match choice.finish_reason.as_deref() {
        None | Some("") => {}
        Some("length" | "model_length") => answer.finish = Some(Finish::Length),
        Some("content_filter") => answer.finish = Some(Finish::ContentFilter),
        // Mistral's word for a failure on its side.
        Some("error") => return answer.fail(in_stream(&Value::Null)).map(|()| None),
        // `stop`, and vendors' own words for it.
        Some(_) => answer.finish = Some(Finish::Stop),
    }
    Ok(answer.say(choice.delta.and_then(|delta| delta.content).map(Content::text)))
}
