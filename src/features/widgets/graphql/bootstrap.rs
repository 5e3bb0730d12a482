//! What a widget starts with, in the API.

use ::entity::{
    ids::SiteId,
    widget_settings::{Features, Look, PreChat, Proactive},
};
use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    super::{
        asked::{self, WhatIf},
        bootstrap::{self, Bootstrap},
        mode::Reason,
        texts::Texts,
    },
    mode::WidgetState,
};
use crate::{
    features::{
        assistants::AssistantProfile,
        calendars::{WeekdayHours, week},
    },
    kernel::{CtxExt, Result, text},
};

/// Everything that a widget needs to show itself for the first time.
#[derive(SimpleObject)]
struct WidgetBootstrap {
    /// The site.
    site: WidgetSite,
    /// The language of `texts` and `state.message` (BCP 47).
    language: String,
    /// How it looks.
    look: Look,
    /// What it says.
    texts: Texts,
    /// What visitors can expect at the moment, and what to offer them; follow it with `widgetMode`.
    state: WidgetState,
    /// When the site is open.
    hours: WidgetHours,
    /// What visitors are asked before they write.
    pre_chat: PreChat,
    /// What it offers at all.
    features: Features,
    /// When visitors are spoken to first. Null where they are not, and in an emergency.
    proactive: Option<Proactive>,
    /// CSS of the site's own. It loads nothing.
    custom_css: Option<String>,
    /// The median time to the first reply of a person within the last 30 days, in seconds; not older than a minute. Null
    /// where there was none.
    median_reply_seconds: Option<i64>,
    /// Who answers first: the site's first assistant that is on. Null where visitors are offered none.
    assistant: Option<AssistantProfile>,
    /// The same as long as all of this is. Over `GET` it is the `ETag`.
    version: String,
}

/// What visitors may know of a site.
#[derive(SimpleObject)]
struct WidgetSite {
    /// Identifies the site.
    id: SiteId,
    /// The site's name.
    name: String,
    /// The language of texts that have none of their own (BCP 47).
    locale: String,
}

/// When a site is open.
#[derive(SimpleObject)]
struct WidgetHours {
    /// The IANA name of the time zone of all times.
    time_zone: String,
    /// False where no hours are set: open always, but on special days.
    has_hours: bool,
    /// The hours of an ordinary week, Monday first.
    week: Vec<WeekdayHours>,
}

impl From<Bootstrap> for WidgetBootstrap {
    fn from(found: Bootstrap) -> Self {
        let Bootstrap { present, language, texts, median_reply_seconds, assistant, version } = found;
        let (basis, shown) = (&*present.basis, &*present.shown);
        let settings = basis.settings.clone();
        Self {
            site: WidgetSite { id: basis.site.id, name: basis.site.name.clone(), locale: basis.site.locale.clone() },
            state: WidgetState::new(shown, &language),
            language,
            look: settings.look,
            texts,
            hours: WidgetHours {
                time_zone: basis.hours.calendar.zone().name().to_owned(),
                has_hours: basis.hours.has_hours,
                week: week(&basis.hours.week),
            },
            pre_chat: settings.pre_chat,
            features: settings.features,
            proactive: Some(settings.proactive).filter(|it| it.enabled && shown.reason != Reason::Emergency),
            custom_css: settings.custom_css,
            median_reply_seconds,
            assistant,
            version,
        }
    }
}

/// Questions about widgets.
#[derive(Default)]
pub struct WidgetsQuery;

#[Object]
impl WidgetsQuery {
    /// Everything that a widget needs to show itself for the first time, in one request and without signing in. Over `GET`
    /// and alone in its document it can be cached: the answer has an `ETag`, and with it in `If-None-Match` the next one is
    /// 304 without a body until something is different. Refused with `ORIGIN_NOT_ALLOWED` when the site has a list of
    /// origins and the page is from none of them.
    #[graphql(complexity = "20 + child_complexity")]
    async fn widget_bootstrap(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The public key of the site.")] site_key: String,
        #[graphql(
            desc = "The language of the texts, like `tr`; the site's without it, and where there are none in it."
        )]
        language: Option<String>,
    ) -> Result<WidgetBootstrap> {
        let language = language.map(|tag| text::language("language", &tag)).transpose()?;
        let found = bootstrap::of_key(ctx.cx(), &site_key, language.as_deref()).await?;
        ctx.insert_http_header("etag", format!("W/\"{}\"", found.version));
        Ok(found.into())
    }

    /// The mode in which a site's widget would be: at another moment, with other agents, in an emergency or without one.
    /// What is left out is as it is. Nothing is changed by asking. For the site's members.
    #[graphql(complexity = "10 + child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn preview_widget_mode(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "The moment, in the years 1970 to 2100; now without it.")] at: Option<DateTime<Utc>>,
        #[graphql(desc = "So many agents take new conversations, from 0 to 10,000.")] available_agents: Option<i32>,
        #[graphql(desc = "So many of them can be called, from 0 to 10,000.")] callable_agents: Option<i32>,
        #[graphql(desc = "It is an emergency as it was last set, or none.")] emergency: Option<bool>,
        #[graphql(desc = "The language of `message`, like `tr`; the site's without it.")] language: Option<String>,
    ) -> Result<WidgetState> {
        let language = language.map(|tag| text::language("language", &tag)).transpose()?;
        let what_if = WhatIf { at, accepting: available_agents, callable: callable_agents, emergency };
        let (basis, shown) = asked::preview(ctx.cx(), site_id, &what_if).await?;
        Ok(WidgetState::new(&shown, basis.language(language.as_deref())))
    }
}
