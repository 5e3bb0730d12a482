//! One call to a language model, for the books. Outlives the assistant and the run it was made for.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    assistant::Provider,
    ids::{AssistantId, RunId, SiteId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub site_id: SiteId,
    pub assistant_id: AssistantId,
    /// The run it was made for, if for one.
    pub run_id: Option<RunId>,
    pub purpose: Purpose,
    pub provider: Provider,
    /// The provider's name of the model, where one was named.
    pub model: Option<String>,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    /// The provider did not say how many tokens it counted: they are a guess from the length of the texts.
    pub estimated: bool,
    /// In millionths of a US dollar; null where the price of the model is not known.
    pub cost_micros: Option<i64>,
    pub ok: bool,
    /// Why it failed, as the API names it.
    pub failure: Option<String>,
    /// The day in the site's time zone on which it began.
    pub day: Date,
    pub created_at: DateTimeUtc,
}

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "AiPurpose")]
pub enum Purpose {
    /// The answer to a visitor or customer.
    Answer,
    /// The summary for an agent who takes a conversation over.
    Summary,
    /// A test of an assistant's provider.
    Test,
    /// A question with a known answer, to measure an assistant by.
    Evaluation,
    /// The draft of a reply, for an agent.
    Draft,
    /// The draft of an article from what agents replied.
    Article,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
