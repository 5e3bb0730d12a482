//! What can happen to an article. The article is the subject of the line; its text is not history's business.

use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// Something that happened to an article.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ArticleFact {
    /// It was made, as a draft.
    Created,
    /// Something of it was changed.
    Changed {
        /// Its version since then.
        version: i32,
        /// Names of what was changed.
        fields: Vec<String>,
    },
    /// It became something to answer from.
    Published {
        /// In which version.
        version: i32,
    },
    /// It was taken out of use.
    Archived,
    /// It is gone.
    Deleted,
    /// A reader said whether it helped.
    Rated {
        /// True when it did; absent when the reader took the rating back.
        helpful: Option<bool>,
    },
    /// Answers are made from this version now.
    Indexed {
        /// The version.
        version: i32,
        /// How many passages it has.
        passages: usize,
    },
}

impl Fact for ArticleFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Created => "article.created",
            Self::Changed { .. } => "article.changed",
            Self::Published { .. } => "article.published",
            Self::Archived => "article.archived",
            Self::Deleted => "article.deleted",
            Self::Rated { .. } => "article.rated",
            Self::Indexed { .. } => "article.indexed",
        }
    }
}

/// Something that happened to the knowledge of a site as a whole. The site is the subject of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KnowledgeFact {
    /// Settings were changed.
    SettingsChanged {
        /// Their names.
        changed: Vec<String>,
    },
    /// The index is made anew from the articles.
    RebuildStarted {
        /// Which rebuild of the site.
        number: i64,
        /// Of how many articles.
        articles: u64,
    },
    /// It is done.
    RebuildFinished {
        /// Which rebuild of the site.
        number: i64,
    },
    /// Articles are made of files. The import is the subject of the line.
    ImportStarted {
        /// How many files.
        files: usize,
    },
    /// The last file was read.
    ImportFinished,
}

impl Fact for KnowledgeFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::SettingsChanged { .. } => "knowledge.settings_changed",
            Self::RebuildStarted { .. } => "knowledge.rebuild_started",
            Self::RebuildFinished { .. } => "knowledge.rebuild_finished",
            Self::ImportStarted { .. } => "knowledge.import_started",
            Self::ImportFinished => "knowledge.import_finished",
        }
    }
}

impl ArticleFact {
    /// Reads a journal line; `None` for another feature's.
    pub fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
