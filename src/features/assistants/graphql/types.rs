//! What the API shows of assistants.

use std::collections::HashMap;

use ::entity::{
    assistant::{self, Provider},
    ids::{AssistantId, SiteId, UserId},
};
use async_graphql::{ComplexObject, Context, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::{
    asking::Candidate,
    keys::{self, Link},
    model, store,
};
use crate::{
    kernel::{Ctx, CtxExt, Error, Permission, Result, loader::Batch},
    ports::ai::{CircuitState, Health},
};

/// An assistant with all its settings, for the members of its site or the customer whose own it is. Others see its
/// `AssistantProfile`.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Assistant {
    /// Opaque id, `asst_…`.
    pub(crate) id: AssistantId,
    /// The site it belongs to; for a customer's own, the customer's private space, which is no site to ask for.
    site_id: SiteId,
    /// The customer whose own it is; null for a site's.
    owner_id: Option<UserId>,
    /// Its name, as visitors and customers see it.
    name: String,
    /// What it is told before each conversation: who it is, how it writes, what it must not do.
    instructions: String,
    /// Who writes its answers.
    provider: Provider,
    /// The provider's name of the model; null means the server's default.
    model: Option<String>,
    /// Where the provider is reached; null means the server's address for that provider.
    base_url: Option<String>,
    /// True when it has a key of its own; without one, the server's key for the provider is used. Keys are never shown.
    has_api_key: bool,
    /// The last four characters of its own key; null where there is none, or it is too short to show any of it.
    api_key_hint: Option<String>,
    /// Whether simple questions go to its local models first, and hard ones to its cloud models; without effect where it has
    /// models of one kind only. A question counts 3 for more than 200 characters, 2 for two or more question marks, and 4
    /// for one of the site's `complexityTerms`; from 5 on it is a hard one.
    route_by_complexity: bool,
    /// How freely it writes, 0 to 2; the built-in answerer quotes and does not use it.
    temperature: f64,
    /// How long its answers are at most, in the model's tokens.
    max_tokens: i32,
    /// The language it falls back to when that of a question is not clear (BCP 47).
    language: String,
    /// What it greets with; empty for nothing.
    welcome_text: String,
    /// Questions that a widget offers to ask with a tap.
    suggested_questions: Vec<String>,
    /// Its picture: an `https` address, or a path on the page that shows it. Null when it has none.
    avatar_url: Option<String>,
    /// Below this confidence (0 to 1) it says that it does not know and offers a person; null takes what was measured for
    /// its kind of provider.
    confidence_threshold: Option<f64>,
    /// How long a short message waits for the next one before it is answered, in milliseconds: several in a row are
    /// answered together. What looks complete is answered at once.
    debounce_ms: i32,
    /// False while it is switched off: it starts no conversations and writes no answers.
    enabled: bool,
    /// True when a customer pays one credit for each new conversation with it.
    charges_credit: bool,
    /// True when every registered customer may talk to it, not only the site's visitors.
    open_to_customers: bool,
    /// Grows by one with each change of the settings; `updateAssistant` takes it as `expectedVersion`.
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When a setting was changed last.
    updated_at: DateTime<Utc>,
    #[graphql(skip)]
    row: Box<assistant::Model>,
}

#[ComplexObject]
impl Assistant {
    /// Whom it asks, in this order: its own provider, then its fallbacks. A provider that fails before its first word is
    /// followed by the next; last comes the built-in answerer, which is not listed. Empty where that is its provider.
    async fn models(&self, ctx: &Context<'_>) -> Vec<AssistantModel> {
        let cx = ctx.cx();
        keys::links(&self.row).map(|link| AssistantModel::new(cx, self.id, &link)).collect()
    }
}

/// A provider that an assistant asks.
#[derive(SimpleObject)]
struct AssistantModel {
    /// Who is asked.
    provider: Provider,
    /// The provider's name of the model: the assistant's, or the server's for this provider; null where none is named.
    model: Option<String>,
    /// Where the provider is reached; null means the server's address for that provider.
    base_url: Option<String>,
    /// True when the assistant has a key of its own for it.
    has_api_key: bool,
    /// The last four characters of that key; null where there is none, or it is too short to show any of it.
    api_key_hint: Option<String>,
    /// True for models on hardware of your own, which are asked whatever the budget says: those of Ollama, and
    /// OpenAI-compatible ones in a private network.
    local: bool,
    /// What a million tokens of prompts cost, in US dollars; null where the server knows no price for the model.
    input_price_usd: Option<f64>,
    /// What a million tokens of answers cost, in US dollars; null where the server knows no price for the model.
    output_price_usd: Option<f64>,
    /// How the provider does, as this node of the server sees it; null where the key cannot be read any more.
    circuit: Option<ModelCircuit>,
}

/// The circuit breaker of a provider's address and key: a provider that fails several times in a row is left alone for a
/// while, so that it slows nobody down.
#[derive(SimpleObject)]
struct ModelCircuit {
    /// Where it stands.
    state: CircuitState,
    /// How many times in a row the provider failed.
    failures: u32,
    /// When the provider is asked again; null while the circuit is closed.
    retry_at: Option<DateTime<Utc>>,
}

impl AssistantModel {
    fn new(cx: &Ctx, id: AssistantId, link: &Link<'_>) -> Self {
        let candidate = Candidate::new(cx, id, link);
        let circuit = candidate.target.as_ref().ok().map(|target| {
            let Health { state, failures, retry_at } = cx.models.circuits().health(target, cx.clock.now());
            ModelCircuit { state, failures, retry_at }
        });
        let dollars = |micros: i64| micros as f64 / 1e6;
        Self {
            provider: link.provider,
            model: candidate.model,
            base_url: link.base_url.map(ToOwned::to_owned),
            has_api_key: link.sealed.is_some(),
            api_key_hint: link.hint.map(ToOwned::to_owned),
            local: candidate.local,
            input_price_usd: candidate.price.map(|price| dollars(price.input)),
            output_price_usd: candidate.price.map(|price| dollars(price.output)),
            circuit,
        }
    }
}

impl From<assistant::Model> for Assistant {
    fn from(row: assistant::Model) -> Self {
        Self {
            row: Box::new(row.clone()),
            route_by_complexity: row.route_by_complexity,
            id: row.id,
            site_id: row.site_id,
            owner_id: row.owner_id,
            name: row.name,
            instructions: row.instructions,
            provider: row.provider,
            model: row.model,
            base_url: row.base_url,
            has_api_key: row.api_key.is_some(),
            api_key_hint: row.api_key_hint,
            temperature: row.temperature,
            max_tokens: row.max_tokens,
            language: row.language,
            welcome_text: row.welcome_text,
            suggested_questions: row.suggested_questions.0,
            avatar_url: row.avatar_url,
            confidence_threshold: row.confidence_threshold,
            debounce_ms: row.debounce_ms,
            enabled: row.enabled,
            charges_credit: row.charges_credit,
            open_to_customers: row.open_to_customers,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What visitors and customers see of an assistant.
#[derive(Clone, Debug, Serialize, SimpleObject)]
pub struct AssistantProfile {
    /// Opaque id, `asst_…`.
    pub(crate) id: AssistantId,
    /// Its name.
    pub(crate) name: String,
    /// The language it falls back to when that of a question is not clear (BCP 47).
    pub(crate) language: String,
    /// What it greets with; empty for nothing.
    pub(crate) welcome_text: String,
    /// Questions that a widget offers to ask with a tap; at most six.
    pub(crate) suggested_questions: Vec<String>,
    /// Its picture: an `https` address, or a path on the page that shows it. Null when it has none.
    pub(crate) avatar_url: Option<String>,
    /// That it is an AI assistant and no human, in its language, for a widget to show. It is also said in each
    /// conversation before the first answer. No setting changes it.
    pub(crate) disclosure: String,
    /// False when it is switched off or was deleted: it starts no conversations and writes no answers.
    pub(crate) enabled: bool,
}

impl From<assistant::Model> for AssistantProfile {
    fn from(row: assistant::Model) -> Self {
        let enabled = model::may_answer(&row);
        Self {
            id: row.id,
            name: row.name,
            disclosure: model::disclosure(&row.language, row.owner_id.is_none()).to_owned(),
            suggested_questions: row.suggested_questions.0,
            language: row.language,
            welcome_text: row.welcome_text,
            avatar_url: row.avatar_url,
            enabled,
        }
    }
}

/// Loads an assistant's profile, also after it was deleted: old conversations still show its name. That the caller may
/// see it is decided by the row that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProfileKey(pub(crate) AssistantId);

impl Loader<ProfileKey> for Batch {
    type Value = AssistantProfile;
    type Error = Error;

    async fn load(&self, keys: &[ProfileKey]) -> Result<HashMap<ProfileKey, AssistantProfile>> {
        let found = store::by_ids(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, row)| (ProfileKey(id), row.into())).collect())
    }
}

/// An assistant that the caller may see in full, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: AssistantId) -> Result<Option<Assistant>> {
    let Ok(reach) = cx.reach(Permission::AssistantsRead) else { return Ok(None) };
    Ok(store::lookup(&cx.db(), &reach, id).await?.map(Assistant::from))
}
