//! Files that stay as they are while the server runs: tagged, not sent to whom has them, and gzipped for whom takes that.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::EmbeddedFile;
use tokio::sync::OnceCell;

use crate::kernel::error::{Error, Result};

/// A file to answer with.
pub(super) struct File<'a> {
    /// What it holds.
    pub(super) content: Bytes,
    /// Its MIME type.
    pub(super) kind: &'a str,
    /// A hash of its content, in hexadecimal digits.
    pub(super) hash: &'a str,
}

/// Gzipped contents by the hashes of what they were made from. Each is made once, at its first use, and kept.
#[derive(Default)]
pub(super) struct Gzipped(Mutex<HashMap<String, Arc<OnceCell<Bytes>>>>);

impl Gzipped {
    /// Answers with a file that is part of the program.
    pub(super) async fn embedded(&self, file: EmbeddedFile, headers: &HeaderMap) -> Response {
        let hash = digits(&file.metadata.sha256_hash());
        let kind = match file.metadata.mimetype() {
            text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
            other => other.to_owned(),
        };
        let content = match file.data {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => content.into(),
        };
        self.answer(File { content, kind: &kind, hash: &hash }, headers).await
    }

    /// Answers a request that has these headers.
    pub(super) async fn answer(&self, file: File<'_>, headers: &HeaderMap) -> Response {
        let packed = takes_gzip(headers);
        // Of the two forms each has a tag: what a cache keeps of one is never taken for the other.
        let tag = if packed { format!("\"{}-gzip\"", file.hash) } else { format!("\"{}\"", file.hash) };
        let mut response = if knows(headers, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if packed {
            match self.content(&file).await {
                Ok(content) => ([(header::CONTENT_ENCODING, "gzip")], Body::from(content)).into_response(),
                Err(error) => {
                    tracing::error!(error = ?error, "a file could not be compressed");
                    return StatusCode::INTERNAL_SERVER_ERROR.into_response();
                }
            }
        } else {
            Response::new(Body::from(file.content))
        };
        let answer = response.headers_mut();
        for (name, value) in [(header::CONTENT_TYPE, file.kind), (header::ETAG, &tag)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.insert(name, value);
            }
        }
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        response
    }

    /// Several requests at once wait for one compression, which takes a tenth of a second for the largest file.
    async fn content(&self, file: &File<'_>) -> Result<Bytes> {
        let cell = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(file.hash.to_owned()).or_default().clone()
        };
        let content = file.content.clone();
        let made = || async { tokio::task::spawn_blocking(move || gzip(&content)).await.map_err(Error::internal)? };
        cell.get_or_try_init(made).await.cloned()
    }
}

/// The first half of a hash: enough to tell versions of one file apart.
pub(super) fn digits(hash: &[u8]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(content: &[u8]) -> Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish()).map(Bytes::from).map_err(Error::internal)
}

/// The members of a header that is a list, however many lines it has.
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// True when the client accepts gzip: by name or, where it is not named, by `*`.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let quality = |wanted: &str| {
        members(headers, &header::ACCEPT_ENCODING).find_map(|member| {
            let mut parts = member.split(';').map(str::trim);
            let is_wanted = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            is_wanted.then(|| quality.unwrap_or(0.0))
        })
    };
    quality("gzip").or_else(|| quality("*")).is_some_and(|quality| quality > 0.0)
}

/// True when the client has what the tag names.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    members(headers, &header::IF_NONE_MATCH).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_for_who_accepts_it() {
        for accepted in ["gzip", "br, GZIP;q=0.5", "deflate, *", "gzip;q=1.0, *;q=0"] {
            assert!(takes_gzip(&with(header::ACCEPT_ENCODING, accepted)), "{accepted}");
        }
        for refused in ["", "br", "identity", "gzip;q=0", "*, gzip; q=0", "gzip;q=x"] {
            assert!(!takes_gzip(&with(header::ACCEPT_ENCODING, refused)), "{refused}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn tags_come_in_lists_and_weak() {
        for known in ["\"a\"", "W/\"a\"", "\"b\", W/\"a\"", "*"] {
            assert!(knows(&with(header::IF_NONE_MATCH, known), "\"a\""), "{known}");
        }
        assert!(!knows(&with(header::IF_NONE_MATCH, "\"a-gzip\", a"), "\"a\""));
        assert!(!knows(&HeaderMap::new(), "\"a\""));
    }
}
