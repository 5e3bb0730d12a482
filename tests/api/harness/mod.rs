//! What tests stand on: a whole server, and clients that speak to it as users do.

use std::time::Duration;

pub(crate) mod app;
pub(crate) mod desk;
pub(crate) mod embedder;
pub(crate) mod graphql_js;
pub(crate) mod live;
pub(crate) mod openai;
pub(crate) mod people;
pub(crate) mod raw;
pub(crate) mod vendors;
pub(crate) mod wire;
pub(crate) mod ws;

/// What is read again and again, once it is so.
pub(crate) async fn eventually<T: std::fmt::Debug>(read: impl AsyncFn() -> T, fits: impl Fn(&T) -> bool) -> T {
    let mut now = read().await;
    for _ in 1..1_500 {
        if fits(&now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        now = read().await;
    }
    assert!(fits(&now), "it stays so: {now:#?}");
    now
}
