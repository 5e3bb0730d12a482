//! Questions that assistants could not answer, grouped by meaning.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "question_group",
            [
                id("id"),
                id("site_id"),
                choice("status"),
                text("language"),
                number("count"),
                time("last_asked_at"),
                maybe_id("article_id"),
                time("created_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(index("question_group", &["site_id", "last_asked_at", "id"])).await?;
        db.create_index(where_set(index("question_group", &["article_id"]), "article_id")).await?;
        db.create_table(table(
            "question_example",
            [
                id("id"),
                id("site_id"),
                maybe_id("group_id"),
                id("conversation_id"),
                number("question_seq"),
                choice("cause"),
                text("text"),
                text("language"),
                maybe_text("model"),
                maybe_bytes("vector"),
                time("asked_at"),
            ],
            &["id"],
            &[("conversation_id", "conversation"), ("group_id", "question_group")],
        ))
        .await?;
        // One question of a conversation counts once, however it became known.
        db.create_index(unique("question_example", &["conversation_id", "question_seq"])).await?;
        db.create_index(index("question_example", &["group_id", "id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["question_example", "question_group"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
