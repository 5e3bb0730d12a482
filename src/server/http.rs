//! `/graphql` by the GraphQL-over-HTTP specification: what is accepted, in which form it is answered, with which status.
//!
//! Only content types that a web page cannot send without asking first are executed: JSON, and multipart with one of
//! the preflight headers. Nothing here uses cookies.

use std::sync::Arc;

use async_graphql::{UploadValue, parser::types::OperationType};
use axum::{
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;

use super::{
    Server,
    answer::{About, Answer, server_error},
    auth::{self, Identity},
    body::{Content, RETRY, Refusal, content, from_multipart, from_query, read_body, refusal},
    budget::{Full, Share},
    edge, graphiql,
    operation::{Params, bad_request},
    places::Seat,
    sse,
};
use crate::kernel::{
    access::Actor,
    ctx::{Ctx, Request},
    error::{Error, ErrorCode},
    quotas,
};

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

/// `/graphql`.
pub(super) async fn graphql(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let form = accepted(request.headers(), request.method() == Method::GET);
    if form == Some(Form::Page) && request.uri().query().is_none_or(str::is_empty) {
        let id = edge::request_id(&request).to_owned();
        return graphiql::page(&server, &request.into_parts().0.headers, &id).await;
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
            let unread = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::SERVICE_UNAVAILABLE];
            if unread.contains(&status) {
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
    let about = edge::about(&request);
    let known = request.headers().get(header::IF_NONE_MATCH).filter(|_| get).cloned();
    let token = edge::bearer(request.headers())?.map(Box::<str>::from);
    let identity = match auth::identify(&server.ports, token.as_deref(), &about).await {
        Ok(identity) => identity,
        Err(error) => {
            // A token that is not good is nobody's.
            server.admit(&Actor::Anonymous, &about).await?;
            return Err(error.into());
        }
    };
    server.admit(&identity.actor, &about).await?;
    let seat = request.extensions().get::<Seat>().cloned();
    let (params, uploads, body) = match kind {
        None => (from_query(&request, server.ports.config.max_nesting)?, Vec::new(), None),
        Some(Content::Json) => {
            let body = read_body(server, request, server.ports.config.max_body_bytes).await?;
            (Params::from_json(&body.bytes, server.ports.config.max_nesting)?, Vec::new(), Some(body.share))
        }
        Some(Content::Multipart(kind)) => {
            let config = &server.ports.config;
            // Files are for those who have an account; nobody else makes the server keep that much.
            let most = match &identity.actor {
                Actor::User(person) => {
                    quotas::spend(&server.ports, &[quotas::UPLOADS_OF_PERSON.of(person.user)]).await?;
                    config.max_upload_bytes.max(config.max_body_bytes)
                }
                Actor::Anonymous | Actor::Visitor { .. } | Actor::System => config.max_body_bytes,
            };
            let body = read_body(server, request, most).await?;
            let (params, uploads) = from_multipart(&kind, body.bytes, most).await?;
            (params, uploads, Some(body.share))
        }
    };
    Ok(run(server, Call { params, uploads, get, form, token, identity, about, known, seat, _body: body }).await)
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
    /// The answers that the caller has, by their tags.
    known: Option<HeaderValue>,
    seat: Option<Seat>,
    /// Held until there is an answer: what was sent is in the memory as long.
    _body: Option<Share>,
}

async fn run(server: &Arc<Server>, call: Call) -> Response {
    let cx = Ctx::new(server.ports.clone(), call.identity.actor.clone(), call.about);
    let about = About { request_id: &cx.request.id };
    let prepared = match server.prepare(call.params, call.uploads, &cx) {
        Ok(prepared) => prepared,
        Err(errors) => {
            let answer = Answer::refused_for(errors, about);
            server.metrics.refused_operation("unknown", answer.code);
            return if call.form == Form::Events {
                sse::only(server, &answer)
            } else {
                write(server, &answer, call.form)
            };
        }
    };
    if call.get && prepared.kind == OperationType::Mutation {
        let mut response =
            edge::refuse(StatusCode::METHOD_NOT_ALLOWED, bad_request("Mutations need POST."), about.request_id);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match (call.form, prepared.kind) {
        (Form::Events, OperationType::Subscription) => {
            sse::open(server, prepared, cx, call.identity, call.token, call.seat)
        }
        (Form::Events, OperationType::Query | OperationType::Mutation) => {
            sse::only(server, &Box::pin(server.execute(prepared, &cx)).await)
        }
        (Form::Response | Form::Json | Form::Page, OperationType::Subscription) => {
            let error = Error::new(
                ErrorCode::GraphqlValidationFailed,
                "Subscriptions need a WebSocket at /graphql/ws, or server-sent events: Accept: text/event-stream.",
            );
            write(server, &Answer::refused(server_error(error), about), call.form)
        }
        (Form::Response | Form::Json | Form::Page, OperationType::Query | OperationType::Mutation) => {
            let may_be_kept = call.get && prepared.alone;
            let answer = Box::pin(server.execute(prepared, &cx)).await;
            let response = write(server, &answer, call.form);
            match answer.etag.filter(|_| may_be_kept) {
                Some(etag) => tagged(response, etag, call.known.as_ref()),
                None => response,
            }
        }
    }
}

/// An answer that may be kept and is asked for again with its tag; 304 without a body for whoever has it.
fn tagged(mut response: Response, etag: HeaderValue, known: Option<&HeaderValue>) -> Response {
    if known.is_some_and(|known| matches(known, &etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    response
}

/// True when a list of tags names one; weak and strong ones are the same here (RFC 9110, 13.1.2).
fn matches(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    known.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

/// Answers from this size on are counted while a client takes them.
const LARGE: usize = 64 * 1024;

/// An answer in its form, with its status.
fn write(server: &Server, answer: &Answer, form: Form) -> Response {
    let status = match answer.code {
        "RATE_LIMITED" if answer.empty => StatusCode::TOO_MANY_REQUESTS,
        _ if answer.executed => StatusCode::OK,
        "INTERNAL_SERVER_ERROR" => StatusCode::INTERNAL_SERVER_ERROR,
        "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        _ if form == Form::Response => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let Ok(body) = held(server, answer.json.clone()) else { return too_much_waits() };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(answer.json.len()));
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

/// The body of an answer; a large one is counted until it has left.
pub(super) fn held(server: &Server, bytes: Bytes) -> Result<Body, Full> {
    if bytes.len() < LARGE { Ok(Body::from(bytes)) } else { server.outgoing.share().body(bytes) }
}

/// The answer instead of one that there is no room for.
pub(super) fn too_much_waits() -> Response {
    let error = Error {
        retry_after: Some(RETRY),
        ..Error::new(
            ErrorCode::Unavailable,
            "The answer is too large for what waits for slow clients already; try again later. A mutation has been \
             carried out.",
        )
    };
    edge::refuse(StatusCode::SERVICE_UNAVAILABLE, error, "")
}

/// True where the client would rather have a page than JSON: a browser.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    accepted(headers, true) == Some(Form::Page)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &'static str, page: bool) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        accepted(&headers, page)
    }

    #[test]
    fn a_tag_is_known_in_a_list_weak_or_strong() {
        let known =
            |list: &'static str| matches(&HeaderValue::from_static(list), &HeaderValue::from_static("W/\"ab\""));
        for list in ["W/\"ab\"", "\"ab\"", "\"x\", W/\"ab\"", "*"] {
            assert!(known(list), "{list}");
        }
        for list in ["\"a\"", "ab", "", "W/"] {
            assert!(!known(list), "{list}");
        }
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
}
