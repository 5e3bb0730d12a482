//! An AI assistant of a site or of a customer.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ids::{AssistantId, SiteId, UserId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "assistant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AssistantId,
    pub site_id: SiteId,
    /// The customer who made it, when it is a customer's own.
    pub owner_id: Option<UserId>,
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub instructions: String,
    pub provider: Provider,
    /// The provider's name of the model; null means the server's default for that provider.
    pub model: Option<String>,
    pub temperature: f64,
    pub max_tokens: i32,
    /// BCP 47 language the assistant falls back to.
    pub language: String,
    #[sea_orm(column_type = "Text")]
    pub welcome_text: String,
    /// Off: no new answers.
    pub enabled: bool,
    /// Registered customers may talk to it, too.
    pub open_to_customers: bool,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
}

/// Who writes an assistant's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "AssistantProvider")]
pub enum Provider {
    /// The built-in answerer: quotes the passages of published articles that fit best. Needs no service and no key.
    BuiltIn,
    /// Any endpoint that speaks the OpenAI chat-completions protocol, as configured on the server.
    OpenaiCompatible,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
