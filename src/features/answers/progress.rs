//! The text of runs that are being written on this node: what late watchers get first.
//!
//! Tokens are never written one by one. The node that writes keeps the text in memory; four times a second it goes to
//! the scratch store for watchers on other nodes, and once a second into the run's row, all changed runs of the node in
//! one transaction, so that it survives the node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::entity::{ids::RunId, run};
use bytes::Bytes;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::{
    kernel::{Ctx, Result},
    ports::bus::Bus,
};

/// How often texts go to the scratch store.
const SHARE: Duration = Duration::from_millis(250);
/// Every how many of those they go into the database.
const SAVE_EVERY: u32 = 4;
/// How long the scratch store keeps a text.
const KEEP: Duration = Duration::from_secs(120);

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Which attempt wrote it.
    pub(super) attempt: i32,
    /// Index of the newest chunk in `text`; -1 when there is none.
    pub(super) index: i32,
    /// The text so far.
    pub(super) text: String,
}

/// The runs of this node.
#[derive(Default)]
struct Board(Mutex<HashMap<RunId, Entry>>);

struct Entry {
    progress: Progress,
    shared: i32,
    saved: i32,
}

impl Board {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<RunId, Entry>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A run being written here; forgotten when dropped.
pub(super) struct Writing {
    board: Arc<Board>,
    run: RunId,
}

impl Writing {
    /// Begins an attempt.
    pub(super) fn begin(cx: &Ctx, run: RunId, attempt: i32) -> Self {
        let board = cx.shared.get::<Board>();
        let progress = Progress { attempt, index: -1, text: String::new() };
        board.with(|runs| runs.insert(run, Entry { progress, shared: -1, saved: -1 }));
        Self { board, run }
    }

    /// Adds a chunk; returns its index.
    pub(super) fn add(&self, text: &str) -> i32 {
        self.board.with(|runs| {
            runs.get_mut(&self.run).map_or(0, |entry| {
                entry.progress.index += 1;
                entry.progress.text.push_str(text);
                entry.progress.index
            })
        })
    }

    /// The text so far.
    pub(super) fn progress(&self) -> Progress {
        self.board.with(|runs| runs.get(&self.run).map(|entry| entry.progress.clone())).unwrap_or_default()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.board.with(|runs| runs.remove(&self.run));
    }
}

/// How far a run has come, as well as this node can know: from its own memory, the scratch store, or the run's row.
pub(super) async fn snapshot(cx: &Ctx, run: &run::Model) -> Progress {
    if let Some(own) = cx.shared.get::<Board>().with(|runs| runs.get(&run.id).map(|entry| entry.progress.clone())) {
        return own;
    }
    if let Ok(Some(shared)) = cx.scratch.get(&key(run.id)).await
        && let Ok(progress) = serde_json::from_slice::<Progress>(&shared)
        && progress.attempt == run.attempt
    {
        return progress;
    }
    Progress { attempt: run.attempt, index: run.chunks - 1, text: run.text.clone() }
}

/// Shares and saves the texts of this node's runs until the last of them has ended.
pub async fn keep_saving(cx: Ctx) {
    let mut round = 0_u32;
    let finished = cx.tasks.finished();
    loop {
        tokio::select! {
            () = finished.cancelled() => return,
            () = tokio::time::sleep(SHARE) => {}
        }
        round = round.wrapping_add(1);
        share(&cx).await;
        if round.is_multiple_of(SAVE_EVERY)
            && let Err(error) = save(&cx).await
        {
            tracing::warn!(error = ?error, "texts of runs could not be saved; the next round tries again");
        }
    }
}

async fn share(cx: &Ctx) {
    if matches!(cx.bus, Bus::Memory(_)) {
        return;
    }
    let changed: Vec<(RunId, Progress)> = cx.shared.get::<Board>().with(|runs| {
        runs.iter_mut()
            .filter(|(_, entry)| entry.shared != entry.progress.index)
            .map(|(id, entry)| {
                entry.shared = entry.progress.index;
                (*id, entry.progress.clone())
            })
            .collect()
    });
    for (id, progress) in changed {
        let Ok(value) = serde_json::to_vec(&progress) else { continue };
        if cx.scratch.put(&key(id), Bytes::from(value), KEEP).await.is_err() {
            // The row has the text, a second later.
            return;
        }
    }
}

async fn save(cx: &Ctx) -> Result<()> {
    let board = cx.shared.get::<Board>();
    let changed: Vec<(RunId, Progress)> = board.with(|runs| {
        runs.iter()
            .filter(|(_, entry)| entry.saved != entry.progress.index)
            .map(|(id, entry)| (*id, entry.progress.clone()))
            .collect()
    });
    if changed.is_empty() {
        return Ok(());
    }
    let tx = cx.begin().await?;
    for (id, progress) in &changed {
        run::Entity::update_many()
            .col_expr(run::Column::Text, progress.text.clone().into())
            .col_expr(run::Column::Chunks, (progress.index + 1).into())
            .filter(run::Column::Id.eq(*id))
            .filter(run::Column::Attempt.eq(progress.attempt))
            // One that has ended in the meantime has its whole text.
            .filter(run::Column::FinishedAt.is_null())
            .exec(&tx.db())
            .await?;
    }
    tx.commit().await?;
    board.with(|runs| {
        for (id, progress) in &changed {
            if let Some(entry) = runs.get_mut(id) {
                entry.saved = progress.index;
            }
        }
    });
    Ok(())
}

fn key(run: RunId) -> String {
    format!("run:{run}")
}
