//! How the rebuild of a site's index comes along: the present or the last one.

use sea_orm::entity::prelude::*;

use crate::ids::{ArticleId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "index_build")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    /// 1, 2, 3 …: a job of an earlier one has nothing to do any more.
    pub number: i64,
    /// Published articles when it began.
    pub total: i32,
    pub done: i32,
    pub failed: i32,
    /// The last article that was done; they are done in the order of their ids.
    pub cursor: Option<ArticleId>,
    pub started_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
