//! Asking when a site and its departments are open.

use ::entity::{
    ids::{DepartmentId, SiteId},
    site, special_day,
};
use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::types::{BusinessHours, BusinessHoursReason, BusinessHoursStatus, SpecialDay, week};
use crate::{
    features::{
        agents,
        calendars::{self, Owner, State, hours_of, model, store, texts},
        sites::{self, reach_in},
    },
    kernel::{
        Ctx, CtxExt, Error, ErrorReason, Permission, Result,
        page::{List, Paging, Place},
        text,
    },
};

/// Questions about business hours.
#[derive(Default)]
pub struct CalendarsQuery;

#[Object]
impl CalendarsQuery {
    /// When a site or a department is open in an ordinary week. For the site's members.
    async fn business_hours(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "A department of it, with hours of its own or the site's; without it the site.")]
        department_id: Option<DepartmentId>,
    ) -> Result<BusinessHours> {
        let cx = ctx.cx();
        let reach = reach_in(cx, Permission::CalendarsRead, site_id)?;
        let site = sites::find(&cx.db(), &reach, site_id).await?;
        checked(cx, site_id, department_id).await?;
        let hours = hours_of(&cx.db(), site_id, department_id).await?;
        Ok(BusinessHours::new(&site, department_id, hours))
    }

    /// The days of a site or a department that differ from ordinary ones, by date. For the site's members.
    #[expect(clippy::too_many_arguments, reason = "the four Relay arguments and two places")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn special_days(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "A department of it, for its own special days; without it those of the site.")]
        department_id: Option<DepartmentId>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<SpecialDay>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::CalendarsRead, site_id)?;
        sites::find(&cx.db(), &reach, site_id).await?;
        checked(&cx, site_id, department_id).await?;
        let owner = Owner { site: site_id, department: department_id }.id();
        let page = store::list(&cx.db(), &reach, owner, &paging).await?;
        let place = |row: &special_day::Model| Place(store::key_of(row.date), row.id.0);
        Ok(page.connect(place, SpecialDay::from, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            async move { store::count(&cx.db(), &reach, owner).await }.boxed()
        }))
    }

    /// Whether a site or a department is open, why or why not, and when that changes: now, or at any other moment. Nothing is changed by
    /// asking. Give `siteKey` without signing in, or `siteId` as a member of the site.
    #[graphql(complexity = "10 + child_complexity")]
    async fn business_hours_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site, for its members. Not together with `siteKey`.")] site_id: Option<SiteId>,
        #[graphql(desc = "The site's public key, for everybody. Not together with `siteId`.")] site_key: Option<String>,
        #[graphql(desc = "A department of the site; without it the site as a whole.")] department_id: Option<
            DepartmentId,
        >,
        #[graphql(desc = "The moment, in the years 1970 to 2100; now without it.")] at: Option<DateTime<Utc>>,
        #[graphql(desc = "The language of `text`, like `tr`; the site's without it. English where it is not spoken.")]
        language: Option<String>,
    ) -> Result<BusinessHoursStatus> {
        let cx = ctx.cx();
        let at = model::check_at(at.unwrap_or_else(|| cx.clock.now()))?;
        let language = language.map(|tag| text::language("language", &tag)).transpose()?;
        let site = asked(cx, site_id, site_key.as_deref()).await?;
        checked(cx, site.id, department_id).await?;
        let found = calendars::of(&cx.db(), &site, department_id).await?;
        let status = calendars::status(&found.calendar, at);
        let is_open = status.state == State::Open;
        let reason = match status.state {
            State::Open if found.has_hours => BusinessHoursReason::Open,
            State::Open => BusinessHoursReason::NoCalendar,
            State::Break | State::Closed | State::Holiday if status.next_open.is_none() => {
                BusinessHoursReason::NoWorkingTime
            }
            State::Break => BusinessHoursReason::Break,
            State::Closed => BusinessHoursReason::Closed,
            State::Holiday => BusinessHoursReason::Holiday,
        };
        let until_open = status.next_open.map(|next| (next - at).as_seconds_f64() / 3600.0);
        Ok(BusinessHoursStatus {
            at,
            time_zone: found.calendar.zone().name().to_owned(),
            is_open,
            reason,
            name: status.special.map(|day| day.name.clone()),
            message: status.special.and_then(|day| day.message.clone()),
            text: texts::about(&found.calendar, at, &status, language.as_deref().unwrap_or(&site.locale)),
            next_change_at: status.next_change,
            next_open_at: status.next_open,
            hours_until_open: if is_open { Some(0.0) } else { until_open },
            week: week(&found.week),
        })
    }
}

/// Whether a department, if one is given, is of the site.
async fn checked(cx: &Ctx, site: SiteId, department: Option<DepartmentId>) -> Result<()> {
    if let Some(id) = department {
        let found = agents::department_of(&cx.db(), site, id).await;
        found.map_err(|error| error.at("departmentId"))?;
    }
    Ok(())
}

/// The site that is asked about.
async fn asked(cx: &Ctx, id: Option<SiteId>, key: Option<&str>) -> Result<site::Model> {
    match (id, key) {
        (Some(id), None) => {
            let reach = reach_in(cx, Permission::CalendarsRead, id)?;
            sites::find(&cx.db(), &reach, id).await
        }
        (None, Some(key)) => sites::by_key(&cx.db(), key).await,
        (Some(_), Some(_)) | (None, None) => {
            Err(Error::bad_input("siteId", ErrorReason::InvalidCombination, "Give either `siteId` or `siteKey`."))
        }
    }
}
