//! Leases of open dashboards: moved on together, ended when nobody moves them on.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::{agent_lease, agent_state::Availability, ids::LeaseId};

use super::{super::facts::AgentFact, BEAT, GRACE, store};
use crate::kernel::{Ctx, Result};

/// The dashboards that are connected to this node.
#[derive(Default)]
struct Held(Mutex<HashSet<LeaseId>>);

impl Held {
    fn with<T>(&self, work: impl FnOnce(&mut HashSet<LeaseId>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An open dashboard. Dropping it leaves the agent a minute to come back.
pub(crate) struct Open {
    cx: Ctx,
    held: Arc<Held>,
    /// Its lease.
    pub(crate) lease: agent_lease::Model,
}

impl Open {
    pub(super) fn new(cx: &Ctx, lease: agent_lease::Model) -> Self {
        let held = cx.shared.get::<Held>();
        held.with(|leases| leases.insert(lease.id));
        Self { cx: cx.as_system(), held, lease }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let id = self.lease.id;
        self.held.with(|leases| leases.remove(&id));
        let cx = self.cx.clone();
        // The minute begins now and not when the lease was last moved on.
        self.cx.tasks.spawn(async move {
            if let Err(error) = store::extend(&cx.db(), &[id], cx.clock.now() + GRACE).await {
                tracing::warn!(error = ?error, "the lease of a closed dashboard was not moved on; it runs out earlier");
            }
        });
    }
}

/// Moves the leases of this node on and ends those that have run out, of whatever node, until shutdown.
pub async fn keep_leases(cx: Ctx) {
    let stopping = cx.tasks.stopping();
    loop {
        if let Err(error) = beat(&cx).await {
            tracing::warn!(error = ?error, "leases of dashboards could not be kept; the next round tries again");
        }
        let next = next(&cx).await;
        tokio::select! {
            () = stopping.cancelled() => return,
            () = cx.clock.sleep_until(next) => {}
        }
    }
}

/// When there is something to do again: at the next beat, or earlier when a lease or what an agent said runs out.
async fn next(cx: &Ctx) -> chrono::DateTime<chrono::Utc> {
    let beat = cx.clock.now() + BEAT;
    let soonest = store::next_end(&cx.db()).await.ok().flatten();
    soonest.map_or(beat, |at| at.clamp(cx.clock.now(), beat))
}

async fn beat(cx: &Ctx) -> Result<()> {
    let mine: Vec<LeaseId> = cx.shared.get::<Held>().with(|leases| leases.iter().copied().collect());
    let now = cx.clock.now();
    if !mine.is_empty() {
        store::extend(&cx.db(), &mine, now + GRACE).await?;
    }
    for (site, user) in store::run_out(&cx.db(), now).await? {
        let mut tx = cx.begin().await?;
        store::lock(&tx.db(), site, user).await?;
        let ended = store::delete_run_out(&tx.db(), site, user, now).await?;
        if ended > 0 && store::count_leases(&tx.db(), site, user).await? == 0 {
            tx.record(site, user.0, &AgentFact::WentOffline { user })?;
        }
        tx.commit().await?;
    }
    for (site, user) in store::over(&cx.db(), now).await? {
        let mut tx = cx.begin().await?;
        store::lock(&tx.db(), site, user).await?;
        if store::forget_over(&tx.db(), site, user, now).await? {
            let state = Availability::Available;
            tx.record(site, user.0, &AgentFact::AvailabilityChanged { user, state, until: None })?;
        }
        tx.commit().await?;
    }
    Ok(())
}
