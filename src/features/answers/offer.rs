//! Offers a person to a visitor who got two answers and may still not be helped.

use std::time::Duration;

use ::entity::ids::ConversationId;
use serde::{Deserialize, Serialize};

use crate::{
    features::{conversations, routing, sites},
    kernel::{
        Ctx, Permission, Result,
        error::ErrorCode,
        jobs::{Due, Failure, Job, Lane, Lease},
    },
};

/// How long after the second answer.
const WAIT: Duration = Duration::from_secs(3);

/// Offers a person in a conversation, a little later.
#[derive(Debug, Serialize, Deserialize)]
pub struct OfferPerson {
    pub(super) conversation: ConversationId,
}

impl Job for OfferPerson {
    const KIND: &'static str = "offer_person";
    const LANE: Lane = Lane::Interactive;

    fn key(&self) -> Option<String> {
        Some(self.conversation.to_string())
    }

    fn due(&self) -> Due {
        Due::After(WAIT)
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        match offer(&cx, self.conversation).await {
            // Deleted meanwhile.
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other.map_err(Failure::from),
        }
    }
}

/// Offers a person, where people are there and the site offers them.
async fn offer(cx: &Ctx, id: ConversationId) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let found = conversations::find(&cx.db(), &reach, id).await?;
    let is_offered = sites::offered::features(&cx.db(), found.site_id).await?.live_chat;
    if is_offered && routing::is_open(cx, found.site_id).await? {
        conversations::offer_person(cx, id).await?;
    }
    Ok(())
}
