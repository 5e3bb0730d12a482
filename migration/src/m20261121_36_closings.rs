//! Why conversations were closed, and how content their visitors were.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "conversation_closing";

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            TABLE,
            [
                id("conversation_id"),
                count("number"),
                id("site_id"),
                maybe_id("assignee_id"),
                maybe_choice("reason"),
                maybe_text("note"),
                time("closed_at"),
                ColumnDef::new(Alias::new("score")).integer().take(),
                maybe_text("comment"),
                maybe_time("rated_at"),
            ],
            &["conversation_id", "number"],
            &[("conversation_id", "conversation")],
        ))
        .await?;
        db.create_index(index(TABLE, &["site_id", "closed_at", "conversation_id"])).await?;
        // Conversations that are closed already can be rated, too.
        let closed = Query::select()
            .column(Alias::new("id"))
            .expr(Expr::val(1))
            .columns(["site_id", "assignee_id", "closed_at"].map(Alias::new))
            .from(Alias::new("conversation"))
            .and_where(Expr::col(Alias::new("closed_at")).is_not_null())
            .take();
        let copy = Query::insert()
            .into_table(Alias::new(TABLE))
            .columns(["conversation_id", "number", "site_id", "assignee_id", "closed_at"].map(Alias::new))
            .select_from(closed)
            .map_err(|error| DbErr::Migration(error.to_string()))?
            .take();
        db.execute(copy).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new(TABLE)).take()).await
    }
}
