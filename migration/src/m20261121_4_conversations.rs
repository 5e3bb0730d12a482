//! Conversations and what is in them.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.create_table(table(
            "conversation",
            [
                id("id"),
                id("site_id"),
                maybe_id("assistant_id"),
                maybe_id("visitor_id"),
                maybe_id("customer_id"),
                choice("status"),
                maybe_text("title"),
                maybe_text("description"),
                maybe_id("assignee_id"),
                flag("assistant_paused"),
                maybe_text("open_key"),
                number("last_seq"),
                maybe_id("last_message_id"),
                ColumnDef::new(Alias::new("last_message_author")).string_len(32).take(),
                maybe_text("last_message_preview"),
                number("last_activity"),
                count("unread_by_staff"),
                count("unread_by_visitor"),
                time("created_at"),
                maybe_time("closed_at"),
            ],
            &["id"],
            &[("site_id", "site"), ("visitor_id", "visitor"), ("customer_id", "user")],
        ))
        .await?;
        db.create_index(where_set(unique("conversation", &["open_key"]), "open_key")).await?;
        db.create_index(index("conversation", &["site_id", "status", "last_activity", "id"])).await?;
        db.create_index(index("conversation", &["site_id", "last_activity", "id"])).await?;
        db.create_index(where_set(index("conversation", &["visitor_id"]), "visitor_id")).await?;
        db.create_index(where_set(index("conversation", &["customer_id"]), "customer_id")).await?;
        db.create_index(where_set(index("conversation", &["assignee_id"]), "assignee_id")).await?;
        db.create_table(table(
            "conversation_tag",
            [id("conversation_id"), text("tag"), id("site_id")],
            &["conversation_id", "tag"],
            &[("conversation_id", "conversation")],
        ))
        .await?;
        db.create_index(index("conversation_tag", &["site_id", "tag"])).await?;
        db.create_table(table(
            "message",
            [
                id("id"),
                id("site_id"),
                id("conversation_id"),
                number("seq"),
                choice("author_kind"),
                maybe_id("author_id"),
                choice("audience"),
                text("body"),
                text("folded"),
                maybe_id("client_id"),
                maybe_bytes("content_hash"),
                maybe_id("run_id"),
                maybe_json("citations"),
                flag("interrupted"),
                time("created_at"),
                maybe_time("edited_at"),
                maybe_time("deleted_at"),
            ],
            &["id"],
            &[("conversation_id", "conversation")],
        ))
        .await?;
        db.create_index(unique("message", &["conversation_id", "seq"])).await?;
        db.create_index(where_set(unique("message", &["site_id", "author_id", "client_id"]), "client_id")).await?;
        db.create_table(table(
            "message_revision",
            [id("message_id"), count("revision"), id("site_id"), text("body"), time("replaced_at")],
            &["message_id", "revision"],
            &[("message_id", "message")],
        ))
        .await?;
        db.create_table(table(
            "reaction",
            [
                id("message_id"),
                id("author_id"),
                text("emoji"),
                choice("author_kind"),
                id("site_id"),
                time("created_at"),
            ],
            &["message_id", "author_id", "emoji"],
            &[("message_id", "message")],
        ))
        .await?;
        db.create_table(table(
            "participant",
            [
                id("conversation_id"),
                id("actor_id"),
                choice("kind"),
                id("site_id"),
                number("delivered_seq"),
                number("read_seq"),
                time("updated_at"),
            ],
            &["conversation_id", "actor_id"],
            &[("conversation_id", "conversation")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["participant", "reaction", "message_revision", "message", "conversation_tag", "conversation"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
