//! Messages as they are stored: numbered 1, 2, 3 … in the transaction that inserts them.
//!
//! The lowest part that writes: it knows nothing of who may say what, nor of what a message brings about.

mod store;

use std::collections::HashMap;

use ::entity::{
    conversation,
    ids::{ConversationId, MessageId, RunId, UserId},
    message::{self, Audience, AuthorKind},
};
use exact_index::text::fold;
use sea_orm::{EntityTrait, IntoActiveModel};
use uuid::Uuid;

pub(crate) use self::store::*;
use super::{
    answer::Verdict,
    facts::ConversationFact,
    model::{self, Citation},
};
use crate::kernel::{Error, Result, Tx, secret, text};

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

/// What a repetition of a client id is compared by.
pub(crate) fn content_hash(conversation: &conversation::Model, posting: &Posting) -> Vec<u8> {
    let audience: &[u8] = match posting.audience {
        Audience::Everyone => b"everyone",
        Audience::Staff => b"staff",
    };
    let mut parts: Vec<&[u8]> = vec![conversation.id.0.as_bytes(), audience, posting.body.as_bytes()];
    parts.extend(posting.mentions.iter().map(|id| id.0.as_bytes().as_slice()));
    secret::hash(&parts)
}

/// Gives a message its number, moves what the conversation's row copies of it, and tells of it. It is written by
/// [`insert_in`].
pub(crate) fn number_in(
    tx: &mut Tx,
    conversation: &mut conversation::Model,
    posting: &Posting,
    hash: Vec<u8>,
) -> Result<message::Model> {
    let (id, now) = (tx.cx().id(MessageId), tx.cx().clock.now());
    let message = number(conversation, posting, hash, id, now);
    let fact = ConversationFact::MessagePosted {
        message: message.id,
        seq: message.seq,
        author: message.author_kind,
        author_id: message.author_id,
        audience: message.audience,
    };
    tx.record_by(posting.actor.clone(), conversation.site_id, conversation.id.0, &fact)?;
    Ok(message)
}

/// Writes messages that have their numbers, and what the rows of their conversations copy of them.
pub(crate) async fn insert_in(
    tx: &Tx,
    messages: Vec<message::Model>,
    conversations: &[&conversation::Model],
) -> Result<()> {
    let rows = messages.into_iter().map(IntoActiveModel::into_active_model);
    message::Entity::insert_many(rows).exec_without_returning(&tx.db()).await?;
    write_heads(&tx.cx().database, &tx.db(), conversations).await
}

/// Posts messages of the server itself to conversations that are locked and open.
pub(crate) async fn post_all_in(tx: &mut Tx, postings: &[Posting], rows: &mut [conversation::Model]) -> Result<()> {
    let places: HashMap<ConversationId, usize> = rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    let mut messages = Vec::with_capacity(postings.len());
    for posting in postings {
        let row = places.get(&posting.conversation).and_then(|at| rows.get_mut(*at));
        let row = row.ok_or_else(|| Error::internal("a message to a conversation that is not locked"))?;
        messages.push(number_in(tx, row, posting, vec![])?);
    }
    if messages.is_empty() {
        return Ok(());
    }
    insert_in(tx, messages, &rows.iter().collect::<Vec<_>>()).await
}

/// Tells each of these conversations, which are locked and open, something of the server itself.
pub(crate) async fn tell_all_in(tx: &mut Tx, rows: &mut [conversation::Model], words: Vec<String>) -> Result<()> {
    let server = Author { kind: AuthorKind::System, id: None };
    let told = rows.iter().zip(words).map(|(row, body)| Posting::by(server, row.id, Audience::Everyone, body));
    let told: Vec<Posting> = told.collect();
    post_all_in(tx, &told, rows).await
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
            AuthorKind::Agent => {
                conversation.unread_by_visitor += 1;
                // Who replies has read what they reply to.
                conversation.unread_by_staff = 0;
            }
            AuthorKind::Assistant => conversation.unread_by_visitor += 1,
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
