//! The mode of a widget in the API, and how it is followed.

use std::sync::Arc;

use ::entity::ids::SiteId;
use async_graphql::{Context, SimpleObject, Subscription};
use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::super::{
    asked,
    live::{self, Present, Shown},
    mode::{Agents, Mode, Offer, Reason},
};
use crate::kernel::{CtxExt, Result, text};

/// What visitors can expect of a site's people, and what its widget may offer them.
#[derive(SimpleObject)]
pub(super) struct WidgetState {
    /// The mode.
    mode: Mode,
    /// Why it is that one.
    reason: Reason,
    /// A sentence for visitors that says so, with the next opening where there is one: in `tr`, `de` or English. In an
    /// emergency, what the site's admins say.
    message: String,
    /// What the widget may offer, the best first.
    offers: Vec<Offer>,
    /// When people are there again. Null while the site is open, and where nobody knows.
    next_open_at: Option<DateTime<Utc>>,
    /// When time alone may change the mode next: at an opening or a closing, at a break, at the end of an emergency.
    next_change_at: Option<DateTime<Utc>>,
    /// How many agents are there.
    agents: WidgetAgents,
}

/// How many agents of a site are there.
#[derive(SimpleObject)]
struct WidgetAgents {
    /// With an open dashboard.
    online: usize,
    /// Of these, those who take a new conversation now.
    available: usize,
}

impl From<Agents> for WidgetAgents {
    fn from(agents: Agents) -> Self {
        Self { online: agents.online, available: agents.accepting }
    }
}

impl WidgetState {
    pub(super) fn new(shown: &Shown, language: &str) -> Self {
        Self {
            mode: shown.mode,
            reason: shown.reason,
            message: shown.message.in_language(language).to_owned(),
            offers: shown.offers.clone(),
            next_open_at: shown.next_open,
            next_change_at: shown.next_change,
            agents: shown.agents.into(),
        }
    }
}

/// What of it somebody asked for: nothing else is a change to them.
#[derive(Clone, Copy, Debug)]
struct Asked {
    reason: bool,
    message: bool,
    offers: bool,
    next_open: bool,
    next_change: bool,
    agents: bool,
}

impl Asked {
    fn new(ctx: &Context<'_>) -> Self {
        let selected = ctx.look_ahead();
        let has = |field| selected.field(field).exists();
        Self {
            reason: has("reason"),
            message: has("message"),
            offers: has("offers"),
            next_open: has("nextOpenAt"),
            next_change: has("nextChangeAt"),
            agents: has("agents"),
        }
    }

    /// True when two answers are different ones.
    fn differs(self, old: &Shown, new: &Shown) -> bool {
        old.mode != new.mode
            || self.reason && old.reason != new.reason
            || self.message && old.message != new.message
            || self.offers && old.offers != new.offers
            || self.next_open && old.next_open != new.next_open
            || self.next_change && old.next_change != new.next_change
            || self.agents && old.agents != new.agents
    }
}

/// Subscriptions about widgets.
#[derive(Default)]
pub struct WidgetSubscription;

#[Subscription]
impl WidgetSubscription {
    /// The mode of a site's widget: as it is now, and whenever something of what you select is different, whatever the
    /// cause. Give `siteKey` without signing in, `siteId` as a member or visitor of
    /// the site, or neither as a visitor.
    async fn widget_mode(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site, for its members and visitors. Not together with `siteKey`.")] site_id: Option<
            SiteId,
        >,
        #[graphql(desc = "The site's public key, for everybody. Not together with `siteId`.")] site_key: Option<String>,
        #[graphql(desc = "The language of `message`, like `tr`; the site's without it.")] language: Option<String>,
    ) -> Result<impl Stream<Item = Result<WidgetState>> + use<>> {
        let cx = ctx.cx();
        let language = language.map(|tag| text::language("language", &tag)).transpose()?;
        let site = asked::site(cx, site_id, site_key.as_deref()).await?;
        let asked_for = Asked::new(ctx);
        let mut present = live::watch(cx, site).await?;
        Ok(try_stream! {
            let mut told: Option<Arc<Shown>> = None;
            loop {
                let Present { basis, shown, .. } = present.borrow_and_update().clone();
                if told.as_ref().is_none_or(|told| asked_for.differs(told, &shown)) {
                    yield WidgetState::new(&shown, basis.language(language.as_deref()));
                    told = Some(shown);
                }
                if present.changed().await.is_err() {
                    // The server stops.
                    return;
                }
            }
        })
    }
}
