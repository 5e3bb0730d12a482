//! Reading conversations.

use ::entity::{
    conversation::{Attention, QueueOutcome, Status},
    ids::{AssistantId, ConversationId, DepartmentId, SiteId, UserId, VisitorId},
};
use async_graphql::{Context, Enum, InputObject, Object};
use chrono::{DateTime, Utc};
use exact_index::text::fold;
use futures_util::FutureExt;

use super::{
    super::{model, reading::inbox, store},
    types::Conversation,
};
use crate::{
    features::sites,
    kernel::{
        Actor, CtxExt, Error, ErrorReason, Permission, Result, entries, journal,
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
    /// Only those whose visitor waits for a person to write, in the queue or given to an agent who has not written yet; or
    /// only the others. For those in the queue alone give `attention: WAITING`.
    pub(crate) waiting_for_human: Option<bool>,
    /// Only those started with this assistant.
    pub(crate) assistant_id: Option<AssistantId>,
    /// Only those of this visitor.
    pub(crate) visitor_id: Option<VisitorId>,
    /// Only those of this customer.
    pub(crate) customer_id: Option<UserId>,
    /// Only those handed to this department.
    pub(crate) department_id: Option<DepartmentId>,
    /// Only those that are with the assistant, with a person, waiting, or closed.
    pub(crate) attention: Option<Attention>,
    /// Only those whose last wait in the queue ended like this.
    pub(crate) queue_outcome: Option<QueueOutcome>,
    /// Only those with messages that no agent has read, or only those without.
    pub(crate) unread: Option<bool>,
    /// Only those in which something was said at this moment or after it.
    pub(crate) active_from: Option<DateTime<Utc>>,
    /// Only those in which nothing was said at this moment or after it.
    pub(crate) active_to: Option<DateTime<Utc>>,
    /// Only those started at this moment or after it.
    pub(crate) started_from: Option<DateTime<Utc>>,
    /// Only those started before this moment.
    pub(crate) started_to: Option<DateTime<Utc>>,
    /// Only those with this tag; the same as `tags` with one.
    pub(crate) tag: Option<String>,
    /// Only those with these tags, at most 20.
    pub(crate) tags: Option<Vec<String>>,
    /// Whether all of `tags` must be there, which is so without this, or any of them.
    pub(crate) match_tags: Option<TagMatch>,
    /// Only those in which these words were said, or whose visitor or title is called so, in any order; 2 to 100
    /// characters. Lower and upper case, ı and i, and letters with and without marks count as the same.
    pub(crate) text: Option<String>,
}

/// How many of several tags must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum TagMatch {
    /// All of them.
    #[default]
    All,
    /// At least one.
    Any,
}

impl ConversationFilter {
    /// Checks the conditions.
    pub(crate) fn check(self, reader: &Actor) -> Result<inbox::Filter> {
        if self.assignee_id.is_some() && self.unassigned == Some(true) {
            return Err(Error::bad_input(
                "filter.unassigned",
                ErrorReason::InvalidCombination,
                "Give `assigneeId` or `unassigned`, not both.",
            ));
        }
        let text = text::maybe_line("filter.text", self.text.as_deref(), 100)?;
        if text.as_ref().is_some_and(|text| text::length(text) < 2) {
            return Err(Error::bad_input(
                "filter.text",
                ErrorReason::TooShort,
                "`filter.text` needs at least 2 characters.",
            ));
        }
        let mut tags: Vec<String> = self.tag.iter().map(|tag| model::tag("filter.tag", tag)).collect::<Result<_>>()?;
        let several = self.tags.unwrap_or_default();
        tags.extend(entries("filter.tags", &several, |tag| model::tag("filter.tags", tag))?);
        if tags.len() > model::TAGS_MAX {
            let message = format!("`filter.tags` has at most {} tags; these are {}.", model::TAGS_MAX, tags.len());
            return Err(Error::bad_input("filter.tags", ErrorReason::TooLong, message));
        }
        let order = [
            ("filter.activeTo", self.active_from, self.active_to),
            ("filter.startedTo", self.started_from, self.started_to),
        ];
        if let Some((field, ..)) = order.iter().find(|(_, from, to)| from.zip(*to).is_some_and(|(from, to)| to <= from))
        {
            let message = format!("`{field}` must be after the moment from which the filter looks.");
            return Err(Error::bad_input(*field, ErrorReason::InvalidCombination, message));
        }
        Ok(inbox::Filter {
            status: self.status,
            assignee: self.assignee_id,
            unassigned: self.unassigned == Some(true),
            waiting: self.waiting_for_human,
            assistant: self.assistant_id,
            visitor: self.visitor_id,
            customer: self.customer_id,
            department: self.department_id,
            attention: self.attention,
            outcome: self.queue_outcome,
            unread: self.unread,
            active: (self.active_from, self.active_to),
            started: (self.started_from, self.started_to),
            tags,
            any_tag: self.match_tags == Some(TagMatch::Any),
            words: text.map(|text| words(&text)).unwrap_or_default(),
            reader: reader.user(),
        })
    }
}

/// The words of a search, folded.
fn words(text: &str) -> Vec<String> {
    fold(text).split_whitespace().map(str::to_owned).collect()
}

/// Most filters that are counted at once.
const COUNTED: usize = 20;

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
        let page = inbox::list(&cx.db(), &reach, Some(site_id), &filter, &paging).await?;
        let ids = page.rows.iter().map(|row| row.conversation.id).collect();
        let matched = inbox::matching(&cx.db(), ids, &filter.words).await?;
        let counter = cx.clone();
        let count = move || {
            let (cx, reach, filter) = (counter.clone(), reach.clone(), filter.clone());
            async move { inbox::count(&cx.db(), &reach, Some(site_id), &filter).await }.boxed()
        };
        Ok(page.connect(
            |row| inbox::place(&row.conversation),
            move |row| {
                let matched = matched.get(&row.conversation.id).cloned().map(Box::new);
                Conversation { matched, ..row.into() }
            },
            count,
        ))
    }

    /// How many conversations of a site's inbox fit each of several filters, in the order of the filters: the badges of
    /// all its tabs at once. For members of the site.
    #[graphql(complexity = "10 + child_complexity")]
    async fn inbox_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose inbox.")] site_id: SiteId,
        #[graphql(desc = "What to count, at most 20.")] filters: Vec<ConversationFilter>,
    ) -> Result<Vec<i64>> {
        let cx = ctx.cx();
        let reach = sites::reach_in(cx, Permission::ConversationsWork, site_id)?;
        if filters.len() > COUNTED {
            let message = format!("`filters` has at most {COUNTED} filters; these are {}.", filters.len());
            return Err(Error::bad_input("filters", ErrorReason::TooLong, message));
        }
        let check = |(place, filter): (usize, ConversationFilter)| {
            filter.check(&cx.actor).map_err(|error| error.moved("filter", &format!("filters[{place}]")))
        };
        let filters = filters.into_iter().enumerate().map(check).collect::<Result<Vec<_>>>()?;
        inbox::counts(&cx.db(), &reach, site_id, &filters).await
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
        let page = inbox::list_own(&cx.db(), &reach, assistant_id, &paging).await?;
        let counter = cx.clone();
        let count = move || {
            let (cx, reach) = (counter.clone(), reach.clone());
            async move { inbox::count_own(&cx.db(), &reach, assistant_id).await }.boxed()
        };
        Ok(page.connect(inbox::place, Conversation::from, count))
    }
}
