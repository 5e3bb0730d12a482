//! Who works in a department.

use sea_orm::entity::prelude::*;

use crate::ids::{DepartmentId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "department_member")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub department_id: DepartmentId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub site_id: SiteId,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
