//! Imports of articles: what was asked for, and each file with what came of it.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "article_import",
            [
                id("id"),
                id("site_id"),
                maybe_id("author_id"),
                text("language"),
                choice("visibility"),
                time("created_at"),
                maybe_time("finished_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(index("article_import", &["site_id", "created_at", "id"])).await?;
        db.create_table(table(
            "article_import_file",
            [
                id("import_id"),
                count("ordinal"),
                text("name"),
                choice("status"),
                maybe_bytes("content"),
                json("articles"),
                json("errors"),
            ],
            &["import_id", "ordinal"],
            &[("import_id", "article_import")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["article_import_file", "article_import"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
