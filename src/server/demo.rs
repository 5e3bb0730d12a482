//! The demo page: a visitor and an agent side by side, on nothing but the public API. It is served where GraphiQL is.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use serde_json::json;

use super::Server;
use crate::{kernel::Ctx, seed};

/// The page loads its own files and talks to its own host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = "index.html";

#[derive(RustEmbed)]
#[folder = "src/server/demo"]
struct Files;

/// `GET /demo`.
pub(super) async fn page(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let mut response = answer(&server, PAGE, &headers).await;
    let answer = response.headers_mut();
    answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `GET /demo/<file>`.
pub(super) async fn file(State(server): State<Arc<Server>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if name == PAGE { absent() } else { answer(&server, &name, &headers).await }
}

/// `GET /demo/site`: with what the page is filled in, if the demo site was made.
pub(super) async fn site(State(server): State<Arc<Server>>) -> Response {
    if server.graphiql.is_none() {
        return absent();
    }
    match seed::demo_key(&Ctx::system(server.ports.clone())).await {
        Ok(key) => {
            let agent = key.as_ref().map(|_| seed::DEMO_AGENT);
            ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "siteKey": key, "agent": agent }))).into_response()
        }
        Err(error) => {
            tracing::warn!(error = ?error, "the demo site could not be looked for");
            (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer.").into_response()
        }
    }
}

async fn answer(server: &Server, name: &str, headers: &HeaderMap) -> Response {
    match (&server.graphiql, Files::get(name)) {
        (Some(graphiql), Some(file)) => graphiql.gzipped.embedded(file, headers).await,
        _ => absent(),
    }
}

fn absent() -> Response {
    (StatusCode::NOT_FOUND, "There is no such file.").into_response()
}
