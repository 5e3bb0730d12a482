//! Saying something in a conversation: who may, what it brings about, and that it happens once.
//!
//! A visitor's message opens a closed conversation; an agent's ends the visitor's wait; an assistant's is posted only while
//! it may speak.

mod editing;
mod lane;

use ::entity::{
    conversation,
    ids::{ConversationId, SiteId, UserId},
    message::{self, Audience, AuthorKind},
};
use uuid::Uuid;

pub(crate) use self::{
    editing::{delete_message, edit_message, react},
    lane::post_in,
};
use super::{
    live, mentions,
    messages::{self, Author, Posting},
    model,
    reading::viewing,
    state,
};
use crate::kernel::{
    Ctx, Permission, Result, Tx,
    quotas::{self, Expense, Quota},
    text,
};

/// What writing for an audience takes.
fn permission(audience: Audience) -> Permission {
    match audience {
        Audience::Everyone => Permission::ConversationsWrite,
        Audience::Staff => Permission::ConversationsWork,
    }
}

/// Sends a message; exactly once for one client id.
pub(crate) async fn send(
    cx: &Ctx,
    id: ConversationId,
    (field, body): (&'static str, &str),
    audience: Audience,
    mentions: Vec<UserId>,
    client_id: Option<Uuid>,
) -> Result<message::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let body = text::body(field, body, model::MESSAGE_MAX)?;
    let conversation = live::place(cx, &reach, id).await?;
    model::may(&cx.actor, permission(audience), &conversation)?;
    let (kind, author) = model::speaker(&cx.actor, &conversation)?;
    let mentions = mentions::checked(cx, &conversation, mentions).await?;
    let site = conversation.site_id;
    let expenses =
        guests(cx, site, [quotas::MESSAGES_OF_GUEST, quotas::MESSAGES_FROM_ADDRESS, quotas::MESSAGES_TO_SITE]);
    if let Err(refused) = quotas::spend(cx, &expenses).await {
        // What was sent before is there, however many others were.
        let sent = messages::sent_before(&cx.db(), site, vec![author], client_id.into_iter().collect()).await?;
        if sent.is_empty() {
            return Err(refused);
        }
    }
    let posted = lane::post(
        cx,
        site,
        Posting {
            conversation: id,
            author: Author { kind, id: Some(author) },
            audience,
            body,
            mentions,
            client_id,
            run: None,
            citations: vec![],
            verdict: None,
            interrupted: false,
            actor: cx.actor.id(),
        },
    )
    .await?;
    if !posted.is_new {
        quotas::give_back(cx, &expenses).await?;
    }
    Ok(posted.message)
}

/// What one more of something spends: of the caller, from their address, and of the site. Nothing for its staff.
pub(crate) fn guests(cx: &Ctx, site: SiteId, [of_guest, from_address, to_site]: [Quota; 3]) -> Vec<Expense> {
    match cx.actor.id() {
        Some(id) if !cx.actor.is_staff_of(site) => {
            vec![of_guest.of(id), from_address.at(site, &cx.request), to_site.of(site)]
        }
        Some(_) | None => vec![],
    }
}

/// Posts what an assistant wrote, unless a human has taken over meanwhile: whether the assistant may still speak and the
/// message are one transaction. The conversation must be locked by it. `None` when it must stay silent.
pub(crate) async fn insert_answer(
    tx: &mut Tx,
    conversation: &conversation::Model,
    posting: &Posting,
) -> Result<Option<message::Model>> {
    if !state::assistant_speaks(conversation) {
        return Ok(None);
    }
    lane::post_in(tx, conversation.site_id, posting).await.map(Some)
}

/// Says that the caller is typing for an audience, or has stopped; passing, never stored.
pub(crate) async fn typing(
    cx: &Ctx,
    id: ConversationId,
    audience: Audience,
    is_typing: bool,
    preview: Option<&str>,
) -> Result<()> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let preview = match preview {
        Some(words) => Some(text::longer("input.preview", words, model::TYPING_MAX)?),
        None => None,
    };
    let conversation = live::place(cx, &reach, id).await?;
    model::may(&cx.actor, permission(audience), &conversation)?;
    let (kind, author) = model::speaker(&cx.actor, &conversation)?;
    let name = live::name_of(cx, kind, author).await?;
    live::pass(cx, id.0, &live::Passing::Typing { kind, author, name, audience, is_typing, preview });
    if kind == AuthorKind::Agent {
        viewing::types(cx, id, UserId(author), is_typing);
    }
    Ok(())
}
