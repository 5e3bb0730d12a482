//! What was made under ids of its makers' own, by when that was: it is forgotten after a while.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_index(index("creation", &["created_at"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_index(Index::drop().name("creation_created_at").table(Alias::new("creation")).to_owned()).await
    }
}
