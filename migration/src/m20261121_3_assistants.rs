//! Assistants.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "assistant",
            [
                id("id"),
                id("site_id"),
                maybe_id("owner_id"),
                text("name"),
                text("instructions"),
                choice("provider"),
                maybe_text("model"),
                ColumnDef::new(Alias::new("temperature")).double().not_null().take(),
                count("max_tokens"),
                text("language"),
                text("welcome_text"),
                flag("enabled"),
                flag("open_to_customers"),
                time("created_at"),
                time("updated_at"),
                maybe_time("deleted_at"),
            ],
            &["id"],
            &[("site_id", "site"), ("owner_id", "user")],
        ))
        .await?;
        db.create_index(index("assistant", &["site_id", "created_at", "id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("assistant")).take()).await
    }
}
