//! What can happen to an assistant. Names of settings only: their values are not history.

use ::entity::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::kernel::tx::Fact;

/// Something that happened to an assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AssistantFact {
    /// The assistant was made.
    Created {
        /// The customer whose own it is, if it is one's.
        owner: Option<UserId>,
    },
    /// Settings were changed.
    Changed {
        /// Their names.
        changed: Vec<String>,
    },
    /// The assistant was deleted.
    Deleted,
}

impl Fact for AssistantFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "assistant.created",
            Self::Changed { .. } => "assistant.changed",
            Self::Deleted => "assistant.deleted",
        }
    }
}
