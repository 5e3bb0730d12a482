//! Telling everybody who talks to a site that it is in an emergency.

use ::entity::{
    conversation::{self, Attention, QueueOutcome},
    ids::{ConversationId, SiteId},
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::texts::closed;
use crate::{
    features::{
        conversations::{self, tell_all_in},
        sites, widgets,
    },
    kernel::{
        Ctx, Result,
        jobs::{Failure, Job, Lane, Lease},
    },
};

/// Conversations that one transaction tells of it.
const BATCH: u64 = 200;
/// In conversations with the assistant, only who has written since is still there.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// Posts the emergency's message to the open conversations of a site; those who wait are told as their wait ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct TellEmergency {
    pub(super) site: SiteId,
    /// Those up to here know.
    pub(super) after: Option<ConversationId>,
}

impl Job for TellEmergency {
    const KIND: &'static str = "tell_emergency";
    const LANE: Lane = Lane::Interactive;

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        Ok(tell(&cx, &lease, self).await?)
    }
}

/// One batch, and the job for the next one: all in one transaction, so that nobody is told twice.
async fn tell(cx: &Ctx, lease: &Lease, TellEmergency { site, after }: TellEmergency) -> Result<()> {
    let now = cx.clock.now();
    let mut tx = cx.begin().await?;
    let Some(emergency) = widgets::current_emergency(&tx.db(), site, now).await? else { return Ok(()) };
    let ids = conversations::talking(&tx.db(), site, now - RECENT, after, BATCH).await?;
    if let Some(last) = ids.last()
        && ids.len() as u64 == BATCH
    {
        tx.enqueue(&TellEmergency { site, after: Some(*last) }).await?;
    }
    let locked = conversations::lock_all(&tx.db(), site, ids, conversations::Busy::Wait).await?;
    let features = sites::offered::features(&tx.db(), site).await?;
    // Who wrote in this emergency has been told by now.
    let was_told = |row: &conversation::Model| {
        row.queue_outcome == Some(QueueOutcome::SiteClosed)
            && row.queue_left_at.is_some_and(|at| at >= emergency.changed_at)
    };
    let talks = |row: &conversation::Model| match row.attention {
        Attention::Assistant => !was_told(row),
        Attention::Person => true,
        Attention::Waiting | Attention::Closed => false,
    };
    let mut rows: Vec<conversation::Model> = locked.into_values().filter(talks).collect();
    let with_assistant = rows.iter().filter(|row| row.attention == Attention::Assistant);
    let silenced: Vec<ConversationId> = with_assistant.map(|row| row.id).collect();
    let mut words = Vec::with_capacity(rows.len());
    for row in &rows {
        words.push(match &emergency.message {
            Some(message) => message.clone(),
            None => closed(&conversations::language(&tx, row).await?, &features),
        });
    }
    tell_all_in(&mut tx, &mut rows, words).await?;
    if !emergency.allow_ai {
        // They know: what they write now is not answered by the same words.
        conversations::note_closed_in(&tx, &silenced).await?;
    }
    if lease.end(&tx).await? {
        tx.commit().await?;
    }
    Ok(())
}
