//! Relations load in batches: what many rows of one answer ask for is one query.

use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::{DataLoader, Loader, NoCache};

use super::{Ctx, Error, Result};

/// What loads for one request; each feature implements [`Loader`] on it for its own keys. Nothing is cached: the stream
/// of a subscription lives long, and each of its events loads anew.
pub struct Batch(pub Ctx);

/// A request's loader, made when it is first needed.
#[derive(Clone, Default)]
pub(super) struct Lazy(Arc<OnceLock<DataLoader<Batch, NoCache>>>);

impl Ctx {
    /// Loads what belongs to a key, together with what others ask for at the same moment.
    pub async fn load<K>(&self, key: K) -> Result<Option<<Batch as Loader<K>>::Value>>
    where
        K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
        Batch: Loader<K, Error = Error>,
    {
        let loader = self.loader.0.get_or_init(|| {
            let tasks = self.tasks.clone();
            DataLoader::new(Batch(self.without_loader()), move |work| {
                tasks.spawn(work);
            })
        });
        loader.load_one(key).await
    }
}
