//! What visitors and customers think of answers.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "answer_feedback",
            [
                id("message_id"),
                id("site_id"),
                id("assistant_id"),
                flag("helpful"),
                maybe_text("comment"),
                time("answered_at"),
                time("rated_at"),
            ],
            &["message_id"],
            &[("message_id", "message")],
        ))
        .await?;
        db.create_index(index("answer_feedback", &["site_id", "answered_at", "message_id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("answer_feedback")).take()).await
    }
}
