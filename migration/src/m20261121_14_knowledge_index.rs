//! By which embedder a site's index is made, how a rebuild comes along, and vectors of texts that were embedded before.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What is indexed already was made by one embedder, the built-in one.
const FROM_CHUNKS: &str = "UPDATE index_head SET \
    model = (SELECT MIN(model) FROM chunk WHERE chunk.site_id = index_head.site_id), \
    dimension = (SELECT MIN(dimension) FROM chunk WHERE chunk.site_id = index_head.site_id)";

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let dimension = ColumnDef::new(Alias::new("dimension")).integer().take();
        for mut column in [maybe_text("model"), dimension] {
            db.alter_table(Table::alter().table(Alias::new("index_head")).add_column(&mut column).take()).await?;
        }
        db.get_connection().execute_unprepared(FROM_CHUNKS).await?;
        db.create_table(table(
            "index_build",
            [
                id("site_id"),
                number("number"),
                count("total"),
                count("done"),
                count("failed"),
                maybe_id("cursor"),
                time("started_at"),
                maybe_time("finished_at"),
            ],
            &["site_id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_table(table(
            "embedding",
            [text("hash"), text("model"), count("dimension"), bytes("vectors"), time("used_at")],
            &["hash"],
            &[],
        ))
        .await?;
        db.create_index(index("embedding", &["used_at"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["embedding", "index_build"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        for column in ["model", "dimension"] {
            let head = Table::alter().table(Alias::new("index_head")).drop_column(Alias::new(column)).take();
            db.alter_table(head).await?;
        }
        Ok(())
    }
}
