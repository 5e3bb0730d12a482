//! What happened in a site, in order: one line a fact.

use sea_orm::entity::prelude::*;

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    /// 1, 2, 3 … within the site; becomes visible in this order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// What the line is about: the UUID of a conversation, article …
    pub subject: Uuid,
    /// `message.posted`
    pub kind: String,
    /// The fact as JSON text; only the feature that wrote it looks inside.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// Who did it, as an opaque id; null for the system.
    pub actor: Option<String>,
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
