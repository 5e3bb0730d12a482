//! Vectors of a passage that was embedded before, so that the same text costs nothing again. A cache: never truth.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "embedding")]
pub struct Model {
    /// SHA-256 of the model and the texts, in hexadecimal digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    pub model: String,
    pub dimension: i32,
    /// As in `chunk`.
    pub vectors: Vec<u8>,
    /// About when it was last of use; what is not for long is removed.
    pub used_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
