//! The embedder inside the binary, loaded with its first use. Takes milliseconds to a second of one core.

use std::sync::{Arc, OnceLock};

use embedder::{Embedder, Kind};
use tokio::sync::OwnedSemaphorePermit;

use super::Purpose;
use crate::kernel::{Error, Result};

/// Cheap to clone; takes no memory until it is used.
#[derive(Clone, Default)]
pub(super) struct BuiltIn(Arc<OnceLock<Result<Embedder>>>);

impl BuiltIn {
    /// The vectors of texts, worked out on a thread that may be kept busy.
    pub(super) async fn embed(
        &self,
        turn: OwnedSemaphorePermit,
        purpose: Purpose,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>> {
        let engine = self.0.clone();
        let kind = match purpose {
            Purpose::Question => Kind::Query,
            Purpose::Passage | Purpose::Suspect => Kind::Passage,
        };
        let work = move || {
            // Held by the thread, not by the caller: work whose caller has gone still occupies a core.
            let _turn = turn;
            let engine =
                engine.get_or_init(|| Embedder::load().map_err(Error::internal)).as_ref().map_err(Clone::clone)?;
            Ok(texts.iter().map(|text| engine.embed(kind, text)).collect())
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}
