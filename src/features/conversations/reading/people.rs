//! Who has which conversations, and who is in them.

use std::collections::HashMap;

use ::entity::{
    conversation, department,
    ids::{ConversationId, DepartmentId, SiteId, UserId},
    message::AuthorKind,
    participant, user, visitor,
};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{kernel::Result, ports::db::Db};

/// Conversations of a site with the assistant, by id, in which the visitor was told that nobody is there and has not been
/// answered since a moment.
pub(crate) async fn left_open(
    db: &Db<'_>,
    site: SiteId,
    since: DateTime<Utc>,
    after: Option<ConversationId>,
    limit: u64,
) -> Result<Vec<ConversationId>> {
    use conversation::{Attention, Column, QueueOutcome};
    let which = Condition::all()
        .add(Column::Attention.eq(Attention::Assistant))
        .add(Column::LastActivity.gte(since.timestamp_micros()))
        .add(Column::QueueOutcome.eq(QueueOutcome::SiteClosed))
        .add(Column::LastMessageAuthor.eq(AuthorKind::Visitor));
    next_of(db, site, which, after, limit).await
}

/// The next conversations of a site that fit, by id.
async fn next_of(
    db: &Db<'_>,
    site: SiteId,
    which: Condition,
    after: Option<ConversationId>,
    limit: u64,
) -> Result<Vec<ConversationId>> {
    use conversation::Column;
    let rows = conversation::Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(which)
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))))
        .order_by_asc(Column::Id)
        .limit(limit)
        .select_only()
        .column(Column::Id);
    Ok(rows.into_tuple().all(db).await?)
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
    let which = Condition::all()
        .add(Column::LastMessageId.is_not_null())
        .add(Column::Attention.eq(Attention::Person).or(recent));
    next_of(db, site, which, after, limit).await
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

/// The names of departments.
pub(crate) async fn department_names(db: &Db<'_>, ids: Vec<DepartmentId>) -> Result<HashMap<DepartmentId, String>> {
    let rows = department::Entity::find().filter(department::Column::Id.is_in(ids)).select_only();
    let rows = rows.columns([department::Column::Id, department::Column::Name]);
    Ok(rows.into_tuple().all(db).await?.into_iter().collect())
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

/// Participants by conversation.
pub(crate) async fn participants(
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
