//! A tenant: a shop, a university, a product.

use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::ids::{SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SiteId,
    pub name: String,
    /// Public: stands in the page that carries the widget. Unique.
    pub public_key: String,
    pub allowed_origins: Origins,
    /// BCP 47 language of texts that have none of their own.
    pub locale: String,
    /// Personal data is masked before a prompt goes to a cloud provider.
    pub mask_personal_data: bool,
    /// IANA name of the time zone in which the site's days begin.
    pub time_zone: String,
    /// What language models may cost on one of these days, in millionths of a US dollar; null for no limit.
    pub daily_ai_budget_micros: Option<i64>,
    /// Words that make a question a hard one; null for the usual ones.
    pub complexity_terms: Option<Terms>,
    /// Set on the private space of a registered customer; such a site has no members and no visitors. Unique.
    pub owner_id: Option<UserId>,
    /// Grows by one with each change.
    pub version: i32,
    pub created_at: DateTimeUtc,
}

/// Origins (`https://shop.example`) whose pages may start visitor sessions; none means any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Origins(pub Vec<String>);

/// Words and short phrases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Terms(pub Vec<String>);

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
