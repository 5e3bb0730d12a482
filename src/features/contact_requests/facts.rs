//! What can happen to a contact request. The request is the subject of the line; what it says is not history's business.

use ::entity::{contact_request::Kind, ids::UserId};
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// A fact about a contact request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ContactRequestFact {
    /// It was sent.
    Sent { kind: Kind },
    /// It was given to a member of the site, or to nobody.
    Assigned { assignee: Option<UserId> },
    /// Somebody has got in touch.
    Resolved,
    /// It waits again.
    Reopened,
}

impl Fact for ContactRequestFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "contact_request.sent",
            Self::Assigned { .. } => "contact_request.assigned",
            Self::Resolved => "contact_request.resolved",
            Self::Reopened => "contact_request.reopened",
        }
    }
}

impl ContactRequestFact {
    /// Reads a journal line; `None` for another feature's.
    pub(super) fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
