//! Offers in the API.

use ::entity::ids::{ConversationId, SiteId, UserId};
use async_graphql::{Context, Enum, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};

use super::super::{facts::RoutingFact, store};
use crate::{
    features::{
        accounts,
        conversations::{
            ConversationFact,
            graphql::subscription::{Gap, gap},
        },
        sites::reach_in,
    },
    kernel::{
        CtxExt, Permission, Result,
        journal::{self, Cursor, Followed, Line, Placed, Scope, placed},
    },
};

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
enum OfferChange {
    /// It was made: accept it with `acceptOffer`, or decline it with `declineOffer`.
    Made,
    /// You accepted it.
    Accepted,
    /// You declined it.
    Declined,
    /// Its time is over, or you were not available any more.
    Expired,
    /// The visitor does not wait any more, or somebody took the conversation.
    Withdrawn,
}

/// An offer was made to you, or is over.
#[derive(SimpleObject)]
struct OfferChanged {
    /// The event's place, resume with `after: cursor`; null for offers that were there when you subscribed.
    cursor: Option<Cursor>,
    /// What happened.
    change: OfferChange,
    /// The conversation.
    conversation_id: ConversationId,
    /// Until when you can accept it; null once it is over.
    expires_at: Option<DateTime<Utc>>,
}

/// An event of `chatOffers`.
#[derive(Union)]
enum OfferEvent {
    /// An offer was made, or is over.
    Changed(OfferChanged),
    /// Events are missing: subscribe again without `after`.
    Gap(Gap),
}

impl Placed for OfferEvent {
    fn place(&self) -> Option<Cursor> {
        match self {
            Self::Changed(changed) => changed.cursor,
            Self::Gap(gap) => Some(gap.cursor),
        }
    }
}

/// Subscriptions about offers.
#[derive(Default)]
pub struct OffersSubscription;

#[Subscription]
impl OffersSubscription {
    /// The conversations of a site that are offered to you. Without `after`, first those that are offered to you now; with
    /// it, what was missed. For members of the site.
    async fn chat_offers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The `cursor` of the last event received, or `inboxCursor`.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<OfferEvent>> + use<>> {
        let cx = ctx.cx().clone();
        reach_in(&cx, Permission::ConversationsWork, site_id)?;
        let me = accounts::signed_in(&cx.actor)?.user;
        let position = cx.position.clone();
        let events = try_stream! {
            // From here on nothing is missed; what is there now may be told twice, never not at all.
            let from = match after {
                Some(after) => Some(after),
                None => Some(journal::head(&cx.db(), site_id).await?),
            };
            if after.is_none() {
                for entry in store::offers(&cx.db(), site_id, me).await? {
                    let (id, expires_at) = (entry.conversation_id, entry.offer_expires_at);
                    yield changed(None, OfferChange::Made, id, expires_at);
                }
            }
            let followed = journal::follow(cx.clone(), site_id, Scope::Site, from, None);
            let mut followed = std::pin::pin!(followed);
            while let Some(batch) = followed.next().await {
                match batch? {
                    Followed::Gap { from, to } => yield OfferEvent::Gap(gap(from, to, "chatOffers(siteId:)")),
                    Followed::Passed(_) | Followed::CaughtUp => {}
                    Followed::Lines(lines) => {
                        for event in lines.iter().filter_map(|line| event(line, me)) {
                            yield event;
                        }
                    }
                }
            }
        };
        Ok(placed(position, events))
    }
}

fn changed(
    cursor: Option<Cursor>,
    change: OfferChange,
    conversation_id: ConversationId,
    expires_at: Option<DateTime<Utc>>,
) -> OfferEvent {
    OfferEvent::Changed(OfferChanged { cursor, change, conversation_id, expires_at })
}

/// What a line tells one agent.
fn event(line: &Line, me: UserId) -> Option<OfferEvent> {
    let cursor = Some(Cursor(line.seq));
    if let Some(ConversationFact::QueueLeft { offered_to: Some(user), outcome }) = ConversationFact::read(line) {
        // Who accepted it is told so by a line of its own.
        let accepted = outcome == ::entity::conversation::QueueOutcome::Assigned && line.actor == Some(me.to_string());
        let gone = user == me && !accepted;
        return gone.then(|| changed(cursor, OfferChange::Withdrawn, ConversationId(line.subject), None));
    }
    let (change, conversation, user, expires_at) = match RoutingFact::read(line)? {
        RoutingFact::Offered { conversation, user, expires_at } => {
            (OfferChange::Made, conversation, user, Some(expires_at))
        }
        RoutingFact::Accepted { conversation, user } => (OfferChange::Accepted, conversation, user, None),
        RoutingFact::Declined { conversation, user } => (OfferChange::Declined, conversation, user, None),
        RoutingFact::Expired { conversation, user } => (OfferChange::Expired, conversation, user, None),
        RoutingFact::RulesChanged { .. } => return None,
    };
    (user == me).then(|| changed(cursor, change, conversation, expires_at))
}
