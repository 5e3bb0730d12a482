//! Sites, their members and visitors.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "site",
            [
                id("id"),
                text("name"),
                text("public_key"),
                json("allowed_origins"),
                text("locale"),
                maybe_id("owner_id"),
                time("created_at"),
            ],
            &["id"],
            &[("owner_id", "user")],
        ))
        .await?;
        db.create_index(unique("site", &["public_key"])).await?;
        db.create_index(unique("site", &["owner_id"])).await?;
        db.create_table(table(
            "membership",
            [id("id"), id("site_id"), id("user_id"), choice("role"), time("created_at")],
            &["id"],
            &[("site_id", "site"), ("user_id", "user")],
        ))
        .await?;
        db.create_index(unique("membership", &["site_id", "user_id"])).await?;
        db.create_index(index("membership", &["user_id"])).await?;
        db.create_table(table(
            "invitation",
            [
                id("id"),
                id("site_id"),
                text("email"),
                choice("role"),
                bytes("token_hash"),
                id("invited_by"),
                time("created_at"),
                time("expires_at"),
                maybe_time("accepted_at"),
            ],
            &["id"],
            &[("site_id", "site"), ("invited_by", "user")],
        ))
        .await?;
        db.create_index(unique("invitation", &["token_hash"])).await?;
        db.create_index(index("invitation", &["site_id", "created_at", "id"])).await?;
        db.create_table(table(
            "visitor",
            [
                id("id"),
                id("site_id"),
                maybe_text("name"),
                maybe_text("email"),
                maybe_text("phone"),
                maybe_text("locale"),
                json("custom_data"),
                time("created_at"),
                time("last_seen_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(index("visitor", &["site_id", "created_at", "id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["visitor", "invitation", "membership", "site"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
