//! How a site finds and uses its knowledge; a site without a row has the defaults.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "knowledge_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    pub fusion: Fusion,
    /// Used by `Fusion::Custom`.
    pub text_weight: f64,
    /// Used by `Fusion::Custom`.
    pub vector_weight: f64,
    /// Passages below are not used; compared after fusion.
    pub min_score: f64,
    /// Characters of passages that a prompt may hold.
    pub context_characters: i32,
    /// Grows by one with each change.
    pub version: i32,
}

/// How the scores of words and of meaning become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))")]
pub enum Fusion {
    /// `vector + text²`, where text is the share of the question's words that a passage covers. Found the most right
    /// answers where it was measured, in one language and across languages.
    #[sea_orm(string_value = "MEASURED")]
    Measured,
    /// `0.7 · text + 0.3 · vector`, text divided by that of the best passage. Finds fewer right answers, above all where
    /// question and article are in different languages.
    #[sea_orm(string_value = "TEXT_70_VECTOR_30")]
    #[graphql(name = "TEXT_70_VECTOR_30")]
    Text70Vector30,
    /// `textWeight · text + vectorWeight · vector`, text divided by that of the best passage.
    #[sea_orm(string_value = "CUSTOM")]
    Custom,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
