//! Answers that say what they are: answered, asked back, abstained or handed over, and how sure.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in ["run", "message"] {
            db.alter_table(add(table, maybe_choice("action"))).await?;
            db.alter_table(add(table, maybe_fraction("confidence"))).await?;
        }
        for name in ["dropped_citations", "removed_links"] {
            db.alter_table(add("run", count(name).default(0).take())).await?;
        }
        db.alter_table(add("assistant", maybe_fraction("confidence_threshold"))).await?;
        db.alter_table(add("assistant", count("debounce_ms").default(800).take())).await?;
        db.alter_table(add("site", flag("mask_personal_data").default(false).take())).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("run", "action"),
            ("run", "confidence"),
            ("message", "action"),
            ("message", "confidence"),
            ("run", "dropped_citations"),
            ("run", "removed_links"),
            ("assistant", "confidence_threshold"),
            ("assistant", "debounce_ms"),
            ("site", "mask_personal_data"),
        ] {
            db.alter_table(drop(table, column)).await?;
        }
        Ok(())
    }
}
