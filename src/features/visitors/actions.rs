//! Every write on visitors, and the start of their sessions, which writes nothing.

use ::entity::{
    ids::{SiteId, VisitorId},
    site, visitor,
};
use chrono::{DateTime, Utc};

use super::{
    facts::VisitorFact,
    model::{self, Profile},
    store,
};
use crate::{
    features::{
        accounts::token::{self, Bearer, Claims},
        sites,
    },
    kernel::{Ctx, Error, Permission, Result, Tx, quotas},
};

/// A visitor's session.
pub(super) struct Started {
    pub(super) token: String,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) visitor: VisitorId,
    /// They did something here before.
    pub(super) returning: bool,
    pub(super) site: site::Model,
}

/// Starts or renews a visitor's session. Nothing is stored: who only looks leaves no trace.
pub(super) async fn start(cx: &Ctx, site_key: &str, earlier: Option<&str>) -> Result<Started> {
    let site = sites::by_key(&cx.db(), site_key).await?;
    quotas::spend(cx, &[quotas::SESSIONS_FROM_ADDRESS.at(site.id, &cx.request)]).await?;
    sites::admits_start(cx, &site)?;
    let now = cx.clock.now();
    // An unreadable token is no reason to turn anybody away: they come as somebody new.
    let known = earlier
        .and_then(|text| token::read(&cx.secrets, text).ok())
        .and_then(|claims| model::returning(&claims, site.id, now));
    let returning = match known {
        Some(visitor) => store::lookup_own(&cx.db(), site.id, visitor).await?.is_some(),
        None => false,
    };
    let visitor = known.unwrap_or_else(|| cx.id(VisitorId));
    let claims = Claims::new(Bearer::Visitor { sub: visitor, site: site.id }, now, model::TOKEN_LIFE);
    let token = token::sign(&cx.secrets, &claims)?;
    Ok(Started { token, expires_at: claims.expires_at(), visitor, returning, site })
}

/// The visitor's row, made at the first thing they do. Call it in the transaction that writes that thing.
pub async fn ensure_in(tx: &mut Tx, site: SiteId, id: VisitorId) -> Result<visitor::Model> {
    let now = tx.cx().clock.now();
    if let Some(row) = store::lookup_own(&tx.db(), site, id).await? {
        if !model::seen_again(&row, now) {
            return Ok(row);
        }
        store::set_seen(&tx.db(), id, now).await?;
        return Ok(visitor::Model { last_seen_at: now, ..row });
    }
    let row = visitor::Model {
        id,
        site_id: site,
        name: None,
        email: None,
        phone: None,
        locale: None,
        folded: String::new(),
        vip: false,
        custom_data: model::nothing(),
        created_at: now,
        last_seen_at: now,
    };
    if store::insert(&tx.db(), &row).await? {
        tx.record(site, id.0, &VisitorFact::Arrived)?;
        return Ok(row);
    }
    // Somebody was faster; had the id been another site's, there would be nothing to find.
    store::lookup_own(&tx.db(), site, id).await?.ok_or_else(|| Error::not_found("visitor"))
}

/// Writes down what a visitor tells about themself.
pub(super) async fn update(cx: &Ctx, profile: Profile) -> Result<visitor::Model> {
    let reach = cx.reach(Permission::VisitorsWrite)?;
    let (site, id) = reach.visitor().ok_or_else(Error::forbidden)?;
    let profile = profile.checked()?;
    let mut tx = cx.begin().await?;
    ensure_in(&mut tx, site, id).await?;
    let mut row = store::own_for_update(&tx.db(), site, id).await?.ok_or_else(|| Error::not_found("visitor"))?;
    let changed = model::apply(&mut row, profile);
    if !changed.is_empty() {
        store::save_profile(&tx.db(), &row).await?;
        tx.record(site, id.0, &VisitorFact::Updated { changed })?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Marks a visitor as important, or no longer.
pub(super) async fn set_vip(cx: &Ctx, id: VisitorId, vip: bool) -> Result<visitor::Model> {
    let reach = sites::reach_to(cx, Permission::ConversationsWork, "visitor")?;
    let found = store::find(&cx.db(), &reach, id).await?;
    let mut tx = cx.begin().await?;
    if found.vip != vip {
        store::set_vip(&tx.db(), id, vip).await?;
        tx.record(found.site_id, id.0, &VisitorFact::Updated { changed: vec!["vip".into()] })?;
    }
    tx.commit().await?;
    Ok(visitor::Model { vip, ..found })
}
