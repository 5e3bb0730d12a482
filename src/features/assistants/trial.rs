//! One small call to a provider, for admins who set one up: does it answer, how fast, and if not, what is to be done?

use std::time::Duration;

use ::entity::{
    ai_usage::Purpose,
    assistant::{self, Provider},
    ids::AssistantId,
};
use async_graphql::MaybeUndefined;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    account::{self, Account},
    actions::{self, Keys},
    asking::{At, Candidate},
    failure::ProviderFailure,
    keys::{self, KeyChange},
    model::Changes,
    watch,
};
use crate::{
    features::{accounts, sites},
    kernel::{Ctx, Result, quotas},
    ports::ai::{Cause, ModelError, Piece, Prompt, Speaker, Target, Turn},
};

/// Longest trial; shorter where a request may not last that long.
const LIMIT: Duration = Duration::from_secs(20);
/// Longest answer that is asked for, in tokens. Models that think need some before the first word.
const TOKENS: u32 = 100;
/// How much of the answer is shown, in characters.
const SHOWN: usize = 200;

/// How a trial went.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) provider: Provider,
    /// The model that was asked, where one is named.
    pub(super) model: Option<String>,
    /// Until the first words.
    pub(super) first_words: Option<Duration>,
    /// Until the end.
    pub(super) took: Duration,
    /// The beginning of the answer.
    pub(super) text: String,
    pub(super) failure: Option<Failure>,
}

/// Why a provider did not answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: ProviderFailure,
    /// In a machine's words, where they tell an admin more.
    pub(super) detail: Option<String>,
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let cause = error.cause();
        // How a connection failed tells of the network around this server.
        let detail = (cause != Cause::Unreachable).then(|| error.what().to_owned());
        Self { kind: cause.into(), detail }
    }
}

/// Tries an assistant's provider with changes that are not saved.
pub(super) async fn run(cx: &Ctx, id: AssistantId, changes: Changes, key: KeyChange) -> Result<Trial> {
    let row = actions::lookup_managed(cx, id).await?;
    // One provider is tried; a fallback's saved key is found where it is that one.
    let changes = Changes { fallbacks: MaybeUndefined::Null, ..changes };
    let row = actions::changed(cx, row, changes, Keys { own: key, fallbacks: vec![] })?;
    let person = accounts::signed_in(&cx.actor)?.user;
    quotas::spend(cx, &[quotas::TRIALS_OF_PERSON.of(person)]).await?;
    let began = Instant::now();
    let mut trial = Trial {
        provider: row.provider,
        model: None,
        first_words: None,
        took: Duration::ZERO,
        text: String::new(),
        failure: None,
    };
    let Some(link) = keys::links(&row).next() else { return Ok(trial) };
    let candidate = Candidate::new(cx, id, &link);
    trial.model.clone_from(&candidate.model);
    let site = sites::find_any(&cx.db(), row.site_id).await?;
    let at = At { site: site.id, time_zone: site.time_zone, assistant: id, run: None };
    let account = Account::default();
    if let Err(error) = ask(cx, &row, &candidate, &at, &account, &mut trial, began).await {
        tracing::info!(assistant.id = %id, error = %error, "a provider did not pass its trial");
        trial.failure = Some(error.into());
    }
    trial.took = began.elapsed();
    if let Ok(Target { key: Some(key), .. }) = &candidate.target {
        // Whoever sent it back: keys are never shown.
        trial.text = trial.text.replace(key.expose(), "…");
    }
    let tx = cx.begin().await?;
    account.book(&tx).await?;
    tx.commit().await?;
    Ok(trial)
}

async fn ask(
    cx: &Ctx,
    row: &assistant::Model,
    candidate: &Candidate,
    at: &At,
    account: &Account,
    trial: &mut Trial,
    began: Instant,
) -> Result<(), ModelError> {
    let target = candidate.target.clone()?;
    let model = cx.models.model(&target)?;
    let prompt = prompt(row, candidate.model.clone());
    account.calls(candidate.call(cx, at, Purpose::Test), account::tokens_of(&prompt));
    let allowed = Duration::from_secs(cx.config.request_timeout_seconds.saturating_sub(2).max(1));
    let limit = LIMIT.min(allowed);
    let mut reply = model.reply(prompt);
    loop {
        let silent = || ModelError::give_up(Cause::Silent, format!("no end after {} s", limit.as_secs()));
        let cut = || ModelError::truncated(Cause::Cut, "the answer has no end");
        let piece = timeout_at(began + limit, reply.next()).await.unwrap_or_else(|_| Some(Err(silent())));
        let piece = piece.unwrap_or_else(|| Err(cut()));
        account.hears(&piece);
        if matches!(piece, Err(ModelError::Wordless { .. })) {
            // It is there: it thinks longer than a trial lasts.
            cx.models.circuits().succeeded(&target);
            return Ok(());
        }
        match piece? {
            Piece::Text(text) => {
                trial.first_words.get_or_insert_with(|| began.elapsed());
                let room = SHOWN.saturating_sub(trial.text.chars().count());
                trial.text.extend(text.chars().take(room));
            }
            Piece::Withdrawn => trial.text.clear(),
            Piece::Done { .. } => {
                cx.models.circuits().succeeded(&target);
                watch::answered(cx, at.site, candidate).await;
                return Ok(());
            }
        }
    }
}

fn prompt(row: &assistant::Model, model: Option<String>) -> Prompt {
    Prompt {
        system: "Answer with one short sentence.".to_owned(),
        turns: vec![Turn { speaker: Speaker::Visitor, text: "Hello! Are you there?".to_owned() }],
        model,
        temperature: row.temperature,
        max_tokens: row.max_tokens.unsigned_abs().min(TOKENS),
    }
}
