//! What models cost, in the API.

use ::entity::{ai_usage::Purpose, assistant::Provider, ids::SiteId};
use async_graphql::{Context, Object, SimpleObject};
use chrono::NaiveDate;

use super::{
    model,
    store::{self, Sum},
};
use crate::{
    features::sites::{self, reach_in},
    kernel::{CtxExt, Permission, Result},
};

/// Calls to language models, counted together.
#[derive(Clone, Copy, Debug, Default, SimpleObject)]
#[graphql(name = "AiUsageTotals")]
struct Totals {
    /// How many calls were made.
    calls: i64,
    /// How many of them failed. Those that failed before the first word cost nothing.
    failed_calls: i64,
    /// For how many the tokens are a guess, because the provider did not say what it counted.
    estimated_calls: i64,
    /// For how many the cost is not known, because the model has no price on this server. They are missing from `costUsd`
    /// and are not held back by the budget until it is used up by others.
    unpriced_calls: i64,
    /// Tokens of the prompts.
    prompt_tokens: i64,
    /// Tokens of the answers.
    completion_tokens: i64,
    /// What those with a price cost, in US dollars, exact to a millionth.
    cost_usd: f64,
}

impl Totals {
    fn of(sum: &Sum) -> Self {
        Self {
            calls: sum.calls,
            failed_calls: sum.failed,
            estimated_calls: sum.estimated,
            unpriced_calls: sum.unpriced,
            prompt_tokens: sum.prompt_tokens,
            completion_tokens: sum.completion_tokens,
            cost_usd: dollars(sum.cost_micros),
        }
    }

    fn of_all(sums: &[Sum]) -> Self {
        let total = |value: fn(&Sum) -> i64| sums.iter().map(value).sum();
        Self {
            calls: total(|sum| sum.calls),
            failed_calls: total(|sum| sum.failed),
            estimated_calls: total(|sum| sum.estimated),
            unpriced_calls: total(|sum| sum.unpriced),
            prompt_tokens: total(|sum| sum.prompt_tokens),
            completion_tokens: total(|sum| sum.completion_tokens),
            cost_usd: dollars(total(|sum| sum.cost_micros)),
        }
    }
}

/// The calls of one day to one model for one purpose.
#[derive(SimpleObject)]
#[graphql(name = "AiUsageLine")]
struct Line {
    /// The day in the site's time zone on which the calls began.
    day: NaiveDate,
    /// Who was asked.
    provider: Provider,
    /// The provider's name of the model; null where none was named.
    model: Option<String>,
    /// What for.
    purpose: Purpose,
    /// The numbers.
    totals: Totals,
}

impl From<Sum> for Line {
    fn from(sum: Sum) -> Self {
        let totals = Totals::of(&sum);
        Self { day: sum.day, provider: sum.provider, model: sum.model, purpose: sum.purpose, totals }
    }
}

/// Where a site's budget stands today.
#[derive(SimpleObject)]
#[graphql(name = "AiBudget")]
struct Budget {
    /// Today in the site's time zone; the budget is full again when it ends.
    day: NaiveDate,
    /// What may be spent today, in US dollars; null for no limit.
    limit_usd: Option<f64>,
    /// What was spent, in US dollars.
    spent_usd: f64,
    /// The most that calls under way can cost, in US dollars.
    reserved_usd: f64,
    /// What is left, in US dollars, never below 0; null for no limit.
    remaining_usd: Option<f64>,
}

/// What language models cost a site.
#[derive(SimpleObject)]
struct AiUsage {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    /// The calls by day, provider, model and purpose, newest day first.
    lines: Vec<Line>,
    /// All of them together.
    totals: Totals,
    /// Where today's budget stands, whichever days are asked for.
    today: Budget,
}

/// Questions about what language models cost.
#[derive(Default)]
pub struct SpendingQuery;

#[Object]
impl SpendingQuery {
    /// What a site's calls to language models cost, day by day, and what is left of today's budget. For its admins.
    #[graphql(complexity = "20 * (1 + child_complexity)")]
    async fn ai_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The first day, in the site's time zone; 29 days before `to` without it.")] from: Option<
            NaiveDate,
        >,
        #[graphql(desc = "The last day, at most 366 with the first; today without it.")] to: Option<NaiveDate>,
    ) -> Result<AiUsage> {
        let cx = ctx.cx();
        let reach = reach_in(cx, Permission::SpendingRead, site_id)?;
        let site = sites::find(&cx.db(), &reach, site_id).await?;
        let today = model::day_of(&site.time_zone, cx.clock.now());
        let (from, to) = model::days(from, to, today)?;
        let sums = store::sums(&cx.db(), &reach, site_id, from, to).await?;
        let spent = store::spent(&cx.db(), site_id, today).await?;
        let reserved = store::reserved(&cx.db(), site_id, today).await?;
        let remaining = |budget: i64| dollars((budget - spent - reserved).max(0));
        let today = Budget {
            day: today,
            limit_usd: site.daily_ai_budget_micros.map(dollars),
            spent_usd: dollars(spent),
            reserved_usd: dollars(reserved),
            remaining_usd: site.daily_ai_budget_micros.map(remaining),
        };
        let totals = Totals::of_all(&sums);
        Ok(AiUsage { from, to, totals, today, lines: sums.into_iter().map(Line::from).collect() })
    }
}

/// Millionths as dollars.
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1e6
}
