//! `graphql-transport-ws` on `/graphql/ws`: the handshake, and one task a socket that reads what the client says.
//!
//! Close codes: 4400 message not understood · 4401 `subscribe` before the acknowledgement · 4403 sign-in bad, run out or
//! revoked · 4406 another subprotocol · 4408 no `connection_init` in time · 4409 id in use · 4429 second
//! `connection_init`, or too many messages · 4500 our fault · 1001 this node stops · 1002 not WebSocket · 1007 not UTF-8 ·
//! 1008 a message that was begun and does not go on · 1009 message too large · 1013 the client does not read, has too
//! many connections, or this node holds too much for others: try again later. After 1001, 1013 and 4403 clients
//! reconnect and resume by cursor.
//!
//! What always holds:
//! - Whoever is signed out is so at once, whatever they send: hints come before messages, and nothing that waited for
//!   them is sent any more.
//! - A client that sends more than it may is read more slowly; if it does not stop it has to go. Messages of all kinds
//!   count, also parts of messages and control frames.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;

use super::{
    Server,
    assembly::Item,
    conn::{Conn, End, FLOOD, SLOW, STALLED, Turn},
    edge,
    pace::Paced,
    places::Seat,
    queue::Room,
    reader::Reader,
    serve::Counted,
    talk::{Talk, hints},
};
use crate::kernel::{
    access::Actor,
    ctx::Request,
    error::{Error, ErrorCode},
};

/// The subprotocol spoken here.
const PROTOCOL: &str = "graphql-transport-ws";

/// Longest wait for `connection_init`, and longest rest within a message, whatever the settings allow for a body.
const MAX_PATIENCE: u64 = 10;

/// The longest message before the acknowledgement: a token has one or two thousand bytes.
const MAX_FIRST: usize = 16 * 1024;

/// The close code of a sign-in that does not count, or does not count any more.
pub(super) const FORBIDDEN: u16 = 4403;

/// Longest wait for the other side's half of a close …
const LINGER: Duration = Duration::from_secs(2);

/// … and of one that must read what the kernel holds for it first, to learn that it was too slow.
const LINGER_SLOW: Duration = Duration::from_secs(20);

/// `GET /graphql/ws`.
pub(super) async fn upgrade(State(server): State<Arc<Server>>, mut request: axum::extract::Request) -> Response {
    let headers = request.headers();
    let wanted =
        has_token(headers, &header::CONNECTION, "upgrade") && has_token(headers, &header::UPGRADE, "websocket");
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wanted && is_version_13(headers)) else {
        let mut response = edge::refuse(
            StatusCode::UPGRADE_REQUIRED,
            Error::new(
                ErrorCode::BadUserInput,
                "This address speaks WebSocket: connect with the subprotocol `graphql-transport-ws`.",
            ),
            edge::request_id(&request),
        );
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = derive_accept_key(key.as_bytes());
    let answer = response.headers_mut();
    answer.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let speaks = has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
    if speaks {
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    let token = edge::bearer(headers).ok().flatten().map(Box::from);
    let about = Box::new(edge::about(&request));
    let upgrading = hyper::upgrade::on(&mut request);
    let counted = (request.extensions().get::<Counted>().cloned(), request.extensions().get::<Seat>().cloned());
    let tasks = server.ports.tasks.clone();
    drop(request);
    tasks.spawn(async move {
        let _counted = counted;
        let Ok(upgraded) = upgrading.await else { return };
        // Down to the bare socket: the library's own buffers stay behind.
        let Ok(parts) = upgraded.downcast::<TokioIo<Paced>>() else {
            tracing::error!("A WebSocket needs `server::serve`, which gives it the bare TCP connection.");
            return;
        };
        run(server, parts.io.into_inner().into_inner(), &parts.read_buf, speaks, token, about).await;
    });
    response
}

fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn is_version_13(headers: &HeaderMap) -> bool {
    headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
}

async fn run(
    server: Arc<Server>,
    stream: TcpStream,
    early: &[u8],
    speaks: bool,
    token: Option<Box<str>>,
    about: Box<Request>,
) {
    let config = &server.ports.config;
    let patience = config.read_timeout_seconds.min(MAX_PATIENCE);
    let room = Room::of(&Actor::Anonymous, config);
    let rest = Duration::from_secs(config.read_timeout_seconds);
    let seconds = u32::try_from(patience).unwrap_or(u32::MAX - 1);
    let conn = Arc::new(Conn::new(stream, room, server.outgoing.share(), rest, seconds));
    let first = config.max_body_bytes.min(MAX_FIRST);
    let patience = Duration::from_secs(patience);
    let mut reader = Reader::new(conn.clone(), early, server.incoming.share(), patience, first);
    let _registered = server.register(&conn);
    if !speaks {
        conn.end(End::Close(4406, "Subprotocol not acceptable: use graphql-transport-ws".into()));
    }
    let mut talk = Talk { server: server.clone(), conn: conn.clone(), token, about, session: None };
    let end = loop {
        let heard = tokio::select! {
            biased;
            // Before each message: whoever sends without a pause is signed out all the same.
            heard = hints(&mut talk.session) => talk.hint(&heard).await,
            step = poll_fn(|cx| poll_step(&conn, &mut reader, cx)) => match step {
                Step::Turn(Turn::End(end)) => break end,
                Step::Turn(Turn::Recheck) => talk.recheck().await,
                Step::Read(item) => {
                    tokio::task::coop::consume_budget().await;
                    match item {
                        Ok(item) => talk.message(item).await,
                        Err(end) => Err(end),
                    }
                }
            },
        };
        if let Err(end) = heard {
            break end;
        }
        if talk.session.is_some() {
            reader.limit = config.max_body_bytes;
        }
    };
    conn.cancel_all();
    drop(talk);
    close(&conn, &mut reader, end, &server).await;
}

enum Step {
    Turn(Turn),
    Read(Result<Item, End>),
}

fn poll_step(conn: &Conn, reader: &mut Reader, cx: &mut Context<'_>) -> Poll<Step> {
    if let Poll::Ready(turn) = conn.poll_turn(cx) {
        return Poll::Ready(Step::Turn(turn));
    }
    reader.poll_item(cx).map(Step::Read)
}

/// Says goodbye, and waits a little until the other side has done so too: closing at once could discard the code.
async fn close(conn: &Conn, reader: &mut Reader, end: End, server: &Server) {
    let slow = end == SLOW;
    for (known, counter) in [
        (SLOW, &server.metrics.slow_consumers),
        (STALLED, &server.metrics.slow_senders),
        (FLOOD, &server.metrics.floods),
    ] {
        if end == known {
            counter.increment(1);
        }
    }
    let End::Close(code, reason) = end else { return };
    tracing::debug!(code, %reason, "Closed a socket.");
    // What waits is too much, or not theirs to read any more.
    if slow || code == FORBIDDEN {
        conn.forget_waiting();
    }
    reader.discard();
    conn.goodbye(code, &reason);
    let mut read = 0;
    let goodbye = poll_fn(|cx| {
        // The other side's close ends the reading; until then only the clock does.
        let _ = conn.poll_flushed(cx);
        reader.poll_gone(&mut read, cx)
    });
    let linger = if slow && !server.stopping.is_cancelled() { LINGER_SLOW } else { LINGER };
    let _ = tokio::time::timeout(linger, goodbye).await;
}
