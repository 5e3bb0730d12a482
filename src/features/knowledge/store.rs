//! Queries on articles, their versions and passages.

use std::collections::HashMap;

use ::entity::{
    article::{self, ArticleStatus, Column, Entity, Visibility},
    article_version, chunk,
    ids::{ArticleId, ChunkId, SiteId},
    index_head,
};
use exact_index::text::fold;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, LikeExpr, OnConflict},
};

use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

/// Passages are inserted in statements of this many, below SQLite's limit of parameters.
const BATCH: usize = 200;

/// Which articles a member of the site looks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) status: Option<ArticleStatus>,
    pub(super) language: Option<String>,
    pub(super) visibility: Option<Visibility>,
    /// Part of the title.
    pub(super) text: Option<String>,
}

fn articles(reach: &Reach) -> Select<Entity> {
    Entity::find().filter(reach.site_rows(Column::SiteId))
}

pub(super) async fn find(db: &Db<'_>, reach: &Reach, id: ArticleId) -> Result<article::Model> {
    lookup(db, reach, id).await?.ok_or_else(|| Error::not_found("article"))
}

pub(super) async fn lookup(db: &Db<'_>, reach: &Reach, id: ArticleId) -> Result<Option<article::Model>> {
    Ok(articles(reach).filter(Column::Id.eq(id)).one(db).await?)
}

pub(super) async fn find_for_update(db: &Db<'_>, reach: &Reach, id: ArticleId) -> Result<article::Model> {
    lookup_for_update(db, reach, id).await?.ok_or_else(|| Error::not_found("article"))
}

pub(super) async fn lookup_for_update(db: &Db<'_>, reach: &Reach, id: ArticleId) -> Result<Option<article::Model>> {
    Ok(for_update(articles(reach).filter(Column::Id.eq(id))).one(db).await?)
}

fn wanted(reach: &Reach, site: SiteId, wanted: &Wanted) -> Select<Entity> {
    let text = wanted.text.as_deref().map(fold).filter(|text| !text.trim().is_empty());
    let holds = |text: String| {
        let text = text.trim().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        Expr::col(Column::TitleFolded).like(LikeExpr::new(format!("%{text}%")).escape('\\'))
    };
    let all = Condition::all()
        .add(Column::SiteId.eq(site))
        .add_option(wanted.status.map(|status| Column::Status.eq(status)))
        .add_option(wanted.language.as_ref().map(|language| Column::Language.eq(language.as_str())))
        .add_option(wanted.visibility.map(|visibility| Column::Visibility.eq(visibility)))
        .add_option(text.map(holds));
    articles(reach).filter(all)
}

pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    filter: &Wanted,
    paging: &Paging,
) -> Result<Page<article::Model>> {
    paging.read(db, wanted(reach, site, filter), (Column::CreatedAt, Column::Id), true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach, site: SiteId, filter: &Wanted) -> Result<u64> {
    Ok(wanted(reach, site, filter).count(db).await?)
}

/// What anybody may read of a site.
fn public(site: SiteId, language: Option<&str>) -> Select<Entity> {
    Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::Status.eq(ArticleStatus::Published))
        .filter(Column::Visibility.eq(Visibility::Public))
        .filter(Column::PublishedAt.is_not_null())
        .filter(Condition::all().add_option(language.map(|language| Column::Language.eq(language))))
}

pub(super) async fn list_public(
    db: &Db<'_>,
    site: SiteId,
    language: Option<&str>,
    paging: &Paging,
) -> Result<Page<article::Model>> {
    paging.read(db, public(site, language), (Column::PublishedAt, Column::Id), true, instant).await
}

pub(super) async fn count_public(db: &Db<'_>, site: SiteId, language: Option<&str>) -> Result<u64> {
    Ok(public(site, language).count(db).await?)
}

pub(super) async fn find_public(db: &Db<'_>, site: SiteId, slug: &str) -> Result<article::Model> {
    let row = public(site, None).filter(Column::Slug.eq(slug)).one(db).await?;
    row.ok_or_else(|| Error::not_found("article"))
}

/// Published articles by id, whether visitors may read them or members only.
pub(super) async fn published(
    db: &Db<'_>,
    site: SiteId,
    ids: &[ArticleId],
    public_only: bool,
) -> Result<HashMap<ArticleId, article::Model>> {
    let rows = Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::Status.eq(ArticleStatus::Published))
        .filter(Condition::all().add_option(public_only.then(|| Column::Visibility.eq(Visibility::Public))))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Published articles of all sites that are not searchable as they are: never indexed, or by another embedder.
pub(super) async fn outdated(db: &Db<'_>, model: &str) -> Result<Vec<(ArticleId, SiteId)>> {
    let current =
        chunk::Entity::find().select_only().column(chunk::Column::ArticleId).filter(chunk::Column::Model.eq(model));
    let behind = Condition::any()
        .add(Column::IndexedVersion.is_null())
        .add(Expr::col(Column::IndexedVersion).ne(Expr::col(Column::Version)))
        .add(Column::Id.not_in_subquery(sea_orm::QueryTrait::into_query(current)));
    let rows = Entity::find().filter(Column::Status.eq(ArticleStatus::Published)).filter(behind);
    Ok(rows.select_only().columns([Column::Id, Column::SiteId]).into_tuple().all(db).await?)
}

/// Published articles of all sites.
pub(super) async fn all_published(db: &Db<'_>) -> Result<Vec<(ArticleId, SiteId)>> {
    let rows = Entity::find().filter(Column::Status.eq(ArticleStatus::Published));
    Ok(rows.select_only().columns([Column::Id, Column::SiteId]).into_tuple().all(db).await?)
}

/// Inserts an article; false when its slug is taken. Waits for another transaction that is about to take it.
pub(super) async fn insert(db: &Db<'_>, row: &article::Model) -> Result<bool> {
    let inserted = Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::columns([Column::SiteId, Column::Slug]).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}

/// The site's slugs that begin like one.
pub(super) async fn slugs_like(db: &Db<'_>, site: SiteId, base: &str) -> Result<Vec<String>> {
    let of_site = Entity::find().select_only().column(Column::Slug).filter(Column::SiteId.eq(site));
    Ok(of_site.filter(Column::Slug.starts_with(base)).into_tuple().all(db).await?)
}

/// Writes everything of an article that can change.
pub(super) async fn save(db: &Db<'_>, row: &article::Model) -> Result<()> {
    let values = article::ActiveModel {
        title: Set(row.title.clone()),
        title_folded: Set(row.title_folded.clone()),
        slug: Set(row.slug.clone()),
        body: Set(row.body.clone()),
        language: Set(row.language.clone()),
        status: Set(row.status),
        visibility: Set(row.visibility),
        version: Set(row.version),
        indexed_version: Set(row.indexed_version),
        index_revision: Set(row.index_revision),
        updated_at: Set(row.updated_at),
        published_at: Set(row.published_at),
        ..Default::default()
    };
    Entity::update_many().set(values).filter(Column::Id.eq(row.id)).exec(db).await?;
    Ok(())
}

pub(super) async fn delete(db: &Db<'_>, id: ArticleId) -> Result<()> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// Keeps what the article says in its version.
pub(super) async fn insert_version(db: &Db<'_>, row: &article::Model) -> Result<()> {
    let version = article_version::Model {
        article_id: row.id,
        version: row.version,
        site_id: row.site_id,
        title: row.title.clone(),
        body: row.body.clone(),
        created_at: row.updated_at,
    };
    article_version::Entity::insert(version.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The article's versions, newest first, at most `limit`.
pub(super) async fn versions(db: &Db<'_>, id: ArticleId, limit: u64) -> Result<Vec<article_version::Model>> {
    let of_article = article_version::Entity::find().filter(article_version::Column::ArticleId.eq(id));
    Ok(of_article.order_by_desc(article_version::Column::Version).limit(limit).all(db).await?)
}

/// The titles that articles have in certain versions.
pub(super) async fn titles(
    db: &Db<'_>,
    versions: impl Iterator<Item = (ArticleId, i32)>,
) -> Result<HashMap<(ArticleId, i32), String>> {
    let any = versions.fold(Condition::any(), |any, (article, version)| {
        let of_article = article_version::Column::ArticleId.eq(article);
        any.add(Condition::all().add(of_article).add(article_version::Column::Version.eq(version)))
    });
    if any.is_empty() {
        return Ok(HashMap::new());
    }
    let columns =
        [article_version::Column::ArticleId, article_version::Column::Version, article_version::Column::Title];
    let rows: Vec<(ArticleId, i32, String)> =
        article_version::Entity::find().select_only().columns(columns).filter(any).into_tuple().all(db).await?;
    Ok(rows.into_iter().map(|(article, version, title)| ((article, version), title)).collect())
}

/// What a version of an article says.
pub(super) async fn lookup_body(db: &Db<'_>, article: ArticleId, version: i32) -> Result<Option<String>> {
    let row = article_version::Entity::find_by_id((article, version));
    Ok(row.select_only().column(article_version::Column::Body).into_tuple().one(db).await?)
}

/// The next revision of the site's searchable knowledge. Its row stays locked until commit, so that revisions become
/// visible in their order.
pub(super) async fn next_revision(db: &Db<'_>, site: SiteId) -> Result<i64> {
    let revision = Expr::col((index_head::Entity, index_head::Column::Revision)).add(1);
    let raise = OnConflict::column(index_head::Column::SiteId).value(index_head::Column::Revision, revision).to_owned();
    let first = index_head::ActiveModel { site_id: Set(site), revision: Set(1) };
    Ok(index_head::Entity::insert(first).on_conflict(raise).exec_with_returning(db).await?.revision)
}

/// Passages by id, those that are still there.
pub(super) async fn chunks(
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
pub(super) async fn chunks_of(db: &Db<'_>, article: ArticleId) -> Result<Vec<chunk::Model>> {
    let of_article = chunk::Entity::find().filter(chunk::Column::ArticleId.eq(article));
    Ok(of_article.order_by_asc(chunk::Column::Ordinal).all(db).await?)
}

/// The name of the embedder that made an article's vectors.
pub(super) async fn model_of(db: &Db<'_>, article: ArticleId) -> Result<Option<String>> {
    let of_article =
        chunk::Entity::find().select_only().column(chunk::Column::Model).filter(chunk::Column::ArticleId.eq(article));
    Ok(of_article.limit(1).into_tuple().one(db).await?)
}

pub(super) async fn insert_chunks(db: &Db<'_>, rows: Vec<chunk::Model>) -> Result<()> {
    for batch in rows.chunks(BATCH) {
        let rows = batch.iter().cloned().map(IntoActiveModel::into_active_model);
        chunk::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

pub(super) async fn delete_chunks(db: &Db<'_>, article: ArticleId) -> Result<()> {
    chunk::Entity::delete_many().filter(chunk::Column::ArticleId.eq(article)).exec(db).await?;
    Ok(())
}
