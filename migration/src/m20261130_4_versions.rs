//! Versions of what several people change, and what was made under ids of its makers' own.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What has a version from now on.
const VERSIONED: [&str; 12] = [
    "agent_profile",
    "assistant",
    "business_hours",
    "canned_response",
    "department",
    "emergency",
    "golden_question",
    "knowledge_settings",
    "site",
    "special_day",
    "team",
    "widget_settings",
];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in VERSIONED {
            db.alter_table(add(table, count("version").default(1).take())).await?;
        }
        let columns = [id("id"), bytes("content_hash"), id("made"), time("created_at")];
        db.create_table(table("creation", columns, &["id"], &[])).await?;
        // Contact requests are looked for there, too.
        db.alter_table(drop("contact_request", "content_hash")).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("contact_request", bytes("content_hash").default(Vec::<u8>::new()).take())).await?;
        db.drop_table(Table::drop().table(Alias::new("creation")).take()).await?;
        for table in VERSIONED {
            db.alter_table(drop(table, "version")).await?;
        }
        Ok(())
    }
}
