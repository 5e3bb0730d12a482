//! What can happen to a canned response. The response is the subject of the line; its text is not history's business.

use ::entity::{canned_response::Scope, ids::ConversationId};
use serde::{Deserialize, Serialize};

use crate::kernel::tx::Fact;

/// A fact about a canned response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum CannedResponseFact {
    /// It was made.
    Created { scope: Scope },
    /// Something of it was changed.
    Changed,
    /// It was put into a conversation.
    Used { conversation: ConversationId },
    /// It is gone.
    Deleted,
}

impl Fact for CannedResponseFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "canned_response.created",
            Self::Changed => "canned_response.changed",
            Self::Used { .. } => "canned_response.used",
            Self::Deleted => "canned_response.deleted",
        }
    }
}
