//! Who is behind a sign-in, remembered for a few seconds so that not every request asks the database.
//!
//! An entry listens to its person's `Access` topic from before it was read. When rights or sign-ins change, this node
//! forgets it at once and other nodes as soon as the hint arrives; should the hint be lost, the entry still ends after
//! [`LIFETIME`].

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::entity::ids::SessionId;
use moka::sync::Cache;

use crate::{kernel::access::SignedIn, ports::bus::Listener};

/// The longest time in which a lost hint can leave a withdrawn right in force.
const LIFETIME: Duration = Duration::from_secs(5);
/// Most sign-ins remembered at once.
const CAPACITY: u64 = 20_000;

/// The remembered sign-ins of this node.
#[derive(Clone)]
pub struct SessionCache(Cache<SessionId, Arc<Entry>>);

struct Entry {
    person: Arc<SignedIn>,
    /// None once something was heard: several requests may hold the entry at that moment.
    changes: Mutex<Option<Listener>>,
}

impl Default for SessionCache {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(LIFETIME).build())
    }
}

impl SessionCache {
    /// The person behind a sign-in, if that was read a moment ago and nothing was said of a change since.
    pub fn get(&self, session: SessionId) -> Option<Arc<SignedIn>> {
        let entry = self.0.get(&session)?;
        let mut changes = entry.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = changes.as_mut()
            && listener.try_next().is_none()
        {
            return Some(entry.person.clone());
        }
        // The entry itself ends by its lifetime; removing it here could remove a newer one.
        *changes = None;
        None
    }

    /// Remembers a person. `changes` listens to their `Access` topic since before `person` was read.
    pub fn put(&self, person: Arc<SignedIn>, changes: Listener) {
        self.0.insert(person.session, Arc::new(Entry { person, changes: Mutex::new(Some(changes)) }));
    }
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionCache({} entries)", self.0.entry_count())
    }
}

#[cfg(test)]
mod tests {
    use ::entity::ids::UserId;

    use super::*;
    use crate::{
        kernel::clock::Clock,
        ports::bus::{Bus, Topic},
    };

    #[test]
    fn a_sign_in_is_forgotten_as_soon_as_rights_change() {
        let (clock, bus, cache) = (Clock::system(), Bus::memory(), SessionCache::default());
        let user = UserId(clock.uuid());
        let session = SessionId(clock.uuid());
        let person = Arc::new(SignedIn { user, session, superadmin: false, memberships: vec![] });
        cache.put(person.clone(), bus.listen(&[Topic::Access(user.0)]));
        assert_eq!(cache.get(session), Some(person));
        bus.wake(&[Topic::Access(user.0)]);
        assert_eq!(cache.get(session), None);
        assert_eq!(cache.get(session), None);
    }
}
