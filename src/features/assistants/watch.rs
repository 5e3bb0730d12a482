//! Providers that keep failing are noticed: the staff of a site learn of it once, and once again when they answer.
//!
//! A failure that does not pass by itself (a refused key, an unknown model) is told at once; others as soon as a
//! provider has failed so often in a row that its circuit opens. What one node meets counts for all: the failures in a
//! row are counted in a row of the database, which goes with the first answer that any node gets.

use std::collections::{HashMap, HashSet};

use ::entity::{assistant::Provider, ids::SiteId, provider_trouble};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::Iterable;
use uuid::Uuid;

use super::{asking::Candidate, facts::ProviderFact, failure::ProviderFailure, keys, store};
use crate::{
    kernel::{Ctx, Result, Tx, secret},
    ports::{ai::FAILURES, db::Db},
};

/// How often a failure is written down of which staff know already.
const AGAIN: TimeDelta = TimeDelta::minutes(1);
/// Of a provider that was not asked again for so long nobody knows how it does.
const FORGET_AFTER: TimeDelta = TimeDelta::days(30);

/// A provider that is failing.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) reason: ProviderFailure,
    pub(crate) since: DateTime<Utc>,
}

/// The id of a provider as a site uses it.
fn id_of(site: SiteId, candidate: &Candidate) -> Uuid {
    let base_url = candidate.target.as_ref().ok().and_then(|target| target.base_url.as_deref());
    // What is absent is not the same as an empty text.
    let part = |text: Option<&str>| text.map_or_else(Vec::new, |text| [b"=", text.as_bytes()].concat());
    let provider = format!("{:?}", candidate.provider);
    let (model, base_url) = (part(candidate.model.as_deref()), part(base_url));
    secret::id(&[b"provider", site.0.as_bytes(), provider.as_bytes(), &model, &base_url])
}

/// Counts a failure. True when it is to be told of.
fn count(row: &mut provider_trouble::Model, why: ProviderFailure, now: DateTime<Utc>) -> bool {
    let most = i64::from(FAILURES);
    if why == ProviderFailure::CircuitOpen {
        // It failed for somebody, in whatever way.
        row.failures = row.failures.max(most);
    } else {
        (row.failures, row.reason) = (row.failures.saturating_add(1), why.name().to_owned());
    }
    row.failed_at = now;
    if row.told_at.is_some() || row.failures < most && !why.stays() {
        return false;
    }
    row.told_at = Some(now);
    true
}

/// A provider did not answer. An answer must not fail for what is said about it.
pub(super) async fn failed(cx: &Ctx, site: SiteId, candidate: &Candidate, why: ProviderFailure) {
    if !why.is_providers() {
        return;
    }
    if let Err(error) = note_failure(cx, site, candidate, why).await {
        tracing::error!(site.id = %site, ?why, error = ?error, "a provider's failure could not be written down");
    }
}

async fn note_failure(cx: &Ctx, site: SiteId, candidate: &Candidate, why: ProviderFailure) -> Result<()> {
    let (id, now) = (id_of(site, candidate), cx.clock.now());
    let is_known = |row: &provider_trouble::Model| row.told_at.is_some() && now - row.failed_at < AGAIN;
    if store::lookup_trouble(&cx.db(), id).await?.is_some_and(|row| is_known(&row)) {
        return Ok(());
    }
    let fresh = provider_trouble::Model {
        id,
        site_id: site,
        provider: candidate.provider,
        model: candidate.model.clone(),
        reason: why.name().to_owned(),
        failures: 0,
        told_at: None,
        failed_at: now,
    };
    let mut tx = cx.begin().await?;
    let Some(mut row) = store::trouble_for_update(&tx.db(), fresh).await? else { return Ok(()) };
    let is_news = count(&mut row, why, now);
    store::save_trouble(&tx.db(), row.clone()).await?;
    if is_news {
        let (provider, model) = (row.provider, row.model);
        let reason = ProviderFailure::of_name(&row.reason).unwrap_or(why);
        let failures = u32::try_from(row.failures).unwrap_or(u32::MAX);
        tell(&mut tx, site, &ProviderFact::Failing { provider, model, reason, failures })?;
    }
    tx.commit().await?;
    Ok(())
}

/// A provider answered.
pub(super) async fn answered(cx: &Ctx, site: SiteId, candidate: &Candidate) {
    if let Err(error) = note_answer(cx, site, candidate).await {
        tracing::error!(site.id = %site, error = ?error, "a provider's answer could not be written down");
    }
}

async fn note_answer(cx: &Ctx, site: SiteId, candidate: &Candidate) -> Result<()> {
    let id = id_of(site, candidate);
    let Some(row) = store::lookup_trouble(&cx.db(), id).await? else { return Ok(()) };
    let mut tx = cx.begin().await?;
    // Of several that got an answer one tells.
    let is_first = store::delete_trouble(&tx.db(), id).await?;
    if let Some(since) = row.told_at.filter(|_| is_first) {
        let (provider, model) = (row.provider, row.model);
        tell(&mut tx, site, &ProviderFact::Recovered { provider, model, since })?;
    }
    tx.commit().await?;
    Ok(())
}

fn tell(tx: &mut Tx, site: SiteId, fact: &ProviderFact) -> Result<()> {
    tracing::warn!(site.id = %site, ?fact, "how a provider does has changed");
    tx.record(site, site.0, fact)
}

/// The providers of a site that are failing, those that an assistant which is on asks, longest first.
pub(crate) async fn failing(cx: &Ctx, site: SiteId) -> Result<Vec<Trouble>> {
    let rows = store::troubles(&cx.db(), site).await?;
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let mut asked = HashSet::new();
    for assistant in store::all_that_are_on(&cx.db(), site).await? {
        asked.extend(keys::links(&assistant).map(|link| id_of(site, &Candidate::new(cx, assistant.id, &link))));
    }
    let trouble = |row: provider_trouble::Model| {
        let reason = ProviderFailure::of_name(&row.reason).unwrap_or(ProviderFailure::ProviderError);
        Some(Trouble { provider: row.provider, model: row.model, reason, since: row.told_at? })
    };
    Ok(rows.into_iter().filter(|row| asked.contains(&row.id)).filter_map(trouble).collect())
}

/// How many providers are failing sites, by provider.
pub(crate) async fn failing_by_provider(db: &Db<'_>) -> Result<Vec<(Provider, u64)>> {
    let counted: HashMap<Provider, u64> = store::count_troubles(db).await?.into_iter().collect();
    Ok(Provider::iter().map(|provider| (provider, counted.get(&provider).copied().unwrap_or(0))).collect())
}

/// Forgets those of which nothing was heard for long.
pub(crate) async fn forget_troubles(cx: &Ctx) -> Result<()> {
    let tx = cx.begin().await?;
    store::delete_troubles(&tx.db(), cx.clock.now() - FORGET_AFTER).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_told_at_once_and_what_may_pass_after_three_times() {
        let now = DateTime::UNIX_EPOCH;
        let fresh = provider_trouble::Model {
            id: Uuid::nil(),
            site_id: SiteId(Uuid::nil()),
            provider: Provider::Openai,
            model: None,
            reason: ProviderFailure::Timeout.name().to_owned(),
            failures: 0,
            told_at: None,
            failed_at: now,
        };
        let told = |failures: &[ProviderFailure]| {
            let mut row = fresh.clone();
            failures.iter().map(|why| count(&mut row, *why, now)).collect::<Vec<_>>()
        };
        use ProviderFailure::{CircuitOpen, KeyRefused, Timeout};
        assert_eq!(told(&[KeyRefused, KeyRefused]), [true, false], "once");
        assert_eq!(told(&[Timeout; 4]), [false, false, true, false]);
        assert_eq!(told(&[Timeout, KeyRefused]), [false, true]);
        // Others have found out already.
        let mut row = fresh.clone();
        assert!(count(&mut row, CircuitOpen, now));
        assert_eq!((row.reason.as_str(), row.failures), ("TIMEOUT", 3));
    }

    #[test]
    fn reasons_are_kept_by_their_names() {
        for name in ["TIMEOUT", "KEY_REFUSED", "CIRCUIT_OPEN"] {
            assert_eq!(ProviderFailure::of_name(name).map(ProviderFailure::name), Some(name));
        }
        assert_eq!(ProviderFailure::of_name("ELSE"), None);
    }
}
