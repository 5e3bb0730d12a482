//! A question can be answered again, each time by a run of its own: it was made another one after its answer, or a person
//! who took it over did not answer.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const QUESTION: [&str; 2] = ["conversation_id", "question_seq"];
const ONE_ANSWER: &str = "run_answer_conversation_id_question_seq";
const ONE_AN_EDITION: &str = "run_answer_conversation_id_question_seq_edition";

fn drop_index(name: &'static str) -> IndexDropStatement {
    Index::drop().name(name).table(Alias::new("run")).to_owned()
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("run", count("edition").default(0).take())).await?;
        db.alter_table(add("run", maybe_bytes("question_hash"))).await?;
        db.drop_index(drop_index(ONE_ANSWER)).await?;
        let columns = ["conversation_id", "question_seq", "edition"];
        let one = where_unset(unique("run", &columns), "requested_by").name(ONE_AN_EDITION).take();
        db.create_index(one).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let later =
            Query::delete().from_table(Alias::new("run")).and_where(Expr::col(Alias::new("edition")).gt(0)).to_owned();
        db.execute(later).await?;
        db.drop_index(drop_index(ONE_AN_EDITION)).await?;
        let one = where_unset(unique("run", &QUESTION), "requested_by").name(ONE_ANSWER).take();
        db.create_index(one).await?;
        db.alter_table(drop("run", "question_hash")).await?;
        db.alter_table(drop("run", "edition")).await
    }
}
