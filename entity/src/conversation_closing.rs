//! One end of a conversation: why, who had it then, and how content its visitor was. A conversation that was rated,
//! reopened and closed again has several.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation_closing")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: ConversationId,
    /// Rises with each closing of the conversation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub site_id: SiteId,
    /// To whom the conversation was given when it was closed.
    pub assignee_id: Option<UserId>,
    /// Seconds that the assignee had it; null without one.
    pub handled_seconds: Option<i64>,
    pub reason: Option<CloseReason>,
    /// For members of the site only.
    #[sea_orm(column_type = "Text", nullable)]
    pub note: Option<String>,
    pub closed_at: DateTimeUtc,
    /// 1 to 5; null until it is rated.
    pub score: Option<i32>,
    #[sea_orm(column_type = "Text", nullable)]
    pub comment: Option<String>,
    /// When it was rated first.
    pub rated_at: Option<DateTimeUtc>,
}

/// Why a conversation was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CloseReason {
    /// What was asked is answered.
    Resolved,
    /// The visitor does not answer any more.
    NoResponse,
    /// Nothing was really asked.
    Spam,
    /// The same is talked about elsewhere.
    Duplicate,
    /// Something else; a note may say what.
    Other,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
