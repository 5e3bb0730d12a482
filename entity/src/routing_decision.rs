//! Why a conversation was given, or offered, to an agent, or to nobody. Rows are never changed.

use sea_orm::entity::prelude::*;

use crate::ids::{ConversationId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "routing_decision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: ConversationId,
    /// 1 for the conversation's first.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub site_id: SiteId,
    /// Who was chosen; null when nobody could be.
    pub chosen: Option<UserId>,
    /// True when it was offered to them, false when it was given.
    pub offered: bool,
    /// What was asked for, who came into question, with what score, and why not.
    #[sea_orm(column_type = "JsonBinary")]
    pub explanation: Json,
    pub decided_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
