//! The rows an index is made from.

use std::collections::HashMap;

use ::entity::{
    article::{self, Visibility},
    article_version, chunk,
    ids::{ArticleId, ChunkId, SiteId},
    index_head,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::Passage;
use crate::{kernel::Result, ports::db::Db};

/// What a site's index is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// How often the site's searchable knowledge has changed.
    pub(super) revision: i64,
    /// The embedder whose vectors are compared, and their length; absent while there are those of several.
    pub(super) embedder: Option<(String, usize)>,
}

/// What a site's index is at.
pub(super) async fn head(db: &Db<'_>, site: SiteId) -> Result<Head> {
    let Some(head) = index_head::Entity::find_by_id(site).one(db).await? else { return Ok(Head::default()) };
    let dimension = head.dimension.and_then(|dimension| usize::try_from(dimension).ok());
    Ok(Head { revision: head.revision, embedder: head.model.zip(dimension) })
}

/// The site's searchable articles, with the revision of their last change.
pub(super) async fn articles(db: &Db<'_>, site: SiteId) -> Result<HashMap<ArticleId, i64>> {
    let rows: Vec<(ArticleId, i64)> = article::Entity::find()
        .select_only()
        .columns([article::Column::Id, article::Column::IndexRevision])
        .filter(article::Column::SiteId.eq(site))
        .filter(article::Column::IndexRevision.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Passages of articles, in no order. With a model, with its vectors: those of another do not compare.
pub(super) async fn passages(
    db: &Db<'_>,
    site: SiteId,
    articles: &[ArticleId],
    model: Option<&str>,
) -> Result<Vec<Passage>> {
    let heads = heads(db, site, articles).await?;
    let of_articles = chunk::Entity::find()
        .filter(chunk::Column::SiteId.eq(site))
        .filter(chunk::Column::ArticleId.is_in(articles.iter().copied()));
    let passage = |chunk: ChunkId, article: ArticleId, text: &str, vectors: Vec<Vec<f32>>| {
        let (title, public) = heads.get(&article)?;
        Some(Passage { chunk, article, text: format!("{title}. {text}"), vectors, public: *public })
    };
    let Some(model) = model else {
        let columns = [chunk::Column::Id, chunk::Column::ArticleId, chunk::Column::Text];
        let rows: Vec<(ChunkId, ArticleId, String)> =
            of_articles.select_only().columns(columns).into_tuple().all(db).await?;
        return Ok(rows.into_iter().filter_map(|(id, article, text)| passage(id, article, &text, vec![])).collect());
    };
    let rows = of_articles.all(db).await?;
    let vectors = |row: &chunk::Model| if row.model == model { row.unpack_vectors() } else { vec![] };
    Ok(rows.iter().filter_map(|row| passage(row.id, row.article_id, &row.text, vectors(row))).collect())
}

/// The titles that articles had in the version that is searchable, and whether visitors may see them.
async fn heads(db: &Db<'_>, site: SiteId, articles: &[ArticleId]) -> Result<HashMap<ArticleId, (String, bool)>> {
    let searchable: Vec<(ArticleId, i32, Visibility)> = article::Entity::find()
        .select_only()
        .columns([article::Column::Id, article::Column::IndexedVersion, article::Column::Visibility])
        .filter(article::Column::SiteId.eq(site))
        .filter(article::Column::Id.is_in(articles.iter().copied()))
        .filter(article::Column::IndexRevision.is_not_null())
        .filter(article::Column::IndexedVersion.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    if searchable.is_empty() {
        return Ok(HashMap::new());
    }
    let versions = searchable.iter().fold(Condition::any(), |any, (article, version, _)| {
        let of_article = article_version::Column::ArticleId.eq(*article);
        any.add(Condition::all().add(of_article).add(article_version::Column::Version.eq(*version)))
    });
    let titles: Vec<(ArticleId, String)> = article_version::Entity::find()
        .select_only()
        .columns([article_version::Column::ArticleId, article_version::Column::Title])
        .filter(versions)
        .into_tuple()
        .all(db)
        .await?;
    let mut titles: HashMap<_, _> = titles.into_iter().collect();
    let head = |(article, _, visibility)| {
        (article, (titles.remove(&article).unwrap_or_default(), visibility == Visibility::Public))
    };
    Ok(searchable.into_iter().map(head).collect())
}
