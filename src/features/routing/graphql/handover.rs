//! Taking, accepting, declining and handing over in the API.

use ::entity::ids::{ConversationId, DepartmentId, UserId};
use async_graphql::{Context, InputObject, Object, OneofObject, SimpleObject};

use super::super::handover::{self, Target};
use crate::{
    features::conversations::graphql::types::Conversation,
    kernel::{CtxExt, Result},
};

/// An offer to accept.
#[derive(Debug, InputObject)]
struct AcceptOfferInput {
    /// The conversation that is offered to you.
    conversation_id: ConversationId,
}

/// An offer to decline.
#[derive(Debug, InputObject)]
struct DeclineOfferInput {
    /// The conversation that is offered to you.
    conversation_id: ConversationId,
}

/// A conversation to take.
#[derive(Debug, InputObject)]
struct TakeConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
    /// Take it also when another agent has it.
    #[graphql(default)]
    take_over: bool,
}

/// To whom a conversation is handed over.
#[derive(Debug, OneofObject)]
enum TransferTarget {
    /// This agent, who must be there and have room.
    AgentId(UserId),
    /// Whoever of this department is free; the visitor waits until somebody is.
    DepartmentId(DepartmentId),
    /// Whoever is free, as the site's rules say. Always `true`.
    Queue(bool),
}

/// A conversation to hand over.
#[derive(Debug, InputObject)]
struct TransferConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
    /// To whom.
    to: TransferTarget,
    /// An internal note for whoever gets it, up to 2,000 characters.
    note: Option<String>,
}

/// To whom to give a conversation.
#[derive(Debug, InputObject)]
struct AssignConversationInput {
    /// Which conversation.
    conversation_id: ConversationId,
    /// A member of the site, or null for nobody.
    assignee_id: Option<UserId>,
}

/// The conversation that was assigned.
#[derive(SimpleObject)]
struct AssignConversationPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// The conversation that was accepted.
#[derive(SimpleObject)]
struct AcceptOfferPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// The conversation that was declined.
#[derive(SimpleObject)]
struct DeclineOfferPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// The conversation that was taken.
#[derive(SimpleObject)]
struct TakeConversationPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// The conversation that was handed over.
#[derive(SimpleObject)]
struct TransferConversationPayload {
    /// The conversation as it is now.
    conversation: Conversation,
}

/// Changes to who has a conversation.
#[derive(Default)]
pub struct HandoverMutation;

#[Object]
impl HandoverMutation {
    /// Accepts a conversation that is offered to you: it is yours. Refused with `OFFER_OVER` when it is not, or no longer,
    /// offered to you.
    async fn accept_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: AcceptOfferInput,
    ) -> Result<AcceptOfferPayload> {
        let row = handover::accept(ctx.cx(), input.conversation_id).await?;
        Ok(AcceptOfferPayload { conversation: row.into() })
    }

    /// Declines a conversation that is offered to you: the next agent gets the offer, and this one does not come back to
    /// you while the visitor waits.
    async fn decline_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: DeclineOfferInput,
    ) -> Result<DeclineOfferPayload> {
        let row = handover::decline(ctx.cx(), input.conversation_id).await?;
        Ok(DeclineOfferPayload { conversation: row.into() })
    }

    /// Takes a conversation: one that waits, the assistant's, or with `takeOver` another agent's. The assistant falls silent
    /// in it. Refused with `AT_CAPACITY` when you have as many as you may have, with `ALREADY_ASSIGNED` without
    /// `takeOver`. For members of the site.
    async fn take_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: TakeConversationInput,
    ) -> Result<TakeConversationPayload> {
        let row = handover::take(ctx.cx(), input.conversation_id, input.take_over).await?;
        Ok(TakeConversationPayload { conversation: row.into() })
    }

    /// Gives a conversation to a member of the site, whether or not they have room: the assistant falls silent in it. Where
    /// they are not there the visitor waits in the queue; it is theirs when they come, unless somebody else is free before.
    /// Given to nobody, it waits for another agent. A closed conversation goes to them when it is opened again. For members
    /// of the site.
    async fn assign_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation, to whom.")] input: AssignConversationInput,
    ) -> Result<AssignConversationPayload> {
        let row = handover::assign(ctx.cx(), input.conversation_id, input.assignee_id).await?;
        Ok(AssignConversationPayload { conversation: row.into() })
    }

    /// Hands a conversation over to an agent, a department, or whoever is free. The visitor is told so and waits, where they
    /// must, at the place they had. Refused with `AGENT_NOT_AVAILABLE` for an agent who is not there or has no room. For
    /// members of the site.
    async fn transfer_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation, to whom.")] input: TransferConversationInput,
    ) -> Result<TransferConversationPayload> {
        let target = match input.to {
            TransferTarget::AgentId(user) => Target::Agent(user),
            TransferTarget::DepartmentId(department) => Target::Department(department),
            TransferTarget::Queue(_) => Target::Queue,
        };
        let note = input.note.as_deref();
        let row = Box::pin(handover::transfer(ctx.cx(), input.conversation_id, target, note)).await?;
        Ok(TransferConversationPayload { conversation: row.into() })
    }
}
