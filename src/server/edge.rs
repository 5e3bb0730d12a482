//! What every request meets first and every response last: its id, the caller's address, other pages' origins, panics.

use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use async_graphql::Value;
use axum::{
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use super::{
    Server,
    answer::{About, Answer, server_error},
    operation::panicked,
    places::{Holder, Seat, too_many_connections},
};
use crate::kernel::{
    ctx::Request,
    error::{Error, ErrorCode, ErrorReason, Result},
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer request ids of clients are replaced by ours.
const MAX_REQUEST_ID: usize = 64;

/// What pages of other origins may send.
const ALLOWED_HEADERS: &str = "accept, authorization, content-type, if-none-match, last-event-id, x-request-id, graphql-preflight, apollo-require-preflight, x-requested-with";

/// What pages of other origins may read.
const EXPOSED_HEADERS: &str = "etag, retry-after, x-request-id";

/// The other end of a connection, put into each of its requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: SocketAddr,
    /// There are more connections than allowed: only health checks are answered, everything else with this status.
    pub(super) refused: Option<StatusCode>,
}

#[derive(Clone)]
struct RequestId(Box<str>);

/// Wraps all routes.
pub(super) async fn around(State(server): State<Arc<Server>>, mut request: HttpRequest, next: Next) -> Response {
    let id = incoming_id(request.headers()).unwrap_or_else(|| server.new_request_id().into());
    request.extensions_mut().insert(RequestId(id.clone()));
    let graphql = request.uri().path().starts_with("/graphql");
    let origin = request.headers().get(header::ORIGIN).filter(|_| graphql).cloned();
    let health = request.uri().path().starts_with("/health");
    let seat = match request.extensions().get::<Peer>().copied() {
        None => Ok(None),
        Some(Peer { refused: Some(status), .. }) => Err(status),
        Some(Peer { address, refused: None }) => {
            let peer = address.ip();
            let caller = server.proxies.caller(peer, request.headers(), server.ports.clock.micros());
            request.extensions_mut().insert(Caller(caller));
            seat(&server, peer, caller)
        }
    };
    // Held until there is an answer; a stream or a socket holds it longer.
    if let Ok(Some(seat)) = &seat {
        request.extensions_mut().insert(seat.clone());
    }
    let mut response = if let Some(status) = seat.as_ref().err().filter(|_| !health) {
        let mut response = refuse(*status, too_many_connections(), &id);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    } else if graphql && request.method() == Method::OPTIONS {
        preflight()
    } else {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => refuse(StatusCode::INTERNAL_SERVER_ERROR, panicked(panic), &id),
        }
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if graphql {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin {
        // No cookies are used here, so no credentials are allowed and any page may ask; what a token may do from which
        // page is decided where the token is checked.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    response
}

fn preflight() -> Response {
    (
        StatusCode::NO_CONTENT,
        [
            (header::ALLOW, "GET, POST, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        ],
    )
        .into_response()
}

/// A client's own request id, if it is one that can stand in logs.
fn incoming_id(headers: &HeaderMap) -> Option<Box<str>> {
    let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let sane = (1..=MAX_REQUEST_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    sane.then(|| text.into())
}

/// The id given to a request.
pub(super) fn request_id(request: &HttpRequest) -> &str {
    request.extensions().get::<RequestId>().map_or("", |id| &id.0)
}

/// The address of whoever calls.
#[derive(Clone, Copy)]
struct Caller(IpAddr);

/// The place of whoever is behind a proxy; those who are connected themselves have one already.
fn seat(server: &Server, peer: IpAddr, caller: IpAddr) -> std::result::Result<Option<Seat>, StatusCode> {
    if !server.proxies.trust(peer) || caller == peer.to_canonical() {
        return Ok(None);
    }
    let place = server.places.take(Holder::Network(caller.into()));
    if place.number > server.connections_per_address() {
        server.metrics.refused.increment(1);
        return Err(StatusCode::TOO_MANY_REQUESTS);
    }
    Ok(Some(place.into()))
}

/// What limits, logs and checks of origin need to know of a request.
pub(super) fn about(request: &HttpRequest) -> Request {
    let headers = request.headers();
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Request {
        id: request_id(request).to_owned(),
        address: request.extensions().get::<Caller>().map(|caller| caller.0),
        origin: text(&header::ORIGIN),
        host: text(&header::HOST).or_else(|| request.uri().authority().map(ToString::to_string)),
        user_agent: text(&header::USER_AGENT),
    }
}

/// The token of a request.
///
/// # Errors
/// `UNAUTHENTICATED` with the reason `INVALID_TOKEN` for another scheme than `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    match headers.get(header::AUTHORIZATION) {
        None => Ok(None),
        Some(value) => value.to_str().map_err(|_| invalid_token()).and_then(bearer_of),
    }
}

/// The token in `Bearer <token>`. `Bearer` alone, as editors send it before it is filled in, is no token.
///
/// # Errors
/// See [`bearer`].
pub(super) fn bearer_of(value: &str) -> Result<Option<&str>> {
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if value.is_empty() {
        return Ok(None);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid_token());
    }
    Ok(Some(token.trim()).filter(|token| !token.is_empty()))
}

fn invalid_token() -> Error {
    Error::new(ErrorCode::Unauthenticated, "The Authorization header must be `Bearer <token>`.")
        .reason(ErrorReason::InvalidToken)
}

/// The reason of an error as the schema names it.
pub(super) fn reason_of(error: &Error) -> Option<String> {
    match error.extensions().get("reason") {
        Some(Value::String(reason)) => Some(reason.clone()),
        _ => None,
    }
}

/// A response to what never became an operation.
pub(super) fn refuse(status: StatusCode, error: Error, request_id: &str) -> Response {
    let answer = Answer::refused(server_error(error), About { request_id });
    let mut response = Response::new(Body::from(answer.json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    add_hints(headers, status, answer.retry_after);
    response
}

/// What a status promises besides: when to come back, how to sign in.
pub(super) fn add_hints(headers: &mut HeaderMap, status: StatusCode, retry_after: Option<i64>) {
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The status of an error that kept a request from being executed.
pub(super) fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::PersistedQueryNotSupported
        | ErrorCode::GraphqlParseFailed
        | ErrorCode::GraphqlValidationFailed
        | ErrorCode::BadUserInput => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_as_bearer_only() {
        assert_eq!(bearer_of("Bearer abc").unwrap(), Some("abc"));
        assert_eq!(bearer_of("bearer  abc ").unwrap(), Some("abc"));
        assert_eq!(bearer_of("Bearer ").unwrap(), None);
        assert!(bearer_of("Basic abc").is_err());
    }

    #[test]
    fn request_ids_of_clients_must_be_sane() {
        let id = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(text));
            incoming_id(&headers)
        };
        assert_eq!(id("a-1.B_2").as_deref(), Some("a-1.B_2"));
        assert!(id("a b").is_none() && id("").is_none() && id("<script>").is_none());
    }
}
