//! Queries on articles, what belongs to them, their passages, and imports.

mod details;
mod imports;
mod index;

use std::collections::HashMap;

use ::entity::{
    article::{self, ArticleStatus, Column, Entity, Visibility},
    article_tag,
    ids::{ArticleId, SiteId, UserId},
};
use exact_index::text::fold;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, OnConflict},
};

pub(super) use self::{details::*, imports::*, index::*};
use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, containing, for_update},
};

/// Which articles a member of the site looks for.
#[derive(Clone, Debug, Default)]
pub(in crate::features::knowledge) struct Wanted {
    pub(in crate::features::knowledge) status: Option<ArticleStatus>,
    pub(in crate::features::knowledge) visibility: Option<Visibility>,
    pub(in crate::features::knowledge) author: Option<UserId>,
    pub(in crate::features::knowledge) kind: Kind,
    /// Part of the title.
    pub(in crate::features::knowledge) text: Option<String>,
}

/// What readers choose articles by.
#[derive(Clone, Debug, Default)]
pub(in crate::features::knowledge) struct Kind {
    pub(in crate::features::knowledge) language: Option<String>,
    /// However it is typed.
    pub(in crate::features::knowledge) category: Option<String>,
    /// However it is typed.
    pub(in crate::features::knowledge) tag: Option<String>,
}

impl Kind {
    pub(in crate::features::knowledge) fn is_any(&self) -> bool {
        self.language.is_none() && self.category.is_none() && self.tag.is_none()
    }

    fn condition(&self) -> Condition {
        let tagged = |tag: &String| {
            let of_tag = article_tag::Entity::find().select_only().column(article_tag::Column::ArticleId);
            Column::Id.in_subquery(of_tag.filter(article_tag::Column::TagFolded.eq(fold(tag.trim()))).into_query())
        };
        Condition::all()
            .add_option(self.language.as_ref().map(|language| Column::Language.eq(language.as_str())))
            .add_option(self.category.as_ref().map(|category| Column::CategoryFolded.eq(fold(category.trim()))))
            .add_option(self.tag.as_ref().map(tagged))
    }
}

fn articles(reach: &Reach) -> Select<Entity> {
    Entity::find().filter(reach.space_rows(Column::SiteId))
}

/// How many articles a site or private space has.
pub(in crate::features::knowledge) async fn count_all(db: &Db<'_>, site: SiteId) -> Result<u64> {
    Ok(Entity::find().filter(Column::SiteId.eq(site)).count(db).await?)
}

pub(in crate::features::knowledge) async fn find(db: &Db<'_>, reach: &Reach, id: ArticleId) -> Result<article::Model> {
    lookup(db, reach, id).await?.ok_or_else(|| Error::not_found("article"))
}

pub(in crate::features::knowledge) async fn lookup(
    db: &Db<'_>,
    reach: &Reach,
    id: ArticleId,
) -> Result<Option<article::Model>> {
    Ok(articles(reach).filter(Column::Id.eq(id)).one(db).await?)
}

pub(in crate::features::knowledge) async fn find_for_update(
    db: &Db<'_>,
    reach: &Reach,
    id: ArticleId,
) -> Result<article::Model> {
    lookup_for_update(db, reach, id).await?.ok_or_else(|| Error::not_found("article"))
}

pub(in crate::features::knowledge) async fn lookup_for_update(
    db: &Db<'_>,
    reach: &Reach,
    id: ArticleId,
) -> Result<Option<article::Model>> {
    Ok(for_update(articles(reach).filter(Column::Id.eq(id))).one(db).await?)
}

/// Articles by id, whatever their state.
pub(in crate::features::knowledge) async fn by_ids(
    db: &Db<'_>,
    reach: &Reach,
    ids: Vec<ArticleId>,
) -> Result<HashMap<ArticleId, article::Model>> {
    let rows = articles(reach).filter(Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

fn wanted(reach: &Reach, site: SiteId, wanted: &Wanted) -> Select<Entity> {
    let text = wanted.text.as_deref().map(fold).filter(|text| !text.trim().is_empty());
    let holds = |text: String| Expr::col(Column::TitleFolded).like(containing(text.trim()));
    let all = Condition::all()
        .add(Column::SiteId.eq(site))
        .add_option(wanted.status.map(|status| Column::Status.eq(status)))
        .add(wanted.kind.condition())
        .add_option(wanted.author.map(|author| Column::AuthorId.eq(author)))
        .add_option(wanted.visibility.map(|visibility| Column::Visibility.eq(visibility)))
        .add_option(text.map(holds));
    articles(reach).filter(all)
}

pub(in crate::features::knowledge) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    filter: &Wanted,
    paging: &Paging,
) -> Result<Page<article::Model>> {
    paging.read(db, wanted(reach, site, filter), (Column::CreatedAt, Column::Id), true, instant).await
}

pub(in crate::features::knowledge) async fn count(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    filter: &Wanted,
) -> Result<u64> {
    Ok(wanted(reach, site, filter).count(db).await?)
}

/// What anybody may read.
fn public() -> Select<Entity> {
    Entity::find()
        .filter(Column::Status.eq(ArticleStatus::Published))
        .filter(Column::Visibility.eq(Visibility::Public))
        .filter(Column::PublishedAt.is_not_null())
}

/// What anybody may read of a site.
fn public_of(site: SiteId, kind: &Kind) -> Select<Entity> {
    public().filter(Column::SiteId.eq(site)).filter(kind.condition())
}

pub(in crate::features::knowledge) async fn list_public(
    db: &Db<'_>,
    site: SiteId,
    kind: &Kind,
    paging: &Paging,
) -> Result<Page<article::Model>> {
    paging.read(db, public_of(site, kind), (Column::PublishedAt, Column::Id), true, instant).await
}

pub(in crate::features::knowledge) async fn count_public(db: &Db<'_>, site: SiteId, kind: &Kind) -> Result<u64> {
    Ok(public_of(site, kind).count(db).await?)
}

/// An article that anybody may read, locked; to visitors those of their site are there.
pub(in crate::features::knowledge) async fn find_public_for_update(
    db: &Db<'_>,
    reach: &Reach,
    id: ArticleId,
) -> Result<article::Model> {
    let site = reach.visitor().map(|(site, _)| Column::SiteId.eq(site));
    let row = for_update(public().filter(Column::Id.eq(id)).filter(Condition::all().add_option(site)));
    row.one(db).await?.ok_or_else(|| Error::not_found("article"))
}

pub(in crate::features::knowledge) async fn find_public(
    db: &Db<'_>,
    site: SiteId,
    slug: &str,
) -> Result<article::Model> {
    let row = public_of(site, &Kind::default()).filter(Column::Slug.eq(slug)).one(db).await?;
    row.ok_or_else(|| Error::not_found("article"))
}

/// Published articles by id, whether visitors may read them or members only.
pub(in crate::features::knowledge) async fn published(
    db: &Db<'_>,
    site: SiteId,
    ids: &[ArticleId],
    public_only: bool,
    kind: &Kind,
) -> Result<HashMap<ArticleId, article::Model>> {
    let rows = Entity::find()
        .filter(Column::SiteId.eq(site))
        .filter(kind.condition())
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::Status.eq(ArticleStatus::Published))
        .filter(Condition::all().add_option(public_only.then(|| Column::Visibility.eq(Visibility::Public))))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Inserts an article; false when its slug is taken. Waits for another transaction that is about to take it.
pub(in crate::features::knowledge) async fn insert(db: &Db<'_>, row: &article::Model) -> Result<bool> {
    let inserted = Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::columns([Column::SiteId, Column::Slug]).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}

/// The site's slugs that begin like one.
pub(in crate::features::knowledge) async fn slugs_like(db: &Db<'_>, site: SiteId, base: &str) -> Result<Vec<String>> {
    let of_site = Entity::find().select_only().column(Column::Slug).filter(Column::SiteId.eq(site));
    Ok(of_site.filter(Column::Slug.starts_with(base)).into_tuple().all(db).await?)
}

/// Writes everything of an article that can change.
pub(in crate::features::knowledge) async fn save(db: &Db<'_>, row: &article::Model) -> Result<()> {
    let values = article::ActiveModel {
        title: Set(row.title.clone()),
        title_folded: Set(row.title_folded.clone()),
        slug: Set(row.slug.clone()),
        body: Set(row.body.clone()),
        language: Set(row.language.clone()),
        description: Set(row.description.clone()),
        category: Set(row.category.clone()),
        category_folded: Set(row.category_folded.clone()),
        status: Set(row.status),
        visibility: Set(row.visibility),
        version: Set(row.version),
        indexed_version: Set(row.indexed_version),
        index_revision: Set(row.index_revision),
        index_problem: Set(row.index_problem.clone()),
        updated_at: Set(row.updated_at),
        published_at: Set(row.published_at),
        ..Default::default()
    };
    Entity::update_many().set(values).filter(Column::Id.eq(row.id)).exec(db).await?;
    Ok(())
}

pub(in crate::features::knowledge) async fn delete(db: &Db<'_>, id: ArticleId) -> Result<()> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}
