//! Offers in the API.

use ::entity::ids::{ConversationId, SiteId, UserId};
use async_graphql::{Context, SimpleObject, Subscription};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::super::board::{self, Board};
use crate::{
    features::{accounts, sites::reach_in},
    kernel::{CtxExt, Permission, Result},
};

/// A conversation that is offered to you.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
struct ChatOffer {
    /// Which conversation: accept it with `acceptOffer`, or decline it with `declineOffer`.
    conversation_id: ConversationId,
    /// Until when you can accept it.
    expires_at: Option<DateTime<Utc>>,
    /// Since when the visitor waits.
    entered_at: DateTime<Utc>,
}

/// All conversations of a site that are offered to you.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
struct ChatOffers {
    /// The site.
    site_id: SiteId,
    /// The offers, longest waiting visitors first. One that is not in the list any more was accepted, declined or taken,
    /// its time is over, or its visitor does not wait any more.
    offers: Vec<ChatOffer>,
}

impl ChatOffers {
    fn new(site_id: SiteId, board: &Board, user: UserId) -> Self {
        let spots = board.order.iter().filter_map(|id| board.spots.get(id));
        let offers = spots.filter(|spot| spot.entry.offered_to == Some(user)).map(|spot| ChatOffer {
            conversation_id: spot.entry.conversation_id,
            expires_at: spot.entry.offer_expires_at,
            entered_at: spot.entry.entered_at,
        });
        Self { site_id, offers: offers.collect() }
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
            let mut last: Option<ChatOffers> = None;
            loop {
                let known = board.borrow_and_update().clone();
                let offers = known.map(|known| ChatOffers::new(site_id, &known, me));
                if let Some(offers) = offers.filter(|offers| last.as_ref() != Some(offers)) {
                    last = Some(offers.clone());
                    yield offers;
                }
                if board.changed().await.is_err() {
                    break;
                }
            }
        })
    }
}
