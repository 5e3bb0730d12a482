//! What belongs to an article: versions, tags, ratings, views.

use std::collections::HashMap;

use ::entity::{
    article::{self, Column, Entity},
    article_rating, article_tag, article_version,
    ids::ArticleId,
};
use chrono::{DateTime, Utc};
use exact_index::text::fold;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    kernel::{Error, Result},
    ports::db::Db,
};

/// Keeps what the article says in its version.
pub(in crate::features::knowledge) async fn insert_version(db: &Db<'_>, row: &article::Model) -> Result<()> {
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

/// Of each article the versions from one on, newest first.
pub(in crate::features::knowledge) async fn versions(
    db: &Db<'_>,
    from: impl Iterator<Item = (ArticleId, i32)>,
) -> Result<HashMap<ArticleId, Vec<article_version::Model>>> {
    let any = from.fold(Condition::any(), |any, (article, version)| {
        let of_article = article_version::Column::ArticleId.eq(article);
        any.add(Condition::all().add(of_article).add(article_version::Column::Version.gte(version)))
    });
    let rows = article_version::Entity::find().filter(any).order_by_desc(article_version::Column::Version);
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows.all(db).await? {
        found.entry(row.article_id).or_default().push(row);
    }
    Ok(found)
}

/// What an article said in one of its versions.
pub(in crate::features::knowledge) async fn find_version(
    db: &Db<'_>,
    id: ArticleId,
    version: i32,
) -> Result<article_version::Model> {
    let row = article_version::Entity::find_by_id((id, version)).one(db).await?;
    row.ok_or_else(|| Error::not_found("version of the article"))
}

/// Tags by article, sorted.
pub(in crate::features::knowledge) async fn tags(
    db: &Db<'_>,
    ids: Vec<ArticleId>,
) -> Result<HashMap<ArticleId, Vec<String>>> {
    let rows = article_tag::Entity::find().filter(article_tag::Column::ArticleId.is_in(ids));
    let mut found: HashMap<_, Vec<String>> = HashMap::new();
    for row in rows.order_by_asc(article_tag::Column::TagFolded).all(db).await? {
        found.entry(row.article_id).or_default().push(row.tag);
    }
    Ok(found)
}

/// Replaces an article's tags.
pub(in crate::features::knowledge) async fn set_tags(
    db: &Db<'_>,
    article: &article::Model,
    tags: &[String],
) -> Result<()> {
    let of_article = article_tag::Column::ArticleId.eq(article.id);
    article_tag::Entity::delete_many().filter(of_article).exec(db).await?;
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.iter().map(|tag| article_tag::ActiveModel {
        article_id: Set(article.id),
        tag_folded: Set(fold(tag)),
        tag: Set(tag.clone()),
        site_id: Set(article.site_id),
    });
    article_tag::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// What a reader said of an article, if they did.
pub(in crate::features::knowledge) async fn lookup_rating(
    db: &Db<'_>,
    id: ArticleId,
    reader: Uuid,
) -> Result<Option<bool>> {
    Ok(article_rating::Entity::find_by_id((id, reader)).one(db).await?.map(|row| row.helpful))
}

/// Writes or removes what a reader says, and counts the article's ratings anew. The article is locked.
pub(in crate::features::knowledge) async fn rate(
    db: &Db<'_>,
    id: ArticleId,
    reader: Uuid,
    helpful: Option<bool>,
    rated_at: DateTime<Utc>,
) -> Result<()> {
    article_rating::Entity::delete_by_id((id, reader)).exec(db).await?;
    if let Some(helpful) = helpful {
        let row = article_rating::Model { article_id: id, reader, helpful, rated_at };
        article_rating::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    }
    let count = async |helpful: bool| -> Result<i32> {
        let of_article = article_rating::Entity::find().filter(article_rating::Column::ArticleId.eq(id));
        let count = of_article.filter(article_rating::Column::Helpful.eq(helpful)).count(db).await?;
        i32::try_from(count).map_err(Error::internal)
    };
    let counts = article::ActiveModel {
        helpful: Set(count(true).await?),
        unhelpful: Set(count(false).await?),
        ..Default::default()
    };
    Entity::update_many().set(counts).filter(Column::Id.eq(id)).exec(db).await?;
    Ok(())
}

/// Adds to the number of readers who opened an article.
pub(in crate::features::knowledge) async fn add_views(db: &Db<'_>, id: ArticleId, views: i64) -> Result<()> {
    let views = Expr::col(Column::Views).add(views);
    Entity::update_many().col_expr(Column::Views, views).filter(Column::Id.eq(id)).exec(db).await?;
    Ok(())
}

/// The titles that articles have in certain versions.
pub(in crate::features::knowledge) async fn titles(
    db: &Db<'_>,
    versions: impl Iterator<Item = (ArticleId, i32)>,
) -> Result<HashMap<(ArticleId, i32), String>> {
    of_versions(db, versions, article_version::Column::Title).await
}

/// What they say in them.
pub(in crate::features::knowledge) async fn bodies(
    db: &Db<'_>,
    versions: impl Iterator<Item = (ArticleId, i32)>,
) -> Result<HashMap<(ArticleId, i32), String>> {
    of_versions(db, versions, article_version::Column::Body).await
}

async fn of_versions(
    db: &Db<'_>,
    versions: impl Iterator<Item = (ArticleId, i32)>,
    text: article_version::Column,
) -> Result<HashMap<(ArticleId, i32), String>> {
    let any = versions.fold(Condition::any(), |any, (article, version)| {
        let of_article = article_version::Column::ArticleId.eq(article);
        any.add(Condition::all().add(of_article).add(article_version::Column::Version.eq(version)))
    });
    if any.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = [article_version::Column::ArticleId, article_version::Column::Version, text];
    let rows: Vec<(ArticleId, i32, String)> =
        article_version::Entity::find().select_only().columns(columns).filter(any).into_tuple().all(db).await?;
    Ok(rows.into_iter().map(|(article, version, title)| ((article, version), title)).collect())
}

/// What a version of an article says.
pub(in crate::features::knowledge) async fn lookup_body(
    db: &Db<'_>,
    article: ArticleId,
    version: i32,
) -> Result<Option<String>> {
    let row = article_version::Entity::find_by_id((article, version));
    Ok(row.select_only().column(article_version::Column::Body).into_tuple().one(db).await?)
}

/// What a version of an article is called and says.
pub(in crate::features::knowledge) async fn lookup_version(
    db: &Db<'_>,
    article: ArticleId,
    version: i32,
) -> Result<Option<(String, String)>> {
    let row = article_version::Entity::find_by_id((article, version)).select_only();
    let columns = [article_version::Column::Title, article_version::Column::Body];
    Ok(row.columns(columns).into_tuple().one(db).await?)
}
