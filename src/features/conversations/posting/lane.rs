//! Posting messages: writes of one site are collected while a commit is under way.
//!
//! The first post of an idle site is written at once. What arrives while it commits waits and goes into the next
//! transaction together: one lock of the journal's head, one flush to disk, a handful of statements for all of them.
//! Nothing is acknowledged before its commit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::{
    conversation,
    ids::{ConversationId, SiteId, UserId},
    message::{self, Audience, AuthorKind},
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::super::{
    attention, closing, mentions,
    messages::{self, Posting},
    model, store,
};
use crate::kernel::{Ctx, Error, Result, Tx, error::ErrorCode, once};

/// Most messages of one transaction.
const BATCH: usize = 256;

/// A message that is there.
pub(crate) struct Posted {
    pub(crate) message: message::Model,
    /// False when it had been sent before with the same client id.
    pub(crate) is_new: bool,
}

type Answer = oneshot::Sender<Result<Posted>>;

/// The posts that wait, by site. A site is in the map while somebody writes for it.
#[derive(Default)]
struct Lanes(Mutex<HashMap<SiteId, Vec<(Posting, Answer)>>>);

/// Posts a message, together with what others post to the site at the same moment.
pub(crate) async fn post(cx: &Ctx, site: SiteId, posting: Posting) -> Result<Posted> {
    let lanes = cx.shared.get::<Lanes>();
    let (answer, answered) = oneshot::channel();
    let idle = {
        let mut waiting = lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = !waiting.contains_key(&site);
        waiting.entry(site).or_default().push((posting, answer));
        idle
    };
    if idle {
        // A task of its own: the caller may hang up, the batch goes on.
        let system = cx.as_system();
        cx.tasks.spawn(async move {
            let _open = Open { lanes: lanes.clone(), site };
            drive(&system, &lanes, site).await;
        });
    }
    answered.await.map_err(Error::internal)?
}

/// Opens the lane again if its driver panics: those who wait get an error, and the next post gets a new driver.
struct Open {
    lanes: Arc<Lanes>,
    site: SiteId,
}

impl Drop for Open {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.site);
        }
    }
}

/// Writes batch after batch until nothing waits.
async fn drive(cx: &Ctx, lanes: &Arc<Lanes>, site: SiteId) {
    loop {
        let batch: Vec<_> = {
            let mut waiting = lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(queue) = waiting.get_mut(&site) else { return };
            if queue.is_empty() {
                waiting.remove(&site);
                return;
            }
            let rest = queue.split_off(queue.len().min(BATCH));
            std::mem::replace(queue, rest)
        };
        let (postings, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match write(cx, site, &postings, Closed::Later).await {
            Ok(outcomes) => {
                for ((outcome, answer), posting) in outcomes.into_iter().zip(answers).zip(&postings) {
                    let outcome = match outcome {
                        Outcome::Done(result) => result.map(|posted| *posted),
                        Outcome::Alone => alone(cx, site, posting).await,
                    };
                    // Nobody waits for it any more? It is written all the same.
                    let _ = answer.send(outcome);
                }
            }
            // One bad message must not fail its neighbours: each gets its own transaction and its own answer.
            // Not so when the database went away: nobody knows whether the commit came through, and writing again could
            // double what has no client id. The senders are told, and retry with theirs.
            Err(error) if postings.len() > 1 && error.code != ErrorCode::Unavailable => {
                for (posting, answer) in postings.iter().zip(answers) {
                    let _ = answer.send(alone(cx, site, posting).await);
                }
            }
            Err(error) => answers.into_iter().for_each(|answer| {
                let _ = answer.send(Err(error.clone()));
            }),
        }
    }
}

/// Writes one message in a transaction of its own. A uniqueness violation means that another node was faster with the
/// same client id; the second look finds its message.
async fn alone(cx: &Ctx, site: SiteId, posting: &Posting) -> Result<Posted> {
    let mut again = true;
    loop {
        let written = write(cx, site, std::slice::from_ref(posting), Closed::Reopen).await;
        match written {
            Err(error) if error.unique_violation() && again => again = false,
            Err(error) => return Err(error),
            Ok(mut outcomes) => match outcomes.pop() {
                Some(Outcome::Done(result)) => return result.map(|posted| *posted),
                Some(Outcome::Alone) | None => return Err(Error::internal("a single post was put off")),
            },
        }
    }
}

/// What to do with a visitor's message to a closed conversation: reopening can violate the one-open-conversation rule
/// and so must not share a transaction with others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    Later,
    Reopen,
}

enum Outcome {
    Done(Result<Box<Posted>>),
    Alone,
}

async fn write(cx: &Ctx, site: SiteId, postings: &[Posting], closed: Closed) -> Result<Vec<Outcome>> {
    let mut tx = cx.begin().await?;
    let outcomes = write_in(&mut tx, site, postings, closed).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Posts one message inside a transaction that does more.
pub(crate) async fn post_in(tx: &mut Tx, site: SiteId, posting: &Posting) -> Result<message::Model> {
    let outcome = write_in(tx, site, std::slice::from_ref(posting), Closed::Reopen).await?.pop();
    match outcome {
        Some(Outcome::Done(result)) => result.map(|posted| posted.message),
        Some(Outcome::Alone) | None => Err(Error::internal("a single post was put off")),
    }
}

async fn write_in(tx: &mut Tx, site: SiteId, postings: &[Posting], closed: Closed) -> Result<Vec<Outcome>> {
    let mut ids: Vec<ConversationId> = postings.iter().map(|posting| posting.conversation).collect();
    ids.sort();
    ids.dedup();
    let mut conversations = store::lock_all(&tx.db(), site, ids, store::Busy::Wait).await?;
    let mut sent = sent_before(tx, site, postings).await?;
    let mut rows = Vec::with_capacity(postings.len());
    let mut mentioned = Vec::new();
    let mut changed: Vec<ConversationId> = Vec::new();
    let mut outcomes = Vec::with_capacity(postings.len());
    for posting in postings {
        let Some(conversation) = conversations.get_mut(&posting.conversation) else {
            outcomes.push(Outcome::Done(Err(Error::not_found("conversation"))));
            continue;
        };
        let hash = messages::content_hash(conversation, posting);
        let key = posting.client_id.map(|client| (posting.author.id, client));
        if let Some(earlier) = key.and_then(|key| sent.get(&key)) {
            let same = earlier.content_hash.as_deref() == Some(hash.as_slice());
            let posted = || Box::new(Posted { message: earlier.clone(), is_new: false });
            outcomes.push(Outcome::Done(if same { Ok(posted()) } else { Err(once::mismatch()) }));
            continue;
        }
        match model::may_post(conversation.status, posting.author.kind, posting.audience, &posting.body) {
            Ok(false) => {}
            Ok(true) if closed == Closed::Later => {
                outcomes.push(Outcome::Alone);
                continue;
            }
            Ok(true) => {
                *conversation = closing::reopen_in(tx, conversation.clone(), None, posting.actor.clone()).await?;
            }
            Err(error) => {
                outcomes.push(Outcome::Done(Err(error)));
                continue;
            }
        }
        let message = messages::number_in(tx, conversation, posting, hash)?;
        if !changed.contains(&conversation.id) {
            changed.push(conversation.id);
        }
        let actor = posting.actor.clone();
        mentioned.extend(mentions::record_in(tx, &message, &posting.mentions, actor.as_ref())?);
        if posting.author.kind == AuthorKind::Agent && posting.audience == Audience::Everyone {
            let agent = posting.author.id.map(UserId).ok_or_else(|| Error::internal("an agent who is nobody"))?;
            attention::replied_in(tx, conversation, agent, actor).await?;
        }
        if let Some(key) = key {
            sent.insert(key, message.clone());
        }
        rows.push(message.clone());
        outcomes.push(Outcome::Done(Ok(Box::new(Posted { message, is_new: true }))));
    }
    if !rows.is_empty() {
        let heads: Vec<&conversation::Model> = changed.iter().filter_map(|id| conversations.get(id)).collect();
        messages::insert_in(tx, rows, &heads).await?;
        mentions::insert_in(tx, mentioned).await?;
    }
    Ok(outcomes)
}

async fn sent_before(
    tx: &Tx,
    site: SiteId,
    postings: &[Posting],
) -> Result<HashMap<(Option<Uuid>, Uuid), message::Model>> {
    let (authors, clients): (Vec<_>, Vec<_>) =
        postings.iter().filter_map(|posting| Some((posting.author.id?, posting.client_id?))).unzip();
    let found = messages::sent_before(&tx.db(), site, authors, clients).await?;
    Ok(found.into_iter().filter_map(|row| Some(((row.author_id, row.client_id?), row))).collect())
}
