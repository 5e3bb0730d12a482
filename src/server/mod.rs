//! Transport: HTTP, WebSocket and server-sent events. It may use everything; nothing uses it.
//!
//! The way of a request: [`serve`] accepts the connection → [`edge`] gives it an id and, with [`proxies`], an address → [`http`] with [`body`], or [`ws`] with [`talk`], reads it →
//! [`auth`] says who calls → [`operation`] counts it and has it checked ([`documents`], [`lexer`], [`limits`]) → the schema runs it, or
//! [`hub`] shares a run that is there → [`answer`] completes its errors → [`http`], [`sse`] or [`conn`] writes it.

mod answer;
pub mod auth;
mod body;
mod conn;
mod documents;
mod edge;
mod events;
mod files;
mod frame;
pub mod graphiql;
mod health;
mod http;
mod hub;
mod lexer;
mod limits;
mod metrics;
mod operation;
mod proxies;
mod serve;
mod sockets;
mod sse;
mod talk;
mod ws;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{any, get},
};
use tokio_util::sync::CancellationToken;

pub use self::serve::{listen, serve};
use crate::{kernel::ctx::Ports, schema::Api};

/// What all requests share.
pub(crate) struct Server {
    ports: Arc<Ports>,
    api: Api,
    hub: Arc<hub::Hub>,
    sockets: sockets::Sockets,
    metrics: metrics::Metrics,
    proxies: proxies::Proxies,
    documents: documents::Documents,
    /// The page and its files, unless they are switched off.
    graphiql: Option<graphiql::Graphiql>,
    /// Set when this server stops.
    stopping: CancellationToken,
}

impl Server {
    /// Wires the transport and starts its ticker.
    fn start(ports: Arc<Ports>, api: Api) -> Arc<Self> {
        let server = Arc::new(Self {
            documents: documents::Documents::new(api.types().clone()),
            api,
            hub: Arc::default(),
            sockets: sockets::Sockets::default(),
            metrics: metrics::Metrics::new(),
            proxies: proxies::Proxies::new(&ports.config),
            graphiql: ports.config.graphiql.then(graphiql::Graphiql::new).flatten(),
            stopping: ports.tasks.stopping().child_token(),
            ports,
        });
        server.ports.tasks.spawn(sockets::run_ticker(Arc::downgrade(&server)));
        server
    }

    /// A new id for a request or an operation.
    fn new_request_id(&self) -> String {
        self.ports.clock.uuid().simple().to_string()
    }
}

/// All routes, for tests and for embedding. WebSockets need [`serve`].
pub fn router(ports: Arc<Ports>, api: Api) -> Router {
    routes(Server::start(ports, api))
}

fn routes(server: Arc<Server>) -> Router {
    Router::new()
        .route("/graphql", any(http::graphql))
        .route("/graphql/stream", any(http::stream))
        .route("/graphql/ws", any(ws::upgrade))
        .route("/graphql/assets/{file}", get(graphiql::asset))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::page))
        .layer(from_fn_with_state(server.clone(), edge::around))
        .with_state(server)
}
