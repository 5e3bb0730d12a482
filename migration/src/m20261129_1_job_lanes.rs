//! Lanes of jobs, leases that fence, and keys that failed jobs no longer block.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn drop_index(name: &'static str) -> IndexDropStatement {
    Index::drop().name(name).table(Alias::new("job")).to_owned()
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        db.drop_index(drop_index("job_key")).await?;
        db.drop_index(drop_index("job_run_at")).await?;
        db.alter_table(add("job", choice("lane").default("BACKGROUND").take())).await?;
        db.alter_table(add("job", flag("held").default(false).take())).await?;
        db.alter_table(add("job", number("lease").default(0).take())).await?;
        db.alter_table(add("job", maybe_number("again_at"))).await?;
        let waiting = |index| where_unset(index, "failed_at");
        db.create_index(waiting(unique("job", &["key"]))).await?;
        db.create_index(waiting(index("job", &["lane", "run_at"]))).await?;
        db.create_index(where_set(index("job", &["failed_at"]), "failed_at")).await?;
        // Work that comes round had a row for each time and each start; the next start orders the one row anew.
        let round = Query::delete()
            .from_table(Alias::new("job"))
            .and_where(Expr::col(Alias::new("kind")).is_in(["trim_journals", "knowledge.check_index"]))
            .take();
        db.execute(round).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in ["job_key", "job_lane_run_at", "job_failed_at"] {
            db.drop_index(drop_index(name)).await?;
        }
        for column in ["again_at", "lease", "held", "lane"] {
            db.alter_table(drop("job", column)).await?;
        }
        // What has failed may share its key, which it could not before.
        let failed = Query::delete()
            .from_table(Alias::new("job"))
            .and_where(Expr::col(Alias::new("failed_at")).is_not_null())
            .take();
        db.execute(failed).await?;
        db.create_index(unique("job", &["key"])).await?;
        db.create_index(index("job", &["run_at"])).await
    }
}
