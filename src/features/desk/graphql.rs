//! Following everything that a dashboard shows.

use ::entity::ids::{SiteId, UserId};
use async_graphql::{Context, Subscription, Union};
use async_stream::try_stream;
use futures_util::{Stream, StreamExt};

use crate::{
    features::{
        accounts,
        agents::{PresenceChanged, presence_changes},
        answers::{ProviderFailing, ProviderRecovered, ProviderTold, provider_told},
        contact_requests::{ContactRequestChanged, contact_request_changes},
        conversations::{
            MentionChanged,
            graphql::{
                subscription::{Gap, InboxEntry, Move, follow_inbox, gap, inbox_entries, inbox_viewers},
                viewers::ViewersChanged,
            },
            mention_changes,
        },
        routing::{OfferChanged, QueueChanged, offer_changes, queue_changes},
        sites::reach_in,
    },
    kernel::{
        Ctx, CtxExt, Permission, Result,
        journal::{Cursor, Line, part_cursors, placed_at},
    },
};

/// What to read again after a gap.
const ALL: &str = "conversations(siteId:), queue(siteId:), chatOffers(siteId:), agents(siteId:), mentions(siteId:), \
                   contactRequests(siteId:)";

/// An event of `staffEvents`.
#[derive(Union)]
enum StaffEvent {
    /// A conversation of the site was started, changed or deleted.
    Inbox(InboxEntry),
    /// A conversation began to wait for an agent, or waits no longer.
    Queue(QueueChanged),
    /// A conversation was offered to you, or is no longer.
    Offer(OfferChanged),
    /// An agent came, went, got or lost a conversation, or changed.
    Presence(PresenceChanged),
    /// You were mentioned in a note, or read it.
    Mention(MentionChanged),
    /// A contact request was sent or changed.
    ContactRequest(ContactRequestChanged),
    /// A provider keeps failing. For those who manage the site's assistants.
    ProviderFailing(ProviderFailing),
    /// A provider that was failing answers again. For those who manage the site's assistants.
    ProviderRecovered(ProviderRecovered),
    /// Members of the site opened a conversation, or closed it. Passing: it has no cursor and is not told again.
    Viewers(ViewersChanged),
    /// Events are missing: refetch.
    Gap(Gap),
}

impl From<ProviderTold> for StaffEvent {
    fn from(told: ProviderTold) -> Self {
        match told {
            ProviderTold::Failing(failing) => Self::ProviderFailing(failing),
            ProviderTold::Recovered(recovered) => Self::ProviderRecovered(recovered),
        }
    }
}

impl StaffEvent {
    fn cursor(&mut self) -> Option<&mut Cursor> {
        Some(match self {
            Self::Inbox(entry) => &mut entry.cursor,
            Self::Queue(changed) => &mut changed.cursor,
            Self::Offer(changed) => &mut changed.cursor,
            Self::Presence(changed) => &mut changed.cursor,
            Self::Mention(changed) => &mut changed.cursor,
            Self::ContactRequest(changed) => &mut changed.cursor,
            Self::ProviderFailing(failing) => &mut failing.cursor,
            Self::ProviderRecovered(recovered) => &mut recovered.cursor,
            Self::Gap(gap) => &mut gap.cursor,
            Self::Viewers(_) => return None,
        })
    }
}

/// Subscriptions of the desk.
#[derive(Default)]
pub struct DeskSubscription;

#[Subscription]
impl DeskSubscription {
    /// Everything that a dashboard of a site shows, as one stream with one cursor, for members of the site: what moves in
    /// the inbox and in the queue, offers to you, agents as they come and go, notes in which you are mentioned, contact
    /// requests, and, for those who manage the site's assistants, providers that fail.
    ///
    /// Read `inboxCursor`, then what you show, and subscribe with `after: inboxCursor`: nothing is missed in between. After a
    /// lost connection subscribe with the `cursor` of the last event. Events come in the order in which things happened and
    /// show each thing as it is now; an agent about whom several things were missed is told of once. When several events come
    /// of one thing, all but the last have the cursor of what happened before it, so that whoever resumes after one of
    /// them is told all of these again. Positions in the queue are not told here; read `queue` when it changes, or follow
    /// `queueEvents`.
    async fn staff_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The `cursor` of the last event received, or `inboxCursor`.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<StaffEvent>> + use<>> {
        let cx = ctx.cx().clone();
        let desk = Desk::new(&cx, site_id)?;
        let position = cx.position.clone();
        let events = try_stream! {
            let mut moves = std::pin::pin!(follow_inbox(&cx, site_id, after));
            while let Some(next) = moves.next().await {
                match next? {
                    Move::Viewers(id) => {
                        if let Some(changed) = Box::pin(inbox_viewers(&cx, id)).await? {
                            yield (None, StaffEvent::Viewers(changed));
                        }
                    }
                    Move::Gap { from, to } => yield (Some(to), StaffEvent::Gap(gap(from, to, ALL))),
                    Move::Lines(lines) => {
                        for (place, event) in Box::pin(desk.told(&cx, &lines)).await? {
                            yield (Some(place), event);
                        }
                    }
                }
            }
        };
        Ok(placed_at(position, events))
    }
}

/// What one member of a site may follow there.
#[derive(Clone, Copy, Debug)]
struct Desk {
    site: SiteId,
    user: UserId,
    contact_requests: bool,
    providers: bool,
}

impl Desk {
    fn new(cx: &Ctx, site: SiteId) -> Result<Self> {
        reach_in(cx, Permission::ConversationsWork, site)?;
        let user = accounts::signed_in(&cx.actor)?.user;
        let may = |permission| reach_in(cx, permission, site).is_ok();
        let (contact_requests, providers) = (may(Permission::ContactRequestsWork), may(Permission::AssistantsManage));
        Ok(Self { site, user, contact_requests, providers })
    }

    /// The events of a batch of lines with their places, in the order of the lines.
    async fn told(self, cx: &Ctx, lines: &[Line]) -> Result<Vec<(Cursor, StaffEvent)>> {
        let mut events: Vec<StaffEvent> = vec![];
        events.extend(inbox_entries(cx, lines).await?.into_iter().map(StaffEvent::Inbox));
        events.extend(queue_changes(cx, self.site, lines).await?.into_iter().map(StaffEvent::Queue));
        events.extend(offer_changes(cx, self.site, self.user, lines).await?.into_iter().map(StaffEvent::Offer));
        events.extend(mention_changes(cx, self.user, lines).await?.into_iter().map(StaffEvent::Mention));
        events.extend(presence_changes(cx, self.site, lines).await?.into_iter().map(StaffEvent::Presence));
        if self.contact_requests {
            events.extend(contact_request_changes(cx, lines).await?.into_iter().map(StaffEvent::ContactRequest));
        }
        if self.providers {
            events.extend(lines.iter().filter_map(provider_told).map(StaffEvent::from));
        }
        let mut placed: Vec<(Cursor, StaffEvent)> =
            events.into_iter().filter_map(|mut event| Some((*event.cursor()?, event))).collect();
        placed.sort_by_key(|(place, _)| *place);
        part_cursors(placed.iter_mut().filter_map(|(_, event)| event.cursor()));
        Ok(placed)
    }
}
