//! Background work that must not be lost.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::JobId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    pub kind: String,
    /// Whose turn it competes for.
    pub lane: Lane,
    /// Names the work: among the jobs that have not failed no other has it.
    pub key: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// Microseconds since 1970: not to be taken before then. While a worker holds the job, the end of its lease.
    pub run_at: i64,
    /// A worker has it, or had it and died.
    pub held: bool,
    /// How often it was taken. Who took it may end it only while this stands as it was then.
    pub lease: i64,
    /// When to do it once more, because it was ordered again while it was held.
    pub again_at: Option<i64>,
    /// Tries since it was ordered, the present one included.
    pub attempts: i32,
    /// Set once it has failed for good.
    pub failed_at: Option<DateTimeUtc>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
}

/// Which jobs wait for one another. Each lane has workers of its own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "JobLane")]
pub enum Lane {
    /// Somebody waits for it: answers, offers of a person, the queue.
    Interactive,
    /// Small work for which nobody waits: summaries, upkeep.
    Background,
    /// Work that comes in thousands or takes minutes: indexing, imports, evaluations.
    Bulk,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
