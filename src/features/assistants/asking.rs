//! Asking: an assistant's providers one after the other, until one speaks.
//!
//! What always holds:
//! - Before the first word the next provider takes over; after it nobody does, and the answer that broke off stands.
//! - A request that a provider refuses for what it says is shown to no other provider.
//! - Last comes the built-in answerer, which needs nobody.
//! - A provider that is left alone (see [`Circuits`](crate::ports::ai::Circuits)), or that the day's budget does not
//!   allow, is passed by.

use std::time::Duration;

use ::entity::{
    ai_usage::Purpose,
    assistant::{self, Provider},
    ids::{AssistantId, RunId, SiteId},
    site,
};
use async_stream::stream;
use futures_util::StreamExt;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    account::{self, Account},
    failure::ProviderFailure,
    keys::{self, Link},
    routing, watch,
};
use crate::{
    features::{
        sites,
        spending::{self, Call, Reserved},
    },
    kernel::{Ctx, Result, text},
    ports::ai::{Cause, Finish, ModelError, Pass, Piece, Price, Prompt, Reply, Target, Usage},
};

/// Characters of a token, of which there are many more than of most.
const TOKEN: usize = 12;
/// What may always be said, however few tokens are allowed: whoever counts otherwise is no runaway.
const LEAST: usize = 2_000;

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) assistant: &'a assistant::Model,
    pub(crate) purpose: Purpose,
    /// The run it is for, if for one.
    pub(crate) run: Option<RunId>,
    /// What the visitor asks; how hard that is decides who is asked first.
    pub(crate) text: &'a str,
}

/// An answer on its way.
pub(crate) struct Asked {
    /// The answer, whoever gives it. Dropping it stops the provider.
    pub(crate) reply: Reply,
    /// Who gives it, and at what cost.
    pub(crate) account: Account,
}

/// Somebody to ask.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) provider: Provider,
    /// The assistant's, or the server's for this provider.
    pub(super) model: Option<String>,
    /// Where, and with which key; an error where the key cannot be read.
    pub(super) target: Result<Target, ModelError>,
    /// On hardware of one's own.
    pub(super) local: bool,
    pub(super) price: Option<Price>,
}

impl Candidate {
    pub(super) fn new(cx: &Ctx, id: AssistantId, link: &Link<'_>) -> Self {
        let target = keys::target(cx, id, link);
        let of_target = |target: &Target| {
            let model = link.model.map(ToOwned::to_owned).or_else(|| cx.models.usual_model(target));
            let price = cx.models.price(target, model.as_deref());
            (model, cx.models.is_local(target), price)
        };
        let (model, local, price) = target.as_ref().map(of_target).unwrap_or_default();
        Self { provider: link.provider, model, target, local, price }
    }

    /// A call to it.
    pub(super) fn call(&self, cx: &Ctx, at: &At, purpose: Purpose) -> Call {
        Call {
            id: cx.id(Uuid::from),
            site: at.site,
            assistant: at.assistant,
            run: at.run,
            purpose,
            provider: self.provider,
            model: self.model.clone(),
            price: self.price,
            day: spending::day_of(&at.time_zone, cx.clock.now()),
        }
    }
}

/// Where calls are made.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) site: SiteId,
    pub(super) time_zone: String,
    pub(super) assistant: AssistantId,
    pub(super) run: Option<RunId>,
}

/// True when the assistant has models to ask, and not only the built-in answerer.
pub(crate) fn asks_models(assistant: &assistant::Model) -> bool {
    keys::links(assistant).next().is_some()
}

/// True when what the assistant is told may leave hardware of one's own.
pub(crate) fn may_ask_cloud(cx: &Ctx, assistant: &assistant::Model) -> bool {
    keys::links(assistant).any(|link| !Candidate::new(cx, assistant.id, &link).local)
}

/// Asks an assistant's providers, and `built_in` where none of them answers. Nobody is asked before the reply is polled.
pub(crate) async fn ask(cx: &Ctx, question: Question<'_>, prompt: Prompt, built_in: Reply) -> Result<Asked> {
    let row = question.assistant;
    let candidates: Vec<Candidate> = keys::links(row).map(|link| Candidate::new(cx, row.id, &link)).collect();
    let account = Account::default();
    if candidates.is_empty() {
        account.answers_built_in();
        return Ok(Asked { reply: built_in, account });
    }
    let site = sites::find_any(&cx.db(), row.site_id).await?;
    let candidates = if row.route_by_complexity { routed(candidates, &site, question.text) } else { candidates };
    let at = At { site: site.id, time_zone: site.time_zone, assistant: row.id, run: question.run };
    let budget = site.daily_ai_budget_micros;
    let asking = Asking { cx: cx.clone(), at, purpose: question.purpose, budget, prompt, account: account.clone() };
    Ok(Asked { reply: asking.until_one_speaks(candidates, built_in), account })
}

/// Who fits the question comes first: local models for simple ones, cloud models for hard ones.
fn routed(candidates: Vec<Candidate>, site: &site::Model, question: &str) -> Vec<Candidate> {
    let hard = match &site.complexity_terms {
        Some(terms) => routing::is_hard(question, &terms.0),
        None => routing::is_hard(question, routing::TERMS),
    };
    let (mut first, rest): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| candidate.local != hard);
    first.extend(rest);
    first
}

struct Asking {
    cx: Ctx,
    at: At,
    purpose: Purpose,
    budget: Option<i64>,
    prompt: Prompt,
    account: Account,
}

/// Somebody who speaks.
struct Speaking {
    first: Result<Piece, ModelError>,
    rest: Reply,
    pass: Pass,
}

/// Somebody who does not.
struct Silent {
    why: ProviderFailure,
    /// It is the request's fault: nobody else is shown it.
    refused: bool,
}

impl From<ProviderFailure> for Silent {
    fn from(why: ProviderFailure) -> Self {
        Self { why, refused: false }
    }
}

impl From<ModelError> for Silent {
    fn from(error: ModelError) -> Self {
        Self { why: error.cause().into(), refused: matches!(error.cause(), Cause::Refused | Cause::Filtered) }
    }
}

impl Asking {
    fn until_one_speaks(self, candidates: Vec<Candidate>, mut built_in: Reply) -> Reply {
        let answer = stream! {
            for candidate in candidates {
                let began = Instant::now();
                match self.open(&candidate).await {
                    Ok(Speaking { first, mut rest, pass }) => {
                        let mut pass = Some(pass);
                        let mut next = Some(first);
                        while let Some(piece) = next {
                            // Before it is passed on: whoever listens may not come back after the last piece.
                            self.hears(&piece, &mut pass);
                            self.noted(&candidate, &piece).await;
                            yield piece;
                            next = rest.next().await;
                        }
                        return;
                    }
                    Err(Silent { why, refused }) => {
                        self.passed_on(&candidate, why, began.elapsed());
                        watch::failed(&self.cx, self.at.site, &candidate, why).await;
                        if refused {
                            break;
                        }
                    }
                }
            }
            self.account.answers_built_in();
            while let Some(piece) = built_in.next().await {
                yield piece;
            }
        };
        answer.boxed()
    }

    fn hears(&self, piece: &Result<Piece, ModelError>, pass: &mut Option<Pass>) {
        self.account.hears(piece);
        match (piece, pass.take()) {
            (Ok(Piece::Done { .. }), Some(pass)) => pass.succeeded(),
            (Err(error), Some(pass)) => pass.failed(error, self.cx.clock.now()),
            (Ok(Piece::Text(_) | Piece::Withdrawn), waiting) => *pass = waiting,
            (Ok(Piece::Done { .. }) | Err(_), None) => {}
        }
    }

    /// Lets staff know how a provider does that began to speak.
    async fn noted(&self, candidate: &Candidate, piece: &Result<Piece, ModelError>) {
        match piece {
            Ok(Piece::Done { .. }) => watch::answered(&self.cx, self.at.site, candidate).await,
            Err(error) => watch::failed(&self.cx, self.at.site, candidate, error.cause().into()).await,
            Ok(Piece::Text(_) | Piece::Withdrawn) => {}
        }
    }

    fn passed_on(&self, candidate: &Candidate, why: ProviderFailure, took: Duration) {
        let (run, provider) = (self.at.run.map(|run| run.to_string()), candidate.provider);
        tracing::warn!(run.id = run, ?provider, ?why, "a provider does not answer; the next is asked");
        self.account.passes_on(provider, candidate.model.clone(), why, took);
    }

    /// Asks one of them, and waits for its first word.
    async fn open(&self, candidate: &Candidate) -> Result<Speaking, Silent> {
        let cx = &self.cx;
        let target = candidate.target.clone()?;
        let model = cx.models.model(&target)?;
        let pass = cx.models.circuits().ask(&target, cx.clock.now()).ok_or(ProviderFailure::CircuitOpen)?;
        let call = candidate.call(cx, &self.at, self.purpose);
        let prompt = Prompt { model: candidate.model.clone(), ..self.prompt.clone() };
        let prompt_tokens = account::tokens_of(&prompt);
        let reserved = self.reserve(&call, prompt_tokens, prompt.max_tokens).await?;
        let id = call.id;
        self.account.calls(call, prompt_tokens);
        let most = prompt.max_tokens;
        let mut rest = bounded(model.reply(prompt).map(in_characters).boxed(), most);
        let first = rest.next().await.unwrap_or_else(|| Err(ModelError::truncated(Cause::Cut, "nothing came")));
        let error = match first {
            Ok(_) => return Ok(Speaking { first, rest, pass }),
            Err(error) => error,
        };
        self.hears(&Err(error.clone()), &mut Some(pass));
        if reserved == Reserved::Money
            && let Err(error) = spending::release(cx, id).await
        {
            // It is released when the call is booked.
            tracing::warn!(error = ?error, "what was set aside for a call could not be given back");
        }
        tracing::info!(error = %error, "a provider failed");
        Err(error.into())
    }

    async fn reserve(&self, call: &Call, prompt_tokens: u32, completion_tokens: u32) -> Result<Reserved, Silent> {
        let most = Usage { prompt_tokens, completion_tokens };
        match spending::reserve(&self.cx, call, self.budget, most).await {
            Ok(Reserved::OverBudget) => Err(ProviderFailure::OverBudget.into()),
            Ok(reserved) => Ok(reserved),
            Err(error) => {
                tracing::warn!(error = ?error, "a budget could not be looked at, so no money is spent");
                Err(ProviderFailure::OverBudget.into())
            }
        }
    }
}

/// What a model says, up to about as many tokens as it was told: one that does not stop is stopped. Ending the reply ends
/// the call.
fn bounded(mut reply: Reply, tokens: u32) -> Reply {
    let mut left = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(TOKEN).max(LEAST);
    let pieces = stream! {
        while let Some(piece) = reply.next().await {
            let Ok(Piece::Text(words)) = &piece else {
                yield piece;
                continue;
            };
            let length = words.chars().count();
            if length > left {
                yield Ok(Piece::Text(words.chars().take(left).collect()));
                yield Ok(Piece::Done { finish: Finish::Length, usage: None });
                return;
            }
            left -= length;
            yield piece;
        }
    };
    pieces.boxed()
}

/// What a model says, without what is no text.
fn in_characters(piece: Result<Piece, ModelError>) -> Result<Piece, ModelError> {
    match piece {
        Ok(Piece::Text(words)) => Ok(Piece::Text(text::kept(&words).into_owned())),
        Ok(piece @ (Piece::Withdrawn | Piece::Done { .. })) => Ok(piece),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model that does not stop, and does not count.
    #[tokio::test]
    async fn a_model_that_does_not_stop_is_stopped() {
        let endless = futures_util::stream::repeat(Ok(Piece::Text("30 gün ".to_owned()))).boxed();
        let pieces: Vec<Piece> = bounded(endless, 500).filter_map(|piece| async { piece.ok() }).collect().await;
        let words = |piece: &Piece| if let Piece::Text(words) = piece { words.chars().count() } else { 0 };
        assert_eq!(pieces.iter().map(words).sum::<usize>(), 500 * TOKEN);
        assert!(matches!(pieces.last(), Some(Piece::Done { finish: Finish::Length, .. })));
    }
}
