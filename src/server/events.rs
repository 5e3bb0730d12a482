//! A subscription runs: alone, in a shared execution, or first the one and then the other; its events go to a socket or
//! to an SSE stream.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::Response;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream::BoxStream};

use super::{
    Server,
    answer::{About, Answer, error_list, server_error},
    conn::Conn,
    hub::{Group, Key, Membership, Settled},
    metrics::Live,
    operation::{Given, Prepared, panicked},
    plan::Plan,
    queue::{BATCH, BATCH_BYTES, Queue},
};
use crate::kernel::{ctx::Ctx, journal::Cursor, position::Position};

/// One result of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Where it stands in the journal, if it is known.
    pub(super) place: Option<Cursor>,
    /// `{"data":…}`.
    pub(super) payload: Bytes,
}

impl Event {
    /// Is it news for somebody who has what stands up to `after`?
    pub(super) fn follows(&self, after: Option<Cursor>) -> bool {
        self.place.is_none_or(|place| after.is_none_or(|after| place > after))
    }
}

/// One thing a subscription says.
enum Step {
    Next(Event),
    /// It ended; with a list of errors if it failed.
    End(Option<Bytes>),
}

/// Where a subscriber's events go.
#[derive(Clone)]
pub(super) enum Sink {
    /// An operation of a WebSocket.
    Socket(Arc<Conn>, u32),
    /// An SSE stream.
    Events(Arc<Queue>),
}

impl Sink {
    /// Those of the events that follow `after`.
    pub(super) fn deliver(&self, events: &[Event], after: Option<Cursor>) {
        match self {
            Self::Socket(conn, serial) => conn.next(*serial, events, after),
            Self::Events(queue) => queue.push(events, after),
        }
    }

    pub(super) fn finish(&self, errors: Option<&Bytes>) {
        match self {
            Self::Socket(conn, serial) => conn.finish(*serial, errors),
            Self::Events(queue) => queue.end(errors),
        }
    }

    /// Returns once there is room for more of a stream that can wait.
    async fn room(&self) {
        match self {
            Self::Socket(conn, _) => conn.room().await,
            Self::Events(queue) => queue.room().await,
        }
    }

    fn attach(&self, running: Running) {
        match self {
            Self::Socket(conn, serial) => conn.attach(*serial, running),
            Self::Events(queue) => queue.attach(running),
        }
    }
}

/// What runs for a subscriber. Dropping it ends it.
#[derive(Default)]
pub(super) enum Running {
    /// Not begun yet.
    #[default]
    Starting,
    /// A task of its own.
    Task(tokio::task::AbortHandle, #[expect(dead_code, reason = "held for its drop")] Option<Live>),
    /// A place in a shared execution.
    Shared(
        #[expect(dead_code, reason = "held for its drop")] Membership,
        #[expect(dead_code, reason = "held for its drop")] Live,
    ),
}

impl Running {
    /// Puts `next` in its place and returns what ends thereby. A task is late when it has moved on to a shared execution
    /// already.
    pub(super) fn replace(&mut self, next: Self) -> Self {
        match (&*self, &next) {
            (Self::Shared(..), Self::Task(..)) => next,
            _ => std::mem::replace(self, next),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Task(task, _) = self {
            task.abort();
        }
    }
}

/// The results of one execution, as steps. Ends with [`Step::End`], whatever happens.
fn steps(
    results: BoxStream<'static, Response>,
    plan: Arc<Plan>,
    given: Given,
    cx: Ctx,
) -> impl Stream<Item = Step> + Send + use<> {
    let results = AssertUnwindSafe(results).catch_unwind();
    // What was given is of use until the subscription has begun.
    let begin = (results, plan, Some(given), cx, false);
    futures_util::stream::unfold(begin, |(mut results, plan, given, cx, ended)| async move {
        if ended {
            return None;
        }
        let about = About { request_id: &cx.request.id };
        let step = match results.next().await {
            Some(Ok(mut response)) => match &given {
                // A subscription that could not begin has no data and no more results.
                Some(given) if !response.errors.is_empty() && matches!(response.data, async_graphql::Value::Null) => {
                    given.explain(&mut response.errors);
                    Step::End(Some(error_list(response.errors, about).0))
                }
                _ => {
                    // The execution is not asked for its next event before this one has come.
                    let place = cx.position.as_ref().and_then(|position| position.place());
                    Step::Next(Event { place, payload: Answer::new(response, &plan, about).json })
                }
            },
            Some(Err(panic)) => Step::End(Some(error_list(vec![server_error(panicked(panic))], about).0)),
            None => Step::End(None),
        };
        let ended = matches!(step, Step::End(_));
        Some((step, (results, plan, None, cx, ended)))
    })
}

/// The next step and, if more are ready, those too: events and perhaps an end. Nothing is lost when it is dropped before
/// it is ready.
async fn batch(steps: &mut (impl Stream<Item = Step> + Unpin)) -> (Vec<Event>, Option<Option<Bytes>>) {
    let mut events = Vec::new();
    let mut bytes = 0;
    let mut step = steps.next().await;
    loop {
        match step {
            Some(Step::Next(event)) => {
                bytes += event.payload.len();
                events.push(event);
            }
            Some(Step::End(errors)) => return (events, Some(errors)),
            None => return (events, Some(None)),
        }
        if events.len() == BATCH || bytes >= BATCH_BYTES {
            return (events, None);
        }
        match steps.next().now_or_never() {
            Some(ready) => step = ready,
            None => return (events, None),
        }
    }
}

impl Server {
    /// Begins a subscription whose events go to `sink`, and attaches what runs to it.
    pub(super) fn begin(self: &Arc<Self>, prepared: Prepared, mut cx: Ctx, sink: Sink) {
        self.metrics.executions.increment(1);
        let shareable = prepared.shared.map(|key| (key, Arc::new(Position::default())));
        cx.position = shareable.as_ref().map(|(_, position)| position.clone());
        let steps =
            Box::pin(steps(self.api.stream(prepared.request.data(cx.clone())), prepared.plan, prepared.given, cx));
        let live = Live::new(&self.metrics.subscriptions);
        let task = match shareable {
            None => self.ports.tasks.spawn(run_alone(sink.clone(), steps)),
            Some((key, position)) => self.ports.tasks.spawn(run_up(self.clone(), key, position, sink.clone(), steps)),
        };
        sink.attach(Running::Task(task.abort_handle(), Some(live)));
    }
}

/// Runs for one subscriber.
async fn run_alone(sink: Sink, mut steps: impl Stream<Item = Step> + Unpin + Send) {
    loop {
        sink.room().await;
        tokio::task::coop::consume_budget().await;
        let (events, end) = batch(&mut steps).await;
        sink.deliver(&events, None);
        if let Some(errors) = end {
            sink.finish(errors.as_ref());
            return;
        }
    }
}

/// Runs for one subscriber until it has caught up with those who share an execution.
async fn run_up(
    server: Arc<Server>,
    key: Arc<Key>,
    position: Arc<Position>,
    sink: Sink,
    mut steps: impl Stream<Item = Step> + Unpin + Send + 'static,
) {
    loop {
        sink.room().await;
        tokio::task::coop::consume_budget().await;
        let (events, end) = tokio::select! {
            biased;
            batch = batch(&mut steps) => batch,
            () = position.moved() => (Vec::new(), None),
        };
        sink.deliver(&events, None);
        if let Some(errors) = end {
            sink.finish(errors.as_ref());
            return;
        }
        let membership = match server.hub.settle(&key, &position, &sink) {
            Settled::NotYet => continue,
            Settled::Joined(membership) => {
                server.metrics.shared.increment(1);
                membership
            }
            Settled::Leading(membership, group) => {
                server.ports.tasks.spawn(run_shared(server.clone(), key, group, steps));
                membership
            }
        };
        sink.attach(Running::Shared(membership, Live::new(&server.metrics.subscriptions)));
        return;
    }
}

/// Runs for all members of a group.
async fn run_shared(
    server: Arc<Server>,
    key: Arc<Key>,
    group: Arc<Group>,
    mut steps: impl Stream<Item = Step> + Unpin + Send,
) {
    loop {
        let (events, end) = tokio::select! {
            biased;
            () = group.abandoned() => return,
            batch = batch(&mut steps) => batch,
        };
        group.deliver(&events).await;
        tokio::task::coop::consume_budget().await;
        if let Some(errors) = end {
            server.hub.end(&key, &group, errors.as_ref());
            return;
        }
    }
}
