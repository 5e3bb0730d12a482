//! What can happen to an assistant. Names of settings only: their values are not history.

use ::entity::{assistant::Provider, ids::UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::failure::ProviderFailure;
use crate::kernel::{journal::Line, tx::Fact};

/// How a provider of a site does. The site is the subject of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum ProviderFact {
    /// It keeps failing, or fails in a way that does not pass by itself.
    Failing {
        provider: Provider,
        model: Option<String>,
        /// Why it did not answer at last.
        reason: ProviderFailure,
        /// In a row.
        failures: u32,
    },
    /// It answers again.
    Recovered {
        provider: Provider,
        model: Option<String>,
        /// Since when it had been failing.
        since: DateTime<Utc>,
    },
}

impl Fact for ProviderFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Failing { .. } => "provider.failing",
            Self::Recovered { .. } => "provider.recovered",
        }
    }
}

impl ProviderFact {
    /// Reads a journal line; `None` for another feature's.
    pub(crate) fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}

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
