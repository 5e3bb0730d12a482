//! Who gets a conversation, and the queue of those who wait.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 4] = ["queue_entry", "routing_rules", "routing_turn", "routing_decision"];

/// Columns that other tables get.
const ADDED: [(&str, &str); 5] = [
    ("conversation", "assigned_at"),
    ("conversation", "department_id"),
    ("conversation", "queue_outcome"),
    ("conversation_closing", "handled_seconds"),
    ("visitor", "vip"),
];

fn added(name: &'static str) -> ColumnDef {
    match name {
        "assigned_at" => maybe_time(name),
        "department_id" => maybe_id(name),
        "queue_outcome" => maybe_choice(name),
        "handled_seconds" => ColumnDef::new(Alias::new(name)).big_integer().take(),
        _ => ColumnDef::new(Alias::new(name)).boolean().not_null().default(false).take(),
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for (owner, name) in ADDED {
            db.alter_table(Table::alter().table(Alias::new(owner)).add_column(added(name)).take()).await?;
        }
        let [queue, rules, turn, decision] = TABLES;
        db.create_table(table(
            queue,
            [
                id("conversation_id"),
                id("site_id"),
                time("entered_at"),
                count("head_start"),
                time("deadline_at"),
                json("demand"),
                maybe_id("line"),
                maybe_time("seen_until"),
                maybe_id("offered_to"),
                maybe_time("offer_expires_at"),
                json("declined"),
            ],
            &["conversation_id"],
            &[("conversation_id", "conversation"), ("site_id", "site")],
        ))
        .await?;
        db.create_index(index(queue, &["site_id", "entered_at", "conversation_id"])).await?;
        db.create_index(index(queue, &["deadline_at"])).await?;
        db.create_index(index(queue, &["offer_expires_at"])).await?;
        db.create_index(index(queue, &["seen_until"])).await?;
        db.create_table(table(
            rules,
            [id("site_id"), count("version"), json("settings"), maybe_id("created_by"), time("created_at")],
            &["site_id", "version"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_table(table(turn, [id("site_id"), maybe_id("last")], &["site_id"], &[("site_id", "site")])).await?;
        db.create_table(table(
            decision,
            [
                id("conversation_id"),
                count("number"),
                id("site_id"),
                maybe_id("chosen"),
                flag("offered"),
                json("explanation"),
                time("decided_at"),
            ],
            &["conversation_id", "number"],
            &[("conversation_id", "conversation")],
        ))
        .await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        for (owner, name) in ADDED {
            db.alter_table(Table::alter().table(Alias::new(owner)).drop_column(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
