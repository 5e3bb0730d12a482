//! For whoever runs the server: does the process live, and can it serve?

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Server;
use crate::kernel::error::Result;

/// Longest wait for one service.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Response {
    answer(StatusCode::OK, json!({ "status": "ok" }))
}

/// `GET /health/ready`: every service by its name. 503 while a needed one does not answer, and while stopping.
///
/// The database is needed. Without the others the server still answers: sign-ins, reads and writes work, live updates
/// between nodes and search may not.
pub(super) async fn ready(State(server): State<Arc<Server>>) -> Response {
    let ports = &server.ports;
    let (database, bus, scratch, vectors) = tokio::join!(
        check(ports.database.health()),
        check(ports.bus.health()),
        check(ports.scratch.health()),
        check(ports.vectors.health())
    );
    let embedder = ports.embeddings.health().is_ok();
    let stopping = server.stopping.is_cancelled();
    let ready = database && !stopping;
    let status = match (ready, bus && scratch && vectors && embedder) {
        (true, true) => "ok",
        (true, false) => "degraded",
        (false, _) => "unavailable",
    };
    let word = |up: bool| if up { "ok" } else { "down" };
    let body = json!({
        "status": status,
        "stopping": stopping,
        "services": {
            "database": word(database),
            "bus": word(bus),
            "scratch": word(scratch),
            "vectors": word(vectors),
            "embedder": word(embedder),
        },
        "sockets": server.sockets.count(),
    });
    answer(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
}

async fn check(health: impl Future<Output = Result<()>>) -> bool {
    matches!(timeout(PATIENCE, health).await, Ok(Ok(())))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
