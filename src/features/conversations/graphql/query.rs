//! Reading conversations.

use ::entity::{
    conversation::Status,
    ids::{AssistantId, ConversationId, SiteId, UserId, VisitorId},
};
use async_graphql::{Context, InputObject, Object};
use futures_util::FutureExt;

use super::{
    super::{model, store},
    types::{Agent, Conversation},
};
use crate::{
    features::sites,
    kernel::{
        Actor, CtxExt, Error, ErrorReason, Permission, Result, journal,
        journal::Cursor,
        page::{List, Paging},
        text,
    },
};

/// Which conversations an inbox shows. Conditions that are given must all hold.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct ConversationFilter {
    /// Only those that go on, or only those that ended.
    pub(crate) status: Option<Status>,
    /// Only those given to this person.
    pub(crate) assignee_id: Option<UserId>,
    /// Only those given to nobody. Not together with `assigneeId`.
    pub(crate) unassigned: Option<bool>,
    /// Only those that wait for a person, or only those that do not.
    pub(crate) waiting_for_human: Option<bool>,
    /// Only those started with this assistant.
    pub(crate) assistant_id: Option<AssistantId>,
    /// Only those of this visitor.
    pub(crate) visitor_id: Option<VisitorId>,
    /// Only those with this tag.
    pub(crate) tag: Option<String>,
    /// Only those in which these words were said, or whose visitor or title is called so; 2 to 100 characters. Lower
    /// and upper case, ı and i, and letters with and without marks count as the same.
    pub(crate) text: Option<String>,
}

impl ConversationFilter {
    /// Checks the conditions.
    pub(crate) fn check(self, reader: &Actor) -> Result<store::Filter> {
        if self.assignee_id.is_some() && self.unassigned == Some(true) {
            return Err(Error::bad_input(
                "filter.unassigned",
                ErrorReason::InvalidCombination,
                "Give `assigneeId` or `unassigned`, not both.",
            ));
        }
        let text = text::maybe_line("filter.text", self.text.as_deref(), 100)?;
        if text.as_ref().is_some_and(|text| text.chars().count() < 2) {
            return Err(Error::bad_input(
                "filter.text",
                ErrorReason::TooShort,
                "`filter.text` needs at least 2 characters.",
            ));
        }
        Ok(store::Filter {
            status: self.status,
            assignee: self.assignee_id,
            unassigned: self.unassigned == Some(true),
            waiting: self.waiting_for_human,
            assistant: self.assistant_id,
            visitor: self.visitor_id,
            tag: self.tag.map(|tag| model::tag("filter.tag", &tag)).transpose()?,
            text,
            reader: reader.user(),
        })
    }
}

/// Queries about conversations.
#[derive(Default)]
pub struct ConversationsQuery;

#[Object]
impl ConversationsQuery {
    /// One conversation. Its `cursor` is read first: subscribe with it and nothing is missed in between.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] conversation_id: ConversationId,
    ) -> Result<Conversation> {
        let cx = ctx.cx();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let site = store::find(&cx.db(), &reach, conversation_id).await?.site_id;
        let cursor = journal::head(&cx.db(), site).await?;
        let row = store::find(&cx.db(), &reach, conversation_id).await?;
        Ok(Conversation { cursor: Some(cursor), ..row.into() })
    }

    /// A site's inbox, newest activity first. For members of the site.
    #[expect(clippy::too_many_arguments, reason = "the four Relay arguments and a filter")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose inbox.")] site_id: SiteId,
        #[graphql(desc = "Which conversations; all when left out.")] filter: Option<ConversationFilter>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Conversation>> {
        let cx = ctx.cx();
        let reach = sites::reach_in(cx, Permission::ConversationsWork, site_id)?;
        let paging = Paging::new(first, after, last, before)?;
        let filter = filter.unwrap_or_default().check(&cx.actor)?;
        let page = store::list(&cx.db(), &reach, Some(site_id), &filter, &paging).await?;
        let counter = cx.clone();
        let count = move || {
            let (cx, reach, filter) = (counter.clone(), reach.clone(), filter.clone());
            async move { store::count(&cx.db(), &reach, Some(site_id), &filter).await }.boxed()
        };
        Ok(page.connect(
            |row| store::place(&row.conversation),
            |row| Conversation {
                cursor: None,
                visitor: row.visitor.map(Into::into),
                assignee: row.assignee.map(|user| Agent { id: user.id, name: user.name }),
                row: row.conversation,
            },
            count,
        ))
    }

    /// The place of a site's newest event. Ask for it before you read an inbox, then subscribe with
    /// `inboxEvents(after:)` and nothing is missed in between. For members of the site.
    async fn inbox_cursor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site.")] site_id: SiteId,
    ) -> Result<Cursor> {
        let cx = ctx.cx();
        sites::reach_in(cx, Permission::ConversationsWork, site_id)?;
        journal::head(&cx.db(), site_id).await
    }

    /// The conversations of the visitor or customer who asks, newest activity first.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn my_conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those started with this assistant.")] assistant_id: Option<AssistantId>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Conversation>> {
        let cx = ctx.cx();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let paging = Paging::new(first, after, last, before)?;
        let page = store::list_own(&cx.db(), &reach, assistant_id, &paging).await?;
        let counter = cx.clone();
        let count = move || {
            let (cx, reach) = (counter.clone(), reach.clone());
            async move { store::count_own(&cx.db(), &reach, assistant_id).await }.boxed()
        };
        Ok(page.connect(store::place, Conversation::from, count))
    }
}
