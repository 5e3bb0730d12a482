//! Subscriptions as server-sent events, for networks that break WebSockets: the "distinct connections" mode of the
//! GraphQL over SSE protocol. `next` for each result, `complete` at the end; a stream that ends without `complete` was
//! cut and resumes with its cursor.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    Server,
    answer::{About, Answer, error_list, server_error},
    auth::{self, Identity},
    edge,
    events::Sink,
    http,
    metrics::Live,
    operation::{Prepared, name_of},
    places::Seat,
    queue::{Found, Queue, Room},
};
use crate::{
    kernel::{
        ctx::Ctx,
        error::{Error, ErrorCode, ErrorReason},
    },
    ports::bus::{Heard, Listener},
};

/// Sent while nothing happens, so that proxies and clients see that the connection lives.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// The end of a stream.
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// The first bytes: browsers reconnect after a second.
const HELLO: Bytes = Bytes::from_static(b"retry: 1000\n:\n\n");

/// The last bytes when this node stops: reconnect at once, another one answers.
const MOVE_ON: Bytes = Bytes::from_static(b"retry: 100\n: going away\n\n");

/// As for WebSockets: a caller is checked again after so long without any hint …
const RECHECK: Duration = Duration::from_secs(300);

/// … and hints of a possible loss are ignored for so long after a check.
const RECHECK_PAUSE: Duration = Duration::from_secs(5);

/// The answer to a query or mutation, or to what was refused: one result and the end.
pub(super) fn only(server: &Server, answer: &Answer) -> Response {
    let mut body = HELLO.to_vec();
    write_next(&answer.json, &mut body);
    body.extend_from_slice(&COMPLETE);
    http::held(server, body.into()).map_or_else(|_| http::too_much_waits(), response)
}

/// Begins a subscription.
pub(super) fn open(
    server: &Arc<Server>,
    prepared: Prepared,
    cx: Ctx,
    identity: Identity,
    token: Option<Box<str>>,
    seat: Option<Seat>,
) -> Response {
    let place = match server.take_place(&cx.actor) {
        Ok(place) => place,
        Err(error) => return edge::refuse(StatusCode::TOO_MANY_REQUESTS, error, &cx.request.id),
    };
    server.metrics.begun(name_of(prepared.kind));
    let live = (Live::new(&server.metrics.streams), place, seat);
    let access = identity.access.as_ref().map(|topic| server.ports.bus.listen(std::slice::from_ref(topic)));
    let queue = Arc::new(Queue::new(Room::of(&cx.actor, &server.ports.config), server.outgoing.share()));
    let reader = Reader(queue.clone());
    server.begin(prepared, cx.clone(), Sink::Events(queue));
    let watch =
        Watch { server: server.clone(), cx, token, access, expires_at: identity.expires_at, checked: Instant::now() };
    response(Body::from_stream(body(reader, watch, live).map(Ok::<_, Infallible>)))
}

/// Ends what runs when the stream is dropped.
struct Reader(Arc<Queue>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What can end a stream from outside.
struct Watch {
    server: Arc<Server>,
    cx: Ctx,
    token: Option<Box<str>>,
    access: Option<Listener>,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
    checked: Instant,
}

impl Watch {
    /// Returns when the caller may no longer listen, with what to tell.
    async fn lost(&mut self) -> Error {
        loop {
            let server = self.server.clone();
            let watched = self.access.is_some();
            let expired = async {
                match self.expires_at {
                    Some(at) => server.ports.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let hint = async {
                match &mut self.access {
                    Some(access) => access.next().await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                () = expired => {
                    return Error::new(ErrorCode::Unauthenticated, "The token has expired; get a new one and subscribe again.")
                        .reason(ErrorReason::TokenExpired);
                }
                heard = hint => heard,
                () = tokio::time::sleep_until(self.checked + RECHECK), if watched => Heard::Woken,
            };
            if heard == Heard::Lagged {
                tokio::time::sleep_until(self.checked + RECHECK_PAUSE).await;
            }
            self.checked = Instant::now();
            match auth::identify(&self.server.ports, self.token.as_deref(), &self.cx.request).await {
                Ok(identity) if identity.actor == self.cx.actor => {}
                Ok(_) => return Error::new(ErrorCode::Unauthenticated, "Your rights changed; subscribe again."),
                Err(error) if error.is_transient() => {}
                Err(error) => return error,
            }
        }
    }
}

fn body(reader: Reader, mut watch: Watch, live: impl Send + 'static) -> BoxStream<'static, Bytes> {
    let stopping = watch.server.stopping.clone();
    let server = watch.server.clone();
    let request_id = watch.cx.request.id.clone();
    Box::pin(async_stream::stream! {
        let _live = live;
        yield HELLO;
        let pause = Duration::from_secs(server.ports.config.ping_seconds);
        let mut quiet = interval_at(Instant::now() + pause, pause);
        quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lost = Box::pin(watch.lost());
        let errors = loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => {
                    yield MOVE_ON;
                    return;
                }
                error = &mut lost => break Some(error_list(vec![server_error(error)], About { request_id: &request_id }).0),
                found = reader.0.next() => match found {
                    Found::Next(payload) => {
                        let mut event = Vec::with_capacity(payload.len() + 24);
                        write_next(&payload, &mut event);
                        yield Bytes::from(event);
                    }
                    Found::End(errors) => break errors,
                    Found::TooSlow => {
                        server.metrics.slow_consumers.increment(1);
                        return;
                    }
                },
                _ = quiet.tick() => yield KEEP_ALIVE,
            }
        };
        if let Some(errors) = errors {
            let mut event = b"event: next\ndata: {\"errors\":".to_vec();
            event.extend_from_slice(&errors);
            event.extend_from_slice(b"}\n\n");
            yield Bytes::from(event);
        }
        yield COMPLETE;
    })
}

/// JSON has no line breaks of its own, so one `data` line is enough.
fn write_next(payload: &Bytes, into: &mut Vec<u8>) {
    into.extend_from_slice(b"event: next\ndata: ");
    into.extend_from_slice(payload);
    into.extend_from_slice(b"\n\n");
}

fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // nginx would collect the events otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
