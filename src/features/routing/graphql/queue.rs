//! The queue in the API: a place in it for visitors, all of it for members of the site.

use std::{sync::Arc, time::Duration};

use ::entity::{
    conversation::{self, QueueOutcome},
    ids::{ConversationId, DepartmentId, SiteId, UserId},
};
use async_graphql::{ComplexObject, Context, Enum, Object, SimpleObject, Subscription};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, Stream};

use super::super::{
    board::{self, Board, Line, Spot},
    keep::Watching,
    store,
};
use crate::{
    features::{
        conversations::{
            self, ConversationFact,
            graphql::{
                people::PublicDepartment,
                types::{Agent, AgentKey, Conversation},
            },
        },
        sites::reach_in,
    },
    kernel::{
        Actor, Ctx, CtxExt, Permission, Result, heads,
        journal::{self, Cursor},
        page::{List, Page, Paging, Place},
    },
    ports::bus::{Heard, Topic},
};

/// Where a conversation stands in the queue.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
#[graphql(complex)]
struct QueuePosition {
    /// Which conversation.
    conversation_id: ConversationId,
    /// It waits for an agent.
    is_waiting: bool,
    /// Its place, from 1: how many are ahead of it and itself, of those who wait for the same agents. Null when it does not
    /// wait.
    position: Option<i32>,
    /// How many wait for the same agents in all.
    waiting: Option<i32>,
    /// How long it will take, in seconds, rounded up to whole half minutes: place × the median time agents have a
    /// conversation ÷ the conversations that those who are there may have together. Null when nobody is there.
    estimated_wait_seconds: Option<i32>,
    /// Since when it waits.
    entered_at: Option<DateTime<Utc>>,
    /// When it will have waited long enough, and the visitor is offered to leave a message. Moves on during a break.
    waits_until: Option<DateTime<Utc>>,
    /// How its last wait ended; null while it waits, and when it never did.
    outcome: Option<QueueOutcome>,
    #[graphql(skip)]
    assignee_id: Option<UserId>,
}

#[ComplexObject]
impl QueuePosition {
    /// The agent who has the conversation; null while it waits.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.assignee_id {
            Some(id) => ctx.cx().load(AgentKey(id)).await,
            None => Ok(None),
        }
    }
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// The place on a board; `None` where it does not stand there.
fn on_board(board: &Board, id: ConversationId) -> Option<QueuePosition> {
    let spot = board.spots.get(&id)?;
    Some(QueuePosition {
        conversation_id: id,
        is_waiting: true,
        position: Some(count(spot.position)),
        waiting: board.lines.get(&spot.entry.line).map(|line| count(line.waiting)),
        estimated_wait_seconds: spot.wait.map(seconds),
        entered_at: Some(spot.entry.entered_at),
        waits_until: Some(spot.entry.deadline_at),
        outcome: None,
        assignee_id: None,
    })
}

/// The place as it is now, whatever a board says that may be a moment old. `None` when a newer board will say it.
async fn beside_board(cx: &Ctx, id: ConversationId) -> Result<Option<QueuePosition>> {
    if store::entry(&cx.db(), id).await?.is_some() {
        return Ok(None);
    }
    let reach = cx.reach(Permission::ConversationsRead)?;
    let row = conversations::find(&cx.db(), &reach, id).await?;
    Ok(Some(QueuePosition {
        conversation_id: id,
        is_waiting: false,
        position: None,
        waiting: None,
        estimated_wait_seconds: None,
        entered_at: None,
        waits_until: None,
        outcome: row.queue_outcome,
        assignee_id: row.assignee_id,
    }))
}

async fn now(cx: &Ctx, site: SiteId, id: ConversationId) -> Result<QueuePosition> {
    if let Some(position) = beside_board(cx, id).await? {
        return Ok(position);
    }
    if let Some(position) = on_board(board::current(cx, site).await?.as_ref(), id) {
        return Ok(position);
    }
    // It began to wait a moment ago.
    match on_board(&board::read(cx, site).await?, id) {
        Some(position) => Ok(position),
        None => Ok(beside_board(cx, id).await?.unwrap_or(QueuePosition {
            conversation_id: id,
            is_waiting: true,
            position: None,
            waiting: None,
            estimated_wait_seconds: None,
            entered_at: None,
            waits_until: None,
            outcome: None,
            assignee_id: None,
        })),
    }
}

/// A conversation that waits.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct QueueEntry {
    /// Which conversation.
    conversation_id: ConversationId,
    /// The conversation, with who asks and what was said last.
    conversation: Conversation,
    /// Its place, from 1, among those who wait for the same agents.
    position: i32,
    /// 1 to 10: 1, and 4 for important visitors, 2 for those who came back, 1 for those about to buy, 1 for each two
    /// minutes of waiting.
    priority: i32,
    /// How long it will take, in seconds; null when nobody is there.
    estimated_wait_seconds: Option<i32>,
    /// Since when it waits.
    entered_at: DateTime<Utc>,
    /// When it will have waited long enough.
    waits_until: DateTime<Utc>,
    /// The department outside of which nobody may get it.
    department_id: Option<DepartmentId>,
    /// The rule that says what is asked for.
    rule: Option<String>,
    /// The agent to whom it is offered.
    offered_to_id: Option<UserId>,
    /// Until when they can accept.
    offer_expires_at: Option<DateTime<Utc>>,
}

#[ComplexObject]
impl QueueEntry {
    /// The department outside of which nobody may get it, by name.
    async fn department(&self, ctx: &Context<'_>) -> Result<Option<PublicDepartment>> {
        PublicDepartment::load(ctx.cx(), self.department_id).await
    }

    /// The agent to whom it is offered, by name.
    async fn offered_to(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.offered_to_id {
            Some(id) => ctx.cx().load(AgentKey(id)).await,
            None => Ok(None),
        }
    }
}

impl QueueEntry {
    fn new(spot: &Spot, conversation: conversation::Model) -> Self {
        let entry = &spot.entry;
        Self {
            conversation_id: entry.conversation_id,
            conversation: conversation.into(),
            position: count(spot.position),
            priority: i32::try_from(spot.priority).unwrap_or(i32::MAX),
            estimated_wait_seconds: spot.wait.map(seconds),
            entered_at: entry.entered_at,
            waits_until: entry.deadline_at,
            department_id: entry.line,
            rule: entry.demand.rule.clone(),
            offered_to_id: entry.offered_to,
            offer_expires_at: entry.offer_expires_at,
        }
    }
}

/// Those who wait for the same agents.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
struct QueueLine {
    /// The department that they wait for; null for those whom everybody may have.
    department_id: Option<DepartmentId>,
    /// How many wait.
    waiting: i32,
    /// Since when the one waits who has waited longest.
    waiting_since: Option<DateTime<Utc>>,
    /// Agents who are there for them and get new conversations, full or not.
    agents: i32,
    /// Conversations that these may have together.
    capacity: i32,
    /// How many more they can have at the moment.
    free: i32,
}

#[ComplexObject]
impl QueueLine {
    /// The department that they wait for, by name; null for those whom everybody may have.
    async fn department(&self, ctx: &Context<'_>) -> Result<Option<PublicDepartment>> {
        PublicDepartment::load(ctx.cx(), self.department_id).await
    }
}

impl QueueLine {
    fn new(line: &Line) -> Self {
        Self {
            department_id: line.department,
            waiting: count(line.waiting),
            waiting_since: line.longest_since,
            agents: count(line.agents),
            capacity: count(line.slots),
            free: count(line.free),
        }
    }
}

/// All queues of a site at a moment.
struct QueueOverview {
    site: SiteId,
    board: Arc<Board>,
}

/// All queues of a site at a moment.
#[Object]
impl QueueOverview {
    /// The site.
    async fn site_id(&self) -> SiteId {
        self.site
    }

    /// When it was so.
    async fn at(&self) -> DateTime<Utc> {
        self.board.at
    }

    /// How many wait in all.
    async fn waiting(&self) -> i32 {
        i32::try_from(self.board.order.len()).unwrap_or(i32::MAX)
    }

    /// Agents with an open dashboard.
    async fn agents_online(&self) -> i32 {
        count(self.board.online)
    }

    /// The median of how long agents had the last conversations, in seconds; 600 where nothing is known yet.
    async fn median_handling_seconds(&self) -> i32 {
        seconds(self.board.handling)
    }

    /// By whom they wait for: those whom everybody may have first.
    async fn lines(&self) -> Vec<QueueLine> {
        self.board.lines.values().map(QueueLine::new).collect()
    }

    /// Those who wait, in the order in which they come. Waiting itself moves people up, so the order may change between two
    /// pages.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<QueueEntry>> {
        let cx = ctx.cx();
        let page = Paging::new(first, after, last, before)?.of_list(&self.board.order, |id| id.0);
        let reach = reach_in(cx, Permission::ConversationsWork, self.site)?;
        let ids = page.rows.iter().map(|(_, id)| *id).collect();
        let mut conversations = conversations::by_ids(&cx.db(), &reach, ids).await?;
        let Page { rows, has_next, has_previous } = page;
        // One that was deleted a moment ago is left out.
        let entry = |(place, id): (Place, ConversationId)| {
            let spot = self.board.spots.get(&id)?;
            Some((place, QueueEntry::new(spot, conversations.remove(&id)?)))
        };
        let page = Page { rows: rows.into_iter().filter_map(entry).collect(), has_next, has_previous };
        let waiting = u64::try_from(self.board.order.len()).unwrap_or(u64::MAX);
        Ok(page.connect(|(place, _)| *place, |(_, entry)| entry, move || async move { Ok(waiting) }.boxed()))
    }
}

/// What happened in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum QueueChange {
    /// A conversation began to wait.
    Entered,
    /// A conversation waits no longer.
    Left,
}

/// A conversation began to wait for an agent, or waits no longer.
#[derive(SimpleObject)]
pub(crate) struct QueueChanged {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// What happened.
    queue_change: QueueChange,
    /// Which conversation.
    conversation_id: ConversationId,
    /// The conversation as it is now; null once deleted.
    conversation: Option<Conversation>,
    /// How its wait ended; null when it began.
    outcome: Option<QueueOutcome>,
    /// How many wait on the site now. Who stands where is said by `queue`.
    waiting: i32,
}

/// What a batch of lines says about the queue of a site, for its members.
pub(crate) async fn queue_changes(cx: &Ctx, site: SiteId, lines: &[journal::Line]) -> Result<Vec<QueueChanged>> {
    let change = |line: &journal::Line| {
        let fact = ConversationFact::read(line)?;
        let outcome = if let ConversationFact::QueueLeft { outcome } = fact { Some(outcome) } else { None };
        let change = match outcome {
            Some(_) => QueueChange::Left,
            None if matches!(fact, ConversationFact::QueueEntered) => QueueChange::Entered,
            None => return None,
        };
        Some((line.cursor(), change, ConversationId(line.subject), outcome))
    };
    let changes: Vec<_> = lines.iter().filter_map(change).collect();
    if changes.is_empty() {
        return Ok(vec![]);
    }
    let reach = reach_in(cx, Permission::ConversationsWork, site)?;
    let ids = changes.iter().map(|(_, _, id, _)| *id).collect();
    let conversations = conversations::by_ids(&cx.db(), &reach, ids).await?;
    let waiting = i32::try_from(store::count_waiting(&cx.db(), site).await?).unwrap_or(i32::MAX);
    let changed = |(cursor, queue_change, id, outcome)| QueueChanged {
        cursor,
        queue_change,
        conversation_id: id,
        conversation: conversations.get(&id).cloned().map(Conversation::from),
        outcome,
        waiting,
    };
    Ok(changes.into_iter().map(changed).collect())
}

/// Questions about the queue.
#[derive(Default)]
pub struct QueueQuery;

#[Object]
impl QueueQuery {
    /// Where a conversation stands in the queue: for its visitor or customer, and for members of the site.
    #[graphql(complexity = "20 + child_complexity")]
    async fn queue_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] conversation_id: ConversationId,
    ) -> Result<QueuePosition> {
        let cx = ctx.cx();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let found = conversations::find(&cx.db(), &reach, conversation_id).await?;
        now(cx, found.site_id, conversation_id).await
    }

    /// All queues of a site: who waits for whom, and how many agents are there for them. For members of the site.
    #[graphql(complexity = "50 + child_complexity")]
    async fn queue(&self, ctx: &Context<'_>, #[graphql(desc = "The site.")] site_id: SiteId) -> Result<QueueOverview> {
        let cx = ctx.cx();
        reach_in(cx, Permission::ConversationsWork, site_id)?;
        Ok(QueueOverview { site: site_id, board: Arc::new(board::read(cx, site_id).await?) })
    }
}

/// Subscriptions about the queue.
#[derive(Default)]
pub struct QueueSubscription;

#[Subscription]
impl QueueSubscription {
    /// Where a conversation stands in the queue, now and after each change: positions, estimates, and how the wait ended.
    /// While its visitor follows it, and for a minute after the connection was lost, the place is kept; after that the
    /// visitor counts as gone. For its visitor or customer, and for members of the site.
    async fn queue_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] conversation_id: ConversationId,
    ) -> Result<impl Stream<Item = Result<QueuePosition>> + use<>> {
        let cx = ctx.cx().clone();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let found = conversations::find(&cx.db(), &reach, conversation_id).await?;
        let asks = match &cx.actor {
            Actor::Visitor { visitor, .. } => found.visitor_id == Some(*visitor),
            Actor::User(person) => found.customer_id == Some(person.user),
            Actor::Anonymous | Actor::System => false,
        };
        let mut board = board::watch(&cx, found.site_id);
        let watching = if asks { Some(Watching::new(&cx, conversation_id).await?) } else { None };
        let mut hints = heads::listen(&cx, found.site_id, &[Topic::Subject(conversation_id.0)]).await?;
        Ok(try_stream! {
            let mut last: Option<QueuePosition> = None;
            // Whoever does not wait is looked for again when something happens to them, not to the queue.
            let mut stirred = true;
            loop {
                let known = board.borrow_and_update().clone();
                if let Some(known) = known {
                    let waited = last.as_ref().is_none_or(|last| last.is_waiting);
                    let position = match on_board(&known, conversation_id) {
                        Some(position) => Some(position),
                        None if waited || stirred => {
                            let found = beside_board(&cx, conversation_id).await?;
                            stirred = found.is_none();
                            found
                        }
                        None => None,
                    };
                    if let Some(position) = position.filter(|position| last.as_ref() != Some(position)) {
                        let begins = position.is_waiting && !last.as_ref().is_some_and(|last| last.is_waiting);
                        if let Some(watching) = watching.as_ref().filter(|_| begins) {
                            watching.say().await?;
                        }
                        last = Some(position.clone());
                        yield position;
                    }
                }
                tokio::select! {
                    changed = board.changed() => if changed.is_err() { break },
                    heard = hints.next() => match heard {
                        Heard::Woken | Heard::Lagged => stirred = true,
                        Heard::Passed(_) => {}
                    },
                }
            }
        })
    }

    /// All queues of a site, now and after each change, with as much of `entries` as is asked for: the first 20, unless the
    /// document says otherwise. For members of the site.
    async fn queue_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<impl Stream<Item = Result<QueueOverview>> + use<>> {
        let cx = ctx.cx().clone();
        reach_in(&cx, Permission::ConversationsWork, site_id)?;
        let mut board = board::watch(&cx, site_id);
        Ok(try_stream! {
            loop {
                let known = board.borrow_and_update().clone();
                if let Some(board) = known {
                    yield QueueOverview { site: site_id, board };
                }
                if board.changed().await.is_err() {
                    break;
                }
            }
        })
    }
}
