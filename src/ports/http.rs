//! The one HTTP client: TLS by rustls with ring, no redirects, no proxy from the environment.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{DATE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use serde_json::Value;
use url::Host;

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

/// The same for addresses that users of the API name: it connects to public addresses only, whatever a name resolves to
/// at that moment. Addresses that are written as numbers are not resolved: check them with [`is_public_host`].
///
/// # Errors
/// As [`client`].
pub fn public_client() -> reqwest::Result<Client> {
    install_tls();
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(PublicOnly)
        .build()
}

/// Resolves names to public addresses only.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name belongs to no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// False where the host is written as an address that is not public, or is no host at all.
pub fn is_public_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    }
}

/// True where the host is written as an address that is not public, or has a name that only private networks know.
pub fn is_private_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_lowercase();
            !name.contains('.') || PRIVATE_NAMES.iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => !is_public_host(url),
        None => false,
    }
}

/// Ends of names that stand for nothing on the public internet (RFC 6761, 6762, 8375; `.internal` by ICANN).
const PRIVATE_NAMES: [&str; 5] = [".localhost", ".local", ".internal", ".home.arpa", ".lan"];

/// True for addresses of the public internet: none of this machine, of private networks, of link-local services (the
/// metadata of clouds) or of IPv4 addresses in the clothes of IPv6.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let parts = address.segments();
            match parts {
                // NAT64, and 6to4.
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                    let [a, b] = high.to_be_bytes();
                    let [c, d] = low.to_be_bytes();
                    is_public_v4([a, b, c, d].into())
                }
                // Teredo and others of IANA's special registry; documentation.
                [0x2001, 0..0x200, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
                // Global unicast is all in 2000::/3; IPv4-mapped addresses and all others are not.
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

/// RFC 6890 and its registry of special addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..128, ..]
            | [169, 254, ..]
            | [172, 16..32, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
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
        let text = String::from_utf8_lossy(&body).trim().to_lowercase();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let words = ErrorWords { body: text, ..ErrorWords::of(error_in(&body)) };
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
    /// All of it, in small letters: not everybody has a message where it belongs.
    body: String,
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
            message: message.to_lowercase(),
            body: String::new(),
            retry_after: details.iter().find_map(|detail| seconds(detail["retryDelay"].as_str()?)),
        }
    }

    /// True if one of the words is one of these.
    pub fn any(&self, words: &[&str]) -> bool {
        self.names.iter().any(|word| words.contains(&word.as_str()))
    }

    /// True if it is said anywhere, in whatever case.
    pub fn mentions(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        self.message.contains(&part) || self.body.contains(&part)
    }

    /// True where nothing is said.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.message.is_empty() && matches!(self.body.as_str(), "" | "{}" | "null")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for address in ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "192.1.0.1", "2606:4700::1111"]
        {
            assert!(public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn numbers_are_seen_through_however_they_are_written() {
        let host = |text: &str| is_public_host(&text.parse().unwrap());
        for url in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://0/",
            "http://0177.0.0.1/",
        ] {
            assert!(!host(url), "{url}");
        }
        assert!(host("https://api.example.com/") && host("https://8.8.8.8/"));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_called() {
        let error = public_client().unwrap().get("http://localhost:9/").send().await.unwrap_err();
        assert!(describe(error).contains("no public address"));
    }
}
