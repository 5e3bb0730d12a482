//! Types of the API and how their relations load.

use std::collections::HashMap;

use ::entity::{
    conversation::{self, Attention, QueueOutcome, Status},
    ids::{AssistantId, ConversationId, DepartmentId, MessageId, RunId, SiteId, UserId, VisitorId},
    message::{self, Audience, AuthorKind},
    participant, reaction, user,
};
use async_graphql::{ComplexObject, Context, Enum, Object, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    super::{
        answer::Offer,
        closing::graphql::{Closing, ClosingsKey},
        feedback::graphql::{AnswerFeedback, FeedbackKey},
        handoff, live,
        mentions::graphql::MentionedKey,
        messages, model,
        model::Citation,
        reading::{self, inbox, viewing},
        satisfaction::graphql::ConversationRating,
        state::{Handoff, State, assistant_speaks},
        store,
    },
    answer::{self, AssistantAnswer},
    people::{Customer, PublicDepartment},
    viewers::Viewer,
};
use crate::{
    features::{accounts, assistants, visitors},
    kernel::{
        Ctx, CtxExt, Error, ErrorReason, Permission, Result,
        journal::Cursor,
        loader::Batch,
        page::{List, Paging, Place},
    },
};

/// A conversation with what was read beside it.
#[derive(Clone)]
pub(crate) struct Conversation {
    pub(crate) row: conversation::Model,
    /// Read before the row: events after it may already be in the row, none before it is missing.
    pub(crate) cursor: Option<Cursor>,
    /// The newest message that a search found.
    pub(super) matched: Option<Box<message::Model>>,
    pub(super) visitor: Option<visitors::Visitor>,
    pub(super) assignee: Option<Agent>,
}

impl Conversation {
    /// A conversation as it is now, with the cursor of a moment before.
    pub(crate) async fn with_cursor(cx: &Ctx, id: ConversationId, cursor: Cursor) -> Result<Self> {
        let reach = cx.reach(Permission::ConversationsRead)?;
        let row = store::find(&cx.db(), &reach, id).await?;
        Ok(Self { cursor: Some(cursor), ..row.into() })
    }
}

impl Message {
    /// The message with its conversation, which is remembered: its owner never changes.
    pub(crate) async fn of(cx: &Ctx, row: message::Model) -> Result<Self> {
        let reach = cx.reach(Permission::ConversationsRead)?;
        let conversation = live::place(cx, &reach, row.conversation_id).await?;
        Ok(Self { row, conversation })
    }
}

impl From<conversation::Model> for Conversation {
    fn from(row: conversation::Model) -> Self {
        Self { row, cursor: None, matched: None, visitor: None, assignee: None }
    }
}

impl From<inbox::InboxRow> for Conversation {
    fn from(row: inbox::InboxRow) -> Self {
        Self { visitor: row.visitor.map(Into::into), assignee: row.assignee.map(Into::into), ..row.conversation.into() }
    }
}

/// A member of the site as others in a conversation see them.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Agent {
    /// The person's id.
    pub(crate) id: UserId,
    /// The name shown to visitors.
    pub(crate) name: String,
    /// Their picture: an `https` address, or a path on the page that shows it. Null when there is none.
    pub(crate) avatar_url: Option<String>,
}

impl From<accounts::User> for Agent {
    fn from(user: accounts::User) -> Self {
        Self { id: user.id, name: user.name, avatar_url: user.avatar_url }
    }
}

impl From<user::Model> for Agent {
    fn from(user: user::Model) -> Self {
        Self { id: user.id, name: user.name, avatar_url: user.avatar_url }
    }
}

/// The newest message, as far as an inbox row shows it.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct MessagePreview {
    /// The message.
    id: MessageId,
    /// In which role it was written.
    author_kind: Option<AuthorKind>,
    /// The first 140 characters of its Markdown.
    body: String,
    /// When it was sent.
    created_at: DateTime<Utc>,
}

/// A conversation between a visitor (or customer), assistants and agents.
#[Object]
impl Conversation {
    /// Opaque id, `conv_…`.
    pub(crate) async fn id(&self) -> ConversationId {
        self.row.id
    }

    /// The site it belongs to.
    async fn site_id(&self) -> SiteId {
        self.row.site_id
    }

    /// Whether it goes on.
    async fn status(&self) -> Status {
        self.row.status
    }

    /// Rises when the title changes, and with nothing else: give it as `expectedVersion` to `renameConversation`.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// A title, if somebody gave it one.
    async fn title(&self) -> Option<&str> {
        self.row.title.as_deref()
    }

    /// The first 45 characters of the first message of a person that is still there; null before it.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// The assistant it was started with.
    async fn assistant(&self, ctx: &Context<'_>) -> Result<Option<assistants::AssistantProfile>> {
        match self.row.assistant_id {
            Some(id) => ctx.cx().load(assistants::ProfileKey(id)).await,
            None => Ok(None),
        }
    }

    /// The visitor who asks; null in a customer's conversation.
    async fn visitor(&self, ctx: &Context<'_>) -> Result<Option<visitors::Visitor>> {
        match (&self.visitor, self.row.visitor_id) {
            (Some(visitor), _) => Ok(Some(visitor.clone())),
            (None, Some(id)) => ctx.cx().load(VisitorKey(id)).await,
            (None, None) => Ok(None),
        }
    }

    /// The customer who asks; null in a visitor's conversation.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Option<Customer>> {
        Customer::load(ctx.cx(), self.row.site_id, self.row.customer_id).await
    }

    /// The agent who has it; while it waits, the one for whom it is meant, if for somebody; once closed, who had it.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match (&self.assignee, self.row.assignee_id) {
            (Some(agent), _) => Ok(Some(agent.clone())),
            (None, Some(id)) => ctx.cx().load(AgentKey(id)).await,
            (None, None) => Ok(None),
        }
    }

    /// Who attends it.
    async fn attention(&self) -> Attention {
        self.row.attention
    }

    /// True while the assistant stays silent, because a person has the conversation or it waits for one.
    async fn assistant_paused(&self) -> bool {
        self.row.attention != Attention::Closed && !assistant_speaks(&self.row)
    }

    /// When it was given to its assignee; null without one.
    async fn assigned_at(&self) -> Option<DateTime<Utc>> {
        self.row.assigned_at
    }

    /// The department it was handed to; null when it was not.
    async fn department_id(&self) -> Option<DepartmentId> {
        self.row.department_id
    }

    /// The department it was handed to, by name; null when it was not, or the department is gone.
    async fn department(&self, ctx: &Context<'_>) -> Result<Option<PublicDepartment>> {
        PublicDepartment::load(ctx.cx(), self.row.department_id).await
    }

    /// How its last wait in the queue ended; null while it waits, and when it never did.
    async fn queue_outcome(&self) -> Option<QueueOutcome> {
        self.row.queue_outcome
    }

    /// Since when and why it waits for a person; null when it does not and no person has come.
    async fn handoff(&self) -> Option<Handoff> {
        State::of(&self.row).handoff()
    }

    /// What to offer the visitor at the moment: ways to a person, three seconds after the assistant's second answer.
    async fn offers(&self, ctx: &Context<'_>) -> Result<Vec<Offer>> {
        answer::offered(ctx.cx(), self.row.site_id, handoff::offers(&self.row)).await
    }

    /// The newest message of a person or an assistant that everybody in the conversation may see.
    async fn last_message(&self) -> Option<MessagePreview> {
        Some(MessagePreview {
            id: self.row.last_message_id?,
            author_kind: self.row.last_message_author,
            body: self.row.last_message_preview.clone().unwrap_or_default(),
            created_at: DateTime::from_timestamp_micros(self.row.last_activity)?,
        })
    }

    /// The newest message in which all words of the list's `filter.text` stand; null without that filter, and where they
    /// stand in several messages or in a name.
    async fn matched_message(&self) -> Option<Message> {
        let row = *self.matched.clone()?;
        Some(Message { row, conversation: self.row.clone() })
    }

    /// When that was sent, or the conversation was started. Lists are sorted by it.
    async fn last_activity_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.row.last_activity)
    }

    /// Messages the caller's side has not read: for agents the visitor's messages that no agent has read, for the
    /// visitor what agents and assistants wrote.
    async fn unread_count(&self, ctx: &Context<'_>) -> i32 {
        let cx = ctx.cx();
        if model::sees_internals(&cx.actor, &self.row) { self.row.unread_by_staff } else { self.row.unread_by_visitor }
    }

    /// Its tags, sorted. Members of the site only; empty for others.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let cx = ctx.cx();
        if !model::sees_internals(&cx.actor, &self.row) {
            return Ok(vec![]);
        }
        Ok(cx.load(TagsKey(self.row.id)).await?.unwrap_or_default())
    }

    /// The members of the site who have it open at the moment, longest first; told by `ViewersChanged`. Members of the site
    /// only; empty for others.
    async fn viewers(&self, ctx: &Context<'_>) -> Vec<Viewer> {
        let cx = ctx.cx();
        if !model::sees_internals(&cx.actor, &self.row) {
            return vec![];
        }
        viewing::viewers(cx, self.row.id).into_iter().map(Viewer::from).collect()
    }

    /// How far each participant has received and read.
    async fn receipts(&self, ctx: &Context<'_>) -> Result<Vec<Receipt>> {
        let rows = ctx.cx().load(ParticipantsKey(self.row.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Receipt::from).collect())
    }

    /// Its messages, oldest first; the newest page of them when nothing else is asked for. Internal notes are in the list
    /// for members of the site only.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first messages, or around one, 1 to 100; the 20 newest when nothing is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only messages after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many of the last messages, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only messages before this `cursor` of an edge.")] before: Option<String>,
        #[graphql(
            desc = "The messages around this message, for example one that a search found. Alone, or with `first`."
        )]
        around: Option<MessageId>,
    ) -> Result<List<Message>> {
        let cx = ctx.cx();
        if around.is_some() && (after.is_some() || before.is_some() || last.is_some()) {
            let message = "Give `around` alone or with `first`; pages beside it are asked for with its page's cursors.";
            return Err(Error::bad_input("around", ErrorReason::InvalidCombination, message));
        }
        let paging = match after {
            None if around.is_none() => Paging::newest(first, last, before)?,
            after => Paging::new(first, after, last, before)?,
        };
        let audiences = model::audiences(&cx.actor, &self.row);
        let page = match around {
            Some(id) => messages::messages_around(&cx.db(), self.row.id, audiences, id, paging.limit).await?,
            None => messages::messages(&cx.db(), self.row.id, audiences, &paging).await?,
        };
        let (counter, id) = (cx.clone(), self.row.id);
        let count = move || {
            let cx = counter.clone();
            async move { messages::count_messages(&cx.db(), id, audiences).await }.boxed()
        };
        let conversation = self.row.clone();
        Ok(page.connect(
            |row| Place(row.seq, row.id.0),
            move |row| Message { row, conversation: conversation.clone() },
            count,
        ))
    }

    /// The place of this answer in the stream of events: subscribe with `after: cursor` and nothing is missed in
    /// between. Null in lists and events that did not read it.
    async fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// When it was started.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When it was closed; null while open.
    async fn closed_at(&self) -> Option<DateTime<Utc>> {
        self.row.closed_at
    }

    /// Why it was closed, and to whom it was given then. Members of the site only; null while open, and for others.
    async fn closing(&self, ctx: &Context<'_>) -> Result<Option<Closing>> {
        let cx = ctx.cx();
        if self.row.status == Status::Open || !model::sees_internals(&cx.actor, &self.row) {
            return Ok(None);
        }
        let closings = cx.load(ClosingsKey(self.row.id)).await?.unwrap_or_default();
        Ok(closings.into_iter().next_back().map(Closing::from))
    }

    /// How content whoever asked was when it was closed last, or, if they did not say so then, the time before; null when
    /// they never said.
    async fn rating(&self, ctx: &Context<'_>) -> Result<Option<ConversationRating>> {
        let closings = ctx.cx().load(ClosingsKey(self.row.id)).await?.unwrap_or_default();
        Ok(closings.into_iter().rev().find_map(ConversationRating::of))
    }
}

/// How far a message has come on its way to those it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum DeliveryStatus {
    /// Stored; it cannot get lost any more.
    Sent,
    /// On a device of the other side.
    Delivered,
    /// Read by the other side.
    Read,
}

/// A message with the conversation it is in.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) row: message::Model,
    pub(crate) conversation: conversation::Model,
}

/// Who wrote a message.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct MessageAuthor {
    /// In which role.
    kind: AuthorKind,
    /// The visitor's, person's or assistant's id; null for the system.
    id: Option<async_graphql::ID>,
    /// The name to show; null when none is known.
    name: Option<String>,
    /// The picture to show: an `https` address, or a path on the page that shows it. Null when there is none; visitors have
    /// none.
    avatar_url: Option<String>,
}

/// A message of a conversation. What it says is Markdown as it was written: escape it when you show it.
#[Object]
impl Message {
    /// Opaque id, `msg_…`.
    pub(crate) async fn id(&self) -> MessageId {
        self.row.id
    }

    /// The conversation it is in.
    async fn conversation_id(&self) -> ConversationId {
        self.row.conversation_id
    }

    /// Its number in the conversation. Rises with each message, not always by one; sort by it.
    async fn seq(&self) -> i64 {
        self.row.seq
    }

    /// The sender's own id of it, as given to `sendMessage`.
    async fn client_id(&self) -> Option<Uuid> {
        self.row.client_id
    }

    /// In which role it was written.
    async fn author_kind(&self) -> AuthorKind {
        self.row.author_kind
    }

    /// Who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> Result<MessageAuthor> {
        let kind = self.row.author_kind;
        let Some(id) = self.row.author_id else {
            return Ok(MessageAuthor { kind, id: None, name: None, avatar_url: None });
        };
        let cx = ctx.cx();
        let (id, looks) = match kind {
            AuthorKind::Assistant => {
                let profile = cx.load(assistants::ProfileKey(AssistantId(id))).await?;
                (AssistantId(id).to_string(), profile.map(|profile| (Some(profile.name), profile.avatar_url)))
            }
            AuthorKind::Visitor if self.conversation.customer_id.is_none() => {
                let visitor = cx.load(VisitorKey(VisitorId(id))).await?;
                (VisitorId(id).to_string(), visitor.map(|visitor| (visitor.name, None)))
            }
            AuthorKind::Visitor | AuthorKind::Agent | AuthorKind::System => {
                let agent = cx.load(AgentKey(UserId(id))).await?;
                (UserId(id).to_string(), agent.map(|agent| (Some(agent.name), agent.avatar_url)))
            }
        };
        let (name, avatar_url) = looks.unwrap_or_default();
        Ok(MessageAuthor { kind, id: Some(id.into()), name, avatar_url })
    }

    /// Who may see it: everybody, or members of the site only (an internal note).
    async fn audience(&self) -> Audience {
        self.row.audience
    }

    /// Markdown as it was written; empty once deleted.
    #[graphql(complexity = 10)]
    async fn body(&self) -> &str {
        &self.row.body
    }

    /// The sources of an assistant's message.
    async fn citations(&self) -> Result<Vec<Citation>> {
        match &self.row.citations {
            Some(json) => Ok(serde_json::from_value(json.clone())?),
            None => Ok(vec![]),
        }
    }

    /// What the assistant made of the question, for an assistant's message: text, sources, confidence and what it does.
    async fn answer(&self) -> Result<Option<AssistantAnswer>> {
        AssistantAnswer::of(&self.row)
    }

    /// The run that wrote it, for an assistant's message.
    async fn run_id(&self) -> Option<RunId> {
        self.row.run_id
    }

    /// The answer was stopped half-way; what is here is what had been written.
    async fn interrupted(&self) -> bool {
        self.row.interrupted
    }

    /// How far it has come on its way to the other side; a note, to another member of the site.
    async fn delivery_status(&self, ctx: &Context<'_>) -> Result<DeliveryStatus> {
        let rows = ctx.cx().load(ParticipantsKey(self.row.conversation_id)).await?.unwrap_or_default();
        let from_visitor = self.row.author_kind == AuthorKind::Visitor;
        let others = rows.iter().filter(|row| match self.row.audience {
            Audience::Everyone => (row.kind == AuthorKind::Visitor) != from_visitor,
            Audience::Staff => row.kind == AuthorKind::Agent && Some(row.actor_id) != self.row.author_id,
        });
        let (delivered, read) = others.fold((0, 0), |(d, r), row| (d.max(row.delivered_seq), r.max(row.read_seq)));
        Ok(match self.row.seq {
            seq if seq <= read => DeliveryStatus::Read,
            seq if seq <= delivered => DeliveryStatus::Delivered,
            _ => DeliveryStatus::Sent,
        })
    }

    /// Emoji put on it.
    async fn reactions(&self, ctx: &Context<'_>) -> Result<Vec<Reaction>> {
        let rows = ctx.cx().load(ReactionsKey(self.row.id)).await?.unwrap_or_default();
        let mut grouped: Vec<Reaction> = vec![];
        for row in rows {
            let by = ReactionAuthor {
                kind: row.author_kind,
                id: participant_id(&self.conversation, row.author_kind, row.author_id),
            };
            match grouped.iter_mut().find(|reaction| reaction.emoji == row.emoji) {
                Some(reaction) => {
                    reaction.count += 1;
                    reaction.by.push(by);
                }
                None => grouped.push(Reaction { emoji: row.emoji, count: 1, by: vec![by] }),
            }
        }
        Ok(grouped)
    }

    /// Whether it helped, by the word of whoever asked; null when they have not said, and for messages that are no answer.
    async fn feedback(&self, ctx: &Context<'_>) -> Result<Option<AnswerFeedback>> {
        match self.row.author_kind {
            AuthorKind::Assistant => ctx.cx().load(FeedbackKey(self.row.id)).await,
            AuthorKind::Visitor | AuthorKind::Agent | AuthorKind::System => Ok(None),
        }
    }

    /// The members of the site whom an internal note mentions; empty for other messages.
    async fn mentions(&self, ctx: &Context<'_>) -> Result<Vec<Agent>> {
        match self.row.audience {
            Audience::Staff => Ok(ctx.cx().load(MentionedKey(self.row.id)).await?.unwrap_or_default()),
            Audience::Everyone => Ok(vec![]),
        }
    }

    /// What it said before it was edited or deleted, oldest first. Members of the site only; empty for others.
    async fn revisions(&self, ctx: &Context<'_>) -> Result<Vec<MessageRevision>> {
        let cx = ctx.cx();
        if !model::sees_internals(&cx.actor, &self.conversation) {
            return Ok(vec![]);
        }
        let rows = messages::revisions(&cx.db(), self.row.id).await?;
        Ok(rows.into_iter().map(|row| MessageRevision { body: row.body, replaced_at: row.replaced_at }).collect())
    }

    /// When it was sent.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When it was last edited; null if never.
    async fn edited_at(&self) -> Option<DateTime<Utc>> {
        self.row.edited_at
    }

    /// When it was deleted; null if not.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.row.deleted_at
    }
}

/// An emoji on a message.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Reaction {
    /// The emoji.
    emoji: String,
    /// How many put it there.
    count: i32,
    /// Who did, in order.
    by: Vec<ReactionAuthor>,
}

/// Who put an emoji on a message.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReactionAuthor {
    /// In which role.
    kind: AuthorKind,
    /// The visitor's or person's id.
    id: async_graphql::ID,
}

/// What a message said before.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct MessageRevision {
    /// The earlier text.
    #[graphql(complexity = 10)]
    body: String,
    /// When it was replaced.
    replaced_at: DateTime<Utc>,
}

/// How far one participant has received and read a conversation.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Receipt {
    /// In which role.
    pub(crate) kind: AuthorKind,
    /// `seq` of the newest message that reached a device of theirs.
    pub(crate) delivered_seq: i64,
    /// `seq` of the newest message they have read.
    pub(crate) read_seq: i64,
    #[graphql(skip)]
    pub(crate) actor: Uuid,
}

#[ComplexObject]
impl Receipt {
    /// The visitor's or person's id.
    async fn participant_id(&self) -> async_graphql::ID {
        match self.kind {
            AuthorKind::Agent => UserId(self.actor).to_string().into(),
            AuthorKind::Visitor | AuthorKind::Assistant | AuthorKind::System => {
                VisitorId(self.actor).to_string().into()
            }
        }
    }
}

impl From<participant::Model> for Receipt {
    fn from(row: participant::Model) -> Self {
        Self { kind: row.kind, delivered_seq: row.delivered_seq, read_seq: row.read_seq, actor: row.actor_id }
    }
}

/// A participant's opaque id.
pub(crate) fn participant_id(conversation: &conversation::Model, kind: AuthorKind, id: Uuid) -> async_graphql::ID {
    match kind {
        AuthorKind::Visitor if conversation.customer_id.is_none() => VisitorId(id).to_string().into(),
        AuthorKind::Assistant => AssistantId(id).to_string().into(),
        AuthorKind::Visitor | AuthorKind::Agent | AuthorKind::System => UserId(id).to_string().into(),
    }
}

/// A person in a role of the conversation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AgentKey(pub(crate) UserId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct VisitorKey(pub(crate) VisitorId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TagsKey(ConversationId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ParticipantsKey(ConversationId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ReactionsKey(MessageId);
/// A conversation within the caller's reach.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConversationKey(pub(crate) ConversationId);

impl Loader<AgentKey> for Batch {
    type Value = Agent;
    type Error = Error;
    async fn load(&self, keys: &[AgentKey]) -> Result<HashMap<AgentKey, Agent>> {
        let users = accounts::users_by_ids(&self.0, keys.iter().map(|key| key.0).collect()).await?;
        Ok(users.into_iter().map(|(id, user)| (AgentKey(id), user.into())).collect())
    }
}

impl Loader<VisitorKey> for Batch {
    type Value = visitors::Visitor;
    type Error = Error;
    async fn load(&self, keys: &[VisitorKey]) -> Result<HashMap<VisitorKey, visitors::Visitor>> {
        let found = visitors::by_ids(&self.0, keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, visitor)| (VisitorKey(id), visitor)).collect())
    }
}

impl Loader<TagsKey> for Batch {
    type Value = Vec<String>;
    type Error = Error;
    async fn load(&self, keys: &[TagsKey]) -> Result<HashMap<TagsKey, Vec<String>>> {
        let found = store::tags(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, tags)| (TagsKey(id), tags)).collect())
    }
}

impl Loader<ParticipantsKey> for Batch {
    type Value = Vec<participant::Model>;
    type Error = Error;
    async fn load(&self, keys: &[ParticipantsKey]) -> Result<HashMap<ParticipantsKey, Vec<participant::Model>>> {
        let found = reading::participants(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, rows)| (ParticipantsKey(id), rows)).collect())
    }
}

impl Loader<ReactionsKey> for Batch {
    type Value = Vec<reaction::Model>;
    type Error = Error;
    async fn load(&self, keys: &[ReactionsKey]) -> Result<HashMap<ReactionsKey, Vec<reaction::Model>>> {
        let found = messages::reactions(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, rows)| (ReactionsKey(id), rows)).collect())
    }
}

impl Loader<ConversationKey> for Batch {
    type Value = conversation::Model;
    type Error = Error;
    async fn load(&self, keys: &[ConversationKey]) -> Result<HashMap<ConversationKey, conversation::Model>> {
        let reach = self.0.reach(Permission::ConversationsRead)?;
        let found = store::by_ids(&self.0.db(), &reach, keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, row)| (ConversationKey(id), row)).collect())
    }
}

/// A conversation that the caller may see, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: ConversationId) -> Result<Option<Conversation>> {
    let Ok(reach) = cx.reach(Permission::ConversationsRead) else { return Ok(None) };
    Ok(store::lookup(&cx.db(), &reach, id).await?.map(Conversation::from))
}

/// A message that the caller may see, for `node(id:)`.
pub(crate) async fn message_node(cx: &Ctx, id: MessageId) -> Result<Option<Message>> {
    let Ok(reach) = cx.reach(Permission::ConversationsRead) else { return Ok(None) };
    match messages::find_message(&cx.db(), &reach, id).await {
        Ok((row, conversation)) => {
            let visible = model::audiences(&cx.actor, &conversation).contains(&row.audience);
            Ok(visible.then_some(Message { row, conversation }))
        }
        Err(error) if error.code == crate::kernel::error::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
