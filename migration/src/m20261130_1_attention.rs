//! Who attends a conversation: one value, which the database checks.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The values that the columns can have together.
const CHECK: &str = "(status = 'CLOSED') = (attention = 'CLOSED') \
    AND (attention <> 'ASSISTANT' OR (assignee_id IS NULL AND human_requested_at IS NULL)) \
    AND (attention <> 'WAITING' OR (human_requested_at IS NOT NULL AND human_joined_at IS NULL AND queue_outcome IS NULL)) \
    AND (attention <> 'PERSON' OR assignee_id IS NOT NULL) \
    AND ((assigned_at IS NOT NULL) = (assignee_id IS NOT NULL AND attention IN ('PERSON', 'CLOSED'))) \
    AND ((human_requested_at IS NULL) = (handoff_reason IS NULL)) \
    AND (human_requested_at IS NOT NULL OR human_joined_at IS NULL) \
    AND (attention = 'ASSISTANT' OR person_offered_at IS NULL)";

/// The last reply of a person that somebody waited for: since when, and when it came.
const REPLY: [&str; 2] = ["reply_awaited_at", "replied_at"];

/// Conversations get the value that comes next to what they were. Who was silenced and is with nobody, and waits nowhere,
/// has the assistant again.
const VALUES: [&str; 6] = [
    "UPDATE conversation SET reply_awaited_at = human_requested_at, replied_at = human_joined_at \
     WHERE human_requested_at IS NOT NULL AND human_joined_at IS NOT NULL",
    "UPDATE conversation SET attention = CASE WHEN status = 'CLOSED' THEN 'CLOSED' \
     WHEN EXISTS (SELECT 1 FROM queue_entry AS entry WHERE entry.conversation_id = conversation.id) THEN 'WAITING' \
     WHEN assignee_id IS NOT NULL THEN 'PERSON' ELSE 'ASSISTANT' END",
    "UPDATE conversation SET assignee_id = NULL, assigned_at = NULL, human_requested_at = NULL \
     WHERE attention = 'ASSISTANT'",
    "UPDATE conversation SET assignee_id = NULL, assigned_at = NULL, human_joined_at = NULL, queue_outcome = NULL, \
     human_requested_at = COALESCE(human_requested_at, created_at) WHERE attention = 'WAITING'",
    "UPDATE conversation SET person_offered_at = NULL WHERE attention <> 'ASSISTANT'",
    "UPDATE conversation SET \
     assigned_at = CASE WHEN assignee_id IS NULL THEN NULL ELSE COALESCE(assigned_at, created_at) END, \
     handoff_reason = CASE WHEN human_requested_at IS NULL THEN NULL ELSE COALESCE(handoff_reason, 'VISITOR') END, \
     human_joined_at = CASE WHEN human_requested_at IS NULL THEN NULL ELSE human_joined_at END",
];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(add("conversation", choice("attention").default("ASSISTANT").take())).await?;
        db.alter_table(add("conversation", number("opened_seq").default(0).take())).await?;
        db.alter_table(add("conversation", number("resumed_seq").default(0).take())).await?;
        for column in REPLY {
            db.alter_table(add("conversation", maybe_time(column))).await?;
        }
        let connection = db.get_connection();
        for value in VALUES {
            connection.execute_unprepared(value).await?;
        }
        db.alter_table(drop("conversation", "assistant_paused")).await?;
        // SQLite adds a check with a column only.
        if db.get_database_backend() == DbBackend::Postgres {
            db.alter_table(add("conversation", maybe_time("queue_left_at"))).await?;
            let check = format!("ALTER TABLE conversation ADD CONSTRAINT conversation_attention CHECK ({CHECK})");
            connection.execute_unprepared(&check).await?;
        } else {
            let column = "ALTER TABLE conversation ADD COLUMN queue_left_at timestamp_with_timezone_text";
            connection.execute_unprepared(&format!("{column} CHECK ({CHECK})")).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(drop("conversation", "queue_left_at")).await?;
        if db.get_database_backend() == DbBackend::Postgres {
            let check = "ALTER TABLE conversation DROP CONSTRAINT IF EXISTS conversation_attention";
            db.get_connection().execute_unprepared(check).await?;
        }
        db.alter_table(add("conversation", flag("assistant_paused").default(false).take())).await?;
        let paused = "UPDATE conversation SET assistant_paused = TRUE WHERE attention IN ('WAITING', 'PERSON')";
        db.get_connection().execute_unprepared(paused).await?;
        for column in ["attention", "opened_seq", "resumed_seq"].into_iter().chain(REPLY) {
            db.alter_table(drop("conversation", column)).await?;
        }
        Ok(())
    }
}
