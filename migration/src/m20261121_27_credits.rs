//! Credits of customers: what a conversation with some assistants costs.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CREDITS: [&str; 2] = ["credits_granted", "credits_left"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in CREDITS {
            // As many as everybody gets at sign-up.
            db.alter_table(add("user", count(name).default(1).take())).await?;
        }
        db.alter_table(add("assistant", flag("charges_credit").default(false).take())).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in CREDITS {
            db.alter_table(drop("user", name)).await?;
        }
        db.alter_table(drop("assistant", "charges_credit")).await
    }
}
