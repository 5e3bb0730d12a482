//! Leases of open dashboards: moved on together, ended when nobody moves them on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::{
    agent_lease,
    agent_state::Availability,
    ids::{LeaseId, SessionId, SiteId, UserId},
};
use chrono::{DateTime, Utc};

use super::{super::facts::AgentFact, AGAIN, BEAT, GRACE, store};
use crate::{
    features::accounts,
    kernel::{Ctx, Result},
};

/// The dashboards that are connected to this node.
#[derive(Default)]
struct Held(Mutex<HashMap<LeaseId, agent_lease::Model>>);

impl Held {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<LeaseId, agent_lease::Model>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An open dashboard. Dropping it leaves the agent a minute to come back.
pub(crate) struct Open {
    cx: Ctx,
    held: Arc<Held>,
    /// The sign-in by which it was opened.
    session: SessionId,
    /// Its lease.
    pub(crate) lease: agent_lease::Model,
}

impl Open {
    pub(super) fn new(cx: &Ctx, session: SessionId, lease: agent_lease::Model) -> Self {
        let held = cx.shared.get::<Held>();
        held.with(|leases| leases.insert(lease.id, lease.clone()));
        Self { cx: cx.as_system(), held, session, lease }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let id = self.lease.id;
        self.held.with(|leases| leases.remove(&id));
        let (cx, session) = (self.cx.clone(), self.session);
        let (site, user) = (self.lease.site_id, self.lease.user_id);
        self.cx.tasks.spawn(async move {
            if let Err(error) = closed(&cx, (site, user), session, id).await {
                tracing::warn!(error = ?error, "the lease of a closed dashboard was not moved on; it runs out by itself");
            }
        });
    }
}

/// A connection is gone. Whoever signed out is gone with it; everybody else has a minute to come back, which begins now
/// and not when the lease was last moved on.
async fn closed(cx: &Ctx, (site, user): (SiteId, UserId), session: SessionId, id: LeaseId) -> Result<()> {
    let now = cx.clock.now();
    let signed_in = match accounts::session_person(cx, user, session).await {
        Ok(_) => true,
        Err(error) if error.is_transient() => true,
        Err(_) => false,
    };
    if !signed_in {
        store::lose(&cx.db(), id, now, now).await?;
        return end_run_out(cx, site, user, now).await;
    }
    let mut tx = cx.begin().await?;
    store::lock(&tx.db(), site, user).await?;
    store::lose(&tx.db(), id, now, now + GRACE).await?;
    let leases = store::leases(&tx.db(), site, user).await?;
    if !leases.is_empty() && leases.iter().all(|lease| lease.lost_at.is_some()) {
        tx.record(site, user.0, &AgentFact::ConnectionLost { user })?;
    }
    tx.commit().await?;
    Ok(())
}

/// Ends the leases of an agent that have run out. The last one takes them offline.
async fn end_run_out(cx: &Ctx, site: SiteId, user: UserId, now: DateTime<Utc>) -> Result<()> {
    let mut tx = cx.begin().await?;
    store::lock(&tx.db(), site, user).await?;
    let ended = store::delete_run_out(&tx.db(), site, user, now).await?;
    if ended > 0 && store::leases(&tx.db(), site, user).await?.is_empty() {
        tx.record(site, user.0, &AgentFact::WentOffline { user })?;
    }
    tx.commit().await?;
    Ok(())
}

/// Moves the leases of this node on and ends those that have run out, of whatever node, until shutdown.
pub async fn keep_leases(cx: Ctx) {
    let stopping = cx.tasks.stopping();
    let mut beat_at = cx.clock.now();
    loop {
        let now = cx.clock.now();
        if beat_at <= now {
            match beat(&cx, now).await {
                Ok(()) => beat_at = now + BEAT,
                Err(error) => tracing::warn!(error = ?error, "leases were not moved on; the next round tries again"),
            }
        }
        if let Err(error) = end(&cx, now).await {
            tracing::warn!(error = ?error, "leases that ran out were not ended; the next round tries again");
        }
        let next = next(&cx, now).await.min(beat_at.max(now + AGAIN));
        tokio::select! {
            () = stopping.cancelled() => return,
            () = cx.clock.sleep_until(next) => {}
        }
    }
}

/// When there is something to do after a round: at the next beat, or earlier when a lease or what an agent said runs out.
async fn next(cx: &Ctx, round: DateTime<Utc>) -> DateTime<Utc> {
    let beat = round + BEAT;
    // What was due in this round and could not be done waits for the next one.
    let soonest = store::next_end(&cx.db(), round).await.ok().flatten();
    soonest.map_or(beat, |at| at.min(beat))
}

/// Moves the leases of this node on.
async fn beat(cx: &Ctx, now: DateTime<Utc>) -> Result<()> {
    let held = cx.shared.get::<Held>();
    let mine: Vec<LeaseId> = held.with(|leases| leases.keys().copied().collect());
    if !mine.is_empty() && store::extend(&cx.db(), &mine, now + GRACE).await? < mine.len() as u64 {
        let kept = store::existing(&cx.db(), &mine).await?;
        let lost = held.with(|leases| leases.values().filter(|lease| !kept.contains(&lease.id)).cloned().collect());
        renew(cx, &held, lost, now).await?;
    }
    Ok(())
}

/// Ends leases that have run out, and what agents said for a time that is over. What fails with one agent keeps no other.
async fn end(cx: &Ctx, now: DateTime<Utc>) -> Result<()> {
    let mut outcome = Ok(());
    for (site, user) in store::run_out(&cx.db(), now).await? {
        outcome = end_run_out(cx, site, user, now).await.and(outcome);
    }
    for (site, user) in store::over(&cx.db(), now).await? {
        outcome = forget_said(cx, site, user, now).await.and(outcome);
    }
    outcome
}

async fn forget_said(cx: &Ctx, site: SiteId, user: UserId, now: DateTime<Utc>) -> Result<()> {
    let mut tx = cx.begin().await?;
    store::lock(&tx.db(), site, user).await?;
    if store::forget_over(&tx.db(), site, user, now).await? {
        let state = Availability::Available;
        tx.record(site, user.0, &AgentFact::AvailabilityChanged { user, state, until: None })?;
    }
    tx.commit().await?;
    Ok(())
}

/// Dashboards that are still connected, whose leases another node has ended because this one stood still or did not reach
/// the database for longer than a lease lasts: their agents are there again.
async fn renew(cx: &Ctx, held: &Held, lost: Vec<agent_lease::Model>, now: DateTime<Utc>) -> Result<()> {
    for lease in lost {
        let mut tx = cx.begin().await?;
        // Who is no member any more is about to be told so. Who closed the dashboard meanwhile, or signed out, is gone.
        let there = store::lock(&tx.db(), lease.site_id, lease.user_id).await?;
        if there && held.with(|leases| leases.contains_key(&lease.id)) {
            super::insert_in(&mut tx, agent_lease::Model { expires_at: now + GRACE, lost_at: None, ..lease }).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}
