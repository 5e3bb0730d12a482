//! Every query on messages.

use std::collections::HashMap;

use ::entity::{
    conversation,
    ids::{AssistantId, ConversationId, MessageId, SiteId, UserId},
    message::{self, Audience, AuthorKind},
    message_revision, reaction,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use super::super::{model, store::lookup};
use crate::{
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Database, Db},
};

/// Messages of agents after a question that may belong to it.
const REPLIES: u64 = 5;

/// A message within reach of its conversation, if the audience may see it.
pub(crate) async fn find_message(
    db: &Db<'_>,
    reach: &Reach,
    id: MessageId,
) -> Result<(message::Model, conversation::Model)> {
    let message = message::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::not_found("message"))?;
    let conversation = lookup(db, reach, message.conversation_id).await?.ok_or_else(|| Error::not_found("message"))?;
    Ok((message, conversation))
}

/// A page of a conversation's messages, oldest first.
pub(crate) async fn messages(
    db: &Db<'_>,
    conversation: ConversationId,
    audiences: &[Audience],
    paging: &Paging,
) -> Result<Page<message::Model>> {
    let query = visible(conversation, audiences);
    paging.read(db, query, (message::Column::Seq, message::Column::Id), false, Into::into).await
}

/// How many messages the audience sees.
pub(crate) async fn count_messages(db: &Db<'_>, conversation: ConversationId, audiences: &[Audience]) -> Result<u64> {
    Ok(visible(conversation, audiences).count(db).await?)
}

/// The messages around one of them, oldest first: as many before it as after it, itself among the latter.
pub(crate) async fn messages_around(
    db: &Db<'_>,
    conversation: ConversationId,
    audiences: &[Audience],
    around: MessageId,
    limit: u64,
) -> Result<Page<message::Model>> {
    let middle = visible(conversation, audiences).filter(message::Column::Id.eq(around)).one(db).await?;
    let middle = middle.ok_or_else(|| Error::not_found("message").at("around"))?.seq;
    let (before, after) = (limit / 2, limit - limit / 2);
    let earlier = visible(conversation, audiences).filter(message::Column::Seq.lt(middle));
    let mut earlier = earlier.order_by_desc(message::Column::Seq).limit(before + 1).all(db).await?;
    let later = visible(conversation, audiences).filter(message::Column::Seq.gte(middle));
    let mut later = later.order_by_asc(message::Column::Seq).limit(after + 1).all(db).await?;
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let (has_previous, has_next) = (earlier.len() > size(before), later.len() > size(after));
    earlier.truncate(size(before));
    later.truncate(size(after));
    earlier.reverse();
    earlier.extend(later);
    Ok(Page { rows: earlier, has_next, has_previous })
}

fn visible(conversation: ConversationId, audiences: &[Audience]) -> Select<message::Entity> {
    message::Entity::find()
        .filter(message::Column::ConversationId.eq(conversation))
        .filter(message::Column::Audience.is_in(audiences.iter().copied()))
}

/// The newest messages of people and assistants that everybody may read, up to a number, oldest first: what an assistant
/// is told. Nothing of before the conversation was last opened, which was another matter; and nothing that was asked and
/// not answered while an agent had it who gave it back.
pub(crate) async fn history(
    db: &Db<'_>,
    conversation: ConversationId,
    up_to: i64,
    limit: u64,
) -> Result<Vec<message::Model>> {
    use conversation::Column::{OpenedSeq, ResumedSeq, WaitedSeq};
    let from = conversation::Entity::find_by_id(conversation).select_only();
    let from = from.columns([OpenedSeq, ResumedSeq, WaitedSeq]).into_tuple();
    let (opened, resumed, waited): (i64, i64, i64) = from.one(db).await?.unwrap_or_default();
    let mut rows = visible(conversation, &[Audience::Everyone])
        .filter(message::Column::Seq.gt(opened))
        .filter(message::Column::Seq.lte(up_to))
        .filter(message::Column::AuthorKind.ne(AuthorKind::System))
        .filter(message::Column::DeletedAt.is_null())
        .order_by_desc(message::Column::Seq)
        .limit(limit)
        .all(db)
        .await?;
    rows.reverse();
    let given_back = rows.partition_point(|row| row.seq <= resumed);
    let unanswered = rows[..given_back].iter().rev().take_while(|row| row.author_kind == AuthorKind::Visitor).count();
    rows.drain(given_back - unanswered..given_back);
    // Whoever asked for a person and waited has been heard: what they ask besides is still to be answered.
    let answered = rows.iter().rposition(|row| row.author_kind != AuthorKind::Visitor).map_or(0, |last| last + 1);
    let said = rows.split_off(answered);
    rows.extend(said.into_iter().filter(|row| row.seq > waited || !model::only_asks_for_a_person(&row.body)));
    Ok(rows)
}

/// A message of a conversation.
pub(crate) async fn message(db: &Db<'_>, conversation: ConversationId, id: MessageId) -> Result<message::Model> {
    let found = messages_by_ids(db, conversation, vec![id]).await?.remove(&id);
    found.ok_or_else(|| Error::not_found("message"))
}

/// The conversation of a message and its number there.
pub(crate) async fn place_of(db: &Db<'_>, id: MessageId) -> Result<Option<(ConversationId, i64)>> {
    let row = message::Entity::find_by_id(id).select_only();
    Ok(row.columns([message::Column::ConversationId, message::Column::Seq]).into_tuple().one(db).await?)
}

/// What agents said to everybody soon after a message, in order.
pub(crate) async fn replies(db: &Db<'_>, conversation: ConversationId, after: i64) -> Result<Vec<String>> {
    let rows = visible(conversation, &[Audience::Everyone])
        .filter(message::Column::Seq.gt(after))
        .filter(message::Column::AuthorKind.eq(AuthorKind::Agent))
        .filter(message::Column::DeletedAt.is_null())
        .order_by_asc(message::Column::Seq)
        .limit(REPLIES);
    Ok(rows.select_only().column(message::Column::Body).into_tuple().all(db).await?)
}

/// Messages by id, of one conversation.
pub(crate) async fn messages_by_ids(
    db: &Db<'_>,
    conversation: ConversationId,
    ids: Vec<MessageId>,
) -> Result<HashMap<MessageId, message::Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = message::Entity::find()
        .filter(message::Column::ConversationId.eq(conversation))
        .filter(message::Column::Id.is_in(ids))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Messages of a site sent with these client ids.
pub(crate) async fn sent_before(
    db: &Db<'_>,
    site: SiteId,
    authors: Vec<Uuid>,
    client_ids: Vec<Uuid>,
) -> Result<Vec<message::Model>> {
    if client_ids.is_empty() {
        return Ok(vec![]);
    }
    Ok(message::Entity::find()
        .filter(message::Column::SiteId.eq(site))
        .filter(message::Column::AuthorId.is_in(authors))
        .filter(message::Column::ClientId.is_in(client_ids))
        .all(db)
        .await?)
}

/// The conversation in which somebody sent a message under a client id, on a site if one is known.
pub(crate) async fn place_sent(
    db: &Db<'_>,
    site: Option<SiteId>,
    author: Uuid,
    client_id: Uuid,
) -> Result<Option<ConversationId>> {
    let row = message::Entity::find()
        .filter(Condition::all().add_option(site.map(|site| message::Column::SiteId.eq(site))))
        .filter(message::Column::AuthorId.eq(author))
        .filter(message::Column::AuthorKind.eq(AuthorKind::Visitor))
        .filter(message::Column::ClientId.eq(client_id));
    Ok(row.select_only().column(message::Column::ConversationId).into_tuple().one(db).await?)
}

/// Messages of one kind of author after a number: what is unread.
pub(crate) async fn unread(db: &Db<'_>, conversation: ConversationId, after: i64, by: &[AuthorKind]) -> Result<i32> {
    let count = visible(conversation, &[Audience::Everyone])
        .filter(message::Column::Seq.gt(after))
        .filter(message::Column::AuthorKind.is_in(by.iter().copied()))
        .count(db)
        .await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Reactions by message, in the order they were given.
pub(crate) async fn reactions(db: &Db<'_>, ids: Vec<MessageId>) -> Result<HashMap<MessageId, Vec<reaction::Model>>> {
    let mut found: HashMap<_, Vec<reaction::Model>> = HashMap::new();
    let rows = reaction::Entity::find()
        .filter(reaction::Column::MessageId.is_in(ids))
        .order_by_asc(reaction::Column::CreatedAt)
        .all(db)
        .await?;
    for row in rows {
        found.entry(row.message_id).or_default().push(row);
    }
    Ok(found)
}

/// Earlier texts of a message, oldest first.
pub(crate) async fn revisions(db: &Db<'_>, message: MessageId) -> Result<Vec<message_revision::Model>> {
    Ok(message_revision::Entity::find()
        .filter(message_revision::Column::MessageId.eq(message))
        .order_by_asc(message_revision::Column::Revision)
        .all(db)
        .await?)
}

/// Writes what a batch of messages changed in their conversations: one statement on PostgreSQL, where a round trip
/// costs more than the work; one each on SQLite, where there is none.
pub(crate) async fn write_heads(database: &Database, db: &Db<'_>, rows: &[&conversation::Model]) -> Result<()> {
    if database.is_postgres() {
        let columns = rows.iter().fold(Heads::default(), |mut heads, row| {
            heads.push(row);
            heads
        });
        db.execute_raw(database.statement(WRITE_HEADS_POSTGRES, columns.into_values())).await?;
        return Ok(());
    }
    for row in rows {
        let changed = conversation::ActiveModel {
            id: sea_orm::ActiveValue::Unchanged(row.id),
            last_seq: Set(row.last_seq),
            last_message_id: Set(row.last_message_id),
            last_message_author: Set(row.last_message_author),
            last_message_preview: Set(row.last_message_preview.clone()),
            last_activity: Set(row.last_activity),
            unread_by_staff: Set(row.unread_by_staff),
            unread_by_visitor: Set(row.unread_by_visitor),
            description: Set(row.description.clone()),
            ..Default::default()
        };
        conversation::Entity::update(changed).exec(db).await?;
    }
    Ok(())
}

/// When the visitor first wrote.
pub(crate) async fn first_asked(db: &Db<'_>, id: ConversationId) -> Result<Option<DateTime<Utc>>> {
    let rows = visible(id, &[Audience::Everyone])
        .filter(message::Column::AuthorKind.eq(AuthorKind::Visitor))
        .order_by_asc(message::Column::Seq)
        .select_only()
        .column(message::Column::CreatedAt);
    Ok(rows.into_tuple().one(db).await?)
}

/// The first message of a person that everybody may read.
pub(crate) async fn first_words(db: &Db<'_>, id: ConversationId) -> Result<Option<String>> {
    let rows = visible(id, &[Audience::Everyone])
        .filter(message::Column::AuthorKind.is_in([AuthorKind::Visitor, AuthorKind::Agent]))
        .filter(message::Column::DeletedAt.is_null())
        .order_by_asc(message::Column::Seq)
        .select_only()
        .column(message::Column::Body);
    Ok(rows.into_tuple().one(db).await?)
}

/// What the visitor said last, the newest first.
pub(crate) async fn asked(db: &Db<'_>, id: ConversationId, count: u64) -> Result<Vec<String>> {
    let rows = visible(id, &[Audience::Everyone])
        .filter(message::Column::AuthorKind.eq(AuthorKind::Visitor))
        .filter(message::Column::DeletedAt.is_null())
        .order_by_desc(message::Column::Seq)
        .limit(count)
        .select_only()
        .column(message::Column::Body);
    Ok(rows.into_tuple().all(db).await?)
}

/// When somebody last wrote in a conversation, notes included.
pub(crate) async fn last_written(db: &Db<'_>, id: ConversationId, author: UserId) -> Result<Option<DateTime<Utc>>> {
    Ok(message::Entity::find()
        .select_only()
        .column(message::Column::CreatedAt)
        .filter(message::Column::ConversationId.eq(id))
        .filter(message::Column::AuthorId.eq(author.0))
        .order_by_desc(message::Column::Seq)
        .into_tuple()
        .one(db)
        .await?)
}

/// The number of what a visitor asked and nobody has answered.
pub(crate) async fn unanswered(db: &Db<'_>, id: ConversationId) -> Result<Option<i64>> {
    let last: Option<(i64, AuthorKind)> = message::Entity::find()
        .select_only()
        .columns([message::Column::Seq, message::Column::AuthorKind])
        .filter(message::Column::ConversationId.eq(id))
        .filter(message::Column::Audience.eq(Audience::Everyone))
        .filter(message::Column::AuthorKind.ne(AuthorKind::System))
        .filter(message::Column::DeletedAt.is_null())
        .order_by_desc(message::Column::Seq)
        .into_tuple()
        .one(db)
        .await?;
    Ok(last.filter(|(_, author)| *author == AuthorKind::Visitor).map(|(seq, _)| seq))
}

/// What the server told last, if nobody but the visitor has said anything since.
pub(crate) async fn last_told(db: &Db<'_>, id: ConversationId) -> Result<Option<String>> {
    let last: Option<(AuthorKind, String)> = visible(id, &[Audience::Everyone])
        .filter(message::Column::AuthorKind.ne(AuthorKind::Visitor))
        .order_by_desc(message::Column::Seq)
        .select_only()
        .columns([message::Column::AuthorKind, message::Column::Body])
        .into_tuple()
        .one(db)
        .await?;
    Ok(last.filter(|(author, _)| *author == AuthorKind::System).map(|(_, body)| body))
}

/// True when something stands in a conversation that an assistant, or the server for it, has said.
pub(crate) async fn has_spoken(db: &Db<'_>, id: ConversationId, assistant: AssistantId) -> Result<bool> {
    let rows = visible(id, &[Audience::Everyone])
        .filter(message::Column::AuthorId.eq(assistant.0))
        .select_only()
        .column(message::Column::Id);
    Ok(rows.into_tuple::<MessageId>().one(db).await?.is_some())
}

/// True when an assistant wrote the last two messages that are not the visitor's.
pub(crate) async fn answered_twice(db: &Db<'_>, id: ConversationId) -> Result<bool> {
    let last: Vec<AuthorKind> = message::Entity::find()
        .select_only()
        .column(message::Column::AuthorKind)
        .filter(message::Column::ConversationId.eq(id))
        .filter(message::Column::Audience.eq(Audience::Everyone))
        .filter(message::Column::AuthorKind.ne(AuthorKind::Visitor))
        .order_by_desc(message::Column::Seq)
        .limit(2)
        .into_tuple()
        .all(db)
        .await?;
    Ok(last == [AuthorKind::Assistant, AuthorKind::Assistant])
}

const WRITE_HEADS_POSTGRES: &str = r#"UPDATE "conversation" AS c SET "last_seq" = v.last_seq,
 "last_message_id" = NULLIF(v.last_message_id, '00000000-0000-0000-0000-000000000000'::uuid),
 "last_message_author" = NULLIF(v.author, ''), "last_message_preview" = NULLIF(v.preview, ''),
 "last_activity" = v.activity, "unread_by_staff" = v.staff, "unread_by_visitor" = v.visitor,
 "description" = NULLIF(v.description, '')
 FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::int[],
 $9::text[]) AS v(id, last_seq, last_message_id, author, preview, activity, staff, visitor, description) WHERE c."id" = v.id"#;

/// The columns of [`WRITE_HEADS_POSTGRES`]. Arrays hold no nulls here: a nil id and an empty text stand for them.
#[derive(Default)]
struct Heads {
    ids: Vec<Uuid>,
    seqs: Vec<i64>,
    messages: Vec<Uuid>,
    authors: Vec<String>,
    previews: Vec<String>,
    activities: Vec<i64>,
    staff: Vec<i32>,
    visitors: Vec<i32>,
    descriptions: Vec<String>,
}

impl Heads {
    fn push(&mut self, row: &conversation::Model) {
        use sea_orm::ActiveEnum;
        self.ids.push(row.id.0);
        self.seqs.push(row.last_seq);
        self.messages.push(row.last_message_id.map(|id| id.0).unwrap_or_default());
        self.authors.push(row.last_message_author.map(|kind| kind.to_value()).unwrap_or_default());
        self.previews.push(row.last_message_preview.clone().unwrap_or_default());
        self.activities.push(row.last_activity);
        self.staff.push(row.unread_by_staff);
        self.visitors.push(row.unread_by_visitor);
        self.descriptions.push(row.description.clone().unwrap_or_default());
    }

    fn into_values(self) -> Vec<sea_orm::Value> {
        vec![
            self.ids.into(),
            self.seqs.into(),
            self.messages.into(),
            self.authors.into(),
            self.previews.into(),
            self.activities.into(),
            self.staff.into(),
            self.visitors.into(),
            self.descriptions.into(),
        ]
    }
}
