//! What can happen to an article. The article is the subject of the line; its text is not history's business.

use serde::{Deserialize, Serialize};

use crate::kernel::tx::Fact;

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
            Self::Indexed { .. } => "article.indexed",
        }
    }
}
