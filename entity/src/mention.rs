//! A member of a site who was mentioned in an internal note.

use sea_orm::entity::prelude::*;

use crate::ids::{ConversationId, MessageId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mention")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub site_id: SiteId,
    pub conversation_id: ConversationId,
    /// When the note was written.
    pub created_at: DateTimeUtc,
    /// When the mentioned one read it; null before.
    pub read_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
