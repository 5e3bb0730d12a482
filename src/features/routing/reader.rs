//! What happens in conversations and to agents leads to conversations being given out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ::entity::{
    conversation::{HandoffReason, QueueOutcome, Status},
    ids::{ConversationId, SiteId, UserId},
    queue_entry,
};
use chrono::TimeDelta;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::{
    drain::drain_in,
    enter::{self, Wishes, enter_in},
    facts::RoutingFact,
    hours, store,
};
use crate::{
    features::{
        agents::{self, AgentFact, Whom},
        assistants,
        calendars::CalendarFact,
        conversations::{self, ConversationFact, handoff, waiting},
        sites::{self, SiteFact},
        widgets::WidgetFact,
    },
    kernel::{
        Ctx, Permission, Result, Tx,
        jobs::{Failure, Job},
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
}

/// True where the site, or a department, may be open or closed now and was not before.
fn about_hours(line: &Line) -> bool {
    CalendarFact::read(line).is_some() || WidgetFact::read(line).is_some()
}

/// Who is no member of the site any more.
fn removed(line: &Line) -> Option<UserId> {
    if let Some(SiteFact::MemberRemoved { user }) = SiteFact::read(line) { Some(user) } else { None }
}

async fn react(tx: &mut Tx, lines: &[Line]) -> Result<()> {
    let Some(site) = lines.iter().find(|line| concerns(line)).map(|line| line.site_id) else { return Ok(()) };
    let mut begin: BTreeMap<ConversationId, Wishes> = BTreeMap::new();
    let mut gone: BTreeSet<UserId> = BTreeSet::new();
    for line in lines {
        let id = ConversationId(line.subject);
        gone.extend(removed(line));
        match (ConversationFact::read(line), AgentFact::read(line)) {
            (Some(ConversationFact::HumanRequested { .. }), _) => {
                begin.entry(id).or_default();
            }
            (Some(ConversationFact::Reopened { before, after }), _)
                if before.assignee.is_some() && after.assignee.is_none() =>
            {
                ask_again_in(tx, id).await?;
                begin.entry(id).or_default().preferred = before.assignee;
            }
            (_, Some(AgentFact::WentOffline { user })) => {
                gone.insert(user);
            }
            _ => {}
        }
    }
    let mut left = vec![];
    for user in gone {
        left.extend(leave_behind_in(tx, site, user).await?);
    }
    for id in &left {
        begin.entry(*id).or_default();
    }
    let mut fresh = HashSet::new();
    for (id, wishes) in begin {
        if enter_in(tx, id, wishes).await? {
            fresh.insert(id);
        }
    }
    if lines.iter().any(about_hours) {
        end_waits_in(tx, site).await?;
    }
    if drain_in(tx, site, &fresh).await? {
        tx.enqueue(&DrainQueue { site }).await?;
    }
    for id in left {
        take_back_in(tx, id).await?;
    }
    // Whoever watches the queue on whatever node looks again, once for all of this.
    tx.hint(Topic::Subject(site.0));
    Ok(())
}

/// A person had the conversation that its visitor has opened again: a person is to have it.
async fn ask_again_in(tx: &mut Tx, id: ConversationId) -> Result<()> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(seen) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(()) };
    store::lock_turn(&tx.db(), seen.site_id).await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if found.status == Status::Open && found.assignee_id.is_none() && !handoff::waits(&found) {
        handoff::request_in(tx, found, HandoffReason::Visitor).await?;
    }
    Ok(())
}

/// The conversations of an agent who is gone are for somebody else. Nothing happens when they are back by now.
async fn leave_behind_in(tx: &mut Tx, site: SiteId, user: UserId) -> Result<Vec<ConversationId>> {
    let cx = tx.cx().clone();
    store::lock_turn(&tx.db(), site).await?;
    let back = agents::roster(&cx, &tx.db(), site, Whom::These(&[user])).await?;
    if back.iter().any(|agent| agent.presence.online) {
        return Ok(vec![]);
    }
    let theirs = conversations::of_assignee(&tx.db(), site, user).await?;
    let locked = conversations::lock_all(&tx.db(), site, theirs.clone()).await?;
    for id in &theirs {
        let Some(found) = locked.get(id).filter(|found| found.assignee_id == Some(user)) else { continue };
        let free = waiting::agent_gone_in(tx, found.clone()).await?;
        handoff::request_in(tx, free, HandoffReason::AgentGone).await?;
    }
    Ok(theirs)
}

/// Nobody else has room for a conversation whose agent is gone: its assistant goes on, where there is one.
async fn take_back_in(tx: &mut Tx, id: ConversationId) -> Result<()> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let entry = store::entry(&tx.db(), id).await?;
    if entry.is_none_or(|entry| entry.offered_to.is_some()) {
        return Ok(());
    }
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    let assistant = match found.assistant_id {
        Some(assistant) => assistants::find_any(&tx.db(), assistant).await?,
        None => None,
    };
    if assistant.is_some_and(|assistant| assistant.enabled && assistant.deleted_at.is_none()) {
        waiting::give_up_in(tx, found, QueueOutcome::Assistant).await?;
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

    fn key(&self) -> Option<String> {
        Some(format!("drain:{}", self.site))
    }

    async fn run(self, cx: Ctx) -> Result<(), Failure> {
        loop {
            let mut tx = cx.begin().await?;
            let more = drain_in(&mut tx, self.site, &HashSet::new()).await?;
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
    end_waits_in(&mut tx, site).await?;
    if drain_in(&mut tx, site, &HashSet::new()).await? {
        tx.enqueue(&DrainQueue { site }).await?;
    }
    tx.hint(Topic::Subject(site.0));
    tx.commit().await?;
    Ok(())
}

/// Ends the waits of those whose patience is over, who are gone, or for whom nobody is there any more.
async fn end_waits_in(tx: &mut Tx, site: SiteId) -> Result<()> {
    store::lock_turn(&tx.db(), site).await?;
    let now = tx.cx().clock.now();
    let place = sites::find_any(&tx.db(), site).await?;
    let (settings, _) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let patience = TimeDelta::seconds(settings.patience_seconds.into());
    let entries = store::waiting(&tx.db(), site).await?;
    let hours = hours::of(&tx.db(), &place, hours::lines(&entries), now).await?;
    let open = |entry: &queue_entry::Model| hours.get(&entry.line).filter(|hours| hours.are_open(now));
    let gone = |entry: &queue_entry::Model| entry.seen_until.is_some_and(|until| until <= now);
    let over: Vec<queue_entry::Model> =
        entries.into_iter().filter(|entry| entry.deadline_at <= now || gone(entry) || open(entry).is_none()).collect();
    let ids = over.iter().map(|entry| entry.conversation_id).collect();
    let mut locked = conversations::lock_all(&tx.db(), site, ids).await?;
    for entry in over {
        let Some(found) = locked.remove(&entry.conversation_id) else { continue };
        let Some(hours) = open(&entry) else {
            enter::give_up_in(tx, found, QueueOutcome::SiteClosed).await?;
            continue;
        };
        if entry.deadline_at > now {
            enter::give_up_in(tx, found, QueueOutcome::Abandoned).await?;
            continue;
        }
        // A break may have begun since, and the calendar may be another one.
        match hours.deadline(entry.deadline_at - patience, now, patience).filter(|later| *later > now) {
            Some(deadline_at) => store::save(&tx.db(), queue_entry::Model { deadline_at, ..entry }).await?,
            None => enter::give_up_in(tx, found, QueueOutcome::TimedOut).await?,
        }
    }
    Ok(())
}
