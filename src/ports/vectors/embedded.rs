//! The built-in index: a partition a site, in memory, made from the rows.
//!
//! A partition is a cache. Before each search the site's revision is read; when it is another one than that of the
//! partition, the articles that changed since are loaded or dropped. So the index is right after a restart, on several
//! nodes and after a crash, without events and without anything to recover.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::ids::{ArticleId, ChunkId, SiteId};
use exact_index::{Entry, Filter, IndexError, Partition, Query as Search};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use uuid::Uuid;

use super::{
    Found, Passage, Query,
    rows::{self, Head},
    scored,
};
use crate::{
    kernel::{Error, Result},
    ports::db::Db,
};

/// Set on entries that visitors may see.
const PUBLIC: u32 = 1;
/// Articles read from the database at once.
const BATCH: usize = 50;
/// Entries up to which a search takes well under a millisecond and needs no thread of its own.
const SMALL: usize = 500;

/// The partitions of this node.
pub struct EmbeddedIndex {
    /// The embedder whose vectors are compared; without one, only words are.
    model: Option<Arc<str>>,
    sites: Mutex<HashMap<SiteId, Arc<RwLock<Site>>>>,
}

/// A site's partition and what it was made from.
struct Site {
    /// All changes up to its revision are in.
    head: Head,
    articles: HashMap<ArticleId, i64>,
    partition: Partition,
    /// What is in the partition: the passage's article, and whether visitors may see it.
    passages: HashMap<ChunkId, (ArticleId, bool)>,
}

impl EmbeddedIndex {
    /// An index of an embedder's vectors. Their length is that of the rows'.
    pub fn new(model: Arc<str>) -> Self {
        Self { model: Some(model), sites: Mutex::default() }
    }

    /// An index of words only.
    pub(super) fn of_words() -> Self {
        Self { model: None, sites: Mutex::default() }
    }

    pub(super) async fn search(&self, db: &Db<'_>, site: SiteId, query: Query) -> Result<Found> {
        let site = self.fresh(db, site).await?;
        on_thread_for_size(site, move |site| {
            // A question of which the embedder understood nothing has no direction.
            let vector = query.vector.as_deref().filter(|vector| vector.iter().any(|number| *number != 0.0));
            // Nor has one before the first of the site's passages, and while they are made anew by another embedder.
            let vector = vector.filter(|vector| vector.len() == site.partition.dimension());
            let filter =
                if query.public_only { Filter { all: PUBLIC, ..Filter::default() } } else { Filter::default() };
            let search = Search { filter, ..Search::new(vector, &query.text, query.limit) };
            let hits = site.partition.search(&search).map_err(Error::internal)?;
            let matched = |hit: exact_index::Hit| {
                scored(ChunkId(Uuid::from_u128(hit.id)), ArticleId(Uuid::from_u128(hit.group)), hit.dense, hit.lexical)
            };
            Ok(Found { matches: hits.into_iter().map(matched).collect(), words_only: vector.is_none() })
        })
        .await
    }

    pub(super) async fn coverages(
        &self,
        db: &Db<'_>,
        site: SiteId,
        question: &str,
        texts: &[&str],
    ) -> Result<Vec<f32>> {
        let site = self.fresh(db, site).await?;
        Ok(texts.iter().map(|text| site.partition.coverage(question, text)).collect())
    }

    /// Those of some passages that are there and may be seen, with their articles.
    pub(super) async fn visible(
        &self,
        db: &Db<'_>,
        site: SiteId,
        public_only: bool,
        chunks: impl Iterator<Item = ChunkId>,
    ) -> Result<HashMap<ChunkId, ArticleId>> {
        let site = self.fresh(db, site).await?;
        let visible = |chunk: ChunkId| {
            let (article, public) = site.passages.get(&chunk)?;
            (*public || !public_only).then_some((chunk, *article))
        };
        Ok(chunks.filter_map(visible).collect())
    }

    /// The site's partition with all changes that were committed before the call.
    async fn fresh(&self, db: &Db<'_>, id: SiteId) -> Result<OwnedRwLockReadGuard<Site>> {
        let site = self.site(id);
        let head = rows::head(db, id).await?;
        loop {
            let current = site.clone().read_owned().await;
            if current.head.revision >= head.revision {
                return Ok(current);
            }
            drop(current);
            let mut behind = site.clone().write_owned().await;
            // Somebody else may have done it while this one waited.
            if behind.head.revision < head.revision {
                behind.make_room(self.compared(&head));
                behind = self.catch_up(db, id, behind).await?;
                behind.head = head.clone();
            }
        }
    }

    /// The length of the vectors that are compared in a site: 0 while only words are, because not all passages are made
    /// by this index's embedder.
    fn compared(&self, head: &Head) -> usize {
        match (&self.model, &head.embedder) {
            (Some(own), Some((model, dimension))) if **own == **model => *dimension,
            _ => 0,
        }
    }

    /// Loads what changed and drops what went. What is done stays done when the caller goes away in the middle.
    async fn catch_up(
        &self,
        db: &Db<'_>,
        id: SiteId,
        mut site: OwnedRwLockWriteGuard<Site>,
    ) -> Result<OwnedRwLockWriteGuard<Site>> {
        let now = rows::articles(db, id).await?;
        let gone: Vec<ArticleId> = site.articles.keys().filter(|article| !now.contains_key(article)).copied().collect();
        for article in gone {
            site.forget(article);
        }
        let changed: Vec<(ArticleId, i64)> =
            now.into_iter().filter(|(article, revision)| site.articles.get(article) != Some(revision)).collect();
        let model = self.model.as_deref().filter(|_| site.partition.dimension() > 0);
        for batch in changed.chunks(BATCH) {
            let articles: Vec<ArticleId> = batch.iter().map(|(article, _)| *article).collect();
            let passages = rows::passages(db, id, &articles, model).await?;
            let batch = batch.to_vec();
            site = tokio::task::spawn_blocking(move || {
                site.apply(batch, passages);
                site
            })
            .await
            .map_err(Error::internal)?;
        }
        Ok(site)
    }

    fn site(&self, id: SiteId) -> Arc<RwLock<Site>> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.entry(id).or_insert_with(|| Arc::new(RwLock::new(Site::new(0)))).clone()
    }
}

impl Site {
    fn new(dimension: usize) -> Self {
        let partition = Partition::new(dimension);
        Self { head: Head::default(), articles: HashMap::new(), partition, passages: HashMap::new() }
    }

    /// Begins anew when vectors of another length are compared than before.
    fn make_room(&mut self, dimension: usize) {
        if self.partition.dimension() != dimension {
            *self = Self::new(dimension);
        }
    }

    /// Puts the passages of some articles in the place of what was there of them.
    fn apply(&mut self, articles: Vec<(ArticleId, i64)>, passages: Vec<Passage>) {
        for (article, revision) in articles {
            self.forget(article);
            self.articles.insert(article, revision);
        }
        for passage in passages {
            let id = passage.chunk;
            if let Err(error) = self.insert(passage) {
                tracing::error!(chunk.id = %id, error = %error, "a passage cannot be searched");
            }
        }
    }

    fn forget(&mut self, article: ArticleId) {
        if self.articles.remove(&article).is_some() {
            self.partition.remove_group(article.0.as_u128());
            self.passages.retain(|_, (of, _)| *of != article);
        }
    }

    fn insert(&mut self, passage: Passage) -> Result<bool, IndexError> {
        let has_direction = |vector: &Vec<f32>| vector.iter().any(|number| *number != 0.0);
        let mut dense = passage.vectors;
        // Text without a word the embedder knows has no direction; words may still find it.
        match dense.first().is_some_and(has_direction) {
            true => dense.retain(has_direction),
            false => dense.clear(),
        }
        self.passages.insert(passage.chunk, (passage.article, passage.public));
        self.partition.insert(Entry {
            id: passage.chunk.0.as_u128(),
            group: passage.article.0.as_u128(),
            dense,
            text: passage.text,
            tags: if passage.public { PUBLIC } else { 0 },
        })
    }
}

/// Searches small partitions at once and large ones where a thread may be kept busy.
async fn on_thread_for_size<T: Send + 'static>(
    site: OwnedRwLockReadGuard<Site>,
    work: impl FnOnce(&Site) -> Result<T> + Send + 'static,
) -> Result<T> {
    if site.partition.len() <= SMALL {
        return work(&site);
    }
    tokio::task::spawn_blocking(move || work(&site)).await.map_err(Error::internal)?
}
