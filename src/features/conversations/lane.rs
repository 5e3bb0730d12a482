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
    ids::{ConversationId, MessageId, RunId, SiteId, UserId},
    message::{self, Audience, AuthorKind},
};
use exact_index::text::fold;
use sea_orm::{ActiveValue::Set, EntityTrait};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    answer::Verdict,
    attention, closing,
    facts::ConversationFact,
    mentions,
    model::{self, Citation},
    store,
};
use crate::kernel::{Ctx, Error, Result, Tx, error::ErrorCode, once, text};

/// Most messages of one transaction.
const BATCH: usize = 256;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Author {
    /// In which role.
    pub kind: AuthorKind,
    /// Visitor, user or assistant.
    pub id: Option<Uuid>,
}

/// A message to be posted; checked, but not yet numbered.
#[derive(Clone, Debug)]
pub struct Posting {
    /// Where.
    pub conversation: ConversationId,
    /// Who speaks.
    pub author: Author,
    /// To whom.
    pub audience: Audience,
    /// Markdown.
    pub body: String,
    /// Who is mentioned in it, for a note; checked, sorted, each once.
    pub mentions: Vec<UserId>,
    /// The sender's own id of it.
    pub client_id: Option<Uuid>,
    /// The run that wrote it.
    pub run: Option<RunId>,
    /// Its sources.
    pub citations: Vec<Citation>,
    /// What it is, for an assistant's answer.
    pub verdict: Option<Verdict>,
    /// It was stopped half-way.
    pub interrupted: bool,
    /// Who did it, for the journal.
    pub actor: Option<String>,
}

impl Posting {
    /// A message of somebody, without anything that only some have.
    pub fn by(author: Author, conversation: ConversationId, audience: Audience, body: String) -> Self {
        Self {
            conversation,
            author,
            audience,
            body,
            mentions: vec![],
            client_id: None,
            run: None,
            citations: vec![],
            verdict: None,
            interrupted: false,
            actor: None,
        }
    }
}

/// A message that is there.
pub(super) struct Posted {
    pub(super) message: message::Model,
    /// False when it had been sent before with the same client id.
    pub(super) is_new: bool,
}

type Answer = oneshot::Sender<Result<Posted>>;

/// The posts that wait, by site. A site is in the map while somebody writes for it.
#[derive(Default)]
struct Lanes(Mutex<HashMap<SiteId, Vec<(Posting, Answer)>>>);

/// Posts a message, together with what others post to the site at the same moment.
pub(super) async fn post(cx: &Ctx, site: SiteId, posting: Posting) -> Result<Posted> {
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

/// Posts a message of the server itself to each of these conversations, which are locked and open.
pub(crate) async fn tell_all_in(
    tx: &mut Tx,
    site: SiteId,
    mut rows: Vec<conversation::Model>,
    words: Vec<String>,
) -> Result<()> {
    let server = Author { kind: AuthorKind::System, id: None };
    let told = rows.iter().zip(words).map(|(row, body)| Posting::by(server, row.id, Audience::Everyone, body));
    let told: Vec<Posting> = told.collect();
    post_all_in(tx, site, &told, &mut rows).await
}

/// Posts messages of the server itself to conversations that are locked and open, and moves on what their rows copy.
pub(super) async fn post_all_in(
    tx: &mut Tx,
    site: SiteId,
    postings: &[Posting],
    rows: &mut [conversation::Model],
) -> Result<()> {
    let mut conversations = rows.iter().map(|row| (row.id, row.clone())).collect();
    // Posting a visitor's message can open a conversation, which tells: boxed, since a future cannot hold itself.
    for outcome in Box::pin(write_among(tx, site, postings, Closed::Later, &mut conversations)).await? {
        if let Outcome::Done(result) = outcome {
            result?;
        }
    }
    for row in rows {
        if let Some(now) = conversations.remove(&row.id) {
            *row = now;
        }
    }
    Ok(())
}

async fn write_in(tx: &mut Tx, site: SiteId, postings: &[Posting], closed: Closed) -> Result<Vec<Outcome>> {
    let mut ids: Vec<ConversationId> = postings.iter().map(|posting| posting.conversation).collect();
    ids.sort();
    ids.dedup();
    let mut conversations = store::lock_all(&tx.db(), site, ids, store::Busy::Wait).await?;
    write_among(tx, site, postings, closed, &mut conversations).await
}

async fn write_among(
    tx: &mut Tx,
    site: SiteId,
    postings: &[Posting],
    closed: Closed,
    conversations: &mut HashMap<ConversationId, conversation::Model>,
) -> Result<Vec<Outcome>> {
    let mut sent = sent_before(tx, site, postings).await?;
    let now = tx.cx().clock.now();
    let mut rows = Vec::with_capacity(postings.len());
    let mut mentioned = Vec::new();
    let mut changed: Vec<ConversationId> = Vec::new();
    let mut outcomes = Vec::with_capacity(postings.len());
    for posting in postings {
        let Some(conversation) = conversations.get_mut(&posting.conversation) else {
            outcomes.push(Outcome::Done(Err(Error::not_found("conversation"))));
            continue;
        };
        let hash = model::content_hash(conversation, posting);
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
        let message = number(conversation, posting, hash, tx.cx().id(MessageId), now);
        if !changed.contains(&conversation.id) {
            changed.push(conversation.id);
        }
        let (actor, subject) = (posting.actor.clone(), conversation.id.0);
        tx.record_by(
            actor.clone(),
            site,
            subject,
            &ConversationFact::MessagePosted {
                message: message.id,
                seq: message.seq,
                author: message.author_kind,
                author_id: message.author_id,
                audience: message.audience,
            },
        )?;
        mentioned.extend(mentions::record_in(tx, &message, &posting.mentions, actor.as_ref())?);
        if posting.author.kind == AuthorKind::Agent && posting.audience == Audience::Everyone {
            let agent = posting.author.id.map(UserId).ok_or_else(|| Error::internal("an agent who is nobody"))?;
            attention::replied_in(tx, conversation, agent, actor).await?;
        }
        if let Some(key) = key {
            sent.insert(key, message.clone());
        }
        rows.push(message.clone().into_row());
        outcomes.push(Outcome::Done(Ok(Box::new(Posted { message, is_new: true }))));
    }
    if !rows.is_empty() {
        message::Entity::insert_many(rows).exec_without_returning(&tx.db()).await?;
        mentions::insert_in(tx, mentioned).await?;
        let heads: Vec<&conversation::Model> = changed.iter().filter_map(|id| conversations.get(id)).collect();
        let database = tx.cx().database.clone();
        store::write_heads(&database, &tx.db(), &heads).await?;
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
    let found = store::sent_before(&tx.db(), site, authors, clients).await?;
    Ok(found.into_iter().filter_map(|row| Some(((row.author_id, row.client_id?), row))).collect())
}

/// Gives the message its number and moves what the conversation's row copies of it.
fn number(
    conversation: &mut conversation::Model,
    posting: &Posting,
    hash: Vec<u8>,
    id: MessageId,
    now: chrono::DateTime<chrono::Utc>,
) -> message::Model {
    conversation.last_seq += 1;
    // What the server itself tells is no word of anybody: an inbox goes on showing what was said before.
    if posting.audience == Audience::Everyone && posting.author.kind != AuthorKind::System {
        conversation.last_message_id = Some(id);
        conversation.last_message_author = Some(posting.author.kind);
        conversation.last_message_preview = Some(text::first(&posting.body, model::PREVIEW).to_owned());
        conversation.last_activity = now.timestamp_micros();
        match posting.author.kind {
            AuthorKind::Visitor => conversation.unread_by_staff += 1,
            AuthorKind::Agent | AuthorKind::Assistant => conversation.unread_by_visitor += 1,
            AuthorKind::System => {}
        }
        if conversation.description.is_none() && posting.author.kind != AuthorKind::Assistant {
            conversation.description = Some(text::first(&posting.body, model::DESCRIPTION).to_owned());
        }
    }
    message::Model {
        id,
        site_id: conversation.site_id,
        conversation_id: conversation.id,
        seq: conversation.last_seq,
        author_kind: posting.author.kind,
        author_id: posting.author.id,
        audience: posting.audience,
        body: posting.body.clone(),
        folded: fold(&posting.body),
        client_id: posting.client_id,
        content_hash: posting.client_id.map(|_| hash),
        run_id: posting.run,
        citations: (!posting.citations.is_empty())
            .then(|| serde_json::to_value(&posting.citations).unwrap_or_default()),
        action: posting.verdict.map(|verdict| verdict.action),
        confidence: posting.verdict.map(|verdict| verdict.confidence),
        interrupted: posting.interrupted,
        created_at: now,
        edited_at: None,
        deleted_at: None,
    }
}

/// A whole row to insert.
trait IntoRow {
    fn into_row(self) -> message::ActiveModel;
}

impl IntoRow for message::Model {
    fn into_row(self) -> message::ActiveModel {
        message::ActiveModel {
            id: Set(self.id),
            site_id: Set(self.site_id),
            conversation_id: Set(self.conversation_id),
            seq: Set(self.seq),
            author_kind: Set(self.author_kind),
            author_id: Set(self.author_id),
            audience: Set(self.audience),
            body: Set(self.body),
            folded: Set(self.folded),
            client_id: Set(self.client_id),
            content_hash: Set(self.content_hash),
            run_id: Set(self.run_id),
            citations: Set(self.citations),
            action: Set(self.action),
            confidence: Set(self.confidence),
            interrupted: Set(self.interrupted),
            created_at: Set(self.created_at),
            edited_at: Set(self.edited_at),
            deleted_at: Set(self.deleted_at),
        }
    }
}
