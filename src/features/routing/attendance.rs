//! Agents who have a conversation without an open dashboard: through the API alone, nobody would notice that they are gone.

use std::{collections::BTreeMap, time::Duration};

use ::entity::{
    conversation::Attention,
    ids::{ConversationId, SiteId, UserId},
};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    features::{
        agents::GRACE,
        conversations::{self, Event, Release, change_in},
        sites,
    },
    kernel::{
        Ctx, Permission, Result, Tx,
        error::ErrorCode,
        jobs::{Due, Failure, Job, Lane, Lease},
    },
};

/// Conversations were given to agents: those without a dashboard are looked for in a minute.
pub(super) async fn watch_in(tx: &mut Tx, site: SiteId, given: BTreeMap<ConversationId, UserId>) -> Result<()> {
    for (conversation, agent) in given {
        if !sites::is_there(&tx.db(), site, agent).await? {
            tx.enqueue(&CheckAttendance { conversation, agent, wait: GRACE }).await?;
        }
    }
    Ok(())
}

/// Looks whether the agent of a conversation is still there.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckAttendance {
    conversation: ConversationId,
    agent: UserId,
    #[serde(skip)]
    wait: Duration,
}

impl Job for CheckAttendance {
    const KIND: &'static str = "check_attendance";
    const LANE: Lane = Lane::Interactive;

    fn due(&self) -> Due {
        Due::After(self.wait)
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        match check(&cx, self.conversation, self.agent).await {
            // Deleted meanwhile.
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other.map_err(Failure::from),
        }
    }
}

async fn check(cx: &Ctx, id: ConversationId, agent: UserId) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let seen = conversations::find(&tx.db(), &reach, id).await?;
    store::lock_turn(&tx.db(), seen.site_id).await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    let has = found.attention == Attention::Person && found.assignee_id == Some(agent);
    if !has || sites::is_there(&tx.db(), found.site_id, agent).await? {
        return Ok(());
    }
    let wrote = conversations::last_written(&tx.db(), id, agent).await?;
    let last = found.assigned_at.max(wrote).unwrap_or(found.created_at);
    let gone = (cx.clock.now() - last).to_std().unwrap_or_default();
    if gone < GRACE {
        tx.enqueue(&CheckAttendance { conversation: id, agent, wait: GRACE - gone }).await?;
    } else {
        change_in(&mut tx, found, Event::Released(Release::AgentGone), None).await?;
    }
    tx.commit().await?;
    Ok(())
}
