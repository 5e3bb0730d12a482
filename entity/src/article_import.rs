//! An import of articles from files.

use sea_orm::entity::prelude::*;

use crate::{
    article::Visibility,
    ids::{ImportId, SiteId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article_import")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ImportId,
    pub site_id: SiteId,
    /// Becomes the author of the articles.
    pub author_id: Option<UserId>,
    /// Of articles whose file names none.
    pub language: String,
    /// Of articles whose file names none.
    pub visibility: Visibility,
    pub created_at: DateTimeUtc,
    /// Set once no file waits any more.
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
