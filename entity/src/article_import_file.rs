//! A file of an import, and what came of it.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::ImportId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article_import_file")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: ImportId,
    /// 0, 1, 2 … in the order given.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    pub name: String,
    pub status: FileStatus,
    /// The file; forgotten once it is read.
    pub content: Option<Vec<u8>>,
    /// Ids of the articles that were made.
    pub articles: Json,
    /// Why some or all could not be made.
    pub errors: Json,
}

/// How far the import of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ImportedFileStatus")]
pub enum FileStatus {
    /// Waits to be read.
    Waiting,
    /// Its articles are made, all of them or those that were fine.
    Done,
    /// No article could be made of it.
    Failed,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
