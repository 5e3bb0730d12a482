//! What a site's widget does not offer, visitors cannot have: switches are rules, not decoration.

use std::collections::HashMap;

use ::entity::{
    ids::{SiteId, UserId},
    site, visitor,
    widget_settings::{self, Features, PreChatField},
};
use async_graphql::dataloader::Loader;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    kernel::{Actor, Ctx, Error, ErrorReason, Result, loader::Batch},
    ports::db::Db,
};

async fn settings(db: &Db<'_>, site: SiteId) -> Result<Option<widget_settings::Model>> {
    Ok(widget_settings::Entity::find_by_id(site).one(db).await?)
}

/// What the widget of a site offers.
pub(crate) async fn features(db: &Db<'_>, site: SiteId) -> Result<Features> {
    Ok(settings(db, site).await?.map(|row| row.features).unwrap_or_default())
}

/// What whoever asks on a site can have instead of an assistant.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    /// There are people: not in a customer's private space.
    pub(crate) are_people_there: bool,
    /// What the site's widget offers.
    pub(crate) features: Features,
}

/// The ways beside the assistant of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WaysKey(pub(crate) SiteId);

impl Loader<WaysKey> for Batch {
    type Value = Ways;
    type Error = Error;
    async fn load(&self, keys: &[WaysKey]) -> Result<HashMap<WaysKey, Ways>> {
        let (db, ids) = (self.0.db(), keys.iter().map(|key| key.0));
        let sites = site::Entity::find().filter(site::Column::Id.is_in(ids.clone())).select_only();
        let sites: Vec<(SiteId, Option<UserId>)> =
            sites.columns([site::Column::Id, site::Column::OwnerId]).into_tuple().all(&db).await?;
        let settings = widget_settings::Entity::find().filter(widget_settings::Column::SiteId.is_in(ids));
        let mut features: HashMap<SiteId, Features> =
            settings.all(&db).await?.into_iter().map(|row| (row.site_id, row.features)).collect();
        let ways = |(id, owner): (SiteId, Option<UserId>)| {
            let features = features.remove(&id).unwrap_or_default();
            (WaysKey(id), Ways { are_people_there: owner.is_none(), features })
        };
        Ok(sites.into_iter().map(ways).collect())
    }
}

/// Refuses a visitor what their site's widget does not offer. Others are not bound by a widget.
///
/// # Errors
/// `CONFLICT` with `FEATURE_OFF`, naming the switch.
pub(crate) async fn check(cx: &Ctx, site: SiteId, is_on: fn(&Features) -> bool, switch: &str) -> Result<()> {
    if !matches!(cx.actor, Actor::Visitor { .. }) || is_on(&features(&cx.db(), site).await?) {
        return Ok(());
    }
    let message =
        format!("This site does not offer that: its admins have switched `features.{switch}` of the widget off.");
    Err(Error::conflict(ErrorReason::FeatureOff, message))
}

/// Refuses the beginning of a conversation to a visitor who has not said what the site's form requires.
///
/// # Errors
/// `BAD_USER_INPUT` with `PROFILE_INCOMPLETE`, naming what is missing.
pub(crate) async fn check_pre_chat(db: &Db<'_>, site: SiteId, visitor: Option<&visitor::Model>) -> Result<()> {
    let Some(form) = settings(db, site).await?.map(|row| row.pre_chat).filter(|form| form.enabled) else {
        return Ok(());
    };
    let is_told = |field: &PreChatField| {
        visitor.is_some_and(|visitor| match field {
            PreChatField::Name => visitor.name.is_some(),
            PreChatField::Email => visitor.email.is_some(),
            PreChatField::Phone => visitor.phone.is_some(),
        })
    };
    let name = |field: &PreChatField| match field {
        PreChatField::Name => "`name`",
        PreChatField::Email => "`email`",
        PreChatField::Phone => "`phone`",
    };
    let missing: Vec<&str> = form.required.iter().filter(|field| !is_told(field)).map(name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "This site asks for {} before a conversation; give it with `updateVisitor` first.",
        missing.join(" and ")
    );
    Err(Error::bad_input("input", ErrorReason::ProfileIncomplete, message))
}
