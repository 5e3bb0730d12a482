//! What an agent says about their availability on a site. Who has no row is available.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_state")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub state: Availability,
    /// In their own words.
    pub text: Option<String>,
    /// When they are available again by themselves.
    pub until: Option<DateTimeUtc>,
    /// Since when it is so.
    pub since: DateTimeUtc,
}

/// What an agent says about themself. Offline is none of them: it follows from no dashboard being open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Availability {
    /// Gets new conversations.
    Available,
    /// Has much to do and gets new conversations all the same.
    Busy,
    /// Is not at their place: no new conversations, the present ones go on.
    Away,
    /// Has a break: as away.
    OnBreak,
    /// Does not want to be disturbed: as away.
    DoNotDisturb,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
