//! How far one participant has received and read a conversation.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{ConversationId, SiteId},
    message::AuthorKind,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "participant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: ConversationId,
    /// Visitor or user, by `kind`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor_id: Uuid,
    pub kind: AuthorKind,
    pub site_id: SiteId,
    /// Number of the newest message that reached a device of theirs; never falls.
    pub delivered_seq: i64,
    /// Number of the newest message they have read; never falls.
    pub read_seq: i64,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
