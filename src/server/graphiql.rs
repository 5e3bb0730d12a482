//! GraphiQL, served from the binary: the page at `GET /graphql` and its files. Nothing is loaded from elsewhere.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::RustEmbed;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Server, edge,
    files::{File, Gzipped, digits},
};
use crate::kernel::error::{Error, ErrorCode};

/// What the page may load: its own files, and connections to its own host. The one style that a library adds by itself
/// is named by its hash; see `assets/graphiql/README.md`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='; \
     connect-src 'self'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PLACE_FOR_TABS: &str = "id=\"yanit-tabs\">[]<";

#[derive(RustEmbed)]
#[folder = "assets/graphiql"]
struct Assets;

/// An example that the page opens on a first visit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tab {
    /// What it shows.
    pub title: &'static str,
    /// The document.
    pub query: &'static str,
    /// Its variables, as JSON text.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub variables: &'static str,
    /// The request's headers, as JSON text.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub headers: &'static str,
}

/// The examples, in the order of their tabs.
pub const TABS: &[Tab] = &[
    tab("Visitor: start", include_str!("../../assets/examples/1-visitor.graphql"), ""),
    tab("Visitor: ask", include_str!("../../assets/examples/2-ask.graphql"), AS_VISITOR),
    tab("Visitor: follow", include_str!("../../assets/examples/3-follow.graphql"), AS_VISITOR),
    tab("Visitor: ask and wait", include_str!("../../assets/examples/4-await.graphql"), AS_VISITOR),
    tab("Agent: sign in", include_str!("../../assets/examples/5-agent.graphql"), ""),
    tab("Agent: inbox", include_str!("../../assets/examples/6-inbox.graphql"), AS_AGENT),
    tab("Agent: follow inbox", include_str!("../../assets/examples/7-inbox-events.graphql"), AS_AGENT),
    tab("Agent: take over", include_str!("../../assets/examples/8-take-over.graphql"), AS_AGENT),
];

/// The page fills these in with the tokens that it was given.
const AS_VISITOR: &str = "{ \"Authorization\": \"Bearer PASTE_VISITOR_TOKEN\" }";
const AS_AGENT: &str = "{ \"Authorization\": \"Bearer PASTE_AGENT_TOKEN\" }";

const fn tab(title: &'static str, query: &'static str, headers: &'static str) -> Tab {
    Tab { title, query, variables: "", headers }
}

/// GraphiQL as this server serves it.
pub(super) struct Graphiql {
    page: Bytes,
    hash: String,
    /// Its files, and those of the demo page, in their short form.
    pub(super) gzipped: Gzipped,
}

impl Graphiql {
    /// The page with the examples in it.
    pub(super) fn new() -> Option<Self> {
        let page = Bytes::from(render()?);
        Some(Self { hash: digits(&Sha256::digest(&page)), page, gzipped: Gzipped::default() })
    }
}

fn render() -> Option<String> {
    let page = Assets::get("index.html")?;
    let page = std::str::from_utf8(&page.data).ok()?;
    // Within a script element, `<` could end it.
    let tabs = serde_json::to_string(TABS).ok()?.replace('<', "\\u003c");
    Some(page.replacen(PLACE_FOR_TABS, &format!("id=\"yanit-tabs\">{tabs}<"), 1))
}

/// `GET /graphql` of a browser.
pub(super) async fn page(server: &Server, headers: &HeaderMap, request_id: &str) -> Response {
    let Some(graphiql) = &server.graphiql else {
        return edge::refuse(
            StatusCode::NOT_FOUND,
            Error::new(ErrorCode::NotFound, "GraphiQL is switched off on this server."),
            request_id,
        );
    };
    let file = File { content: graphiql.page.clone(), kind: "text/html; charset=utf-8", hash: &graphiql.hash };
    let mut response = graphiql.gzipped.answer(file, headers).await;
    let answer = response.headers_mut();
    answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer.append(header::VARY, HeaderValue::from_static("accept"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `GET /graphql/assets/<file>`.
pub(super) async fn asset(State(server): State<Arc<Server>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let file = Assets::get(&name).filter(|_| name != "index.html");
    let (Some(graphiql), Some(file)) = (&server.graphiql, file) else {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    graphiql.gzipped.embedded(file, &headers).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_the_examples() {
        let page = String::from_utf8(Assets::get("index.html").unwrap().data.into_owned()).unwrap();
        assert!(page.contains(PLACE_FOR_TABS), "index.html has no place for the examples");
        assert!(render().unwrap().contains("yanit-tabs"));
    }
}
