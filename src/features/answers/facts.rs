//! What can happen to a run; lines about its conversation, or about the run itself when it is a draft: who follows the
//! conversation must not see it.

use ::entity::{
    ids::{MessageId, RunId},
    run::{self, DraftOutcome},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::FailureReason;
use crate::{
    features::conversations::Citation,
    kernel::{journal::Line, tx::Fact},
};

/// A fact about a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum RunFact {
    Queued { run: RunId },
    Started { run: RunId, attempt: i32 },
    SourcesFound { run: RunId, sources: Vec<Citation> },
    Finished { run: RunId, message: MessageId },
    Failed { run: RunId, reason: FailureReason },
    StopRequested { run: RunId },
    DraftReady { run: RunId },
    DraftClosed { run: RunId, outcome: DraftOutcome },
}

/// What the lines of a run are about.
pub(super) fn subject(run: &run::Model) -> Uuid {
    if run.requested_by.is_some() { run.id.0 } else { run.conversation_id.0 }
}

impl Fact for RunFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "run.queued",
            Self::Started { .. } => "run.started",
            Self::SourcesFound { .. } => "run.sources_found",
            Self::Finished { .. } => "run.finished",
            Self::Failed { .. } => "run.failed",
            Self::StopRequested { .. } => "run.stop_requested",
            Self::DraftReady { .. } => "run.draft_ready",
            Self::DraftClosed { .. } => "run.draft_closed",
        }
    }
}

impl RunFact {
    /// Reads a journal line; `None` for another feature's.
    pub(super) fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }

    /// The run it is about.
    pub(super) fn run(&self) -> RunId {
        match self {
            Self::Queued { run }
            | Self::Started { run, .. }
            | Self::SourcesFound { run, .. }
            | Self::Finished { run, .. }
            | Self::Failed { run, .. }
            | Self::StopRequested { run }
            | Self::DraftReady { run }
            | Self::DraftClosed { run, .. } => *run,
        }
    }
}
