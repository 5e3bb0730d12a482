//! An open dashboard of an agent. While it is open its lease is moved on; a node that dies lets it run out.

use sea_orm::entity::prelude::*;

use crate::ids::{LeaseId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_lease")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LeaseId,
    pub site_id: SiteId,
    pub user_id: UserId,
    pub expires_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    /// Since when its connection is gone. Null while it is there, and for those of a node that died.
    pub lost_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
