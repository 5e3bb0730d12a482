//! Giving those who wait to agents who have room, in order.
//!
//! One transaction at a time does so for a site: it holds the lock of the site's turn. Whoever else changes who waits, or
//! who has what, holds the conversation's lock, which is taken before anything is written.

use std::collections::HashSet;

use ::entity::{
    conversation::Status,
    ids::{ConversationId, MembershipId, SiteId, UserId},
    queue_entry::{self, Demand},
};
use chrono::TimeDelta;

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
        conversations::{self, handoff, waiting},
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

/// Gives out what can be given on a site. `fresh` are conversations that have just begun to wait: what was decided about
/// them is kept even when nobody can have them. True when there may be more to give.
pub(super) async fn drain_in(tx: &mut Tx, site: SiteId, fresh: &HashSet<ConversationId>) -> Result<bool> {
    let mut last = store::lock_turn(&tx.db(), site).await?;
    let cx = tx.cx().clone();
    let (now, place) = (cx.clock.now(), sites::find_any(&tx.db(), site).await?);
    let mut entries = store::waiting(&tx.db(), site).await?;
    if entries.is_empty() {
        return Ok(false);
    }
    let (settings, _) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let mut agents = loaded::load(&cx, &tx.db(), site, Whom::Online, &entries).await?;
    for entry in &mut entries {
        let Some(user) = entry.offered_to else { continue };
        let there = agents.iter().any(|agent| agent.user == user && agent.online && agent.willing);
        if !there || entry.offer_expires_at.is_none_or(|at| at <= now) {
            *entry = store::declined(entry.clone(), user);
            store::save(&tx.db(), entry.clone()).await?;
            tx.record(site, user.0, &RoutingFact::Expired { conversation: entry.conversation_id, user })?;
            agents.iter_mut().filter(|agent| agent.user == user).for_each(|agent| agent.offered -= 1);
        }
    }
    let hours = hours::of(&tx.db(), &place, hours::lines(&entries), now).await?;
    let open = |entry: &queue_entry::Model| hours.get(&entry.line).is_some_and(|hours| hours.are_open(now));
    let mut free: Vec<queue_entry::Model> =
        entries.into_iter().filter(|entry| entry.offered_to.is_none() && open(entry)).collect();
    let order = |entry: &queue_entry::Model| Waiting::from(entry);
    free.sort_by(|a, b| order(a).before(&order(b), now));
    let mut picks = vec![];
    let mut nobody: HashSet<String> = HashSet::new();
    let mut without = vec![];
    for entry in free {
        if picks.len() == MOST {
            break;
        }
        let is_fresh = fresh.contains(&entry.conversation_id);
        // What one could not get, none with the same wish gets: agents only get fuller.
        let wish = entry.declined.0.is_empty().then(|| wish(&entry.demand)).transpose()?;
        let known = wish.as_ref().is_some_and(|wish| nobody.contains(wish));
        if !is_fresh && (known || !agents.iter().any(Agent::is_eligible)) {
            continue;
        }
        let turn = last.map(|last| last.0);
        let choice = choice::choose(&entry.demand, &entry.declined.0, &agents, &place.locale, turn);
        let explanation = decision::explain(&entry.demand, &choice, turn);
        let Some((agent, key)) = choice.chosen().map(|agent| (agent.user, MembershipId(agent.key))) else {
            nobody.extend(wish);
            without.extend(is_fresh.then_some((entry.conversation_id, explanation)));
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
    if picks.is_empty() {
        return Ok(false);
    }
    let more = picks.len() == MOST;
    let offered_until =
        (settings.assignment == Assignment::Offer).then(|| now + TimeDelta::seconds(settings.offer_seconds.into()));
    write(tx, site, picks, offered_until).await?;
    Ok(more)
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
    offered_until: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<()> {
    let now = tx.cx().clock.now();
    let ids = picks.iter().map(|pick| pick.entry.conversation_id).collect();
    let mut conversations = conversations::lock_all(&tx.db(), site, ids).await?;
    let mut last = None;
    for Pick { entry, agent, key, explanation } in picks {
        let id = entry.conversation_id;
        // Now that nobody else can change it: does it still wait?
        let Some(conversation) = conversations.remove(&id) else { continue };
        let waits = conversation.status == Status::Open && handoff::waits(&conversation);
        if !waits || store::entry(&tx.db(), id).await?.is_none() {
            continue;
        }
        match offered_until {
            Some(expires_at) => {
                let offer_expires_at = Some(expires_at);
                let entry = queue_entry::Model { offered_to: Some(agent), offer_expires_at, ..entry };
                store::save(&tx.db(), entry).await?;
                tx.record(site, agent.0, &RoutingFact::Offered { conversation: id, user: agent, expires_at })?;
            }
            None => {
                waiting::assign_in(tx, conversation, agent, None).await?;
            }
        }
        let row = decision::row((site, id), &explanation, Some(agent), offered_until.is_some(), now)?;
        store::insert_decision(&tx.db(), row).await?;
        last = Some(key);
    }
    if last.is_some() {
        store::put_turn(&tx.db(), site, last).await?;
    }
    Ok(())
}
