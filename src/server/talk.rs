//! What is said over one WebSocket: the messages of `graphql-transport-ws` and what they begin and end.

use std::{
    borrow::Cow,
    future::pending,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_graphql::parser::types::OperationType;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    Server,
    answer::{About, error_list, server_error},
    assembly::Item,
    auth,
    conn::{Conn, End, Refused},
    edge,
    events::{Running, Sink},
    lexer,
    operation::{Params, Prepared, name_of},
    places::Place,
    queue::Room,
    ws::FORBIDDEN,
};
use crate::{
    kernel::{
        access::Actor,
        ctx::{Ctx, Request},
        error::{Error, ErrorCode, ErrorReason},
    },
    ports::bus::{Heard, Listener},
};

/// Longer operation ids are refused: every event repeats its id.
const MAX_ID: usize = 256;

/// The most of an id that is quoted in a close reason (which may have 123 bytes).
const QUOTED_ID: usize = 64;

/// A caller is checked again after so many seconds without any hint, in case a hint was lost.
const RECHECK: u32 = 300;

/// After a check, hints of a possible loss are ignored for so long: with Redis away there is one every second.
const RECHECK_PAUSE: Duration = Duration::from_secs(5);

/// A message as it comes. What its kind does not have is ignored.
#[derive(Deserialize)]
struct ClientMessage<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

impl<'a> ClientMessage<'a> {
    /// The id of an operation.
    fn id(&self) -> Result<String, End> {
        self.id
            .and_then(|id| serde_json::from_str::<String>(id.get()).ok())
            .filter(|id| !id.is_empty() && id.len() <= MAX_ID)
            .ok_or_else(|| bad_message("Invalid message: `id` must be a text of 1 to 256 bytes"))
    }

    /// A payload that may be missing, but must be an object.
    fn object(&self) -> Result<Option<&'a RawValue>, End> {
        match self.payload {
            Some(payload) if payload.get().starts_with('{') => Ok(Some(payload)),
            None => Ok(None),
            Some(_) => Err(bad_message("Invalid message: `payload` must be an object")),
        }
    }
}

/// What is known of a socket's other side once it has said who it is.
pub(super) struct Session {
    actor: Actor,
    token: Option<Box<str>>,
    access: Option<Listener>,
    checked: Instant,
    _place: Option<Place>,
}

/// The next hint that the caller's rights changed.
pub(super) async fn hints(session: &mut Option<Session>) -> Heard {
    match session.as_mut().and_then(|session| session.access.as_mut()) {
        Some(access) => access.next().await,
        None => pending().await,
    }
}

/// A conversation with one client.
pub(super) struct Talk {
    pub(super) server: Arc<Server>,
    pub(super) conn: Arc<Conn>,
    /// From the upgrade request, until a better one comes with `connection_init`.
    pub(super) token: Option<Box<str>>,
    pub(super) about: Box<Request>,
    /// Set by `connection_init`.
    pub(super) session: Option<Session>,
}

/// Go on, or end the connection.
type Heeded = Result<(), End>;

fn bad_message(why: &'static str) -> End {
    End::Close(4400, why.into())
}

impl Talk {
    /// The client said something.
    pub(super) async fn message(&mut self, item: Item) -> Heeded {
        let text = match item {
            Item::Text(text) => text,
            Item::Binary => return Err(bad_message("Invalid message: binary")),
            Item::Ping(payload) => {
                self.conn.pong(&payload);
                return Ok(());
            }
            Item::Pong => return Ok(()),
            Item::Close(code) => {
                self.conn.goodbye(code, "");
                return Err(End::Gone);
            }
        };
        let message: ClientMessage<'_> =
            serde_json::from_str(&text).map_err(|_| bad_message("Invalid message: not a JSON object with a type"))?;
        match &*message.kind {
            "connection_init" => Box::pin(self.init(message.object()?)).await,
            "subscribe" => Box::pin(self.subscribe(message)).await,
            "complete" => {
                self.conn.cancel(&message.id()?);
                Ok(())
            }
            "ping" => {
                match message.object()? {
                    Some(payload) => self.conn.say(&format!("{{\"type\":\"pong\",\"payload\":{payload}}}")),
                    None => self.conn.say("{\"type\":\"pong\"}"),
                }
                Ok(())
            }
            "pong" => message.object().map(|_| ()),
            _ => Err(bad_message("Invalid message: unknown type")),
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
        self.conn.make_room(Room::of(&identity.actor, &self.server.ports.config));
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
    pub(super) async fn hint(&mut self, heard: &Heard) -> Heeded {
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

    /// Asks again who the caller is.
    pub(super) async fn recheck(&mut self) -> Heeded {
        let Some(session) = &mut self.session else { return Ok(()) };
        session.checked = Instant::now();
        let again = match auth::identify(&self.server.ports, session.token.as_deref(), &self.about).await {
            Ok(identity) if identity.actor == session.actor => RECHECK,
            Ok(_) => return Err(End::Close(FORBIDDEN, "Forbidden: your rights changed, connect again".into())),
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
            | ErrorCode::PersistedQueryNotSupported
            | ErrorCode::GraphqlParseFailed
            | ErrorCode::GraphqlValidationFailed => FORBIDDEN,
        };
        let reason = edge::reason_of(&error);
        // Logs what happened inside.
        let _ = error_list(vec![server_error(error)], About { request_id: &self.about.id });
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
        let id = message.id()?;
        let payload = message.object()?.ok_or_else(|| bad_message("Invalid message: subscribe needs a payload"))?;
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
                .reason(ErrorReason::TooManySubscriptions);
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
            Err(errors) => {
                let (errors, code) = error_list(errors, about_of(&cx));
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

    fn begin(&self, serial: u32, prepared: Prepared, cx: Ctx) {
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
        self.server.begin(prepared, cx, Sink::Socket(conn, serial));
    }
}

fn about_of(cx: &Ctx) -> About<'_> {
    About { request_id: &cx.request.id }
}

/// The token in the payload of `connection_init`: `authorization` (with `Bearer`), in any case of letters, or `token`.
fn token_of(payload: Option<&RawValue>, max_nesting: usize) -> Result<Option<Box<str>>, End> {
    let Some(payload) = payload else { return Ok(None) };
    let unreadable = || bad_message("Invalid message: the payload of connection_init nests too deeply");
    lexer::check_json(payload.get().as_bytes(), max_nesting).map_err(|_| unreadable())?;
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(payload.get()).map_err(|_| unreadable())?;
    for (name, value) in &fields {
        let Some(text) = value.as_str().map(str::trim).filter(|text| !text.is_empty()) else { continue };
        if name == "token" {
            return Ok(Some(text.into()));
        }
        if name.eq_ignore_ascii_case("authorization") {
            return match edge::bearer_of(text) {
                Ok(token) => Ok(token.map(Box::from)),
                Err(_) => Err(End::Close(FORBIDDEN, "Forbidden: INVALID_TOKEN".into())),
            };
        }
    }
    Ok(None)
}
