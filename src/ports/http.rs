//! The one HTTP client: TLS by rustls with ring, no redirects, no proxy from the environment.

use std::{fmt, time::Duration};

use reqwest::{
    Client, Response, StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use serde_json::Value;

/// How this server names itself to others.
pub const USER_AGENT: &str = concat!("Yanit/", env!("CARGO_PKG_VERSION"));

/// Longest wait for a connection, TLS handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes ring the process's TLS provider. Call it first in `main`; calling it again does nothing.
pub fn install_tls() {
    // An error means that a provider is installed already, by an earlier call.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Most of an error's body that is read, in bytes.
const ERROR_LIMIT: usize = 64 * 1024;

/// A client with its own pool of connections; clones share the pool. Make one per program and clone it.
///
/// Redirects come back as they are, so that a key is never sent to a host nobody named. Only connecting has a time
/// limit here: how long an answer may take is the caller's business.
///
/// # Errors
/// When the machine has no CA certificates (package `ca-certificates`), even where only `http://` is used.
pub fn client() -> reqwest::Result<Client> {
    install_tls();
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}

/// What went wrong, for the log: the error with its causes, without the address (which may hold a key).
pub fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A response that is not a success, as far as a program can use it.
#[derive(Debug)]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// How long to wait, where `Retry-After` says so.
    pub retry_after: Option<Duration>,
    /// What its body says.
    pub words: ErrorWords,
}

impl Refusal {
    /// Reads the response, its body up to 64 KB; set a time limit around it.
    pub async fn read(mut response: Response) -> Self {
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let mut body = Vec::new();
        while body.len() < ERROR_LIMIT
            && let Ok(Some(bytes)) = response.chunk().await
        {
            body.extend_from_slice(&bytes);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let words = ErrorWords::of(error_in(&body));
        Self { status, retry_after: retry_after.or(words.retry_after), words }
    }
}

/// The error object of a body: under `error`, alone or in a list, or the body itself.
fn error_in(body: &Value) -> &Value {
    [body, &body[0]].into_iter().find_map(|holder| holder.get("error")).unwrap_or(body)
}

/// True for the statuses of failures that may pass by themselves.
pub fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 425 | 429)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}{}", self.status.as_u16(), self.words)
    }
}

/// What a service says of a failure in a machine's words, `{"type":…,"code":…,"status":…,"details":[{"reason":…}]}`, each
/// a short name or a number. Its `message` can be searched but is never shown, as it may quote the request.
#[derive(Default, PartialEq, Eq)]
pub struct ErrorWords {
    names: Vec<String>,
    message: String,
    /// How long to wait, where Google's `RetryInfo` says so.
    retry_after: Option<Duration>,
}

impl ErrorWords {
    /// The words of an error object; none where it is anything else. A text alone is a message.
    pub fn of(error: &Value) -> Self {
        let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
        let named = ["type", "code", "status"].into_iter().map(|key| &error[key]);
        let words = named.chain(details.iter().map(|detail| &detail["reason"])).filter_map(|word| match word {
            Value::String(word) => Some(word.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        });
        let message = error["message"].as_str().or_else(|| error.as_str()).unwrap_or_default();
        Self {
            names: words.filter(|word| is_name(word)).collect(),
            message: message.to_owned(),
            retry_after: details.iter().find_map(|detail| seconds(detail["retryDelay"].as_str()?)),
        }
    }

    /// True if one of the words is one of these.
    pub fn any(&self, words: &[&str]) -> bool {
        self.names.iter().any(|word| words.contains(&word.as_str()))
    }

    /// True if the message holds this.
    pub fn mentions(&self, part: &str) -> bool {
        self.message.contains(part)
    }

    /// How long to wait, where the words say so.
    pub fn after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The HTTP status that is meant, where a word is one.
    pub fn status(&self) -> Option<StatusCode> {
        self.names.iter().find_map(|word| word.parse().ok())
    }
}

impl fmt::Display for ErrorWords {
    /// Empty, or ` (type, code)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() { Ok(()) } else { write!(f, " ({})", self.names.join(", ")) }
    }
}

impl fmt::Debug for ErrorWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorWords{self}")
    }
}

/// A duration as Google writes it, `1.5s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. A date is taken relative to the response's own `Date`, so
/// clocks that differ do no harm.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let now = chrono::DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some((then - now).to_std().unwrap_or_default())
}
