//! Who of the staff has a conversation open: a hint, so that two do not answer one visitor.
//!
//! Who follows a conversation as a member of its site is told to all nodes over the bus: when they come, when they go, and
//! every [`BEAT`] in between. Each node keeps what it was told, and nothing is stored: of whom nothing is heard for
//! [`LIFE`] is gone, so nobody stays whose node died. Visitors and customers never learn of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::{
    conversation,
    ids::{ConversationId, SiteId, UserId},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, Stream, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::model;
use crate::{
    kernel::Ctx,
    ports::bus::{Heard, Listener, MemoryBus, Topic},
};

/// How often a node tells of those who are connected to it.
const BEAT: Duration = Duration::from_secs(10);
/// How long somebody counts who is not told of again.
const LIFE: Duration = Duration::from_secs(30);
/// How long typing counts that is not said again.
const TYPING: Duration = Duration::from_secs(6);
/// So many are shown; more nobody needs to know of.
const SHOWN: usize = 20;
/// So many are told of together.
const TOGETHER: usize = 200;

/// What nodes tell each other.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    /// These are open, from now on or still.
    Open(Vec<View>),
    /// This one is not open any more.
    Closed { conversation: ConversationId, view: Uuid },
    /// Somebody types, or has stopped.
    Types { conversation: ConversationId, user: UserId, is_typing: bool },
    /// A node has started and knows of nobody.
    Started,
}

/// A conversation that is open in front of somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct View {
    id: Uuid,
    site: SiteId,
    conversation: ConversationId,
    user: UserId,
    since: DateTime<Utc>,
}

/// A member of the site who has a conversation open, in however many windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    /// The first of the windows.
    pub(crate) since: DateTime<Utc>,
    pub(crate) typing: bool,
}

/// What this node has been told.
struct Known {
    view: View,
    until: DateTime<Utc>,
    types_until: Option<DateTime<Utc>>,
}

/// What a node knows. It hears of its own viewers as it hears of all others, if not sooner.
#[derive(Default)]
struct Views {
    /// Those that are connected to this node.
    here: Mutex<HashMap<Uuid, View>>,
    /// All, by conversation.
    known: Mutex<HashMap<ConversationId, Vec<Known>>>,
    /// Tells those who follow on this node: wakes the subject of a conversation, and passes its id to its site.
    changes: MemoryBus,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(cx: &Ctx, told: &Told) {
    match serde_json::to_vec(told) {
        Ok(payload) => cx.bus.pass(&Topic::Viewers, Bytes::from(payload)),
        Err(error) => tracing::error!(error = %error, "nodes could not be told of viewers"),
    }
}

impl Views {
    /// Tells all nodes who is connected to this one.
    fn beat(&self, cx: &Ctx) {
        // What is told while this is locked arrives in the order in which it became true.
        let here = lock(&self.here);
        let views: Vec<View> = here.values().cloned().collect();
        for views in views.chunks(TOGETHER) {
            say(cx, &Told::Open(views.to_vec()));
        }
    }

    /// Takes in what a node told.
    fn hear(&self, cx: &Ctx, payload: &Bytes) {
        let now = cx.clock.now();
        match serde_json::from_slice(payload) {
            Ok(Told::Open(views)) => views.into_iter().for_each(|view| self.opened(view, now)),
            Ok(Told::Closed { conversation, view }) => self.forget(conversation, |known| known.view.id == view),
            Ok(Told::Types { conversation, user, is_typing }) => self.typed(conversation, user, is_typing, now),
            Ok(Told::Started) => self.beat(cx),
            Err(error) => tracing::warn!(error = %error, "a node told of viewers in another way"),
        }
    }

    fn opened(&self, view: View, now: DateTime<Utc>) {
        let (site, conversation, until) = (view.site, view.conversation, now + LIFE);
        let mut all = lock(&self.known);
        let there = all.entry(conversation).or_default();
        if let Some(known) = there.iter_mut().find(|known| known.view.id == view.id) {
            known.until = until;
            return;
        }
        let is_new = there.iter().all(|known| known.view.user != view.user);
        there.push(Known { view, until, types_until: None });
        drop(all);
        if is_new {
            self.tell(site, conversation);
        }
    }

    fn typed(&self, conversation: ConversationId, user: UserId, is_typing: bool, now: DateTime<Utc>) {
        let mut all = lock(&self.known);
        let theirs = all.get_mut(&conversation).into_iter().flatten().filter(|known| known.view.user == user);
        theirs.for_each(|known| known.types_until = is_typing.then_some(now + TYPING));
    }

    /// True when it has to be said: who types tells so with each letter, and only those who have it open are shown.
    fn is_news(&self, conversation: ConversationId, user: UserId, is_typing: bool, now: DateTime<Utc>) -> bool {
        let all = lock(&self.known);
        let mut theirs = all.get(&conversation).into_iter().flatten().filter(|known| known.view.user == user);
        theirs.any(|known| match known.types_until {
            Some(until) if is_typing => until <= now + TYPING / 2,
            Some(until) => until > now,
            None => is_typing,
        })
    }

    fn forget(&self, conversation: ConversationId, gone: impl Fn(&Known) -> bool) {
        let mut all = lock(&self.known);
        let Some(there) = all.get_mut(&conversation) else { return };
        let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(there).into_iter().partition(gone);
        let is_left = |user| left.iter().any(|known| known.view.user == user);
        let left_by = gone.iter().find(|known| !is_left(known.view.user)).map(|known| known.view.site);
        if left.is_empty() {
            all.remove(&conversation);
        } else {
            *there = left;
        }
        drop(all);
        if let Some(site) = left_by {
            self.tell(site, conversation);
        }
    }

    /// Forgets those of whom nothing was heard for long.
    fn expire(&self, now: DateTime<Utc>) {
        let is_over = |known: &Known| known.until <= now;
        let conversations: Vec<ConversationId> = {
            let all = lock(&self.known);
            all.iter().filter(|(_, there)| there.iter().any(is_over)).map(|(id, _)| *id).collect()
        };
        conversations.into_iter().for_each(|id| self.forget(id, is_over));
    }

    fn tell(&self, site: SiteId, conversation: ConversationId) {
        self.changes.wake(&[Topic::Subject(conversation.0)]);
        self.changes.pass(&Topic::Passing(site.0), &Bytes::copy_from_slice(conversation.0.as_bytes()));
    }
}

/// Who has a conversation open, longest first; at most [`SHOWN`].
pub(crate) fn viewers(cx: &Ctx, conversation: ConversationId) -> Vec<Viewer> {
    let now = cx.clock.now();
    let views = cx.shared.get::<Views>();
    let all = lock(&views.known);
    let mut viewers: Vec<Viewer> = Vec::new();
    for Known { view, types_until, .. } in all.get(&conversation).into_iter().flatten() {
        let typing = types_until.is_some_and(|until| now < until);
        match viewers.iter_mut().find(|viewer| viewer.user == view.user) {
            Some(viewer) => {
                viewer.since = viewer.since.min(view.since);
                viewer.typing |= typing;
            }
            None => viewers.push(Viewer { user: view.user, since: view.since, typing }),
        }
    }
    viewers.sort_by_key(|viewer| (viewer.since, viewer.user));
    viewers.truncate(SHOWN);
    viewers
}

/// Tells that a member of the site types in a conversation, or has stopped.
pub(crate) fn types(cx: &Ctx, conversation: ConversationId, user: UserId, is_typing: bool) {
    let (views, now) = (cx.shared.get::<Views>(), cx.clock.now());
    if views.is_news(conversation, user, is_typing, now) {
        views.typed(conversation, user, is_typing, now);
        say(cx, &Told::Types { conversation, user, is_typing });
    }
}

/// A conversation that is open in front of the caller, until it is dropped.
pub(crate) struct Viewing {
    cx: Ctx,
    views: Arc<Views>,
    view: View,
    changes: Listener,
    /// Whom the caller has been told of.
    others: Vec<UserId>,
}

impl Viewing {
    /// Opens a conversation in front of the caller; nothing for those who are not staff in it.
    pub(crate) fn open(cx: &Ctx, conversation: &conversation::Model) -> Option<Self> {
        let is_staff = model::audiences(&cx.actor, conversation).len() > 1;
        let user = cx.actor.user().filter(|_| is_staff)?;
        let views = cx.shared.get::<Views>();
        let changes = views.changes.listen(&[Topic::Subject(conversation.id.0)]);
        let view = View {
            id: cx.clock.uuid(),
            site: conversation.site_id,
            conversation: conversation.id,
            user,
            since: cx.clock.now(),
        };
        {
            let mut here = lock(&views.here);
            here.insert(view.id, view.clone());
            say(cx, &Told::Open(vec![view.clone()]));
        }
        // At once, so that the caller is among those of whom they are told first.
        views.opened(view.clone(), view.since);
        Some(Self { cx: cx.clone(), views, view, changes, others: vec![] })
    }

    /// Returns, with all viewers, once the others are not those of the last time; at first there are none. Cancel-safe.
    pub(crate) async fn changed(&mut self) -> Vec<Viewer> {
        loop {
            let viewers = viewers(&self.cx, self.view.conversation);
            let others = viewers.iter().map(|viewer| viewer.user).filter(|user| *user != self.view.user);
            let others: Vec<UserId> = others.collect();
            if others != self.others {
                self.others = others;
                return viewers;
            }
            self.changes.next().await;
        }
    }
}

impl Drop for Viewing {
    fn drop(&mut self) {
        let mut here = lock(&self.views.here);
        here.remove(&self.view.id);
        say(&self.cx, &Told::Closed { conversation: self.view.conversation, view: self.view.id });
    }
}

/// The conversations of a site whose viewers change from now on, without end.
pub(crate) fn changes(cx: &Ctx, site: SiteId) -> impl Stream<Item = ConversationId> + Send + use<> {
    let heard = cx.shared.get::<Views>().changes.listen(&[Topic::Passing(site.0)]);
    stream::unfold(heard, |mut heard| async move {
        loop {
            if let Heard::Passed(id) = heard.next().await
                && let Ok(id) = Uuid::from_slice(&id)
            {
                return Some((ConversationId(id), heard));
            }
        }
    })
}

/// Takes in what nodes tell of viewers, and tells of those of this node, until shutdown.
pub async fn keep_viewers(cx: Ctx) {
    let stopping = cx.tasks.stopping();
    let views = cx.shared.get::<Views>();
    let mut told = cx.bus.listen(&[Topic::Viewers]);
    say(&cx, &Told::Started);
    let mut next = cx.clock.now() + BEAT;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            heard = told.next() => if let Heard::Passed(payload) = heard { views.hear(&cx, &payload) },
            () = cx.clock.sleep_until(next) => {
                views.beat(&cx);
                // What was told in time counts, however late this node comes to it.
                while let Some(Heard::Passed(payload)) = told.next().now_or_never() {
                    views.hear(&cx, &payload);
                }
                views.expire(cx.clock.now());
                next = cx.clock.now() + BEAT;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: u128, user: u128) -> View {
        View {
            id: Uuid::from_u128(id),
            site: SiteId(Uuid::nil()),
            conversation: ConversationId(Uuid::nil()),
            user: UserId(Uuid::from_u128(user)),
            since: DateTime::UNIX_EPOCH,
        }
    }

    /// How many are there, and whether followers were told since the last time.
    fn there(views: &Views, changes: &mut Listener) -> (usize, bool) {
        let count = lock(&views.known).values().map(Vec::len).sum();
        (count, changes.next().now_or_never().is_some())
    }

    #[test]
    fn followers_are_told_when_people_come_and_go_and_not_of_each_window() {
        let (views, now) = (Views::default(), DateTime::UNIX_EPOCH);
        let mut changes = views.changes.listen(&[Topic::Subject(Uuid::nil())]);
        views.opened(view(1, 1), now);
        assert_eq!(there(&views, &mut changes), (1, true));
        views.opened(view(2, 1), now);
        views.opened(view(1, 1), now);
        assert_eq!(there(&views, &mut changes), (2, false));
        views.forget(ConversationId(Uuid::nil()), |known| known.view.id == Uuid::from_u128(1));
        assert_eq!(there(&views, &mut changes), (1, false));
        views.forget(ConversationId(Uuid::nil()), |known| known.view.id == Uuid::from_u128(2));
        assert_eq!(there(&views, &mut changes), (0, true));
        assert!(lock(&views.known).is_empty(), "nothing is kept of it");
    }

    #[test]
    fn typing_is_said_when_it_is_news() {
        let (views, now) = (Views::default(), DateTime::UNIX_EPOCH);
        let (conversation, user) = (ConversationId(Uuid::nil()), UserId(Uuid::from_u128(1)));
        let news = |is_typing, at| views.is_news(conversation, user, is_typing, at);
        assert!(!news(true, now), "they do not have it open");
        views.opened(view(1, 1), now);
        assert!(news(true, now) && !news(false, now));
        views.typed(conversation, user, true, now);
        assert!(!news(true, now) && news(false, now));
        // Said again in time, so that it is never seen to stop in between.
        assert!(news(true, now + TYPING / 2) && news(false, now + TYPING / 2));
        assert!(news(true, now + TYPING) && !news(false, now + TYPING));
    }

    #[test]
    fn of_whom_nothing_is_heard_for_half_a_minute_is_gone() {
        let (views, now) = (Views::default(), DateTime::UNIX_EPOCH);
        views.opened(view(1, 1), now);
        views.opened(view(2, 2), now);
        let mut changes = views.changes.listen(&[Topic::Subject(Uuid::nil())]);
        views.opened(view(2, 2), now + BEAT);
        views.expire(now + LIFE - Duration::from_micros(1));
        assert_eq!(there(&views, &mut changes), (2, false));
        views.expire(now + LIFE);
        assert_eq!(there(&views, &mut changes), (1, true));
        views.expire(now + BEAT + LIFE);
        assert_eq!(there(&views, &mut changes), (0, true));
    }
}
