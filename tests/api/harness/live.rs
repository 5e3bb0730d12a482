//! Waiting for events.

use std::{future::Future, time::Duration};

use serde_json::Value;

use super::ws::Ws;

/// How long an event may take that was provoked before the follower listened; then it is provoked again.
const PATIENCE: Duration = Duration::from_millis(300);

impl Ws {
    /// The `data` of the next event of an operation.
    pub(crate) async fn next(&mut self, id: &str) -> Value {
        let message = self.next_json().await;
        data(id, message)
    }

    /// Does something again and again until it is heard of: for what passes and is not kept.
    pub(crate) async fn provoke<T, F: Future<Output = T>>(&mut self, id: &str, act: impl Fn() -> F) -> Value {
        for _ in 0..30 {
            act().await;
            if let Some(message) = self.try_next_json(PATIENCE).await {
                return data(id, message);
            }
        }
        panic!("nothing was heard of it");
    }

    /// The events of an operation up to and including the first of which `last` is true.
    pub(crate) async fn until(&mut self, id: &str, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next(id).await;
            let done = last(&event);
            events.push(event);
            if done {
                return events;
            }
        }
    }
}

fn data(id: &str, message: Value) -> Value {
    assert_eq!((message["type"].as_str(), message["id"].as_str()), (Some("next"), Some(id)), "{message}");
    assert!(message["payload"].get("errors").is_none(), "{message}");
    message["payload"]["data"].clone()
}
