//! Following contact requests.

use ::entity::ids::{ContactRequestId, SiteId};
use async_graphql::{Context, Enum, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use futures_util::{Stream, StreamExt};

use super::{
    super::{facts::ContactRequestFact, store},
    types::ContactRequest,
};
use crate::{
    features::{
        conversations::graphql::subscription::{Gap, gap},
        sites::reach_in,
    },
    kernel::{
        Ctx, CtxExt, Permission, Result,
        journal::{self, Cursor, Followed, Line, Scope},
    },
};

/// What happened to a contact request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ContactRequestChange {
    /// It was sent.
    Added,
    /// It was given to somebody, or to nobody.
    Assigned,
    /// Somebody got in touch.
    Resolved,
    /// It waits again.
    Reopened,
}

/// A contact request was sent or changed.
#[derive(SimpleObject)]
pub(crate) struct ContactRequestChanged {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// What happened.
    contact_request_change: ContactRequestChange,
    /// The request as it is now.
    contact_request: ContactRequest,
}

/// An event of `contactRequestEvents`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "lives for the length of one event")]
enum ContactRequestEvent {
    /// A request was sent or changed.
    Changed(ContactRequestChanged),
    /// Events are missing: refetch.
    Gap(Gap),
}

/// Subscriptions about contact requests.
#[derive(Default)]
pub struct ContactRequestsSubscription;

#[Subscription]
impl ContactRequestsSubscription {
    /// The contact requests of a site as they are sent and seen to, for members of the site. With `after` (from
    /// `inboxCursor` or the last event), first what was missed; without it, from now on.
    async fn contact_request_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The `cursor` of the last event received, or `inboxCursor`.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ContactRequestEvent>> + use<>> {
        let cx = ctx.cx().clone();
        reach_in(&cx, Permission::ContactRequestsWork, site_id)?;
        Ok(try_stream! {
            let followed = journal::follow(cx.clone(), site_id, Scope::Site, after, None);
            let mut followed = std::pin::pin!(followed);
            while let Some(batch) = followed.next().await {
                match batch? {
                    Followed::Gap { from, to } => {
                        yield ContactRequestEvent::Gap(gap(from, to, "contactRequests(siteId:)"));
                    }
                    Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp => {}
                    Followed::Lines(lines) => {
                        for changed in Box::pin(contact_request_changes(&cx, &lines)).await? {
                            yield ContactRequestEvent::Changed(changed);
                        }
                    }
                }
            }
        })
    }
}

/// What a batch of lines says about contact requests; their rows load in one query.
pub(crate) async fn contact_request_changes(cx: &Ctx, lines: &[Line]) -> Result<Vec<ContactRequestChanged>> {
    let facts: Vec<(Cursor, ContactRequestId, ContactRequestFact)> = lines
        .iter()
        .filter_map(|line| Some((line.cursor(), ContactRequestId(line.subject), ContactRequestFact::read(line)?)))
        .collect();
    if facts.is_empty() {
        return Ok(vec![]);
    }
    let reach = cx.reach(Permission::ContactRequestsWork)?;
    let rows = store::by_ids(&cx.db(), &reach, facts.iter().map(|(_, id, _)| *id).collect()).await?;
    let changed = |(cursor, id, fact)| {
        let contact_request = ContactRequest(rows.get(&id)?.clone());
        let contact_request_change = match fact {
            ContactRequestFact::Sent { .. } => ContactRequestChange::Added,
            ContactRequestFact::Assigned { .. } => ContactRequestChange::Assigned,
            ContactRequestFact::Resolved => ContactRequestChange::Resolved,
            ContactRequestFact::Reopened => ContactRequestChange::Reopened,
        };
        Some(ContactRequestChanged { cursor, contact_request_change, contact_request })
    };
    Ok(facts.into_iter().filter_map(changed).collect())
}
