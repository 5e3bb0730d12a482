//! What became of asking: who was asked in vain, who answers, and what it cost. Kept beside the answer while it is made,
//! and booked when it has ended, however it ended.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::assistant::Provider;
use async_graphql::SimpleObject;
use sea_orm::ActiveEnum;
use serde::{Deserialize, Serialize};

use super::failure::ProviderFailure;
use crate::{
    features::spending::{self, Call, Outcome},
    kernel::{Result, Tx},
    ports::ai::{ModelError, Piece, Prompt, Usage},
};

/// Calls to models, by provider and how they ended.
const CALLS: &str = "yanit_model_calls_total";

/// Somebody who was asked in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[graphql(name = "RunAttempt")]
pub(crate) struct Attempt {
    /// Who.
    pub(crate) provider: Provider,
    /// The provider's name of the model; null where none is named.
    pub(crate) model: Option<String>,
    /// Why there was no answer.
    pub(crate) failure: ProviderFailure,
    /// How long it took to find out, in milliseconds.
    pub(crate) took_ms: i32,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answerer {
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
}

/// What became of asking. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Account(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    attempts: Vec<Attempt>,
    answerer: Option<Answerer>,
    calls: Vec<Made>,
}

/// A call that was made.
struct Made {
    call: Call,
    /// The tokens of its prompt, as far as one can guess.
    prompt_tokens: u32,
    /// Characters that came.
    said: usize,
    usage: Option<Usage>,
    /// Tokens of a call that failed although the model worked, where nobody counted them.
    spent: Option<u32>,
    failure: Option<ProviderFailure>,
}

impl Made {
    fn outcome(&self) -> Outcome {
        let guess = Usage { prompt_tokens: self.prompt_tokens, completion_tokens: spending::guess(self.said) };
        // Vendors ask no money for what failed before the first word.
        let nothing = self.failure.is_some() && self.said == 0;
        let (tokens, estimated) = match self.usage {
            Some(counted) => (counted, false),
            None if let Some(completion_tokens) = self.spent => {
                (Usage { prompt_tokens: self.prompt_tokens, completion_tokens }, true)
            }
            None if nothing => (Usage::default(), false),
            None => (guess, true),
        };
        Outcome { tokens, estimated, failure: self.failure.and_then(name) }
    }
}

/// The name that a failure has in the API.
fn name(failure: ProviderFailure) -> Option<String> {
    serde_json::to_value(failure).ok()?.as_str().map(ToOwned::to_owned)
}

/// The tokens of a prompt, as far as one can guess.
pub(super) fn tokens_of(prompt: &Prompt) -> u32 {
    let turns: usize = prompt.turns.iter().map(|turn| turn.text.chars().count()).sum();
    spending::guess(prompt.system.chars().count() + turns)
}

impl Account {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who answers; `None` until somebody does.
    pub(crate) fn answerer(&self) -> Option<Answerer> {
        self.state().answerer.clone()
    }

    /// Who was asked in vain, in this order.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.state().attempts.clone()
    }

    /// The built-in answerer answers.
    pub(crate) fn answers_built_in(&self) {
        self.state().answerer = Some(Answerer { provider: Provider::BuiltIn, model: None });
    }

    /// A call is made.
    pub(super) fn calls(&self, call: Call, prompt_tokens: u32) {
        self.state().calls.push(Made { call, prompt_tokens, said: 0, usage: None, spent: None, failure: None });
    }

    /// Something came of the call that was made last: words, its end, or a failure.
    pub(super) fn hears(&self, piece: &Result<Piece, ModelError>) {
        let mut state = self.state();
        let State { answerer, calls, .. } = &mut *state;
        let Some(made) = calls.last_mut() else { return };
        if piece.is_ok() && answerer.is_none() {
            *answerer = Some(Answerer { provider: made.call.provider, model: made.call.model.clone() });
        }
        match piece {
            Ok(Piece::Text(text)) => made.said += text.chars().count(),
            Ok(Piece::Withdrawn) => {}
            Ok(Piece::Done { usage, .. }) => {
                made.usage = *usage;
                count(made.call.provider, "ok");
            }
            Err(error) => {
                match error {
                    ModelError::Wordless { usage, estimated: true, .. } => made.spent = Some(usage.completion_tokens),
                    ModelError::Wordless { usage, .. } => made.usage = Some(*usage),
                    ModelError::Retry { .. } | ModelError::GiveUp { .. } | ModelError::Truncated { .. } => {}
                }
                made.failure = Some(error.cause().into());
                count(made.call.provider, "failed");
            }
        }
    }

    /// Somebody does not answer; the next is asked.
    pub(super) fn passes_on(
        &self,
        provider: Provider,
        model: Option<String>,
        failure: ProviderFailure,
        took: Duration,
    ) {
        // Calls that failed are counted where they do, and what cannot be asked is no call.
        if failure == ProviderFailure::CircuitOpen {
            count(provider, "circuit_open");
        } else if failure == ProviderFailure::OverBudget {
            count(provider, "over_budget");
        }
        let took_ms = took.as_millis().try_into().unwrap_or(i32::MAX);
        self.state().attempts.push(Attempt { provider, model, failure, took_ms });
    }

    /// Books the calls that were made, in the transaction that ends what they were made for.
    pub(crate) async fn book(&self, tx: &Tx) -> Result<()> {
        spending::book(tx, &self.made()).await
    }

    /// Books the calls of an attempt whose place another one has taken: what that one has set aside stays.
    pub(crate) async fn book_alone(&self, tx: &Tx) -> Result<()> {
        spending::book_alone(tx, &self.made()).await
    }

    fn made(&self) -> Vec<(Call, Outcome)> {
        self.state().calls.iter().map(|made| (made.call.clone(), made.outcome())).collect()
    }
}

fn count(provider: Provider, outcome: &'static str) {
    metrics::counter!(CALLS, "provider" => provider.to_value(), "outcome" => outcome).increment(1);
}
