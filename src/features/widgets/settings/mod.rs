//! How a site's widget looks, speaks and behaves: read by its members, changed by its admins.

mod changes;
mod css;

use ::entity::{
    ids::SiteId,
    widget_settings::{self, Features, Look, PreChat, PreChatField, Proactive, Side, Translations},
};
use chrono::{DateTime, Utc};

pub(super) use self::changes::{Changes, FeatureChanges, LookChanges, PreChatChanges, ProactiveChanges};
use super::{facts::WidgetFact, store};
use crate::{
    features::sites::{self, reach_in},
    kernel::{Ctx, Error, Permission, Result, versions},
};

/// The settings of a site that nobody changed.
pub(super) fn usual(site: SiteId, now: DateTime<Utc>) -> widget_settings::Model {
    widget_settings::Model {
        site_id: site,
        look: Look {
            primary_color: "#4F46E5".to_owned(),
            secondary_color: "#10B981".to_owned(),
            side: Side::Right,
            z_index: 9_999,
            avatar_url: None,
        },
        translations: Translations::default(),
        features: Features::default(),
        pre_chat: PreChat {
            enabled: false,
            fields: vec![PreChatField::Name, PreChatField::Email],
            required: vec![PreChatField::Name, PreChatField::Email],
        },
        proactive: Proactive {
            enabled: false,
            seconds_on_page: Some(30),
            scroll_percent: Some(50),
            exit_intent: true,
            idle_seconds: Some(60),
            tab_return_seconds: Some(60),
            once_per_visit: true,
        },
        custom_css: None,
        version: 0,
        updated_at: now,
    }
}

/// The settings of a site for its members; whether anybody changed them, too.
pub(super) async fn read(cx: &Ctx, site: SiteId) -> Result<(widget_settings::Model, bool)> {
    let reach = reach_in(cx, Permission::WidgetsRead, site)?;
    let row = sites::find(&cx.db(), &reach, site).await?;
    let found = store::settings(&cx.db(), site).await?;
    let is_set = found.is_some();
    Ok((found.unwrap_or_else(|| usual(site, row.created_at)), is_set))
}

/// Changes settings; what is left out stays. Gives what [`read`] would.
///
/// # Errors
/// `BAD_USER_INPUT` naming the field, its limit and what would be fine; `CONFLICT` with `VERSION_CONFLICT` when
/// somebody else was faster.
pub(super) async fn update(
    cx: &Ctx,
    site: SiteId,
    expected: Option<i32>,
    changes: Changes,
) -> Result<(widget_settings::Model, bool)> {
    let reach = reach_in(cx, Permission::WidgetsManage, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    let now = cx.clock.now();
    let mut tx = cx.begin().await?;
    let before = store::settings_for_update(&tx.db(), usual(site, now)).await?;
    let before = before.ok_or_else(|| Error::internal("settings that were made and are not there"))?;
    versions::check(before.version, expected)?;
    let (row, changed) = changes::apply(before, changes)?;
    if changed.is_empty() {
        drop(tx);
        return read(cx, site).await;
    }
    let row = widget_settings::Model { version: row.version + 1, updated_at: now, ..row };
    store::save_settings(&tx.db(), row.clone()).await?;
    tx.record(site, site.0, &WidgetFact::SettingsUpdated { changed })?;
    tx.commit().await?;
    Ok((row, true))
}
