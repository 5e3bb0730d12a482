//! Changes to assistants.

use std::time::Duration;

use ::entity::{
    assistant::Provider,
    ids::{AssistantId, SiteId},
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use uuid::Uuid;

use super::{
    super::{
        actions::{self, Keys},
        failure::ProviderFailure,
        keys::KeyChange,
        model::{self, Changes, New, NewFallback},
        trial::{self, Trial},
    },
    types::Assistant,
};
use crate::kernel::{CtxExt, Once, Result, entries};

/// A provider that is asked where the ones before it fail.
#[derive(InputObject)]
struct FallbackInput {
    /// Who is asked. Not `BUILT_IN`, which is always asked last, by itself.
    provider: Provider,
    /// The provider's name of the model, at most 100 characters; left out: the server's default.
    model: Option<String>,
    /// Where the provider is reached, as `baseUrl` of the assistant.
    base_url: Option<String>,
    /// A key of its own. Left out: the one that this assistant has for the same provider and `baseUrl`, if any; null: the
    /// server's.
    #[graphql(secret)]
    api_key: MaybeUndefined<String>,
}

/// The settings of fallbacks and what becomes of their keys.
fn taken_apart(given: Vec<FallbackInput>) -> Result<(Vec<NewFallback>, Vec<KeyChange>)> {
    let one = |given: FallbackInput| {
        let key = KeyChange::new("input.fallbacks.apiKey", given.api_key)?;
        Ok((NewFallback { provider: given.provider, model: given.model, base_url: given.base_url }, key))
    };
    Ok(entries("input.fallbacks", given, one)?.into_iter().unzip())
}

/// A new assistant.
#[derive(InputObject)]
struct CreateAssistantInput {
    /// The site it is for; you must be its admin. Left out: an assistant of your own.
    site_id: Option<SiteId>,
    /// Its name, as visitors and customers see it; 1 to 100 characters.
    name: String,
    /// What it is told before each conversation; at most 10,000 characters.
    #[graphql(default)]
    instructions: String,
    /// Who writes its answers. Providers other than `BUILT_IN` need an address and mostly a key: the server's, or those
    /// given here.
    #[graphql(default_with = "Provider::BuiltIn")]
    provider: Provider,
    /// The provider's name of the model, at most 100 characters; left out: the server's default.
    model: Option<String>,
    /// Where the provider is reached, for a site's assistant: what stands before `/chat/completions`, `/messages` or
    /// `/models`, the address of an Ollama server or of an Azure resource. An HTTPS address on the public internet, unless
    /// the server allows others. Left out: the server's or the provider's own. The server's key is not sent there.
    base_url: Option<String>,
    /// A key of its own for the provider, at most 500 characters. Stored encrypted and never shown again.
    #[graphql(secret)]
    api_key: Option<String>,
    /// Who is asked where the provider fails before its first word, in this order; up to 5. Last comes the built-in
    /// answerer, by itself.
    #[graphql(default)]
    fallbacks: Vec<FallbackInput>,
    /// Whether simple questions go to local models first, and hard ones to cloud models, where it has both. See
    /// `Assistant.routeByComplexity`.
    #[graphql(default = true)]
    route_by_complexity: bool,
    /// How freely it writes, 0 to 2.
    #[graphql(default_with = "model::TEMPERATURE")]
    temperature: f64,
    /// How long its answers are at most, in the model's tokens; 1 to 8192.
    #[graphql(default_with = "model::MAX_TOKENS")]
    max_tokens: i32,
    /// The language it falls back to, like `tr` or `en-GB`; left out: the site's, or `en` for an assistant of your own.
    language: Option<String>,
    /// What it greets with; at most 1,000 characters.
    #[graphql(default)]
    welcome_text: String,
    /// Questions that a widget offers to ask with a tap, at most six of at most 200 characters each.
    #[graphql(default)]
    suggested_questions: Vec<String>,
    /// Its picture: an `https` address, or a path on the page that shows it, at most 2,048 characters.
    avatar_url: Option<String>,
    /// Below this confidence, 0 to 1, it says that it does not know and offers a person; left out: as measured for its
    /// kind of provider.
    confidence_threshold: Option<f64>,
    /// How long a short message waits for the next one before it is answered, 0 to 10,000 milliseconds.
    #[graphql(default_with = "model::DEBOUNCE_MS")]
    debounce_ms: i32,
    /// Whether it is on.
    #[graphql(default = true)]
    enabled: bool,
    /// Whether a customer pays one credit for each new conversation with it. Only together with `openToCustomers`.
    #[graphql(default = false)]
    charges_credit: bool,
    /// Whether every registered customer may talk to it, too. Only for a site's assistant.
    #[graphql(default = false)]
    open_to_customers: bool,
    /// Your own id of the assistant, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same assistant and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// What to change of an assistant. What is left out stays; null brings the default of `createAssistant` back.
#[derive(InputObject)]
struct UpdateAssistantInput {
    /// Which assistant.
    assistant_id: AssistantId,
    /// A new name, 1 to 100 characters. Not null.
    name: MaybeUndefined<String>,
    /// New instructions, at most 10,000 characters; null takes them away.
    instructions: MaybeUndefined<String>,
    /// Who writes its answers from now on; null is `BUILT_IN`. Another provider takes `baseUrl` and `apiKey` away that are
    /// not given anew.
    provider: MaybeUndefined<Provider>,
    /// The provider's name of the model, at most 100 characters; null is the server's default.
    model: MaybeUndefined<String>,
    /// Where the provider is reached, as in `createAssistant`; null is the server's or the provider's own. Another address
    /// takes an `apiKey` away that is not given anew.
    base_url: MaybeUndefined<String>,
    /// A new key of its own for the provider; null takes it away.
    #[graphql(secret)]
    api_key: MaybeUndefined<String>,
    /// The whole new list of who is asked where the provider fails, up to 5; null or an empty list: nobody but the
    /// built-in answerer.
    fallbacks: MaybeUndefined<Vec<FallbackInput>>,
    /// Whether simple questions go to local models first; null is yes. See `Assistant.routeByComplexity`.
    route_by_complexity: MaybeUndefined<bool>,
    /// How freely it writes, 0 to 2; null is 0.7.
    temperature: MaybeUndefined<f64>,
    /// How long its answers are at most, 1 to 8192 tokens; null is 500.
    max_tokens: MaybeUndefined<i32>,
    /// The language it falls back to, like `tr` or `en-GB`. Not null.
    language: MaybeUndefined<String>,
    /// What it greets with, at most 1,000 characters; null takes it away.
    welcome_text: MaybeUndefined<String>,
    /// The whole new list of questions that a widget offers to ask; null takes them away.
    suggested_questions: MaybeUndefined<Vec<String>>,
    /// Its picture, as in `createAssistant`; null takes it away.
    avatar_url: MaybeUndefined<String>,
    /// Below this confidence, 0 to 1, it abstains; null takes what was measured for its kind of provider.
    confidence_threshold: MaybeUndefined<f64>,
    /// How long a short message waits for the next one, 0 to 10,000 milliseconds; null is 800.
    debounce_ms: MaybeUndefined<i32>,
    /// Whether it is on; null is on.
    enabled: MaybeUndefined<bool>,
    /// Whether a customer pays one credit for each new conversation with it; null is no.
    charges_credit: MaybeUndefined<bool>,
    /// Whether every registered customer may talk to it, too; null is no. Only for a site's assistant.
    open_to_customers: MaybeUndefined<bool>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the assistant since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// An assistant to delete.
#[derive(Debug, InputObject)]
struct DeleteAssistantInput {
    /// Which assistant.
    assistant_id: AssistantId,
}

/// What to try: an assistant's provider, with changes that are not saved.
#[derive(InputObject)]
struct TestProviderInput {
    /// The assistant. What is left out below is as it is saved.
    assistant_id: AssistantId,
    /// Another provider, whose `baseUrl` and `apiKey` are given anew, or the server's; null is `BUILT_IN`.
    provider: MaybeUndefined<Provider>,
    /// Another model; null is the server's default.
    model: MaybeUndefined<String>,
    /// Another address, as in `createAssistant`; null is the server's or the provider's own.
    base_url: MaybeUndefined<String>,
    /// Another key; null is the server's. Left out: the one that is saved for the provider and address.
    #[graphql(secret)]
    api_key: MaybeUndefined<String>,
}

/// How a provider answered.
#[derive(SimpleObject)]
struct TestProviderPayload {
    /// True when it answered.
    ok: bool,
    /// Who was asked.
    provider: Provider,
    /// The model that was asked; null where none is named.
    model: Option<String>,
    /// Milliseconds until the first words; null when there were none.
    first_words_ms: Option<i32>,
    /// Milliseconds until the end of the test.
    latency_ms: i32,
    /// The beginning of the answer, at most 200 characters; null when there was none.
    text: Option<String>,
    /// Why it did not answer.
    failure: Option<ProviderFailure>,
    /// What to do about the failure, for people.
    advice: Option<String>,
    /// What the provider says of the failure in a machine's words, such as a status, where that tells more.
    detail: Option<String>,
}

impl From<Trial> for TestProviderPayload {
    fn from(trial: Trial) -> Self {
        let failed = trial.failure.is_some();
        let (kind, detail) = trial.failure.map_or((None, None), |failure| (Some(failure.kind), failure.detail));
        Self {
            ok: !failed,
            provider: trial.provider,
            model: trial.model,
            first_words_ms: trial.first_words.map(milliseconds),
            latency_ms: milliseconds(trial.took),
            text: Some(trial.text).filter(|text| !text.is_empty()),
            failure: kind,
            advice: kind.map(|kind| kind.advice().to_owned()),
            detail,
        }
    }
}

fn milliseconds(duration: Duration) -> i32 {
    duration.as_millis().try_into().unwrap_or(i32::MAX)
}

/// The assistant that was made.
#[derive(SimpleObject)]
struct CreateAssistantPayload {
    /// The new assistant; on a repetition with one `clientId`, the one that was made.
    assistant: Assistant,
}

/// The assistant that was changed.
#[derive(SimpleObject)]
struct UpdateAssistantPayload {
    /// The assistant as it is now.
    assistant: Assistant,
}

/// What was deleted.
#[derive(SimpleObject)]
struct DeleteAssistantPayload {
    /// The id that is gone.
    assistant_id: AssistantId,
}

/// Changes to assistants.
#[derive(Default)]
pub struct AssistantsMutation;

/// Changes to assistants.
#[Object]
impl AssistantsMutation {
    /// Makes an assistant: an admin one for a site, everybody with an account one of their own. Refused with
    /// `PROVIDER_NOT_CONFIGURED` when the server cannot reach the provider, and with `IDEMPOTENCY_MISMATCH` when the
    /// `clientId` came with other settings.
    async fn create_assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new assistant.")] input: CreateAssistantInput,
    ) -> Result<CreateAssistantPayload> {
        let once = Once::new(ctx.cx(), "createAssistant", input.client_id, &input);
        let place = actions::Place { site: input.site_id, language: input.language };
        let (fallbacks, keys) = taken_apart(input.fallbacks)?;
        let new = New {
            name: input.name,
            instructions: input.instructions,
            provider: input.provider,
            model: input.model,
            base_url: input.base_url,
            fallbacks,
            route_by_complexity: input.route_by_complexity,
            temperature: input.temperature,
            max_tokens: input.max_tokens,
            language: model::LANGUAGE.to_owned(),
            welcome_text: input.welcome_text,
            suggested_questions: input.suggested_questions,
            avatar_url: input.avatar_url,
            confidence_threshold: input.confidence_threshold,
            debounce_ms: input.debounce_ms,
            enabled: input.enabled,
            charges_credit: input.charges_credit,
            open_to_customers: input.open_to_customers,
        };
        let keys = Keys { own: KeyChange::new("input.apiKey", Some(input.api_key).into())?, fallbacks: keys };
        Ok(CreateAssistantPayload { assistant: actions::create(ctx.cx(), place, new, keys, &once).await?.into() })
    }

    /// Changes an assistant's settings; answers that are being written are finished with the old ones. For the site's
    /// admins and the customer whose own it is. Refused with `PROVIDER_NOT_CONFIGURED` as for `createAssistant`.
    async fn update_assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateAssistantInput,
    ) -> Result<UpdateAssistantPayload> {
        let (fallbacks, keys) = match input.fallbacks {
            MaybeUndefined::Undefined => (MaybeUndefined::Undefined, vec![]),
            MaybeUndefined::Null => (MaybeUndefined::Null, vec![]),
            MaybeUndefined::Value(given) => {
                let (fallbacks, keys) = taken_apart(given)?;
                (MaybeUndefined::Value(fallbacks), keys)
            }
        };
        let changes = Changes {
            name: input.name,
            instructions: input.instructions,
            provider: input.provider,
            model: input.model,
            base_url: input.base_url,
            fallbacks,
            route_by_complexity: input.route_by_complexity,
            temperature: input.temperature,
            max_tokens: input.max_tokens,
            language: input.language,
            welcome_text: input.welcome_text,
            suggested_questions: input.suggested_questions,
            avatar_url: input.avatar_url,
            confidence_threshold: input.confidence_threshold,
            debounce_ms: input.debounce_ms,
            enabled: input.enabled,
            charges_credit: input.charges_credit,
            open_to_customers: input.open_to_customers,
        };
        let keys = Keys { own: KeyChange::new("input.apiKey", input.api_key)?, fallbacks: keys };
        let assistant = actions::update(ctx.cx(), input.assistant_id, input.expected_version, changes, keys).await?;
        Ok(UpdateAssistantPayload { assistant: assistant.into() })
    }

    /// Makes one small call to an assistant's provider, or to one that is to become it, and says how it answered. Saves
    /// no settings; costs a few tokens at the provider, which `aiUsage` shows; lasts at most 20 seconds. A provider that
    /// fails is no error here but a `failure`; one that was left alone and answers is asked again from now on. `BUILT_IN`
    /// always answers. For the site's admins and the customer whose own the assistant is, 20 times a minute.
    async fn test_provider(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to try.")] input: TestProviderInput,
    ) -> Result<TestProviderPayload> {
        let changes =
            Changes { provider: input.provider, model: input.model, base_url: input.base_url, ..Changes::default() };
        let key = KeyChange::new("input.apiKey", input.api_key)?;
        Ok(trial::run(ctx.cx(), input.assistant_id, changes, key).await?.into())
    }

    /// Deletes an assistant. Its conversations stay and go on showing its name. For the site's admins and the customer
    /// whose own it is.
    async fn delete_assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which assistant.")] input: DeleteAssistantInput,
    ) -> Result<DeleteAssistantPayload> {
        Ok(DeleteAssistantPayload { assistant_id: actions::delete(ctx.cx(), input.assistant_id).await? })
    }
}
