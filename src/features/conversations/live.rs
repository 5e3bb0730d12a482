//! What passes without being stored, and what is kept in memory to make it cheap.

use std::time::Duration;

use ::entity::{
    conversation,
    ids::{ConversationId, RunId, UserId, VisitorId},
    message::{Audience, AuthorKind},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store;
use crate::{
    features::{accounts, visitors},
    kernel::{Ctx, Error, Reach, Result},
    ports::bus::Topic,
};

/// Something that happens in a conversation and is not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Passing {
    /// Somebody types, for those who may see what becomes of it.
    Typing {
        kind: AuthorKind,
        author: Uuid,
        name: Option<String>,
        audience: Audience,
        is_typing: bool,
        preview: Option<String>,
    },
    /// A piece of an answer.
    Chunk { run: RunId, attempt: i32, index: i32, text: String },
}

/// Tells those who watch the conversation, or whatever else the event is about.
pub(crate) fn pass(cx: &Ctx, subject: Uuid, passing: &Passing) {
    match serde_json::to_vec(passing) {
        Ok(payload) => cx.bus.pass(&Topic::Passing(subject), Bytes::from(payload)),
        Err(error) => tracing::error!(error = %error, "a passing event could not be written"),
    }
}

/// Reads it again.
pub(crate) fn read(payload: &Bytes) -> Option<Passing> {
    serde_json::from_slice(payload).ok()
}

/// Conversations as they were when last looked at. Site, visitor and customer of a conversation never change, so access
/// can be checked without a query; nothing else of a remembered row may be used.
struct Places(moka::sync::Cache<ConversationId, conversation::Model>);

impl Default for Places {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(600)).build())
    }
}

/// Where a conversation belongs, if it is within reach: only its id, site, visitor and customer are to be relied on.
pub(super) async fn place(cx: &Ctx, reach: &Reach, id: ConversationId) -> Result<conversation::Model> {
    let places = cx.shared.get::<Places>();
    if let Some(known) = places.0.get(&id) {
        let within = reach.covers(known.site_id, known.visitor_id, known.customer_id);
        return if within { Ok(known) } else { Err(Error::not_found("conversation")) };
    }
    let found = store::find(&cx.db(), reach, id).await?;
    places.0.insert(id, found.clone());
    Ok(found)
}

/// Forgets a deleted conversation.
pub(super) fn forget(cx: &Ctx, id: ConversationId) {
    cx.shared.get::<Places>().0.invalidate(&id);
}

/// Names for typing events; may be a minute old.
struct Names(moka::sync::Cache<Uuid, Option<String>>);

impl Default for Names {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(50_000).time_to_live(Duration::from_secs(60)).build())
    }
}

/// How a participant is called.
pub(super) async fn name_of(cx: &Ctx, kind: AuthorKind, id: Uuid) -> Result<Option<String>> {
    let names = cx.shared.get::<Names>();
    if let Some(known) = names.0.get(&id) {
        return Ok(known);
    }
    let user = accounts::users_by_ids(cx, vec![UserId(id)]).await?.remove(&UserId(id)).map(|user| user.name);
    let name = match (user, kind) {
        (Some(name), _) => Some(name),
        (None, AuthorKind::Visitor) => {
            visitors::by_ids(cx, vec![VisitorId(id)]).await?.remove(&VisitorId(id)).and_then(|visitor| visitor.name)
        }
        (None, AuthorKind::Agent | AuthorKind::Assistant | AuthorKind::System) => None,
    };
    names.0.insert(id, name.clone());
    Ok(name)
}
