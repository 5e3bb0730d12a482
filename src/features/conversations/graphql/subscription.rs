//! Following messages and inboxes.

use std::collections::{HashMap, HashSet};

use ::entity::{
    conversation,
    ids::{ConversationId, MessageId, SiteId},
    message::{self, Audience},
};
use async_graphql::{Context, Enum, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use futures_util::{Stream, StreamExt, future, stream};

use super::{
    super::{
        facts::{Attributes, ConversationFact},
        messages, model,
        reading::{inbox, viewing},
        store,
    },
    query::ConversationFilter,
    types::{Conversation, Message},
    viewers::ViewersChanged,
};
use crate::{
    features::sites,
    kernel::{
        Ctx, CtxExt, Permission, Result,
        journal::{self, Cursor, Followed, Line, Placed, Scope, placed},
    },
};

/// Events between two places are gone, because the server keeps them for a limited time or its database was restored.
/// Fetch what `refetch` names again; the stream goes on from `cursor`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Gap {
    /// Where the stream goes on.
    pub(crate) cursor: Cursor,
    /// The place that was asked for.
    pub(crate) from: Cursor,
    /// The query to run again, for example `conversation(conversationId:)`.
    pub(crate) refetch: &'static str,
}

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum MessageChange {
    /// It was sent.
    Added,
    /// Its text was changed.
    Edited,
    /// It was deleted.
    Deleted,
    /// Its reactions changed.
    Reacted,
    /// Whoever asked said whether it helped.
    Rated,
}

/// A message was sent or changed.
#[derive(Clone, SimpleObject)]
pub(crate) struct MessageChanged {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// What happened.
    pub(crate) change: MessageChange,
    /// The message as it is now.
    pub(crate) message: Message,
}

/// An event of `messages`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "lives for the length of one event")]
pub(crate) enum MessageEvent {
    /// A message was sent or changed.
    Changed(MessageChanged),
    /// Events are missing: refetch.
    Gap(Gap),
}

impl Placed for MessageEvent {
    fn place(&self) -> Option<Cursor> {
        Some(match self {
            Self::Changed(changed) => changed.cursor,
            Self::Gap(gap) => gap.cursor,
        })
    }
}

/// How a conversation moved in the filtered inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum InboxMove {
    /// It is in the inbox now and was not before.
    Entered,
    /// It was and is in the inbox; something in it changed.
    Changed,
    /// It is in the inbox no longer.
    Left,
}

/// A conversation entered, changed in, or left the filtered inbox.
#[derive(SimpleObject)]
pub(crate) struct InboxEntry {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// How it moved.
    #[graphql(name = "move")]
    moved: InboxMove,
    /// Which conversation.
    conversation_id: ConversationId,
    /// The conversation as it is now; null once deleted.
    conversation: Option<Conversation>,
}

/// An event of `inboxEvents`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "lives for the length of one event")]
pub(crate) enum InboxEvent {
    /// A conversation moved.
    Entry(InboxEntry),
    /// Members of the site opened a conversation of the inbox, or closed it.
    Viewers(ViewersChanged),
    /// Events are missing: refetch.
    Gap(Gap),
}

impl Placed for InboxEvent {
    fn place(&self) -> Option<Cursor> {
        match self {
            Self::Entry(entry) => Some(entry.cursor),
            Self::Gap(gap) => Some(gap.cursor),
            Self::Viewers(_) => None,
        }
    }
}

/// Subscriptions about conversations.
#[derive(Default)]
pub struct ConversationsSubscription;

#[Subscription]
impl ConversationsSubscription {
    /// The messages of a conversation as they are sent and changed, each once and in order. With `after`, first what
    /// was missed since that event, then what happens; without it, from now on.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] conversation_id: ConversationId,
        #[graphql(desc = "The `cursor` of the last event received, or of the conversation that was read.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<MessageEvent>> + use<>> {
        let cx = ctx.cx().clone();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let conversation = Box::pin(store::find(&cx.db(), &reach, conversation_id)).await?;
        let position = cx.position.clone();
        let events = try_stream! {
            let followed = journal::follow(cx.clone(), conversation.site_id, Scope::Subject(conversation_id.0), after, None);
            let mut followed = std::pin::pin!(followed);
            while let Some(batch) = followed.next().await {
                match batch? {
                    Followed::Gap { from, to } => yield MessageEvent::Gap(gap(from, to, "conversation(conversationId:)")),
                    Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp => {}
                    Followed::Lines(lines) => {
                        for changed in Box::pin(messages_of(&cx, &conversation, &lines)).await? {
                            yield MessageEvent::Changed(changed);
                        }
                    }
                }
            }
        };
        Ok(placed(position, events))
    }

    /// What moves in a site's inbox, for members of the site: conversations that enter, change in, or leave the filter.
    /// With `after` (from `inboxCursor` or the last event), first what was missed. Who has conversations of the inbox open is
    /// told in passing. A filter by text, visitor, unread messages or times is not possible here.
    async fn inbox_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose inbox.")] site_id: SiteId,
        #[graphql(
            desc = "Which conversations; all when left out. `text`, `visitorId`, `unread` and times are not allowed here."
        )]
        filter: Option<ConversationFilter>,
        #[graphql(desc = "The `cursor` of the last event received, or `inboxCursor`.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<InboxEvent>> + use<>> {
        let cx = ctx.cx().clone();
        sites::reach_in(&cx, Permission::ConversationsWork, site_id)?;
        let filter = filter.unwrap_or_default().check(&cx.actor)?;
        if let Some(field) = filter.not_to_follow() {
            return Err(crate::kernel::Error::bad_input(
                field,
                crate::kernel::ErrorReason::InvalidCombination,
                "An inbox cannot be followed by `text`, `visitorId`, `unread` or times; leave them out.",
            ));
        }
        let position = cx.position.clone();
        let events = try_stream! {
            let mut moves = std::pin::pin!(follow_inbox(&cx, site_id, after));
            while let Some(next) = moves.next().await {
                match next? {
                    Move::Viewers(id) => {
                        if let Some(changed) = Box::pin(viewers_of(&cx, &filter, id)).await? {
                            yield InboxEvent::Viewers(changed);
                        }
                    }
                    Move::Gap { from, to } => yield InboxEvent::Gap(gap(from, to, "conversations(siteId:)")),
                    Move::Lines(lines) => {
                        for entry in Box::pin(entries_of(&cx, &filter, &lines)).await? {
                            yield InboxEvent::Entry(entry);
                        }
                    }
                }
            }
        };
        Ok(placed(position, events))
    }
}

/// What those who follow an inbox hear.
pub(crate) enum Move {
    /// Lines of the site's journal. Never empty.
    Lines(Vec<Line>),
    /// Lines between the two places are gone.
    Gap { from: Cursor, to: Cursor },
    /// Members of the site opened this conversation, or closed it.
    Viewers(ConversationId),
}

/// Follows a site's journal, from `after` or from now on, and in passing who of its staff has which conversation open.
/// Of whichever is ready one is told at a time, and nothing is read ahead: asked for the next one, it has told the last.
pub(crate) fn follow_inbox(
    cx: &Ctx,
    site: SiteId,
    after: Option<Cursor>,
) -> impl Stream<Item = Result<Move>> + Send + use<> {
    let viewers = viewing::changes(cx, site).map(|id| Ok(Move::Viewers(id)));
    let lines = journal::follow(cx.clone(), site, Scope::Site, after, None).filter_map(|followed| {
        future::ready(match followed {
            Ok(Followed::Lines(lines)) => Some(Ok(Move::Lines(lines))),
            Ok(Followed::Gap { from, to }) => Some(Ok(Move::Gap { from, to })),
            Ok(Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp) => None,
            Err(error) => Some(Err(error)),
        })
    });
    stream::select(lines, viewers)
}

pub(crate) fn gap(from: Cursor, to: Cursor, refetch: &'static str) -> Gap {
    Gap { cursor: to, from, refetch }
}

/// The message events of a batch of lines that this caller may see; their rows load in one query.
pub(crate) async fn messages_of(
    cx: &Ctx,
    conversation: &conversation::Model,
    lines: &[Line],
) -> Result<Vec<MessageChanged>> {
    let audiences = model::audiences(&cx.actor, conversation);
    let changes: Vec<(Cursor, MessageChange, MessageId)> = lines
        .iter()
        .filter_map(|line| {
            let fact = ConversationFact::read(line)?;
            message_change(&fact, audiences).map(|(change, id)| (line.cursor(), change, id))
        })
        .collect();
    let rows = rows_of(cx, conversation, changes.iter().map(|(_, _, id)| *id).collect()).await?;
    Ok(changes
        .into_iter()
        .filter_map(|(cursor, change, id)| {
            let row = rows.get(&id)?.clone();
            Some(MessageChanged { cursor, change, message: Message { row, conversation: conversation.clone() } })
        })
        .collect())
}

/// Messages of a conversation by id.
pub(crate) async fn rows_of(
    cx: &Ctx,
    conversation: &conversation::Model,
    ids: Vec<MessageId>,
) -> Result<HashMap<MessageId, message::Model>> {
    messages::messages_by_ids(&cx.db(), conversation.id, ids).await
}

/// Which message a fact is about, if it is about one that the audience may see.
pub(crate) fn message_change(fact: &ConversationFact, audiences: &[Audience]) -> Option<(MessageChange, MessageId)> {
    let (change, id, audience) = match fact {
        ConversationFact::MessagePosted { message, audience, .. } => (MessageChange::Added, message, audience),
        ConversationFact::MessageEdited { message, audience } => (MessageChange::Edited, message, audience),
        ConversationFact::MessageDeleted { message, audience } => (MessageChange::Deleted, message, audience),
        ConversationFact::ReactionsChanged { message, audience } => (MessageChange::Reacted, message, audience),
        ConversationFact::AnswerRated { message, .. } => (MessageChange::Rated, message, &Audience::Everyone),
        ConversationFact::Started { .. }
        | ConversationFact::ReceiptMoved { .. }
        | ConversationFact::Closed { .. }
        | ConversationFact::Rated { .. }
        | ConversationFact::Reopened { .. }
        | ConversationFact::Assigned { .. }
        | ConversationFact::TagsChanged { .. }
        | ConversationFact::HumanRequested { .. }
        | ConversationFact::HumanRequestCancelled { .. }
        | ConversationFact::HumanJoined { .. }
        | ConversationFact::QueueEntered
        | ConversationFact::QueueLeft { .. }
        | ConversationFact::AgentReconnecting
        | ConversationFact::AgentBack
        | ConversationFact::AgentGone { .. }
        | ConversationFact::Transferred { .. }
        | ConversationFact::PersonOffered
        | ConversationFact::AssistantPaused
        | ConversationFact::AssistantResumed { .. }
        | ConversationFact::Renamed
        | ConversationFact::Deleted { .. } => return None,
    };
    audiences.contains(audience).then_some((change, *id))
}

/// How the conversations of a batch of lines moved in a filtered inbox.
async fn entries_of(cx: &Ctx, filter: &inbox::Filter, lines: &[Line]) -> Result<Vec<InboxEntry>> {
    let facts: Vec<(Cursor, ConversationId, ConversationFact)> = lines
        .iter()
        .filter_map(|line| Some((line.cursor(), ConversationId(line.subject), ConversationFact::read(line)?)))
        .collect();
    let mut ids: Vec<ConversationId> = facts.iter().map(|(_, id, _)| *id).collect();
    ids.sort();
    ids.dedup();
    let reach = cx.reach(Permission::ConversationsWork)?;
    let rows = store::by_ids(&cx.db(), &reach, ids.clone()).await?;
    // Only a filter by tag needs the tags of conversations whose own attributes did not change.
    let tags = if !filter.tags.is_empty() { store::tags(&cx.db(), ids).await? } else { HashMap::new() };
    let now =
        |id: &ConversationId| rows.get(id).map(|row| Attributes::of(row, tags.get(id).cloned().unwrap_or_default()));
    let fits = |attributes: &Attributes| matches(filter, attributes);
    let shown = |attributes: &Attributes| attributes.said && fits(attributes);
    // Where a conversation stood when something else happened to it: what the batch says of it counts before the row,
    // which may be further than the line.
    let mut stood: HashMap<ConversationId, bool> = HashMap::new();
    for (_, id, fact) in facts.iter().rev() {
        if let Some((before, _)) = fact.change() {
            stood.insert(*id, before.is_some_and(fits));
        }
    }
    // Those of which the first message comes in this batch: before it, nothing stands in them.
    let is_first = |fact: &ConversationFact| matches!(fact, ConversationFact::MessagePosted { seq: 1, .. });
    let mut empty: HashSet<ConversationId> =
        facts.iter().filter(|(_, _, fact)| is_first(fact)).map(|(_, id, _)| *id).collect();
    Ok(facts
        .into_iter()
        .filter_map(|(cursor, id, fact)| {
            let (was, is) = match fact.change() {
                Some((before, after)) => {
                    stood.insert(id, after.is_some_and(fits));
                    (before.is_some_and(shown), after.is_some_and(shown))
                }
                None => {
                    let now = now(&id);
                    let stands = *stood.entry(id).or_insert_with(|| now.as_ref().is_some_and(fits));
                    // The first message brings a conversation into the inbox.
                    let was = stands && !empty.contains(&id) && now.is_none_or(|now| now.said);
                    if is_first(&fact) {
                        empty.remove(&id);
                        (false, stands)
                    } else {
                        (was, was)
                    }
                }
            };
            let moved = match (was, is) {
                (false, true) => InboxMove::Entered,
                (true, true) => InboxMove::Changed,
                (true, false) => InboxMove::Left,
                (false, false) => return None,
            };
            let conversation = rows.get(&id).cloned().map(Conversation::from);
            Some(InboxEntry { cursor, moved, conversation_id: id, conversation })
        })
        .collect())
}

/// How conversations moved in the whole inbox of a site, by a batch of its lines.
pub(crate) async fn inbox_entries(cx: &Ctx, lines: &[Line]) -> Result<Vec<InboxEntry>> {
    entries_of(cx, &inbox::Filter::default(), lines).await
}

/// Who has a conversation of the inbox open; nothing for those who must not know.
pub(crate) async fn inbox_viewers(cx: &Ctx, id: ConversationId) -> Result<Option<ViewersChanged>> {
    viewers_of(cx, &inbox::Filter::default(), id).await
}

async fn viewers_of(cx: &Ctx, filter: &inbox::Filter, id: ConversationId) -> Result<Option<ViewersChanged>> {
    let shown = shows(cx, filter, id).await?;
    Ok(shown.then(|| ViewersChanged::new(id, viewing::viewers(cx, id))))
}

/// Is a conversation in the inbox at the moment?
async fn shows(cx: &Ctx, filter: &inbox::Filter, id: ConversationId) -> Result<bool> {
    let reach = cx.reach(Permission::ConversationsWork)?;
    let row = store::by_ids(&cx.db(), &reach, vec![id]).await?.remove(&id);
    // In a conversation of their own members are customers, who do not learn who reads along.
    let Some(row) = row.filter(|row| model::sees_internals(&cx.actor, row)) else { return Ok(false) };
    let tags = if !filter.tags.is_empty() { store::tags(&cx.db(), vec![id]).await? } else { HashMap::new() };
    let attributes = Attributes::of(&row, tags.into_values().next().unwrap_or_default());
    Ok(attributes.said && matches(filter, &attributes))
}

/// Does a conversation with these attributes belong into the inbox?
fn matches(filter: &inbox::Filter, attributes: &Attributes) -> bool {
    filter.status.is_none_or(|status| status == attributes.status)
        && filter.assignee.is_none_or(|assignee| Some(assignee) == attributes.assignee)
        && (!filter.unassigned || attributes.assignee.is_none())
        && filter.waiting.is_none_or(|waiting| waiting == attributes.waiting)
        && filter.assistant.is_none_or(|assistant| Some(assistant) == attributes.assistant)
        && filter.customer.is_none_or(|customer| Some(customer) == attributes.customer)
        && filter.department.is_none_or(|department| Some(department) == attributes.department)
        && filter.attention.is_none_or(|attention| attention == attributes.attention)
        && filter.outcome.is_none_or(|outcome| Some(outcome) == attributes.outcome)
        && (filter.tags.is_empty() || {
            let mut found = filter.tags.iter().map(|tag| attributes.tags.contains(tag));
            if filter.any_tag { found.any(|it| it) } else { found.all(|it| it) }
        })
}
