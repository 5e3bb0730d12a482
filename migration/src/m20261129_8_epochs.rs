//! Lives of the database: the epoch of each journal, and which database it is.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("journal_head", number("epoch").default(0).take())).await?;
        // Cursors that were given out before are of no epoch, and nobody knows what was restored until now.
        let is_postgres = db.get_database_backend() == DbBackend::Postgres;
        let now = if is_postgres {
            "CAST(EXTRACT(EPOCH FROM now()) AS BIGINT)"
        } else {
            "CAST(strftime('%s', 'now') AS INTEGER)"
        };
        db.get_connection().execute_unprepared(&format!("UPDATE journal_head SET epoch = {now}")).await?;
        db.create_table(table("installation", [count("id"), text("fingerprint")], &["id"], &[])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new("installation")).take()).await?;
        db.alter_table(drop("journal_head", "epoch")).await
    }
}
