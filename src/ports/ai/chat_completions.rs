//! What OpenAI, Azure, Mistral and all who speak OpenAI's protocol have in common: the messages of a request, and the
//! chunks of an answer, `choices[0].delta.content`, a `finish_reason`, a `usage`, then `[DONE]`.
//!
//! With its `finish_reason` or `[DONE]` an answer is complete, whatever follows; without it was cut. Of everything else
//! only what is needed is read, so that fields of a type that nobody expects do no harm.

use serde_json::{Map, Value, json};

use super::{
    Finish, ModelError, Prompt, Speaker,
    exchange::{Answer, Counted, Framing, Limit, Manner, Optional, Wire, error, in_stream, number, text},
};
use crate::ports::ai::Cause;

/// The name of the end mark.
const END: &str = "a finish_reason";

/// What models and servers of this protocol do not all take.
const OPTIONAL: &[Optional] =
    &[Optional::Usage, Optional::Temperature, Optional::System, Optional::Limit, Optional::Stream];

/// How these vendors answer; they differ in how they are asked at first.
pub(super) const fn wire(manner: Manner) -> Wire {
    Wire { framing: Framing::Events, read, end: END, manner, optional: OPTIONAL }
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
    let mut body = json!({ "model": model, "messages": messages(prompt), "stream": manner.stream });
    if manner.usage {
        body["stream_options"] = json!({ "include_usage": true });
    }
    match manner.limit {
        Limit::MaxTokens => body["max_tokens"] = prompt.max_tokens.into(),
        Limit::MaxCompletionTokens => body["max_completion_tokens"] = prompt.max_tokens.into(),
        Limit::Absent => {}
    }
    if manner.temperature {
        body["temperature"] = prompt.temperature.into();
    }
    body
}

/// Reads an event and returns its text, if it has any. Unknown fields (`reasoning_content`, filters' results) are ignored.
fn read(answer: &mut Answer, chunk: &Map<String, Value>) -> Result<Option<String>, ModelError> {
    if let Some(error) = error(chunk) {
        return answer.fail(in_stream(error)).map(|()| None);
    }
    if let Some(usage) = chunk.get("usage") {
        answer.count(Counted {
            prompt: number(&usage["prompt_tokens"]),
            completion: number(&usage["completion_tokens"]),
            total: number(&usage["total_tokens"]),
        });
    }
    let choice = match chunk.get("choices") {
        Some(Value::Array(choices)) => {
            let is_first = |index: &Value| index.is_null() || index == "0" || index.as_f64() == Some(0.0);
            choices.iter().find(|choice| choice.get("index").is_none_or(is_first))
        }
        None | Some(Value::Null | Value::Object(_)) => None,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            let what = "a chunk is malformed: its choices are no list";
            return answer.fail(ModelError::give_up(Cause::NotUnderstood, what)).map(|()| None);
        }
    };
    let Some(choice) = choice else { return Ok(None) };
    // A refusal in the model's own words stands beside the content, which is then missing.
    if choice["delta"]["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty()) {
        answer.announced = Some(Finish::ContentFilter);
    }
    // A whole answer has a message; the last chunk of some servers repeats it.
    let said = [&choice["delta"]["content"], &choice["message"]["content"], &choice["text"]];
    let mut said = said.into_iter().take(if answer.has_spoken() { 1 } else { 3 });
    let said = said.find_map(|content| text(content).filter(|text| !text.is_empty()));
    let said = answer.say(said.or_else(|| text(&choice["text"])));
    answer.ends(&choice["finish_reason"])?;
    Ok(said)
}
