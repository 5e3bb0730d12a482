//! Waiting for an answer: which run answers a message, and when it is over.

use std::time::Duration;

use ::entity::{
    message::{self, Audience, AuthorKind},
    run::{self, RunStatus},
};

use super::{facts::subject, reader, store};
use crate::{
    features::routing,
    kernel::{Ctx, Result, heads},
    ports::bus::Topic,
};

/// How long somebody waits for an answer who wants to have it at once.
const PATIENCE: Duration = Duration::from_secs(25);

/// The run that answers a message. It is begun here where the reader of the journal has not come to the message yet: both
/// decide alike, and a question has one run. `None` where no assistant answers.
pub(super) async fn run_of(cx: &Ctx, message: &message::Model) -> Result<Option<run::Model>> {
    if message.author_kind != AuthorKind::Visitor || message.audience != Audience::Everyone {
        return Ok(None);
    }
    let (conversation, seq) = (message.conversation_id, message.seq);
    if let Some(run) = store::answering(&cx.db(), conversation, seq).await? {
        return Ok(Some(run));
    }
    let mut tx = cx.as_system().begin().await?;
    if !routing::welcome_in(&mut tx, conversation, Some(seq)).await? {
        reader::ask(&mut tx, conversation, seq).await?;
    }
    let run = store::answering(&tx.db(), conversation, seq).await?;
    tx.commit().await?;
    Ok(run)
}

/// The run once it is over, or as it is when nobody wants to wait any longer. Where a later one replaced it, which answers
/// its question as well, that one.
pub(super) async fn until_over(cx: &Ctx, run: run::Model) -> Result<run::Model> {
    let mut answers = run.id;
    let mut hints = heads::listen(cx, run.site_id, &[Topic::Subject(subject(&run))]).await?;
    let over = async {
        loop {
            let now = store::find(&cx.db(), answers).await?;
            let next = if now.status == RunStatus::Cancelled {
                store::answering(&cx.db(), run.conversation_id, run.question_seq).await?
            } else {
                None
            };
            if let Some(next) = next.filter(|next| next.id != now.id) {
                answers = next.id;
                continue;
            }
            if is_over(&now) {
                return Ok(now);
            }
            hints.next().await;
        }
    };
    match tokio::time::timeout(PATIENCE, over).await {
        Ok(over) => over,
        Err(_) => Ok(store::answering(&cx.db(), run.conversation_id, run.question_seq).await?.unwrap_or(run)),
    }
}

fn is_over(run: &run::Model) -> bool {
    match run.status {
        RunStatus::Queued | RunStatus::Running => false,
        RunStatus::Finished | RunStatus::Failed | RunStatus::Cancelled => true,
        // Its writer still has to post what there is.
        RunStatus::Stopped => run.finished_at.is_some(),
    }
}
