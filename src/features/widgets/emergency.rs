//! Emergencies: admins take a site offline with a word to its visitors, perhaps until a moment. Conversations that are open
//! go on with people.

use ::entity::{emergency, ids::SiteId};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{facts::WidgetFact, mode::Exceptions, store};
use crate::{
    features::sites::{self, reach_in},
    kernel::{
        Ctx, Error, ErrorReason, Permission, Result,
        jobs::{Due, Failure, Job, Lane, Lease},
        text, versions,
    },
    ports::db::Db,
};

/// Characters of the word to visitors.
const MESSAGE_MAX: usize = 500;
/// An emergency that ends by itself does so within this.
const LONGEST: TimeDelta = TimeDelta::days(90);

/// What an admin says about an emergency.
#[derive(Debug)]
pub(super) struct NewEmergency {
    pub(super) enabled: bool,
    pub(super) message: Option<String>,
    pub(super) allow_ai: bool,
    pub(super) allow_tickets: bool,
    pub(super) until: Option<DateTime<Utc>>,
}

/// True while it is one: from the moment of `until` on it is none, also before anybody has noticed.
pub(super) fn is_on(row: &emergency::Model, now: DateTime<Utc>) -> bool {
    row.enabled && row.until.is_none_or(|until| now < until)
}

/// The emergency that a site is in.
pub(crate) async fn current_emergency(
    db: &Db<'_>,
    site: SiteId,
    now: DateTime<Utc>,
) -> Result<Option<emergency::Model>> {
    Ok(store::emergency(db, site).await?.filter(|row| is_on(row, now)))
}

/// What it leaves open.
pub(super) fn exceptions(row: &emergency::Model) -> Exceptions {
    Exceptions { ai: row.allow_ai, tickets: row.allow_tickets }
}

/// A site that never had one.
pub(super) fn none(site: SiteId, now: DateTime<Utc>) -> emergency::Model {
    emergency::Model {
        site_id: site,
        enabled: false,
        message: None,
        allow_ai: true,
        allow_tickets: true,
        until: None,
        version: 0,
        changed_at: now,
    }
}

/// A site's emergency as it was last set, for its members.
pub(super) async fn read(cx: &Ctx, site: SiteId) -> Result<Option<emergency::Model>> {
    let reach = reach_in(cx, Permission::WidgetsRead, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    store::emergency(&cx.db(), site).await
}

/// Begins, changes or ends an emergency.
///
/// # Errors
/// `BAD_USER_INPUT` for a message that is too long and a time that has passed or is too far; `CONFLICT` with
/// `VERSION_CONFLICT` when somebody else was faster.
pub(super) async fn set(cx: &Ctx, site: SiteId, expected: Option<i32>, new: NewEmergency) -> Result<emergency::Model> {
    let reach = reach_in(cx, Permission::WidgetsManage, site)?;
    let now = cx.clock.now();
    let message = new.message.filter(|message| !message.trim().is_empty());
    let message = message.map(|message| text::longer("input.message", message.trim(), MESSAGE_MAX)).transpose()?;
    let until = new.until.filter(|_| new.enabled);
    check_until(until, now)?;
    sites::find(&cx.db(), &reach, site).await?;
    let (enabled, allow_ai, allow_tickets) = (new.enabled, new.allow_ai, new.allow_tickets);
    let mut tx = cx.begin().await?;
    let before = store::emergency_for_update(&tx.db(), none(site, now)).await?;
    let before = before.ok_or_else(|| Error::internal("an emergency that was made and is not there"))?;
    versions::check(before.version, expected)?;
    let row = emergency::Model { enabled, message, allow_ai, allow_tickets, until, ..before.clone() };
    if row == before {
        return Ok(before);
    }
    let row = emergency::Model { version: before.version + 1, changed_at: now, ..row };
    store::save_emergency(&tx.db(), row.clone()).await?;
    let is_news = enabled && (!is_on(&before, now) || before.message != row.message);
    tx.record(site, site.0, &WidgetFact::EmergencySet { enabled, allow_ai, allow_tickets, until, is_news })?;
    if let Some(until) = until {
        tx.enqueue(&EndEmergency { site, until }).await?;
    }
    tx.commit().await?;
    Ok(row)
}

fn check_until(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    let message = match until {
        Some(until) if until <= now => {
            "`input.until` has passed; give a moment to come, or leave it out and end the emergency by hand."
        }
        Some(until) if until > now + LONGEST => {
            "`input.until` is more than 90 days away; give an earlier moment, or leave it out."
        }
        Some(_) | None => return Ok(()),
    };
    Err(Error::bad_input("input.until", ErrorReason::OutOfRange, message))
}

/// Ends an emergency whose time is over, unless it was changed meanwhile.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndEmergency {
    site: SiteId,
    until: DateTime<Utc>,
}

impl Job for EndEmergency {
    const KIND: &'static str = "end_emergency";
    const LANE: Lane = Lane::Interactive;

    fn key(&self) -> Option<String> {
        Some(format!("{}:{}", self.site, self.until.timestamp_micros()))
    }

    fn due(&self) -> Due {
        Due::At(self.until)
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        let Self { site, until } = self;
        let now = cx.clock.now();
        let mut tx = cx.begin().await?;
        let row = store::emergency_for_update(&tx.db(), none(site, now)).await?;
        if let Some(row) = row.filter(|row| row.enabled && row.until == Some(until) && !is_on(row, now)) {
            store::save_emergency(
                &tx.db(),
                emergency::Model { enabled: false, version: row.version + 1, changed_at: now, ..row },
            )
            .await?;
            tx.record(site, site.0, &WidgetFact::EmergencyEnded { until })?;
        }
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_emergency_is_over_at_its_end_and_not_before() {
        let noon = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let row = |enabled, until| emergency::Model { enabled, until, ..none(SiteId(Uuid::nil()), noon) };
        assert!(is_on(&row(true, None), noon));
        assert!(is_on(&row(true, Some(noon)), noon - TimeDelta::microseconds(1)));
        assert!(!is_on(&row(true, Some(noon)), noon));
        assert!(!is_on(&row(false, None), noon));
    }

    #[test]
    fn an_end_lies_in_the_future_and_not_too_far() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (until, is_fine) in [
            (None, true),
            (Some(now + TimeDelta::seconds(1)), true),
            (Some(now + LONGEST), true),
            (Some(now), false),
            (Some(now + LONGEST + TimeDelta::seconds(1)), false),
        ] {
            assert_eq!(check_until(until, now).is_ok(), is_fine, "{until:?}");
        }
    }
}
