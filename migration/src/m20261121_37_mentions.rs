//! Who was mentioned in internal notes.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "mention",
            [
                id("message_id"),
                id("user_id"),
                id("site_id"),
                id("conversation_id"),
                time("created_at"),
                maybe_time("read_at"),
            ],
            &["message_id", "user_id"],
            &[("message_id", "message"), ("user_id", "user")],
        ))
        .await?;
        db.create_index(index("mention", &["user_id", "created_at", "message_id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("mention")).take()).await
    }
}
