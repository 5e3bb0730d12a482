//! One small call to a provider, for admins who set one up: does it answer, how fast, and if not, what is to be done?

use std::time::Duration;

use ::entity::{
    assistant::{self, Provider},
    ids::AssistantId,
};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    actions,
    keys::{self, KeyChange},
    model::{Changes, ProviderFailure},
};
use crate::{
    kernel::{Ctx, Result},
    ports::ai::{Cause, ModelError, Piece, Prompt, Speaker, Turn},
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
    let row = actions::changed(cx, actions::lookup_managed(cx, id).await?, changes, key)?;
    let began = Instant::now();
    let mut trial = Trial {
        provider: row.provider,
        model: row.model.clone(),
        first_words: None,
        took: Duration::ZERO,
        text: String::new(),
        failure: None,
    };
    if row.provider != Provider::BuiltIn
        && let Err(error) = ask(cx, &row, &mut trial, began).await
    {
        tracing::info!(assistant.id = %id, error = %error, "a provider did not pass its trial");
        trial.failure = Some(error.into());
    }
    trial.took = began.elapsed();
    Ok(trial)
}

async fn ask(cx: &Ctx, row: &assistant::Model, trial: &mut Trial, began: Instant) -> Result<(), ModelError> {
    let target = keys::target(cx, row)?;
    trial.model = row.model.clone().or_else(|| cx.models.usual_model(&target));
    let allowed = Duration::from_secs(cx.config.request_timeout_seconds.saturating_sub(2).max(1));
    let limit = LIMIT.min(allowed);
    let mut reply = cx.models.model(&target)?.reply(prompt(row));
    loop {
        let piece = timeout_at(began + limit, reply.next()).await;
        let silent = || ModelError::give_up(Cause::Silent, format!("no end after {} s", limit.as_secs()));
        match piece.map_err(|_| silent())? {
            Some(Ok(Piece::Text(text))) => {
                trial.first_words.get_or_insert_with(|| began.elapsed());
                let room = SHOWN.saturating_sub(trial.text.chars().count());
                trial.text.extend(text.chars().take(room));
                if room <= text.chars().count() {
                    return Ok(());
                }
            }
            Some(Ok(Piece::Done { .. })) => return Ok(()),
            Some(Err(error)) => return Err(error),
            None => return Err(ModelError::truncated(Cause::Cut, "the answer has no end")),
        }
    }
}

fn prompt(row: &assistant::Model) -> Prompt {
    Prompt {
        system: "Answer with one short sentence.".to_owned(),
        turns: vec![Turn { speaker: Speaker::Visitor, text: "Hello! Are you there?".to_owned() }],
        model: row.model.clone(),
        temperature: row.temperature,
        max_tokens: row.max_tokens.unsigned_abs().min(TOKENS),
    }
}
