//! A wish of a visitor or customer that somebody gets in touch with them: a message left, or a call to be made.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{ContactRequestId, ConversationId, DepartmentId, SiteId, UserId, VisitorId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContactRequestId,
    pub site_id: SiteId,
    pub kind: Kind,
    pub status: Status,
    /// Who asks, when it is a visitor.
    pub visitor_id: Option<VisitorId>,
    /// Who asks, when it is a person with an account.
    pub customer_id: Option<UserId>,
    /// The conversation of theirs that it is about.
    pub conversation_id: Option<ConversationId>,
    /// The department it is for.
    pub department_id: Option<DepartmentId>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// What they wrote; null for a call without a note.
    #[sea_orm(column_type = "Text", nullable)]
    pub body: Option<String>,
    /// When a call suits them: not before …
    pub earliest_at: Option<DateTimeUtc>,
    /// … and not after.
    pub latest_at: Option<DateTimeUtc>,
    /// The member of the site who sees to it.
    pub assignee_id: Option<UserId>,
    pub created_at: DateTimeUtc,
    /// When it was done with; null while open.
    pub resolved_at: Option<DateTimeUtc>,
    /// Who did it.
    pub resolved_by: Option<UserId>,
    /// What came of it, in their words.
    #[sea_orm(column_type = "Text", nullable)]
    pub resolution: Option<String>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ContactRequestKind")]
pub enum Kind {
    /// A reply to a message that was left.
    Message,
    /// A call.
    Callback,
}

/// Whether somebody has got in touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ContactRequestStatus")]
pub enum Status {
    /// It waits for somebody.
    Open,
    /// It is done with.
    Resolved,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
