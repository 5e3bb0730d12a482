//! Following how providers do.

use ::entity::{assistant::Provider, ids::SiteId};
use async_graphql::{Context, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};

use crate::{
    features::{
        assistants::{self, ProviderFact, ProviderFailure, Trouble},
        conversations::graphql::subscription::{Gap, gap},
        sites::reach_in,
    },
    kernel::{
        CtxExt, Permission, Result,
        journal::{self, Cursor, Followed, Line, Scope},
    },
};

/// A provider that is failing at the moment.
#[derive(SimpleObject)]
struct FailingProvider {
    /// Who.
    provider: Provider,
    /// The provider's name of the model; null where none is named.
    model: Option<String>,
    /// Why it did not answer at last.
    reason: ProviderFailure,
    /// What can be done about it.
    advice: String,
    /// Since when that is known.
    since: DateTime<Utc>,
}

impl From<Trouble> for FailingProvider {
    fn from(trouble: Trouble) -> Self {
        let Trouble { provider, model, reason, since } = trouble;
        Self { provider, model, reason, advice: reason.advice().to_owned(), since }
    }
}

/// How the providers of a site do as the subscription begins.
#[derive(SimpleObject)]
struct ProvidersNow {
    /// Those that are failing, longest first, whichever node of the server found out; empty when all is well, or nobody was
    /// asked yet.
    failing: Vec<FailingProvider>,
}

/// A provider has failed several times in a row, or in a way that does not pass by itself. Visitors are answered by the
/// next provider, or by the built-in answerer.
#[derive(SimpleObject)]
pub(crate) struct ProviderFailing {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// When.
    at: DateTime<Utc>,
    /// Who.
    provider: Provider,
    /// The provider's name of the model; null where none is named.
    model: Option<String>,
    /// Why it did not answer at last.
    reason: ProviderFailure,
    /// What can be done about it.
    advice: String,
}

/// A provider that was failing answers again.
#[derive(SimpleObject)]
pub(crate) struct ProviderRecovered {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// When.
    at: DateTime<Utc>,
    /// Who.
    provider: Provider,
    /// The provider's name of the model; null where none is named.
    model: Option<String>,
    /// Since when it had been failing.
    since: DateTime<Utc>,
}

/// An event of `providerEvents`.
#[derive(Union)]
enum ProviderEvent {
    /// How providers do at the beginning.
    Now(ProvidersNow),
    /// One keeps failing.
    Failing(ProviderFailing),
    /// One answers again.
    Recovered(ProviderRecovered),
    /// Events are missing: subscribe anew, without `after`.
    Gap(Gap),
}

/// Subscriptions about providers.
#[derive(Default)]
pub struct ProvidersSubscription;

#[Subscription]
impl ProvidersSubscription {
    /// How the providers of a site's assistants do, for those who manage them: first which are failing now, then each that
    /// keeps failing or answers again. With `after` (the `cursor` of the last event), also what was missed.
    async fn provider_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The `cursor` of the last event received.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ProviderEvent>> + use<>> {
        let cx = ctx.cx().clone();
        reach_in(&cx, Permission::AssistantsManage, site_id)?;
        Ok(try_stream! {
            // From here on, so that nothing falls between what is read now and what is told then.
            let head = journal::head(&cx.db(), site_id).await?;
            let failing = assistants::failing(&cx, site_id).await?.into_iter().map(FailingProvider::from).collect();
            yield ProviderEvent::Now(ProvidersNow { failing });
            let followed = journal::follow(cx.clone(), site_id, Scope::Site, after.or(Some(head)), None);
            let mut followed = std::pin::pin!(followed);
            while let Some(batch) = followed.next().await {
                match batch? {
                    Followed::Gap { from, to } => yield ProviderEvent::Gap(gap(from, to, "providerEvents(siteId:)")),
                    Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp => {}
                    Followed::Lines(lines) => {
                        for told in lines.iter().filter_map(provider_told) {
                            yield told.into();
                        }
                    }
                }
            }
        })
    }
}

/// What a line says of a provider.
pub(crate) enum ProviderTold {
    Failing(ProviderFailing),
    Recovered(ProviderRecovered),
}

impl From<ProviderTold> for ProviderEvent {
    fn from(told: ProviderTold) -> Self {
        match told {
            ProviderTold::Failing(failing) => Self::Failing(failing),
            ProviderTold::Recovered(recovered) => Self::Recovered(recovered),
        }
    }
}

/// Reads a line about a provider; for those who manage the site's assistants.
pub(crate) fn provider_told(line: &Line) -> Option<ProviderTold> {
    let (cursor, at) = (line.cursor(), line.at);
    Some(match ProviderFact::read(line)? {
        ProviderFact::Failing { provider, model, reason, .. } => {
            let advice = reason.advice().to_owned();
            ProviderTold::Failing(ProviderFailing { cursor, at, provider, model, reason, advice })
        }
        ProviderFact::Recovered { provider, model, since } => {
            ProviderTold::Recovered(ProviderRecovered { cursor, at, provider, model, since })
        }
    })
}
