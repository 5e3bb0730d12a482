//! Some of the staff who work together, in a department or across all of them.

use sea_orm::entity::prelude::*;

use crate::ids::{DepartmentId, SiteId, TeamId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "team")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TeamId,
    pub site_id: SiteId,
    /// The department it belongs to, if it belongs to one.
    pub department_id: Option<DepartmentId>,
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
