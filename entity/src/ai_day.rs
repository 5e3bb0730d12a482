//! What a site has spent on language models on one of its days. The row is the lock under which budgets are kept.

use sea_orm::entity::prelude::*;

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_day")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    /// In the site's time zone.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Date,
    /// In millionths of a US dollar; the sum of the day's rows of `ai_usage`.
    pub spent_micros: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
