//! What articles are found by and how they are received: description, category, tags, views, ratings.

use sea_orm_migration::prelude::*;

use crate::columns::*;

const NEW: [&str; 6] = ["description", "category", "category_folded", "views", "helpful", "unhelpful"];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            maybe_text("description"),
            maybe_text("category"),
            maybe_text("category_folded"),
            number("views").default(0).take(),
            count("helpful").default(0).take(),
            count("unhelpful").default(0).take(),
        ];
        // SQLite adds one column a statement.
        for mut column in columns {
            db.alter_table(Table::alter().table(Alias::new("article")).add_column(&mut column).take()).await?;
        }
        db.create_table(table(
            "article_tag",
            [id("article_id"), text("tag_folded"), text("tag"), id("site_id")],
            &["article_id", "tag_folded"],
            &[("article_id", "article")],
        ))
        .await?;
        db.create_index(index("article_tag", &["site_id", "tag_folded"])).await?;
        db.create_table(table(
            "article_rating",
            [id("article_id"), id("reader"), flag("helpful"), time("rated_at")],
            &["article_id", "reader"],
            &[("article_id", "article")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["article_rating", "article_tag"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        for column in NEW {
            db.alter_table(Table::alter().table(Alias::new("article")).drop_column(Alias::new(column)).take()).await?;
        }
        Ok(())
    }
}
