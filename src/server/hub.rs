//! One execution for all identical subscriptions of the same authorisation scope: each event is computed and written as
//! JSON once, and every subscriber gets the same bytes.
//!
//! What always holds:
//! - Only live streams are shared, never one that replays or begins with a snapshot of its own.
//! - A subscriber sees every event that is produced after it joined: it is registered before that.
//! - All subscribers of an execution have the same scope, so the same answers.
//! - The execution ends with its last subscriber; its own end, or its error, reaches all of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_graphql::{Value, Variables, parser::types::OperationDefinition};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{conn::Conn, events::Queue, operation::only_root};

/// The subscriptions that can be shared, by their root field. Each takes `after`, and is live only without it.
/// `conversationEvents` is not among them: it begins with the text so far of an answer that is being written.
const SHAREABLE: &[&str] = &["messages", "inboxEvents"];

/// The argument that makes a stream begin in the past.
const AFTER: &str = "after";

/// So many subscribers are served before others get their turn on the processor.
const SLICE: usize = 256;

/// What makes two subscriptions identical, as a digest.
pub(super) type Key = [u8; 32];

/// All executions that can be joined.
#[derive(Default)]
pub(super) struct Hub {
    groups: Mutex<HashMap<Key, Arc<Group>>>,
}

/// One execution and who gets its events.
pub(super) struct Group {
    members: Mutex<Members>,
    /// Set when the last member has left.
    abandoned: CancellationToken,
}

#[derive(Default)]
struct Members {
    last: u64,
    sinks: BTreeMap<u64, Sink>,
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
    fn deliver(&self, payloads: &[Bytes]) {
        match self {
            Self::Socket(conn, serial) => conn.next(*serial, payloads),
            Self::Events(queue) => queue.push(payloads),
        }
    }

    fn finish(&self, errors: Option<&Bytes>) {
        match self {
            Self::Socket(conn, serial) => conn.finish(*serial, errors),
            Self::Events(queue) => queue.end(errors),
        }
    }
}

/// A place in a group; leaving is dropping it.
pub(super) struct Membership {
    hub: Weak<Hub>,
    key: Key,
    group: Arc<Group>,
    number: u64,
}

/// What [`Hub::join`] found.
pub(super) enum Joined {
    /// An execution was running.
    Running(Membership),
    /// There was none: the caller begins it, with [`Group::deliver`] for its events and [`Hub::end`] at its end.
    First(Membership, Arc<Group>),
}

/// True for a live subscription of one of the known fields.
pub(super) fn is_shareable(operation: &OperationDefinition, variables: &Variables) -> bool {
    let Some(field) = only_root(operation) else { return false };
    if !SHAREABLE.contains(&field.name.node.as_str()) {
        return false;
    }
    let Some(argument) = field.get_argument(AFTER) else { return true };
    let value = argument.node.clone().into_const_with(|name| {
        let default = || {
            let definition =
                operation.variable_definitions.iter().find(|definition| definition.node.name.node == name)?;
            definition.node.default_value.as_ref().map(|default| default.node.clone())
        };
        Ok::<_, std::convert::Infallible>(variables.get(&name).cloned().or_else(default).unwrap_or_default())
    });
    matches!(value, Ok(Value::Null))
}

/// The key of a subscription for a scope.
pub(super) fn key(document: &str, operation: Option<&str>, variables: &Variables, scope: &str) -> Key {
    let mut canonical = String::new();
    for (name, value) in variables.iter() {
        canonical.push_str(name);
        canonical.push(':');
        write_canonical(value, &mut canonical);
    }
    let mut digest = Sha256::new();
    for part in [scope, operation.unwrap_or_default(), &canonical, document] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

/// Objects with the same fields in another order are the same.
fn write_canonical(value: &Value, into: &mut String) {
    match value {
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => {
            into.push_str(&value.to_string());
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<&str, &Value> = fields.iter().map(|(name, value)| (name.as_str(), value)).collect();
            into.push('{');
            for (name, value) in sorted {
                into.push_str(name);
                into.push(':');
                write_canonical(value, into);
            }
            into.push('}');
        }
        Value::List(items) => {
            into.push('[');
            for item in items {
                write_canonical(item, into);
                into.push(',');
            }
            into.push(']');
        }
    }
    into.push(';');
}

impl Hub {
    /// Registers a subscriber under a key.
    pub(super) fn join(self: &Arc<Self>, key: Key, sink: Sink) -> Joined {
        let mut groups = self.lock();
        let membership = |group: &Arc<Group>, sink| {
            let mut members = group.lock();
            members.last += 1;
            let number = members.last;
            members.sinks.insert(number, sink);
            Membership { hub: Arc::downgrade(self), key, group: group.clone(), number }
        };
        if let Some(group) = groups.get(&key) {
            return Joined::Running(membership(group, sink));
        }
        let group = Arc::new(Group { members: Mutex::default(), abandoned: CancellationToken::new() });
        groups.insert(key, group.clone());
        Joined::First(membership(&group, sink), group)
    }

    /// The execution ended: its subscribers end too, with `errors` if it failed.
    pub(super) fn end(&self, key: &Key, group: &Arc<Group>, errors: Option<&Bytes>) {
        {
            let mut groups = self.lock();
            if groups.get(key).is_some_and(|current| Arc::ptr_eq(current, group)) {
                groups.remove(key);
            }
        }
        // Nobody can join any more.
        let sinks = std::mem::take(&mut group.lock().sinks);
        for sink in sinks.values() {
            sink.finish(errors);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Gives events to all who are members now.
    pub(super) async fn deliver(&self, payloads: &[Bytes]) {
        let mut slice = Vec::with_capacity(SLICE);
        let mut after = 0;
        loop {
            slice.clear();
            slice
                .extend(self.lock().sinks.range(after + 1..).take(SLICE).map(|(number, sink)| (*number, sink.clone())));
            let Some((last, _)) = slice.last() else { return };
            after = *last;
            for (_, sink) in &slice {
                sink.deliver(payloads);
            }
            if slice.len() < SLICE {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns when the last member has left.
    pub(super) async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut groups = hub.lock();
        let mut members = self.group.lock();
        members.sinks.remove(&self.number);
        if members.sinks.is_empty() {
            if groups.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, &self.group)) {
                groups.remove(&self.key);
            }
            self.group.abandoned.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn shareable(text: &str, variables: serde_json::Value) -> bool {
        let document = parse_query(text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        is_shareable(&operation.node, &Variables::from_json(variables))
    }

    #[test]
    fn only_live_streams_of_known_fields_are_shared() {
        let none = || serde_json::json!({});
        assert!(shareable("subscription { messages(id: 1) { id } }", none()));
        assert!(shareable("subscription { messages(id: 1, after: null) { id } }", none()));
        assert!(shareable("subscription($a: String) { messages(after: $a) { id } }", none()));
        assert!(shareable("subscription($a: String) { messages(after: $a) { id } }", serde_json::json!({ "a": null })));
        assert!(!shareable("subscription($a: String) { messages(after: $a) { id } }", serde_json::json!({ "a": "7" })));
        assert!(!shareable("subscription($a: String = \"7\") { messages(after: $a) { id } }", none()));
        assert!(!shareable("subscription { messages(after: \"7\") { id } }", none()));
        assert!(!shareable("subscription { other { id } }", none()));
        assert!(!shareable("subscription { messages { id } inboxEvents { id } }", none()));
        assert!(!shareable("subscription { messages @skip(if: true) { id } }", none()));
    }

    #[test]
    fn keys_ignore_the_order_of_fields_and_nothing_else() {
        let make = |variables: &str, scope| key("d", None, &serde_json::from_str(variables).unwrap(), scope);
        let first = make(r#"{"a":{"x":1,"y":"2"},"b":[1,2]}"#, "s");
        assert_eq!(first, make(r#"{"b":[1,2],"a":{"y":"2","x":1}}"#, "s"));
        assert_ne!(first, make(r#"{"b":[2,1],"a":{"y":"2","x":1}}"#, "s"));
        assert_ne!(first, make(r#"{"b":[1,2],"a":{"y":2,"x":1}}"#, "s"));
        assert_ne!(first, make(r#"{"a":{"x":1,"y":"2"},"b":[1,2]}"#, "t"));
    }
}
