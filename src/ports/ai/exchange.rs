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
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Cause, Finish, ModelError, Patience, Piece, Prompt, Reply, Speaker, Turn, Usage,
    halves::{self, Halves},
    lines::{Lines, TooLong},
    sse::Events,
    tried_twice,
    voice::{self, Begins},
    whole::Objects,
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
        let prompt = Prompt { turns: alternating(prompt.turns), ..prompt };
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

/// Reads one event of an answer and returns its text, if it has any.
type ReadEvent = fn(&mut Answer, &Map<String, Value>) -> Result<Option<String>, ModelError>;

/// How a vendor's answers are written.
pub(super) struct Wire {
    /// How events stand in the body.
    pub(super) framing: Framing,
    /// Reads one event and returns its text, if it has any.
    pub(super) read: ReadEvent,
    /// The mark without which an answer is not complete.
    pub(super) end: &'static str,
    /// How models of this vendor are asked at first.
    pub(super) manner: Manner,
    /// What of it can be left out where a model refuses it.
    pub(super) optional: &'static [Optional],
}

/// How events stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// A JSON object a line.
    Lines,
}

impl Framing {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "an event stream",
            Self::Lines => "lines of JSON",
        }
    }
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
    /// It takes `stream_options`, which ask for the usage.
    pub(super) usage: bool,
    /// It answers piece by piece.
    pub(super) stream: bool,
    /// It takes a system text. Others are told it by the visitor's first turn.
    pub(super) system: bool,
    /// How it is told the longest answer.
    pub(super) limit: Limit,
}

/// The name of the parameter for the longest answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    MaxTokens,
    MaxCompletionTokens,
    /// It takes none.
    Absent,
}

impl Manner {
    /// With all there is.
    pub(super) const FULL: Self =
        Self { temperature: true, usage: true, stream: true, system: true, limit: Limit::MaxTokens };
}

/// A part of a request that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Optional {
    Usage,
    Temperature,
    System,
    Limit,
    Stream,
}

impl Optional {
    /// Words of a refusal that name it.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Usage => &["stream_options", "include_usage", "stream options"],
            Self::Temperature => &["temperature"],
            Self::System => &[
                "system role",
                "role system",
                "role: system",
                "system message",
                "system prompt",
                "system instruction",
                "system_instruction",
                "developer instruction",
                "'system'",
                "\"system\"",
                "`system`",
                "user and assistant roles",
                "'user' or 'assistant'",
                "'user', 'assistant'",
                "must alternate",
            ],
            Self::Limit => &["max_tokens", "max_completion_tokens", "maxoutputtokens"],
            Self::Stream => &["streaming", "'stream'", "`stream`", "\"stream\"", "stream is not", "stream=true"],
        }
    }

    /// The manner without it, if it is a part of the manner and of this request.
    fn left_out(self, manner: Manner, prompt: &Prompt, tried: &[Manner]) -> Option<Manner> {
        let without = match self {
            Self::Usage => Manner { usage: false, ..manner },
            // What no model takes is the caller's mistake.
            Self::Temperature if !(0.0..=2.0).contains(&prompt.temperature) => return None,
            Self::Temperature => Manner { temperature: false, ..manner },
            Self::System if prompt.system.is_empty() => return None,
            Self::System => Manner { system: false, ..manner },
            Self::Limit if prompt.max_tokens == 0 => return None,
            Self::Limit => {
                let others = [Limit::MaxTokens, Limit::MaxCompletionTokens, Limit::Absent];
                let others = others.map(|limit| Manner { limit, ..manner });
                return others.into_iter().find(|other| !tried.contains(other));
            }
            Self::Stream => Manner { stream: false, usage: false, ..manner },
        };
        (without != manner).then_some(without)
    }
}

/// What was learnt of models, by address and name, so that each is refused once only. Shared by all endpoints of a server.
#[derive(Clone, Debug, Default)]
pub struct Manners(Arc<Mutex<HashMap<String, Known>>>);

/// What is known of a model.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    manner: Option<Manner>,
    begins: Begins,
}

/// Most models that are remembered.
const MODELS_REMEMBERED: usize = 1_000;

impl Manners {
    fn of(&self, endpoint: &Url, model: &str) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&format!("{endpoint} {model}")).copied().unwrap_or_default()
    }

    fn learn(&self, endpoint: &Url, model: &str, learnt: impl FnOnce(&mut Known)) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MODELS_REMEMBERED {
            known.clear();
        }
        learnt(known.entry(format!("{endpoint} {model}")).or_default());
    }
}

/// Most requests for one answer that differ in their manner.
const MANNERS_TRIED: usize = 8;

/// Sends the request and returns once the vendor has begun to answer. A request that is refused for its manner only is
/// sent again in another.
async fn open(endpoint: &Endpoint, wire: &Wire, asking: &Asking) -> Result<(Response, Manner), ModelError> {
    let known = endpoint.manners.of(&endpoint.base_url, &asking.model).manner.unwrap_or(wire.manner);
    let mut tried = vec![];
    let mut manner = known;
    loop {
        tried.push(manner);
        let told;
        let prompt = if manner.system {
            &asking.prompt
        } else {
            told = without_system(&asking.prompt);
            &told
        };
        match accepted((asking.make)(prompt, &asking.model, manner).send().await).await {
            Ok(response) => {
                if manner != known {
                    endpoint.manners.learn(&endpoint.base_url, &asking.model, |known| known.manner = Some(manner));
                }
                return begun(wire, response).map(|response| (response, manner));
            }
            Err(refused) => {
                match refused.said.as_ref().and_then(|said| other_manner(wire, &asking.prompt, said, &tried)) {
                    Some(other) if tried.len() < MANNERS_TRIED => manner = other,
                    Some(_) | None => return Err(refused.error),
                }
            }
        }
    }
}

/// Another manner of asking, where a refusal names what it does not take, or says nothing at all.
fn other_manner(
    wire: &Wire,
    prompt: &Prompt,
    (status, words): &(StatusCode, ErrorWords),
    tried: &[Manner],
) -> Option<Manner> {
    let manner = *tried.last()?;
    if !(400..=599).contains(&status.as_u16()) || matches!(status.as_u16(), 401..=404 | 408 | 429) {
        return None;
    }
    if words.is_empty() {
        let bare = wire.optional.iter().fold(manner, |manner, part| match part {
            Optional::Usage | Optional::Temperature => part.left_out(manner, prompt, tried).unwrap_or(manner),
            Optional::Limit => Manner { limit: Limit::Absent, ..manner },
            Optional::System | Optional::Stream => manner,
        });
        return (matches!(status.as_u16(), 400 | 422) && !tried.contains(&bare)).then_some(bare);
    }
    let named = wire.optional.iter().filter(|part| part.names().iter().any(|name| words.mentions(name)));
    named.filter_map(|part| part.left_out(manner, prompt, tried)).find(|other| !tried.contains(other))
}

/// The same for a refusal within a stream, whose status was 200.
fn in_other_words(wire: &Wire, prompt: &Prompt, error: &Value, manner: Manner) -> Option<Manner> {
    let words = ErrorWords::of(error);
    let status = words.status().unwrap_or(StatusCode::BAD_REQUEST);
    if words.is_empty() { None } else { other_manner(wire, prompt, &(status, words), &[manner]) }
}

/// The conversation as every vendor takes it: the visitor begins, the sides take turns, and nobody says nothing.
fn alternating(turns: Vec<Turn>) -> Vec<Turn> {
    let begins = turns.iter().position(|turn| turn.speaker == Speaker::Visitor).unwrap_or(0);
    let mut joined: Vec<Turn> = vec![];
    for turn in turns.into_iter().skip(begins).filter(|turn| !turn.text.trim().is_empty()) {
        match joined.last_mut() {
            Some(last) if last.speaker == turn.speaker => last.text = format!("{}\n{}", last.text, turn.text),
            Some(_) | None => joined.push(turn),
        }
    }
    joined
}

/// A prompt whose system text the visitor's first turn begins with.
fn without_system(prompt: &Prompt) -> Prompt {
    let mut told = Prompt { system: String::new(), ..prompt.clone() };
    match told.turns.first_mut() {
        Some(turn) if turn.speaker == Speaker::Visitor => turn.text = format!("{}\n\n{}", prompt.system, turn.text),
        Some(_) | None => {
            let text = prompt.system.clone();
            told.turns.insert(0, Turn { speaker: Speaker::Visitor, text });
        }
    }
    told
}

/// Refuses what cannot be an answer. Only pages are: some servers send streams as plain text, name no type, or send a
/// whole answer in JSON.
fn begun(wire: &Wire, response: Response) -> Result<Response, ModelError> {
    let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
    if kind.starts_with(b"text/html") {
        return Err(ModelError::give_up(
            Cause::NotUnderstood,
            format!("the answer is text/html, not {}", wire.framing.name()),
        ));
    }
    Ok(response)
}

/// How long is waited for more once an answer has its end: some servers send the usage late, some never hang up.
const LINGER: Duration = Duration::from_secs(1);
/// What proxies send to keep a connection alive, where a comment would do.
const HEARTBEATS: [&str; 7] = ["ping", "pong", "heartbeat", "keepalive", "keep-alive", "null", "OPENROUTER PROCESSING"];

/// One try.
fn attempt(endpoint: Endpoint, wire: &'static Wire, asking: Arc<Asking>) -> Reply {
    let (manners, url, model) = (endpoint.manners.clone(), endpoint.base_url.clone(), asking.model.clone());
    let begins = match manners.of(&url, &model).begins {
        Begins::Unknown => Begins::of_name(&model),
        known @ (Begins::Plainly | Begins::Thinking) => known,
    };
    let (moment, most) = (endpoint.patience.moment, asking.prompt.max_tokens);
    let learn = move |begins| manners.learn(&url, &model, |known| known.begins = begins);
    voice::heard(said(endpoint, wire, asking), begins, moment, most, learn)
}

/// What a vendor says, as it says it.
fn said(endpoint: Endpoint, wire: &'static Wire, asking: Arc<Asking>) -> Reply {
    let Patience { first_byte, gap, .. } = endpoint.patience;
    Box::pin(try_stream! {
        let mut limit = first_byte;
        let mut deadline = Instant::now() + limit;
        let opened = timeout_at(deadline, open(&endpoint, wire, &asking)).await;
        let (response, manner) = opened.unwrap_or_else(|_| Err(silent(limit)))?;
        let mut body = response.bytes_stream();
        let mut frames = Frames::new(wire.framing);
        let mut halves = Halves::default();
        let mut answer = Answer::default();
        let mut ended = false;
        while !ended && !answer.closed {
            match timeout_at(deadline, body.next()).await {
                Ok(Some(Ok(bytes))) => frames.push(&bytes),
                Ok(Some(Err(error))) => answer.fail(broken(error))?,
                Ok(None) => ended = true,
                Err(_) => answer.fail(silent(limit))?,
            }
            let was_complete = answer.finish.is_some();
            let mut spoke = false;
            while !answer.closed {
                match frames.take(ended) {
                    Ok(Some(data)) => {
                        for object in answer.objects(&data)? {
                            // Gateways refuse in the stream what they were not told in time.
                            if !answer.spoken
                                && let Some(refused) = error(&object)
                                && let Some(other) = in_other_words(wire, &asking.prompt, refused, manner)
                            {
                                endpoint.manners.learn(&endpoint.base_url, &asking.model, |known| known.manner = Some(other));
                                let what = in_stream(refused).what().to_owned();
                                Err(ModelError::Retry { cause: Cause::Failing, after: Some(Duration::ZERO), what })?;
                            }
                            let text = (wire.read)(&mut answer, &object)?.map(|text| halves.join(text));
                            if let Some(text) = text.filter(|text| !text.is_empty()) {
                                spoke = true;
                                yield Piece::Text(text);
                            }
                            if answer.closed {
                                break;
                            }
                        }
                    }
                    Ok(None) => break,
                    Err(TooLong) => answer.fail(ModelError::give_up(Cause::NotUnderstood, "an event is too long"))?,
                }
            }
            if answer.finish.is_none() {
                limit = gap;
                deadline = Instant::now() + limit;
            } else if spoke || !was_complete {
                limit = gap.min(LINGER);
                deadline = Instant::now() + limit;
            }
        }
        if frames.are_whole() && ended {
            answer.is_whole(wire.framing)?;
        }
        yield answer.end(wire.end)?;
    })
}

enum Frames {
    Events(Events),
    Lines(Lines),
    /// JSON where events were asked for.
    Objects(Objects),
}

impl Frames {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events(Events::default()),
            Framing::Lines => Self::Lines(Lines::default()),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Self::Events(events) = self
            && events.is_new()
            && Objects::begin_with(bytes) == Some(true)
        {
            *self = Self::Objects(Objects::default());
        }
        match self {
            Self::Events(events) => events.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
            Self::Objects(objects) => objects.push(bytes),
        }
    }

    fn are_whole(&self) -> bool {
        matches!(self, Self::Objects(_))
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
                // Some who speak Ollama's protocol send its lines as events.
                Ok(lines.take_text()?.map(|line| match line.strip_prefix("data:") {
                    Some(data) => data.to_owned(),
                    None if line.starts_with("event:") || line.starts_with(':') => String::new(),
                    None => line,
                }))
            }
            Self::Objects(objects) => objects.take(ended),
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
    counted: Counted,
    /// Nothing more is to be read.
    closed: bool,
}

/// Tokens, as far as the vendor has named them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) prompt: Option<u64>,
    pub(super) completion: Option<u64>,
    pub(super) total: Option<u64>,
}

/// More tokens than any model takes or gives: such a count is a mistake.
const TOKENS_MAX: u64 = 20_000_000;

impl Answer {
    /// Text that came; `None` where it is empty.
    pub(super) fn say(&mut self, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty());
        self.spoken |= text.is_some();
        text
    }

    /// True once text has come.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoken
    }

    /// Nothing more is to be read.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Counts tokens; what is `None` stays as it was.
    pub(super) fn count(&mut self, counted: Counted) {
        let Counted { prompt, completion, total } = self.counted;
        self.counted = Counted {
            prompt: counted.prompt.or(prompt),
            completion: counted.completion.or(completion),
            total: counted.total.or(total),
        };
    }

    /// What was counted, where it can be true: what a vendor counts as nothing is guessed rather.
    fn usage(&self) -> Option<Usage> {
        let Counted { prompt, completion, total } = self.counted;
        let rest = |part: Option<u64>| Some(total?.saturating_sub(part?));
        let prompt_tokens = prompt.or_else(|| rest(completion)).filter(|tokens| *tokens > 0)?;
        let completion_tokens = completion.or_else(|| rest(prompt)).filter(|tokens| *tokens > 0 || !self.spoken)?;
        let count = |tokens: u64| u32::try_from(tokens).ok().filter(|_| tokens <= TOKENS_MAX);
        Some(Usage { prompt_tokens: count(prompt_tokens)?, completion_tokens: count(completion_tokens)? })
    }

    /// The objects of an event: one, several in a list, or none where it only keeps the connection alive.
    fn objects(&mut self, data: &str) -> Result<Vec<Map<String, Value>>, ModelError> {
        let data = data.trim();
        if data.trim_matches('"').eq_ignore_ascii_case("[DONE]") {
            // Whoever says so has said everything, with or without a reason.
            if self.spoken {
                self.finish = self.finish.or(self.announced).or(Some(Finish::Stop));
            }
            self.close();
            return Ok(vec![]);
        }
        if data.is_empty() || HEARTBEATS.iter().any(|beat| data.trim_matches('"').eq_ignore_ascii_case(beat)) {
            return Ok(vec![]);
        }
        match serde_json::from_str(&halves::with_whole_escapes(data)) {
            Ok(Value::Object(object)) => Ok(vec![object]),
            Ok(Value::Array(list)) => {
                let object = |value| if let Value::Object(object) = value { Some(object) } else { None };
                Ok(list.into_iter().filter_map(object).collect())
            }
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Ok(vec![]),
            // Some servers leave out the empty lines between events.
            Err(_) if data.contains('\n') => {
                let mut objects = vec![];
                for line in data.lines() {
                    objects.extend(self.objects(line)?);
                }
                // The end mark must not hide what stands before it.
                self.closed &= objects.is_empty();
                Ok(objects)
            }
            Err(error) => self.fail(malformed(&error)).map(|()| vec![]),
        }
    }

    /// The reason of an end in a vendor's words; an empty one is none.
    pub(super) fn ends(&mut self, reason: &Value) -> Result<(), ModelError> {
        match reason.as_str().and_then(end) {
            None => Ok(()),
            Some(End::Said(finish)) => {
                self.finish = Some(self.announced.unwrap_or(finish));
                Ok(())
            }
            Some(End::Broken) => self.fail(in_stream(&Value::Null)),
        }
    }

    /// A body of JSON is complete with its last bracket, if it was an answer.
    fn is_whole(&mut self, framing: Framing) -> Result<(), ModelError> {
        if self.spoken && self.finish.is_none() {
            self.finish = Some(self.announced.unwrap_or(Finish::Stop));
        }
        if self.spoken || self.finish.is_some() {
            return Ok(());
        }
        let what = format!("the answer is application/json, not {}", framing.name());
        Err(ModelError::give_up(Cause::NotUnderstood, what))
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
        self.finish.map(|finish| Piece::Done { finish, usage: self.usage() }).ok_or_else(cut)
    }
}

/// A failure of a request, with what the vendor says of it.
struct Refused {
    error: ModelError,
    said: Option<(StatusCode, ErrorWords)>,
}

impl From<ModelError> for Refused {
    fn from(error: ModelError) -> Self {
        Self { error, said: None }
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
            Err(Refused { error, said: Some((refusal.status, refusal.words)) })
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

/// How an answer ended.
enum End {
    Said(Finish),
    /// The vendor broke off.
    Broken,
}

/// What a reason means, whoever's word it is. Those that are not known mean that the model had said everything.
fn end(reason: &str) -> Option<End> {
    Some(match reason.trim().to_ascii_lowercase().as_str() {
        "" | "null" | "none" | "finish_reason_unspecified" => return None,
        "length"
        | "max_tokens"
        | "model_length"
        | "max_output_tokens"
        | "max_length"
        | "token_limit"
        | "context_length_exceeded"
        | "model_context_window_exceeded" => End::Said(Finish::Length),
        "content_filter"
        | "content_filtered"
        | "refusal"
        | "safety"
        | "recitation"
        | "language"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "sensitive"
        | "guardrail_intervened"
        | "image_safety"
        | "moderation" => End::Said(Finish::ContentFilter),
        "error"
        | "abort"
        | "aborted"
        | "cancel"
        | "cancelled"
        | "canceled"
        | "timeout"
        | "network_error"
        | "insufficient_system_resource"
        | "other"
        | "malformed_function_call"
        | "unexpected_tool_call"
        | "repetition" => End::Broken,
        _ => End::Said(Finish::Stop),
    })
}

/// A number of tokens, however it is written; `None` where it is none.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let number = number.as_f64().filter(|number| (0.0..1e15).contains(number))?;
            Some(number.round() as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text: alone, or in parts, thoughts among them.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(text).collect()),
        Value::Object(part) => {
            let is_text = part.get("type").is_none_or(|kind| kind == "text" || kind == "output_text");
            let hidden = part.get("thought").is_some_and(|thought| thought == true);
            part.get("text").filter(|_| is_text && !hidden).and_then(text)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// An error that is one: some servers send an empty one with every event.
pub(super) fn error(object: &Map<String, Value>) -> Option<&Value> {
    object.get("error").filter(|error| match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => fields.values().any(|field| !field.is_null() && field != ""),
        Value::Number(code) => code.as_i64() != Some(0),
        Value::Bool(true) => true,
    })
}
