//! Every vendor of chat models on this machine: each checks requests as strictly as the real one, refuses with the real
//! one's errors, and answers in its exact wire format, which tests then cut, delay and spoil.

#![expect(clippy::expect_used, reason = "a harness fails loudly")]

use std::sync::Arc;

use serde_json::{Map, Value, json};
use yanit::ports::{
    ai::{
        Anthropic, ApiKey, AzureOpenai, ChatModel, Endpoint, Gemini, Manners, Mistral, Ollama, Openai as OpenaiModel,
        OpenaiCompatible, Patience,
    },
    http,
};

use super::openai::{ANSWER, Openai as Server, Request, Script};

/// The key that every vendor here takes.
pub(crate) const KEY: &str = "sk-vendor-secret-1234";
/// A model that every vendor has.
pub(crate) const MODEL: &str = "small-1";
/// A model that takes no temperature and, at OpenAI, no `max_tokens`.
pub(crate) const REASONING: &str = "reasoning-1";
/// The version of Azure's API.
pub(crate) const API_VERSION: &str = "2024-10-21";

/// A vendor and with it a wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Openai,
    Compatible,
    Azure,
    Mistral,
    Ollama,
    Anthropic,
    Gemini,
}

pub(crate) const ALL: [Vendor; 7] = [
    Vendor::Openai,
    Vendor::Compatible,
    Vendor::Azure,
    Vendor::Mistral,
    Vendor::Ollama,
    Vendor::Anthropic,
    Vendor::Gemini,
];

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Stop,
    Length,
    Filter,
}

/// A kind of refusal, which each vendor words in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KeyRefused,
    ModelUnknown,
    Invalid,
    RateLimited,
    Overloaded,
    Broken,
}

impl Vendor {
    /// A server that speaks as this vendor.
    pub(crate) async fn start(self) -> Server {
        let usual = match self {
            Self::Openai | Self::Compatible => || Self::Openai.script(&[ANSWER]),
            Self::Azure => || Self::Azure.script(&[ANSWER]),
            Self::Mistral => || Self::Mistral.script(&[ANSWER]),
            Self::Ollama => || Self::Ollama.script(&[ANSWER]),
            Self::Anthropic => || Self::Anthropic.script(&[ANSWER]),
            Self::Gemini => || Self::Gemini.script(&[ANSWER]),
        };
        Server::speaking(Box::new(move |request| self.checked(request).err()), usual).await
    }

    /// The base address of such a server.
    pub(crate) fn base_url(self, server: &Server) -> String {
        match self {
            Self::Openai | Self::Compatible | Self::Mistral | Self::Anthropic => server.url(),
            Self::Azure | Self::Ollama => server.root(),
            Self::Gemini => format!("{}/v1beta", server.root()),
        }
    }

    /// The adapter, set to such a server.
    pub(crate) fn model(self, server: &Server, key: &str, patience: Patience) -> Arc<dyn ChatModel> {
        let url = self.base_url(server).parse().expect("an address");
        let http = http::client().expect("a client");
        let endpoint = Endpoint::new(http, url, ApiKey::new(key), Some(MODEL.into()));
        let endpoint = endpoint.patience(patience).manners(Manners::default());
        match self {
            Self::Openai => Arc::new(OpenaiModel::new(endpoint)),
            Self::Compatible => Arc::new(OpenaiCompatible::new(endpoint)),
            Self::Azure => Arc::new(AzureOpenai::new(endpoint, API_VERSION.into())),
            Self::Mistral => Arc::new(Mistral::new(endpoint)),
            Self::Ollama => Arc::new(Ollama::new(endpoint)),
            Self::Anthropic => Arc::new(Anthropic::new(endpoint)),
            Self::Gemini => Arc::new(Gemini::new(endpoint)),
        }
    }

    /// A whole answer.
    pub(crate) fn script(self, words: &[&str]) -> Script {
        self.begun().raw(self.body(words, Ending::Stop)).end_without_done()
    }

    /// The headers of an answer.
    pub(crate) fn begun(self) -> Script {
        Script::streams(match self {
            Self::Openai | Self::Compatible | Self::Anthropic => "text/event-stream; charset=utf-8",
            Self::Azure | Self::Mistral | Self::Gemini => "text/event-stream",
            Self::Ollama => "application/x-ndjson",
        })
    }

    /// The body of an answer: 12 tokens were read, 2 written.
    pub(crate) fn body(self, words: &[&str], ending: Ending) -> String {
        let words = words.iter().map(|word| self.word(word));
        [self.opening()].into_iter().chain(words).chain([self.closing(ending)]).collect()
    }

    /// What comes before the first word.
    pub(crate) fn opening(self) -> String {
        match self {
            Self::Openai | Self::Compatible => {
                chunk(json!({ "role": "assistant", "content": "", "refusal": null }), None)
            }
            Self::Azure => {
                let filters = json!({ "hate": { "filtered": false, "severity": "safe" } });
                let first = json!({ "choices": [], "created": 0, "id": "", "model": "", "object": "",
                    "prompt_filter_results": [{ "prompt_index": 0, "content_filter_results": filters }] });
                data(&first) + &chunk(json!({ "role": "assistant", "content": "" }), None)
            }
            Self::Mistral => chunk(json!({ "role": "assistant", "content": "" }), None),
            Self::Ollama | Self::Gemini => String::new(),
            Self::Anthropic => {
                let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": MODEL,
                    "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 12, "output_tokens": 1 } });
                event(&json!({ "type": "message_start", "message": message }))
                    + &event(
                        &json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
                    )
                    + &event(&json!({ "type": "ping" }))
            }
        }
    }

    /// A piece of text.
    pub(crate) fn word(self, word: &str) -> String {
        match self {
            Self::Openai | Self::Compatible | Self::Azure | Self::Mistral => chunk(json!({ "content": word }), None),
            Self::Ollama => line(&json!({ "model": MODEL, "created_at": "2025-11-04T08:00:00.123456Z",
                "message": { "role": "assistant", "content": word }, "done": false })),
            Self::Anthropic => event(&json!({ "type": "content_block_delta", "index": 0,
                "delta": { "type": "text_delta", "text": word } })),
            Self::Gemini => crlf(&json!({
                "candidates": [{ "content": { "parts": [{ "text": word }], "role": "model" }, "index": 0 }],
                "usageMetadata": { "promptTokenCount": 12, "totalTokenCount": 12 },
                "modelVersion": MODEL, "responseId": "r1" })),
        }
    }

    /// Thoughts, which are not for the visitor; empty where the vendor sends none.
    pub(crate) fn thought(self) -> String {
        match self {
            Self::Openai | Self::Azure => String::new(),
            Self::Compatible => chunk(json!({ "content": null, "reasoning_content": "hmm" }), None),
            Self::Mistral => chunk(
                json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "hmm" }] }] }),
                None,
            ),
            Self::Ollama => line(&json!({ "model": MODEL, "created_at": "2025-11-04T08:00:00Z",
                "message": { "role": "assistant", "content": "", "thinking": "hmm" }, "done": false })),
            Self::Anthropic => event(&json!({ "type": "content_block_delta", "index": 0,
                "delta": { "type": "thinking_delta", "thinking": "hmm" } })),
            Self::Gemini => crlf(&json!({
                "candidates": [{ "content": { "parts": [{ "text": "hmm", "thought": true }], "role": "model" } }] })),
        }
    }

    /// The end mark with everything before it that is no text.
    pub(crate) fn closing(self, ending: Ending) -> String {
        let openai = match ending {
            Ending::Stop => "stop",
            Ending::Length => "length",
            Ending::Filter => "content_filter",
        };
        let usage = json!({ "prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14 });
        match self {
            Self::Openai | Self::Compatible | Self::Azure => {
                let last = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
                    "choices": [], "usage": usage });
                chunk(json!({}), Some(openai)) + &data(&last) + "data: [DONE]\n\n"
            }
            Self::Mistral => {
                let last = json!({ "id": "cmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
                    "choices": [{ "index": 0, "delta": { "content": "" }, "finish_reason": openai }], "usage": usage });
                data(&last) + "data: [DONE]\n\n"
            }
            Self::Ollama => {
                let reason = if ending == Ending::Length { "length" } else { "stop" };
                line(&json!({ "model": MODEL, "created_at": "2025-11-04T08:00:01Z",
                    "message": { "role": "assistant", "content": "" }, "done_reason": reason, "done": true,
                    "total_duration": 5_191_566_416_u64, "load_duration": 1_154_458, "prompt_eval_count": 12,
                    "prompt_eval_duration": 383_809_000, "eval_count": 2, "eval_duration": 4_799_921_000_u64 }))
            }
            Self::Anthropic => {
                let reason = match ending {
                    Ending::Stop => "end_turn",
                    Ending::Length => "max_tokens",
                    Ending::Filter => "refusal",
                };
                event(&json!({ "type": "content_block_stop", "index": 0 }))
                    + &event(
                        &json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null },
                        "usage": { "output_tokens": 2 } }),
                    )
                    + &event(&json!({ "type": "message_stop" }))
            }
            Self::Gemini => {
                let reason = match ending {
                    Ending::Stop => "STOP",
                    Ending::Length => "MAX_TOKENS",
                    Ending::Filter => "SAFETY",
                };
                crlf(&json!({
                    "candidates": [{ "content": { "parts": [{ "text": "" }], "role": "model" }, "finishReason": reason, "index": 0 }],
                    "usageMetadata": { "promptTokenCount": 12, "candidatesTokenCount": 2, "totalTokenCount": 14 },
                    "modelVersion": MODEL, "responseId": "r1" }))
            }
        }
    }

    /// An error after the answer has begun, with status 200; its text is nobody's business.
    pub(crate) fn error_event(self) -> String {
        match self {
            Self::Openai | Self::Compatible | Self::Azure => data(&json!({ "error":
                { "message": "secret", "type": "server_error", "param": null, "code": null } })),
            // Mistral's own way: a reason for the end.
            Self::Mistral => chunk(json!({ "content": "" }), Some("error")),
            Self::Ollama => line(&json!({ "error": "secret: an unexpected error was encountered" })),
            Self::Anthropic => event(&json!({ "type": "error",
                "error": { "details": null, "type": "overloaded_error", "message": "secret" }, "request_id": "req_1" })),
            Self::Gemini => crlf(&json!({ "error": { "code": 503, "message": "secret", "status": "UNAVAILABLE" } })),
        }
    }

    /// An event that is no JSON.
    pub(crate) fn malformed(self) -> &'static str {
        match self {
            Self::Ollama => "secret\n",
            Self::Openai | Self::Compatible | Self::Azure | Self::Mistral | Self::Anthropic | Self::Gemini => {
                "data: secret\n\n"
            }
        }
    }

    /// A refusal in this vendor's words.
    pub(crate) fn refuses(self, fault: Fault) -> Script {
        let (status, body) = match self {
            Self::Openai | Self::Compatible => openai_error(fault),
            Self::Azure => azure_error(fault),
            Self::Mistral => mistral_error(fault),
            Self::Ollama => ollama_error(fault),
            Self::Anthropic => anthropic_error(fault),
            Self::Gemini => gemini_error(fault),
        };
        Script::responds(status, "application/json", &body.to_string())
    }

    /// What the vendor refuses of a request, or lists, without playing a script.
    fn checked(self, request: &Request) -> Result<(), Script> {
        let key = |header: &str| request.headers.get(header).map(String::as_str);
        let (given, other) = match self {
            Self::Openai | Self::Compatible | Self::Mistral => {
                (key("authorization").and_then(|value| value.strip_prefix("Bearer ")), None)
            }
            Self::Azure => (key("api-key"), key("authorization")),
            // Takes every key, as the proxy before it may ask for one.
            Self::Ollama => (Some(KEY), None),
            Self::Anthropic => (key("x-api-key"), key("authorization")),
            Self::Gemini => (key("x-goog-api-key"), key("authorization")),
        };
        if given != Some(KEY) || other.is_some() || request.line.contains(KEY) {
            return Err(self.refuses(Fault::KeyRefused));
        }
        if self == Self::Anthropic && key("anthropic-version") != Some("2023-06-01") {
            return Err(self.refuses(Fault::Invalid));
        }
        let target = match request.line.split_once(' ') {
            Some(("GET", path)) => return Err(self.listed(path)),
            Some(("POST", path)) if key("content-type") == Some("application/json") => path,
            _ => return Err(self.refuses(Fault::Invalid)),
        };
        let Value::Object(body) = &request.body else { return Err(self.refuses(Fault::Invalid)) };
        let model = self.model_named(target, body).ok_or_else(|| self.refuses(Fault::ModelUnknown))?;
        if ![MODEL, REASONING].contains(&model) {
            return Err(self.refuses(Fault::ModelUnknown));
        }
        if !self.body_is_known(body) {
            return Err(self.refuses(Fault::Invalid));
        }
        self.manner(body, model)
    }

    /// What lists of models answer, which check the key.
    fn listed(self, path: &str) -> Script {
        let known = match self {
            Self::Openai | Self::Compatible | Self::Mistral | Self::Anthropic => path == "/v1/models",
            Self::Azure => path == format!("/openai/models?api-version={API_VERSION}"),
            Self::Ollama => path == "/api/tags",
            Self::Gemini => path == "/v1beta/models",
        };
        // Not 404, which would count as healthy.
        let status = if known { 200 } else { 405 };
        Script::responds(status, "application/json", r#"{"data":[],"models":[]}"#)
    }

    /// The model that is asked, where the path is the right one.
    fn model_named<'a>(self, target: &'a str, body: &'a Map<String, Value>) -> Option<&'a str> {
        let fixed = match self {
            Self::Openai | Self::Compatible | Self::Mistral => "/v1/chat/completions",
            Self::Ollama => "/api/chat",
            Self::Anthropic => "/v1/messages",
            Self::Azure => {
                let rest = target.strip_prefix("/openai/deployments/")?;
                return rest.strip_suffix(&format!("/chat/completions?api-version={API_VERSION}"));
            }
            Self::Gemini => {
                return target.strip_prefix("/v1beta/models/")?.strip_suffix(":streamGenerateContent?alt=sse");
            }
        };
        if target == fixed { body.get("model")?.as_str() } else { None }
    }

    /// True if the body has all that is needed and nothing that the vendor does not know.
    fn body_is_known(self, body: &Map<String, Value>) -> bool {
        let (needed, known): (&[&str], &[&str]) = match self {
            Self::Openai | Self::Compatible | Self::Azure => (
                &["model", "messages", "stream", "stream_options"],
                &["max_tokens", "max_completion_tokens", "temperature"],
            ),
            Self::Mistral => (&["model", "messages", "stream"], &["max_tokens", "temperature"]),
            Self::Ollama => (&["model", "messages", "stream", "options"], &[]),
            Self::Anthropic => (&["model", "messages", "max_tokens", "stream"], &["system", "temperature"]),
            Self::Gemini => (&["contents", "generationConfig"], &["system_instruction"]),
        };
        let complete = needed.iter().all(|name| body.contains_key(*name));
        let strict = body.keys().all(|name| needed.contains(&name.as_str()) || known.contains(&name.as_str()));
        let streams = self == Self::Gemini || body["stream"] == true;
        complete && strict && streams && self.turns_are_right(body)
    }

    fn turns_are_right(self, body: &Map<String, Value>) -> bool {
        let (list, roles): (_, &[&str]) = match self {
            Self::Gemini => ("contents", &["user", "model"]),
            Self::Anthropic => ("messages", &["user", "assistant"]),
            Self::Openai | Self::Compatible | Self::Azure | Self::Mistral | Self::Ollama => {
                ("messages", &["system", "user", "assistant"])
            }
        };
        let Some(turns) = body[list].as_array().filter(|turns| !turns.is_empty()) else { return false };
        let begins = !matches!(self, Self::Gemini | Self::Anthropic) || turns[0]["role"] == "user";
        let text = |turn: &Value| {
            let text = if self == Self::Gemini { &turn["parts"][0]["text"] } else { &turn["content"] };
            text.as_str().map(str::len)
        };
        begins
            && turns.last().is_some_and(|turn| turn["role"] == "user")
            && turns
                .iter()
                .all(|turn| roles.iter().any(|role| turn["role"] == *role) && text(turn).is_some_and(|n| n > 0))
    }

    /// Refuses what this model does not take, in words from which a program can learn.
    fn manner(self, body: &Map<String, Value>, model: &str) -> Result<(), Script> {
        let hot = |from: &Value, most: f64| from.as_f64().is_some_and(|heat| !(0.0..=most).contains(&heat));
        let too_hot = match self {
            Self::Openai | Self::Compatible | Self::Azure => body.get("temperature").is_some_and(|t| hot(t, 2.0)),
            Self::Mistral => body.get("temperature").is_some_and(|t| hot(t, 1.5)),
            Self::Anthropic => body.get("temperature").is_some_and(|t| hot(t, 1.0)),
            Self::Gemini => hot(&body["generationConfig"]["temperature"], 2.0),
            Self::Ollama => false,
        };
        if too_hot {
            return Err(self.refuses(Fault::Invalid));
        }
        if model != REASONING {
            return Ok(());
        }
        let openai = |param: &str, code: &str, message: &str| {
            let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": code });
            Err(Script::responds(400, "application/json", &json!({ "error": error }).to_string()))
        };
        match self {
            Self::Openai | Self::Compatible | Self::Azure if body.contains_key("max_tokens") => openai(
                "max_tokens",
                "unsupported_parameter",
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            ),
            Self::Openai | Self::Compatible | Self::Azure if body.contains_key("temperature") => openai(
                "temperature",
                "unsupported_value",
                "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
            ),
            Self::Anthropic if body.contains_key("temperature") => {
                let error = json!({ "type": "invalid_request_error", "message": "`temperature` is deprecated for this model." });
                let body = json!({ "type": "error", "error": error, "request_id": "req_1" });
                Err(Script::responds(400, "application/json", &body.to_string()))
            }
            Self::Openai
            | Self::Compatible
            | Self::Azure
            | Self::Mistral
            | Self::Ollama
            | Self::Anthropic
            | Self::Gemini => Ok(()),
        }
    }
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// As Google ends its lines.
fn crlf(value: &Value) -> String {
    format!("data: {value}\r\n\r\n")
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// An event of Anthropic's, named by its type.
fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().expect("a type"))
}

/// A chunk of OpenAI's.
fn chunk(delta: Value, finish: Option<&str>) -> String {
    data(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_762_243_200, "model": MODEL,
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }],
    }))
}

fn openai_error(fault: Fault) -> (u16, Value) {
    let (status, kind, code) = match fault {
        Fault::KeyRefused => (401, "invalid_request_error", "invalid_api_key"),
        Fault::ModelUnknown => (404, "invalid_request_error", "model_not_found"),
        Fault::Invalid => (400, "invalid_request_error", "invalid_value"),
        Fault::RateLimited => (429, "requests", "rate_limit_exceeded"),
        Fault::Overloaded => (503, "server_error", "overloaded"),
        Fault::Broken => (500, "server_error", "internal_error"),
    };
    (status, json!({ "error": { "message": "secret", "type": kind, "param": null, "code": code } }))
}

fn azure_error(fault: Fault) -> (u16, Value) {
    let (status, code) = match fault {
        Fault::KeyRefused => (401, "401"),
        Fault::ModelUnknown => (404, "DeploymentNotFound"),
        Fault::Invalid => (400, "BadRequest"),
        Fault::RateLimited => (429, "429"),
        Fault::Overloaded => (503, "ServiceUnavailable"),
        Fault::Broken => (500, "InternalServerError"),
    };
    (status, json!({ "error": { "code": code, "message": "secret" } }))
}

fn mistral_error(fault: Fault) -> (u16, Value) {
    let error = |message: Value, kind: &str, code: Value| json!({ "object": "error", "message": message, "type": kind, "param": null, "code": code });
    let forbidden = json!({ "detail": [{ "type": "extra_forbidden", "loc": ["body", "x"], "msg": "secret" }] });
    match fault {
        Fault::KeyRefused => (401, json!({ "detail": "Unauthorized" })),
        Fault::ModelUnknown => (400, error(json!("secret"), "invalid_model", json!("1500"))),
        Fault::Invalid => (422, error(forbidden, "invalid_request_error", Value::Null)),
        Fault::RateLimited => (429, error(json!("secret"), "rate_limited", json!("1300"))),
        Fault::Overloaded => (503, error(json!("secret"), "service_unavailable", json!("3000"))),
        Fault::Broken => (500, error(json!("secret"), "internal_server_error", json!("3700"))),
    }
}

fn ollama_error(fault: Fault) -> (u16, Value) {
    let status = match fault {
        Fault::KeyRefused => 401,
        Fault::ModelUnknown => 404,
        Fault::Invalid => 400,
        Fault::RateLimited => 429,
        Fault::Overloaded => 503,
        Fault::Broken => 500,
    };
    (status, json!({ "error": "secret" }))
}

fn anthropic_error(fault: Fault) -> (u16, Value) {
    let (status, kind) = match fault {
        Fault::KeyRefused => (401, "authentication_error"),
        Fault::ModelUnknown => (404, "not_found_error"),
        Fault::Invalid => (400, "invalid_request_error"),
        Fault::RateLimited => (429, "rate_limit_error"),
        Fault::Overloaded => (529, "overloaded_error"),
        Fault::Broken => (500, "api_error"),
    };
    (status, json!({ "type": "error", "error": { "type": kind, "message": "secret" }, "request_id": "req_1" }))
}

fn gemini_error(fault: Fault) -> (u16, Value) {
    let (code, status) = match fault {
        Fault::KeyRefused | Fault::Invalid => (400, "INVALID_ARGUMENT"),
        Fault::ModelUnknown => (404, "NOT_FOUND"),
        Fault::RateLimited => (429, "RESOURCE_EXHAUSTED"),
        Fault::Overloaded => (503, "UNAVAILABLE"),
        Fault::Broken => (500, "INTERNAL"),
    };
    let mut error = json!({ "code": code, "message": "secret", "status": status });
    if fault == Fault::KeyRefused {
        error["details"] = json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
            "domain": "googleapis.com", "metadata": { "service": "generativelanguage.googleapis.com" } }]);
    }
    (code, json!({ "error": error }))
}
