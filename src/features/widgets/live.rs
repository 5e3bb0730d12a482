//! What a site's widget shows at present, computed once for all who ask on this node.
//!
//! A node keeps for each site what it read and what followed from it, with the place in the journal up to which that
//! holds and the moment until which it does. Whoever asks compares the place with the journal's head: where no line since
//! then is a cause, and the moment has not come, nothing is read or computed anew. So an answer is never older than the
//! question, on whichever node something was changed.
//!
//! Watchers of a site share one task on each node, which asks when the site's journal grows and when the moment comes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::{emergency, ids::SiteId, site, widget_settings};
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;

use super::{
    emergency as emergencies,
    figures::Median,
    mode::{self, Agents, Causes, Mode, Offer, Reason},
    settings, store,
    texts::{self, Sentence},
};
use crate::{
    features::{
        agents, assistants,
        calendars::{self, BusinessCalendar, State},
        conversations::{Attributes, ConversationFact},
        sites,
    },
    kernel::{
        Ctx, Result, heads,
        journal::{self, Cursor, Line, Scope},
    },
    ports::bus::Topic,
};

/// So many lines are looked through for a cause; where there are more, everything is read anew.
const LINES: u64 = 200;
/// How long watchers wait after a failure.
const PATIENCE: Duration = Duration::from_secs(1);
/// Sites of which a node keeps what it knows.
const SITES: u64 = 10_000;
/// A site that nobody asks about for so long is forgotten.
const IDLE: Duration = Duration::from_secs(600);

/// What the mode follows from, as it was read.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    pub(super) site: site::Model,
    pub(super) hours: BusinessCalendar,
    pub(super) emergency: Option<emergency::Model>,
    pub(super) settings: widget_settings::Model,
    pub(super) agents: Agents,
    /// The site has an assistant that is on.
    pub(super) assistant: bool,
}

impl Basis {
    /// The language in which somebody is told who asked for one, or for none.
    pub(super) fn language<'a>(&'a self, asked: Option<&'a str>) -> &'a str {
        texts::language(&self.settings.translations.0, asked, &self.site.locale)
    }
}

/// What a widget shows at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    pub(super) mode: Mode,
    pub(super) reason: Reason,
    pub(super) message: Sentence,
    pub(super) offers: Vec<Offer>,
    /// When people are there again; nothing while the site is open, and where nobody knows.
    pub(super) next_open: Option<DateTime<Utc>>,
    /// When time alone may change the mode next.
    pub(super) next_change: Option<DateTime<Utc>>,
    pub(super) agents: Agents,
}

/// What is shown at present, and what it follows from.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub(super) basis: Arc<Basis>,
    pub(super) shown: Arc<Shown>,
    /// Everything up to here is considered.
    seq: Cursor,
    /// When it was found.
    as_of: DateTime<Utc>,
}

impl Present {
    fn holds(&self, now: DateTime<Utc>) -> bool {
        self.shown.next_change.is_none_or(|change| now < change)
    }
}

/// What a node keeps of a site.
#[derive(Default)]
pub(super) struct Kept {
    present: tokio::sync::Mutex<Option<Present>>,
    pub(super) median: tokio::sync::Mutex<Median>,
}

/// What a node keeps of sites, and who watches.
struct Sites {
    kept: moka::sync::Cache<SiteId, Arc<Kept>>,
    watched: Mutex<HashMap<SiteId, watch::Sender<Present>>>,
}

impl Default for Sites {
    fn default() -> Self {
        let kept = moka::sync::Cache::builder().max_capacity(SITES).time_to_idle(IDLE).build();
        Self { kept, watched: Mutex::default() }
    }
}

impl Sites {
    fn watched(&self) -> MutexGuard<'_, HashMap<SiteId, watch::Sender<Present>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this node keeps of a site.
pub(super) fn kept(cx: &Ctx, site: SiteId) -> Arc<Kept> {
    cx.shared.get::<Sites>().kept.get_with(site, Arc::default)
}

/// What follows from a basis at a moment.
pub(super) fn shown(basis: &Basis, now: DateTime<Utc>) -> Shown {
    let calendar = &basis.hours.calendar;
    let status = calendars::status(calendar, now);
    let emergency = basis.emergency.as_ref().filter(|row| emergencies::is_on(row, now));
    let causes = Causes {
        emergency: emergency.map(emergencies::exceptions),
        calendar: status.state,
        opens_again: status.next_open.is_some(),
        agents: basis.agents,
    };
    let (mode, reason) = mode::decide(&causes);
    let next_open = match emergency {
        None => status.next_open,
        // Nobody knows when an emergency without an end is over.
        Some(row) => row.until.and_then(|until| {
            let then = calendars::status(calendar, until);
            if then.state == State::Open { Some(until) } else { then.next_open }
        }),
    };
    let own = emergency.and_then(|row| row.message.as_ref());
    let say = |language: &str| match (own, texts::about(reason, language)) {
        (Some(own), _) => own.clone(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => calendars::about(calendar, now, &status, language),
    };
    Shown {
        mode,
        reason,
        message: Sentence::new(say),
        offers: mode::offers(mode, &causes, &basis.settings.features, basis.assistant),
        next_open: next_open.filter(|_| mode != Mode::Online),
        next_change: status.next_change.into_iter().chain(emergency.and_then(|row| row.until)).min(),
        agents: basis.agents,
    }
}

/// What a site's widget shows now. In one query where nothing has changed since somebody last asked on this node.
///
/// # Errors
/// `NOT_FOUND` for a site that there is not.
pub(super) async fn present(cx: &Ctx, site: SiteId) -> Result<Present> {
    let head = journal::head(&cx.db(), site).await?;
    let kept = kept(cx, site);
    // One after the other: who waits here finds what the one before found.
    let mut place = kept.present.lock().await;
    let now = cx.clock.now();
    let found = match &*place {
        Some(old) if !has_cause(cx, site, old.seq, head).await? => {
            let (basis, seq) = (old.basis.clone(), old.seq.max(head));
            let shown = if old.holds(now) { old.shown.clone() } else { Arc::new(shown(&basis, now)) };
            Present { basis, shown, seq, as_of: now }
        }
        Some(_) | None => {
            let basis = Arc::new(load(cx, site).await?);
            let shown = Arc::new(shown(&basis, now));
            Present { basis, shown, seq: head, as_of: now }
        }
    };
    *place = Some(found.clone());
    Ok(found)
}

async fn load(cx: &Ctx, id: SiteId) -> Result<Basis> {
    let db = cx.db();
    let site = sites::find_any(&db, id).await?;
    let settings = store::settings(&db, id).await?.unwrap_or_else(|| settings::usual(id, site.created_at));
    let roster = agents::roster(cx, &db, id, agents::Whom::Online).await?;
    let count = |wanted: fn(&agents::RosterAgent) -> bool| roster.iter().filter(|agent| wanted(agent)).count();
    Ok(Basis {
        hours: calendars::of_site(&db, &site).await?,
        emergency: store::emergency(&db, id).await?,
        settings,
        agents: Agents {
            online: roster.len(),
            available: count(|agent| agent.presence.is_available() && agent.profile.max_chats > 0),
            accepting: count(agents::RosterAgent::accepts_chats),
            callable: count(|agent| agent.accepts_chats() && agent.profile.accepts_calls),
        },
        assistant: assistants::for_visitor(cx, id, None).await?.is_some(),
        site,
    })
}

/// True when something happened since a place that what is shown may follow from.
async fn has_cause(cx: &Ctx, site: SiteId, after: Cursor, head: Cursor) -> Result<bool> {
    if head <= after {
        return Ok(false);
    }
    if head.epoch != after.epoch {
        return Ok(true);
    }
    let lines = journal::read(&cx.db(), site, Scope::Site, after, LINES).await?;
    // Fewer than there were: too many for one look, or trimmed meanwhile.
    let complete = lines.last().is_some_and(|last| last.seq >= head.seq) && lines[0].seq == after.seq + 1;
    Ok(!complete || lines.iter().any(is_cause))
}

/// True for a line that what is shown may follow from.
fn is_cause(line: &Line) -> bool {
    match line.kind.split('.').next() {
        Some("agent" | "assistant" | "calendar" | "emergency" | "member" | "site" | "widget") => true,
        Some("conversation") => ConversationFact::read(line).is_some_and(|fact| {
            fact.change().is_some_and(|(before, after)| {
                before.and_then(Attributes::burdens) != after.and_then(Attributes::burdens)
            })
        }),
        _ => false,
    }
}

/// Watches what a site's widget shows: what is shown now, then what differs from it.
///
/// # Errors
/// As [`present`].
pub(super) async fn watch(cx: &Ctx, site: SiteId) -> Result<watch::Receiver<Present>> {
    let first = present(cx, site).await?;
    let sites = cx.shared.get::<Sites>();
    let mut watched = sites.watched();
    if let Some(sender) = watched.get(&site) {
        tell(sender, first);
        return Ok(sender.subscribe());
    }
    let (sender, receiver) = watch::channel(first);
    watched.insert(site, sender.clone());
    drop(watched);
    cx.tasks.spawn_until_shutdown(follow(cx.as_system(), site, sender));
    Ok(receiver)
}

/// Keeps watchers informed until there are none.
async fn follow(cx: Ctx, site: SiteId, sender: watch::Sender<Present>) {
    let sites = cx.shared.get::<Sites>();
    let mut hints = heads::listen_patiently(&cx, site, &[Topic::Site(site)]).await;
    loop {
        let change = match present(&cx, site).await {
            Ok(found) => {
                let change = found.shown.next_change;
                tell(&sender, found);
                change
            }
            Err(error) => {
                tracing::warn!(error = ?error, site.id = %site, "the mode of a widget could not be found; watchers wait");
                // The machine's time, also in tests: this is about an outage, not about a rule.
                tokio::time::sleep(PATIENCE).await;
                continue;
            }
        };
        tokio::select! {
            _ = hints.next() => {}
            () = until(&cx, change) => {}
            () = sender.closed() => {
                let mut watched = sites.watched();
                // Somebody may have come in between.
                if sender.receiver_count() == 0 {
                    watched.remove(&site);
                    return;
                }
            }
        }
    }
}

async fn until(cx: &Ctx, change: Option<DateTime<Utc>>) {
    match change {
        Some(change) => cx.clock.sleep_until(change).await,
        None => std::future::pending().await,
    }
}

/// Tells watchers what differs, and never what is older than what they know.
fn tell(sender: &watch::Sender<Present>, found: Present) {
    sender.send_if_modified(|known| {
        if (found.seq, found.as_of) < (known.seq, known.as_of) {
            return false;
        }
        let differs = known.shown != found.shown;
        *known = found;
        differs
    });
}
