//! Changing conversations.

use std::marker::PhantomData;

use ::entity::{
    ids::{ConversationId, MessageId, UserId},
    message::Audience,
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use uuid::Uuid;

use super::{
    super::{details, handoff, posting, reading::receipts},
    types::{Conversation, Message},
};
use crate::kernel::{CtxExt, Result};

/// Mutations whose types differ in their names only: each has an input and a payload of its own, so that each can grow.
mod of {
    #[derive(Debug)]
    pub(super) struct AddReaction;
    #[derive(Debug)]
    pub(super) struct RemoveReaction;
    #[derive(Debug)]
    pub(super) struct MarkDelivered;
    #[derive(Debug)]
    pub(super) struct MarkRead;
    #[derive(Debug)]
    pub(super) struct RequestHuman;
    #[derive(Debug)]
    pub(super) struct CancelHumanRequest;
    #[derive(Debug)]
    pub(super) struct PauseAssistant;
    #[derive(Debug)]
    pub(super) struct ResumeAssistant;
    #[derive(Debug)]
    pub(super) struct DeleteConversation;
    #[derive(Debug)]
    pub(super) struct TagConversation;
    #[derive(Debug)]
    pub(super) struct RenameConversation;
}

/// An internal note.
#[derive(Debug, InputObject)]
struct AddNoteInput {
    /// Where.
    conversation_id: ConversationId,
    /// Markdown, 1 to 10,000 characters.
    body: String,
    /// The members of the site it mentions, at most 20; write `@[user_…]` where in the body they stand. They find the note
    /// in `mentions` and are told with `mentionEvents`.
    #[graphql(default)]
    mention_ids: Vec<UserId>,
    /// Your own id of the note, a UUID you make: sending it again, for example after a lost connection, gives the same
    /// note and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// A stored note.
#[derive(SimpleObject)]
struct AddNotePayload {
    /// The note: a message whose audience is `STAFF`.
    message: Message,
}

/// A new text for a message.
#[derive(Debug, InputObject)]
struct EditMessageInput {
    /// Which message.
    message_id: MessageId,
    /// Markdown, 1 to 10,000 characters.
    body: String,
}

/// A changed message.
#[derive(SimpleObject)]
struct EditMessagePayload {
    /// The message as it is now.
    message: Message,
}

/// A message to delete.
#[derive(Debug, InputObject)]
struct DeleteMessageInput {
    /// Which message.
    message_id: MessageId,
}

/// A deleted message.
#[derive(SimpleObject)]
struct DeleteMessagePayload {
    /// The message as it is now: an empty body and `deletedAt`.
    message: Message,
}

/// An emoji for a message.
#[derive(Debug, InputObject)]
#[graphql(
    concrete(name = "AddReactionInput", params(of::AddReaction)),
    concrete(name = "RemoveReactionInput", params(of::RemoveReaction))
)]
struct ReactionInput<M: Send + Sync> {
    /// Which message.
    message_id: MessageId,
    /// One emoji.
    emoji: String,
    #[graphql(skip)]
    of: PhantomData<M>,
}

/// A message whose reactions changed.
#[derive(SimpleObject)]
#[graphql(
    concrete(name = "AddReactionPayload", params(of::AddReaction)),
    concrete(name = "RemoveReactionPayload", params(of::RemoveReaction))
)]
struct ReactionPayload<M: Send + Sync> {
    /// The message with its reactions.
    message: Message,
    #[graphql(skip)]
    of: PhantomData<M>,
}

/// How far you have received or read.
#[derive(Debug, InputObject)]
#[graphql(
    concrete(name = "MarkDeliveredInput", params(of::MarkDelivered)),
    concrete(name = "MarkReadInput", params(of::MarkRead))
)]
struct ReceiptInput<M: Send + Sync> {
    /// Where.
    conversation_id: ConversationId,
    /// `seq` of the newest message you received or read. Earlier ones are included; a receipt never moves back.
    seq: i64,
    #[graphql(skip)]
    of: PhantomData<M>,
}

/// A conversation whose receipts moved.
#[derive(SimpleObject)]
#[graphql(
    concrete(name = "MarkDeliveredPayload", params(of::MarkDelivered)),
    concrete(name = "MarkReadPayload", params(of::MarkRead))
)]
struct ReceiptPayload<M: Send + Sync> {
    /// The conversation with its unread count.
    conversation: Conversation,
    #[graphql(skip)]
    of: PhantomData<M>,
}

/// Whether you are typing.
#[derive(Debug, InputObject)]
struct SetTypingInput {
    /// Where.
    conversation_id: ConversationId,
    /// True while typing; send it again every few seconds, watchers forget it after 6.
    is_typing: bool,
    /// For whom: `STAFF` while a note is typed, which only members of the site may say and get to know.
    #[graphql(default_with = "Audience::Everyone")]
    audience: Audience,
    /// What is being typed, if it should be shown; at most 500 characters. Never stored.
    preview: Option<String>,
}

/// Typing was passed on.
#[derive(SimpleObject)]
struct SetTypingPayload {
    /// Where.
    conversation_id: ConversationId,
}

/// Which conversation.
#[derive(Debug, InputObject)]
#[graphql(
    concrete(name = "RequestHumanInput", params(of::RequestHuman)),
    concrete(name = "CancelHumanRequestInput", params(of::CancelHumanRequest)),
    concrete(name = "PauseAssistantInput", params(of::PauseAssistant)),
    concrete(name = "ResumeAssistantInput", params(of::ResumeAssistant)),
    concrete(name = "DeleteConversationInput", params(of::DeleteConversation))
)]
struct ConversationInput<M: Send + Sync> {
    /// Which conversation.
    conversation_id: ConversationId,
    #[graphql(skip)]
    of: PhantomData<M>,
}

/// A changed conversation.
#[derive(SimpleObject)]
#[graphql(
    concrete(name = "RequestHumanPayload", params(of::RequestHuman)),
    concrete(name = "CancelHumanRequestPayload", params(of::CancelHumanRequest)),
    concrete(name = "PauseAssistantPayload", params(of::PauseAssistant)),
    concrete(name = "ResumeAssistantPayload", params(of::ResumeAssistant)),
    concrete(name = "TagConversationPayload", params(of::TagConversation)),
    concrete(name = "RenameConversationPayload", params(of::RenameConversation))
)]
struct ConversationPayload<M: Send + Sync> {
    /// The conversation as it is now.
    conversation: Conversation,
    #[graphql(skip)]
    of: PhantomData<M>,
}

/// Tags to add and remove.
#[derive(Debug, InputObject)]
struct TagConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
    /// Tags to add, at most 50 characters each; they are made lower-case.
    #[graphql(default)]
    add: Vec<String>,
    /// Tags to take away.
    #[graphql(default)]
    remove: Vec<String>,
}

/// A new title.
#[derive(Debug, InputObject)]
struct RenameConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
    /// At most 200 characters; null or empty takes the title away.
    title: Option<String>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has renamed the conversation since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// What was deleted.
#[derive(SimpleObject)]
struct DeleteConversationPayload {
    /// The id that is gone.
    conversation_id: ConversationId,
}

/// Mutations of conversations.
#[derive(Default)]
pub struct ConversationsMutation;

#[Object]
impl ConversationsMutation {
    /// Writes an internal note that no visitor or customer can ever see, and tells those it mentions. For members of the
    /// site.
    async fn add_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to note.")] input: AddNoteInput,
    ) -> Result<AddNotePayload> {
        let cx = ctx.cx();
        let (id, client) = (input.conversation_id, input.client_id);
        let row =
            posting::send(cx, id, ("input.body", &input.body), Audience::Staff, input.mention_ids, client).await?;
        Ok(AddNotePayload { message: Message::of(cx, row).await? })
    }

    /// Changes a message of your own for as long after sending it as the server is set to allow, 5 minutes by default. Its
    /// earlier text is kept for the site's members. A question that asks something else now is answered anew by the
    /// assistant: at once while its answer is being written, and after it as long as nothing more has been said.
    async fn edit_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which message, and its new text.")] input: EditMessageInput,
    ) -> Result<EditMessagePayload> {
        let row = posting::edit_message(ctx.cx(), input.message_id, &input.body).await?;
        Ok(EditMessagePayload { message: Message::of(ctx.cx(), row).await? })
    }

    /// Deletes a message of your own for as long after sending it as the server is set to allow, 5 minutes by default. Its
    /// text is kept for the site's members.
    async fn delete_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which message.")] input: DeleteMessageInput,
    ) -> Result<DeleteMessagePayload> {
        let row = posting::delete_message(ctx.cx(), input.message_id).await?;
        Ok(DeleteMessagePayload { message: Message::of(ctx.cx(), row).await? })
    }

    /// Puts an emoji on a message. Doing it twice changes nothing.
    async fn add_reaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which message and emoji.")] input: ReactionInput<of::AddReaction>,
    ) -> Result<ReactionPayload<of::AddReaction>> {
        let row = posting::react(ctx.cx(), input.message_id, &input.emoji, true).await?;
        Ok(ReactionPayload { of: PhantomData, message: Message::of(ctx.cx(), row).await? })
    }

    /// Takes one's own emoji away from a message.
    async fn remove_reaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which message and emoji.")] input: ReactionInput<of::RemoveReaction>,
    ) -> Result<ReactionPayload<of::RemoveReaction>> {
        let row = posting::react(ctx.cx(), input.message_id, &input.emoji, false).await?;
        Ok(ReactionPayload { of: PhantomData, message: Message::of(ctx.cx(), row).await? })
    }

    /// Says that messages have reached a device of yours.
    async fn mark_delivered(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and up to which message.")] input: ReceiptInput<of::MarkDelivered>,
    ) -> Result<ReceiptPayload<of::MarkDelivered>> {
        let row = receipts::acknowledge(ctx.cx(), input.conversation_id, input.seq, false).await?;
        Ok(ReceiptPayload { of: PhantomData, conversation: row.into() })
    }

    /// Says that you have read messages. Brings the unread count down; what one agent has read, all agents have.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and up to which message.")] input: ReceiptInput<of::MarkRead>,
    ) -> Result<ReceiptPayload<of::MarkRead>> {
        let row = receipts::acknowledge(ctx.cx(), input.conversation_id, input.seq, true).await?;
        Ok(ReceiptPayload { of: PhantomData, conversation: row.into() })
    }

    /// Shows others that you are typing. Passing: nothing is stored.
    async fn set_typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and whether you type.")] input: SetTypingInput,
    ) -> Result<SetTypingPayload> {
        let preview = input.preview.as_deref();
        posting::typing(ctx.cx(), input.conversation_id, input.audience, input.is_typing, preview).await?;
        Ok(SetTypingPayload { conversation_id: input.conversation_id })
    }

    /// Adds tags to a conversation and takes others away; at most 20 remain. For members of the site.
    async fn tag_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation, which tags.")] input: TagConversationInput,
    ) -> Result<ConversationPayload<of::TagConversation>> {
        Ok(payload(details::tag(ctx.cx(), input.conversation_id, &input.add, &input.remove).await?))
    }

    /// Gives a conversation a title.
    async fn rename_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation, which title.")] input: RenameConversationInput,
    ) -> Result<ConversationPayload<of::RenameConversation>> {
        let RenameConversationInput { conversation_id, title, expected_version } = input;
        Ok(payload(details::rename(ctx.cx(), conversation_id, expected_version, title.as_deref()).await?))
    }

    /// Asks for a person: the assistant falls silent, the visitor is told so, and the conversation waits in the queue until
    /// an agent has it; with an agent who is there already, nothing changes. For the visitor or customer of the conversation, at any time; a closed one is reopened. Asking twice is the
    /// same as once. Refused with `INVALID_COMBINATION` where nobody works but the customer: with an assistant of their own.
    async fn request_human(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In which conversation.")] input: ConversationInput<of::RequestHuman>,
    ) -> Result<ConversationPayload<of::RequestHuman>> {
        Ok(payload(handoff::request(ctx.cx(), input.conversation_id).await?))
    }

    /// Stops waiting for a person: the assistant answers again, also what was asked meanwhile and nobody has answered. For
    /// the visitor or customer.
    async fn cancel_human_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In which conversation.")] input: ConversationInput<of::CancelHumanRequest>,
    ) -> Result<ConversationPayload<of::CancelHumanRequest>> {
        Ok(payload(handoff::cancel(ctx.cx(), input.conversation_id).await?))
    }

    /// Silences the assistant in a conversation, which then waits in the queue for whoever is free. An agent who writes to
    /// the visitor, or takes the conversation, silences it by that. Refused with `CONVERSATION_CLOSED` where it is closed,
    /// and with `FEATURE_OFF` where the widget's `liveChat` is off, as nobody would answer. For members of the site.
    async fn pause_assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: ConversationInput<of::PauseAssistant>,
    ) -> Result<ConversationPayload<of::PauseAssistant>> {
        Ok(payload(handoff::set_paused(ctx.cx(), input.conversation_id, true).await?))
    }

    /// Lets the assistant answer again, from the next message on, in place of its agent. Whoever has asked for a person and
    /// waits keeps their place in line meanwhile. Refused with `ASSISTANT_DISABLED` where no assistant can answer. For
    /// members of the site.
    async fn resume_assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: ConversationInput<of::ResumeAssistant>,
    ) -> Result<ConversationPayload<of::ResumeAssistant>> {
        Ok(payload(handoff::set_paused(ctx.cx(), input.conversation_id, false).await?))
    }

    /// Deletes a conversation with everything in it, for good: a customer their own, an admin any of the site.
    async fn delete_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: ConversationInput<of::DeleteConversation>,
    ) -> Result<DeleteConversationPayload> {
        Ok(DeleteConversationPayload { conversation_id: details::delete(ctx.cx(), input.conversation_id).await? })
    }
}

fn payload<M: Send + Sync>(row: ::entity::conversation::Model) -> ConversationPayload<M> {
    ConversationPayload { conversation: row.into(), of: PhantomData }
}
