//! A subscription as a sequence of JSON payloads, for SSE: run alone, or fed from a shared execution.

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::Response;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream::BoxStream};
use tokio::sync::Notify;

use super::{
    Server,
    answer::{About, Answer, error_list, server_error},
    hub::{Group, Joined, Key, Membership, Sink},
    operation::{Prepared, panicked},
};
use crate::kernel::{access::Actor, ctx::Ctx};

/// So many events that are ready at the same time are handed on together, and leave in one write.
pub(super) const BATCH: usize = 32;

/// One thing a subscription says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A payload: `{"data":…}`.
    Next(Bytes),
    /// It ended; with a list of errors if it failed.
    End(Option<Bytes>),
}

/// The results of one execution, as steps. Ends with [`Step::End`], whatever happens.
pub(super) fn steps(results: BoxStream<'static, Response>, cx: Ctx) -> impl Stream<Item = Step> + Send + use<> {
    let results = AssertUnwindSafe(results).catch_unwind();
    futures_util::stream::unfold((results, cx, true, false), |(mut results, cx, first, ended)| async move {
        if ended {
            return None;
        }
        let about = About { request_id: &cx.request.id, anonymous: matches!(cx.actor, Actor::Anonymous) };
        let step = match results.next().await {
            // A subscription that could not begin has no data and no more results.
            Some(Ok(response))
                if first && !response.errors.is_empty() && matches!(response.data, async_graphql::Value::Null) =>
            {
                Step::End(Some(error_list(response.errors, about).0))
            }
            Some(Ok(response)) => Step::Next(Answer::new(response, about).json),
            Some(Err(panic)) => Step::End(Some(error_list(vec![server_error(panicked(panic))], about).0)),
            None => Step::End(None),
        };
        let ended = matches!(step, Step::End(_));
        Some((step, (results, cx, false, ended)))
    })
}

/// The next step and, if more are ready, those too: payloads and perhaps an end.
pub(super) async fn batch(steps: &mut (impl Stream<Item = Step> + Unpin)) -> (Vec<Bytes>, Option<Option<Bytes>>) {
    let mut payloads = Vec::new();
    let mut step = steps.next().await;
    loop {
        match step {
            Some(Step::Next(payload)) => payloads.push(payload),
            Some(Step::End(errors)) => return (payloads, Some(errors)),
            None => return (payloads, Some(None)),
        }
        if payloads.len() == BATCH {
            return (payloads, None);
        }
        match steps.next().now_or_never() {
            Some(ready) => step = ready,
            None => return (payloads, None),
        }
    }
}

impl Server {
    /// Registers a subscriber under a key and begins the execution if there is none.
    pub(super) fn share(self: &Arc<Self>, key: Key, prepared: Prepared, cx: Ctx, sink: Sink) -> Membership {
        match self.hub.join(key, sink) {
            Joined::Running(membership) => {
                self.metrics.shared.increment(1);
                membership
            }
            Joined::First(membership, group) => {
                self.metrics.executions.increment(1);
                let steps = Box::pin(steps(self.api.stream(prepared.request), cx));
                self.ports.tasks.spawn(run_shared(self.clone(), key, group, steps));
                membership
            }
        }
    }
}

async fn run_shared(
    server: Arc<Server>,
    key: Key,
    group: Arc<Group>,
    mut steps: impl Stream<Item = Step> + Unpin + Send,
) {
    loop {
        let (payloads, end) = tokio::select! {
            biased;
            () = group.abandoned() => return,
            batch = batch(&mut steps) => batch,
        };
        group.deliver(&payloads).await;
        tokio::task::coop::consume_budget().await;
        if let Some(errors) = end {
            server.hub.end(&key, &group, errors.as_ref());
            return;
        }
    }
}

/// What waits for one SSE stream of a shared execution.
pub(super) struct Queue {
    state: Mutex<Waiting>,
    news: Notify,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    payloads: VecDeque<Bytes>,
    end: Option<Option<Bytes>>,
    slow: bool,
}

impl Queue {
    /// A queue for at most `limit` payloads.
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), news: Notify::new(), limit }
    }

    /// Adds payloads. Beyond the limit the stream is cut.
    pub(super) fn push(&self, payloads: &[Bytes]) {
        let mut state = self.lock();
        if state.slow || state.end.is_some() {
            return;
        }
        state.payloads.extend(payloads.iter().cloned());
        if state.payloads.len() > self.limit {
            state.payloads.clear();
            state.slow = true;
        }
        drop(state);
        self.news.notify_one();
    }

    /// Nothing will follow.
    pub(super) fn end(&self, errors: Option<&Bytes>) {
        self.lock().end.get_or_insert(errors.cloned());
        self.news.notify_one();
    }

    /// The next step; `None` when the reader was too slow and must be cut off.
    pub(super) async fn next(&self) -> Option<Step> {
        loop {
            {
                let mut state = self.lock();
                if state.slow {
                    return None;
                }
                if let Some(payload) = state.payloads.pop_front() {
                    return Some(Step::Next(payload));
                }
                if let Some(end) = &state.end {
                    return Some(Step::End(end.clone()));
                }
            }
            self.news.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
