//! What time does to the queue: patience that is over, offers that pass, visitors who are gone. Any node does it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::entity::ids::ConversationId;
use chrono::{DateTime, Utc};

use super::{reader::settle, store};
use crate::kernel::{Ctx, Result};

/// A visitor who waits and whose connection is gone for so long has left.
const GRACE: Duration = Duration::from_secs(60);
/// How often it is said that they are there.
const BEAT: Duration = Duration::from_secs(20);
/// How often somebody looks, at least.
const LOOK: Duration = Duration::from_secs(5);

/// Visitors who watch their places on this node, each as often as they do so.
#[derive(Default)]
struct Watched(Mutex<HashMap<ConversationId, usize>>);

impl Watched {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<ConversationId, usize>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A visitor watches their place. Dropping it leaves them a minute to come back.
pub(super) struct Watching {
    cx: Ctx,
    watched: Arc<Watched>,
    id: ConversationId,
}

impl Watching {
    pub(super) async fn new(cx: &Ctx, id: ConversationId) -> Result<Self> {
        let watched = cx.shared.get::<Watched>();
        watched.with(|ids| *ids.entry(id).or_default() += 1);
        let watching = Self { cx: cx.as_system(), watched, id };
        watching.say().await?;
        Ok(watching)
    }

    /// Says that they are there, also when they begin to wait only now.
    pub(super) async fn say(&self) -> Result<()> {
        store::see(&self.cx.db(), &[self.id], self.cx.clock.now() + GRACE).await
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let id = self.id;
        self.watched.with(|ids| {
            if let Some(times) = ids.get_mut(&id) {
                *times -= 1;
                if *times == 0 {
                    ids.remove(&id);
                }
            }
        });
        let cx = self.cx.clone();
        // The minute begins now and not at the last beat.
        self.cx.tasks.spawn(async move {
            if let Err(error) = store::see(&cx.db(), &[id], cx.clock.now() + GRACE).await {
                tracing::warn!(error = ?error, "a visitor who went away may lose their place earlier");
            }
        });
    }
}

/// Keeps the queues of all sites, until shutdown.
pub async fn keep_queues(cx: Ctx) {
    let stopping = cx.tasks.stopping();
    let mut beat_at = cx.clock.now();
    loop {
        let now = cx.clock.now();
        if let Err(error) = look(&cx, now, &mut beat_at).await {
            tracing::warn!(error = ?error, "queues could not be kept; the next round tries again");
        }
        let next = next(&cx, now).await;
        tokio::select! {
            () = stopping.cancelled() => return,
            () = cx.clock.sleep_until(next) => {}
        }
    }
}

/// When there is something to do after a round.
async fn next(cx: &Ctx, round: DateTime<Utc>) -> DateTime<Utc> {
    let latest = round + LOOK;
    // What was due in this round and could not be done waits for the next one.
    let soonest = store::next_due(&cx.db(), round).await.ok().flatten();
    soonest.map_or(latest, |at| at.min(latest))
}

async fn look(cx: &Ctx, now: DateTime<Utc>, beat_at: &mut DateTime<Utc>) -> Result<()> {
    if *beat_at <= now {
        let there: Vec<ConversationId> = cx.shared.get::<Watched>().with(|ids| ids.keys().copied().collect());
        store::see(&cx.db(), &there, now + GRACE).await?;
        *beat_at = now + BEAT;
    }
    for site in store::due(&cx.db(), now).await? {
        // What fails on one site keeps nobody waiting on another.
        if let Err(error) = settle(cx, site).await {
            tracing::warn!(error = ?error, site.id = %site, "a queue could not be kept; the next round tries again");
        }
    }
    Ok(())
}
