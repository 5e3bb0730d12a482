//! The number of a site's newest journal line. Its row lock is what puts the lines of a site in order.

use sea_orm::entity::prelude::*;

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journal_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    pub seq: i64,
    /// Lines up to this number have been removed.
    pub trimmed: i64,
    /// When the journal's present life began, in seconds since 1970: another one after a backup was put back.
    pub epoch: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
