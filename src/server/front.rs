//! `GET /`: what this is and where things are, for people and for programs.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{Server, http};

const PAGE: &str = include_str!("front.html");
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The page loads nothing.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A way in.
struct Link {
    /// Its name in JSON.
    key: &'static str,
    path: &'static str,
    about: &'static str,
    /// A browser can open it.
    opens: bool,
}

const LINKS: [Link; 6] = [
    Link { key: "demo", path: "/demo", about: "Try it: a visitor and an agent side by side", opens: true },
    Link { key: "graphiql", path: "/graphql", about: "GraphiQL: try the API in the browser", opens: true },
    Link { key: "graphql", path: "/graphql", about: "GraphQL over HTTP (POST)", opens: false },
    Link {
        key: "webSocket",
        path: "/graphql/ws",
        about: "GraphQL over WebSocket (graphql-transport-ws)",
        opens: false,
    },
    Link { key: "stream", path: "/graphql/stream", about: "GraphQL over server-sent events", opens: false },
    Link { key: "health", path: "/health", about: "Whether it can serve", opens: true },
];

/// What there is only where GraphiQL is.
const OF_GRAPHIQL: [&str; 2] = ["demo", "graphiql"];

/// A page where a browser asks for one, JSON otherwise.
pub(super) async fn front(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let links = LINKS.iter().filter(|link| server.graphiql.is_some() || !OF_GRAPHIQL.contains(&link.key));
    let mut response = if http::wants_page(&headers) {
        let item = |link: &Link| match link.opens {
            true => format!("<li><a href=\"{0}\">{0}</a> {1}\n", link.path, link.about),
            false => format!("<li><code>{}</code> {}\n", link.path, link.about),
        };
        let page = PAGE.replacen("<!--links-->\n", &links.map(item).collect::<String>(), 1);
        Html(page.replacen("{version}", VERSION, 1)).into_response()
    } else {
        let links: Map<String, Value> = links.map(|link| (link.key.to_owned(), link.path.into())).collect();
        Json(json!({ "name": "Yanıt", "version": VERSION, "links": links })).into_response()
    };
    let answer = response.headers_mut();
    answer.append(header::VARY, HeaderValue::from_static("accept"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
