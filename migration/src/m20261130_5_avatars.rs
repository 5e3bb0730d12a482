//! Pictures of people and of assistants.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Who has a picture.
const TABLES: [&str; 2] = ["user", "assistant"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            db.alter_table(add(table, maybe_text("avatar_url"))).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            db.alter_table(drop(table, "avatar_url")).await?;
        }
        Ok(())
    }
}
