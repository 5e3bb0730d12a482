//! Emergencies of sites; a site without a row never had one.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "emergency",
            [
                id("site_id"),
                flag("enabled"),
                maybe_text("message"),
                flag("allow_ai"),
                flag("allow_tickets"),
                maybe_time("until"),
                time("changed_at"),
            ],
            &["site_id"],
            &[("site_id", "site")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("emergency")).take()).await
    }
}
