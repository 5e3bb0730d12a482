//! One time that an assistant's golden questions were asked.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{AssistantId, EvaluationId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "evaluation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EvaluationId,
    pub site_id: SiteId,
    pub assistant_id: AssistantId,
    pub status: EvaluationStatus,
    /// Questions that are asked.
    pub total: i32,
    /// Of them, those that have been.
    pub done: i32,
    /// What it came to; null until it has finished.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub measures: Option<Json>,
    /// The finished one before it, of the same assistant.
    pub previous_id: Option<EvaluationId>,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

/// Where an evaluation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvaluationStatus {
    /// Its questions are being asked, or wait to be.
    Running,
    /// All were asked.
    Finished,
    /// Something went wrong on the server; what was measured before is kept.
    Failed,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
