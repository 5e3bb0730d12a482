//! The settings of widgets in the API.

use ::entity::{
    ids::SiteId,
    widget_settings::{self, Features, Look, PreChat, Proactive, Translation},
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::settings::{self, Changes, FeatureChanges, LookChanges, PreChatChanges, ProactiveChanges};
use crate::kernel::{CtxExt, Result};

/// How a site's widget looks, speaks and behaves.
#[derive(SimpleObject)]
struct WidgetSettings {
    /// The site.
    site_id: SiteId,
    /// How it looks.
    look: Look,
    /// Its texts by language.
    translations: Vec<Translation>,
    /// What it offers at all.
    features: Features,
    /// What visitors are asked before they write.
    pre_chat: PreChat,
    /// When visitors are spoken to first.
    proactive: Proactive,
    /// CSS of the site's own for the widget.
    custom_css: Option<String>,
    /// Grows by one with each change, 0 until the first; `updateWidgetSettings` takes it as `expectedVersion`.
    version: i32,
    /// When the settings were last changed. Null until they are.
    updated_at: Option<DateTime<Utc>>,
}

impl WidgetSettings {
    fn new(row: widget_settings::Model, is_set: bool) -> Self {
        Self {
            site_id: row.site_id,
            look: row.look,
            translations: row.translations.0,
            features: row.features,
            pre_chat: row.pre_chat,
            proactive: row.proactive,
            custom_css: row.custom_css,
            version: row.version,
            updated_at: is_set.then_some(row.updated_at),
        }
    }
}

/// What to change of a widget's settings. What is left out stays.
#[derive(Debug, InputObject)]
struct UpdateWidgetSettingsInput {
    /// The site.
    site_id: SiteId,
    /// How it is to look.
    look: Option<LookChanges>,
    /// Its texts, in place of all earlier ones: up to 20 languages, each once.
    translations: Option<Vec<Translation>>,
    /// What it is to offer.
    features: Option<FeatureChanges>,
    /// What visitors are to be asked before they write.
    pre_chat: Option<PreChatChanges>,
    /// When visitors are to be spoken to first.
    proactive: Option<ProactiveChanges>,
    /// CSS for the widget, up to 20,000 characters. Nothing in it may load anything: no `url()`, `image-set()`, `@import`,
    /// `@font-face`. Null for none.
    custom_css: MaybeUndefined<String>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the settings since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// The settings that were changed.
#[derive(SimpleObject)]
struct UpdateWidgetSettingsPayload {
    /// As they are now.
    widget_settings: WidgetSettings,
}

/// Questions about the settings of widgets.
#[derive(Default)]
pub struct WidgetSettingsQuery;

#[Object]
impl WidgetSettingsQuery {
    /// How a site's widget looks, speaks and behaves. For its members.
    async fn widget_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<WidgetSettings> {
        let (row, is_set) = settings::read(ctx.cx(), site_id).await?;
        Ok(WidgetSettings::new(row, is_set))
    }
}

/// Changes to the settings of widgets.
#[derive(Default)]
pub struct WidgetSettingsMutation;

#[Object]
impl WidgetSettingsMutation {
    /// Changes how a site's widget looks, speaks and behaves. Widgets that are open see it when they are loaded again. For
    /// the site's admins.
    async fn update_widget_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateWidgetSettingsInput,
    ) -> Result<UpdateWidgetSettingsPayload> {
        let UpdateWidgetSettingsInput {
            site_id,
            look,
            translations,
            features,
            pre_chat,
            proactive,
            custom_css,
            expected_version,
        } = input;
        let changes = Changes {
            look: look.unwrap_or_default(),
            translations,
            features: features.unwrap_or_default(),
            pre_chat: pre_chat.unwrap_or_default(),
            proactive: proactive.unwrap_or_default(),
            custom_css,
        };
        let (row, is_set) = settings::update(ctx.cx(), site_id, expected_version, changes).await?;
        Ok(UpdateWidgetSettingsPayload { widget_settings: WidgetSettings::new(row, is_set) })
    }
}
