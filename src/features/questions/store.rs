//! Queries on unanswered questions.

use std::collections::HashMap;

use ::entity::{
    ids::{ArticleId, ConversationId, QuestionExampleId, QuestionGroupId, SiteId},
    question_example::{self, Cause, Column as Example},
    question_group::{self, Column as Group, QuestionStatus},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{Alias, Expr, OnConflict, Query},
};

use super::model::COMPARED;
use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

/// Which groups to list.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) status: Option<QuestionStatus>,
    pub(super) language: Option<String>,
}

/// Groups of which words are left.
fn shown(reach: &Reach) -> Select<question_group::Entity> {
    let has_words = Query::select()
        .expr(Expr::val(1))
        .from(question_example::Entity)
        .and_where(
            Expr::col((question_example::Entity, Example::GroupId)).eq(Expr::col((question_group::Entity, Group::Id))),
        )
        .to_owned();
    question_group::Entity::find().filter(reach.site_rows(Group::SiteId)).filter(Expr::exists(has_words))
}

fn wanted(reach: &Reach, site: SiteId, wanted: &Wanted) -> Select<question_group::Entity> {
    let all = Condition::all()
        .add(Group::SiteId.eq(site))
        .add_option(wanted.status.map(|status| Group::Status.eq(status)))
        .add_option(wanted.language.as_ref().map(|language| Group::Language.eq(language.as_str())));
    shown(reach).filter(all)
}

pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    filter: &Wanted,
    paging: &Paging,
) -> Result<Page<question_group::Model>> {
    paging.read(db, wanted(reach, site, filter), (Group::LastAskedAt, Group::Id), true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, site: SiteId, filter: &Wanted) -> Result<u64> {
    Ok(wanted(reach, site, filter).count(db).await?)
}

pub(super) async fn find(db: &Db<'_>, reach: &Reach, id: QuestionGroupId) -> Result<question_group::Model> {
    let row = shown(reach).filter(Group::Id.eq(id)).one(db).await?;
    row.ok_or_else(|| Error::not_found("group of questions"))
}

/// Groups by id, locked in the order of their ids.
pub(super) async fn find_all_for_update(
    db: &Db<'_>,
    reach: &Reach,
    ids: &[QuestionGroupId],
) -> Result<Vec<question_group::Model>> {
    let rows = shown(reach).filter(Group::Id.is_in(ids.iter().copied())).order_by_asc(Group::Id);
    Ok(for_update(rows).all(db).await?)
}

/// The groups from which an article was made, locked.
pub(super) async fn of_article_for_update(
    db: &Db<'_>,
    site: SiteId,
    article: ArticleId,
) -> Result<Vec<question_group::Model>> {
    let rows = question_group::Entity::find().filter(Group::SiteId.eq(site)).filter(Group::ArticleId.eq(article));
    Ok(for_update(rows.order_by_asc(Group::Id)).all(db).await?)
}

pub(super) async fn lookup_for_update(db: &Db<'_>, id: QuestionGroupId) -> Result<Option<question_group::Model>> {
    Ok(for_update(question_group::Entity::find_by_id(id)).one(db).await?)
}

pub(super) async fn insert_group(db: &Db<'_>, row: question_group::Model) -> Result<()> {
    question_group::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

pub(super) async fn save_group(db: &Db<'_>, row: question_group::Model) -> Result<()> {
    question_group::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

/// Takes a question in; false when it is known already.
pub(super) async fn insert_example(db: &Db<'_>, row: question_example::Model) -> Result<bool> {
    let inserted = question_example::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns([Example::ConversationId, Example::QuestionSeq]).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}

pub(super) async fn lookup_example(db: &Db<'_>, id: QuestionExampleId) -> Result<Option<question_example::Model>> {
    Ok(question_example::Entity::find_by_id(id).one(db).await?)
}

/// Keeps what a question means; false when it has gone.
pub(super) async fn set_vector(db: &Db<'_>, id: QuestionExampleId, model: &str, vector: Vec<u8>) -> Result<bool> {
    let done = question_example::Entity::update_many()
        .col_expr(Example::Model, Expr::value(Some(model)))
        .col_expr(Example::Vector, Expr::value(Some(vector)))
        .filter(Example::Id.eq(id))
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Puts a question into its group.
pub(super) async fn set_group(db: &Db<'_>, id: QuestionExampleId, group: QuestionGroupId) -> Result<()> {
    question_example::Entity::update_many()
        .col_expr(Example::GroupId, Expr::value(Some(group.0)))
        .filter(Example::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets the words of a question whose message is gone.
pub(super) async fn forget(db: &Db<'_>, conversation: ConversationId, seq: i64) -> Result<()> {
    question_example::Entity::delete_many()
        .filter(Example::ConversationId.eq(conversation))
        .filter(Example::QuestionSeq.eq(seq))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes back that an answer was no help; the group it was in, if it was.
pub(super) async fn withdraw(db: &Db<'_>, conversation: ConversationId, seq: i64) -> Result<Option<QuestionGroupId>> {
    let rows = question_example::Entity::delete_many()
        .filter(Example::ConversationId.eq(conversation))
        .filter(Example::QuestionSeq.eq(seq))
        .filter(Example::Cause.eq(Cause::Unhelpful))
        .exec_with_returning(db)
        .await?;
    Ok(rows.into_iter().find_map(|row| row.group_id))
}

/// What the groups that were asked last mean: the vector of the first question of each, by one embedder.
pub(super) async fn meanings(db: &Db<'_>, site: SiteId, model: &str) -> Result<Vec<(QuestionGroupId, Vec<f32>)>> {
    let recent = question_group::Entity::find()
        .select_only()
        .column(Group::Id)
        .filter(Group::SiteId.eq(site))
        .order_by_desc(Group::LastAskedAt)
        .limit(COMPARED);
    let ids: Vec<QuestionGroupId> = recent.into_tuple().all(db).await?;
    let earlier = Alias::new("earlier");
    let has_earlier = Query::select()
        .expr(Expr::val(1))
        .from_as(question_example::Entity, earlier.clone())
        .and_where(
            Expr::col((earlier.clone(), Example::GroupId)).eq(Expr::col((question_example::Entity, Example::GroupId))),
        )
        .and_where(Expr::col((earlier, Example::Id)).lt(Expr::col((question_example::Entity, Example::Id))))
        .to_owned();
    let first = question_example::Entity::find()
        .select_only()
        .columns([Example::GroupId, Example::Vector])
        .filter(Example::GroupId.is_in(ids))
        .filter(Example::Model.eq(model))
        .filter(Expr::exists(has_earlier).not());
    let rows: Vec<(QuestionGroupId, Vec<u8>)> = first.into_tuple().all(db).await?;
    Ok(rows.into_iter().map(|(id, bytes)| (id, unpack(&bytes))).collect())
}

/// The numbers in the bytes of a vector.
pub(super) fn unpack(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A question of a group as it is shown: its group and its place there, where it was asked, its words.
#[derive(Clone, Debug, sea_orm::FromQueryResult)]
pub(super) struct Words {
    pub(super) id: QuestionExampleId,
    pub(super) group_id: QuestionGroupId,
    pub(super) conversation_id: ConversationId,
    pub(super) question_seq: i64,
    pub(super) text: String,
    pub(super) asked_at: chrono::DateTime<chrono::Utc>,
}

/// The questions of groups, the first of each first.
pub(super) async fn words(db: &Db<'_>, groups: &[QuestionGroupId]) -> Result<HashMap<QuestionGroupId, Vec<Words>>> {
    let rows = question_example::Entity::find()
        .select_only()
        .columns([
            Example::Id,
            Example::GroupId,
            Example::ConversationId,
            Example::QuestionSeq,
            Example::Text,
            Example::AskedAt,
        ])
        .filter(Example::GroupId.is_in(groups.iter().copied()))
        .order_by_asc(Example::Id)
        .into_model::<Words>()
        .all(db)
        .await?;
    let mut found: HashMap<_, Vec<Words>> = HashMap::new();
    for row in rows {
        found.entry(row.group_id).or_default().push(row);
    }
    Ok(found)
}

pub(super) async fn delete_example(db: &Db<'_>, id: QuestionExampleId) -> Result<()> {
    question_example::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}
