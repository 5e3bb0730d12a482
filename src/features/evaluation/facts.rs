//! What can happen to golden questions and evaluations. The assistant is the subject of a line.

use ::entity::ids::{EvaluationId, GoldenQuestionId};
use serde::{Deserialize, Serialize};

use crate::kernel::tx::Fact;

/// A fact about how an assistant is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum EvaluationFact {
    /// Golden questions were made.
    QuestionsCreated { questions: Vec<GoldenQuestionId> },
    /// A golden question was changed.
    QuestionChanged { question: GoldenQuestionId },
    /// A golden question is gone.
    QuestionDeleted { question: GoldenQuestionId },
    /// An evaluation was ordered.
    Started { evaluation: EvaluationId, total: i32 },
    /// Some of its questions have been asked.
    Progressed { evaluation: EvaluationId, done: i32 },
    /// All of its questions have been asked.
    Finished { evaluation: EvaluationId },
    /// Whether publishing is measured was changed.
    GateSet,
}

impl Fact for EvaluationFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::QuestionsCreated { .. } => "golden_question.created",
            Self::QuestionChanged { .. } => "golden_question.changed",
            Self::QuestionDeleted { .. } => "golden_question.deleted",
            Self::Started { .. } => "evaluation.started",
            Self::Progressed { .. } => "evaluation.progressed",
            Self::Finished { .. } => "evaluation.finished",
            Self::GateSet => "evaluation.gate_set",
        }
    }
}
