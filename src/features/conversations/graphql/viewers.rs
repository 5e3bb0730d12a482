//! Who has a conversation open, in the API.

use ::entity::ids::{ConversationId, UserId};
use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    super::reading::viewing,
    types::{Agent, AgentKey},
};
use crate::kernel::{CtxExt, Result};

/// A member of the site who has a conversation open.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Viewer {
    /// Since when; of several windows the first.
    since: DateTime<Utc>,
    /// True while they type in it.
    typing: bool,
    #[graphql(skip)]
    user: UserId,
}

#[ComplexObject]
impl Viewer {
    /// Who it is.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        ctx.cx().load(AgentKey(self.user)).await
    }
}

impl From<viewing::Viewer> for Viewer {
    fn from(viewing::Viewer { user, since, typing }: viewing::Viewer) -> Self {
        Self { since, typing, user }
    }
}

/// Members of the site opened a conversation, or closed it: a hint, so that two do not answer one visitor. Passing, and told
/// to members of the site only.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ViewersChanged {
    /// Which conversation.
    conversation_id: ConversationId,
    /// Who has it open now, longest first, yourself among them.
    viewers: Vec<Viewer>,
}

impl ViewersChanged {
    /// A conversation with those who have it open.
    pub(crate) fn new(conversation_id: ConversationId, viewers: Vec<viewing::Viewer>) -> Self {
        Self { conversation_id, viewers: viewers.into_iter().map(Viewer::from).collect() }
    }
}
