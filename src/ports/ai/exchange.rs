//! One exchange with a vendor: what all wire formats have in common.
//!
//! A request is sent, and whoever polls the answer reads the socket: no task, no channel, and a slow reader slows the
//! vendor down. What differs between vendors is their [`Wire`]: how events are cut out of the bytes and what they mean.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_stream::try_stream;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header, header::HeaderValue};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Cause, Finish, ModelError, Patience, Piece, Prompt, Reply, Speaker, Turn, Usage,
    lines::{Lines, TooLong},
    sse::Events,
    tried_twice,
};
use crate::ports::http::{ErrorWords, Refusal, describe, may_pass};

/// Names of failures that stay until somebody pays.
const UNPAID: &[&str] = &["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"];
/// Names of a key that is wrong or may not do this.
const KEY_REFUSED: &[&str] = &[
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "API_KEY_INVALID",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
];
/// Names of a model that does not exist, or not for this key.
const MODEL_UNKNOWN: &[&str] =
    &["model_not_found", "not_found_error", "NOT_FOUND", "DeploymentNotFound", "invalid_model", "unknown_model"];
/// Names of what a filter has stopped.
const FILTERED: &[&str] = &["content_filter", "content_policy_violation"];
/// Names of other requests that would be refused again.
const REFUSED: &[&str] = &[
    "invalid_request_error",
    "context_length_exceeded",
    "request_too_large",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
];
/// Names of too many requests at once.
const TOO_MANY: &[&str] = &["rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"];

/// A vendor's key. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(Arc<str>);

impl ApiKey {
    /// A key without the spaces around it; `None` where nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The key itself, to be sent to its vendor or to be encrypted.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Where a vendor is reached, and how.
#[derive(Clone, Debug)]
pub struct Endpoint {
    http: Client,
    base_url: Url,
    key: Option<ApiKey>,
    default_model: Option<String>,
    patience: Patience,
    manners: Manners,
}

impl Endpoint {
    /// `base_url` is what stands before the paths of the vendor's API, `https://api.openai.com/v1`; its query, if any, is
    /// kept. Without a key, none is sent. `default_model` serves prompts that name none.
    pub fn new(http: Client, base_url: Url, key: Option<ApiKey>, default_model: Option<String>) -> Self {
        Self { http, base_url, key, default_model, patience: Patience::default(), manners: Manners::default() }
    }

    /// With other waiting times.
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Remembers in `manners` what models refuse.
    pub fn manners(self, manners: Manners) -> Self {
        Self { manners, ..self }
    }

    pub(super) fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The address of a path below the base address. Segments are escaped.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    pub(super) fn post(&self, url: Url, body: &Value) -> RequestBuilder {
        self.http.post(url).header(header::CONTENT_TYPE, "application/json").body(body.to_string())
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.http.get(url)
    }

    /// Adds `Authorization: Bearer …`, if there is a key.
    pub(super) fn bearer(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    /// Adds the key, if there is one, in a header of the vendor's own.
    pub(super) fn keyed(&self, request: RequestBuilder, name: &'static str) -> RequestBuilder {
        let Some(key) = &self.key else { return request };
        match HeaderValue::from_str(key.expose()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                request.header(name, value)
            }
            // Fails when it is sent, as it should.
            Err(_) => request.header(name, key.expose()),
        }
    }

    /// The answer to a prompt. `make` writes the request.
    pub(super) fn reply(&self, wire: &'static Wire, prompt: Prompt, make: Make) -> Reply {
        let Some(model) = prompt.model.clone().or_else(|| self.default_model.clone()) else {
            let what = "no model is named: name one in the assistant's or the server's settings";
            return stream::iter([Err(ModelError::give_up(Cause::NoModel, what))]).boxed();
        };
        let this = self.clone();
        let asking = Arc::new(Asking { model, prompt, make });
        tried_twice(self.patience, move || attempt(this.clone(), wire, asking.clone()))
    }

    /// Whether a request that costs nothing is answered. An endpoint that does not know it counts as fine.
    pub(super) fn health(&self, request: RequestBuilder) -> BoxFuture<'static, Result<(), ModelError>> {
        let limit = self.patience.health;
        let asked = async {
            match request.send().await {
                Ok(response) if response.status() == StatusCode::NOT_FOUND => Ok(()),
                sent => accepted(sent).await.map(drop).map_err(|refused| refused.error),
            }
        };
        async move { timeout(limit, asked).await.unwrap_or_else(|_| Err(silent(limit))) }.boxed()
    }
}

/// How a vendor's answers are written.
pub(super) struct Wire {
    /// How events stand in the body.
    pub(super) framing: Framing,
    /// Reads one event and returns its text, if it has any.
    pub(super) read: fn(&mut Answer, &str) -> Result<Option<String>, ModelError>,
    /// The mark without which an answer is not complete.
    pub(super) end: &'static str,
    /// How models of this vendor are asked at first.
    pub(super) manner: Manner,
    /// Another manner of asking, where a refusal says that this one is the reason.
    pub(super) adapt: fn(Manner, &ErrorWords) -> Option<Manner>,
}

/// How events stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// A JSON object a line.
    Lines,
}

/// Writes a request: a prompt for a model, in a manner.
pub(super) type Make = Box<dyn Fn(&Prompt, &str, Manner) -> RequestBuilder + Send + Sync>;

struct Asking {
    model: String,
    prompt: Prompt,
    make: Make,
}

/// How a model wants to be asked, where models of one vendor differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// It takes a temperature. Newer reasoning models refuse every one but their own.
    pub(super) temperature: bool,
    /// It takes `max_completion_tokens` instead of `max_tokens`.
    pub(super) completion_tokens: bool,
}

/// What was learnt of models, by address and name, so that each is refused once only. Shared by all endpoints of a server.
#[derive(Clone, Debug, Default)]
pub struct Manners(Arc<Mutex<HashMap<String, Manner>>>);

/// Most models that are remembered.
const MODELS_REMEMBERED: usize = 1_000;

impl Manners {
    fn of(&self, endpoint: &Url, model: &str) -> Option<Manner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&format!("{endpoint} {model}")).copied()
    }

    fn learn(&self, endpoint: &Url, model: &str, manner: Manner) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MODELS_REMEMBERED {
            known.clear();
        }
        known.insert(format!("{endpoint} {model}"), manner);
    }
}

/// Sends the request and returns once the vendor has begun to answer. A request that is refused for its manner only is
/// sent again in another.
async fn open(endpoint: &Endpoint, wire: &Wire, asking: &Asking) -> Result<Response, ModelError> {
    let known = endpoint.manners.of(&endpoint.base_url, &asking.model).unwrap_or(wire.manner);
    let mut manner = known;
    let mut tries = 0;
    loop {
        match accepted((asking.make)(&asking.prompt, &asking.model, manner).send().await).await {
            Ok(response) => {
                if manner != known {
                    endpoint.manners.learn(&endpoint.base_url, &asking.model, manner);
                }
                return begun(wire, response);
            }
            Err(refused) => match refused.words.and_then(|words| (wire.adapt)(manner, &words)) {
                // There are two things to adapt.
                Some(other) if tries < 2 => manner = other,
                Some(_) | None => return Err(refused.error),
            },
        }
        tries += 1;
    }
}

/// Refuses what cannot be a stream. Only these types are: some servers send streams as plain text, or name no type.
fn begun(wire: &Wire, response: Response) -> Result<Response, ModelError> {
    let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
    let (others, wanted): (&[&str], _) = match wire.framing {
        Framing::Events => (&["application/json", "text/html"], "an event stream"),
        Framing::Lines => (&["text/html"], "lines of JSON"),
    };
    match others.iter().find(|other| kind.starts_with(other.as_bytes())) {
        Some(other) => Err(ModelError::give_up(Cause::NotUnderstood, format!("the answer is {other}, not {wanted}"))),
        None => Ok(response),
    }
}

/// One try.
fn attempt(endpoint: Endpoint, wire: &'static Wire, asking: Arc<Asking>) -> Reply {
    let Patience { first_byte, gap, .. } = endpoint.patience;
    Box::pin(try_stream! {
        let mut limit = first_byte;
        let mut deadline = Instant::now() + limit;
        let opened = timeout_at(deadline, open(&endpoint, wire, &asking)).await;
        let response = opened.unwrap_or_else(|_| Err(silent(limit)))?;
        let mut body = response.bytes_stream();
        let mut frames = Frames::new(wire.framing);
        let mut answer = Answer::default();
        let mut ended = false;
        while !ended && !answer.closed {
            match timeout_at(deadline, body.next()).await {
                Ok(Some(Ok(bytes))) => frames.push(&bytes),
                Ok(Some(Err(error))) => answer.fail(broken(error))?,
                Ok(None) => ended = true,
                Err(_) => answer.fail(silent(limit))?,
            }
            while !answer.closed {
                match frames.take(ended) {
                    Ok(Some(data)) => {
                        if let Some(text) = (wire.read)(&mut answer, &data)? {
                            yield Piece::Text(text);
                        }
                    }
                    Ok(None) => break,
                    Err(TooLong) => answer.fail(ModelError::give_up(Cause::NotUnderstood, "an event is too long"))?,
                }
            }
            limit = gap;
            deadline = Instant::now() + limit;
        }
        yield answer.end(wire.end)?;
    })
}

enum Frames {
    Events(Events),
    Lines(Lines),
}

impl Frames {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events(Events::default()),
            Framing::Lines => Self::Lines(Lines::default()),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(events) => events.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
        }
    }

    /// The next event. At the end of the body the last one may lack its closing line.
    fn take(&mut self, ended: bool) -> Result<Option<String>, TooLong> {
        match self {
            Self::Events(events) => {
                let data = if ended { events.finish() } else { events.take() };
                data.map(|data| data.map(ToOwned::to_owned))
            }
            Self::Lines(lines) => {
                if ended {
                    lines.push(b"\n");
                }
                lines.take_text()
            }
        }
    }
}

/// How far an answer has come.
#[derive(Default)]
pub(super) struct Answer {
    spoken: bool,
    /// What the end will be, where a vendor says so before its end mark.
    pub(super) announced: Option<Finish>,
    /// The end mark has come; what follows cannot spoil the answer.
    pub(super) finish: Option<Finish>,
    pub(super) usage: Option<Usage>,
    /// Nothing more is to be read.
    closed: bool,
}

impl Answer {
    /// Text that came; `None` where it is empty.
    pub(super) fn say(&mut self, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty());
        self.spoken |= text.is_some();
        text
    }

    /// Nothing more is to be read.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Counts tokens; what is `None` stays as it was.
    pub(super) fn count(&mut self, prompt: Option<u64>, completion: Option<u64>) {
        if prompt.is_none() && completion.is_none() {
            return;
        }
        let before = self.usage.unwrap_or_default();
        let count = |tokens: Option<u64>, before| tokens.map_or(before, |n| n.try_into().unwrap_or(u32::MAX));
        self.usage = Some(Usage {
            prompt_tokens: count(prompt, before.prompt_tokens),
            completion_tokens: count(completion, before.completion_tokens),
        });
    }

    /// What a failure means at this point: nothing once the answer is complete, a cut once it has begun.
    pub(super) fn fail(&mut self, error: ModelError) -> Result<(), ModelError> {
        self.closed = true;
        match self.finish {
            Some(_) => Ok(()),
            None if self.spoken => Err(ModelError::truncated(error.cause(), error.what())),
            None => Err(error),
        }
    }

    /// The last piece, when there is nothing more to read.
    fn end(self, mark: &str) -> Result<Piece, ModelError> {
        let cut = || ModelError::truncated(Cause::Cut, format!("the stream ended without {mark}"));
        self.finish.map(|finish| Piece::Done { finish, usage: self.usage }).ok_or_else(cut)
    }
}

/// A failure of a request, with what the vendor says of it.
struct Refused {
    error: ModelError,
    words: Option<ErrorWords>,
}

impl From<ModelError> for Refused {
    fn from(error: ModelError) -> Self {
        Self { error, words: None }
    }
}

/// A response with a status of success, or what the failure means.
async fn accepted(sent: reqwest::Result<Response>) -> Result<Response, Refused> {
    match sent {
        Ok(response) if response.status().is_success() => Ok(response),
        Ok(response) => {
            let refusal = Refusal::read(response).await;
            let what = refusal.to_string();
            let cause = cause(Some(refusal.status), &refusal.words);
            let error = if may_pass(refusal.status) && cause != Cause::Unpaid {
                ModelError::Retry { cause, after: refusal.retry_after, what }
            } else {
                ModelError::GiveUp { cause, what }
            };
            Err(Refused { error, words: Some(refusal.words) })
        }
        // Only keys come from outside into what is built.
        Err(error) if error.is_builder() => Err(ModelError::give_up(Cause::KeyRefused, describe(error)).into()),
        Err(error) => Err(broken(error).into()),
    }
}

/// What kind of failure a status and the vendor's words are; words say more than the status.
fn cause(status: Option<StatusCode>, words: &ErrorWords) -> Cause {
    let named = [
        (UNPAID, Cause::Unpaid),
        (KEY_REFUSED, Cause::KeyRefused),
        (MODEL_UNKNOWN, Cause::ModelUnknown),
        (FILTERED, Cause::Filtered),
        (TOO_MANY, Cause::RateLimited),
    ];
    if let Some((_, cause)) = named.into_iter().find(|(names, _)| words.any(names)) {
        return cause;
    }
    match status.map(|status| status.as_u16()) {
        Some(401 | 403) => Cause::KeyRefused,
        Some(402) => Cause::Unpaid,
        Some(404) => Cause::ModelUnknown,
        Some(429) => Cause::RateLimited,
        Some(408 | 409 | 425 | 500..) => Cause::Failing,
        Some(_) => Cause::Refused,
        None if words.any(REFUSED) => Cause::Refused,
        None => Cause::Failing,
    }
}

/// What an error inside a stream means, whose status was 200.
pub(super) fn in_stream(error: &Value) -> ModelError {
    let words = ErrorWords::of(error);
    let what = format!("the vendor failed within the stream{words}");
    let cause = cause(words.status(), &words);
    if cause.may_pass() {
        ModelError::Retry { cause, after: words.after(), what }
    } else {
        ModelError::GiveUp { cause, what }
    }
}

/// A chunk that cannot be read. Its text is not quoted, nor is the error's own, which may quote it.
pub(super) fn malformed(error: &serde_json::Error) -> ModelError {
    let what = format!("a chunk is malformed at column {}", error.column());
    if error.is_eof() {
        ModelError::truncated(Cause::NotUnderstood, what)
    } else {
        ModelError::give_up(Cause::NotUnderstood, what)
    }
}

fn broken(error: reqwest::Error) -> ModelError {
    let cause = if error.is_timeout() && !error.is_connect() { Cause::Silent } else { Cause::Unreachable };
    ModelError::Retry { cause, after: None, what: describe(error) }
}

fn silent(limit: Duration) -> ModelError {
    ModelError::Retry { cause: Cause::Silent, after: None, what: format!("nothing came for {limit:?}") }
}

/// The conversation from the visitor's first turn on, for vendors that take no other beginning.
pub(super) fn from_visitor(turns: &[Turn]) -> &[Turn] {
    let first = turns.iter().position(|turn| turn.speaker == Speaker::Visitor).unwrap_or(turns.len());
    &turns[first..]
}
