//! A vendor of chat models on this machine: `POST /v1/chat/completions` (streaming) and `GET /v1/models` with OpenAI's
//! wire format, its checks of requests, and faults on order.
//!
//! HTTP/1.1 over TCP by hand, so that each step of a [`Script`] is one write: the test decides what arrives together,
//! what is cut where, and how a connection dies. At a script's [`Script::wait`] it stands still until the test says
//! [`Openai::go`]; nothing here sleeps, except where a script asks for a model that takes its time ([`Script::rest`]).

#![expect(clippy::expect_used, reason = "a harness fails loudly")]

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

/// The models that exist here.
pub(crate) const MODELS: [&str; 2] = ["gpt-test", "gpt-other"];

/// The moment of every response, as its `Date`.
pub(crate) const DATE: &str = "Tue, 04 Nov 2025 08:00:00 GMT";

/// What it says when no script is waiting.
pub(crate) const ANSWER: &str = "You can change it in the settings.";

/// One step of an answer; each is one write.
enum Step {
    /// Status 200 and the headers of a stream of this type.
    Head(&'static str),
    /// A whole response that is not a stream.
    Other { status: u16, headers: Vec<(String, String)>, body: String },
    /// An event with these `choices`.
    Choices(Value),
    /// The event with the usage, if the request asked for it.
    Usage(u32, u32),
    /// Bytes of the body as they are.
    Raw(Vec<u8>),
    /// Bytes of a whole response as they are, one write each.
    Wire(Vec<Vec<u8>>),
    /// Waits for [`Openai::go`].
    Wait,
    /// Takes its time.
    Rest(Duration),
    /// Ends the body.
    End,
    /// Kills the connection.
    Reset,
}

/// What the vendor does with one request. A script that stops without [`Script::end`] closes the connection there.
pub(crate) struct Script {
    steps: Vec<Step>,
    line_end: &'static str,
}

impl Script {
    fn of(step: Step) -> Self {
        Self { steps: vec![step], line_end: "\n" }
    }

    /// A stream that has begun: headers and the chunk that names the role.
    pub(crate) fn answer() -> Self {
        Self::streams("text/event-stream; charset=utf-8")
            .delta(json!({ "role": "assistant", "content": "", "refusal": null }))
    }

    /// The headers of a stream of this type, for other vendors.
    pub(crate) fn streams(content_type: &'static str) -> Self {
        Self::of(Step::Head(content_type))
    }

    /// A whole answer, a word a chunk.
    pub(crate) fn says(text: &str) -> Self {
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let count = u32::try_from(words.len()).expect("a short text");
        words.into_iter().fold(Self::answer(), Script::text).finish("stop").usage(12, count).end()
    }

    /// An error response with OpenAI's error object.
    pub(crate) fn refuses(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let error = json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
        Self::responds(status, "application/json", &error.to_string())
    }

    /// Any response that is not a stream.
    pub(crate) fn responds(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::of(Step::Other { status, headers, body: body.to_owned() })
    }

    /// A response from its first byte on, in these writes; then the connection ends.
    pub(crate) fn wire(writes: Vec<Vec<u8>>) -> Self {
        Self::of(Step::Wire(writes))
    }

    /// Nothing at all until [`Openai::go`], then the connection ends.
    pub(crate) fn silence() -> Self {
        Self::of(Step::Wait)
    }

    /// Adds a header to a response that is not a stream.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(Step::Other { headers, .. }) = self.steps.last_mut() {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn delta(self, delta: Value) -> Self {
        self.choices(json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": null }]))
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.delta(json!({ "content": text }))
    }

    pub(crate) fn finish(self, reason: &str) -> Self {
        self.choices(json!([{ "index": 0, "delta": {}, "logprobs": null, "finish_reason": reason }]))
    }

    pub(crate) fn choices(self, choices: Value) -> Self {
        self.step(Step::Choices(choices))
    }

    pub(crate) fn usage(self, prompt: u32, completion: u32) -> Self {
        self.step(Step::Usage(prompt, completion))
    }

    /// `[DONE]` and the end of the body.
    pub(crate) fn end(self) -> Self {
        self.raw("data: [DONE]\n\n").end_without_done()
    }

    pub(crate) fn end_without_done(self) -> Self {
        self.step(Step::End)
    }

    pub(crate) fn raw(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Raw(bytes.as_ref().to_vec()))
    }

    pub(crate) fn wait(self) -> Self {
        self.step(Step::Wait)
    }

    /// Takes its time, as models do.
    pub(crate) fn rest(self, time: Duration) -> Self {
        self.step(Step::Rest(time))
    }

    pub(crate) fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Events that follow end their lines with CRLF.
    pub(crate) fn crlf(self) -> Self {
        Self { line_end: "\r\n", ..self }
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and target: `POST /v1/chat/completions`.
    pub(crate) line: String,
    /// By lower-case name.
    pub(crate) headers: HashMap<String, String>,
    /// Null where the body is no JSON.
    pub(crate) body: Value,
}

/// What a vendor answers to a request by itself: a refusal, or a list of models. `None` plays the next script.
pub(crate) type Check = Box<dyn Fn(&Request) -> Option<Script> + Send + Sync>;

struct Shared {
    check: Check,
    /// What is played when no script is waiting.
    usual: fn() -> Script,
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<Request>>,
    go: Semaphore,
    hung_up: Semaphore,
}

/// The running vendor; it ends when dropped.
pub(crate) struct Openai {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Openai {
    /// Starts a vendor that asks for `key`, if one is given.
    pub(crate) async fn start(key: Option<&str>) -> Self {
        let key = key.map(ToOwned::to_owned);
        Self::speaking(Box::new(move |request| refusal(key.as_deref(), request)), || Script::says(ANSWER)).await
    }

    /// Starts a vendor that answers each request by what it says.
    pub(crate) async fn answering(answer: fn(&Request) -> Script) -> Self {
        let check = move |request: &Request| refusal(None, request).or_else(|| Some(answer(request)));
        Self::speaking(Box::new(check), || Script::says(ANSWER)).await
    }

    /// Starts another vendor, which checks requests in its own way.
    pub(crate) async fn speaking(check: Check, usual: fn() -> Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            check,
            usual,
            scripts: Mutex::default(),
            requests: Mutex::default(),
            go: Semaphore::new(0),
            hung_up: Semaphore::new(0),
        });
        let mut tasks = JoinSet::new();
        let serving = shared.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let shared = serving.clone();
                connections.spawn(async move {
                    let _ = socket.set_nodelay(true);
                    // The client hung up, or the script ended the connection.
                    let _ = shared.serve(BufReader::new(socket)).await;
                    shared.hung_up.add_permits(1);
                });
            }
        });
        Self { address, shared, _tasks: tasks }
    }

    /// The base address to configure.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.root())
    }

    /// The address without a path.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Plays `script` for the next valid request; scripts queue up.
    pub(crate) fn plays(&self, script: Script) {
        self.shared.scripts.lock().expect("no panic").push_back(script);
    }

    /// Lets the script that waits, or the next that will, go on.
    pub(crate) fn go(&self) {
        self.shared.go.add_permits(1);
    }

    /// Every request so far, refused ones as well.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("no panic").clone()
    }

    /// Returns once a connection has ended; each end counts once.
    pub(crate) async fn hung_up(&self) {
        let ended = tokio::time::timeout(Duration::from_secs(30), self.shared.hung_up.acquire()).await;
        ended.expect("the connection ends within 10 s").expect("an open semaphore").forget();
    }
}

impl Shared {
    async fn serve(&self, mut socket: BufReader<TcpStream>) -> io::Result<()> {
        loop {
            let request = read_request(&mut socket).await?;
            self.requests.lock().expect("no panic").push(request.clone());
            let script = match (self.check)(&request) {
                Some(refusal) => refusal,
                None => self.scripts.lock().expect("no panic").pop_front().unwrap_or_else(self.usual),
            };
            if !self.play(&mut socket, &request, script).await? {
                return Ok(());
            }
        }
    }

    /// True if the connection may carry another request.
    async fn play(&self, socket: &mut BufReader<TcpStream>, request: &Request, script: Script) -> io::Result<bool> {
        let wants_usage = request.body["stream_options"]["include_usage"] == true;
        let event = |choices: Value, usage: Value| {
            let mut chunk = json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_762_243_200,
                "model": request.body["model"], "service_tier": "default", "system_fingerprint": "fp_1", "choices": choices,
            });
            if wants_usage {
                chunk["usage"] = usage;
            }
            format!("data: {chunk}{0}{0}", script.line_end)
        };
        for step in script.steps {
            let body = match step {
                Step::Head(kind) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ndate: {DATE}\r\ncontent-type: {kind}\r\n\
                         cache-control: no-cache\r\nx-request-id: req_1\r\ntransfer-encoding: chunked\r\n\r\n"
                    );
                    socket.write_all(head.as_bytes()).await?;
                    continue;
                }
                Step::Other { status, headers, body } => {
                    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    let whole = format!(
                        "HTTP/1.1 {status} Status\r\ndate: {DATE}\r\n{headers}content-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    socket.write_all(whole.as_bytes()).await?;
                    return Ok(true);
                }
                Step::Choices(choices) => event(choices, Value::Null).into_bytes(),
                Step::Usage(..) if !wants_usage => continue,
                Step::Usage(prompt, completion) => {
                    let total = prompt + completion;
                    let usage =
                        json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total });
                    event(json!([]), usage).into_bytes()
                }
                Step::Raw(bytes) => bytes,
                Step::Wire(writes) => {
                    for bytes in writes {
                        socket.write_all(&bytes).await?;
                        tokio::task::yield_now().await;
                    }
                    return Ok(false);
                }
                Step::Wait => {
                    tokio::select! {
                        permit = self.go.acquire() => permit.expect("an open semaphore").forget(),
                        // A client says nothing while it waits, so this is its end.
                        _ = socket.read_u8() => return Ok(false),
                    }
                    continue;
                }
                Step::Rest(time) => {
                    tokio::time::sleep(time).await;
                    continue;
                }
                Step::End => {
                    socket.write_all(b"0\r\n\r\n").await?;
                    return Ok(true);
                }
                Step::Reset => {
                    socket.get_ref().set_zero_linger()?;
                    return Ok(false);
                }
            };
            let framed = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
            socket.write_all(&framed).await?;
        }
        Ok(false)
    }
}

/// What OpenAI answers to requests that are wrong, and to those that are no chat.
fn refusal(key: Option<&str>, request: &Request) -> Option<Script> {
    let invalid =
        |status, code: &str, message: &str| Some(Script::refuses(status, "invalid_request_error", code, message));
    let bearer = key.map(|key| format!("Bearer {key}"));
    if bearer.is_some() && bearer.as_ref() != request.headers.get("authorization") {
        return invalid(401, "invalid_api_key", "Incorrect API key provided.");
    }
    match request.line.as_str() {
        "POST /v1/chat/completions" => {}
        "GET /v1/models" => {
            let models = MODELS.map(|id| json!({ "id": id, "object": "model", "created": 1, "owned_by": "test" }));
            return Some(Script::responds(
                200,
                "application/json",
                &json!({ "object": "list", "data": models }).to_string(),
            ));
        }
        other => return invalid(404, "unknown_url", &format!("Invalid URL ({other})")),
    }
    let Value::Object(body) = &request.body else {
        return invalid(400, "invalid_json", "We could not parse the JSON body of your request.");
    };
    for required in ["model", "messages"] {
        if !body.contains_key(required) {
            return invalid(400, "missing_required_parameter", &format!("Missing required parameter: '{required}'."));
        }
    }
    if !MODELS.iter().any(|model| body["model"] == *model) {
        return invalid(404, "model_not_found", "The model does not exist or you do not have access to it.");
    }
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let known = |role: &Value| ["system", "user", "assistant"].iter().any(|known| role == known);
    if !messages.is_some_and(|all| all.iter().all(|one| known(&one["role"]) && one["content"].is_string())) {
        return invalid(400, "invalid_value", "Invalid 'messages'.");
    }
    let heat = body.get("temperature").map_or(Some(1.0), Value::as_f64);
    if !heat.is_some_and(|heat| (0.0..=2.0).contains(&heat)) {
        return invalid(400, "decimal_above_max_value", "Invalid 'temperature'.");
    }
    let most = body.get("max_tokens").map_or(Some(1), Value::as_u64);
    if most.is_none_or(|most| most == 0) {
        return invalid(400, "integer_below_min_value", "Invalid 'max_tokens'.");
    }
    if body.get("stream") != Some(&Value::Bool(true)) {
        return invalid(400, "unsupported_value", "Only streams are spoken here.");
    }
    None
}

async fn read_request(socket: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let headers =
        lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())));
    let headers: HashMap<String, String> = headers.collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    Ok(Request { line, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}
