//! Closing and reopening in the API.

use std::collections::HashMap;

use ::entity::{
    conversation_closing::{self, CloseReason},
    ids::{ConversationId, UserId},
};
use async_graphql::{ComplexObject, Context, InputObject, Object, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};

use super::{
    super::graphql::types::{Agent, AgentKey, Conversation},
    store,
};
use crate::kernel::{CtxExt, Error, Result, loader::Batch};

/// How a conversation ended. For members of the site.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Closing {
    /// Why, where a member of the site said so.
    reason: Option<CloseReason>,
    /// What else was said about it.
    note: Option<String>,
    /// When it was closed.
    closed_at: DateTime<Utc>,
    #[graphql(skip)]
    assignee_id: Option<UserId>,
}

#[ComplexObject]
impl Closing {
    /// To whom the conversation was given when it was closed.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.assignee_id {
            Some(id) => ctx.cx().load(AgentKey(id)).await,
            None => Ok(None),
        }
    }
}

impl From<conversation_closing::Model> for Closing {
    fn from(row: conversation_closing::Model) -> Self {
        Self { reason: row.reason, note: row.note, closed_at: row.closed_at, assignee_id: row.assignee_id }
    }
}

/// The closings of a conversation, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClosingsKey(pub(crate) ConversationId);

impl Loader<ClosingsKey> for Batch {
    type Value = Vec<conversation_closing::Model>;
    type Error = Error;
    async fn load(&self, keys: &[ClosingsKey]) -> Result<HashMap<ClosingsKey, Vec<conversation_closing::Model>>> {
        let found = store::by_conversations(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(found.into_iter().map(|(id, rows)| (ClosingsKey(id), rows)).collect())
    }
}

/// What to close.
#[derive(Debug, InputObject)]
struct CloseConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
    /// Why, if you are a member of the site.
    reason: Option<CloseReason>,
    /// What else there is to say about the reason, for members of the site; at most 1,000 characters.
    note: Option<String>,
}

/// A closed conversation.
#[derive(SimpleObject)]
struct CloseConversationPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// What to reopen.
#[derive(Debug, InputObject)]
struct ReopenConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
}

/// A reopened conversation.
#[derive(SimpleObject)]
struct ReopenConversationPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// Closing and reopening.
#[derive(Default)]
pub struct ClosingMutation;

#[Object]
impl ClosingMutation {
    /// Ends a conversation. Everybody in it may; members of the site can say why, for other members to see. Its visitor
    /// or customer is told who closed it by a message, and can rate it from then on (`rateConversation`).
    async fn close_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation, and why.")] input: CloseConversationInput,
    ) -> Result<CloseConversationPayload> {
        let note = input.note.as_deref();
        let row = super::close(ctx.cx(), input.conversation_id, input.reason, note).await?;
        Ok(CloseConversationPayload { conversation: row.into() })
    }

    /// Brings a closed conversation back; why it was closed is forgotten. Its visitor or customer is told by a message where
    /// a member of the site does so. A visitor's new message does so by itself.
    async fn reopen_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: ReopenConversationInput,
    ) -> Result<ReopenConversationPayload> {
        let row = super::reopen(ctx.cx(), input.conversation_id).await?;
        Ok(ReopenConversationPayload { conversation: row.into() })
    }
}
