//! Answering what was asked while the assistants of a site were silent.

use ::entity::ids::{ConversationId, SiteId};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::reader;
use crate::{
    features::conversations,
    kernel::{
        Ctx, Result,
        jobs::{Failure, Job, Lane, Lease},
    },
};

/// Conversations that one transaction looks at.
const BATCH: u64 = 100;
/// Whoever asked before that is not there any more.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// Answers the questions that an emergency of a site left open, now that it is over.
#[derive(Debug, Serialize, Deserialize)]
pub struct AnswerLeftOpen {
    pub(super) site: SiteId,
    /// Those up to here are answered.
    pub(super) after: Option<ConversationId>,
}

impl Job for AnswerLeftOpen {
    const KIND: &'static str = "answer_left_open";
    const LANE: Lane = Lane::Interactive;

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        Ok(answer(&cx, &lease, self).await?)
    }
}

/// One batch, and the job for the next one.
async fn answer(cx: &Ctx, lease: &Lease, AnswerLeftOpen { site, after }: AnswerLeftOpen) -> Result<()> {
    let mut tx = cx.begin().await?;
    let ids = conversations::left_open(&tx.db(), site, cx.clock.now() - RECENT, after, BATCH).await?;
    if let Some(last) = ids.last()
        && ids.len() as u64 == BATCH
    {
        tx.enqueue(&AnswerLeftOpen { site, after: Some(*last) }).await?;
    }
    for id in ids {
        if let Some(seq) = conversations::unanswered(&tx.db(), id).await? {
            reader::ask_pending(&mut tx, id, seq).await?;
        }
    }
    if lease.end(&tx).await? {
        tx.commit().await?;
    }
    Ok(())
}
