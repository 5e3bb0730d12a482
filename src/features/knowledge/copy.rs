//! Copies of what is searchable, to try things out with: in another database, for another site there.

use ::entity::{
    article::{self, ArticleStatus},
    ids::SiteId,
    knowledge_settings,
};

use super::{jobs::IndexArticle, store};
use crate::{
    kernel::{Ctx, Permission, Result},
    ports::db::Db,
};

/// Copies a site's searchable articles, in the versions that are searchable and with their vectors, and how they are
/// searched; `model` is the present embedder.
pub(crate) async fn copy_searchable(
    from: &Db<'_>,
    to: &Db<'_>,
    (site, as_site): (SiteId, SiteId),
    model: &str,
) -> Result<()> {
    for article in store::searchable(from, site).await? {
        let Some(version) = article.indexed_version else { continue };
        let mut chunks = store::chunks_of(from, article.id).await?;
        for chunk in &mut chunks {
            chunk.site_id = as_site;
            // Of an earlier version that says the same.
            chunk.version = version;
        }
        let Some((title, body)) = store::lookup_version(from, article.id, version).await? else { continue };
        let revision = store::next_revision(to, as_site).await?;
        let copy = article::Model { site_id: as_site, title, body, version, index_revision: Some(revision), ..article };
        store::insert(to, &copy).await?;
        store::insert_version(to, &copy).await?;
        store::insert_chunks(to, chunks).await?;
    }
    let settings = store::settings(from, site).await?;
    store::save_settings(to, &knowledge_settings::Model { site_id: as_site, ..settings }).await?;
    store::settle_model(to, as_site, model).await
}

/// Puts an article, as it would be once it is published, among copies.
///
/// # Errors
/// `UNAVAILABLE` when the embedder does not answer.
pub(crate) async fn index_copy(cx: &Ctx, article: article::Model) -> Result<()> {
    let tx = cx.begin().await?;
    store::delete(&tx.db(), article.id).await?;
    store::next_revision(&tx.db(), article.site_id).await?;
    let published =
        article::Model { status: ArticleStatus::Published, indexed_version: None, index_revision: None, ..article };
    store::insert(&tx.db(), &published).await?;
    store::insert_version(&tx.db(), &published).await?;
    tx.commit().await?;
    IndexArticle::of(&published).again(cx, &cx.reach(Permission::KnowledgeRead)?).await
}
