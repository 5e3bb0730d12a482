//! Sending contact requests and seeing to them.

use ::entity::{
    contact_request::Kind,
    ids::{ContactRequestId, ConversationId, DepartmentId, UserId},
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    super::{actions, model::Draft},
    types::ContactRequest,
};
use crate::kernel::{CtxExt, Once, Result};

/// A message to leave. `email` or `phone` is needed, for the answer.
#[derive(Debug, InputObject)]
struct LeaveMessageInput {
    /// The public key of the site that is asked, for people with an account. Visitors leave it out, and so does who gives
    /// `conversationId`.
    site_key: Option<String>,
    /// Your conversation that it is about.
    conversation_id: Option<ConversationId>,
    /// The department it is for.
    department_id: Option<DepartmentId>,
    /// Your name, up to 120 characters.
    name: Option<String>,
    /// Your e-mail address.
    email: Option<String>,
    /// Your phone number: digits, spaces and `+ - ( ) / .`, up to 40 characters.
    phone: Option<String>,
    /// What you want to say, 1 to 5,000 characters.
    message: String,
    /// Your own id of the request, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same request and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// A message that was left.
#[derive(SimpleObject)]
struct LeaveMessagePayload {
    /// The request as it is stored; the same on every retry.
    contact_request: ContactRequest,
}

/// A call to wish for.
#[derive(Debug, InputObject)]
struct RequestCallbackInput {
    /// The public key of the site that is asked, for people with an account. Visitors leave it out, and so does who gives
    /// `conversationId`.
    site_key: Option<String>,
    /// Your conversation that it is about.
    conversation_id: Option<ConversationId>,
    /// The department that is to call.
    department_id: Option<DepartmentId>,
    /// Your name, up to 120 characters.
    name: Option<String>,
    /// Your phone number: digits, spaces and `+ - ( ) / .`, up to 40 characters.
    phone: String,
    /// From when on a call suits you; at once without it. At most 90 days from now.
    earliest_at: Option<DateTime<Utc>>,
    /// Up to when a call suits you, after `earliestAt`; whenever without it. At most 90 days from now.
    latest_at: Option<DateTime<Utc>>,
    /// What it is about, up to 1,000 characters.
    note: Option<String>,
    /// Your own id of the request, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same request and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// A call that is wished for.
#[derive(SimpleObject)]
struct RequestCallbackPayload {
    /// The request as it is stored; the same on every retry.
    contact_request: ContactRequest,
}

/// Who is to see to a contact request.
#[derive(Debug, InputObject)]
struct AssignContactRequestInput {
    /// The request.
    contact_request_id: ContactRequestId,
    /// A member of its site; nobody without it.
    assignee_id: Option<UserId>,
}

/// A contact request that was given to somebody.
#[derive(SimpleObject)]
struct AssignContactRequestPayload {
    /// The request as it is now.
    contact_request: ContactRequest,
}

/// A contact request that is done with.
#[derive(Debug, InputObject)]
struct ResolveContactRequestInput {
    /// The request.
    contact_request_id: ContactRequestId,
    /// What came of it, up to 1,000 characters. Members of the site see it.
    resolution: Option<String>,
}

/// A contact request that is done with.
#[derive(SimpleObject)]
struct ResolveContactRequestPayload {
    /// The request as it is now.
    contact_request: ContactRequest,
}

/// A contact request that is to wait again.
#[derive(Debug, InputObject)]
struct ReopenContactRequestInput {
    /// The request.
    contact_request_id: ContactRequestId,
}

/// A contact request that waits again.
#[derive(SimpleObject)]
struct ReopenContactRequestPayload {
    /// The request as it is now.
    contact_request: ContactRequest,
}

/// Changes to contact requests.
#[derive(Default)]
pub struct ContactRequestsMutation;

#[Object]
impl ContactRequestsMutation {
    /// Leaves a message for the members of a site, who answer by mail or phone. For visitors, and for customers; up to 10
    /// requests an hour.
    async fn leave_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: LeaveMessageInput,
    ) -> Result<LeaveMessagePayload> {
        let once = Once::new(ctx.cx(), "leaveMessage", input.client_id, &input);
        let draft = Draft {
            kind: Kind::Message,
            conversation: input.conversation_id,
            department: input.department_id,
            name: input.name,
            email: input.email,
            phone: input.phone,
            body: Some(input.message),
            earliest_at: None,
            latest_at: None,
        };
        let row = actions::send(ctx.cx(), input.site_key.as_deref(), draft, &once).await?;
        Ok(LeaveMessagePayload { contact_request: ContactRequest(row) })
    }

    /// Asks the members of a site for a call. For visitors, and for customers; up to 10 requests an hour.
    async fn request_callback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The call.")] input: RequestCallbackInput,
    ) -> Result<RequestCallbackPayload> {
        let once = Once::new(ctx.cx(), "requestCallback", input.client_id, &input);
        let draft = Draft {
            kind: Kind::Callback,
            conversation: input.conversation_id,
            department: input.department_id,
            name: input.name,
            email: None,
            phone: Some(input.phone),
            body: input.note,
            earliest_at: input.earliest_at,
            latest_at: input.latest_at,
        };
        let row = actions::send(ctx.cx(), input.site_key.as_deref(), draft, &once).await?;
        Ok(RequestCallbackPayload { contact_request: ContactRequest(row) })
    }

    /// Gives a contact request to a member of its site, or to nobody. For members of the site.
    async fn assign_contact_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and who.")] input: AssignContactRequestInput,
    ) -> Result<AssignContactRequestPayload> {
        let row = actions::assign(ctx.cx(), input.contact_request_id, input.assignee_id).await?;
        Ok(AssignContactRequestPayload { contact_request: ContactRequest(row) })
    }

    /// Says that somebody got in touch. One that is done with stays as it is. For members of the site.
    async fn resolve_contact_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what came of it.")] input: ResolveContactRequestInput,
    ) -> Result<ResolveContactRequestPayload> {
        let row = actions::resolve(ctx.cx(), input.contact_request_id, input.resolution.as_deref()).await?;
        Ok(ResolveContactRequestPayload { contact_request: ContactRequest(row) })
    }

    /// Lets a contact request wait again. One that is open stays as it is. For members of the site.
    async fn reopen_contact_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ReopenContactRequestInput,
    ) -> Result<ReopenContactRequestPayload> {
        let row = actions::reopen(ctx.cx(), input.contact_request_id).await?;
        Ok(ReopenContactRequestPayload { contact_request: ContactRequest(row) })
    }
}
