//! Offers a person to a visitor who got two answers and may still not be helped.

use ::entity::ids::ConversationId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    features::{
        conversations::{self, handoff},
        routing,
    },
    kernel::{
        Ctx, Permission, Result,
        error::ErrorCode,
        jobs::{Failure, Job},
    },
};

/// How long after the second answer.
const WAIT: TimeDelta = TimeDelta::seconds(3);

/// Offers a person in a conversation, a little later.
#[derive(Debug, Serialize, Deserialize)]
pub struct OfferPerson {
    conversation: ConversationId,
    due: DateTime<Utc>,
}

impl OfferPerson {
    pub(super) fn after(conversation: ConversationId, answered_at: DateTime<Utc>) -> Self {
        Self { conversation, due: answered_at + WAIT }
    }
}

impl Job for OfferPerson {
    const KIND: &'static str = "offer_person";

    fn key(&self) -> Option<String> {
        Some(self.conversation.to_string())
    }

    fn due(&self) -> Option<DateTime<Utc>> {
        Some(self.due)
    }

    async fn run(self, cx: Ctx) -> Result<(), Failure> {
        match offer(&cx, self.conversation).await {
            // Deleted meanwhile.
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other.map_err(Failure::from),
        }
    }
}

/// Offers a person, where people are there to be offered.
async fn offer(cx: &Ctx, id: ConversationId) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let found = conversations::find(&cx.db(), &reach, id).await?;
    if routing::is_open(cx, found.site_id).await? { handoff::offer(cx, id).await } else { Ok(()) }
}
