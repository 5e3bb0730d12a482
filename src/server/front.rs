//! `GET /`: what this is and where things are, for people and for programs. Whoever asks elsewhere, where there is
//! nothing, is told the same.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Server,
    answer::{About, error_list, server_error},
    edge, http,
};
use crate::kernel::error::{Error, ErrorCode};

/// What the page begins with, and what else it may begin with.
const ABOUT: &str =
    "<p>A customer-support server: live chat, AI assistants, tickets and a knowledge base behind one GraphQL API.</p>";

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

/// `GET /`: a page where a browser asks for one, JSON otherwise.
pub(super) async fn front(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    told(&server, &headers, None)
}

/// A path where nothing is.
pub(super) async fn nothing(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let error =
        Error::new(ErrorCode::NotFound, "There is nothing at this address; `links` names those where there is.");
    told(&server, request.headers(), Some((StatusCode::NOT_FOUND, error, edge::request_id(&request))))
}

/// A method that the path does not have; `Allow` names those that it has.
pub(super) async fn wrong_method(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let text = "This address does not take the method; the header `Allow` names those that it takes. The API is asked with \
                POST at `/graphql`.";
    let error = Error::new(ErrorCode::BadUserInput, text);
    told(&server, request.headers(), Some((StatusCode::METHOD_NOT_ALLOWED, error, edge::request_id(&request))))
}

/// Where things are, and what was wrong with the request, if something was.
fn told(server: &Server, headers: &HeaderMap, wrong: Option<(StatusCode, Error, &str)>) -> Response {
    let links = LINKS.iter().filter(|link| server.graphiql.is_some() || !OF_GRAPHIQL.contains(&link.key));
    let status = wrong.as_ref().map_or(StatusCode::OK, |(status, ..)| *status);
    let mut response = if http::wants_page(headers) {
        let item = |link: &Link| match link.opens {
            true => format!("<li><a href=\"{0}\">{0}</a> {1}\n", link.path, link.about),
            false => format!("<li><code>{}</code> {}\n", link.path, link.about),
        };
        let page = PAGE.replacen("<!--links-->\n", &links.map(item).collect::<String>(), 1);
        let about = match status {
            StatusCode::OK => ABOUT,
            StatusCode::NOT_FOUND => "<p>There is nothing at this address. There is at these:</p>",
            _ => "<p>This address cannot be asked in this way. These can:</p>",
        };
        Html(page.replacen("<!--about-->", about, 1).replacen("{version}", VERSION, 1)).into_response()
    } else {
        let links: Map<String, Value> = links.map(|link| (link.key.to_owned(), link.path.into())).collect();
        match wrong {
            None => Json(json!({ "name": "Yanıt", "version": VERSION, "links": links })).into_response(),
            Some((_, error, request_id)) => {
                let (errors, _) = error_list(vec![server_error(error)], About { request_id });
                let errors: Value = serde_json::from_slice(&errors).unwrap_or_default();
                Json(json!({ "errors": errors, "links": links })).into_response()
            }
        }
    };
    *response.status_mut() = status;
    let answer = response.headers_mut();
    answer.append(header::VARY, HeaderValue::from_static("accept"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
