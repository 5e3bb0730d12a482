//! What can happen to a mention. The one who is mentioned is the subject of the line.

use ::entity::ids::MessageId;
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// A fact about a mention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum MentionFact {
    /// Somebody mentioned them in a note.
    Added { message: MessageId },
    /// They read it.
    Read { message: MessageId },
}

impl Fact for MentionFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Added { .. } => "mention.added",
            Self::Read { .. } => "mention.read",
        }
    }
}

impl MentionFact {
    /// Reads a journal line; `None` for another feature's.
    pub(super) fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
