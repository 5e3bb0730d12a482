//! `POST {base}/chat/completions` as OpenAI documents it ("Chat Completions", streaming) and as llama.cpp, Ollama, vLLM,
//! Azure and many others serve it.
//!
//! The stream is server-sent events: chunks with `choices[0].delta.content`, one with a `finish_reason`, one with empty
//! `choices` and the `usage`, then `[DONE]`. With its `finish_reason` an answer is complete, whatever follows; without it
//! was cut. Whoever polls the stream reads the socket: no task, no channel, and a slow reader slows the vendor down.

use std::time::Duration;

use async_stream::try_stream;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    ChatModel, Finish, ModelError, Patience, Piece, Prompt, Reply, Speaker, Usage,
    sse::{Events, TooLong},
    tried_twice,
};
use crate::ports::http::{ErrorWords, Refusal, describe, may_pass};

/// Codes of failures that stay until somebody pays.
const UNPAID: &[&str] = &["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"];

/// Codes, in an event, of failures that the same request would meet again.
const HOPELESS: &[&str] = &[
    "invalid_request_error",
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "model_not_found",
    "context_length_exceeded",
    "content_filter",
];

/// An endpoint that speaks OpenAI's protocol.
#[derive(Clone)]
pub struct OpenaiCompatible {
    http: Client,
    base_url: Url,
    api_key: Option<String>,
    default_model: Option<String>,
    patience: Patience,
}

impl OpenaiCompatible {
    /// `base_url` is what stands before `/chat/completions`, such as `https://api.openai.com/v1`; its query, if any, is
    /// kept (`?api-version=…`). Without a key, no `Authorization` is sent. `default_model` serves prompts that name none.
    pub fn new(http: Client, base_url: Url, api_key: Option<String>, default_model: Option<String>) -> Self {
        let api_key = api_key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        Self { http, base_url, api_key, default_model, patience: Patience::default() }
    }

    /// With other waiting times.
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self.http.request(method, url);
        match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The request's body, or `None` where no model is named.
    fn body(&self, prompt: Prompt) -> Option<Bytes> {
        let model = prompt.model.or_else(|| self.default_model.clone())?;
        let mut messages = Vec::with_capacity(prompt.turns.len() + 1);
        if !prompt.system.is_empty() {
            messages.push(json!({ "role": "system", "content": prompt.system }));
        }
        for turn in prompt.turns {
            let role = match turn.speaker {
                Speaker::Visitor => "user",
                Speaker::Assistant => "assistant",
            };
            messages.push(json!({ "role": role, "content": turn.text }));
        }
        let body = json!({
            "model": model,
            "messages": messages,
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_tokens,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        Some(body.to_string().into())
    }

    /// Sends the request and returns once the vendor has begun an event stream.
    async fn open(&self, body: Bytes) -> Result<Response, ModelError> {
        let request = self.request(Method::POST, &["chat", "completions"]).body(body);
        let response = accepted(request.header(header::CONTENT_TYPE, "application/json").send().await).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
        // Only these two are refused: some servers send streams as plain text, or name no type.
        match ["application/json", "text/html"].into_iter().find(|other| kind.starts_with(other.as_bytes())) {
            Some(other) => Err(ModelError::GiveUp { what: format!("the answer is {other}, not an event stream") }),
            None => Ok(response),
        }
    }

    /// One try.
    fn attempt(&self, body: Bytes) -> Reply {
        let this = self.clone();
        let Patience { first_byte, gap, .. } = self.patience;
        Box::pin(try_stream! {
            let mut limit = first_byte;
            let mut deadline = Instant::now() + limit;
            let response = timeout_at(deadline, this.open(body)).await.unwrap_or_else(|_| Err(silent(limit)))?;
            let mut body = response.bytes_stream();
            let mut events = Events::default();
            let mut answer = Answer::default();
            let mut ended = false;
            while !ended && !answer.closed {
                match timeout_at(deadline, body.next()).await {
                    Ok(Some(Ok(bytes))) => events.push(&bytes),
                    Ok(Some(Err(error))) => answer.fail(broken(error))?,
                    Ok(None) => ended = true,
                    Err(_) => answer.fail(silent(limit))?,
                }
                while !answer.closed {
                    // At the end of the body the last event may lack its closing line.
                    match if ended { events.finish() } else { events.take() } {
                        Ok(Some(data)) => {
                            if let Some(text) = answer.read(data)? {
                                yield Piece::Text(text);
                            }
                        }
                        Ok(None) => break,
                        Err(TooLong) => answer.fail(ModelError::GiveUp { what: "an event is too long".to_owned() })?,
                    }
                }
                limit = gap;
                deadline = Instant::now() + limit;
            }
            yield answer.end()?;
        })
    }
}

impl ChatModel for OpenaiCompatible {
    fn reply(&self, prompt: Prompt) -> Reply {
        let Some(body) = self.body(prompt) else {
            let what = "no model is named: set YANIT_OPENAI_MODEL or the assistant's model".to_owned();
            return stream::iter([Err(ModelError::GiveUp { what })]).boxed();
        };
        let this = self.clone();
        tried_twice(self.patience, move || this.attempt(body.clone()))
    }

    /// Lists the models: that checks the key and costs no token. Endpoints without such a list count as fine.
    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        let (request, limit) = (self.request(Method::GET, &["models"]), self.patience.health);
        let asked = async {
            match request.send().await {
                Ok(response) if response.status() == StatusCode::NOT_FOUND => Ok(()),
                sent => accepted(sent).await.map(drop),
            }
        };
        async move { timeout(limit, asked).await.unwrap_or_else(|_| Err(silent(limit))) }.boxed()
    }
}

/// A response with a status of success, or what the failure means.
async fn accepted(sent: reqwest::Result<Response>) -> Result<Response, ModelError> {
    match sent {
        Ok(response) if response.status().is_success() => Ok(response),
        Ok(response) => {
            let refusal = Refusal::read(response).await;
            let what = refusal.to_string();
            let passes = may_pass(refusal.status) && !refusal.words.any(UNPAID);
            Err(if passes {
                ModelError::Retry { after: refusal.retry_after, what }
            } else {
                ModelError::GiveUp { what }
            })
        }
        Err(error) if error.is_builder() => Err(ModelError::GiveUp { what: describe(error) }),
        Err(error) => Err(broken(error)),
    }
}

fn broken(error: reqwest::Error) -> ModelError {
    ModelError::Retry { after: None, what: describe(error) }
}

fn silent(limit: Duration) -> ModelError {
    ModelError::Retry { after: None, what: format!("nothing came for {limit:?}") }
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
    content: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// How far an answer has come.
#[derive(Default)]
struct Answer {
    spoken: bool,
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// Nothing more is to be read.
    closed: bool,
}

impl Answer {
    /// Reads an event's data and returns its text, if it has any.
    fn read(&mut self, data: &str) -> Result<Option<String>, ModelError> {
        if data.trim() == "[DONE]" {
            self.closed = true;
            return Ok(None);
        }
        let (choices, usage) = match serde_json::from_str(data) {
            Ok(Chunk { error: None, choices, usage }) => (choices, usage),
            Ok(Chunk { error: Some(error), .. }) => return self.fail(in_stream(&error)).map(|()| None),
            Err(error) => return self.fail(malformed(&error)).map(|()| None),
        };
        if let Some(counts) = usage {
            let [prompt_tokens, completion_tokens] = [counts.prompt_tokens, counts.completion_tokens]
                .map(|tokens| tokens.unwrap_or_default().try_into().unwrap_or(u32::MAX));
            self.usage = Some(Usage { prompt_tokens, completion_tokens });
        }
        let Some(choice) = choices.into_iter().flatten().next() else { return Ok(None) };
        match choice.finish_reason.as_deref() {
            None | Some("") => {}
            Some("length" | "model_length") => self.finish = Some(Finish::Length),
            Some("content_filter") => self.finish = Some(Finish::ContentFilter),
            // Mistral's word for a failure on its side.
            Some("error") => return self.fail(in_stream(&Value::Null)).map(|()| None),
            // `stop`, and vendors' own words for it.
            Some(_) => self.finish = Some(Finish::Stop),
        }
        let text = choice.delta.and_then(|delta| delta.content).filter(|text| !text.is_empty());
        self.spoken |= text.is_some();
        Ok(text)
    }

    /// What a failure means at this point: nothing once the answer is complete, a cut once it has begun.
    fn fail(&mut self, error: ModelError) -> Result<(), ModelError> {
        self.closed = true;
        match self.finish {
            Some(_) => Ok(()),
            None if self.spoken => Err(ModelError::Truncated { what: error.what().to_owned() }),
            None => Err(error),
        }
    }

    /// The last piece, when there is nothing more to read.
    fn end(self) -> Result<Piece, ModelError> {
        let cut = || ModelError::Truncated { what: "the stream ended without a finish_reason".to_owned() };
        self.finish.map(|finish| Piece::Done { finish, usage: self.usage }).ok_or_else(cut)
    }
}

/// What an error inside a stream means, whose status was 200.
fn in_stream(error: &Value) -> ModelError {
    let words = ErrorWords::of(error);
    let what = format!("the vendor failed within the stream{words}");
    if words.any(UNPAID) || words.any(HOPELESS) || words.status().is_some_and(|status| !may_pass(status)) {
        ModelError::GiveUp { what }
    } else {
        ModelError::Retry { after: None, what }
    }
}

/// A chunk that cannot be read. Its text is not quoted, nor is the error's own, which may quote it.
fn malformed(error: &serde_json::Error) -> ModelError {
    let what = format!("a chunk is malformed at column {}", error.column());
    if error.is_eof() { ModelError::Truncated { what } } else { ModelError::GiveUp { what } }
}
