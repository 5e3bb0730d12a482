//! What happens in conversations and to agents leads to conversations being given out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ::entity::{
    conversation::{self, Attention, QueueOutcome},
    ids::{ConversationId, DepartmentId, SiteId, UserId, VisitorId},
    queue_entry::{self, Demand},
};
use chrono::TimeDelta;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::{
    announce::TellEmergency,
    attendance,
    drain::drain_in,
    enter::{self, Wishes, enter_in},
    facts::RoutingFact,
    hours, store,
};
use crate::{
    features::{
        agents::{self, AgentFact, Whom},
        calendars::CalendarFact,
        conversations::{self, Busy, ConversationFact, Event, Release, change_in},
        sites::{self, SiteFact},
        visitors::VisitorFact,
        widgets::WidgetFact,
    },
    kernel::{
        Ctx, Permission, Result, Tx,
        jobs::{Failure, Job, Lane, Lease},
        journal::Line,
        readers::Reader,
    },
    ports::bus::Topic,
};

/// Reacts to whatever changes who waits and who has room.
pub fn reader() -> Reader {
    Reader::new("routing", concerns, |tx, lines| react(tx, lines).boxed())
}

fn concerns(line: &Line) -> bool {
    ConversationFact::read(line).is_some_and(|fact| enter::moves_queue(&fact))
        || AgentFact::read(line).is_some()
        || about_hours(line)
        || removed(line).is_some()
        || RoutingFact::read(line).is_some()
        || marked(line).is_some()
}

/// True where the site, or a department, may be open or closed now and was not before.
fn about_hours(line: &Line) -> bool {
    CalendarFact::read(line).is_some() || WidgetFact::read(line).is_some()
}

/// Who is no member of the site any more.
fn removed(line: &Line) -> Option<UserId> {
    if let Some(SiteFact::MemberRemoved { user }) = SiteFact::read(line) { Some(user) } else { None }
}

/// A visitor who may be more, or less, important now.
fn marked(line: &Line) -> Option<VisitorId> {
    let changed = if let Some(VisitorFact::Updated { changed }) = VisitorFact::read(line) { changed } else { vec![] };
    changed.iter().any(|field| field == "vip").then_some(VisitorId(line.subject))
}

async fn react(tx: &mut Tx, lines: &[Line]) -> Result<()> {
    let Some(site) = lines.iter().find(|line| concerns(line)).map(|line| line.site_id) else { return Ok(()) };
    let mut begin: BTreeMap<ConversationId, Wishes> = BTreeMap::new();
    let mut given: BTreeMap<ConversationId, UserId> = BTreeMap::new();
    let mut gone: BTreeSet<UserId> = BTreeSet::new();
    let mut forsaken: BTreeSet<ConversationId> = BTreeSet::new();
    let mut important: BTreeSet<VisitorId> = BTreeSet::new();
    let mut dissolved: BTreeSet<DepartmentId> = BTreeSet::new();
    for line in lines {
        let id = ConversationId(line.subject);
        gone.extend(removed(line));
        important.extend(marked(line));
        let about_agent = AgentFact::read(line);
        if let Some(AgentFact::WentOffline { user }) = about_agent {
            gone.insert(user);
        }
        if let Some(AgentFact::ConnectionLost { user }) = about_agent {
            tell_in(tx, site, user, &ConversationFact::AgentReconnecting).await?;
        }
        if let Some(AgentFact::ConnectionBack { user }) = about_agent {
            tell_in(tx, site, user, &ConversationFact::AgentBack).await?;
        }
        if let Some(AgentFact::DepartmentDeleted { department }) = about_agent {
            dissolved.insert(department);
        }
        let Some(fact) = ConversationFact::read(line) else { continue };
        let Some((before, Some(after))) = fact.change() else { continue };
        let begins = matches!(fact, ConversationFact::Assigned { .. } | ConversationFact::HumanJoined { .. });
        if begins && after.attention == Attention::Person {
            given.extend(after.assignee.map(|agent| (id, agent)));
        }
        if after.attention != Attention::Waiting {
            continue;
        }
        if matches!(fact, ConversationFact::AgentGone { .. }) {
            forsaken.insert(id);
        }
        // Whatever it was: whoever waits for a person and has none is in the queue.
        let wishes = begin.entry(id).or_default();
        let had = before.and_then(|before| before.assignee);
        wishes.is_announced |= matches!(fact, ConversationFact::AgentGone { .. });
        if had.is_some() && matches!(fact, ConversationFact::Reopened { .. }) {
            wishes.preferred = had;
        } else if matches!(fact, ConversationFact::Assigned { .. }) && had != after.assignee {
            // Taken from an agent, who is not to get it back at once.
            wishes.without = had;
        }
    }
    let left = lock(tx, site, &gone, begin.keys().copied()).await?;
    attendance::watch_in(tx, site, given).await?;
    let left = leave_behind_in(tx, left).await?;
    for id in &left {
        begin.entry(*id).or_default().is_announced = true;
    }
    let mut fresh = HashSet::new();
    for (id, wishes) in begin {
        if enter_in(tx, id, wishes).await? {
            fresh.insert(id);
        }
    }
    let rules_changed =
        lines.iter().any(|line| matches!(RoutingFact::read(line), Some(RoutingFact::RulesChanged { .. })));
    ask_anew_in(tx, site, &dissolved, &important, rules_changed).await?;
    if lines.iter().any(|line| matches!(WidgetFact::read(line), Some(WidgetFact::EmergencySet { is_news: true, .. }))) {
        tx.enqueue(&TellEmergency { site, after: None }).await?;
    }
    // Nobody was sent away while an agent was asked, who has answered now.
    let was_declined = |line: &Line| matches!(RoutingFact::read(line), Some(RoutingFact::Declined { .. }));
    if lines.iter().any(|line| about_hours(line) || was_declined(line)) {
        end_waits_in(tx, site, Busy::Skip).await?;
    }
    if drain_in(tx, site, &fresh, Busy::Skip).await? {
        tx.enqueue(&DrainQueue { site }).await?;
    }
    for id in left.into_iter().chain(forsaken) {
        get_help_in(tx, id).await?;
    }
    // Whoever watches the queue on whatever node looks again, once for all of this.
    tx.hint(Topic::Subject(site.0));
    Ok(())
}

/// Tells the visitors of an agent how their connection is.
async fn tell_in(tx: &mut Tx, site: SiteId, agent: UserId, fact: &ConversationFact) -> Result<()> {
    for id in conversations::of_assignee(&tx.db(), site, agent).await? {
        tx.record(site, id.0, fact)?;
    }
    Ok(())
}

/// Locks a site's turn, and then all conversations that are about to be changed, in one order. Returns those of agents who
/// are gone; who is back by now is not.
async fn lock(
    tx: &Tx,
    site: SiteId,
    gone: &BTreeSet<UserId>,
    others: impl Iterator<Item = ConversationId>,
) -> Result<Vec<conversation::Model>> {
    store::lock_turn(&tx.db(), site).await?;
    let mut theirs: BTreeMap<ConversationId, UserId> = BTreeMap::new();
    if !gone.is_empty() {
        let users: Vec<UserId> = gone.iter().copied().collect();
        let there = agents::roster(tx.cx(), &tx.db(), site, Whom::These(&users)).await?;
        let back: HashSet<UserId> =
            there.iter().filter(|agent| agent.presence.online).map(agents::RosterAgent::user).collect();
        for user in users.into_iter().filter(|user| !back.contains(user)) {
            let ids = conversations::of_assignee(&tx.db(), site, user).await?;
            theirs.extend(ids.into_iter().map(|id| (id, user)));
        }
    }
    let ids = theirs.keys().copied().chain(others).collect();
    let mut locked = conversations::lock_all(&tx.db(), site, ids, Busy::Wait).await?;
    let still = |(id, user)| locked.remove(&id).filter(|found| has(found, user));
    Ok(theirs.into_iter().filter_map(still).collect())
}

fn has(found: &conversation::Model, user: UserId) -> bool {
    found.attention == Attention::Person && found.assignee_id == Some(user)
}

/// The conversations of agents who are gone are for somebody else.
async fn leave_behind_in(tx: &mut Tx, left: Vec<conversation::Model>) -> Result<Vec<ConversationId>> {
    let mut ids = Vec::with_capacity(left.len());
    for found in left {
        ids.push(found.id);
        change_in(tx, found, Event::Released(Release::AgentGone), None).await?;
    }
    Ok(ids)
}

/// What is asked for those who wait is another thing now: departments are gone, visitors are important, or the rules are
/// others.
async fn ask_anew_in(
    tx: &mut Tx,
    site: SiteId,
    dissolved: &BTreeSet<DepartmentId>,
    important: &BTreeSet<VisitorId>,
    rules_changed: bool,
) -> Result<()> {
    let mut rows = vec![];
    if !dissolved.is_empty() {
        let is_gone = |department: Option<DepartmentId>| department.is_some_and(|it| dissolved.contains(&it));
        for entry in store::waiting(&tx.db(), site).await?.into_iter().filter(|entry| is_gone(entry.demand.department))
        {
            rows.push(queue_entry::Model { line: None, demand: enter::without_department(entry.demand), ..entry });
        }
    }
    let mut anew = vec![];
    if rules_changed {
        anew = store::waiting(&tx.db(), site).await?;
    } else {
        for visitor in important {
            anew.extend(store::of_visitor(&tx.db(), *visitor).await?);
        }
    }
    if !anew.is_empty() {
        let reach = tx.cx().reach(Permission::ConversationsRead)?;
        let (settings, version) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
        for entry in anew {
            let Some(found) = conversations::lookup(&tx.db(), &reach, entry.conversation_id).await? else { continue };
            let who = enter::who(tx, &found).await?;
            let (demand, head_start) = enter::wanted(tx, &found, &who, &settings, version).await?;
            let line = demand.department.filter(|_| demand.strict);
            let demand = Demand { preferred: entry.demand.preferred, ..demand };
            rows.push(queue_entry::Model { head_start, line, demand, ..entry });
        }
    }
    for row in rows {
        store::save_demand(&tx.db(), &row).await?;
    }
    Ok(())
}

/// Nobody else has room for a conversation whose agent is gone: its assistant, where there is one, helps until somebody
/// has; and goes on alone where the visitor never asked for a person.
async fn get_help_in(tx: &mut Tx, id: ConversationId) -> Result<()> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let entry = store::entry(&tx.db(), id).await?;
    if entry.is_none_or(|entry| entry.offered_to.is_some()) {
        return Ok(());
    }
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if conversations::waits(&found) && enter::speaker(tx, &found).await?.is_some() {
        let event = match found.handoff_reason.is_some_and(conversations::is_wish) {
            true => Event::Helped(true),
            false => Event::Resumed(QueueOutcome::Assistant),
        };
        change_in(tx, found, event, None).await?;
    }
    Ok(())
}

/// Goes on giving out what one transaction did not.
#[derive(Debug, Serialize, Deserialize)]
pub struct DrainQueue {
    site: SiteId,
}

impl Job for DrainQueue {
    const KIND: &'static str = "drain_queue";
    const LANE: Lane = Lane::Interactive;

    fn key(&self) -> Option<String> {
        Some(format!("drain:{}", self.site))
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        loop {
            let mut tx = cx.begin().await?;
            let more = drain_in(&mut tx, self.site, &HashSet::new(), Busy::Wait).await?;
            tx.hint(Topic::Subject(self.site.0));
            tx.commit().await?;
            if !more {
                return Ok(());
            }
        }
    }
}

/// Ends waits of a site of which something is over, and gives out what can be given.
pub(super) async fn settle(cx: &Ctx, site: SiteId) -> Result<()> {
    let mut tx = cx.begin().await?;
    end_waits_in(&mut tx, site, Busy::Wait).await?;
    if drain_in(&mut tx, site, &HashSet::new(), Busy::Skip).await? {
        tx.enqueue(&DrainQueue { site }).await?;
    }
    tx.hint(Topic::Subject(site.0));
    tx.commit().await?;
    Ok(())
}

/// Ends the waits of those whose patience is over, who are gone, or for whom nobody is there any more. Those that are left
/// out because they are `busy` are due at the next round, too.
async fn end_waits_in(tx: &mut Tx, site: SiteId, busy: Busy) -> Result<()> {
    store::lock_turn(&tx.db(), site).await?;
    let now = tx.cx().clock.now();
    let place = sites::find_any(&tx.db(), site).await?;
    let (settings, _) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let patience = TimeDelta::seconds(settings.patience_seconds.into());
    let live_chat = sites::offered::features(&tx.db(), site).await?.live_chat;
    let entries = store::waiting(&tx.db(), site).await?;
    let hours = hours::of(&tx.db(), &place, hours::lines(&entries), now).await?;
    let open: BTreeSet<Option<DepartmentId>> =
        hours.iter().filter(|(_, hours)| hours.are_open(now)).map(|(line, _)| *line).collect();
    // Nobody is sent away while an agent is asked whether they take them.
    let waits_until =
        |entry: &queue_entry::Model| entry.deadline_at.max(entry.offer_expires_at.unwrap_or(entry.deadline_at));
    let is_over = |entry: &queue_entry::Model| {
        let gone = entry.seen_until.is_some_and(|until| until <= now);
        waits_until(entry) <= now || gone || !open.contains(&entry.line)
    };
    // People are not offered any more, to whom colleagues did not hand it.
    let is_off = |found: &conversation::Model| !live_chat && found.handoff_reason.is_some_and(conversations::is_wish);
    let due = entries.iter().filter(|entry| !live_chat || is_over(entry));
    let ids: Vec<ConversationId> = due.map(|entry| entry.conversation_id).collect();
    let locked = conversations::lock_all(&tx.db(), site, ids, busy).await?;
    // As they are now that nobody else can change them: some have just been seen, or are not waiting any more.
    let mut entries = store::entries(&tx.db(), locked.keys().copied().collect()).await?;
    let locked: BTreeMap<ConversationId, conversation::Model> = locked.into_iter().collect();
    for (id, found) in locked {
        let Some(entry) = entries.remove(&id).filter(|entry| is_over(entry) || is_off(&found)) else { continue };
        let Some(hours) = hours.get(&entry.line).filter(|_| open.contains(&entry.line)) else {
            enter::give_up_in(tx, found, QueueOutcome::SiteClosed).await?;
            continue;
        };
        if is_off(&found) {
            enter::give_up_in(tx, found, QueueOutcome::TimedOut).await?;
            continue;
        }
        if waits_until(&entry) > now {
            enter::give_up_in(tx, found, QueueOutcome::Abandoned).await?;
            continue;
        }
        // A break may have begun since, and the calendar may be another one.
        match hours.deadline(entry.deadline_at - patience, now, patience).filter(|later| *later > now) {
            Some(deadline_at) => store::save_deadline(&tx.db(), id, deadline_at).await?,
            None => enter::give_up_in(tx, found, QueueOutcome::TimedOut).await?,
        }
    }
    Ok(())
}
