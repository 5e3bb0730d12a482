//! A part of a site's staff with a subject of its own: sales, support.

use sea_orm::entity::prelude::*;

use crate::ids::{DepartmentId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "department")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DepartmentId,
    pub site_id: SiteId,
    pub name: String,
    /// The name folded: no two of a site are alike.
    pub folded: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    /// Grows by one with each change.
    pub version: i32,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
