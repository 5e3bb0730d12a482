//! One execution for all identical subscriptions of the same caller: each event is computed and written as JSON once, and
//! every subscriber gets the same bytes.
//!
//! Every subscriber first has an execution of its own, in which the field's resolver decides whether the caller may follow
//! at all. Once that has caught up it goes on in the shared one ([`Hub::settle`]), or becomes it.
//!
//! What always holds:
//! - Sharing never widens access. Nobody joins what their own execution was refused, and everything a resolver can look at
//!   to decide what a caller sees is the [`Actor`], which is part of what makes two subscriptions identical ([`Key`]): a
//!   right or an attribute that is added to it is compared from then on, and no subscription has to remember it.
//! - Where a subscriber stands in the journal when it joins is known: what the shared execution told before that it has
//!   from its own, what comes after it gets, and nothing twice ([`Member::after`]).
//! - Nobody joins or leaves its own execution while something is told that the journal alone does not give
//!   ([`Position::settled`]).
//! - The execution ends with its last subscriber; its own end, or its error, reaches all of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_graphql::{Value, Variables, parser::types::OperationDefinition};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    events::{Event, Sink},
    operation::only_root,
};
use crate::kernel::{access::Actor, journal::Cursor, position::Position};

/// The subscriptions that can be shared, by their root field. Each takes `after`, and notes its
/// [`Position`].
const SHAREABLE: &[&str] = &["messages", "conversationEvents", "inboxEvents", "staffEvents"];

/// The argument that makes a stream begin in the past.
const AFTER: &str = "after";

/// So many subscribers are served before others get their turn on the processor.
const SLICE: usize = 256;

/// What makes two subscriptions identical.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Who follows, with everything they are allowed.
    actor: Actor,
    /// What they asked for: a digest of the document, the operation's name and the variables.
    asked: [u8; 32],
}

/// All executions that can be joined.
#[derive(Default)]
pub(super) struct Hub {
    groups: Mutex<HashMap<Arc<Key>, Arc<Group>>>,
}

/// One execution and who gets its events.
pub(super) struct Group {
    position: Arc<Position>,
    members: Mutex<Members>,
    /// Set when the last member has left.
    abandoned: CancellationToken,
}

struct Members {
    last: u64,
    sinks: BTreeMap<u64, Member>,
    /// The place of the newest event that was given to anybody.
    delivered: Cursor,
}

#[derive(Clone)]
struct Member {
    sink: Sink,
    /// It has what stands up to here.
    after: Cursor,
}

/// A place in a group; leaving is dropping it.
pub(super) struct Membership {
    hub: Weak<Hub>,
    key: Arc<Key>,
    group: Arc<Group>,
    number: u64,
}

/// What [`Hub::settle`] did.
pub(super) enum Settled {
    /// Nothing: the subscriber's own execution has not caught up with the shared one.
    NotYet,
    /// The subscriber's own execution is not needed any more.
    Joined(Membership),
    /// There was no shared execution: the subscriber's own is it from now on, with [`Group::deliver`] for its events and
    /// [`Hub::end`] at its end.
    Leading(Membership, Arc<Group>),
}

/// What makes a subscription identical with others, if it can be shared at all.
pub(super) fn key(
    document: &str,
    name: Option<&str>,
    operation: &OperationDefinition,
    variables: &Variables,
    actor: &Actor,
) -> Option<Arc<Key>> {
    let field = only_root(operation).filter(|field| SHAREABLE.contains(&field.name.node.as_str()))?;
    let mut variable = None;
    let literal = field.get_argument(AFTER).map(|argument| {
        argument.node.clone().into_const_with(|name| {
            variable = Some(name);
            Ok::<_, std::convert::Infallible>(Value::Null)
        })
    });
    if !matches!(literal, None | Some(Ok(Value::Null))) {
        // The document itself says where to begin.
        return None;
    }
    let variable = variable.as_ref().map(async_graphql::Name::as_str);
    if variable.is_some_and(|variable| uses(document, variable) != 2) {
        return None;
    }
    Some(Arc::new(Key { actor: actor.clone(), asked: digest(document, name, variables, variable) }))
}

/// How often a variable is named. The one of `after` is twice, where it is defined and where it is used; counting one in
/// a comment or a text, too, errs on the safe side.
fn uses(document: &str, variable: &str) -> usize {
    document
        .split('$')
        .skip(1)
        .filter(|rest| {
            rest.trim_start()
                .strip_prefix(variable)
                .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
        })
        .count()
}

/// What was asked for; the variable that says where it begins does not count.
fn digest(document: &str, operation: Option<&str>, variables: &Variables, ignored: Option<&str>) -> [u8; 32] {
    let mut canonical = String::new();
    for (name, value) in variables.iter().filter(|(name, _)| Some(name.as_str()) != ignored) {
        canonical.push_str(name);
        canonical.push(':');
        write_canonical(value, &mut canonical);
    }
    let mut digest = Sha256::new();
    for part in [operation.unwrap_or_default(), &canonical, document] {
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
    /// Moves a subscriber from an execution of its own, which has told everything up to `told`, to the shared one.
    pub(super) fn settle(self: &Arc<Self>, key: &Arc<Key>, position: &Arc<Position>, sink: &Sink) -> Settled {
        let Some(told) = position.settled() else { return Settled::NotYet };
        let member = Member { sink: sink.clone(), after: told };
        let mut groups = self.lock();
        if let Some(group) = groups.get(key) {
            let behind = group.position.is_busy() || group.lock().delivered > told;
            return if behind { Settled::NotYet } else { Settled::Joined(self.enter(key.clone(), group, member)) };
        }
        let group = Arc::new(Group {
            position: position.clone(),
            members: Mutex::new(Members { last: 0, sinks: BTreeMap::new(), delivered: told }),
            abandoned: CancellationToken::new(),
        });
        groups.insert(key.clone(), group.clone());
        Settled::Leading(self.enter(key.clone(), &group, member), group)
    }

    /// Called with the groups locked, so that the group is not given up meanwhile.
    fn enter(self: &Arc<Self>, key: Arc<Key>, group: &Arc<Group>, member: Member) -> Membership {
        let mut members = group.lock();
        members.last += 1;
        let number = members.last;
        members.sinks.insert(number, member);
        Membership { hub: Arc::downgrade(self), key, group: group.clone(), number }
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
        for member in sinks.values() {
            member.sink.finish(errors);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Key>, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Gives events to all members that do not have them.
    pub(super) async fn deliver(&self, events: &[Event]) {
        if let Some(newest) = events.iter().filter_map(|event| event.place).max() {
            let mut members = self.lock();
            members.delivered = members.delivered.max(newest);
        }
        let mut slice = Vec::with_capacity(SLICE);
        let mut served = 0;
        loop {
            slice.clear();
            slice.extend(
                self.lock().sinks.range(served + 1..).take(SLICE).map(|(number, member)| (*number, member.clone())),
            );
            let Some((last, _)) = slice.last() else { return };
            served = *last;
            for (_, member) in &slice {
                member.sink.deliver(events, Some(member.after));
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
    use ::entity::{
        ids::{SessionId, SiteId, UserId},
        membership::Role,
    };
    use async_graphql::parser::parse_query;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::access::SignedIn;

    fn key_of(text: &str, variables: serde_json::Value, actor: &Actor) -> Option<Arc<Key>> {
        let document = parse_query(text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        key(text, None, &operation.node, &Variables::from_json(variables), actor)
    }

    fn is_shared(text: &str) -> bool {
        key_of(text, serde_json::json!({}), &Actor::Anonymous).is_some()
    }

    #[test]
    fn known_fields_are_shared_unless_the_document_says_where_they_begin() {
        assert!(is_shared("subscription { messages(id: 1) { id } }"));
        assert!(is_shared("subscription { messages(id: 1, after: null) { id } }"));
        assert!(is_shared("subscription($a: String) { messages(after: $a) { id } }"));
        assert!(!is_shared("subscription { messages(after: \"7\") { id } }"));
        assert!(!is_shared("subscription($a: String) { messages(after: $a) { at(a: $a) } }"));
        assert!(!is_shared("subscription { other { id } }"));
        assert!(!is_shared("subscription { messages { id } inboxEvents { id } }"));
        assert!(!is_shared("subscription { messages @skip(if: true) { id } }"));
    }

    #[test]
    fn nobody_shares_with_somebody_else_or_with_themself_under_other_rights() {
        let site = SiteId(Uuid::nil());
        let agent = |number, role| {
            Actor::User(Arc::new(SignedIn {
                user: UserId(Uuid::from_u128(number)),
                session: SessionId(Uuid::nil()),
                superadmin: false,
                memberships: vec![(site, role)],
            }))
        };
        let inbox = "subscription { inboxEvents(siteId: 1) { id } }";
        let of = |actor: &Actor| key_of(inbox, serde_json::json!({}), actor);
        let one = of(&agent(1, Role::Agent));
        assert_eq!(one, of(&agent(1, Role::Agent)));
        assert_ne!(one, of(&agent(2, Role::Agent)), "what somebody owns is not what their role gives");
        assert_ne!(one, of(&agent(1, Role::Admin)));
        assert_ne!(one, of(&Actor::Anonymous));
    }

    #[test]
    fn where_a_stream_begins_is_not_part_of_its_key() {
        let text = "subscription($a: String, $ab: Int) { messages(id: $ab, after: $a) { id } }";
        let of = |variables| key_of(text, variables, &Actor::Anonymous);
        let first = of(serde_json::json!({ "a": "7", "ab": 1 }));
        assert_eq!(first, of(serde_json::json!({ "a": "8", "ab": 1 })));
        assert_eq!(first, of(serde_json::json!({ "ab": 1 })));
        assert_ne!(first, of(serde_json::json!({ "a": "7", "ab": 2 })));
    }

    #[test]
    fn keys_ignore_the_order_of_fields_and_nothing_else() {
        let make = |variables: &str| digest("d", None, &serde_json::from_str(variables).unwrap(), None);
        let first = make(r#"{"a":{"x":1,"y":"2"},"b":[1,2]}"#);
        assert_eq!(first, make(r#"{"b":[1,2],"a":{"y":"2","x":1}}"#));
        assert_ne!(first, make(r#"{"b":[2,1],"a":{"y":"2","x":1}}"#));
        assert_ne!(first, make(r#"{"b":[1,2],"a":{"y":2,"x":1}}"#));
    }
}
