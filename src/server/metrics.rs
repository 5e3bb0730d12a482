//! What is counted for operators, and the page that shows it. Numbers only: no texts, no ids, no addresses.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ::entity::job::Lane;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sea_orm::ActiveEnum;
use tokio::time::timeout;

use super::Server;
use crate::{
    features::assistants,
    kernel::{Ctx, Result, jobs, readers},
};

/// Upper bounds of the latency histogram, in seconds.
const LATENCY: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How long the page waits for numbers of the database.
const PATIENCE: Duration = Duration::from_secs(2);

const WAITING: &str = "yanit_jobs_waiting";
const OLDEST: &str = "yanit_jobs_oldest_seconds";
const FAILING: &str = "yanit_providers_failing";
const FAILED: &str = "yanit_jobs_failed";
const LAG: &str = "yanit_reader_lag_lines";
const REQUESTS: &str = "yanit_requests_total";
const SECONDS: &str = "yanit_request_seconds";

/// The recorder of the process: the `metrics` crate has one, so several servers in one process share it.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The transport's own instruments, looked up once.
pub(super) struct Metrics {
    /// Connections open now, of all kinds.
    pub(super) connections: Gauge,
    /// WebSockets open now.
    pub(super) sockets: Gauge,
    /// SSE streams open now.
    pub(super) streams: Gauge,
    /// Subscriptions running now.
    pub(super) subscriptions: Gauge,
    /// Connections cut because they did not read what waited for them.
    pub(super) slow_consumers: Counter,
    /// Executions of subscriptions that were begun.
    pub(super) executions: Counter,
    /// Subscriptions that joined a running execution instead of beginning one.
    pub(super) shared: Counter,
    /// Connections refused because there were too many.
    pub(super) refused: Counter,
    /// Bytes held of unfinished messages and of requests that are being answered.
    pub(super) incoming_bytes: Gauge,
    /// Bytes that wait for clients that read slowly.
    pub(super) outgoing_bytes: Gauge,
    /// Messages and requests refused because of what was held already.
    pub(super) incoming_refused: Counter,
    /// Connections cut and answers refused because of what waited already.
    pub(super) outgoing_refused: Counter,
    /// Connections cut because they did not go on with what they had begun.
    pub(super) slow_senders: Counter,
    /// Connections cut because they said too much.
    pub(super) floods: Counter,
}

impl Metrics {
    /// Installs the recorder, if that was not done, and names the instruments.
    pub(super) fn new() -> Self {
        let _ = recorder();
        metrics::describe_counter!(REQUESTS, "Operations answered, by kind and code");
        metrics::describe_histogram!(SECONDS, "Seconds from request to answer, by kind");
        metrics::describe_gauge!("yanit_connections", "Connections open now, of all kinds");
        metrics::describe_gauge!("yanit_incoming_bytes", "Bytes held of unfinished messages and requests");
        metrics::describe_gauge!("yanit_outgoing_bytes", "Bytes that wait for clients that read slowly");
        metrics::describe_counter!(
            "yanit_incoming_refused_total",
            "Messages and requests refused because too many bytes were held already"
        );
        metrics::describe_counter!(
            "yanit_outgoing_refused_total",
            "Connections cut and answers refused because too many bytes waited already"
        );
        metrics::describe_counter!("yanit_slow_senders_total", "Connections cut because they did not go on sending");
        metrics::describe_counter!("yanit_floods_total", "Connections cut because they sent too many messages");
        metrics::describe_gauge!("yanit_sockets", "WebSockets open now");
        metrics::describe_gauge!("yanit_event_streams", "SSE streams open now");
        metrics::describe_gauge!("yanit_subscriptions", "Subscriptions running now");
        metrics::describe_counter!("yanit_slow_consumers_total", "Connections cut because they did not read");
        metrics::describe_counter!("yanit_executions_total", "Executions of subscriptions begun");
        metrics::describe_counter!("yanit_executions_shared_total", "Subscriptions that joined a running execution");
        metrics::describe_counter!(
            "yanit_connections_refused_total",
            "Connections refused because there were too many"
        );
        metrics::describe_gauge!(WAITING, "Jobs that wait or are under way, by lane");
        metrics::describe_gauge!(OLDEST, "Seconds that the oldest due job has waited for a worker, by lane");
        metrics::describe_gauge!(FAILED, "Jobs that failed for good and were not tried again or discarded, by lane");
        metrics::describe_counter!("yanit_jobs_failed_total", "Jobs that failed for good, by kind");
        metrics::describe_gauge!(LAG, "Journal lines that a reader has before it, in the site where it has most");
        metrics::describe_counter!("yanit_model_calls_total", "Calls to language models, by provider and outcome");
        metrics::describe_gauge!(FAILING, "Providers that keep failing sites, by provider");
        metrics::describe_gauge!("yanit_model_circuits_open", "Circuit breakers that are not closed, by provider");
        let metrics = Self {
            connections: metrics::gauge!("yanit_connections"),
            sockets: metrics::gauge!("yanit_sockets"),
            streams: metrics::gauge!("yanit_event_streams"),
            subscriptions: metrics::gauge!("yanit_subscriptions"),
            slow_consumers: metrics::counter!("yanit_slow_consumers_total"),
            executions: metrics::counter!("yanit_executions_total"),
            shared: metrics::counter!("yanit_executions_shared_total"),
            refused: metrics::counter!("yanit_connections_refused_total"),
            incoming_bytes: metrics::gauge!("yanit_incoming_bytes"),
            outgoing_bytes: metrics::gauge!("yanit_outgoing_bytes"),
            incoming_refused: metrics::counter!("yanit_incoming_refused_total"),
            outgoing_refused: metrics::counter!("yanit_outgoing_refused_total"),
            slow_senders: metrics::counter!("yanit_slow_senders_total"),
            floods: metrics::counter!("yanit_floods_total"),
        };
        // An instrument appears on the page once it has a value.
        for gauge in [
            &metrics.connections,
            &metrics.sockets,
            &metrics.streams,
            &metrics.subscriptions,
            &metrics.incoming_bytes,
            &metrics.outgoing_bytes,
        ] {
            gauge.increment(0.0);
        }
        for counter in [
            &metrics.slow_consumers,
            &metrics.executions,
            &metrics.shared,
            &metrics.refused,
            &metrics.incoming_refused,
            &metrics.outgoing_refused,
            &metrics.slow_senders,
            &metrics.floods,
        ] {
            counter.increment(0);
        }
        metrics
    }

    /// Counts an answered operation. `code` is `OK` or the code of its first error.
    pub(super) fn answered(&self, kind: &'static str, code: &'static str, took: Duration) {
        metrics::counter!(REQUESTS, "kind" => kind, "code" => code).increment(1);
        metrics::histogram!(SECONDS, "kind" => kind).record(took.as_secs_f64());
    }

    /// Counts an operation that was refused before it ran.
    pub(super) fn refused_operation(&self, kind: &'static str, code: &'static str) {
        metrics::counter!(REQUESTS, "kind" => kind, "code" => code).increment(1);
    }

    /// Counts a subscription that was begun.
    pub(super) fn begun(&self, kind: &'static str) {
        metrics::counter!(REQUESTS, "kind" => kind, "code" => "OK").increment(1);
    }

    /// Folds recorded latencies into their histogram; to be called every few seconds.
    pub(super) fn upkeep(&self) {
        if let Some(handle) = recorder() {
            handle.run_upkeep();
        }
    }
}

fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full(SECONDS.into()), LATENCY)
                .ok()?
                .build_recorder();
            let handle = recorder.handle();
            // Fails when the embedding program has a recorder of its own: then that one has the numbers.
            metrics::set_global_recorder(recorder).ok()?;
            Some(handle)
        })
        .as_ref()
}

/// Asks the database how much work there is. While it does not answer, the page has the numbers of before.
async fn ask(cx: Ctx) -> Result<()> {
    for (lane, figures) in jobs::figures(&cx).await? {
        let lane = match lane {
            Lane::Interactive => "interactive",
            Lane::Background => "background",
            Lane::Bulk => "bulk",
        };
        metrics::gauge!(WAITING, "lane" => lane).set(figures.waiting as f64);
        metrics::gauge!(OLDEST, "lane" => lane).set(figures.oldest.as_secs_f64());
        metrics::gauge!(FAILED, "lane" => lane).set(figures.failed as f64);
    }
    for (provider, count) in assistants::failing_by_provider(&cx.db()).await? {
        metrics::gauge!(FAILING, "provider" => provider.to_value()).set(count as f64);
    }
    for (reader, lines) in readers::lag(&cx).await? {
        metrics::gauge!(LAG, "reader" => reader).set(lines as f64);
    }
    Ok(())
}

/// `GET /metrics`, in the Prometheus text format.
pub(super) async fn page(State(server): State<Arc<Server>>) -> Response {
    let asked = timeout(PATIENCE, ask(Ctx::system(server.ports.clone()))).await;
    if let Ok(Err(error)) = asked {
        tracing::debug!(error = ?error, "the numbers of background work are those of before");
    }
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}

/// Raises a gauge for as long as it lives.
pub(super) struct Live(Gauge);

impl Live {
    /// Counts one more.
    pub(super) fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
