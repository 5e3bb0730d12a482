//! From an execution's result to what a client gets: the data in the form of the document ([`shape`]), every error with
//! a code and the request's id; what happened inside is logged once and kept back.

use async_graphql::{PathSegment, Response, ServerError, Value};
use axum::http::{HeaderValue, header};
use bytes::Bytes;

use super::{plan::Plan, shape};
use crate::kernel::error::{Error, ErrorCode, ErrorReason};

/// More errors than this tell nobody anything.
const MAX_ERRORS: usize = 50;

/// Longer messages are cut: the parser and the validator quote the document.
const MAX_MESSAGE: usize = 500;

/// What the library says of an operation that costs more than the limit (async-graphql 7.2.1, `check_rules`).
pub(super) const TOO_COMPLEX: &str = "Query is too complex.";

/// What the metrics say of an operation without errors.
const OK: &str = "OK";

/// The request's side of an answer.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The request's id.
    pub(super) request_id: &'a str,
}

/// An answer, ready to be sent.
pub(super) struct Answer {
    /// `{"data":…,"errors":…}`, or without `data` when nothing was executed.
    pub(super) json: Bytes,
    /// True once execution began: parsed, valid, within the limits.
    pub(super) executed: bool,
    /// The errors alone, where nothing was executed.
    pub(super) errors: Option<Bytes>,
    /// True when there is nothing in `data`: null, or an object of nulls.
    pub(super) empty: bool,
    /// The first error's code, or `OK`.
    pub(super) code: &'static str,
    /// By which it is known to be the same, where whoever made it says so and nothing failed.
    pub(super) etag: Option<HeaderValue>,
    /// The longest `retryAfter` of the errors, in seconds.
    pub(super) retry_after: Option<i64>,
}

impl Answer {
    /// The answer of a plan that was given to the schema.
    pub(super) fn new(mut response: Response, plan: &Plan, about: About<'_>) -> Self {
        let executed = response.errors.is_empty()
            || !matches!(response.data, Value::Null)
            || response.errors.iter().any(|error| !error.path.is_empty());
        if !executed {
            return Self::refused_for(response.errors, about);
        }
        let mut json = b"{\"data\":".to_vec();
        let holds_any = shape::write(plan, &response.data, &mut response.errors, &mut json);
        complete_all(&mut response.errors, true, about);
        if !response.errors.is_empty() {
            json.extend_from_slice(b",\"errors\":");
            json.extend_from_slice(&list(&response.errors));
        }
        json.push(b'}');
        Self {
            json: Bytes::from(json),
            executed: true,
            errors: None,
            empty: !holds_any,
            code: response.errors.first().map_or(OK, code_of),
            etag: response.http_headers.remove(header::ETAG).filter(|_| response.errors.is_empty()),
            retry_after: response.errors.iter().filter_map(retry_after).max(),
        }
    }

    /// The answer to what was refused before execution.
    pub(super) fn refused(error: ServerError, about: About<'_>) -> Self {
        Self::refused_for(vec![error], about)
    }

    /// The answer to what was refused before execution, for several reasons.
    pub(super) fn refused_for(mut errors: Vec<ServerError>, about: About<'_>) -> Self {
        complete_all(&mut errors, false, about);
        let list = list(&errors);
        Self {
            json: [b"{\"errors\":", list.as_slice(), b"}"].concat().into(),
            executed: false,
            errors: Some(list.into()),
            empty: true,
            code: errors.first().map_or(OK, code_of),
            etag: None,
            retry_after: errors.iter().filter_map(retry_after).max(),
        }
    }
}

/// The errors alone, as a JSON list: the payload of the `error` message over a WebSocket.
pub(super) fn error_list(mut errors: Vec<ServerError>, about: About<'_>) -> (Bytes, &'static str) {
    complete_all(&mut errors, false, about);
    let code = errors.first().map_or(OK, code_of);
    (list(&errors).into(), code)
}

fn list(errors: &[ServerError]) -> Vec<u8> {
    serde_json::to_vec(errors).unwrap_or_else(|_| b"[]".to_vec())
}

/// Our error in the form the GraphQL library has for those that belong to no field.
pub(super) fn server_error(error: Error) -> ServerError {
    let mut server_error = ServerError::new(error.message.clone(), None);
    server_error.extensions = Some(error.extensions());
    server_error.source = Some(std::sync::Arc::new(error));
    server_error
}

/// The code of a completed error, as the schema names it.
fn code_of(error: &ServerError) -> &'static str {
    const CODES: &[&str] = &[
        "PERSISTED_QUERY_NOT_SUPPORTED",
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_USER_INPUT",
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "NOT_FOUND",
        "CONFLICT",
        "RATE_LIMITED",
        "UNAVAILABLE",
    ];
    let code = match error.extensions.as_ref().and_then(|values| values.get("code")) {
        Some(Value::String(code)) => code.as_str(),
        _ => "",
    };
    CODES.iter().find(|known| **known == code).copied().unwrap_or("INTERNAL_SERVER_ERROR")
}

fn retry_after(error: &ServerError) -> Option<i64> {
    let Value::Number(seconds) = error.extensions.as_ref()?.get("retryAfter")? else { return None };
    seconds.as_i64()
}

fn complete_all(errors: &mut Vec<ServerError>, executed: bool, about: About<'_>) {
    errors.truncate(MAX_ERRORS);
    for error in errors {
        complete(error, executed, about);
    }
}

fn complete(error: &mut ServerError, executed: bool, about: About<'_>) {
    match error.source::<Error>() {
        Some(ours) => log(ours, error, about),
        None => {
            plain(&mut error.message);
            let coded = error.extensions.as_ref().is_some_and(|values| values.get("code").is_some());
            if !coded {
                let known = if executed {
                    // What has no code of ours and a path: an argument that its type or a validator refused.
                    Error::new(ErrorCode::BadUserInput, "")
                } else {
                    Error { reason: limit_reason(&error.message), ..Error::new(ErrorCode::GraphqlValidationFailed, "") }
                };
                error.extensions = Some(known.extensions());
            }
        }
    }
    if error.message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|at| error.message.is_char_boundary(*at)).unwrap_or(0);
        error.message.truncate(end);
        error.message.push('…');
    }
    error.extensions.get_or_insert_default().set("requestId", about.request_id);
}

/// Takes away what the library says around the message of a value that cannot be read: `Failed to parse "ID": … (occurred
/// while parsing "Input")` (async-graphql 7.2.1, `InputValueError`).
fn plain(message: &mut String) {
    if let Some((_, text)) = message.strip_prefix("Failed to parse \"").and_then(|rest| rest.split_once("\": ")) {
        *message = text.to_owned();
    }
    if let Some(at) = message.find(" (occurred while parsing \"") {
        message.truncate(at);
    }
}

/// The limits that the schema itself checks have no reason of ours.
fn limit_reason(message: &str) -> Option<ErrorReason> {
    match message {
        TOO_COMPLEX => Some(ErrorReason::TooComplex),
        "Query is nested too deep." => Some(ErrorReason::TooDeep),
        _ if message.starts_with("The recursion depth of the query") => Some(ErrorReason::TooDeep),
        _ if message.starts_with("The number of directives") => Some(ErrorReason::DocumentTooLarge),
        _ => None,
    }
}

/// Logs what happened inside, if something did. Errors are logged here and nowhere else.
fn log(ours: &Error, error: &ServerError, about: About<'_>) {
    let Some(source) = &ours.source else { return };
    let mut chain = source.to_string();
    let mut inner = source.source();
    while let Some(cause) = inner {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        inner = cause.source();
    }
    let path: Vec<String> = error
        .path
        .iter()
        .map(|segment| match segment {
            PathSegment::Field(name) => name.clone(),
            PathSegment::Index(index) => index.to_string(),
        })
        .collect();
    let path = path.join(".");
    if ours.code == ErrorCode::InternalServerError {
        tracing::error!(request.id = about.request_id, path, error = chain, "A request failed inside.");
    } else {
        tracing::warn!(
            request.id = about.request_id,
            path,
            error = chain,
            "A request met a service that does not answer."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'static> = About { request_id: "r1" };

    #[test]
    fn internals_stay_inside() {
        let inside = Error::internal(std::io::Error::other("password=hunter2"));
        let answer = Answer::refused(server_error(inside), ABOUT);
        let text = String::from_utf8(answer.json.to_vec()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("INTERNAL_SERVER_ERROR") && text.contains("\"requestId\":\"r1\""), "{text}");
        assert!(!text.contains("\"data\""), "{text}");
    }

    #[test]
    fn every_error_gets_a_code() {
        let answer = Answer::refused(ServerError::new(TOO_COMPLEX, None), ABOUT);
        assert_eq!(answer.code, "GRAPHQL_VALIDATION_FAILED");
        assert!(String::from_utf8_lossy(&answer.json).contains("TOO_COMPLEX"));
    }

    #[test]
    fn values_that_cannot_be_read_are_told_of_without_the_librarys_words() {
        let told = |text: &str| {
            let mut text = text.to_owned();
            plain(&mut text);
            text
        };
        let nested =
            "Failed to parse \"ID\": This is not an id. (occurred while parsing \"A\") (occurred while parsing \"B\")";
        assert_eq!(told(nested), "This is not an id.");
        assert_eq!(told("Another \"text\": as it is."), "Another \"text\": as it is.");
    }
}
