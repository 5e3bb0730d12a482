//! Business hours and special days. Their owner is the site itself or a department of it.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "business_hours",
            [id("owner_id"), id("site_id"), maybe_text("time_zone"), json("week"), time("updated_at")],
            &["owner_id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_table(table(
            "special_day",
            [
                id("id"),
                id("owner_id"),
                id("site_id"),
                text("falls_on"),
                ColumnDef::new(Alias::new("date")).date().not_null().take(),
                flag("yearly"),
                text("name"),
                maybe_text("message"),
                json("hours"),
                flag("imported"),
                time("updated_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(unique("special_day", &["owner_id", "falls_on"])).await?;
        db.create_index(index("special_day", &["site_id", "date", "id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["special_day", "business_hours"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
