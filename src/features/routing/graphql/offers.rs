//! Offers in the API.

use std::collections::HashMap;

use ::entity::{
    ids::{ConversationId, SiteId, UserId},
    queue_entry,
};
use async_graphql::{ComplexObject, Context, Enum, Object, SimpleObject, Subscription, dataloader::Loader};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::super::{
    board::{self, Board},
    facts::RoutingFact,
    store,
};
use crate::{
    features::{
        accounts,
        agents::AgentPresence,
        conversations::{self, OfferFact, graphql::types::Conversation},
        sites::reach_in,
    },
    kernel::{
        Ctx, CtxExt, Error, Permission, Result,
        journal::{Cursor, Line},
        loader::Batch,
    },
};

/// A conversation that is offered to you.
#[derive(Clone, SimpleObject)]
struct ChatOffer {
    /// Which conversation: accept it with `acceptOffer`, or decline it with `declineOffer`.
    conversation_id: ConversationId,
    /// The conversation, with who asks and what was said last.
    conversation: Conversation,
    /// Until when you can accept it.
    expires_at: Option<DateTime<Utc>>,
    /// Since when the visitor waits.
    entered_at: DateTime<Utc>,
}

/// All conversations of a site that are offered to you.
#[derive(Clone, SimpleObject)]
struct ChatOffers {
    /// The site.
    site_id: SiteId,
    /// The offers, longest waiting visitors first. One that is not in the list any more was accepted, declined or taken,
    /// its time is over, or its visitor does not wait any more.
    offers: Vec<ChatOffer>,
}

/// An offer as its conversation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offered {
    entered_at: DateTime<Utc>,
    id: ConversationId,
    expires_at: Option<DateTime<Utc>>,
}

impl From<&queue_entry::Model> for Offered {
    fn from(entry: &queue_entry::Model) -> Self {
        Self { entered_at: entry.entered_at, id: entry.conversation_id, expires_at: entry.offer_expires_at }
    }
}

/// What a board says is offered to somebody, longest waiting first.
fn on_board(board: &Board, user: UserId) -> Vec<Offered> {
    let entries = board.spots.values().map(|spot| spot.entry.as_ref());
    let mut offers: Vec<Offered> = entries.filter(|entry| entry.offered_to == Some(user)).map(Offered::from).collect();
    offers.sort_unstable();
    offers
}

/// Offers with their conversations; without one that was deleted a moment ago.
async fn shown(cx: &Ctx, site_id: SiteId, offered: &[Offered]) -> Result<ChatOffers> {
    let reach = reach_in(cx, Permission::ConversationsWork, site_id)?;
    let ids = offered.iter().map(|offer| offer.id).collect();
    let mut rows = conversations::by_ids(&cx.db(), &reach, ids).await?;
    let offer = |offer: &Offered| {
        let conversation = rows.remove(&offer.id)?.into();
        let Offered { entered_at, id, expires_at } = *offer;
        Some(ChatOffer { conversation_id: id, conversation, expires_at, entered_at })
    };
    Ok(ChatOffers { site_id, offers: offered.iter().filter_map(offer).collect() })
}

/// Questions about offers.
#[derive(Default)]
pub struct OffersQuery;

#[Object]
impl OffersQuery {
    /// The conversations of a site that are offered to you. For members of the site.
    #[graphql(complexity = "10 + child_complexity")]
    async fn chat_offers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<ChatOffers> {
        let cx = ctx.cx();
        reach_in(cx, Permission::ConversationsWork, site_id)?;
        let me = accounts::signed_in(&cx.actor)?.user;
        let mut offered: Vec<Offered> =
            store::offered_to(&cx.db(), site_id, me).await?.iter().map(Offered::from).collect();
        offered.sort_unstable();
        shown(cx, site_id, &offered).await
    }
}

/// Subscriptions about offers.
#[derive(Default)]
pub struct OffersSubscription;

#[Subscription]
impl OffersSubscription {
    /// The conversations of a site that are offered to you: all of them, now and after each change. For members of the site.
    async fn chat_offers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<impl Stream<Item = Result<ChatOffers>> + use<>> {
        let cx = ctx.cx().clone();
        reach_in(&cx, Permission::ConversationsWork, site_id)?;
        let me = accounts::signed_in(&cx.actor)?.user;
        let mut board = board::watch(&cx, site_id);
        Ok(try_stream! {
            let mut last: Option<Vec<Offered>> = None;
            loop {
                let known = board.borrow_and_update().clone();
                let offered = known.map(|known| on_board(&known, me));
                if let Some(offered) = offered.filter(|offered| last.as_ref() != Some(offered)) {
                    yield Box::pin(shown(&cx, site_id, &offered)).await?;
                    last = Some(offered);
                }
                if board.changed().await.is_err() {
                    break;
                }
            }
        })
    }
}

/// What happened to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OfferChange {
    /// A conversation is offered to you.
    Made,
    /// You have the conversation now.
    Accepted,
    /// You declined it, perhaps on another device.
    Declined,
    /// You let it pass, or went away.
    Expired,
    /// Somebody else has the conversation, or it does not wait any more.
    Withdrawn,
}

/// A conversation was offered to you, or is no longer.
#[derive(SimpleObject)]
pub(crate) struct OfferChanged {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// What happened.
    offer_change: OfferChange,
    /// Which conversation.
    conversation_id: ConversationId,
    /// The conversation as it is now, with who asks and what was said last; null once deleted.
    conversation: Option<Conversation>,
    /// Until when you can accept it; null when it is not offered any more.
    expires_at: Option<DateTime<Utc>>,
}

/// What a line says of an offer, and until when it stands.
fn change(line: &Line) -> Option<(OfferChange, ConversationId, Option<DateTime<Utc>>)> {
    if let Some(fact) = OfferFact::read(line) {
        return Some(match fact {
            OfferFact::Accepted { conversation, .. } => (OfferChange::Accepted, conversation, None),
            OfferFact::Withdrawn { conversation, .. } => (OfferChange::Withdrawn, conversation, None),
        });
    }
    match RoutingFact::read(line)? {
        RoutingFact::Offered { conversation, expires_at, .. } => {
            Some((OfferChange::Made, conversation, Some(expires_at)))
        }
        RoutingFact::Declined { conversation, .. } => Some((OfferChange::Declined, conversation, None)),
        RoutingFact::Expired { conversation, .. } => Some((OfferChange::Expired, conversation, None)),
        RoutingFact::RulesChanged { .. } => None,
    }
}

/// What a batch of lines says of the offers to one member of a site, and to nobody else.
pub(crate) async fn offer_changes(cx: &Ctx, site: SiteId, user: UserId, lines: &[Line]) -> Result<Vec<OfferChanged>> {
    let theirs = lines.iter().filter(|line| line.subject == user.0);
    let changes: Vec<_> = theirs.filter_map(|line| Some((line.cursor(), change(line)?))).collect();
    if changes.is_empty() {
        return Ok(vec![]);
    }
    let reach = reach_in(cx, Permission::ConversationsWork, site)?;
    let ids = changes.iter().map(|(_, (_, id, _))| *id).collect();
    let rows = conversations::by_ids(&cx.db(), &reach, ids).await?;
    let changed = |(cursor, (offer_change, id, expires_at))| {
        let conversation = rows.get(&id).cloned().map(Conversation::from);
        OfferChanged { cursor, offer_change, conversation_id: id, conversation, expires_at }
    };
    Ok(changes.into_iter().map(changed).collect())
}

/// How many conversations of a site are offered to somebody.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct OfferedKey(SiteId, UserId);

impl Loader<OfferedKey> for Batch {
    type Value = i64;
    type Error = Error;
    async fn load(&self, keys: &[OfferedKey]) -> Result<HashMap<OfferedKey, i64>> {
        let mut sites: HashMap<SiteId, Vec<UserId>> = HashMap::new();
        for OfferedKey(site, user) in keys {
            sites.entry(*site).or_default().push(*user);
        }
        let mut found = HashMap::with_capacity(keys.len());
        for (site, users) in sites {
            let counts = store::count_offered(&self.0.db(), site, users).await?;
            found.extend(counts.into_iter().map(|(user, count)| (OfferedKey(site, user), count)));
        }
        Ok(found)
    }
}

/// What routing adds to an agent's presence.
#[ComplexObject]
impl AgentPresence {
    /// Conversations that are offered to them at the moment. They count towards what the agent may have, too.
    async fn offered_chats(&self, ctx: &Context<'_>) -> Result<i64> {
        let (site, user) = self.whose();
        Ok(ctx.cx().load(OfferedKey(site, user)).await?.unwrap_or_default())
    }
}
