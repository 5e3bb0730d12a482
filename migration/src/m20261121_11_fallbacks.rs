//! Providers that are asked where an assistant's own fails, and who answered a run.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("assistant", json("fallbacks").default("[]").take())).await?;
        db.alter_table(add("assistant", flag("route_by_complexity").default(true).take())).await?;
        for column in [maybe_text("provider"), maybe_text("model"), maybe_json("attempts")] {
            db.alter_table(add("run", column)).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["attempts", "model", "provider"] {
            db.alter_table(drop("run", name)).await?;
        }
        for name in ["route_by_complexity", "fallbacks"] {
            db.alter_table(drop("assistant", name)).await?;
        }
        Ok(())
    }
}
