//! Knowledge articles, their versions and passages.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "article",
            [
                id("id"),
                id("site_id"),
                maybe_id("author_id"),
                text("title"),
                text("title_folded"),
                text("slug"),
                text("body"),
                text("language"),
                choice("status"),
                choice("visibility"),
                count("version"),
                ColumnDef::new(Alias::new("indexed_version")).integer().take(),
                ColumnDef::new(Alias::new("index_revision")).big_integer().take(),
                time("created_at"),
                time("updated_at"),
                maybe_time("published_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(unique("article", &["site_id", "slug"])).await?;
        db.create_index(index("article", &["site_id", "created_at", "id"])).await?;
        db.create_index(where_set(index("article", &["site_id", "published_at", "id"]), "published_at")).await?;
        db.create_index(where_set(index("article", &["site_id", "index_revision"]), "index_revision")).await?;
        db.create_table(table("index_head", [id("site_id"), number("revision")], &["site_id"], &[("site_id", "site")]))
            .await?;
        db.create_table(table(
            "article_version",
            [id("article_id"), count("version"), id("site_id"), text("title"), text("body"), time("created_at")],
            &["article_id", "version"],
            &[("article_id", "article")],
        ))
        .await?;
        db.create_table(table(
            "chunk",
            [
                id("id"),
                id("site_id"),
                id("article_id"),
                count("version"),
                count("ordinal"),
                text("text"),
                count("start_byte"),
                count("end_byte"),
                text("model"),
                bytes("vectors"),
                count("dimension"),
            ],
            &["id"],
            &[("article_id", "article")],
        ))
        .await?;
        db.create_index(unique("chunk", &["article_id", "version", "ordinal"])).await?;
        db.create_index(index("chunk", &["site_id"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["chunk", "article_version", "index_head", "article"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
