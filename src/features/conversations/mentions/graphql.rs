//! Mentions in the API.

use std::collections::HashMap;

use ::entity::{
    ids::{MessageId, SiteId, UserId},
    mention, message,
};
use async_graphql::{Context, Enum, InputObject, Object, SimpleObject, Subscription, Union, dataloader::Loader};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, Stream, StreamExt};

use super::{
    super::{
        graphql::{
            subscription::{Gap, gap},
            types::{Agent, Conversation, Message},
        },
        model, store as conversations,
    },
    facts::MentionFact,
    store::{self, Wanted},
};
use crate::{
    features::{accounts, sites},
    kernel::{
        Ctx, CtxExt, Error, Permission, Result,
        error::ErrorCode,
        journal::{self, Cursor, Followed, Line, Scope},
        loader::Batch,
        page::{List, Page, Paging, Place},
    },
};

/// An internal note in which you are mentioned.
#[derive(Clone)]
pub(crate) struct Mention {
    row: mention::Model,
    note: Message,
}

/// An internal note in which you are mentioned.
#[Object]
impl Mention {
    /// The note.
    async fn message(&self) -> Message {
        self.note.clone()
    }

    /// The conversation it is in.
    async fn conversation(&self) -> Conversation {
        self.note.conversation.clone().into()
    }

    /// When you read it, as you said with `markMentionsRead`; null before.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.row.read_at
    }

    /// When the note was written.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}

/// The people who are mentioned in a note, by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MentionedKey(pub(crate) MessageId);

impl Loader<MentionedKey> for Batch {
    type Value = Vec<Agent>;
    type Error = Error;
    async fn load(&self, keys: &[MentionedKey]) -> Result<HashMap<MentionedKey, Vec<Agent>>> {
        let by_note = store::mentioned(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        let mut ids: Vec<UserId> = by_note.values().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let people = accounts::users_by_ids(&self.0, ids).await?;
        let named = |id: &UserId| people.get(id).cloned().map(Agent::from);
        let of_note =
            |(note, ids): (MessageId, Vec<UserId>)| (MentionedKey(note), ids.iter().filter_map(named).collect());
        Ok(by_note.into_iter().map(of_note).collect())
    }
}

/// Which mentions you have read.
#[derive(Debug, InputObject)]
struct MarkMentionsReadInput {
    /// The notes, 1 to 100.
    message_ids: Vec<MessageId>,
}

/// Mentions that you have read.
#[derive(SimpleObject)]
struct MarkMentionsReadPayload {
    /// The mentions as they are now.
    mentions: Vec<Mention>,
}

/// Changing mentions.
#[derive(Default)]
pub struct MentionsMutation;

#[Object]
impl MentionsMutation {
    /// Says that you have read notes in which you are mentioned. All or none; doing it twice changes nothing.
    async fn mark_mentions_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which notes.")] input: MarkMentionsReadInput,
    ) -> Result<MarkMentionsReadPayload> {
        let cx = ctx.cx();
        let rows = super::mark_read(cx, input.message_ids).await?;
        Ok(MarkMentionsReadPayload { mentions: shown(cx, rows).await? })
    }
}

/// Questions about mentions.
#[derive(Default)]
pub struct MentionsQuery;

#[Object]
impl MentionsQuery {
    /// The internal notes in which you are mentioned, newest first. For members of sites.
    #[expect(clippy::too_many_arguments, reason = "the four Relay arguments and two filters")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn mentions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this site.")] site_id: Option<SiteId>,
        #[graphql(desc = "Only those that you have not read, or only those that you have.")] unread: Option<bool>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Mention>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = match site_id {
            Some(site) => sites::reach_in(&cx, Permission::ConversationsWork, site)?,
            None => cx.reach(Permission::ConversationsWork)?,
        };
        let wanted = Wanted { user: accounts::signed_in(&cx.actor)?.user, site: site_id, unread };
        let Page { rows, has_next, has_previous } = store::list(&cx.db(), &reach, wanted, &paging).await?;
        let page = Page { rows: shown(&cx, rows).await?, has_next, has_previous };
        let place = |mention: &Mention| Place(mention.row.created_at.timestamp_micros(), mention.row.message_id.0);
        Ok(page.connect(
            place,
            |mention| mention,
            move || {
                let (cx, reach) = (cx.clone(), reach.clone());
                async move { store::count(&cx.db(), &reach, wanted).await }.boxed()
            },
        ))
    }
}

/// What happened to a mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum MentionChange {
    /// Somebody mentioned you.
    Added,
    /// You read it, perhaps on another device.
    Read,
}

/// You were mentioned in a note, or read it.
#[derive(SimpleObject)]
pub(crate) struct MentionChanged {
    /// The event's place; resume with `after: cursor`.
    pub(crate) cursor: Cursor,
    /// What happened.
    mention_change: MentionChange,
    /// The mention as it is now.
    mention: Mention,
}

/// An event of `mentionEvents`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "lives for the length of one event")]
enum MentionEvent {
    /// You were mentioned, or read it.
    Changed(MentionChanged),
    /// Events are missing: refetch.
    Gap(Gap),
}

/// Subscriptions about mentions.
#[derive(Default)]
pub struct MentionsSubscription;

#[Subscription]
impl MentionsSubscription {
    /// The notes of a site in which you are mentioned, as they are written and as you read them. With `after` (from
    /// `inboxCursor` or the last event), first what was missed. For members of the site.
    async fn mention_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site.")] site_id: SiteId,
        #[graphql(desc = "The `cursor` of the last event received, or `inboxCursor`.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<MentionEvent>> + use<>> {
        let cx = ctx.cx().clone();
        sites::reach_in(&cx, Permission::ConversationsWork, site_id)?;
        let user = accounts::signed_in(&cx.actor)?.user;
        if !sites::is_member(&cx.db(), site_id, user).await? {
            return Err(Error::new(ErrorCode::Forbidden, "Only members of the site can be mentioned in its notes."));
        }
        Ok(try_stream! {
            let followed = journal::follow(cx.clone(), site_id, Scope::Subject(user.0), after, None);
            let mut followed = std::pin::pin!(followed);
            while let Some(batch) = followed.next().await {
                match batch? {
                    Followed::Gap { from, to } => yield MentionEvent::Gap(gap(from, to, "mentions(siteId:)")),
                    Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp => {}
                    Followed::Lines(lines) => {
                        for changed in Box::pin(mention_changes(&cx, user, &lines)).await? {
                            yield MentionEvent::Changed(changed);
                        }
                    }
                }
            }
        })
    }
}

/// Mentions with their notes; without those whose note is gone.
async fn shown(cx: &Ctx, rows: Vec<mention::Model>) -> Result<Vec<Mention>> {
    let notes = notes(cx, &rows).await?;
    let with_note = |row: mention::Model| Some(Mention { note: notes.get(&row.message_id)?.clone(), row });
    Ok(rows.into_iter().filter_map(with_note).collect())
}

/// What a batch of lines says about the mentions of one person, and of nobody else.
pub(crate) async fn mention_changes(cx: &Ctx, user: UserId, lines: &[Line]) -> Result<Vec<MentionChanged>> {
    let theirs = lines.iter().filter(|line| line.subject == user.0);
    let facts: Vec<(Cursor, MentionFact)> =
        theirs.filter_map(|line| Some((line.cursor(), MentionFact::read(line)?))).collect();
    if facts.is_empty() {
        return Ok(vec![]);
    }
    let reach = cx.reach(Permission::ConversationsWork)?;
    let note = |fact: &MentionFact| match fact {
        MentionFact::Added { message } | MentionFact::Read { message } => *message,
    };
    let ids = facts.iter().map(|(_, fact)| note(fact)).collect();
    let rows = store::of_notes(&cx.db(), &reach, user, ids).await?;
    let mentions: HashMap<MessageId, Mention> = shown(cx, rows.into_values().collect())
        .await?
        .into_iter()
        .map(|mention| (mention.row.message_id, mention))
        .collect();
    let changed = |(cursor, fact): (Cursor, MentionFact)| {
        let mention = mentions.get(&note(&fact))?.clone();
        let mention_change = match fact {
            MentionFact::Added { .. } => MentionChange::Added,
            MentionFact::Read { .. } => MentionChange::Read,
        };
        Some(MentionChanged { cursor, mention_change, mention })
    };
    Ok(facts.into_iter().filter_map(changed).collect())
}

/// The notes of mentions, as far as the caller may see them.
async fn notes(cx: &Ctx, rows: &[mention::Model]) -> Result<HashMap<MessageId, Message>> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let reach = cx.reach(Permission::ConversationsWork)?;
    let messages = store::messages(&cx.db(), rows.iter().map(|row| row.message_id).collect()).await?;
    let mut ids: Vec<_> = rows.iter().map(|row| row.conversation_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let conversations = conversations::by_ids(&cx.db(), &reach, ids).await?;
    let note = |row: message::Model| {
        let conversation = conversations.get(&row.conversation_id)?;
        let visible = model::audiences(&cx.actor, conversation).contains(&row.audience);
        visible.then(|| (row.id, Message { row, conversation: conversation.clone() }))
    };
    Ok(messages.into_iter().filter_map(note).collect())
}
