//! Versions of what one person changes in several places, and what was answered where that is more than what was made.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What has a version from now on.
const VERSIONED: [&str; 3] = ["conversation", "evaluation_gate", "user"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in VERSIONED {
            db.alter_table(add(table, count("version").default(1).take())).await?;
        }
        db.alter_table(add("creation", maybe_json("told"))).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(drop("creation", "told")).await?;
        for table in VERSIONED {
            db.alter_table(drop(table, "version")).await?;
        }
        Ok(())
    }
}
