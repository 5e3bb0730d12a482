//! Transport: HTTP, WebSocket and server-sent events. It may use everything; nothing uses it.
//!
//! The way of a request: [`serve`] accepts the connection if its address has a place ([`places`]) → [`edge`] gives it an
//! id and, with [`proxies`], an address → [`http`] with [`body`], or [`ws`] with [`reader`] and [`talk`], reads it, not too
//! slowly ([`pace`]) and within the memory for it ([`budget`]) → [`auth`] says who calls → [`operation`] counts it and has
//! it checked ([`documents`], [`lexer`], [`limits`], [`inputs`], [`weight`]) → the schema runs it when it is its turn
//! ([`turns`]), or
//! [`hub`] shares a run that is there → [`answer`] completes its errors → [`http`], [`sse`] or [`conn`] writes it.

mod absent;
mod answer;
mod assembly;
pub mod auth;
mod body;
mod budget;
mod conn;
mod demo;
mod documents;
mod edge;
mod events;
mod files;
mod frame;
mod front;
pub mod graphiql;
mod health;
mod http;
mod hub;
mod inputs;
mod introspection;
mod lexer;
mod limits;
mod metrics;
mod operation;
mod overlap;
mod pace;
mod places;
mod plan;
mod proxies;
mod queue;
mod reader;
mod serve;
mod shape;
mod sockets;
mod sse;
mod talk;
mod turns;
mod weight;
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
    places: places::Places,
    turns: turns::Turns,
    /// For what clients have begun to send.
    incoming: Arc<budget::Budget>,
    /// For what clients do not take.
    outgoing: Arc<budget::Budget>,
    metrics: metrics::Metrics,
    proxies: proxies::Proxies,
    documents: documents::Documents,
    /// Whoever asks about the schema waits for their turn: it takes a processor for a while, and nobody has to sign in.
    introspecting: tokio::sync::Semaphore,
    /// The page and its files, unless they are switched off.
    graphiql: Option<graphiql::Graphiql>,
    /// Set when this server stops.
    stopping: CancellationToken,
}

impl Server {
    /// Wires the transport and starts its ticker.
    fn start(ports: Arc<Ports>, api: Api) -> Arc<Self> {
        let metrics = metrics::Metrics::new();
        let server = Arc::new(Self {
            documents: documents::Documents::new(api.types().clone()),
            introspecting: tokio::sync::Semaphore::new(1),
            api,
            hub: Arc::default(),
            sockets: sockets::Sockets::default(),
            places: places::Places::default(),
            turns: turns::Turns::default(),
            incoming: budget::Budget::new(
                ports.config.max_incoming_bytes,
                metrics.incoming_bytes.clone(),
                metrics.incoming_refused.clone(),
            ),
            outgoing: budget::Budget::new(
                ports.config.max_outgoing_bytes,
                metrics.outgoing_bytes.clone(),
                metrics.outgoing_refused.clone(),
            ),
            metrics,
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
        .route("/demo", get(demo::page))
        .route("/demo/site", get(demo::site))
        .route("/demo/{file}", get(demo::file))
        .route("/", get(front::front))
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::page))
        .fallback(front::nothing)
        .method_not_allowed_fallback(front::wrong_method)
        .layer(from_fn_with_state(server.clone(), edge::around))
        .with_state(server)
}
