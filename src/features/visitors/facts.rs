//! What can happen to a visitor. Names of fields only: what stands in them is not history.

use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

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

impl VisitorFact {
    /// Reads a journal line; `None` for another feature's.
    pub fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
