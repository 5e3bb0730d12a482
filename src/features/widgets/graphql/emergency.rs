//! Emergencies in the API.

use ::entity::{emergency, ids::SiteId};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::emergency::{self as emergencies, NewEmergency};
use crate::kernel::{CtxExt, Result};

/// An emergency of a site: what its visitors are told instead of being connected.
#[derive(SimpleObject)]
struct Emergency {
    /// The site.
    site_id: SiteId,
    /// It is one at this moment.
    enabled: bool,
    /// What visitors are told; null for the built-in sentence.
    message: Option<String>,
    /// The assistant goes on answering.
    allow_ai: bool,
    /// Tickets can be filed.
    allow_tickets: bool,
    /// When it ends, or ended, by itself; null for when somebody ends it.
    until: Option<DateTime<Utc>>,
    /// Grows by one with each change, 0 until the first; `setEmergency` takes it as `expectedVersion`.
    version: i32,
    /// When it was last switched on, off or changed, or ended by itself. Null where there never was one.
    changed_at: Option<DateTime<Utc>>,
}

impl Emergency {
    fn new(row: emergency::Model, was_set: bool, now: DateTime<Utc>) -> Self {
        Self {
            enabled: emergencies::is_on(&row, now),
            site_id: row.site_id,
            message: row.message,
            allow_ai: row.allow_ai,
            allow_tickets: row.allow_tickets,
            until: row.until,
            version: row.version,
            changed_at: was_set.then_some(row.changed_at),
        }
    }
}

/// An emergency.
#[derive(Debug, InputObject)]
struct SetEmergencyInput {
    /// The site.
    site_id: SiteId,
    /// True to begin or change it, false to end it.
    enabled: bool,
    /// What visitors are told, up to 500 characters. Without it, a built-in sentence in their language.
    message: Option<String>,
    /// The assistant goes on answering.
    #[graphql(default = true)]
    allow_ai: bool,
    /// Tickets can be filed.
    #[graphql(default = true)]
    allow_tickets: bool,
    /// When it ends by itself, at most 90 days from now. Without it, when somebody ends it.
    until: Option<DateTime<Utc>>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed it since; without it, the
    /// last change counts.
    expected_version: Option<i32>,
}

/// The emergency that was set.
#[derive(SimpleObject)]
struct SetEmergencyPayload {
    /// As it is now.
    emergency: Emergency,
}

/// Questions about emergencies.
#[derive(Default)]
pub struct EmergencyQuery;

#[Object]
impl EmergencyQuery {
    /// The emergency of a site as it was last set. For its members.
    async fn emergency(&self, ctx: &Context<'_>, #[graphql(desc = "The site.")] site_id: SiteId) -> Result<Emergency> {
        let (cx, now) = (ctx.cx(), ctx.cx().clock.now());
        let row = emergencies::read(cx, site_id).await?;
        let was_set = row.is_some();
        Ok(Emergency::new(row.unwrap_or_else(|| emergencies::none(site_id, now)), was_set, now))
    }
}

/// Changes to emergencies.
#[derive(Default)]
pub struct EmergencyMutation;

#[Object]
impl EmergencyMutation {
    /// Begins, changes or ends an emergency of a site. In one the widget is OFFLINE, also when agents are there, with this
    /// message and without waiting, calls and requests to be called back. Conversations that are open go on. For the site's
    /// admins.
    async fn set_emergency(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The emergency.")] input: SetEmergencyInput,
    ) -> Result<SetEmergencyPayload> {
        let cx = ctx.cx();
        let SetEmergencyInput { site_id, enabled, message, allow_ai, allow_tickets, until, expected_version } = input;
        let new = NewEmergency { enabled, message, allow_ai, allow_tickets, until };
        let row = emergencies::set(cx, site_id, expected_version, new).await?;
        Ok(SetEmergencyPayload { emergency: Emergency::new(row, true, cx.clock.now()) })
    }
}
