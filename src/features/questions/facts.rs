//! What can happen to unanswered questions. The group is the subject of a line, the example where there is none yet.

use ::entity::ids::{ArticleId, QuestionExampleId, QuestionGroupId};
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// A fact about unanswered questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum QuestionFact {
    /// The meaning of a question is known: it can be grouped.
    Embedded { example: QuestionExampleId },
    /// A question joined a group, perhaps as its first.
    Grouped { group: QuestionGroupId },
    /// A draft was made from a group.
    Proposed { group: QuestionGroupId, article: ArticleId },
    /// An article made from a group was published.
    Resolved { group: QuestionGroupId, article: ArticleId },
    /// Somebody decided that a group needs no article.
    Dismissed { group: QuestionGroupId },
}

impl Fact for QuestionFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Embedded { .. } => "question.embedded",
            Self::Grouped { .. } => "question.grouped",
            Self::Proposed { .. } => "question.proposed",
            Self::Resolved { .. } => "question.resolved",
            Self::Dismissed { .. } => "question.dismissed",
        }
    }
}

impl QuestionFact {
    /// Reads a journal line; `None` for another feature's.
    pub(super) fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
