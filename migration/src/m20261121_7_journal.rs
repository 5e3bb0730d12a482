//! The journal, its readers, and background jobs.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "journal_head",
            [id("site_id"), number("seq"), number("trimmed")],
            &["site_id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_table(table(
            "journal",
            [
                id("site_id"),
                number("seq"),
                id("subject"),
                text("kind"),
                text("payload"),
                maybe_text("actor"),
                time("at"),
            ],
            &["site_id", "seq"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(index("journal", &["subject", "seq"])).await?;
        db.create_table(table(
            "reader",
            [id("site_id"), text("name"), number("seq")],
            &["site_id", "name"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_table(table(
            "job",
            [
                id("id"),
                text("kind"),
                maybe_text("key"),
                text("payload"),
                number("run_at"),
                count("attempts"),
                maybe_time("failed_at"),
                maybe_text("last_error"),
                time("created_at"),
            ],
            &["id"],
            &[],
        ))
        .await?;
        db.create_index(unique("job", &["key"])).await?;
        db.create_index(index("job", &["run_at"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["job", "reader", "journal", "journal_head"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
