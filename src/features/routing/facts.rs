//! What can happen in routing, beside what happens to conversations.

use ::entity::ids::{ConversationId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// A fact about routing. The subject of an offer's lines is the agent; of rules, the site. That an offer ends because its
/// conversation is somebody's, or waits no longer, is an `OfferFact` of conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum RoutingFact {
    /// The rules of a site were changed.
    RulesChanged { version: i32 },
    /// A conversation was offered to an agent.
    Offered { conversation: ConversationId, user: UserId, expires_at: DateTime<Utc> },
    /// They declined it.
    Declined { conversation: ConversationId, user: UserId },
    /// They let it pass.
    Expired { conversation: ConversationId, user: UserId },
}

impl Fact for RoutingFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::RulesChanged { .. } => "routing.rules_changed",
            Self::Offered { .. } => "offer.made",
            Self::Declined { .. } => "offer.declined",
            Self::Expired { .. } => "offer.expired",
        }
    }
}

impl RoutingFact {
    /// Reads a journal line; `None` for another feature's.
    pub(crate) fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
