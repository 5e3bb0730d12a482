//! Background work that must not be lost.

use sea_orm::entity::prelude::*;

use crate::ids::JobId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    pub kind: String,
    /// At most one waiting job has it.
    pub key: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// Microseconds since 1970: not before then. Moves on while a worker holds the job: its lease.
    pub run_at: i64,
    pub attempts: i32,
    /// Set once it has failed for good.
    pub failed_at: Option<DateTimeUtc>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
