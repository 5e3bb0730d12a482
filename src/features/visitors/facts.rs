//! What can happen to a visitor. Names of fields only: what stands in them is not history.

use serde::{Deserialize, Serialize};

use crate::kernel::tx::Fact;

/// Something that happened to a visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VisitorFact {
    /// The visitor did something for the first time.
    Arrived,
    /// The visitor told something about themself.
    Updated {
        /// The names of the fields that differ now.
        changed: Vec<String>,
    },
}

impl Fact for VisitorFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Arrived => "visitor.arrived",
            Self::Updated { .. } => "visitor.updated",
        }
    }
}
