//! Texts that agents send again and again.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "canned_response",
            [
                id("id"),
                id("site_id"),
                choice("scope"),
                maybe_id("owner_id"),
                id("author_id"),
                text("shortcut"),
                text("shortcut_folded"),
                text("title"),
                text("text"),
                text("folded"),
                number("uses"),
                time("created_at"),
                time("updated_at"),
            ],
            &["id"],
            &[("site_id", "site"), ("owner_id", "user")],
        ))
        .await?;
        let of_site = unique("canned_response", &["site_id", "shortcut_folded"]);
        db.create_index(where_unset(of_site, "owner_id")).await?;
        let of_owner = unique("canned_response", &["site_id", "owner_id", "shortcut_folded"]);
        db.create_index(where_set(of_owner, "owner_id")).await?;
        db.create_index(index("canned_response", &["site_id", "uses", "id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("canned_response")).take()).await
    }
}
