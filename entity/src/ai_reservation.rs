//! The most that a call under way can cost, set aside from its day's budget until it is known what it did cost.

use sea_orm::entity::prelude::*;

use crate::{
    ai_usage::Purpose,
    assistant::Provider,
    ids::{AssistantId, RunId, SiteId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_reservation")]
pub struct Model {
    /// The id of the call's row in `ai_usage` to come.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub site_id: SiteId,
    pub assistant_id: AssistantId,
    pub run_id: Option<RunId>,
    pub purpose: Purpose,
    pub provider: Provider,
    pub model: Option<String>,
    pub day: Date,
    /// In millionths of a US dollar.
    pub cost_micros: i64,
    /// When nobody can be waiting for the call any more: its server has died.
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
