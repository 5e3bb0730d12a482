//! An emergency of a site: what visitors are told instead of being connected. A site without a row never had one.

use sea_orm::entity::prelude::*;

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "emergency")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    /// It was switched on and nobody switched it off; it counts until `until` all the same.
    pub enabled: bool,
    /// What visitors are told.
    pub message: Option<String>,
    /// The assistant goes on answering.
    pub allow_ai: bool,
    /// Tickets can be filed.
    pub allow_tickets: bool,
    /// When it ends by itself.
    pub until: Option<DateTimeUtc>,
    /// Grows by one with each change.
    pub version: i32,
    /// When it was last switched on, off or changed.
    pub changed_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
