//! What a message said before it was edited or deleted; kept for audit.

use sea_orm::entity::prelude::*;

use crate::ids::{MessageId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_revision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    /// 1 for the text first sent.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i32,
    pub site_id: SiteId,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// When this text was replaced.
    pub replaced_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
