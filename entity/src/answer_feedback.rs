//! What the visitor or customer of a conversation thinks of an assistant's message.

use sea_orm::entity::prelude::*;

use crate::ids::{AssistantId, MessageId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "answer_feedback")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    pub site_id: SiteId,
    /// Who wrote the message.
    pub assistant_id: AssistantId,
    pub helpful: bool,
    #[sea_orm(column_type = "Text", nullable)]
    pub comment: Option<String>,
    /// When the message was sent.
    pub answered_at: DateTimeUtc,
    /// When it was rated, last.
    pub rated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
