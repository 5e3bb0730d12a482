//! A site's key can be replaced without standing in the way of what others write in the site.
//!
//! PostgreSQL locks a row `FOR UPDATE` when a column changes that a foreign key could refer to: one with a plain unique
//! index. That lock waits for, and stops, every insert that refers to the row. A partial index is none that a foreign key
//! could use, so the change takes the weaker lock, which does neither. All keys are set: the index holds them all.

use sea_orm_migration::prelude::*;

use crate::columns::*;

/// A name of its own: another connection to SQLite may still remember the old index for a moment.
const NEW: &str = "site_public_key_set";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_index(where_set(unique("site", &["public_key"]), "public_key").name(NEW).take()).await?;
        db.drop_index(drop("site_public_key")).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_index(unique("site", &["public_key"])).await?;
        db.drop_index(drop(NEW)).await
    }
}

fn drop(name: &str) -> IndexDropStatement {
    Index::drop().name(name).table(Alias::new("site")).to_owned()
}
