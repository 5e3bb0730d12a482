//! Drafts of replies: runs for an agent and not for the visitor.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const QUESTION: [&str; 2] = ["conversation_id", "question_seq"];
const ONE_RUN: &str = "run_conversation_id_question_seq";
const ONE_ANSWER: &str = "run_answer_conversation_id_question_seq";

fn drop_index(name: &'static str) -> IndexDropStatement {
    Index::drop().name(name).table(Alias::new("run")).to_owned()
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("run", maybe_id("requested_by"))).await?;
        db.alter_table(add("run", maybe_choice("draft_outcome"))).await?;
        // A question has one answer and as many drafts as are asked for.
        db.drop_index(drop_index(ONE_RUN)).await?;
        // A name of its own: another connection of SQLite may still know the index that was dropped.
        let one_answer = where_unset(unique("run", &QUESTION), "requested_by").name(ONE_ANSWER).take();
        db.create_index(one_answer).await?;
        db.create_index(where_set(index("run", &["site_id", "created_at"]), "requested_by")).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let drafts = Query::delete()
            .from_table(Alias::new("run"))
            .and_where(Expr::col(Alias::new("requested_by")).is_not_null())
            .to_owned();
        db.execute(drafts).await?;
        db.drop_index(drop_index("run_site_id_created_at")).await?;
        db.drop_index(drop_index(ONE_ANSWER)).await?;
        db.create_index(unique("run", &QUESTION)).await?;
        db.alter_table(drop("run", "draft_outcome")).await?;
        db.alter_table(drop("run", "requested_by")).await
    }
}
