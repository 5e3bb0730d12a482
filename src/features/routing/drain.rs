//! Giving those who wait to agents who have room, in order.
//!
//! One transaction at a time does so for a site: it holds the lock of the site's turn. Whoever else changes who waits, or
//! who has what, holds the conversation's lock, which is taken before anything is written.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    conversation,
    ids::{ConversationId, MembershipId, SiteId, UserId},
    queue_entry::{self, Demand},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    agents as loaded,
    choice::{self, Agent},
    decision::{self, Explanation},
    facts::RoutingFact,
    hours,
    priority::Waiting,
    rules::Assignment,
    store,
};
use crate::{
    features::{
        agents::Whom,
        conversations::{self, Busy, Event, change_all_in},
        sites,
    },
    kernel::{Error, Result, Tx},
};

/// Conversations that one transaction gives out.
const MOST: usize = 200;

/// Who gets what, before anything is written.
struct Pick {
    entry: queue_entry::Model,
    agent: UserId,
    key: MembershipId,
    explanation: Explanation,
}

/// An offer that is over.
struct Over {
    /// Whose it was.
    user: UserId,
    /// They let it pass; else they are not there any more.
    passed: bool,
    /// The wait without it.
    entry: queue_entry::Model,
}

/// Gives out what can be given on a site. `fresh` are conversations that have just begun to wait: what was decided about
/// them is kept even when nobody can have them. `busy` says what is done about conversations that somebody is changing
/// right now. True when there may be more to give.
pub(super) async fn drain_in(tx: &mut Tx, site: SiteId, fresh: &HashSet<ConversationId>, busy: Busy) -> Result<bool> {
    let mut last = store::lock_turn(&tx.db(), site).await?;
    let cx = tx.cx().clone();
    let (now, place) = (cx.clock.now(), sites::find_any(&tx.db(), site).await?);
    let mut entries = store::waiting(&tx.db(), site).await?;
    if entries.is_empty() {
        return Ok(false);
    }
    let (settings, _) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let mut agents = loaded::load(&cx, &tx.db(), site, Whom::Everybody, &entries).await?;
    let mut over: HashMap<ConversationId, Over> = HashMap::new();
    for entry in &mut entries {
        let Some(user) = entry.offered_to else { continue };
        let there = agents.iter().any(|agent| agent.user == user && agent.online && agent.willing);
        let passed = entry.offer_expires_at.is_none_or(|at| at <= now);
        if there && !passed {
            continue;
        }
        let free = entry.clone();
        // Who went away has not declined it.
        *entry = if passed { store::declined(free, user) } else { store::withdrawn(free) };
        over.insert(entry.conversation_id, Over { user, passed, entry: entry.clone() });
        agents.iter_mut().filter(|agent| agent.user == user).for_each(|agent| agent.offered -= 1);
    }
    let open = hours::open(&tx.db(), &place, &entries, now).await?;
    // Those who have waited long enough are about to be told so.
    let can_have = |entry: &queue_entry::Model| entry.deadline_at > now && open.contains(&entry.line);
    let mut free: Vec<queue_entry::Model> =
        entries.into_iter().filter(|entry| entry.offered_to.is_none() && can_have(entry)).collect();
    let order = |entry: &queue_entry::Model| Waiting::from(entry);
    free.sort_by(|a, b| order(a).before(&order(b), now));
    let mut picks: Vec<Pick> = vec![];
    let mut nobody: HashSet<String> = HashSet::new();
    let mut without = vec![];
    for mut entry in free {
        if picks.len() == MOST {
            break;
        }
        let id = entry.conversation_id;
        let is_fresh = fresh.contains(&id);
        // What one could not get, none with the same wish gets: agents only get fuller.
        let wish = entry.declined.0.is_empty().then(|| wish(&entry.demand)).transpose()?;
        let known = wish.as_ref().is_some_and(|wish| nobody.contains(wish));
        if !is_fresh && (known || !agents.iter().any(Agent::is_eligible)) {
            continue;
        }
        let turn = last.map(|last| last.0);
        let mut choice = choice::choose(&entry.demand, &entry.declined.0, &agents, &place.locale, turn);
        if choice.chosen().is_none() && over.get(&id).is_some_and(|over| over.passed) {
            // Everybody was asked: whoever is there is asked again, as long as the visitor waits.
            entry.declined.0.clear();
            choice = choice::choose(&entry.demand, &[], &agents, &place.locale, turn);
        }
        let explanation = decision::explain(&entry.demand, &choice, turn);
        let Some((agent, key)) = choice.chosen().map(|agent| (agent.user, MembershipId(agent.key))) else {
            nobody.extend(wish);
            without.extend(is_fresh.then_some((id, explanation)));
            continue;
        };
        let offers = settings.assignment == Assignment::Offer;
        let full = agents.iter_mut().find(|other| other.user == agent);
        full.into_iter().for_each(|agent| *(if offers { &mut agent.offered } else { &mut agent.active }) += 1);
        last = Some(key);
        picks.push(Pick { entry, agent, key, explanation });
    }
    for (conversation, explanation) in without {
        let row = decision::row((site, conversation), &explanation, None, false, now)?;
        store::insert_decision(&tx.db(), row).await?;
    }
    let full = picks.len() == MOST;
    let ids: BTreeSet<ConversationId> =
        over.keys().copied().chain(picks.iter().map(|pick| pick.entry.conversation_id)).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    // All at once and in one order, before anything about them is written.
    let locked = conversations::lock_all(&tx.db(), site, ids.iter().copied().collect(), busy).await?;
    // Now that nobody else can change them: which of them still wait?
    let waiting = store::entries(&tx.db(), locked.keys().copied().collect()).await?;
    let left_out = ids.len() > locked.len();
    for id in &ids {
        let Some(Over { user, entry, .. }) = over.get(id) else { continue };
        if waiting.get(id).is_some_and(|entry| entry.offered_to == Some(*user)) {
            store::save_offer(&tx.db(), entry).await?;
            tx.record(site, user.0, &RoutingFact::Expired { conversation: *id, user: *user })?;
        }
    }
    let offered_until =
        (settings.assignment == Assignment::Offer).then(|| now + TimeDelta::seconds(settings.offer_seconds.into()));
    write(tx, site, picks, (locked, waiting), offered_until).await?;
    Ok(full || left_out)
}

/// What two who wait must have in common to get the same answer.
fn wish(demand: &Demand) -> Result<String> {
    let about = (demand.strategy, demand.department, demand.strict, &demand.skills, &demand.language);
    serde_json::to_string(&about).map_err(Error::internal)
}

async fn write(
    tx: &mut Tx,
    site: SiteId,
    picks: Vec<Pick>,
    (mut locked, waiting): (HashMap<ConversationId, conversation::Model>, HashMap<ConversationId, queue_entry::Model>),
    offered_until: Option<DateTime<Utc>>,
) -> Result<()> {
    let now = tx.cx().clock.now();
    let mut last = None;
    let mut given = vec![];
    for Pick { entry, agent, key, explanation } in picks {
        let id = entry.conversation_id;
        let Some(conversation) = locked.remove(&id) else { continue };
        if !conversations::waits(&conversation) || !waiting.contains_key(&id) {
            continue;
        }
        match offered_until {
            Some(expires_at) => {
                let offer_expires_at = Some(expires_at);
                let entry = queue_entry::Model { offered_to: Some(agent), offer_expires_at, ..entry };
                store::save_offer(&tx.db(), &entry).await?;
                tx.record(site, agent.0, &RoutingFact::Offered { conversation: id, user: agent, expires_at })?;
            }
            None => given.push((conversation, Event::Given(agent))),
        }
        let row = decision::row((site, id), &explanation, Some(agent), offered_until.is_some(), now)?;
        store::insert_decision(&tx.db(), row).await?;
        last = Some(key);
    }
    change_all_in(tx, given, None).await?;
    if last.is_some() {
        store::put_turn(&tx.db(), site, last).await?;
    }
    Ok(())
}
