//! Every query on conversations and messages. Takes a reach; knows no rules.

use std::collections::HashMap;

use ::entity::{
    conversation, conversation_tag, department,
    ids::{AssistantId, ConversationId, DepartmentId, MessageId, SiteId, UserId, VisitorId},
    message::{self, Audience, AuthorKind},
    message_revision, participant, reaction, user, visitor,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, LockBehavior, LockType, Query, SimpleExpr},
};
use uuid::Uuid;

use crate::{
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging, Place},
    },
    ports::db::{Database, Db, containing, for_update},
};

/// Messages of agents after a question that may belong to it.
const REPLIES: u64 = 5;

fn within(reach: &Reach) -> Condition {
    use conversation::Column::{CustomerId, SiteId, VisitorId};
    reach.owned_rows(SiteId, Some(VisitorId), Some(CustomerId))
}

/// The conversation, or `NOT_FOUND`.
pub(crate) async fn find(db: &Db<'_>, reach: &Reach, id: ConversationId) -> Result<conversation::Model> {
    lookup(db, reach, id).await?.ok_or_else(|| Error::not_found("conversation"))
}

/// The conversation if it is there and within reach.
pub(crate) async fn lookup(db: &Db<'_>, reach: &Reach, id: ConversationId) -> Result<Option<conversation::Model>> {
    Ok(conversation::Entity::find_by_id(id).filter(within(reach)).one(db).await?)
}

/// The same, locked until the transaction ends.
pub(crate) async fn find_for_update(db: &Db<'_>, reach: &Reach, id: ConversationId) -> Result<conversation::Model> {
    for_update(conversation::Entity::find_by_id(id).filter(within(reach)))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("conversation"))
}

/// What is done about conversations that somebody else has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// They are waited for: only where none that could be waited for is locked already.
    Wait,
    /// They are left out.
    Skip,
}

/// Locks several, in the order of their ids so that two transactions cannot wait for each other.
pub(crate) async fn lock_all(
    db: &Db<'_>,
    site: SiteId,
    ids: Vec<ConversationId>,
    busy: Busy,
) -> Result<HashMap<ConversationId, conversation::Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = conversation::Entity::find()
        .filter(conversation::Column::Id.is_in(ids))
        .filter(conversation::Column::SiteId.eq(site))
        .order_by_asc(conversation::Column::Id);
    let rows = match busy {
        Busy::Wait => for_update(rows),
        Busy::Skip => rows.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked),
    };
    Ok(rows.all(db).await?.into_iter().map(|row| (row.id, row)).collect())
}

/// A person was asked for, and none has written.
fn waiting_for_human() -> SimpleExpr {
    use conversation::{Attention, Column};
    let asked = Column::HumanRequestedAt.is_not_null().and(Column::HumanJoinedAt.is_null());
    asked.and(Column::Attention.is_in([Attention::Waiting, Attention::Person]))
}

/// How many conversations of a site wait for a person, in the queue or about to enter it.
pub(crate) async fn count_waiting(db: &Db<'_>, site: SiteId) -> Result<u64> {
    let waiting = conversation::Entity::find()
        .filter(conversation::Column::SiteId.eq(site))
        .filter(waiting_for_human())
        .filter(conversation::Column::Attention.eq(conversation::Attention::Waiting));
    Ok(waiting.count(db).await?)
}

/// A visitor's open conversation with an assistant.
pub(super) async fn lookup_open(db: &Db<'_>, open_key: &str) -> Result<Option<conversation::Model>> {
    Ok(conversation::Entity::find().filter(conversation::Column::OpenKey.eq(open_key)).one(db).await?)
}

/// A visitor's conversation that a person has or is to have, with this assistant if one is asked for.
pub(super) async fn lookup_attended(
    db: &Db<'_>,
    site: SiteId,
    visitor: VisitorId,
    assistant: Option<AssistantId>,
) -> Result<Option<conversation::Model>> {
    use conversation::{Attention, Column};
    let mut rows = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::VisitorId.eq(visitor))
        .filter(Column::Attention.is_in([Attention::Waiting, Attention::Person]));
    if let Some(assistant) = assistant {
        rows = rows.filter(Column::AssistantId.eq(assistant));
    }
    Ok(rows.order_by_desc(Column::LastActivity).one(db).await?)
}

/// Open conversations of a site in which somebody answers, those with the assistant only if something was said since a
/// moment: by id, after one.
pub(crate) async fn talking(
    db: &Db<'_>,
    site: SiteId,
    since: DateTime<Utc>,
    after: Option<ConversationId>,
    limit: u64,
) -> Result<Vec<ConversationId>> {
    use conversation::{Attention, Column};
    let recent = Column::Attention.eq(Attention::Assistant).and(Column::LastActivity.gte(since.timestamp_micros()));
    let rows = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::LastMessageId.is_not_null())
        .filter(Column::Attention.eq(Attention::Person).or(recent))
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))))
        .order_by_asc(Column::Id)
        .limit(limit)
        .select_only()
        .column(Column::Id);
    Ok(rows.into_tuple().all(db).await?)
}

/// Which conversations an inbox shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) status: Option<conversation::Status>,
    pub(super) assignee: Option<UserId>,
    pub(super) unassigned: bool,
    pub(super) waiting: Option<bool>,
    pub(super) assistant: Option<AssistantId>,
    pub(super) visitor: Option<VisitorId>,
    pub(super) customer: Option<UserId>,
    pub(super) department: Option<DepartmentId>,
    pub(super) attention: Option<conversation::Attention>,
    pub(super) outcome: Option<conversation::QueueOutcome>,
    /// Something in them, or nothing, that no agent has read.
    pub(super) unread: Option<bool>,
    /// When something was last said, from the first moment on and before the second.
    pub(super) active: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// When they were started.
    pub(super) started: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    pub(super) tags: Vec<String>,
    /// One of the tags is enough.
    pub(super) any_tag: bool,
    /// Folded words that must all be found.
    pub(super) words: Vec<String>,
    /// Who looks: in conversations that they lead as a customer, only what was said to everybody is searched.
    pub(super) reader: Option<UserId>,
}

impl Filter {
    /// A condition that events do not tell of, if there is one.
    pub(super) fn not_to_follow(&self) -> Option<&'static str> {
        let times = [self.active.0, self.active.1, self.started.0, self.started.1];
        [
            (!self.words.is_empty(), "filter.text"),
            (self.visitor.is_some(), "filter.visitorId"),
            (self.unread.is_some(), "filter.unread"),
            (times.iter().any(Option::is_some), "filter.activeFrom"),
        ]
        .into_iter()
        .find_map(|(is_given, field)| is_given.then_some(field))
    }
}

fn filtered(reach: &Reach, site: Option<SiteId>, filter: &Filter) -> Select<conversation::Entity> {
    use conversation::Column;
    let mut query = conversation::Entity::find().filter(within(reach));
    if let Some(site) = site {
        query = query.filter(Column::SiteId.eq(site));
    }
    if let Some(status) = filter.status {
        query = query.filter(Column::Status.eq(status));
    }
    if let Some(assignee) = filter.assignee {
        query = query.filter(Column::AssigneeId.eq(assignee));
    }
    if filter.unassigned {
        query = query.filter(Column::AssigneeId.is_null());
    }
    match filter.waiting {
        Some(true) => query = query.filter(waiting_for_human()),
        Some(false) => query = query.filter(waiting_for_human().not()),
        None => {}
    }
    if let Some(assistant) = filter.assistant {
        query = query.filter(Column::AssistantId.eq(assistant));
    }
    if let Some(visitor) = filter.visitor {
        query = query.filter(Column::VisitorId.eq(visitor));
    }
    let micros = |at: DateTime<Utc>| at.timestamp_micros();
    let all = Condition::all()
        .add_option(filter.customer.map(|id| Column::CustomerId.eq(id)))
        .add_option(filter.department.map(|id| Column::DepartmentId.eq(id)))
        .add_option(filter.attention.map(|attention| Column::Attention.eq(attention)))
        .add_option(filter.outcome.map(|outcome| Column::QueueOutcome.eq(outcome)))
        .add_option(filter.unread.map(|yes| match yes {
            true => Column::UnreadByStaff.gt(0),
            false => Column::UnreadByStaff.eq(0),
        }))
        .add_option(filter.active.0.map(|from| Column::LastActivity.gte(micros(from))))
        .add_option(filter.active.1.map(|to| Column::LastActivity.lt(micros(to))))
        .add_option(filter.started.0.map(|from| Column::CreatedAt.gte(from)))
        .add_option(filter.started.1.map(|to| Column::CreatedAt.lt(to)));
    query = query.filter(all);
    let tagged = |tags: &[String]| {
        Query::select()
            .column(conversation_tag::Column::ConversationId)
            .from(conversation_tag::Entity)
            .and_where(conversation_tag::Column::Tag.is_in(tags.iter().cloned()))
            .and_where(
                Expr::col((conversation_tag::Entity, conversation_tag::Column::SiteId))
                    .eq(Expr::col((conversation::Entity, Column::SiteId))),
            )
            .to_owned()
    };
    if filter.any_tag && !filter.tags.is_empty() {
        query = query.filter(Column::Id.in_subquery(tagged(&filter.tags)));
    } else {
        for tag in &filter.tags {
            query = query.filter(Column::Id.in_subquery(tagged(std::slice::from_ref(tag))));
        }
    }
    for word in &filter.words {
        query = query.filter(found(word, filter.reader));
    }
    query
}

/// Conversations in which a folded word was said, or whose visitor or title is called so.
fn found(word: &str, reader: Option<UserId>) -> Condition {
    use conversation::Column;
    let said = Query::select()
        .column(message::Column::ConversationId)
        .from(message::Entity)
        .and_where(
            Expr::col((message::Entity, message::Column::ConversationId))
                .eq(Expr::col((conversation::Entity, Column::Id))),
        )
        .and_where(Expr::col((message::Entity, message::Column::Folded)).like(containing(word)))
        .cond_where(
            Condition::any()
                .add(message::Column::Audience.eq(Audience::Everyone))
                .add(Expr::col((conversation::Entity, Column::CustomerId)).is_null())
                .add_option(reader.map(|user| Expr::col((conversation::Entity, Column::CustomerId)).ne(user))),
        )
        .to_owned();
    let known = Query::select()
        .column(visitor::Column::Id)
        .from(visitor::Entity)
        .and_where(
            Expr::col((visitor::Entity, visitor::Column::Id)).eq(Expr::col((conversation::Entity, Column::VisitorId))),
        )
        .and_where(Expr::col((visitor::Entity, visitor::Column::Folded)).like(containing(word)))
        .to_owned();
    Condition::any()
        .add(Expr::exists(said))
        .add(Expr::exists(known))
        .add(Expr::col((conversation::Entity, Column::TitleFolded)).like(containing(word)))
}

/// The newest message of each conversation that holds all of the words, of those that this audience reads.
pub(super) async fn matching(
    db: &Db<'_>,
    ids: Vec<ConversationId>,
    words: &[String],
) -> Result<HashMap<ConversationId, message::Model>> {
    if ids.is_empty() || words.is_empty() {
        return Ok(HashMap::new());
    }
    let mut holds = Condition::all();
    for word in words {
        holds = holds.add(Expr::col((message::Entity, message::Column::Folded)).like(containing(word)));
    }
    let newest = Query::select()
        .expr(Expr::col(message::Column::Seq).max())
        .column(message::Column::ConversationId)
        .from(message::Entity)
        .and_where(message::Column::ConversationId.is_in(ids))
        .and_where(message::Column::DeletedAt.is_null())
        .and_where(message::Column::Audience.eq(Audience::Everyone))
        .cond_where(holds)
        .group_by_col(message::Column::ConversationId)
        .to_owned();
    let place = Expr::tuple([Expr::col(message::Column::Seq), Expr::col(message::Column::ConversationId)]);
    let rows = message::Entity::find().filter(place.in_subquery(newest)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row)).collect())
}

/// How many conversations fit each of several filters, in one statement.
pub(super) async fn counts(db: &Db<'_>, reach: &Reach, site: SiteId, filters: &[Filter]) -> Result<Vec<i64>> {
    if filters.is_empty() {
        return Ok(vec![]);
    }
    let mut all = Query::select();
    for filter in filters {
        let count = filtered(reach, Some(site), filter).select_only().column_as(conversation::Column::Id.count(), "n");
        all.expr(Expr::SubQuery(None, Box::new(count.into_query().into())));
    }
    let Some(row) = db.query_one(&all).await? else { return Ok(vec![]) };
    (0..filters.len()).map(|at| Ok(row.try_get_by_index(at)?)).collect()
}

/// An inbox row with what is shown beside it, from one statement.
pub(super) struct InboxRow {
    pub(super) conversation: conversation::Model,
    pub(super) visitor: Option<visitor::Model>,
    pub(super) assignee: Option<user::Model>,
}

/// A page of conversations, newest activity first.
pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    site: Option<SiteId>,
    filter: &Filter,
    paging: &Paging,
) -> Result<Page<InboxRow>> {
    use conversation::Column::{Id, LastActivity};
    let query = filtered(reach, site, filter).find_also_related(visitor::Entity).find_also_related(user::Entity);
    let rows = paging.place(query, (LastActivity, Id), true, Into::into).limit(paging.limit + 1).all(db).await?;
    Ok(paging.finish(
        rows.into_iter()
            .map(|(conversation, visitor, assignee)| InboxRow { conversation, visitor, assignee })
            .collect(),
    ))
}

/// How many there are.
pub(super) async fn count(db: &Db<'_>, reach: &Reach, site: Option<SiteId>, filter: &Filter) -> Result<u64> {
    Ok(filtered(reach, site, filter).count(db).await?)
}

/// Where a conversation stands in its list.
pub(super) fn place(conversation: &conversation::Model) -> Place {
    Place(conversation.last_activity, conversation.id.0)
}

/// The caller's own conversations: a visitor's or a customer's.
pub(super) fn own(reach: &Reach) -> Result<Condition> {
    use conversation::Column::{CustomerId, SiteId, VisitorId};
    if let Some((site, visitor)) = reach.visitor() {
        return Ok(Condition::all().add(SiteId.eq(site)).add(VisitorId.eq(visitor)));
    }
    reach.customer().map(|user| Condition::all().add(CustomerId.eq(user))).ok_or_else(Error::forbidden)
}

/// A page of them, newest activity first.
pub(super) async fn list_own(
    db: &Db<'_>,
    reach: &Reach,
    assistant: Option<AssistantId>,
    paging: &Paging,
) -> Result<Page<conversation::Model>> {
    use conversation::Column::{AssistantId as Assistant, Id, LastActivity};
    let mut query = conversation::Entity::find().filter(own(reach)?);
    if let Some(assistant) = assistant {
        query = query.filter(Assistant.eq(assistant));
    }
    paging.read(db, query, (LastActivity, Id), true, Into::into).await
}

/// How many there are.
pub(super) async fn count_own(db: &Db<'_>, reach: &Reach, assistant: Option<AssistantId>) -> Result<u64> {
    let mut query = conversation::Entity::find().filter(own(reach)?);
    if let Some(assistant) = assistant {
        query = query.filter(conversation::Column::AssistantId.eq(assistant));
    }
    Ok(query.count(db).await?)
}

/// Writes a changed conversation.
pub(super) async fn update(db: &Db<'_>, changed: conversation::ActiveModel) -> Result<conversation::Model> {
    Ok(changed.update(db).await?)
}

/// A message within reach of its conversation, if the audience may see it.
pub(super) async fn find_message(
    db: &Db<'_>,
    reach: &Reach,
    id: MessageId,
) -> Result<(message::Model, conversation::Model)> {
    let message = message::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::not_found("message"))?;
    let conversation = lookup(db, reach, message.conversation_id).await?.ok_or_else(|| Error::not_found("message"))?;
    Ok((message, conversation))
}

/// A page of a conversation's messages, oldest first.
pub(super) async fn messages(
    db: &Db<'_>,
    conversation: ConversationId,
    audiences: &[Audience],
    paging: &Paging,
) -> Result<Page<message::Model>> {
    let query = visible(conversation, audiences);
    paging.read(db, query, (message::Column::Seq, message::Column::Id), false, Into::into).await
}

/// How many messages the audience sees.
pub(super) async fn count_messages(db: &Db<'_>, conversation: ConversationId, audiences: &[Audience]) -> Result<u64> {
    Ok(visible(conversation, audiences).count(db).await?)
}

/// The messages around one of them, oldest first: as many before it as after it, itself among the latter.
pub(super) async fn messages_around(
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
    use conversation::Column::{OpenedSeq, ResumedSeq};
    let from = conversation::Entity::find_by_id(conversation).select_only().columns([OpenedSeq, ResumedSeq]);
    let (opened, resumed): (i64, i64) = from.into_tuple().one(db).await?.unwrap_or_default();
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
    Ok(rows)
}

/// How many open conversations some people have on a site.
pub(crate) async fn open_by_assignee(db: &Db<'_>, site: SiteId, users: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let rows = conversation::Entity::find()
        .filter(conversation::Column::SiteId.eq(site))
        .filter(conversation::Column::Attention.eq(conversation::Attention::Person))
        .filter(conversation::Column::AssigneeId.is_in(users.iter().copied()))
        .select_only()
        .column(conversation::Column::AssigneeId)
        .column_as(conversation::Column::Id.count(), "count")
        .group_by(conversation::Column::AssigneeId);
    Ok(rows.into_tuple().all(db).await?.into_iter().collect())
}

/// The open conversations that somebody has on a site.
pub(crate) async fn of_assignee(db: &Db<'_>, site: SiteId, user: UserId) -> Result<Vec<ConversationId>> {
    let rows = conversation::Entity::find()
        .filter(conversation::Column::SiteId.eq(site))
        .filter(conversation::Column::Attention.eq(conversation::Attention::Person))
        .filter(conversation::Column::AssigneeId.eq(user))
        .order_by_asc(conversation::Column::Id)
        .select_only()
        .column(conversation::Column::Id);
    Ok(rows.into_tuple().all(db).await?)
}

/// True when whoever asks here had another conversation on the site before.
pub(crate) async fn had_another(db: &Db<'_>, than: &conversation::Model) -> Result<bool> {
    use conversation::Column::{CustomerId, Id, SiteId, VisitorId};
    let by = match (than.visitor_id, than.customer_id) {
        (Some(visitor), _) => VisitorId.eq(visitor),
        (None, Some(customer)) => CustomerId.eq(customer),
        (None, None) => return Ok(false),
    };
    let other = conversation::Entity::find().filter(SiteId.eq(than.site_id)).filter(by).filter(Id.ne(than.id));
    Ok(other.select_only().column(Id).into_tuple::<ConversationId>().one(db).await?.is_some())
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

/// The names of the people in a conversation: who asks and to whom it was given.
pub(crate) async fn names_of(db: &Db<'_>, id: ConversationId) -> Result<Vec<String>> {
    let row = conversation::Entity::find_by_id(id).find_also_related(visitor::Entity).one(db).await?;
    let Some((conversation, visitor)) = row else { return Ok(vec![]) };
    let people = conversation.customer_id.into_iter().chain(conversation.assignee_id);
    let users = user::Entity::find().filter(user::Column::Id.is_in(people)).select_only().column(user::Column::Name);
    let mut names: Vec<String> = users.into_tuple().all(db).await?;
    names.extend(visitor.and_then(|visitor| visitor.name));
    Ok(names)
}

/// The names of departments.
pub(super) async fn department_names(db: &Db<'_>, ids: Vec<DepartmentId>) -> Result<HashMap<DepartmentId, String>> {
    let rows = department::Entity::find().filter(department::Column::Id.is_in(ids)).select_only();
    let rows = rows.columns([department::Column::Id, department::Column::Name]);
    Ok(rows.into_tuple().all(db).await?.into_iter().collect())
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
pub(super) async fn messages_by_ids(
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
pub(super) async fn sent_before(
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

/// Messages of one kind of author after a number: what is unread.
pub(super) async fn unread(db: &Db<'_>, conversation: ConversationId, after: i64, by: &[AuthorKind]) -> Result<i32> {
    let count = visible(conversation, &[Audience::Everyone])
        .filter(message::Column::Seq.gt(after))
        .filter(message::Column::AuthorKind.is_in(by.iter().copied()))
        .count(db)
        .await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Conversations by id within reach.
pub(crate) async fn by_ids(
    db: &Db<'_>,
    reach: &Reach,
    ids: Vec<ConversationId>,
) -> Result<HashMap<ConversationId, conversation::Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows =
        conversation::Entity::find().filter(conversation::Column::Id.is_in(ids)).filter(within(reach)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Tags by conversation, sorted.
pub(crate) async fn tags(db: &Db<'_>, ids: Vec<ConversationId>) -> Result<HashMap<ConversationId, Vec<String>>> {
    let mut found: HashMap<_, Vec<String>> = HashMap::new();
    let rows = conversation_tag::Entity::find()
        .filter(conversation_tag::Column::ConversationId.is_in(ids))
        .order_by_asc(conversation_tag::Column::Tag)
        .all(db)
        .await?;
    for row in rows {
        found.entry(row.conversation_id).or_default().push(row.tag);
    }
    Ok(found)
}

/// Replaces a conversation's tags.
pub(super) async fn set_tags(db: &Db<'_>, conversation: &conversation::Model, tags: &[String]) -> Result<()> {
    conversation_tag::Entity::delete_many()
        .filter(conversation_tag::Column::ConversationId.eq(conversation.id))
        .exec(db)
        .await?;
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.iter().map(|tag| conversation_tag::ActiveModel {
        conversation_id: Set(conversation.id),
        tag: Set(tag.clone()),
        site_id: Set(conversation.site_id),
    });
    conversation_tag::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// Reactions by message, in the order they were given.
pub(super) async fn reactions(db: &Db<'_>, ids: Vec<MessageId>) -> Result<HashMap<MessageId, Vec<reaction::Model>>> {
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
pub(super) async fn revisions(db: &Db<'_>, message: MessageId) -> Result<Vec<message_revision::Model>> {
    Ok(message_revision::Entity::find()
        .filter(message_revision::Column::MessageId.eq(message))
        .order_by_asc(message_revision::Column::Revision)
        .all(db)
        .await?)
}

/// Participants by conversation.
pub(super) async fn participants(
    db: &Db<'_>,
    ids: Vec<ConversationId>,
) -> Result<HashMap<ConversationId, Vec<participant::Model>>> {
    let mut found: HashMap<_, Vec<participant::Model>> = HashMap::new();
    let rows = participant::Entity::find()
        .filter(participant::Column::ConversationId.is_in(ids))
        .order_by_asc(participant::Column::ActorId)
        .all(db)
        .await?;
    for row in rows {
        found.entry(row.conversation_id).or_default().push(row);
    }
    Ok(found)
}

/// Writes what a batch of messages changed in their conversations: one statement on PostgreSQL, where a round trip
/// costs more than the work; one each on SQLite, where there is none.
pub(super) async fn write_heads(database: &Database, db: &Db<'_>, rows: &[&conversation::Model]) -> Result<()> {
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

/// Writes who attends a conversation, and what goes with it.
pub(super) async fn save_attention(db: &Db<'_>, row: &conversation::Model) -> Result<()> {
    let changed = conversation::ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(row.id),
        status: Set(row.status),
        attention: Set(row.attention),
        assignee_id: Set(row.assignee_id),
        assigned_at: Set(row.assigned_at),
        department_id: Set(row.department_id),
        queue_outcome: Set(row.queue_outcome),
        queue_left_at: Set(row.queue_left_at),
        human_requested_at: Set(row.human_requested_at),
        handoff_reason: Set(row.handoff_reason),
        human_joined_at: Set(row.human_joined_at),
        person_offered_at: Set(row.person_offered_at),
        open_key: Set(row.open_key.clone()),
        closed_at: Set(row.closed_at),
        opened_seq: Set(row.opened_seq),
        resumed_seq: Set(row.resumed_seq),
        ..Default::default()
    };
    conversation::Entity::update(changed).exec(db).await?;
    Ok(())
}

/// The first message of a person that everybody may read.
pub(super) async fn first_words(db: &Db<'_>, id: ConversationId) -> Result<Option<String>> {
    let rows = visible(id, &[Audience::Everyone])
        .filter(message::Column::AuthorKind.is_in([AuthorKind::Visitor, AuthorKind::Agent]))
        .filter(message::Column::DeletedAt.is_null())
        .order_by_asc(message::Column::Seq)
        .select_only()
        .column(message::Column::Body);
    Ok(rows.into_tuple().one(db).await?)
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

/// Writes how waits ended, of conversations that do not wait.
pub(super) async fn set_outcome(
    db: &Db<'_>,
    ids: &[ConversationId],
    outcome: conversation::QueueOutcome,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = conversation::ActiveModel {
        queue_outcome: Set(Some(outcome)),
        queue_left_at: Set(Some(now)),
        ..Default::default()
    };
    let these = conversation::Column::Id.is_in(ids.iter().copied());
    conversation::Entity::update_many().set(row).filter(these).exec(db).await?;
    Ok(())
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
