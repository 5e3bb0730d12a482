//! From the bytes of an HTTP request to a GraphQL request: content types, sizes, times, files.

use std::time::Duration;

use async_graphql::{
    BatchRequest, UploadValue, Variables,
    http::{MultipartOptions, receive_batch_body},
};
use axum::{
    extract::{Query, Request as HttpRequest},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{
    Server,
    budget::Share,
    edge, lexer,
    operation::{Extensions, Params, bad_request},
    pace::{MIN_RATE, Pace},
};
use crate::kernel::error::{Error, ErrorCode, ErrorReason};

/// Headers that make a browser ask before it sends a form: one of them must come with multipart.
const PREFLIGHT_HEADERS: &[&str] = &["graphql-preflight", "apollo-require-preflight", "x-requested-with"];

/// Most files in one multipart request.
const MAX_FILES: usize = 10;

/// Longest name of an uploaded file, in characters.
const MAX_FILE_NAME: usize = 200;

/// Whoever was refused because others use the memory comes back then.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// A refusal with its status.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: Error,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: edge::status_of(error.code), error }
    }
}

/// A refusal of what cannot be read.
pub(super) fn refusal(status: StatusCode, message: &'static str) -> Refusal {
    Refusal { status, error: bad_request(message) }
}

/// What a body is.
pub(super) enum Content {
    /// JSON.
    Json,
    /// A form with files; the whole header, which names the boundary.
    Multipart(String),
}

/// The kind of a body by its `Content-Type`; only kinds that web pages cannot send unasked.
pub(super) fn content(headers: &HeaderMap) -> Result<Content, Refusal> {
    let unsupported = |message| refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| unsupported("Send `Content-Type: application/json`."))?;
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(unsupported("Compressed bodies are not accepted."));
    }
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => {
            let charset =
                parts.find_map(|part| part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset")));
            if charset.is_some_and(|(_, charset)| !charset.trim_matches('"').eq_ignore_ascii_case("utf-8")) {
                return Err(unsupported("JSON must be UTF-8."));
            }
            Ok(Content::Json)
        }
        "multipart/form-data" => {
            if PREFLIGHT_HEADERS.iter().any(|name| headers.get(*name).is_some_and(|value| !value.is_empty())) {
                Ok(Content::Multipart(kind.to_owned()))
            } else {
                Err(unsupported("Multipart requests need the header `GraphQL-Preflight: 1`."))
            }
        }
        _ => Err(unsupported("Send `Content-Type: application/json`.")),
    }
}

/// A body that was read, and the memory that is held for it until its request is answered.
pub(super) struct Received {
    pub(super) bytes: Bytes,
    pub(super) share: Share,
}

/// Reads a body of at most so many bytes, as long as it comes at a reasonable pace.
pub(super) async fn read_body(server: &Server, request: HttpRequest, most: usize) -> Result<Received, Refusal> {
    let patience = Duration::from_secs(server.ports.config.read_timeout_seconds);
    let too_large = |found: Option<usize>| {
        let message = match found {
            Some(found) => format!("The body has {found} bytes; at most {most} are allowed. Send less at once."),
            None => {
                format!("The body has more than {most} bytes, which is the most that is allowed. Send less at once.")
            }
        };
        Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            error: Error::new(ErrorCode::BadUserInput, message).reason(ErrorReason::BodyTooLarge),
        }
    };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large(announced));
    }
    let mut parts = request.into_body().into_data_stream();
    let mut share = server.incoming.share();
    let mut bytes = Vec::new();
    let mut pace = Pace::begin(Instant::now(), patience);
    loop {
        let part = match timeout_at(pace.deadline(), parts.next()).await {
            Ok(Some(Ok(part))) => part,
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(refusal(StatusCode::BAD_REQUEST, "The body could not be read to its end."));
            }
            Err(_) => {
                server.metrics.slow_senders.increment(1);
                return Err(too_slow(patience));
            }
        };
        let length = bytes.len() + part.len();
        if length > most {
            return Err(too_large(None));
        }
        if bytes.capacity() < length {
            // Doubles, as vectors do, but never beyond what was announced.
            let announced = announced.unwrap_or(usize::MAX);
            let capacity = (2 * bytes.len()).min(announced).max(length);
            share.hold(capacity).map_err(|_| too_much())?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&part);
        pace.reached(Instant::now(), bytes.len());
    }
    Ok(Received { bytes: bytes.into(), share })
}

fn too_slow(patience: Duration) -> Refusal {
    let message = format!(
        "The body came too slowly: it may rest for {} seconds and needs {MIN_RATE} bytes a second on average.",
        patience.as_secs()
    );
    Refusal {
        status: StatusCode::REQUEST_TIMEOUT,
        error: Error::new(ErrorCode::BadUserInput, message).reason(ErrorReason::Timeout),
    }
}

fn too_much() -> Refusal {
    Error {
        retry_after: Some(RETRY),
        ..Error::new(ErrorCode::Unavailable, "This server holds too many unfinished requests; try again later.")
    }
    .into()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryParams {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// The parameters in a query string.
pub(super) fn from_query(request: &HttpRequest, max_nesting: usize) -> Result<Params, Error> {
    let Query(params) = Query::<QueryParams>::try_from_uri(request.uri())
        .map_err(|_| bad_request("The query string is not well-formed."))?;
    let object = |text: &str| text.trim_start().starts_with('{') || text.trim() == "null";
    for text in [&params.variables, &params.extensions].into_iter().flatten() {
        lexer::check_json(text.as_bytes(), max_nesting)?;
        if !object(text) {
            return Err(bad_request("`variables` and `extensions` must be JSON objects."));
        }
    }
    let not_json = |_| bad_request("`variables` and `extensions` must be JSON objects.");
    let extensions = params.extensions.as_deref().map(serde_json::from_str::<Option<Extensions>>);
    let extensions = extensions.transpose().map_err(not_json)?.flatten().unwrap_or_default();
    let variables = params.variables.as_deref().map(serde_json::from_str::<Variables>).transpose().map_err(not_json)?;
    Params::new(params.query, params.operation_name, variables.unwrap_or_default(), &extensions)
}

/// A request with files, by the GraphQL multipart request specification. The whole body is bounded already.
pub(super) async fn from_multipart(
    kind: &str,
    body: Bytes,
    max_size: usize,
) -> Result<(Params, Vec<UploadValue>), Error> {
    let options = MultipartOptions::default().max_file_size(max_size).max_num_files(MAX_FILES);
    let request = receive_batch_body(Some(kind), futures_util::io::Cursor::new(body), options)
        .await
        .map_err(|_| bad_request("The multipart body does not follow the GraphQL multipart request specification."))?;
    let BatchRequest::Single(mut request) = request else {
        return Err(bad_request("Send one operation a request; lists of operations are not accepted."));
    };
    for upload in &mut request.uploads {
        upload.filename = safe_name(&upload.filename);
    }
    let params = Params::new(Some(request.query), request.operation_name, request.variables, &Extensions::default())?;
    Ok((params, request.uploads))
}

/// A file name without folders, control characters and leading dots.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String =
        last.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | '|' | ':' | '*' | '?')).collect();
    let clean: String = clean.trim_start_matches('.').trim().chars().take(MAX_FILE_NAME).collect();
    if clean.is_empty() { "file".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lose_their_folders() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\x\\a.png"), "a.png");
        assert_eq!(safe_name("..\u{0}"), "file");
        assert_eq!(safe_name("Lüge?.txt"), "Lüge.txt");
    }
}
