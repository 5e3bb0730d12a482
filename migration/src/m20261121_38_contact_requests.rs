//! Messages that were left, and calls that are wanted.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "contact_request";

/// A reference that becomes null when what it refers to goes.
fn loose(name: &'static str, target: &str) -> ColumnDef {
    maybe_id(name).extra(format!(r#"REFERENCES "{target}" ("id") ON DELETE SET NULL"#)).take()
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            TABLE,
            [
                id("id"),
                id("site_id"),
                choice("kind"),
                choice("status"),
                maybe_id("visitor_id"),
                maybe_id("customer_id"),
                loose("conversation_id", "conversation"),
                loose("department_id", "department"),
                maybe_text("name"),
                maybe_text("email"),
                maybe_text("phone"),
                maybe_text("body"),
                maybe_time("earliest_at"),
                maybe_time("latest_at"),
                bytes("content_hash"),
                loose("assignee_id", "user"),
                time("created_at"),
                maybe_time("resolved_at"),
                loose("resolved_by", "user"),
                maybe_text("resolution"),
            ],
            &["id"],
            &[("site_id", "site"), ("visitor_id", "visitor"), ("customer_id", "user")],
        ))
        .await?;
        db.create_index(index(TABLE, &["site_id", "created_at", "id"])).await?;
        db.create_index(index(TABLE, &["site_id", "status", "created_at", "id"])).await?;
        db.create_index(where_set(index(TABLE, &["conversation_id"]), "conversation_id")).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_table(Table::drop().table(Alias::new(TABLE)).take()).await
    }
}
