//! How a site finds and uses its knowledge; a site without a row has the defaults.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let double = |name: &'static str| ColumnDef::new(Alias::new(name)).double().not_null().take();
        db.create_table(table(
            "knowledge_settings",
            [
                id("site_id"),
                choice("fusion"),
                double("text_weight"),
                double("vector_weight"),
                double("min_score"),
                count("context_characters"),
            ],
            &["site_id"],
            &[("site_id", "site")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("knowledge_settings")).take()).await
    }
}
