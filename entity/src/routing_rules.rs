//! A version of how a site gives conversations to agents. Rows are never changed; the highest version counts.

use sea_orm::entity::prelude::*;

use crate::ids::{SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "routing_rules")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    /// 1 for the first.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// What it says.
    #[sea_orm(column_type = "JsonBinary")]
    pub settings: Json,
    pub created_by: Option<UserId>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
