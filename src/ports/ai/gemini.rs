//! Google Gemini: `POST {base}/models/{model}:streamGenerateContent?alt=sse` with the key in `x-goog-api-key`, never in the
//! address. Roles are `user` and `model`; the system text stands in `system_instruction`.
//!
//! Every event is a `GenerateContentResponse`; there is no `[DONE]`: the one with a `finishReason` is the end, and the
//! last `usageMetadata` counts. A question that is blocked has a `promptFeedback` and no candidates.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Cause, ChatModel, Endpoint, Finish, ModelError, Prompt, Reply, Speaker,
    exchange::{Answer, Framing, Manner, Wire, from_visitor, in_stream, malformed},
};

static WIRE: Wire = Wire {
    framing: Framing::Events,
    read,
    end: "a finishReason",
    manner: Manner { temperature: true, completion_tokens: false },
    adapt: |_, _| None,
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
            Box::new(move |prompt, model, _| {
                let model = model.strip_prefix("models/").unwrap_or(model);
                let mut url = at.url(&["models", &format!("{model}:streamGenerateContent")]);
                url.query_pairs_mut().append_pair("alt", "sse");
                at.keyed(at.post(url, &body(prompt)), "x-goog-api-key")
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.0.keyed(self.0.get(self.0.url(&["models"])), "x-goog-api-key"))
    }
}

fn body(prompt: &Prompt) -> Value {
    let contents = from_visitor(&prompt.turns).iter().map(|turn| {
        let role = match turn.speaker {
            Speaker::Visitor => "user",
            Speaker::Assistant => "model",
        };
        json!({ "role": role, "parts": [{ "text": turn.text }] })
    });
    let mut body = json!({
        "contents": contents.collect::<Vec<_>>(),
        "generationConfig": { "temperature": prompt.temperature, "maxOutputTokens": prompt.max_tokens },
    });
    if !prompt.system.is_empty() {
        body["system_instruction"] = json!({ "parts": [{ "text": prompt.system }] });
    }
    body
}

/// One event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<Counts>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

fn read(answer: &mut Answer, data: &str) -> Result<Option<String>, ModelError> {
    let response: Response = match serde_json::from_str(data) {
        Ok(response) => response,
        Err(error) => return answer.fail(malformed(&error)).map(|()| None),
    };
    if let Some(error) = response.error {
        return answer.fail(in_stream(&error)).map(|()| None);
    }
    if let Some(counts) = response.usage_metadata {
        let said =
            [counts.candidates_token_count, counts.thoughts_token_count].into_iter().flatten().reduce(|a, b| a + b);
        answer.count(counts.prompt_token_count, said);
    }
    let Some(candidate) = response.candidates.into_iter().flatten().next() else {
        return match response.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            Some(_) => {
                answer.fail(ModelError::give_up(Cause::Filtered, "the vendor blocked the prompt")).map(|()| None)
            }
            None => Ok(None),
        };
    };
    match candidate.finish_reason.as_deref() {
        None | Some("" | "FINISH_REASON_UNSPECIFIED") => {}
        Some("MAX_TOKENS") => answer.finish = Some(Finish::Length),
        Some("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII") => {
            answer.finish = Some(Finish::ContentFilter);
        }
        // `STOP`, and what is new.
        Some(_) => answer.finish = Some(Finish::Stop),
    }
    let parts = candidate.content.and_then(|content| content.parts).into_iter().flatten();
    let text: String = parts.filter(|part| !part.thought).filter_map(|part| part.text).collect();
    Ok(answer.say(Some(text)))
}
