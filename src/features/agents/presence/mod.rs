//! Whether agents are there.
//!
//! An open dashboard holds a lease. The node it is connected to moves the lease on, of all its dashboards at once, and any
//! node ends what has run out: an agent is offline [`GRACE`] after their last dashboard was gone, however it went. What an
//! agent says about themself is kept apart, and comes back with them.

mod leases;
pub(super) mod store;

use std::time::Duration;

use ::entity::{
    agent_lease,
    agent_state::{self, Availability},
    ids::{LeaseId, SiteId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};

pub(crate) use self::leases::Open;
pub use self::leases::keep_leases;
use super::facts::AgentFact;
use crate::{
    features::{accounts, sites},
    kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx, text},
};

/// An agent whose dashboards are gone so long is offline.
pub(crate) const GRACE: Duration = Duration::from_secs(60);
/// How often the leases of a node are moved on.
const BEAT: Duration = Duration::from_secs(20);
/// When that is tried again where it failed.
const AGAIN: Duration = Duration::from_secs(2);
/// Characters of what an agent says.
const TEXT: usize = 140;
/// Nobody is away for longer than this by themselves.
const LONGEST: TimeDelta = TimeDelta::days(90);

/// Whether an agent is there, and what they said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) user: UserId,
    /// A dashboard of theirs is open.
    pub(crate) online: bool,
    pub(crate) state: Availability,
    pub(crate) text: Option<String>,
    pub(crate) until: Option<DateTime<Utc>>,
}

impl Presence {
    /// What holds at a moment: what an agent said counts until its time is over, also before anybody has noticed.
    pub(crate) fn of(user: UserId, online: bool, said: Option<agent_state::Model>, now: DateTime<Utc>) -> Self {
        let said = said.filter(|said| said.until.is_none_or(|until| now < until));
        match said {
            Some(said) => Self { user, online, state: said.state, text: said.text, until: said.until },
            None => Self { user, online, state: Availability::Available, text: None, until: None },
        }
    }

    /// True when the agent may get new conversations, as far as it depends on them being there.
    pub(crate) fn is_available(&self) -> bool {
        self.online
            && match self.state {
                Availability::Available | Availability::Busy => true,
                Availability::Away | Availability::OnBreak | Availability::DoNotDisturb => false,
            }
    }
}

/// Opens a dashboard of the caller's on a site.
pub(super) async fn open(cx: &Ctx, site: SiteId) -> Result<Open> {
    sites::reach_in(cx, Permission::ConversationsWork, site)?;
    let person = accounts::signed_in(&cx.actor)?;
    let (user, session) = (person.user, person.session);
    let now = cx.clock.now();
    let lease = agent_lease::Model {
        id: cx.id(LeaseId),
        site_id: site,
        user_id: user,
        expires_at: now + GRACE,
        created_at: now,
        lost_at: None,
    };
    let mut tx = cx.begin().await?;
    // Of several dashboards that are opened and lost at once, one is the first and one is the last.
    if !store::lock(&tx.db(), site, user).await? {
        return Err(Error::not_found("agent"));
    }
    insert_in(&mut tx, lease.clone()).await?;
    tx.commit().await?;
    Ok(Open::new(cx, session, lease))
}

/// Inserts a lease of an agent whose membership is locked. The first one takes them online.
async fn insert_in(tx: &mut Tx, lease: agent_lease::Model) -> Result<()> {
    let (site, user) = (lease.site_id, lease.user_id);
    let leases = store::leases(&tx.db(), site, user).await?;
    store::insert_lease(&tx.db(), lease).await?;
    if leases.is_empty() {
        tx.record(site, user.0, &AgentFact::CameOnline { user })?;
    } else if leases.iter().all(|lease| lease.lost_at.is_some()) {
        tx.record(site, user.0, &AgentFact::ConnectionBack { user })?;
    }
    Ok(())
}

/// What an agent says about themself.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) state: Availability,
    pub(super) text: Option<String>,
    pub(super) until: Option<DateTime<Utc>>,
}

/// Says something about the caller's availability on a site.
///
/// # Errors
/// `BAD_USER_INPUT` for a text that is too long and a time that has passed or is too far.
pub(super) async fn say(cx: &Ctx, site: SiteId, said: Said) -> Result<Presence> {
    sites::reach_in(cx, Permission::ConversationsWork, site)?;
    let user = accounts::signed_in(&cx.actor)?.user;
    let now = cx.clock.now();
    let text = text::maybe_line("input.text", said.text.as_deref(), TEXT)?;
    let until = match said.until {
        Some(until) if until <= now => {
            let message = "`input.until` has passed; give a moment to come, or leave it out.";
            return Err(Error::bad_input("input.until", ErrorReason::OutOfRange, message));
        }
        Some(until) if until > now + LONGEST => {
            let message = "`input.until` is more than 90 days away; give an earlier moment, or leave it out.";
            return Err(Error::bad_input("input.until", ErrorReason::OutOfRange, message));
        }
        // Who is available is so until they say otherwise.
        until => until.filter(|_| said.state != Availability::Available),
    };
    let row = agent_state::Model { site_id: site, user_id: user, state: said.state, text, until, since: now };
    let mut tx = cx.begin().await?;
    if !store::lock(&tx.db(), site, user).await? {
        return Err(Error::not_found("agent"));
    }
    let before = store::said(&tx.db(), site, &[user]).await?.remove(&user);
    let same = |old: &agent_state::Model| agent_state::Model { since: now, ..old.clone() } == row;
    if !before.as_ref().is_some_and(same) {
        store::put_said(&tx.db(), row.clone()).await?;
        tx.record(site, user.0, &AgentFact::AvailabilityChanged { user, state: row.state, until })?;
    }
    let online = !store::leases(&tx.db(), site, user).await?.is_empty();
    tx.commit().await?;
    Ok(Presence::of(user, online, Some(row), now))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use uuid::Uuid;

    use super::*;

    fn said(state: Availability, until: Option<DateTime<Utc>>) -> agent_state::Model {
        agent_state::Model {
            site_id: SiteId(Uuid::nil()),
            user_id: UserId(Uuid::nil()),
            state,
            text: None,
            until,
            since: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn who_is_away_is_back_when_the_time_is_over() {
        let noon = Utc.with_ymd_and_hms(2026, 1, 5, 12, 0, 0).unwrap();
        let state = |now, until| Presence::of(UserId(Uuid::nil()), true, Some(said(Availability::OnBreak, until)), now);
        assert!(!state(noon, None).is_available());
        let until = Some(noon + TimeDelta::minutes(30));
        assert!(!state(noon + TimeDelta::minutes(29), until).is_available());
        assert!(state(noon + TimeDelta::minutes(30), until).is_available());
    }

    #[test]
    fn only_who_is_there_and_says_nothing_against_it_gets_new_conversations() {
        let now = Utc.with_ymd_and_hms(2026, 1, 5, 12, 0, 0).unwrap();
        for (state, available) in [
            (Availability::Available, true),
            (Availability::Busy, true),
            (Availability::Away, false),
            (Availability::OnBreak, false),
            (Availability::DoNotDisturb, false),
        ] {
            let of = |online| Presence::of(UserId(Uuid::nil()), online, Some(said(state, None)), now).is_available();
            assert_eq!((of(true), of(false)), (available, false), "{state:?}");
        }
    }
}
