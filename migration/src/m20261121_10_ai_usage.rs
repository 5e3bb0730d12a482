//! What language models cost: calls, days, and what is set aside; a site's time zone and budget.

use sea_orm_migration::{prelude::*, sea_query::ColumnDef};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// 10 US dollars, in millionths.
const BUDGET: i64 = 10_000_000;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let budget = ColumnDef::new(Alias::new("daily_ai_budget_micros")).big_integer().default(BUDGET).take();
        for column in [text("time_zone").default("UTC").take(), budget, maybe_json("complexity_terms")] {
            db.alter_table(add("site", column)).await?;
        }
        db.create_table(table(
            "ai_usage",
            [
                id("id"),
                id("site_id"),
                id("assistant_id"),
                maybe_id("run_id"),
                choice("purpose"),
                choice("provider"),
                maybe_text("model"),
                number("prompt_tokens"),
                number("completion_tokens"),
                flag("estimated"),
                ColumnDef::new(Alias::new("cost_micros")).big_integer().take(),
                flag("ok"),
                maybe_text("failure"),
                day(),
                time("created_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(index("ai_usage", &["site_id", "day"])).await?;
        db.create_table(table(
            "ai_day",
            [id("site_id"), day(), number("spent_micros")],
            &["site_id", "day"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_table(table(
            "ai_reservation",
            [
                id("id"),
                id("site_id"),
                id("assistant_id"),
                maybe_id("run_id"),
                choice("purpose"),
                choice("provider"),
                maybe_text("model"),
                day(),
                number("cost_micros"),
                time("expires_at"),
            ],
            &["id"],
            &[("site_id", "site")],
        ))
        .await?;
        db.create_index(index("ai_reservation", &["site_id", "day"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["ai_reservation", "ai_day", "ai_usage"] {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        for name in ["complexity_terms", "daily_ai_budget_micros", "time_zone"] {
            db.alter_table(drop("site", name)).await?;
        }
        Ok(())
    }
}

/// A day of a site.
fn day() -> ColumnDef {
    ColumnDef::new(Alias::new("day")).date().not_null().take()
}
