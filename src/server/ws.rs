//! `graphql-transport-ws` on `/graphql/ws`: the handshake, and one task a socket that reads what the client says.
//!
//! Close codes: 4400 message not understood · 4401 `subscribe` before the acknowledgement · 4403 sign-in bad, run out or
//! revoked · 4406 another subprotocol · 4408 no `connection_init` in time · 4409 id in use · 4429 second
//! `connection_init` · 4500 our fault · 1001 this node stops · 1009 message too large · 1013 the client does not read
//! (or has too many connections): try again later. After 1001, 1013 and 4403 clients reconnect and resume by cursor.

use std::{
    borrow::Cow,
    future::{pending, poll_fn},
    io::ErrorKind,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use async_graphql::parser::types::OperationType;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{net::TcpStream, time::Instant};
use tungstenite::{
    Error as SocketError, Message, WebSocket,
    error::{CapacityError, ProtocolError},
    handshake::derive_accept_key,
    protocol::{CloseFrame, Role, WebSocketConfig},
};

use super::{
    Server,
    answer::{About, error_list, server_error},
    auth,
    conn::{Conn, End, Io, Refused, Running, SLOW, Turn},
    edge,
    events::{batch, steps},
    hub::Sink,
    lexer,
    metrics::Live,
    operation::{Params, Prepared, name_of},
    serve::Counted,
    sockets::Place,
};
use crate::{
    kernel::{
        access::Actor,
        ctx::{Ctx, Request},
        error::{Error, ErrorCode},
    },
    ports::bus::{Heard, Listener},
};

/// The subprotocol spoken here.
const PROTOCOL: &str = "graphql-transport-ws";

/// Longest wait for `connection_init`, whatever the settings allow for a body.
const MAX_PATIENCE: u64 = 10;

/// A socket's read buffer; it grows with a message and shrinks again.
const READ_BUFFER: usize = 1024;

/// Longest wait for the other side's half of a close.
const LINGER: Duration = Duration::from_secs(2);

/// Longer operation ids are refused: every event repeats its id.
const MAX_ID: usize = 256;

/// The most of an id that is quoted in a close reason (which may have 123 bytes).
const QUOTED_ID: usize = 64;

/// A caller is checked again after so many seconds without any hint, in case a hint was lost.
const RECHECK: u32 = 300;

/// After a check, hints of a possible loss are ignored for so long: with Redis away there is one every second.
const RECHECK_PAUSE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct ClientMessage<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

/// What is known of a socket's other side once it has said who it is.
struct Session {
    actor: Actor,
    token: Option<Box<str>>,
    access: Option<Listener>,
    checked: Instant,
    _place: Option<Place>,
}

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

/// The next hint that the caller's rights changed.
async fn hints(session: &mut Option<Session>) -> Heard {
    match session.as_mut().and_then(|session| session.access.as_mut()) {
        Some(access) => access.next().await,
        None => pending().await,
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
    if end == SLOW {
        server.metrics.slow_consumers.increment(1);
        conn.forget_waiting();
    }
    let End::Close(code, reason) = end else { return };
    tracing::debug!(code, %reason, "Closed a socket.");
    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: reason.as_ref().into() }));
    let _ = socket.flush();
    let goodbye = poll_fn(|cx| {
        let flushed = conn.poll_flushed(cx);
        loop {
            match poll_read(conn, socket, cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        // The other side's close ends the reading; until then only the clock does.
        let _ = flushed;
        Poll::Pending
    });
    let _ = tokio::time::timeout(LINGER, goodbye).await;
}

/// A conversation with one client.
struct Talk {
    server: Arc<Server>,
    conn: Arc<Conn>,
    token: Option<Box<str>>,
    about: Box<Request>,
    session: Option<Session>,
}

type Heeded = Result<(), End>;

fn bad_message(why: &'static str) -> End {
    End::Close(4400, why.into())
}

impl Talk {
    async fn message(&mut self, message: Message) -> Heeded {
        match message {
            Message::Text(text) => {
                let message: ClientMessage<'_> = serde_json::from_str(&text)
                    .map_err(|_| bad_message("Invalid message: not a JSON object with a type"))?;
                match &*message.kind {
                    "connection_init" => Box::pin(self.init(message.payload)).await,
                    "subscribe" => Box::pin(self.subscribe(message)).await,
                    "complete" => {
                        self.conn
                            .cancel(&message.id.ok_or_else(|| bad_message("Invalid message: complete without id"))?);
                        Ok(())
                    }
                    "ping" => {
                        match message.payload {
                            Some(payload) => self.conn.say(&format!("{{\"type\":\"pong\",\"payload\":{payload}}}")),
                            None => self.conn.say("{\"type\":\"pong\"}"),
                        }
                        Ok(())
                    }
                    "pong" => Ok(()),
                    _ => Err(bad_message("Invalid message: unknown type")),
                }
            }
            Message::Binary(_) => Err(bad_message("Invalid message: binary")),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn init(&mut self, payload: Option<&RawValue>) -> Heeded {
        if self.conn.patience.swap(u32::MAX, Ordering::Relaxed) == u32::MAX {
            return Err(End::Close(4429, "Too many initialisation requests".into()));
        }
        if let Some(token) = token_of(payload, self.server.ports.config.max_nesting)? {
            self.token = Some(token);
        }
        let identity = auth::identify(&self.server.ports, self.token.as_deref(), &self.about)
            .await
            .map_err(|error| self.end_for(error))?;
        let place = self.server.take_place(&identity.actor).map_err(|error| self.end_for(error))?;
        let access = identity.access.as_ref().map(|topic| self.server.ports.bus.listen(std::slice::from_ref(topic)));
        let expires = identity.expires_at.map_or(i64::MAX, |at| at.timestamp_micros());
        self.conn.expires.store(expires, Ordering::Relaxed);
        if access.is_some() {
            self.conn.recheck.store(RECHECK, Ordering::Relaxed);
        }
        self.session = Some(Session {
            actor: identity.actor,
            token: self.token.take(),
            access,
            checked: Instant::now(),
            _place: place,
        });
        self.conn.say("{\"type\":\"connection_ack\"}");
        Ok(())
    }

    /// The caller's rights may have changed.
    async fn hint(&mut self, heard: &Heard) -> Heeded {
        let Some(session) = &self.session else { return Ok(()) };
        match heard {
            Heard::Lagged if session.checked.elapsed() < RECHECK_PAUSE => {
                let soon = u32::try_from(RECHECK_PAUSE.as_secs()).unwrap_or(RECHECK);
                self.conn.recheck.fetch_min(soon, Ordering::Relaxed);
                Ok(())
            }
            Heard::Woken | Heard::Passed(_) | Heard::Lagged => self.recheck().await,
        }
    }

    async fn recheck(&mut self) -> Heeded {
        let Some(session) = &mut self.session else { return Ok(()) };
        session.checked = Instant::now();
        let again = match auth::identify(&self.server.ports, session.token.as_deref(), &self.about).await {
            Ok(identity) if identity.actor == session.actor => RECHECK,
            Ok(_) => return Err(End::Close(4403, "Forbidden: your rights changed, connect again".into())),
            // Whoever could be checked before keeps the connection while the database is away.
            Err(error) if error.is_transient() => u32::try_from(RECHECK_PAUSE.as_secs()).unwrap_or(RECHECK),
            Err(error) => return Err(self.end_for(error)),
        };
        self.conn.recheck.store(again, Ordering::Relaxed);
        Ok(())
    }

    /// How a sign-in that failed ends the connection.
    fn end_for(&self, error: Error) -> End {
        let code = match error.code {
            ErrorCode::InternalServerError => 4500,
            ErrorCode::Unavailable | ErrorCode::RateLimited => 1013,
            ErrorCode::Unauthenticated
            | ErrorCode::Forbidden
            | ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::BadUserInput
            | ErrorCode::GraphqlParseFailed
            | ErrorCode::GraphqlValidationFailed => 4403,
        };
        let reason = edge::reason_of(&error);
        // Logs what happened inside.
        let _ = error_list(vec![server_error(error)], About { request_id: &self.about.id, anonymous: true });
        let word = match code {
            4500 => "Internal server error",
            1013 => "Try again later",
            _ => "Forbidden",
        };
        End::Close(code, reason.map_or(word.into(), |reason| format!("{word}: {reason}").into()))
    }

    async fn subscribe(&mut self, message: ClientMessage<'_>) -> Heeded {
        let Some(session) = &self.session else {
            return Err(End::Close(4401, "Unauthorized: connection_init comes first".into()));
        };
        let id = message
            .id
            .filter(|id| !id.is_empty() && id.len() <= MAX_ID)
            .ok_or_else(|| bad_message("Invalid message: subscribe needs an id"))?;
        let payload = message.payload.ok_or_else(|| bad_message("Invalid message: subscribe needs a payload"))?;
        let config = &self.server.ports.config;
        let about = Request { id: self.server.new_request_id(), ..(*self.about).clone() };
        let cx = Ctx::new(self.server.ports.clone(), session.actor.clone(), about);
        let serial = match self.conn.start(&id, config.max_subscriptions) {
            Ok(serial) => serial,
            Err(Refused::Duplicate) => {
                let quoted: String = id.chars().take(QUOTED_ID / 4).collect();
                return Err(End::Close(4409, format!("Subscriber for {quoted} already exists").into()));
            }
            Err(Refused::TooMany) => {
                let limit = config.max_subscriptions;
                let error = Error::new(
                    ErrorCode::RateLimited,
                    format!("At most {limit} operations at once on one connection."),
                )
                .reason(crate::kernel::error::ErrorReason::TooManySubscriptions);
                self.conn.refuse(&id, self.refusal(error, &cx));
                return Ok(());
            }
        };
        let params = match Params::from_json(payload.get().as_bytes(), config.max_nesting) {
            Ok(params) => params,
            Err(error) if error.code == ErrorCode::BadUserInput => {
                return Err(bad_message("Invalid message: payload is not a request"));
            }
            Err(error) => {
                self.conn.finish(serial, Some(&self.refusal(error, &cx)));
                return Ok(());
            }
        };
        if let Err(error) = self.server.admit(&cx.actor, &cx.request).await {
            self.conn.finish(serial, Some(&self.refusal(error, &cx)));
            return Ok(());
        }
        match self.server.prepare(params, Vec::new(), &cx) {
            Ok(prepared) => self.begin(serial, prepared, cx),
            Err(error) => {
                let (errors, code) = error_list(vec![*error], about_of(&cx));
                self.server.metrics.refused_operation("unknown", code);
                self.conn.finish(serial, Some(&errors));
            }
        }
        Ok(())
    }

    fn refusal(&self, error: Error, cx: &Ctx) -> bytes::Bytes {
        let (errors, code) = error_list(vec![server_error(error)], about_of(cx));
        self.server.metrics.refused_operation("unknown", code);
        errors
    }

    fn begin(&self, serial: u32, mut prepared: Prepared, cx: Ctx) {
        let (server, conn) = (self.server.clone(), self.conn.clone());
        let tasks = &self.server.ports.tasks;
        if prepared.kind != OperationType::Subscription {
            let task = tasks.spawn(async move {
                let answer = Box::pin(server.execute(prepared, &cx)).await;
                match &answer.errors {
                    Some(errors) => conn.finish(serial, Some(errors)),
                    None => conn.answer(serial, answer.json),
                }
            });
            self.conn.attach(serial, Running::Task(task.abort_handle(), None));
            return;
        }
        self.server.metrics.begun(name_of(prepared.kind));
        let live = Live::new(&self.server.metrics.subscriptions);
        if let Some(key) = prepared.share.take() {
            let membership = self.server.share(key, prepared, cx, Sink::Socket(conn, serial));
            self.conn.attach(serial, Running::Shared(membership, live));
            return;
        }
        self.server.metrics.executions.increment(1);
        let mut steps = Box::pin(steps(self.server.api.stream(prepared.request), cx));
        let task = tasks.spawn(async move {
            loop {
                conn.room().await;
                let (payloads, end) = batch(&mut steps).await;
                conn.next(serial, &payloads);
                if let Some(errors) = end {
                    conn.finish(serial, errors.as_ref());
                    return;
                }
            }
        });
        self.conn.attach(serial, Running::Task(task.abort_handle(), Some(live)));
    }
}

fn about_of(cx: &Ctx) -> About<'_> {
    About { request_id: &cx.request.id, anonymous: matches!(cx.actor, Actor::Anonymous) }
}

/// The token in the payload of `connection_init`: `authorization` (with `Bearer`), in any case of letters, or `token`.
fn token_of(payload: Option<&RawValue>, max_nesting: usize) -> Result<Option<Box<str>>, End> {
    let Some(payload) = payload else { return Ok(None) };
    let not_object = || bad_message("Invalid message: the payload of connection_init is not an object");
    lexer::check_json(payload.get().as_bytes(), max_nesting).map_err(|_| not_object())?;
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(payload.get()).map_err(|_| not_object())?;
    for (name, value) in &fields {
        let Some(text) = value.as_str().map(str::trim).filter(|text| !text.is_empty()) else { continue };
        if name == "token" {
            return Ok(Some(text.into()));
        }
        if name.eq_ignore_ascii_case("authorization") {
            return match edge::bearer_of(text) {
                Ok(token) => Ok(token.map(Box::from)),
                Err(_) => Err(End::Close(4403, "Forbidden: INVALID_TOKEN".into())),
            };
        }
    }
    Ok(None)
}
