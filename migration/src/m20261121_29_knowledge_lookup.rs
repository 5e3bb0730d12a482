//! A few of a site's articles or passages are found without reading all of them.
//!
//! SQLite guesses that a site has some ten rows in an index on the site, and would rather read all of those than look up
//! a list of ids. With the id in the same index nothing is left to guess.

use sea_orm_migration::prelude::*;

use crate::columns::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Table and column whose values are looked up within a site.
const LOOKED_UP: [(&str, &str); 3] = [("article", "id"), ("chunk", "id"), ("chunk", "article_id")];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in LOOKED_UP {
            db.create_index(index(table, &["site_id", column])).await?;
        }
        db.drop_index(drop("chunk", "site_id")).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_index(index("chunk", &["site_id"])).await?;
        for (table, column) in LOOKED_UP {
            db.drop_index(drop(table, &format!("site_id_{column}"))).await?;
        }
        Ok(())
    }
}

fn drop(table: &'static str, columns: &str) -> IndexDropStatement {
    Index::drop().name(format!("{table}_{columns}")).table(Alias::new(table)).to_owned()
}
