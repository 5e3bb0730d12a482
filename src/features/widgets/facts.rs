//! What can happen to widgets and emergencies. The site is the subject of a line; texts are not history.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// Something that happened to a site's widget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WidgetFact {
    /// Settings were changed.
    SettingsUpdated {
        /// Their names.
        changed: Vec<String>,
    },
    /// An emergency began, was changed, or was ended by hand.
    EmergencySet {
        /// It is one now.
        enabled: bool,
        /// The assistant goes on answering.
        allow_ai: bool,
        /// Tickets can be filed.
        allow_tickets: bool,
        /// When it ends by itself.
        until: Option<DateTime<Utc>>,
        /// Visitors are to read its message: it has just begun, or says something else.
        #[serde(default)]
        is_news: bool,
    },
    /// An emergency is over because its time is.
    EmergencyEnded {
        /// When it was to end.
        until: DateTime<Utc>,
    },
}

impl Fact for WidgetFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::SettingsUpdated { .. } => "widget.settings_updated",
            Self::EmergencySet { .. } => "emergency.set",
            Self::EmergencyEnded { .. } => "emergency.ended",
        }
    }
}

impl WidgetFact {
    /// Reads a journal line; `None` for another feature's.
    pub fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
