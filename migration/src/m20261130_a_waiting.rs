//! The assistant can help whoever waits, who keeps their place; and the site asks for a person once for each message.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Who does not wait is not helped meanwhile.
const CHECK: &str = "assistant_helps = FALSE OR attention = 'WAITING'";

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let helps = flag("assistant_helps").default(false).check(Expr::cust(CHECK)).take();
        db.alter_table(add("conversation", helps)).await?;
        db.alter_table(add("conversation", number("called_seq").default(0).take())).await?;
        db.alter_table(add("conversation", number("waited_seq").default(0).take())).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.alter_table(drop("conversation", "waited_seq")).await?;
        db.alter_table(drop("conversation", "called_seq")).await?;
        db.alter_table(drop("conversation", "assistant_helps")).await
    }
}
