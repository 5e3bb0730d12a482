//! Routing settings, previews and decisions in the API.

use ::entity::{
    ids::{AssistantId, ConversationId, SiteId, UserId},
    queue_entry::Strategy,
    routing_rules,
};
use async_graphql::{ComplexObject, Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    super::{
        rules::{Assignment, Attribute, FirstResponder, Known, Rule, Settings},
        settings, store,
    },
    decisions::{RoutingDecision, RoutingExplanation},
};
use crate::{
    features::conversations::{
        self,
        graphql::types::{Agent, AgentKey},
    },
    kernel::{CtxExt, Permission, Result},
};

/// How a site gives conversations to agents.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
struct RoutingSettings {
    /// The site.
    site_id: SiteId,
    /// Rises with each change; 0 for the usual settings that nobody has changed.
    version: i32,
    /// Whether agents are given conversations or offered them.
    assignment: Assignment,
    /// Seconds an agent has to accept an offer.
    offer_seconds: i32,
    /// Seconds a visitor waits in the queue until they are offered to leave a message. In a break, not before it ends.
    patience_seconds: i32,
    /// Who answers a new conversation first.
    first_responder: FirstResponder,
    /// How an agent is chosen where no rule fits.
    strategy: Strategy,
    /// The rules, in order: the first that fits counts.
    rules: Vec<Rule>,
    /// When this version was made; null for version 0.
    created_at: Option<DateTime<Utc>>,
    /// Who made it.
    created_by_id: Option<UserId>,
}

#[ComplexObject]
impl RoutingSettings {
    /// Who made this version. Null for version 0, and when there is no such account any more.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        match self.created_by_id {
            Some(id) => ctx.cx().load(AgentKey(id)).await,
            None => Ok(None),
        }
    }
}

impl RoutingSettings {
    fn new(site: SiteId, settings: Settings, row: Option<&routing_rules::Model>) -> Self {
        let Settings { assignment, offer_seconds, patience_seconds, first_responder, strategy, rules } = settings;
        Self {
            site_id: site,
            version: row.map_or(0, |row| row.version),
            assignment,
            offer_seconds,
            patience_seconds,
            first_responder,
            strategy,
            rules,
            created_at: row.map(|row| row.created_at),
            created_by_id: row.and_then(|row| row.created_by),
        }
    }
}

/// What is known of a conversation that there is not.
#[derive(Debug, InputObject)]
struct PreviewRoutingInput {
    /// The site.
    site_id: SiteId,
    /// A conversation of the site; then nothing else is needed.
    conversation_id: Option<ConversationId>,
    /// The assistant it would be started with.
    assistant_id: Option<AssistantId>,
    /// The visitor's language, a tag like `tr`.
    language: Option<String>,
    /// Its tags.
    #[graphql(default)]
    tags: Vec<String>,
    /// Entries of the visitor's `customData`.
    #[graphql(default)]
    attributes: Vec<Attribute>,
    /// Whether the visitor is marked as important.
    #[graphql(default)]
    vip: bool,
    /// Whether they had another conversation before.
    #[graphql(default)]
    returning: bool,
}

/// What to change of a site's routing settings. What is left out stays.
#[derive(Debug, InputObject)]
struct UpdateRoutingSettingsInput {
    /// The site.
    site_id: SiteId,
    /// The version that was read. Refused with `VERSION_CONFLICT` when it is not the newest any more.
    expected_version: i32,
    /// Whether agents are given conversations or offered them.
    assignment: Option<Assignment>,
    /// Seconds an agent has to accept an offer, 10 to 300.
    offer_seconds: Option<i32>,
    /// Seconds a visitor waits in the queue, 60 to 3,600.
    patience_seconds: Option<i32>,
    /// Who answers a new conversation first.
    first_responder: Option<FirstResponder>,
    /// How an agent is chosen where no rule fits; not `SKILL_BASED` or `DEPARTMENT`, which need a rule to go by.
    strategy: Option<Strategy>,
    /// The whole new list of rules, at most 50. Those who wait already keep what was asked for them.
    rules: Option<Vec<Rule>>,
}

/// Changed routing settings.
#[derive(SimpleObject)]
struct UpdateRoutingSettingsPayload {
    /// The new version.
    settings: RoutingSettings,
}

/// Questions about routing.
#[derive(Default)]
pub struct RoutingQuery;

#[Object]
impl RoutingQuery {
    /// How a site gives conversations to agents. For members of the site.
    async fn routing_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "An earlier version; the newest without it.")] version: Option<i32>,
    ) -> Result<RoutingSettings> {
        let (found, row) = settings::settings(ctx.cx(), site_id, version).await?;
        Ok(RoutingSettings::new(site_id, found, row.as_ref()))
    }

    /// To whom a conversation would be given now, and why. Nothing is changed by asking; what is asked for a conversation
    /// that waits is what was found when it began to wait. For members of the site.
    async fn preview_routing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A conversation, or what would be known of it.")] input: PreviewRoutingInput,
    ) -> Result<RoutingExplanation> {
        let known = Known {
            assistant: input.assistant_id,
            language: input.language,
            tags: input.tags,
            attributes: input.attributes,
            vip: input.vip,
            returning: input.returning,
        };
        Ok(settings::preview(ctx.cx(), input.site_id, input.conversation_id, known).await?.into())
    }

    /// Why a conversation was given, or offered, to an agent, or had to wait; null when it was never to be given to
    /// anybody. For members of the site.
    async fn routing_decision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] conversation_id: ConversationId,
        #[graphql(desc = "Its decision of this number; the newest without it.")] number: Option<i32>,
    ) -> Result<Option<RoutingDecision>> {
        let cx = ctx.cx();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let found = conversations::find(&cx.db(), &reach, conversation_id).await?;
        conversations::may(&cx.actor, Permission::ConversationsWork, &found)?;
        store::decision(&cx.db(), conversation_id, number).await?.map(|row| RoutingDecision::of(&row)).transpose()
    }
}

/// Changes to routing.
#[derive(Default)]
pub struct RoutingMutation;

#[Object]
impl RoutingMutation {
    /// Changes how a site gives conversations to agents: makes a new version of its settings, which counts at once. For
    /// admins of the site.
    async fn update_routing_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site, and what to change.")] input: UpdateRoutingSettingsInput,
    ) -> Result<UpdateRoutingSettingsPayload> {
        let site = input.site_id;
        let change = |before: Settings| Settings {
            assignment: input.assignment.unwrap_or(before.assignment),
            offer_seconds: input.offer_seconds.unwrap_or(before.offer_seconds),
            patience_seconds: input.patience_seconds.unwrap_or(before.patience_seconds),
            first_responder: input.first_responder.unwrap_or(before.first_responder),
            strategy: input.strategy.unwrap_or(before.strategy),
            rules: input.rules.unwrap_or(before.rules),
        };
        let (after, row) = settings::update(ctx.cx(), site, input.expected_version, change).await?;
        Ok(UpdateRoutingSettingsPayload { settings: RoutingSettings::new(site, after, Some(&row)) })
    }
}
