//! How often a site's searchable knowledge has changed; one row a site, made with the first change.

use sea_orm::entity::prelude::*;

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "index_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    /// 1, 2, 3 …; rises in the transaction of each change, and becomes visible in this order.
    pub revision: i64,
    /// The embedder whose vectors are compared: that of all passages, since the last of another was replaced.
    pub model: Option<String>,
    /// Numbers of its vectors.
    pub dimension: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
