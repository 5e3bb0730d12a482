//! Rebuilding a site's index from its articles, with progress, while the present one goes on answering.
//!
//! Each article is replaced in one transaction, so a search sees it in whole, as it was or as it becomes. Where the
//! embedder has changed, vectors of the old and of the new one are never compared: until the last passage of a site is
//! made by the new one, its words alone decide there, and then its vectors count all at once.

use std::time::Duration;

use ::entity::{article, ids::SiteId, index_build};
use serde::{Deserialize, Serialize};

use super::{
    facts::KnowledgeFact,
    jobs::{IndexArticle, when_away},
    store,
};
use crate::{
    features::sites::reach_in,
    kernel::{
        Ctx, Error, Permission, Reach, Result, Tx,
        error::ErrorCode,
        jobs::{Failure, Job, Lane, Lease},
    },
};

/// Articles that are looked up at once.
const BATCH: u64 = 50;
/// Articles with problems that are shown.
const PROBLEMS: u64 = 20;
/// How often it is looked whether the index is complete.
const CHECK: Duration = Duration::from_secs(60);
/// How long vectors of a text are kept that no article has any more.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How long it can be seen what came of an import.
const IMPORTS_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What there is of a site's index.
pub(super) struct Index {
    pub(super) model: String,
    pub(super) dimension: Option<i32>,
    pub(super) articles: u64,
    pub(super) indexed: u64,
    pub(super) is_words_only: bool,
    /// Articles of which the embedder does not take everything.
    pub(super) problems: Vec<article::Model>,
    pub(super) build: Option<index_build::Model>,
}

pub(super) async fn read(cx: &Ctx, site: SiteId) -> Result<Index> {
    let reach = reach_in(cx, Permission::KnowledgeRead, site)?;
    let db = cx.db();
    let model = cx.embeddings.model().to_string();
    let head = store::lookup_head(&db, site).await?;
    let serves = head.as_ref().is_some_and(|head| head.model.as_deref() == Some(model.as_str()));
    let articles = store::count_published(&db, &reach, site).await?;
    let behind = store::count_outdated(&db, site, &model).await?;
    Ok(Index {
        dimension: cx.embeddings.known_dimension().and_then(|known| i32::try_from(known).ok()),
        is_words_only: articles > 0 && (!serves || cx.vectors.serves().await.is_err()),
        problems: store::with_problems(&db, site, PROBLEMS).await?,
        articles,
        indexed: articles.saturating_sub(behind),
        build: store::lookup_build(&db, site).await?,
        model,
    })
}

/// Orders the rebuild of a site's index; the one that is under way goes on.
pub(super) async fn order(cx: &Ctx, site: SiteId) -> Result<index_build::Model> {
    let reach = reach_in(cx, Permission::KnowledgeManage, site)?;
    let mut tx = cx.begin().await?;
    let build = order_in(&mut tx, &reach, site).await?;
    tx.commit().await?;
    Ok(build)
}

async fn order_in(tx: &mut Tx, reach: &Reach, site: SiteId) -> Result<index_build::Model> {
    // Locks the site's row of the index, so that two orders at once are one.
    store::next_revision(&tx.db(), site).await?;
    let last = store::lookup_build(&tx.db(), site).await?;
    let build = match last {
        Some(running) if running.finished_at.is_none() => running,
        last => {
            let total = store::count_published(&tx.db(), reach, site).await?;
            let build = index_build::Model {
                site_id: site,
                number: last.map_or(0, |last| last.number) + 1,
                total: i32::try_from(total).map_err(Error::internal)?,
                done: 0,
                failed: 0,
                cursor: None,
                started_at: tx.cx().clock.now(),
                finished_at: None,
            };
            store::save_build(&tx.db(), &build).await?;
            tx.record(site, site.0, &KnowledgeFact::RebuildStarted { number: build.number, articles: total })?;
            build
        }
    };
    // Also for one under way: should its job be lost, it goes on with this one.
    tx.enqueue(&RebuildIndex { site, number: build.number }).await?;
    Ok(build)
}

/// Makes every passage of a site anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RebuildIndex {
    site: SiteId,
    number: i64,
}

impl Job for RebuildIndex {
    const KIND: &'static str = "knowledge.rebuild_index";
    const LANE: Lane = Lane::Bulk;

    fn key(&self) -> Option<String> {
        Some(format!("{}:{}", self.site, self.number))
    }

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        let reach = cx.reach(Permission::KnowledgeRead)?;
        while let Some(build) = self.current(&cx).await? {
            let articles = store::published_after(&cx.db(), self.site, build.cursor, BATCH).await?;
            if articles.is_empty() {
                let mut tx = cx.begin().await?;
                self.finish_in(&mut tx).await?;
                tx.commit().await?;
                return Ok(());
            }
            for article in articles {
                match IndexArticle::of(&article).again(&cx, &reach).await {
                    Err(error) if error.code == ErrorCode::Unavailable => return Err(Failure::Later(error)),
                    done => {
                        if let Err(error) = &done {
                            tracing::error!(article.id = %article.id, error = ?error, "an article cannot be indexed");
                        }
                        if !self.note(&cx, &lease, &article, done.is_err()).await? {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn failed(self, tx: &mut Tx) -> Result<()> {
        self.finish_in(tx).await
    }
}

impl RebuildIndex {
    /// The row of this rebuild, while it is under way.
    async fn current(&self, cx: &Ctx) -> Result<Option<index_build::Model>> {
        let build = store::lookup_build(&cx.db(), self.site).await?;
        Ok(build.filter(|build| build.number == self.number && build.finished_at.is_none()))
    }

    /// Counts an article; false when another worker goes on with the rebuild.
    async fn note(&self, cx: &Ctx, lease: &Lease, article: &article::Model, failed: bool) -> Result<bool> {
        let tx = cx.begin().await?;
        store::count_build(&tx.db(), self.site, self.number, article.id, failed).await?;
        let is_mine = lease.confirm(&tx).await?;
        if is_mine {
            tx.commit().await?;
        }
        Ok(is_mine)
    }

    async fn finish_in(&self, tx: &mut Tx) -> Result<()> {
        let now = tx.cx().clock.now();
        if store::finish_build(&tx.db(), self.site, self.number, now).await? {
            tx.record(self.site, self.site.0, &KnowledgeFact::RebuildFinished { number: self.number })?;
        }
        Ok(())
    }
}

/// Gives a vector server that lost everything, or never had anything, all that is searchable; then it serves.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct FillVectors {}

impl Job for FillVectors {
    const KIND: &'static str = "knowledge.fill_vectors";
    const LANE: Lane = Lane::Bulk;

    fn key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        fill(&cx).await.map_err(when_away)
    }
}

async fn fill(cx: &Ctx) -> Result<()> {
    let reach = cx.reach(Permission::KnowledgeRead)?;
    if cx.vectors.serves().await.is_ok() {
        return Ok(());
    }
    let mut last = None;
    loop {
        let articles = store::searchable_after(&cx.db(), last, BATCH).await?;
        let Some(end) = articles.last() else { break };
        last = Some(end.id);
        for article in &articles {
            IndexArticle::of(article).hand_over(cx, &reach).await?;
        }
    }
    cx.vectors.serve().await
}

/// Looks now and then whether the index is complete, and forgets vectors and imports that are of no use any
/// more.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CheckIndex {}

impl Job for CheckIndex {
    const KIND: &'static str = "knowledge.check_index";
    const LANE: Lane = Lane::Background;
    const EVERY: Option<Duration> = Some(CHECK);

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        let now = cx.clock.now();
        catch_up(&cx).await?;
        let tx = cx.begin().await?;
        store::forget_embeddings(&tx.db(), now - KEPT).await?;
        store::forget_imports(&tx.db(), now - IMPORTS_KEPT).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Orders what is missing in the index: articles that were never indexed, sites of another embedder, and everything for
/// a vector server that is empty. Called at the start of the server and by [`CheckIndex`]; harmless to call again.
/// Returns how many jobs it ordered.
pub async fn catch_up(cx: &Ctx) -> Result<usize> {
    let reach = cx.reach(Permission::KnowledgeRead)?;
    let model = cx.embeddings.model().to_string();
    // What a server's vectors are like is told by its first answer.
    let known = cx.embeddings.dimension().await.inspect_err(|error| {
        tracing::warn!(error = ?error, "the embedder does not answer; articles are indexed when it does");
    });
    let articles = store::never_indexed(&cx.db()).await?;
    let sites = store::sites_of_others(&cx.db(), &model, known.ok()).await?;
    let fills = cx.vectors.keeps_passages() && cx.vectors.serves().await.is_err();
    let mut tx = cx.begin().await?;
    for article in &articles {
        tx.enqueue(&IndexArticle::of(article)).await?;
    }
    for site in &sites {
        order_in(&mut tx, &reach, *site).await?;
    }
    if fills {
        tx.enqueue(&FillVectors {}).await?;
    }
    tx.commit().await?;
    Ok(articles.len() + sites.len() + usize::from(fills))
}
