//! Something that was made under an id that whoever asked for it gave it. Rows stay for a while when
//! what was made is gone, so that a repetition makes no second one.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "creation")]
pub struct Model {
    /// Of who asked, for what, and the id they gave.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What a repetition is compared by.
    pub content_hash: Vec<u8>,
    /// The id of what was made.
    pub made: Uuid,
    /// What was answered, where that is more than what was made.
    pub told: Option<Json>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
