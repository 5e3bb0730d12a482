//! Whether publishing an article is measured by an assistant's golden questions.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{AssistantId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "evaluation_gate")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub assistant_id: AssistantId,
    pub site_id: SiteId,
    pub gate: Gate,
    pub version: i32,
}

/// What happens before an article is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "EvaluationGate")]
pub enum Gate {
    /// `previewPublish` asks the assistant's golden questions and warns of those that would be answered worse.
    Warn,
    /// The assistant's golden questions are left out.
    Off,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
