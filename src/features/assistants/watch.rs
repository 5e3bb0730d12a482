//! Providers that keep failing are noticed: the staff of a site learn of it once, and once again when they answer.
//!
//! A failure that does not pass by itself (a refused key, an unknown model) is told at once; others as soon as a
//! provider has failed so often in a row that its circuit opens. Each node watches the calls that it makes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ::entity::{assistant::Provider, ids::SiteId};
use chrono::{DateTime, Utc};
use sea_orm::ActiveEnum;

use super::{asking::Candidate, facts::ProviderFact, failure::ProviderFailure};
use crate::{
    kernel::{Ctx, Result},
    ports::ai::FAILURES,
};

/// Providers that are failing, by provider.
const FAILING: &str = "yanit_providers_failing";
/// Providers that are watched; beyond, those that only began to fail are forgotten.
const WATCHED: usize = 10_000;

/// Who is watched: a provider as a site uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Watched {
    site: SiteId,
    provider: Provider,
    model: Option<String>,
    base_url: Option<String>,
}

/// How often it failed in a row, why at last, and since when that is known to staff.
#[derive(Clone, Copy, Debug)]
struct Failing {
    failures: u32,
    reason: ProviderFailure,
    told_at: Option<DateTime<Utc>>,
}

/// A provider that is failing.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) reason: ProviderFailure,
    pub(crate) since: DateTime<Utc>,
}

#[derive(Default)]
struct Watch(Mutex<HashMap<Watched, Failing>>);

impl Watch {
    fn all(&self) -> MutexGuard<'_, HashMap<Watched, Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failure; what is to be told of it, if something is.
    fn failed(&self, who: Watched, why: ProviderFailure, now: DateTime<Utc>) -> Option<(ProviderFailure, u32)> {
        let mut all = self.all();
        if all.len() >= WATCHED {
            all.retain(|_, failing| failing.told_at.is_some());
        }
        let failing = all.entry(who).or_insert(Failing { failures: 0, reason: why, told_at: None });
        if why == ProviderFailure::CircuitOpen {
            // It failed for somebody, in whatever way.
            failing.failures = failing.failures.max(FAILURES);
        } else {
            (failing.failures, failing.reason) = (failing.failures.saturating_add(1), why);
        }
        if failing.told_at.is_some() || failing.failures < FAILURES && !why.stays() {
            return None;
        }
        failing.told_at = Some(now);
        Some((failing.reason, failing.failures))
    }

    /// Forgets what was counted; since when staff know, if they do.
    fn answered(&self, who: &Watched) -> Option<DateTime<Utc>> {
        self.all().remove(who)?.told_at
    }
}

fn watched(site: SiteId, candidate: &Candidate) -> Watched {
    let base_url = candidate.target.as_ref().ok().and_then(|target| target.base_url.clone());
    Watched { site, provider: candidate.provider, model: candidate.model.clone(), base_url }
}

/// A provider did not answer.
pub(super) async fn failed(cx: &Ctx, site: SiteId, candidate: &Candidate, why: ProviderFailure) {
    if !why.is_providers() {
        return;
    }
    let news = cx.shared.get::<Watch>().failed(watched(site, candidate), why, cx.clock.now());
    let Some((reason, failures)) = news else { return };
    count(candidate.provider, 1.0);
    let (provider, model) = (candidate.provider, candidate.model.clone());
    tell(cx, site, ProviderFact::Failing { provider, model, reason, failures }).await;
}

/// A provider answered.
pub(super) async fn answered(cx: &Ctx, site: SiteId, candidate: &Candidate) {
    let Some(since) = cx.shared.get::<Watch>().answered(&watched(site, candidate)) else { return };
    count(candidate.provider, -1.0);
    let (provider, model) = (candidate.provider, candidate.model.clone());
    tell(cx, site, ProviderFact::Recovered { provider, model, since }).await;
}

/// The providers of a site that are failing, as this node knows.
pub(crate) fn failing(cx: &Ctx, site: SiteId) -> Vec<Trouble> {
    let watch = cx.shared.get::<Watch>();
    let all = watch.all();
    let of_site = all.iter().filter(|(who, _)| who.site == site).filter_map(|(who, failing)| {
        let since = failing.told_at?;
        Some(Trouble { provider: who.provider, model: who.model.clone(), reason: failing.reason, since })
    });
    let mut found: Vec<Trouble> = of_site.collect();
    found.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.model.cmp(&b.model)));
    found
}

/// An answer must not fail for what is said about it.
async fn tell(cx: &Ctx, site: SiteId, fact: ProviderFact) {
    let told: Result<()> = async {
        let mut tx = cx.begin().await?;
        tx.record(site, site.0, &fact)?;
        tx.commit().await?;
        Ok(())
    }
    .await;
    match told {
        Ok(()) => tracing::warn!(site.id = %site, ?fact, "how a provider does has changed"),
        Err(error) => tracing::error!(site.id = %site, ?fact, error = ?error, "staff could not be told of a provider"),
    }
}

fn count(provider: Provider, by: f64) {
    metrics::gauge!(FAILING, "provider" => provider.to_value()).increment(by);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_stays_is_told_at_once_and_what_may_pass_after_three_times() {
        let (watch, now) = (Watch::default(), DateTime::UNIX_EPOCH);
        let who = |site| Watched {
            site: SiteId(Uuid::from_u128(site)),
            provider: Provider::Openai,
            model: None,
            base_url: None,
        };
        assert_eq!(watch.failed(who(1), ProviderFailure::KeyRefused, now), Some((ProviderFailure::KeyRefused, 1)));
        assert_eq!(watch.failed(who(1), ProviderFailure::KeyRefused, now), None, "once");
        for told in [None, None, Some((ProviderFailure::Timeout, 3)), None] {
            assert_eq!(watch.failed(who(2), ProviderFailure::Timeout, now), told);
        }
        // Others have found out already.
        assert_eq!(watch.failed(who(3), ProviderFailure::CircuitOpen, now), Some((ProviderFailure::CircuitOpen, 3)));
        assert_eq!((watch.answered(&who(2)), watch.answered(&who(2))), (Some(now), None));
        for _ in 0..2 {
            assert_eq!(watch.failed(who(2), ProviderFailure::Timeout, now), None, "it counts anew");
        }
        assert_eq!(watch.answered(&who(2)), None);
    }
}
