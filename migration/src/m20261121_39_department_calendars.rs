//! Departments have calendars of their own, which go with them.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 2] = ["business_hours", "special_day"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            // SQLite takes a reference to a table that is there with the column alone.
            let of = r#"REFERENCES "department" ("id") ON DELETE CASCADE"#;
            db.alter_table(add(table, maybe_id("department_id").extra(of).take())).await?;
            db.create_index(where_set(index(table, &["department_id"]), "department_id")).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            // What is left is the site's.
            let of_departments = Query::delete()
                .from_table(Alias::new(table))
                .and_where(Expr::col(Alias::new("department_id")).is_not_null())
                .to_owned();
            db.execute(of_departments).await?;
            let name = format!("{table}_department_id");
            db.drop_index(Index::drop().name(name).table(Alias::new(table)).to_owned()).await?;
            db.alter_table(drop(table, "department_id")).await?;
        }
        Ok(())
    }
}
