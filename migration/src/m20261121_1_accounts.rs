//! People and their sign-ins.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "user",
            [
                id("id"),
                text("email"),
                text("name"),
                text("password_hash"),
                flag("superadmin"),
                time("created_at"),
                maybe_time("last_login_at"),
            ],
            &["id"],
            &[],
        ))
        .await?;
        db.create_index(unique("user", &["email"])).await?;
        db.create_table(table(
            "session",
            [
                id("id"),
                id("user_id"),
                bytes("refresh_hash"),
                time("expires_at"),
                maybe_text("user_agent"),
                time("created_at"),
                time("last_used_at"),
                maybe_time("revoked_at"),
            ],
            &["id"],
            &[("user_id", "user")],
        ))
        .await?;
        db.create_index(index("session", &["user_id", "created_at"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["session", "user"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
