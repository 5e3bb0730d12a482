//! Which site somebody asks about, and whether they may; and what would be.

use ::entity::{emergency, ids::SiteId};
use chrono::{DateTime, Utc};

use super::{
    emergency as emergencies,
    live::{self, Basis, Shown},
    mode::Agents,
};
use crate::{
    features::{
        calendars,
        sites::{self, reach_in},
    },
    kernel::{Actor, Ctx, Error, ErrorReason, Permission, Result},
};

/// Most agents in a question.
const AGENTS: i32 = 10_000;

/// The site whose widget somebody asks about: by its key anybody, by its id its members and visitors.
pub(super) async fn site(cx: &Ctx, id: Option<SiteId>, key: Option<&str>) -> Result<SiteId> {
    match (id, key, &cx.actor) {
        (None, Some(key), _) => {
            let site = sites::by_key(&cx.db(), key).await?;
            sites::admits_page(cx, &site)?;
            Ok(site.id)
        }
        (None, None, Actor::Visitor { site, .. }) => Ok(*site),
        (Some(id), None, Actor::Visitor { site, .. }) if id == *site => Ok(id),
        (Some(id), None, _) => {
            let reach = reach_in(cx, Permission::WidgetsRead, id)?;
            Ok(sites::find(&cx.db(), &reach, id).await?.id)
        }
        (Some(_), Some(_), _) | (None, None, _) => {
            Err(Error::bad_input("siteId", ErrorReason::InvalidCombination, "Give either `siteId` or `siteKey`."))
        }
    }
}

/// A question about what would be; what is left out is as it is.
#[derive(Debug)]
pub(super) struct WhatIf {
    pub(super) at: Option<DateTime<Utc>>,
    /// Agents who take new conversations.
    pub(super) accepting: Option<i32>,
    /// Those of them whom visitors may call.
    pub(super) callable: Option<i32>,
    pub(super) emergency: Option<bool>,
}

/// What a site's widget would show, and what that would follow from. By the same rules as what it does show.
pub(super) async fn preview(cx: &Ctx, site: SiteId, what_if: &WhatIf) -> Result<(Basis, Shown)> {
    let reach = reach_in(cx, Permission::WidgetsRead, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    let at = calendars::check_at(what_if.at.unwrap_or_else(|| cx.clock.now()))?;
    let present = live::present(cx, site).await?;
    let real = (*present.basis).clone();
    let agents = self::agents(real.agents, what_if)?;
    let emergency = self::emergency(real.emergency.clone(), site, at, what_if.emergency);
    let basis = Basis { agents, emergency, ..real };
    let shown = live::shown(&basis, at);
    Ok((basis, shown))
}

fn agents(real: Agents, what_if: &WhatIf) -> Result<Agents> {
    let accepting = count("availableAgents", what_if.accepting)?.unwrap_or(real.accepting);
    let callable = count("callableAgents", what_if.callable)?.unwrap_or(real.callable).min(accepting);
    let (online, available) = (real.online.max(accepting), real.available.max(accepting));
    Ok(Agents { online, available, accepting, callable })
}

fn count(field: &'static str, given: Option<i32>) -> Result<Option<usize>> {
    let Some(given) = given else { return Ok(None) };
    match usize::try_from(given) {
        Ok(count) if given <= AGENTS => Ok(Some(count)),
        _ => {
            let message = format!("`{field}` is {given}; give a number from 0 to {AGENTS}.");
            Err(Error::bad_input(field, ErrorReason::OutOfRange, message))
        }
    }
}

/// The emergency of a question: the real one, none, or one as it was last set.
fn emergency(
    real: Option<emergency::Model>,
    site: SiteId,
    at: DateTime<Utc>,
    is_one: Option<bool>,
) -> Option<emergency::Model> {
    match is_one {
        None => real,
        Some(false) => None,
        Some(true) => {
            let last = real.unwrap_or_else(|| emergencies::none(site, at));
            let until = last.until.filter(|until| at < *until);
            Some(emergency::Model { enabled: true, until, ..last })
        }
    }
}
