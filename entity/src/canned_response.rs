//! A text that agents send again and again, found by its shortcut.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{CannedResponseId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "canned_response")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CannedResponseId,
    pub site_id: SiteId,
    pub scope: Scope,
    /// Whose it is, when it is somebody's own; null when it is the site's.
    pub owner_id: Option<UserId>,
    /// Who made it.
    pub author_id: UserId,
    /// As it is typed, with its slash.
    pub shortcut: String,
    /// Folded, without the slash. Unique among the site's, and among a person's own in a site.
    pub shortcut_folded: String,
    pub title: String,
    /// Markdown with variables.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    /// Title and text, folded for search.
    #[sea_orm(column_type = "Text")]
    pub folded: String,
    /// How often it was put into a conversation.
    pub uses: i64,
    /// Grows by one with each change.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// Who may use a canned response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "CannedResponseScope")]
pub enum Scope {
    /// All members of the site; its admins write it.
    Site,
    /// Only who wrote it.
    Own,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
