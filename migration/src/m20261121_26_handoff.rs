//! Conversations that wait for a person.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TIMES: [&str; 3] = ["human_requested_at", "human_joined_at", "person_offered_at"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in TIMES {
            db.alter_table(add("conversation", maybe_time(name))).await?;
        }
        db.alter_table(add("conversation", maybe_choice("handoff_reason"))).await?;
        // Few wait at a time.
        let waiting = index("conversation", &["site_id", "human_requested_at"]);
        db.create_index(where_set(waiting, "human_requested_at")).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let waiting = "conversation_site_id_human_requested_at";
        db.drop_index(Index::drop().name(waiting).table(Alias::new("conversation")).to_owned()).await?;
        db.alter_table(drop("conversation", "handoff_reason")).await?;
        for name in TIMES {
            db.alter_table(drop("conversation", name)).await?;
        }
        Ok(())
    }
}
