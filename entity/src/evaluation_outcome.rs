//! What came of one golden question in one evaluation.

use sea_orm::entity::prelude::*;

use crate::ids::{EvaluationId, GoldenQuestionId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "evaluation_outcome")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub evaluation_id: EvaluationId,
    /// The question may be gone or changed since.
    #[sea_orm(primary_key, auto_increment = false)]
    pub golden_question_id: GoldenQuestionId,
    /// 1, 2, 3 … in the order of the questions.
    pub ordinal: i64,
    /// What was asked.
    #[sea_orm(column_type = "Text")]
    pub question: String,
    /// It was treated rightly.
    pub passed: bool,
    /// The rest of what was measured.
    #[sea_orm(column_type = "JsonBinary")]
    pub detail: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
