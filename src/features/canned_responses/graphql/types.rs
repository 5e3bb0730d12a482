//! A canned response in the API.

use ::entity::{
    canned_response::{self, Scope},
    ids::{CannedResponseId, SiteId},
};
use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};

use super::super::model;
use crate::{
    features::conversations::graphql::types::{Agent, AgentKey},
    kernel::{CtxExt, Result},
};

/// A text with variables that agents put into conversations by a shortcut.
pub(crate) struct CannedResponse(canned_response::Model);

impl From<canned_response::Model> for CannedResponse {
    fn from(row: canned_response::Model) -> Self {
        Self(row)
    }
}

/// A text with variables that agents put into conversations by a shortcut.
#[Object]
impl CannedResponse {
    /// Opaque id, `canned_…`.
    pub(crate) async fn id(&self) -> CannedResponseId {
        self.0.id
    }

    /// The site on which it is used.
    async fn site_id(&self) -> SiteId {
        self.0.site_id
    }

    /// Who may use it.
    async fn scope(&self) -> Scope {
        self.0.scope
    }

    /// What to type for it: `/iade`.
    async fn shortcut(&self) -> &str {
        &self.0.shortcut
    }

    /// What it is called.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Markdown with variables: `{{visitor.name}}`, or with a default `{{visitor.name|dear customer}}`.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// The variables of its text, without braces and defaults.
    async fn variables(&self) -> Result<Vec<&'static str>> {
        let parts = model::parse("text", &self.0.text)?;
        Ok(model::variables(&parts).into_iter().map(model::Variable::name).collect())
    }

    /// How often it was put into a conversation.
    async fn uses(&self) -> i64 {
        self.0.uses
    }

    /// Who made it. Null when there is no such account any more.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        ctx.cx().load(AgentKey(self.0.author_id)).await
    }

    /// Grows by one with each change; `updateCannedResponse` takes it as `expectedVersion`. Uses do not count.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When its shortcut, title or text was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}
