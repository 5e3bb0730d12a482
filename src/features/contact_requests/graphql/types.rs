//! A contact request in the API.

use ::entity::{
    contact_request::{self, Kind, Status},
    ids::{ContactRequestId, DepartmentId, SiteId},
};
use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};

use crate::{
    features::{
        conversations::graphql::{
            people::{Customer, PublicDepartment},
            types::{Agent, AgentKey, Conversation, ConversationKey, VisitorKey},
        },
        visitors::Visitor,
    },
    kernel::{CtxExt, Result},
};

/// A wish of a visitor or customer that somebody gets in touch with them.
pub(crate) struct ContactRequest(pub(in crate::features::contact_requests) contact_request::Model);

/// A wish of a visitor or customer that somebody gets in touch with them.
#[Object]
impl ContactRequest {
    /// Opaque id, `contact_…`.
    pub(crate) async fn id(&self) -> ContactRequestId {
        self.0.id
    }

    /// The site that is asked.
    async fn site_id(&self) -> SiteId {
        self.0.site_id
    }

    /// What is wanted.
    async fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether somebody has got in touch.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// The name they gave.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Their e-mail address, as they gave it.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Their phone number, as they gave it. Never null for a call.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// What they wrote; of a call the note, which may be null. Text as it was written: escape it when you show it.
    async fn message(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// They want to be called from this moment on; null for at once.
    async fn earliest_at(&self) -> Option<DateTime<Utc>> {
        self.0.earliest_at
    }

    /// They want to be called up to this moment; null for whenever.
    async fn latest_at(&self) -> Option<DateTime<Utc>> {
        self.0.latest_at
    }

    /// The department it is for. Null where none was named, or it is gone.
    async fn department_id(&self) -> Option<DepartmentId> {
        self.0.department_id
    }

    /// That department, by name.
    async fn department(&self, ctx: &Context<'_>) -> Result<Option<PublicDepartment>> {
        PublicDepartment::load(ctx.cx(), self.0.department_id).await
    }

    /// The visitor who asks; null when it is a customer.
    async fn visitor(&self, ctx: &Context<'_>) -> Result<Option<Visitor>> {
        match self.0.visitor_id {
            Some(id) => ctx.cx().load(VisitorKey(id)).await,
            None => Ok(None),
        }
    }

    /// The customer who asks; null when it is a visitor.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Option<Customer>> {
        Customer::load(ctx.cx(), self.0.site_id, self.0.customer_id).await
    }

    /// The conversation it is about. Null where none was named, or it is gone.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Option<Conversation>> {
        match self.0.conversation_id {
            Some(id) => Ok(ctx.cx().load(ConversationKey(id)).await?.map(Conversation::from)),
            None => Ok(None),
        }
    }

    /// The member of the site who sees to it. For members of the site; null for others, and while nobody does.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.0.assignee_id {
            Some(id) if ctx.cx().actor.is_staff_of(self.0.site_id) => ctx.cx().load(AgentKey(id)).await,
            Some(_) | None => Ok(None),
        }
    }

    /// When it was sent.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When somebody got in touch. Null while it is open.
    async fn resolved_at(&self) -> Option<DateTime<Utc>> {
        self.0.resolved_at
    }

    /// Who said that it is done with. For members of the site; null for others, and while it is open.
    async fn resolved_by(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.0.resolved_by {
            Some(id) if ctx.cx().actor.is_staff_of(self.0.site_id) => ctx.cx().load(AgentKey(id)).await,
            Some(_) | None => Ok(None),
        }
    }

    /// What came of it, in their words. For members of the site; null for others, and where nothing was said.
    async fn resolution(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.resolution.as_deref().filter(|_| ctx.cx().actor.is_staff_of(self.0.site_id))
    }
}
