//! Changing and using canned responses.

use ::entity::{
    canned_response::Scope,
    ids::{CannedResponseId, ConversationId, SiteId},
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use uuid::Uuid;

use super::{
    super::{
        actions::{self, Changes, Content},
        model::Variable,
    },
    types::CannedResponse,
};
use crate::kernel::{CtxExt, Once, Result};

/// A new canned response.
#[derive(Debug, InputObject)]
struct CreateCannedResponseInput {
    /// The site on which it is used.
    site_id: SiteId,
    /// Who may use it.
    #[graphql(default_with = "Scope::Own")]
    scope: Scope,
    /// What to type for it: a slash and 1 to 32 letters, digits, `-` or `_`. Unique in its scope, in any case and with or
    /// without accents.
    shortcut: String,
    /// What it is called, 1 to 100 characters.
    title: String,
    /// Markdown, 1 to 5,000 characters, with variables: `{{visitor.name}}`, `{{visitor.email}}`, `{{visitor.phone}}`,
    /// `{{agent.name}}`, `{{assistant.name}}`, `{{site.name}}`, `{{conversation.id}}`. What stands after `|` is taken
    /// where there is nothing: `{{visitor.name|dear customer}}`.
    text: String,
    /// Your own id of the response, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same response and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// The response that was made.
#[derive(SimpleObject)]
struct CreateCannedResponsePayload {
    /// The new response.
    canned_response: CannedResponse,
}

/// What to change of a canned response; what is left out, or null, stays.
#[derive(Debug, InputObject)]
struct UpdateCannedResponseInput {
    /// Which response.
    canned_response_id: CannedResponseId,
    /// What to type for it.
    shortcut: Option<String>,
    /// What it is called, 1 to 100 characters.
    title: Option<String>,
    /// Markdown with variables, 1 to 5,000 characters.
    text: Option<String>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the response since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// The response that was changed.
#[derive(SimpleObject)]
struct UpdateCannedResponsePayload {
    /// The response as it is now.
    canned_response: CannedResponse,
}

/// A response to delete.
#[derive(Debug, InputObject)]
struct DeleteCannedResponseInput {
    /// Which response.
    canned_response_id: CannedResponseId,
}

/// What was deleted.
#[derive(SimpleObject)]
struct DeleteCannedResponsePayload {
    /// The id that is gone.
    canned_response_id: CannedResponseId,
}

/// What to put where.
#[derive(Debug, InputObject)]
struct RenderCannedResponseInput {
    /// Which response.
    canned_response_id: CannedResponseId,
    /// The conversation it is for, of the same site.
    conversation_id: ConversationId,
}

/// A response with its variables filled.
#[derive(SimpleObject)]
struct RenderCannedResponsePayload {
    /// Markdown to go on writing with; nothing is sent.
    text: String,
    /// Variables for which there was nothing, neither a value nor a default: they are left out of the text.
    missing: Vec<&'static str>,
    /// The response, with the use counted.
    canned_response: CannedResponse,
}

/// Changing and using canned responses.
#[derive(Default)]
pub struct CannedResponsesMutation;

#[Object]
impl CannedResponsesMutation {
    /// Makes a canned response: members of a site their own, its admins those of the whole site. Refused with
    /// `SHORTCUT_TAKEN` when there is one with its shortcut in that scope, and with `UNKNOWN_VARIABLE` for a variable that
    /// there is not.
    async fn create_canned_response(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to make.")] input: CreateCannedResponseInput,
    ) -> Result<CreateCannedResponsePayload> {
        let once = Once::new(ctx.cx(), "createCannedResponse", input.client_id, &input);
        let content = Content { shortcut: input.shortcut, title: input.title, text: input.text };
        let row = actions::create(ctx.cx(), input.site_id, input.scope, content, &once).await?;
        Ok(CreateCannedResponsePayload { canned_response: row.into() })
    }

    /// Changes a canned response: members their own, admins those of the site.
    async fn update_canned_response(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and what of it.")] input: UpdateCannedResponseInput,
    ) -> Result<UpdateCannedResponsePayload> {
        let changes = Changes { shortcut: input.shortcut, title: input.title, text: input.text };
        let row = actions::update(ctx.cx(), input.canned_response_id, input.expected_version, changes).await?;
        Ok(UpdateCannedResponsePayload { canned_response: row.into() })
    }

    /// Deletes a canned response: members their own, admins those of the site.
    async fn delete_canned_response(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteCannedResponseInput,
    ) -> Result<DeleteCannedResponsePayload> {
        let canned_response_id = actions::delete(ctx.cx(), input.canned_response_id).await?;
        Ok(DeleteCannedResponsePayload { canned_response_id })
    }

    /// Fills the variables of a canned response for a conversation and gives the text to whoever writes there; each call
    /// counts as a use. For members of the site.
    async fn render_canned_response(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which response, for which conversation.")] input: RenderCannedResponseInput,
    ) -> Result<RenderCannedResponsePayload> {
        let (row, filled) = actions::render(ctx.cx(), input.canned_response_id, input.conversation_id).await?;
        let missing = filled.missing.into_iter().map(Variable::name).collect();
        Ok(RenderCannedResponsePayload { text: filled.text, missing, canned_response: row.into() })
    }
}
