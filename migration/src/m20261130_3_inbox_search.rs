//! Names of visitors and titles of conversations as they are searched: in folded letters.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, FromQueryResult},
};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Rows that are read at once.
const BATCH: u64 = 1_000;

/// A row with what is searched of it.
#[derive(FromQueryResult)]
struct Row {
    id: sea_orm_migration::sea_orm::prelude::Uuid,
    words: String,
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("visitor", text("folded").default("").take())).await?;
        db.alter_table(add("conversation", text("title_folded").default("").take())).await?;
        let about = "COALESCE(name, '') || ' ' || COALESCE(email, '') || ' ' || COALESCE(phone, '')";
        fold(db, ("visitor", "folded"), about).await?;
        fold(db, ("conversation", "title_folded"), "COALESCE(title, '')").await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(drop("conversation", "title_folded")).await?;
        db.alter_table(drop("visitor", "folded")).await
    }
}

/// Folds what rows already say: databases cannot do so themselves.
async fn fold(db: &SchemaManager<'_>, (table, column): (&'static str, &'static str), words: &str) -> Result<(), DbErr> {
    let connection = db.get_connection();
    let builder = connection.get_database_backend();
    let mut after = None;
    loop {
        let id = Alias::new("id");
        let rows = Query::select()
            .column(id.clone())
            .expr_as(Expr::cust(words.to_owned()), Alias::new("words"))
            .from(Alias::new(table))
            .and_where(Expr::cust(format!("TRIM({words}) <> ''")))
            .and_where_option(after.map(|after| Expr::col(id.clone()).gt(after)))
            .order_by(id.clone(), Order::Asc)
            .limit(BATCH)
            .take();
        let rows = Row::find_by_statement(builder.build(&rows)).all(connection).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        for row in rows {
            let set = Query::update()
                .table(Alias::new(table))
                .value(Alias::new(column), exact_index::text::fold(row.words.trim()))
                .and_where(Expr::col(id.clone()).eq(row.id))
                .take();
            connection.execute_raw(builder.build(&set)).await?;
        }
    }
}
