//! An AI assistant of a site or of a customer.

use async_graphql::Enum;
use sea_orm::{FromJsonQueryResult, entity::prelude::*};
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
    /// Where the provider is reached; null means the server's address for that provider.
    pub base_url: Option<String>,
    /// The assistant's own key, encrypted for its provider and address.
    #[sea_orm(column_type = "Text", nullable)]
    pub api_key: Option<String>,
    /// The key's last characters, so that people can tell keys apart.
    pub api_key_hint: Option<String>,
    /// Who is asked where the provider fails, in this order.
    #[sea_orm(column_type = "JsonBinary")]
    pub fallbacks: Fallbacks,
    /// Where the assistant has local and cloud models, simple questions go to the local ones first.
    pub route_by_complexity: bool,
    pub temperature: f64,
    pub max_tokens: i32,
    /// BCP 47 language the assistant falls back to.
    pub language: String,
    #[sea_orm(column_type = "Text")]
    pub welcome_text: String,
    /// What a widget offers to ask.
    pub suggested_questions: Questions,
    /// An `https` address, or a path on the page that shows it.
    #[sea_orm(column_type = "Text", nullable)]
    pub avatar_url: Option<String>,
    /// Below this confidence (0 to 1) it abstains; null takes what was measured for its provider.
    pub confidence_threshold: Option<f64>,
    /// How long a short message waits for the next one before it is answered, in milliseconds.
    pub debounce_ms: i32,
    /// Off: no new answers.
    pub enabled: bool,
    /// A customer pays one credit for each new conversation with it.
    pub charges_credit: bool,
    /// Registered customers may talk to it, too.
    pub open_to_customers: bool,
    /// Grows by one with each change.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
}

/// Questions, in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Questions(pub Vec<String>);

/// Providers to ask one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Fallbacks(pub Vec<Fallback>);

/// A provider with its settings; the fields mean what they mean in the assistant's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    pub provider: Provider,
    pub model: Option<String>,
    pub base_url: Option<String>,
    pub api_key: Option<String>,
    pub api_key_hint: Option<String>,
}

/// Who writes an assistant's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "AssistantProvider")]
pub enum Provider {
    /// The built-in answerer: quotes the passages of published articles that fit best. Needs no service and no key.
    BuiltIn,
    /// Any endpoint that speaks the OpenAI chat-completions protocol: the server's, or one at the assistant's `baseUrl`.
    OpenaiCompatible,
    /// OpenAI. Needs a key.
    Openai,
    /// Azure OpenAI: the address is the resource's (`https://name.openai.azure.com`), the model is a deployment's name.
    /// Needs a key.
    AzureOpenai,
    /// Mistral. Needs a key.
    Mistral,
    /// A server of Ollama: the server's, or one at the assistant's `baseUrl`.
    Ollama,
    /// Anthropic. Needs a key.
    Anthropic,
    /// Google Gemini. Needs a key.
    Gemini,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
