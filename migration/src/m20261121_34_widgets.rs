//! How widgets look, speak and behave; a site without a row has the defaults.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "widget_settings",
            [
                id("site_id"),
                json("look"),
                json("translations"),
                json("features"),
                json("pre_chat"),
                json("proactive"),
                maybe_text("custom_css"),
                time("updated_at"),
            ],
            &["site_id"],
            &[("site_id", "site")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("widget_settings")).take()).await
    }
}
