//! Golden questions of assistants, and how they were answered.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "golden_question",
            [
                id("id"),
                id("site_id"),
                id("assistant_id"),
                text("question"),
                text("language"),
                maybe_id("expected_article_id"),
                maybe_text("answer_contains"),
                flag("unanswerable"),
                maybe_text("kind"),
                time("created_at"),
                time("updated_at"),
            ],
            &["id"],
            &[("assistant_id", "assistant")],
        ))
        .await?;
        db.create_index(index("golden_question", &["assistant_id", "created_at", "id"])).await?;
        db.create_table(table(
            "evaluation",
            [
                id("id"),
                id("site_id"),
                id("assistant_id"),
                choice("status"),
                count("total"),
                count("done"),
                maybe_json("measures"),
                maybe_id("previous_id"),
                time("created_at"),
                maybe_time("finished_at"),
            ],
            &["id"],
            &[("assistant_id", "assistant")],
        ))
        .await?;
        db.create_index(index("evaluation", &["assistant_id", "created_at", "id"])).await?;
        db.create_table(table(
            "evaluation_outcome",
            [
                id("evaluation_id"),
                id("golden_question_id"),
                number("ordinal"),
                text("question"),
                flag("passed"),
                json("detail"),
            ],
            &["evaluation_id", "golden_question_id"],
            &[("evaluation_id", "evaluation")],
        ))
        .await?;
        db.create_table(table(
            "evaluation_gate",
            [id("assistant_id"), id("site_id"), choice("gate")],
            &["assistant_id"],
            &[("assistant_id", "assistant")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["evaluation_gate", "evaluation_outcome", "evaluation", "golden_question"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
