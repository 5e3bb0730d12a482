//! A person on a site, known by a token in their browser.

use sea_orm::entity::prelude::*;

use crate::ids::{SiteId, VisitorId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "visitor")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VisitorId,
    pub site_id: SiteId,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub locale: Option<String>,
    /// Name, address and number folded for search.
    pub folded: String,
    /// Members of the site marked them as important.
    pub vip: bool,
    /// What the site's page told about the visitor: a flat JSON object.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom_data: Json,
    pub created_at: DateTimeUtc,
    pub last_seen_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
