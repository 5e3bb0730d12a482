//! Assistants with a provider's address and key of their own.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [&str; 3] = ["base_url", "api_key", "api_key_hint"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            db.alter_table(add("assistant", maybe_text(name))).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            db.alter_table(drop("assistant", name)).await?;
        }
        Ok(())
    }
}
