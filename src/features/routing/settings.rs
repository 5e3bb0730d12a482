//! A site's routing settings: read, changed by a new version, tried out.

use ::entity::{
    ids::{ConversationId, SiteId},
    routing_rules,
};

use super::{
    agents as loaded, choice,
    decision::{self, Explanation},
    enter,
    facts::RoutingFact,
    hours,
    rules::{Known, Settings},
    store,
};
use crate::{
    features::{
        agents::{self, Whom},
        assistants, conversations, sites,
    },
    kernel::{Ctx, Error, Permission, Result, entries, versions},
};

/// A site's settings, those of a version if one is given.
pub(super) async fn settings(
    cx: &Ctx,
    site: SiteId,
    version: Option<i32>,
) -> Result<(Settings, Option<routing_rules::Model>)> {
    let reach = sites::reach_in(cx, Permission::SitesRead, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    let row = store::settings(&cx.db(), site, version.filter(|version| *version != 0)).await?;
    match (version, row) {
        (Some(0), _) => Ok((Settings::default(), None)),
        (Some(_), None) => Err(Error::not_found("version").at("version")),
        (_, row) => Ok((store::read(row.as_ref())?.0, row)),
    }
}

/// Replaces them by a new version.
///
/// # Errors
/// `CONFLICT` with `VERSION_CONFLICT` when somebody else was faster; `BAD_USER_INPUT` naming the field and its limit.
pub(super) async fn update(
    cx: &Ctx,
    site: SiteId,
    expected: i32,
    change: impl FnOnce(Settings) -> Settings + Send,
) -> Result<(Settings, routing_rules::Model)> {
    let reach = sites::reach_in(cx, Permission::SitesManage, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    let mut tx = cx.begin().await?;
    store::lock_turn(&tx.db(), site).await?;
    let (before, version) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    versions::check(version, Some(expected))?;
    let after = change(before).checked()?;
    for (place, rule) in after.rules.iter().enumerate() {
        if let Some(department) = rule.department_id {
            let known = agents::department_of(&tx.db(), site, department).await;
            known.map_err(|error| error.at(format!("input.rules[{place}].departmentId")))?;
        }
    }
    if after.rules.iter().any(|rule| !rule.conditions.assistant_ids.is_empty()) {
        let known = assistants::of_site(&tx.db(), site).await?;
        entries("input.rules", &after.rules, |rule| {
            let field = "input.rules.when.assistantIds";
            entries(field, &rule.conditions.assistant_ids, |id| {
                let is_known = known.iter().any(|assistant| assistant.id == *id);
                if is_known { Ok(()) } else { Err(Error::not_found("assistant").at(field)) }
            })
        })?;
    }
    let row = routing_rules::Model {
        site_id: site,
        version: version + 1,
        settings: serde_json::to_value(&after).map_err(Error::internal)?,
        created_by: cx.actor.user(),
        created_at: cx.clock.now(),
    };
    store::insert_settings(&tx.db(), row.clone()).await?;
    tx.record(site, site.0, &RoutingFact::RulesChanged { version: row.version })?;
    tx.commit().await?;
    Ok((after, row))
}

/// Whom a conversation that is, or one of which so much is known, would be given to now. Nothing is changed.
pub(super) async fn preview(
    cx: &Ctx,
    site: SiteId,
    conversation: Option<ConversationId>,
    known: Known,
) -> Result<Explanation> {
    let reach = sites::reach_in(cx, Permission::ConversationsWork, site)?;
    let place = sites::find(&cx.db(), &reach, site).await?;
    // A transaction that is never committed: all of one moment.
    let tx = cx.begin().await?;
    let (settings, version) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let entry = match conversation {
        Some(id) => store::entry(&tx.db(), id).await?,
        None => None,
    };
    let demand = match (&entry, conversation) {
        (Some(entry), _) => entry.demand.clone(),
        (None, Some(id)) => {
            let found = conversations::find(&tx.db(), &reach, id).await?;
            let who = enter::who(&tx, &found).await?;
            enter::wanted(&tx, &found, &who, &settings, version).await?.0
        }
        (None, None) => settings.demand(version, &known).0,
    };
    let entries = store::waiting(&tx.db(), site).await?;
    let declined = entry.map(|entry| entry.declined.0).unwrap_or_default();
    let agents = loaded::load(cx, &tx.db(), site, Whom::Everybody, &entries).await?;
    let last = store::last(&tx.db(), site).await?.map(|last| last.0);
    let choice = choice::choose(&demand, &declined, &agents, &place.locale, last);
    let now = cx.clock.now();
    let hours = hours::of_line(&tx.db(), &place, demand.department.filter(|_| demand.strict), now).await?;
    let choice = if hours.is_some_and(|hours| hours.are_open(now)) { choice } else { choice.while_closed() };
    Ok(decision::explain(&demand, &choice, last))
}
