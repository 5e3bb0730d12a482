//! Providers that are failing, as all nodes know them.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            id("id"),
            id("site_id"),
            choice("provider"),
            maybe_text("model"),
            text("reason"),
            number("failures"),
            maybe_time("told_at"),
            time("failed_at"),
        ];
        db.create_table(table("provider_trouble", columns, &["id"], &[("site_id", "site")])).await?;
        db.create_index(index("provider_trouble", &["site_id"])).await?;
        db.create_index(index("provider_trouble", &["failed_at"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("provider_trouble")).to_owned()).await
    }
}
