//! A provider that does not answer a site, as all nodes know it. The row goes as soon as it answers one of them.

use sea_orm::entity::prelude::*;

use crate::{assistant::Provider, ids::SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_trouble")]
pub struct Model {
    /// Of the site, the provider, the model and the address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub site_id: SiteId,
    pub provider: Provider,
    pub model: Option<String>,
    /// Why it did not answer at last, by the name that it has in the schema.
    pub reason: String,
    /// In a row.
    pub failures: i64,
    /// Since when the staff of the site know; absent while it may pass by itself.
    pub told_at: Option<DateTimeUtc>,
    /// When it failed last.
    pub failed_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
