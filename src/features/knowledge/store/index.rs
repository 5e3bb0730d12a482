//! What searches are made from: passages, vectors, rebuilds, and how a site searches.

use std::collections::HashMap;

use ::entity::{
    article::{self, ArticleStatus, Column, Entity},
    chunk, embedding,
    ids::{ArticleId, ChunkId, SiteId},
    index_build, index_head, knowledge_settings,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, OnConflict},
};

use super::articles;
use crate::{
    features::knowledge::fusion,
    kernel::{Reach, Result},
    ports::db::Db,
};

/// Passages are inserted in statements of this many, below SQLite's limit of parameters.
const BATCH: usize = 200;

/// Published articles of all sites whose present version is not searchable.
pub(in crate::features::knowledge) async fn never_indexed(db: &Db<'_>) -> Result<Vec<article::Model>> {
    Ok(Entity::find().filter(Column::Status.eq(ArticleStatus::Published)).filter(behind()).all(db).await?)
}

fn behind() -> Condition {
    Condition::any()
        .add(Column::IndexedVersion.is_null())
        .add(Expr::col((Entity, Column::IndexedVersion)).ne(Expr::col((Entity, Column::Version))))
}

/// Chunks that another embedder made.
fn of_others(model: &str, dimension: Option<usize>) -> Select<chunk::Entity> {
    let dimension = dimension.and_then(|dimension| i32::try_from(dimension).ok());
    let other = Condition::any()
        .add(chunk::Column::Model.ne(model))
        .add_option(dimension.map(|dimension| chunk::Column::Dimension.ne(dimension)));
    chunk::Entity::find().filter(other)
}

/// Sites with passages of another embedder, or of vectors of another length.
pub(in crate::features::knowledge) async fn sites_of_others(
    db: &Db<'_>,
    model: &str,
    dimension: Option<usize>,
) -> Result<Vec<SiteId>> {
    let sites = of_others(model, dimension).select_only().column(chunk::Column::SiteId).distinct();
    Ok(sites.order_by_asc(chunk::Column::SiteId).into_tuple().all(db).await?)
}

/// How many published articles a site has.
pub(in crate::features::knowledge) async fn count_published(db: &Db<'_>, reach: &Reach, site: SiteId) -> Result<u64> {
    let of_site = articles(reach).filter(Column::SiteId.eq(site));
    Ok(of_site.filter(Column::Status.eq(ArticleStatus::Published)).count(db).await?)
}

/// How many published articles of a site are not searchable as they are, by the embedder.
pub(in crate::features::knowledge) async fn count_outdated(db: &Db<'_>, site: SiteId, model: &str) -> Result<u64> {
    let others = of_others(model, None).filter(chunk::Column::SiteId.eq(site));
    let others = others.select_only().column(chunk::Column::ArticleId).into_query();
    let of_site = Entity::find().filter(Column::SiteId.eq(site)).filter(Column::Status.eq(ArticleStatus::Published));
    Ok(of_site.filter(behind().add(Column::Id.in_subquery(others))).count(db).await?)
}

/// Published articles of a site of which the embedder does not take everything, the last changed first.
pub(in crate::features::knowledge) async fn with_problems(
    db: &Db<'_>,
    site: SiteId,
    limit: u64,
) -> Result<Vec<article::Model>> {
    let rows = Entity::find().filter(Column::SiteId.eq(site)).filter(Column::Status.eq(ArticleStatus::Published));
    let rows = rows.filter(Column::IndexProblem.is_not_null());
    Ok(rows.order_by_desc(Column::UpdatedAt).limit(limit).all(db).await?)
}

/// Published articles of a site after one, by id.
pub(in crate::features::knowledge) async fn published_after(
    db: &Db<'_>,
    site: SiteId,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<article::Model>> {
    let rows = Entity::find().filter(Column::SiteId.eq(site)).filter(Column::Status.eq(ArticleStatus::Published));
    let rows = rows.filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))));
    Ok(rows.order_by_asc(Column::Id).limit(limit).all(db).await?)
}

/// Searchable articles of all sites after one, by id.
pub(in crate::features::knowledge) async fn searchable_after(
    db: &Db<'_>,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<article::Model>> {
    let rows = Entity::find().filter(Column::IndexRevision.is_not_null());
    let rows = rows.filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))));
    Ok(rows.order_by_asc(Column::Id).limit(limit).all(db).await?)
}

/// What a site's index is made by.
pub(in crate::features::knowledge) async fn lookup_head(
    db: &Db<'_>,
    site: SiteId,
) -> Result<Option<index_head::Model>> {
    Ok(index_head::Entity::find_by_id(site).one(db).await?)
}

/// Makes the vectors of an embedder those that are compared in a site, once no passage of another is left. The site's
/// row of the index is locked.
pub(in crate::features::knowledge) async fn settle_model(db: &Db<'_>, site: SiteId, model: &str) -> Result<()> {
    let own = chunk::Entity::find().filter(chunk::Column::SiteId.eq(site)).filter(chunk::Column::Model.eq(model));
    let Some(dimension) = own.select_only().column(chunk::Column::Dimension).into_tuple::<i32>().one(db).await? else {
        return Ok(());
    };
    let head = lookup_head(db, site).await?;
    if head.is_some_and(|head| head.model.as_deref() == Some(model) && head.dimension == Some(dimension)) {
        return Ok(());
    }
    let length = usize::try_from(dimension).ok();
    let others = of_others(model, length).filter(chunk::Column::SiteId.eq(site));
    if others.select_only().column(chunk::Column::Id).into_tuple::<ChunkId>().one(db).await?.is_some() {
        return Ok(());
    }
    let settled = index_head::ActiveModel {
        model: Set(Some(model.to_owned())),
        dimension: Set(Some(dimension)),
        ..Default::default()
    };
    let of_site = index_head::Column::SiteId.eq(site);
    index_head::Entity::update_many().set(settled).filter(of_site).exec(db).await?;
    Ok(())
}

/// The present or the last rebuild of a site's index.
pub(in crate::features::knowledge) async fn lookup_build(
    db: &Db<'_>,
    site: SiteId,
) -> Result<Option<index_build::Model>> {
    Ok(index_build::Entity::find_by_id(site).one(db).await?)
}

/// Puts a rebuild in the place of the one before.
pub(in crate::features::knowledge) async fn save_build(db: &Db<'_>, row: &index_build::Model) -> Result<()> {
    index_build::Entity::delete_by_id(row.site_id).exec(db).await?;
    index_build::Entity::insert(row.clone().into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

fn this_build(site: SiteId, number: i64) -> Condition {
    use index_build::Column;
    Condition::all().add(Column::SiteId.eq(site)).add(Column::Number.eq(number)).add(Column::FinishedAt.is_null())
}

/// Notes that an article is done; twice the same one counts once.
pub(in crate::features::knowledge) async fn count_build(
    db: &Db<'_>,
    site: SiteId,
    number: i64,
    article: ArticleId,
    failed: bool,
) -> Result<()> {
    use index_build::Column;
    let is_next = Condition::any().add(Column::Cursor.is_null()).add(Column::Cursor.lt(article));
    index_build::Entity::update_many()
        .col_expr(Column::Done, Expr::col(Column::Done).add(i32::from(!failed)))
        .col_expr(Column::Failed, Expr::col(Column::Failed).add(i32::from(failed)))
        .col_expr(Column::Cursor, Expr::value(article))
        .filter(this_build(site, number))
        .filter(is_next)
        .exec(db)
        .await?;
    Ok(())
}

/// Notes that a rebuild is done; false when it was.
pub(in crate::features::knowledge) async fn finish_build(
    db: &Db<'_>,
    site: SiteId,
    number: i64,
    now: DateTime<Utc>,
) -> Result<bool> {
    let finished = index_build::ActiveModel { finished_at: Set(Some(now)), ..Default::default() };
    let done = index_build::Entity::update_many().set(finished).filter(this_build(site, number)).exec(db).await?;
    Ok(done.rows_affected == 1)
}

/// Vectors of texts that were embedded before, by hash.
pub(in crate::features::knowledge) async fn embeddings(
    db: &Db<'_>,
    hashes: Vec<String>,
) -> Result<HashMap<String, embedding::Model>> {
    let mut found = HashMap::new();
    for batch in hashes.chunks(BATCH) {
        let rows =
            embedding::Entity::find().filter(embedding::Column::Hash.is_in(batch.iter().cloned())).all(db).await?;
        found.extend(rows.into_iter().map(|row| (row.hash.clone(), row)));
    }
    Ok(found)
}

/// Keeps vectors of texts. Others may keep the same at the same moment.
pub(in crate::features::knowledge) async fn keep_embeddings(db: &Db<'_>, rows: &[embedding::Model]) -> Result<()> {
    let mut rows = rows.to_vec();
    // One order for all, so that two cannot wait for each other; a passage may stand in an article twice.
    rows.sort_by(|a, b| a.hash.cmp(&b.hash));
    rows.dedup_by(|a, b| a.hash == b.hash);
    for batch in rows.chunks(BATCH) {
        let rows = batch.iter().cloned().map(IntoActiveModel::into_active_model);
        let again = OnConflict::column(embedding::Column::Hash).update_column(embedding::Column::UsedAt).to_owned();
        embedding::Entity::insert_many(rows).on_conflict(again).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Forgets vectors of texts that were not of use since.
pub(in crate::features::knowledge) async fn forget_embeddings(db: &Db<'_>, before: DateTime<Utc>) -> Result<()> {
    embedding::Entity::delete_many().filter(embedding::Column::UsedAt.lt(before)).exec(db).await?;
    Ok(())
}

/// How a site finds and uses its knowledge.
pub(in crate::features::knowledge) async fn settings(db: &Db<'_>, site: SiteId) -> Result<knowledge_settings::Model> {
    let row = knowledge_settings::Entity::find_by_id(site).one(db).await?;
    Ok(row.unwrap_or_else(|| fusion::defaults(site)))
}

/// Writes a site's settings in the place of those before.
pub(in crate::features::knowledge) async fn save_settings(db: &Db<'_>, row: &knowledge_settings::Model) -> Result<()> {
    use knowledge_settings::Column;
    let replace = OnConflict::column(Column::SiteId)
        .update_columns([
            Column::Fusion,
            Column::TextWeight,
            Column::VectorWeight,
            Column::MinScore,
            Column::ContextCharacters,
            Column::Version,
        ])
        .to_owned();
    let row = row.clone().into_active_model();
    knowledge_settings::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// The next revision of the site's searchable knowledge. Its row stays locked until commit, so that revisions become
/// visible in their order.
pub(in crate::features::knowledge) async fn next_revision(db: &Db<'_>, site: SiteId) -> Result<i64> {
    let revision = Expr::col((index_head::Entity, index_head::Column::Revision)).add(1);
    let raise = OnConflict::column(index_head::Column::SiteId).value(index_head::Column::Revision, revision).to_owned();
    let first = index_head::ActiveModel { site_id: Set(site), revision: Set(1), ..Default::default() };
    Ok(index_head::Entity::insert(first).on_conflict(raise).exec_with_returning(db).await?.revision)
}

/// Passages by id, those that are still there.
pub(in crate::features::knowledge) async fn chunks(
    db: &Db<'_>,
    site: SiteId,
    ids: impl Iterator<Item = ChunkId>,
) -> Result<HashMap<ChunkId, chunk::Model>> {
    let rows = chunk::Entity::find()
        .filter(chunk::Column::SiteId.eq(site))
        .filter(chunk::Column::Id.is_in(ids))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// All passages of an article, in order.
pub(in crate::features::knowledge) async fn chunks_of(db: &Db<'_>, article: ArticleId) -> Result<Vec<chunk::Model>> {
    let of_article = chunk::Entity::find().filter(chunk::Column::ArticleId.eq(article));
    Ok(of_article.order_by_asc(chunk::Column::Ordinal).all(db).await?)
}

/// The name of the embedder that made an article's vectors.
pub(in crate::features::knowledge) async fn model_of(db: &Db<'_>, article: ArticleId) -> Result<Option<String>> {
    let of_article =
        chunk::Entity::find().select_only().column(chunk::Column::Model).filter(chunk::Column::ArticleId.eq(article));
    Ok(of_article.limit(1).into_tuple().one(db).await?)
}

pub(in crate::features::knowledge) async fn insert_chunks(db: &Db<'_>, rows: Vec<chunk::Model>) -> Result<()> {
    for batch in rows.chunks(BATCH) {
        let rows = batch.iter().cloned().map(IntoActiveModel::into_active_model);
        chunk::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

pub(in crate::features::knowledge) async fn delete_chunks(db: &Db<'_>, article: ArticleId) -> Result<()> {
    chunk::Entity::delete_many().filter(chunk::Column::ArticleId.eq(article)).exec(db).await?;
    Ok(())
}

/// A site's articles of which something is searchable.
pub(in crate::features::knowledge) async fn searchable(db: &Db<'_>, site: SiteId) -> Result<Vec<article::Model>> {
    let of_site = Entity::find().filter(Column::SiteId.eq(site)).filter(Column::IndexRevision.is_not_null());
    Ok(of_site.all(db).await?)
}

/// How many passages there are.
pub(in crate::features::knowledge) async fn count_chunks(db: &Db<'_>) -> Result<usize> {
    usize::try_from(chunk::Entity::find().count(db).await?).map_err(crate::kernel::Error::internal)
}
