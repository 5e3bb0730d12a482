//! How often articles are opened: each reader once a day, counted in memory and written now and then.
//!
//! A view is a number, not a fact: it is not in the journal, and a crash loses those of the last seconds. In return
//! readers never wait for a write, however many there are.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ::entity::{article, ids::ArticleId};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::store;
use crate::kernel::{Actor, Ctx, Result};

/// How long a reader counts as having seen an article.
const DAY: Duration = Duration::from_secs(86_400);
/// How often views are written.
const EVERY: Duration = Duration::from_secs(5);

/// Views of this node that are not written yet.
#[derive(Default)]
struct Waiting(Mutex<HashMap<ArticleId, i64>>);

/// Notes that somebody opened an article. Those who write in the site are no readers.
pub(super) async fn opened(cx: &Ctx, article: &article::Model) {
    if cx.actor.is_staff_of(article.site_id) {
        return;
    }
    let key = format!("view:{}:{}", article.id, reader(cx));
    // Without the store that tells readers apart a view is not worth a failure, and not counted.
    if matches!(cx.scratch.get(&key).await, Ok(None)) && cx.scratch.put(&key, Bytes::new(), DAY).await.is_ok() {
        add(cx, article.id, 1);
    }
}

/// Writes views until shutdown, and then the last ones.
pub async fn keep_counting(cx: Ctx) {
    let stopping = cx.tasks.stopping();
    loop {
        let stop = tokio::select! {
            () = stopping.cancelled() => true,
            () = cx.clock.sleep(EVERY) => false,
        };
        if let Err(error) = write(&cx).await {
            tracing::warn!(error = ?error, "views of articles could not be written; the next round tries again");
        }
        if stop {
            return;
        }
    }
}

fn add(cx: &Ctx, article: ArticleId, views: i64) {
    let waiting = cx.shared.get::<Waiting>();
    *waiting.0.lock().unwrap_or_else(PoisonError::into_inner).entry(article).or_default() += views;
}

/// In one transaction, so that a failure loses and doubles nothing.
async fn write(cx: &Ctx) -> Result<()> {
    let mut views: Vec<(ArticleId, i64)> = {
        let waiting = cx.shared.get::<Waiting>();
        let mut waiting = waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain().collect()
    };
    if views.is_empty() {
        return Ok(());
    }
    // One order on all nodes, so that two cannot wait for each other.
    views.sort_unstable();
    let written = async {
        let tx = cx.begin().await?;
        for (article, views) in &views {
            store::add_views(&tx.db(), *article, *views).await?;
        }
        tx.commit().await
    };
    if let Err(error) = written.await {
        for (article, views) in views {
            add(cx, article, views);
        }
        return Err(error);
    }
    Ok(())
}

/// Who reads: a visitor, a person, or for all others their address and browser, of which only a hash is kept.
fn reader(cx: &Ctx) -> String {
    match &cx.actor {
        Actor::Visitor { visitor, .. } => visitor.to_string(),
        Actor::User(person) => person.user.to_string(),
        Actor::Anonymous | Actor::System => {
            let address = cx.request.address.map(|address| address.to_string()).unwrap_or_default();
            let browser = cx.request.user_agent.as_deref().unwrap_or_default();
            let hash = Sha256::digest(format!("{address} {browser}"));
            hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
        }
    }
}
