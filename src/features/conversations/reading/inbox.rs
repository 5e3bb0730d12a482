//! Which conversations an inbox shows, and in which order.

use std::collections::HashMap;

use ::entity::{
    conversation, conversation_tag,
    ids::{AssistantId, ConversationId, DepartmentId, SiteId, UserId, VisitorId},
    message::{self, Audience},
    user, visitor,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::super::store::within;
use crate::{
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging, Place},
    },
    ports::db::{Db, containing},
};

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

/// Which conversations an inbox shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) status: Option<conversation::Status>,
    pub(crate) assignee: Option<UserId>,
    pub(crate) unassigned: bool,
    pub(crate) waiting: Option<bool>,
    pub(crate) assistant: Option<AssistantId>,
    pub(crate) visitor: Option<VisitorId>,
    pub(crate) customer: Option<UserId>,
    pub(crate) department: Option<DepartmentId>,
    pub(crate) attention: Option<conversation::Attention>,
    pub(crate) outcome: Option<conversation::QueueOutcome>,
    /// Something in them, or nothing, that no agent has read.
    pub(crate) unread: Option<bool>,
    /// When something was last said, from the first moment on and before the second.
    pub(crate) active: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// When they were started.
    pub(crate) started: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    pub(crate) tags: Vec<String>,
    /// One of the tags is enough.
    pub(crate) any_tag: bool,
    /// Folded words that must all be found.
    pub(crate) words: Vec<String>,
    /// Who looks: in conversations that they lead as a customer, only what was said to everybody is searched.
    pub(crate) reader: Option<UserId>,
}

impl Filter {
    /// A condition that events do not tell of, if there is one.
    pub(crate) fn not_to_follow(&self) -> Option<&'static str> {
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
        // A widget that was opened is nothing to look at.
        query = query.filter(Column::SiteId.eq(site)).filter(Column::LastSeq.gt(0));
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
pub(crate) async fn matching(
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
pub(crate) async fn counts(db: &Db<'_>, reach: &Reach, site: SiteId, filters: &[Filter]) -> Result<Vec<i64>> {
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
pub(crate) struct InboxRow {
    pub(crate) conversation: conversation::Model,
    pub(crate) visitor: Option<visitor::Model>,
    pub(crate) assignee: Option<user::Model>,
}

/// A page of conversations, newest activity first.
pub(crate) async fn list(
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
pub(crate) async fn count(db: &Db<'_>, reach: &Reach, site: Option<SiteId>, filter: &Filter) -> Result<u64> {
    Ok(filtered(reach, site, filter).count(db).await?)
}

/// Where a conversation stands in its list.
pub(crate) fn place(conversation: &conversation::Model) -> Place {
    Place(conversation.last_activity, conversation.id.0)
}

/// The caller's own conversations: a visitor's or a customer's.
pub(crate) fn own(reach: &Reach) -> Result<Condition> {
    use conversation::Column::{CustomerId, SiteId, VisitorId};
    if let Some((site, visitor)) = reach.visitor() {
        return Ok(Condition::all().add(SiteId.eq(site)).add(VisitorId.eq(visitor)));
    }
    reach.customer().map(|user| Condition::all().add(CustomerId.eq(user))).ok_or_else(Error::forbidden)
}

/// A page of them, newest activity first.
pub(crate) async fn list_own(
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
pub(crate) async fn count_own(db: &Db<'_>, reach: &Reach, assistant: Option<AssistantId>) -> Result<u64> {
    let mut query = conversation::Entity::find().filter(own(reach)?);
    if let Some(assistant) = assistant {
        query = query.filter(conversation::Column::AssistantId.eq(assistant));
    }
    Ok(query.count(db).await?)
}
