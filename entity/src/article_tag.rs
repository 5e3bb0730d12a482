//! A tag on an article.

use sea_orm::entity::prelude::*;

use crate::ids::{ArticleId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article_tag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub article_id: ArticleId,
    /// The tag in folded letters: `İade` and `iade` are one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag_folded: String,
    /// The tag as written.
    pub tag: String,
    pub site_id: SiteId,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
