//! Answers in the making.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "run",
            [
                id("id"),
                id("site_id"),
                id("conversation_id"),
                id("assistant_id"),
                number("question_seq"),
                choice("status"),
                count("attempt"),
                text("text"),
                count("chunks"),
                json("citations"),
                maybe_json("usage"),
                maybe_text("failure"),
                maybe_id("message_id"),
                time("created_at"),
                maybe_time("started_at"),
                maybe_time("finished_at"),
            ],
            &["id"],
            &[("conversation_id", "conversation"), ("assistant_id", "assistant")],
        ))
        .await?;
        // One question of a conversation leads to one run, however often the journal is read.
        db.create_index(unique("run", &["conversation_id", "question_seq"])).await?;
        db.create_index(index("run", &["conversation_id", "status"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("run")).take()).await
    }
}
