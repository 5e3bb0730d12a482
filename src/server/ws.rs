//! `graphql-transport-ws` on `/graphql/ws`: the handshake, and one task a socket that reads what the client says.
//!
//! Close codes: 4400 message not understood · 4401 `subscribe` before the acknowledgement · 4403 sign-in bad, run out or
//! revoked · 4406 another subprotocol · 4408 no `connection_init` in time · 4409 id in use · 4429 second
//! `connection_init` · 4500 our fault · 1001 this node stops · 1009 message too large · 1013 the client does not read
//! (or has too many connections): try again later. After 1001, 1013 and 4403 clients reconnect and resume by cursor.

use std::{
    future::poll_fn,
    io::ErrorKind,
    sync::Arc,
    task::{Context, Poll, ready},
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
use tungstenite::{
    Error as SocketError, Message, WebSocket,
    error::{CapacityError, ProtocolError},
    handshake::derive_accept_key,
    protocol::{CloseFrame, Role, WebSocketConfig},
};

use super::{
    Server,
    conn::{Conn, End, Io, SLOW, Turn},
    edge,
    serve::Counted,
    talk::{Talk, hints},
};
use crate::kernel::{
    ctx::Request,
    error::{Error, ErrorCode},
};

/// The subprotocol spoken here.
const PROTOCOL: &str = "graphql-transport-ws";

/// Longest wait for `connection_init`, whatever the settings allow for a body.
const MAX_PATIENCE: u64 = 10;

/// A socket's read buffer; it grows with a message and shrinks again.
const READ_BUFFER: usize = 512;

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
    let about = Box::new(edge::about(&server, &request));
    let upgrading = hyper::upgrade::on(&mut request);
    let counted = request.extensions().get::<Counted>().cloned();
    let tasks = server.ports.tasks.clone();
    drop(request);
    tasks.spawn(async move {
        let _counted = counted;
        let Ok(upgraded) = upgrading.await else { return };
        // Down to the bare socket: the library's own buffers stay behind.
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
            tracing::error!("A WebSocket needs `server::serve`, which gives it the bare TCP connection.");
            return;
        };
        run(server, parts.io.into_inner(), parts.read_buf.to_vec(), speaks, token, about).await;
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
    early: Vec<u8>,
    speaks: bool,
    token: Option<Box<str>>,
    about: Box<Request>,
) {
    let config = &server.ports.config;
    let patience = u32::try_from(config.read_timeout_seconds.min(MAX_PATIENCE)).unwrap_or(u32::MAX - 1);
    let conn = Arc::new(Conn::new(stream, config.max_queued_events, patience));
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(config.max_body_bytes))
        .max_frame_size(Some(config.max_body_bytes));
    let mut socket = WebSocket::from_partially_read(Io(conn.clone()), early, Role::Server, Some(limits));
    let _registered = server.register(&conn);
    if !speaks {
        conn.end(End::Close(4406, "Subprotocol not acceptable: use graphql-transport-ws".into()));
    }
    let mut talk = Talk { server: server.clone(), conn: conn.clone(), token, about, session: None };
    let end = loop {
        let heard = tokio::select! {
            biased;
            step = poll_fn(|cx| poll_step(&conn, &mut socket, cx)) => match step {
                Step::Turn(Turn::End(end)) => break end,
                Step::Turn(Turn::Recheck) => talk.recheck().await,
                Step::Read(Ok(message)) => {
                    conn.heard();
                    tokio::task::coop::consume_budget().await;
                    talk.message(message).await
                }
                Step::Read(Err(error)) => Err(end_of(&error)),
            },
            heard = hints(&mut talk.session) => talk.hint(&heard).await,
        };
        if let Err(end) = heard {
            break end;
        }
    };
    conn.cancel_all();
    drop(talk);
    close(&conn, &mut socket, end, &server).await;
}

enum Step {
    Turn(Turn),
    Read(Result<Message, SocketError>),
}

fn poll_step(conn: &Conn, socket: &mut WebSocket<Io>, cx: &mut Context<'_>) -> Poll<Step> {
    if let Poll::Ready(turn) = conn.poll_turn(cx) {
        return Poll::Ready(Step::Turn(turn));
    }
    if conn.may_read() { poll_read(conn, socket, cx).map(Step::Read) } else { Poll::Pending }
}

fn poll_read(conn: &Conn, socket: &mut WebSocket<Io>, cx: &mut Context<'_>) -> Poll<Result<Message, SocketError>> {
    loop {
        match socket.read() {
            Err(SocketError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                if let Err(error) = ready!(conn.poll_readable(cx)) {
                    return Poll::Ready(Err(SocketError::Io(error)));
                }
            }
            read => return Poll::Ready(read),
        }
    }
}

/// How a connection ends whose messages cannot be read.
fn end_of(error: &SocketError) -> End {
    match error {
        SocketError::Capacity(CapacityError::MessageTooLong { .. }) => End::Close(1009, "Message too large".into()),
        SocketError::Utf8(_) => End::Close(1007, "Not UTF-8".into()),
        SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        SocketError::Protocol(_) => End::Close(1002, "Not WebSocket".into()),
        SocketError::ConnectionClosed
        | SocketError::AlreadyClosed
        | SocketError::Io(_)
        | SocketError::Tls(_)
        | SocketError::Capacity(_)
        | SocketError::WriteBufferFull(_)
        | SocketError::AttackAttempt
        | SocketError::Url(_)
        | SocketError::Http(_)
        | SocketError::HttpFormat(_) => End::Gone,
    }
}

/// Says goodbye, and waits a little until the other side has done so too: closing at once could discard the code.
async fn close(conn: &Conn, socket: &mut WebSocket<Io>, end: End, server: &Server) {
    let slow = end == SLOW;
    if slow {
        server.metrics.slow_consumers.increment(1);
        conn.forget_waiting();
    }
    let End::Close(code, reason) = end else { return };
    tracing::debug!(code, %reason, "Closed a socket.");
    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: reason.as_ref().into() }));
    let _ = socket.flush();
    let goodbye = poll_fn(|cx| {
        // The other side's close ends the reading; until then only the clock does.
        let _ = conn.poll_flushed(cx);
        loop {
            match poll_read(conn, socket, cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    });
    let linger = if slow && !server.stopping.is_cancelled() { LINGER_SLOW } else { LINGER };
    let _ = tokio::time::timeout(linger, goodbye).await;
}
