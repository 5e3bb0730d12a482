//! `/graphql` by the GraphQL-over-HTTP specification: what is accepted, in which form it is answered, with which status.
//!
//! Only content types that a web page cannot send without asking first are executed: JSON, and multipart with one of
//! the preflight headers. Nothing here uses cookies.

use std::{sync::Arc, time::Duration};

use async_graphql::{
    BatchRequest, UploadValue, Variables,
    http::{MultipartOptions, receive_batch_body},
    parser::types::OperationType,
};
use axum::{
    body::{Body, to_bytes},
    extract::{Query, Request as HttpRequest, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    Server,
    answer::{About, Answer, server_error},
    auth::{self, Identity},
    edge, graphiql,
    operation::{Params, bad_request},
    sse,
};
use crate::kernel::{
    access::Actor,
    ctx::{Ctx, Request},
    error::{Error, ErrorCode, ErrorReason},
};

/// Headers that make a browser ask before it sends a form: one of them must come with multipart.
const PREFLIGHT_HEADERS: &[&str] = &["graphql-preflight", "apollo-require-preflight", "x-requested-with"];

/// Most files in one multipart request.
const MAX_FILES: usize = 10;

/// Longest name of an uploaded file, in characters.
const MAX_FILE_NAME: usize = 200;

/// The forms an answer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/graphql-response+json`: the status says what happened.
    Response,
    /// `application/json`: well-formed requests get 200.
    Json,
    /// `text/event-stream`.
    Events,
    /// `text/html`: GraphiQL.
    Page,
}

/// A refusal with its status.
struct Refusal {
    status: StatusCode,
    error: Error,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: edge::status_of(error.code), error }
    }
}

fn refusal(status: StatusCode, message: &'static str) -> Refusal {
    Refusal { status, error: bad_request(message) }
}

/// `/graphql`.
pub(super) async fn graphql(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let form = accepted(request.headers(), request.method() == Method::GET);
    if form == Some(Form::Page) && request.uri().query().is_none_or(str::is_empty) {
        return graphiql::page(&server, edge::request_id(&request));
    }
    answer(server, request, form).await
}

/// `/graphql/stream`: always server-sent events.
pub(super) async fn stream(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let form = match accepted(request.headers(), false) {
        Some(Form::Events | Form::Json) => Some(Form::Events),
        _ => None,
    };
    answer(server, request, form).await
}

async fn answer(server: Arc<Server>, request: HttpRequest, form: Option<Form>) -> Response {
    let id = edge::request_id(&request).to_owned();
    match take(&server, request, form).await {
        Ok(response) => response,
        Err(Refusal { status, error }) => {
            let mut response = edge::refuse(status, error, &id);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
            }
            if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE) {
                // The rest of the body is still on its way.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }
}

async fn take(server: &Arc<Server>, request: HttpRequest, form: Option<Form>) -> Result<Response, Refusal> {
    let get = match *request.method() {
        Method::GET | Method::HEAD => true,
        Method::POST => false,
        _ => return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "Use POST, or GET for queries.")),
    };
    let form = match form {
        Some(Form::Page) => Form::Json,
        Some(form) => form,
        None => {
            return Err(refusal(
                StatusCode::NOT_ACCEPTABLE,
                "Answers are `application/graphql-response+json`, `application/json` or `text/event-stream`.",
            ));
        }
    };
    let kind = if get { None } else { Some(content(request.headers())?) };
    let about = edge::about(server, &request);
    let token = edge::bearer(request.headers())?.map(Box::<str>::from);
    let identity = auth::identify(&server.ports, token.as_deref(), &about).await?;
    server.admit(&identity.actor, &about).await?;
    let (params, uploads) = match kind {
        None => (from_query(&request, server.ports.config.max_nesting)?, Vec::new()),
        Some(Content::Json) => {
            let body = read_body(server, request).await?;
            (Params::from_json(&body, server.ports.config.max_nesting)?, Vec::new())
        }
        Some(Content::Multipart(kind)) => {
            from_multipart(&kind, read_body(server, request).await?, server.ports.config.max_body_bytes).await?
        }
    };
    Ok(run(server, Call { params, uploads, get, form, token, identity, about }).await)
}

/// A request that was read.
struct Call {
    params: Params,
    uploads: Vec<UploadValue>,
    get: bool,
    form: Form,
    token: Option<Box<str>>,
    identity: Identity,
    about: Request,
}

async fn run(server: &Arc<Server>, call: Call) -> Response {
    let cx = Ctx::new(server.ports.clone(), call.identity.actor.clone(), call.about);
    let about = About { request_id: &cx.request.id, anonymous: matches!(cx.actor, Actor::Anonymous) };
    let prepared = match server.prepare(call.params, call.uploads, &cx) {
        Ok(prepared) => prepared,
        Err(error) => {
            let answer = Answer::refused(*error, about);
            server.metrics.refused_operation("unknown", answer.code);
            return if call.form == Form::Events { sse::only(&answer) } else { write(&answer, call.form) };
        }
    };
    if call.get && prepared.kind == OperationType::Mutation {
        let mut response =
            edge::refuse(StatusCode::METHOD_NOT_ALLOWED, bad_request("Mutations need POST."), about.request_id);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match (call.form, prepared.kind) {
        (Form::Events, OperationType::Subscription) => sse::open(server, prepared, cx, call.identity, call.token),
        (Form::Events, OperationType::Query | OperationType::Mutation) => {
            sse::only(&Box::pin(server.execute(prepared, &cx)).await)
        }
        (Form::Response | Form::Json | Form::Page, OperationType::Subscription) => {
            let error = Error::new(
                ErrorCode::GraphqlValidationFailed,
                "Subscriptions need a WebSocket at /graphql/ws, or server-sent events: Accept: text/event-stream.",
            );
            write(&Answer::refused(server_error(error), about), call.form)
        }
        (Form::Response | Form::Json | Form::Page, OperationType::Query | OperationType::Mutation) => {
            write(&Box::pin(server.execute(prepared, &cx)).await, call.form)
        }
    }
}

/// An answer in its form, with its status.
fn write(answer: &Answer, form: Form) -> Response {
    let status = match answer.code {
        "RATE_LIMITED" if answer.empty => StatusCode::TOO_MANY_REQUESTS,
        _ if answer.executed => StatusCode::OK,
        "INTERNAL_SERVER_ERROR" => StatusCode::INTERNAL_SERVER_ERROR,
        "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        _ if form == Form::Response => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let mut response = Response::new(Body::from(answer.json.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(match form {
            Form::Response => "application/graphql-response+json; charset=utf-8",
            Form::Json | Form::Events | Form::Page => "application/json; charset=utf-8",
        }),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    edge::add_hints(headers, status, answer.retry_after.filter(|_| status != StatusCode::OK));
    response
}

/// The form of the answer by the `Accept` header; `None` when there is none we could give.
fn accepted(headers: &HeaderMap, page: bool) -> Option<Form> {
    let mut best: Option<(f32, u8, Form)> = None;
    let mut asked = false;
    for range in headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        if kind.is_empty() {
            continue;
        }
        asked = true;
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        let (specific, form) = match kind.to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => (3, Form::Response),
            "application/json" => (2, Form::Json),
            "text/event-stream" => (2, Form::Events),
            "text/html" if page => (2, Form::Page),
            "application/*" => (1, Form::Json),
            "*/*" => (0, Form::Json),
            _ => continue,
        };
        if quality > 0.0 && best.is_none_or(|(q, s, _)| (quality, specific) > (q, s)) {
            best = Some((quality, specific, form));
        }
    }
    if asked { best.map(|(_, _, form)| form) } else { Some(Form::Json) }
}

enum Content {
    Json,
    Multipart(String),
}

fn content(headers: &HeaderMap) -> Result<Content, Refusal> {
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

async fn read_body(server: &Server, request: HttpRequest) -> Result<Bytes, Refusal> {
    let config = &server.ports.config;
    let too_large = || Refusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        error: Error::new(ErrorCode::BadUserInput, format!("The body has more than {} bytes.", config.max_body_bytes))
            .reason(ErrorReason::BodyTooLarge),
    };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > config.max_body_bytes) {
        return Err(too_large());
    }
    let limit = Duration::from_secs(config.read_timeout_seconds);
    match timeout(limit, to_bytes(request.into_body(), config.max_body_bytes)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(refusal(StatusCode::BAD_REQUEST, "The body could not be read to its end.")),
        Err(_) => Err(Refusal {
            status: StatusCode::REQUEST_TIMEOUT,
            error: Error::new(ErrorCode::BadUserInput, "The body did not arrive in time.").reason(ErrorReason::Timeout),
        }),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryParams {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

fn from_query(request: &HttpRequest, max_nesting: usize) -> Result<Params, Error> {
    let Query(params) = Query::<QueryParams>::try_from_uri(request.uri())
        .map_err(|_| bad_request("The query string is not well-formed."))?;
    let object = |text: &str| text.trim_start().starts_with('{') || text.trim() == "null";
    for text in [&params.variables, &params.extensions].into_iter().flatten() {
        super::lexer::check_json(text.as_bytes(), max_nesting)?;
        if !object(text) {
            return Err(bad_request("`variables` and `extensions` must be JSON objects."));
        }
    }
    let not_json = |_| bad_request("`variables` and `extensions` must be JSON objects.");
    if let Some(text) = &params.extensions {
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(not_json)?;
    }
    let variables = params.variables.as_deref().map(serde_json::from_str::<Variables>).transpose().map_err(not_json)?;
    Params::new(params.query, params.operation_name, variables.unwrap_or_default())
}

/// A request with files, by the GraphQL multipart request specification. The whole body is bounded already.
async fn from_multipart(kind: &str, body: Bytes, max_size: usize) -> Result<(Params, Vec<UploadValue>), Error> {
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
    let params = Params::new(Some(request.query), request.operation_name, request.variables)?;
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

    fn form(accept: &'static str, page: bool) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        accepted(&headers, page)
    }

    #[test]
    fn the_best_acceptable_form_wins() {
        assert_eq!(accepted(&HeaderMap::new(), true), Some(Form::Json));
        assert_eq!(form("*/*", true), Some(Form::Json));
        assert_eq!(form("application/graphql-response+json, application/json;q=0.9", true), Some(Form::Response));
        assert_eq!(form("application/graphql-response+json;q=0.5, application/json", true), Some(Form::Json));
        assert_eq!(form("text/html,application/xhtml+xml,*/*;q=0.8", true), Some(Form::Page));
        assert_eq!(form("text/event-stream", false), Some(Form::Events));
        assert_eq!(form("text/plain", true), None);
        assert_eq!(form("application/json;q=0", true), None);
    }

    #[test]
    fn file_names_lose_their_folders() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\x\\a.png"), "a.png");
        assert_eq!(safe_name("..\u{0}"), "file");
        assert_eq!(safe_name("Lüge?.txt"), "Lüge.txt");
    }
}
