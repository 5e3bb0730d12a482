//! Rules of sites, memberships and invitations.

use ::entity::{
    invitation,
    membership::{self, Role},
    site,
};
use async_graphql::MaybeUndefined;
use chrono::{DateTime, TimeDelta, Utc};

use super::origin;
use crate::kernel::{Error, ErrorReason, Result, entries, error::ErrorCode, secret, text};

/// How long an invitation can be accepted.
pub(super) const INVITATION_LIFE: TimeDelta = TimeDelta::days(7);
/// What a site speaks that was not told.
pub(super) const DEFAULT_LOCALE: &str = "en";
/// Where a site is that was not told.
pub(super) const DEFAULT_TIME_ZONE: &str = "Europe/Istanbul";
/// What language models may cost a day where nobody said otherwise, in millionths of a US dollar.
pub(super) const DEFAULT_BUDGET: i64 = 10_000_000;
const NAME_MAX: usize = 120;
/// The largest budget, in US dollars.
const BUDGET_MAX: f64 = 1_000_000.0;
/// Most terms of hard questions.
const TERMS_MAX: usize = 200;
/// Longest of them, in characters.
const TERM_MAX: usize = 50;

/// What a new site is made of, checked.
#[derive(Clone, Debug)]
pub struct NewSite {
    pub(super) name: String,
    pub(super) allowed_origins: Vec<String>,
    pub(super) locale: String,
    pub(super) time_zone: String,
}

impl NewSite {
    /// Checks what somebody gave for a new site.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the field that is wrong.
    pub fn check(name: &str, allowed_origins: &[String], locale: Option<&str>) -> Result<Self> {
        Ok(Self {
            name: check_name(name)?,
            allowed_origins: origin::check_all(allowed_origins)?,
            locale: check_locale(locale.unwrap_or(DEFAULT_LOCALE))?,
            time_zone: DEFAULT_TIME_ZONE.to_owned(),
        })
    }

    /// The same in a time zone.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` when there is none of that name.
    pub fn in_time_zone(self, name: &str) -> Result<Self> {
        Ok(Self { time_zone: check_time_zone(name)?, ..self })
    }
}

/// What to change of a site; what is undefined stays.
#[derive(Clone, Debug, Default)]
pub(super) struct SiteChanges {
    pub(super) name: MaybeUndefined<String>,
    pub(super) allowed_origins: MaybeUndefined<Vec<String>>,
    pub(super) locale: MaybeUndefined<String>,
    pub(super) mask_personal_data: MaybeUndefined<bool>,
    pub(super) time_zone: MaybeUndefined<String>,
    pub(super) daily_ai_budget_usd: MaybeUndefined<f64>,
    pub(super) complexity_terms: MaybeUndefined<Vec<String>>,
}

/// Applies changes to a site and tells the names of the settings that differ now. Null clears the origins and brings
/// back the default language; a name cannot be cleared.
pub(super) fn change(site: &mut site::Model, changes: SiteChanges) -> Result<Vec<String>> {
    let before = site.clone();
    match changes.name {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => {
            return Err(Error::bad_input("input.name", ErrorReason::TooShort, "A site needs a name."));
        }
        MaybeUndefined::Value(name) => site.name = check_name(&name)?,
    }
    match changes.allowed_origins {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => site.allowed_origins = site::Origins::default(),
        MaybeUndefined::Value(origins) => site.allowed_origins = site::Origins(origin::check_all(&origins)?),
    }
    match changes.locale {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => site.locale = DEFAULT_LOCALE.to_owned(),
        MaybeUndefined::Value(locale) => site.locale = check_locale(&locale)?,
    }
    match changes.mask_personal_data {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => site.mask_personal_data = false,
        MaybeUndefined::Value(mask) => site.mask_personal_data = mask,
    }
    match changes.time_zone {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => site.time_zone = DEFAULT_TIME_ZONE.to_owned(),
        MaybeUndefined::Value(name) => site.time_zone = check_time_zone(&name)?,
    }
    match changes.daily_ai_budget_usd {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => site.daily_ai_budget_micros = None,
        MaybeUndefined::Value(dollars) => site.daily_ai_budget_micros = Some(check_budget(dollars)?),
    }
    match changes.complexity_terms {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => site.complexity_terms = None,
        MaybeUndefined::Value(terms) => site.complexity_terms = Some(check_terms(&terms)?),
    }
    let differ = [
        ("name", before.name != site.name),
        ("allowedOrigins", before.allowed_origins != site.allowed_origins),
        ("locale", before.locale != site.locale),
        ("maskPersonalData", before.mask_personal_data != site.mask_personal_data),
        ("timeZone", before.time_zone != site.time_zone),
        ("dailyAiBudgetUsd", before.daily_ai_budget_micros != site.daily_ai_budget_micros),
        ("complexityTerms", before.complexity_terms != site.complexity_terms),
    ];
    Ok(differ.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect())
}

fn check_name(name: &str) -> Result<String> {
    text::line("input.name", name, NAME_MAX)
}

fn check_locale(locale: &str) -> Result<String> {
    text::language("input.locale", locale)
}

/// A name of the IANA time zone database, as it is written there.
fn check_time_zone(name: &str) -> Result<String> {
    Ok(text::time_zone("input.timeZone", name)?.name().to_owned())
}

/// A budget in millionths of a US dollar.
fn check_budget(dollars: f64) -> Result<i64> {
    if !(0.0..=BUDGET_MAX).contains(&dollars) {
        return Err(Error::bad_input(
            "input.dailyAiBudgetUsd",
            ErrorReason::OutOfRange,
            "`input.dailyAiBudgetUsd` must be a number from 0 to 1,000,000, or null for no limit.",
        ));
    }
    Ok((dollars * 1e6).round() as i64)
}

fn check_terms(terms: &[String]) -> Result<site::Terms> {
    if terms.len() > TERMS_MAX {
        let what = format!("`input.complexityTerms` has {} terms; at most {TERMS_MAX} are allowed.", terms.len());
        return Err(Error::bad_input("input.complexityTerms", ErrorReason::TooLong, what));
    }
    let field = "input.complexityTerms";
    Ok(site::Terms(entries(field, terms, |term| text::line(field, term, TERM_MAX))?))
}

/// A new public key. It stands in public pages: it names a site and proves nothing.
pub(super) fn public_key() -> String {
    format!("pk_{}", secret::token())
}

/// A site keeps at least one admin. `admins` counts them with `member`; `to` is the new role, or none to go.
pub(super) fn keeps_an_admin(member: &membership::Model, to: Option<Role>, admins: u64) -> Result<()> {
    if member.role == Role::Admin && to != Some(Role::Admin) && admins <= 1 {
        return Err(Error::conflict(
            ErrorReason::LastAdmin,
            "This is the site's only admin; make somebody else an admin first.",
        ));
    }
    Ok(())
}

/// What is stored of the token in an invitation link.
pub(super) fn invitation_hash(token: &str) -> Vec<u8> {
    secret::hash(&[b"invitation", token.as_bytes()])
}

/// An invitation can be accepted once, and not after its time.
pub(super) fn acceptable(invitation: Option<invitation::Model>, now: DateTime<Utc>) -> Result<invitation::Model> {
    invitation.filter(|row| row.accepted_at.is_none() && row.expires_at > now).ok_or_else(|| {
        Error::conflict(
            ErrorReason::InvitationInvalid,
            "This invitation was used, was withdrawn or has expired; ask for a new one.",
        )
    })
}

/// An invitation is for the person with the address it was sent to.
pub(super) fn meant_for(invitation: &invitation::Model, email: &str) -> Result<()> {
    if invitation.email == email {
        return Ok(());
    }
    Err(Error::new(ErrorCode::Forbidden, "This invitation is for another address; sign in with that account."))
}

/// The person is a member already.
pub(super) fn already_member() -> Error {
    Error::conflict(ErrorReason::AlreadyMember, "This person is a member of the site already.")
}

#[cfg(test)]
mod tests {
    use ::entity::ids::{InvitationId, MembershipId, SiteId, UserId};
    use uuid::Uuid;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn the_last_admin_neither_leaves_nor_steps_down() {
        let member = |role| membership::Model {
            id: MembershipId(Uuid::from_u128(1)),
            site_id: SiteId(Uuid::from_u128(2)),
            user_id: UserId(Uuid::from_u128(3)),
            role,
            created_at: now(),
        };
        for (role, to, admins, allowed) in [
            (Role::Admin, None, 1, false),
            (Role::Admin, Some(Role::Agent), 1, false),
            (Role::Admin, Some(Role::Admin), 1, true),
            (Role::Admin, None, 2, true),
            (Role::Admin, Some(Role::Agent), 2, true),
            (Role::Agent, None, 1, true),
            (Role::Agent, Some(Role::Admin), 1, true),
        ] {
            assert_eq!(keeps_an_admin(&member(role), to, admins).is_ok(), allowed, "{role:?} {to:?} {admins}");
        }
    }

    #[test]
    fn an_invitation_is_accepted_once_and_in_time() {
        let open = invitation::Model {
            id: InvitationId(Uuid::from_u128(1)),
            site_id: SiteId(Uuid::from_u128(2)),
            email: "ada@example.com".into(),
            role: Role::Agent,
            token_hash: invitation_hash("x"),
            invited_by: UserId(Uuid::from_u128(3)),
            created_at: now(),
            expires_at: now() + INVITATION_LIFE,
            accepted_at: None,
        };
        assert!(acceptable(Some(open.clone()), now()).is_ok());
        assert!(acceptable(Some(open.clone()), open.expires_at).is_err());
        assert!(acceptable(Some(invitation::Model { accepted_at: Some(now()), ..open.clone() }), now()).is_err());
        assert!(acceptable(None, now()).is_err());
        assert!(meant_for(&open, "ada@example.com").is_ok());
        assert!(meant_for(&open, "eve@example.com").is_err());
    }

    #[test]
    fn changes_leave_what_is_undefined_and_name_what_differs() {
        let mut site = site::Model {
            id: SiteId(Uuid::from_u128(1)),
            name: "Acme".into(),
            public_key: public_key(),
            allowed_origins: site::Origins(vec!["https://acme.example".into()]),
            locale: "tr".into(),
            mask_personal_data: false,
            time_zone: DEFAULT_TIME_ZONE.into(),
            daily_ai_budget_micros: Some(DEFAULT_BUDGET),
            complexity_terms: None,
            owner_id: None,
            version: 1,
            created_at: now(),
        };
        assert!(change(&mut site, SiteChanges::default()).unwrap().is_empty());
        let changes = SiteChanges {
            name: MaybeUndefined::Value(" Acme ".into()),
            allowed_origins: MaybeUndefined::Null,
            locale: MaybeUndefined::Value("de".into()),
            ..SiteChanges::default()
        };
        assert_eq!(change(&mut site, changes).unwrap(), ["allowedOrigins", "locale"]);
        assert_eq!((site.locale.as_str(), site.allowed_origins.0.len()), ("de", 0));
        let nameless = SiteChanges { name: MaybeUndefined::Null, ..SiteChanges::default() };
        assert!(change(&mut site, nameless).is_err());
        let zone = |name: &str| MaybeUndefined::Value(name.to_owned());
        let changes = SiteChanges {
            time_zone: zone("Europe/Berlin"),
            daily_ai_budget_usd: MaybeUndefined::Value(0.25),
            complexity_terms: MaybeUndefined::Value(vec![" API ".into()]),
            ..SiteChanges::default()
        };
        assert_eq!(change(&mut site, changes).unwrap(), ["timeZone", "dailyAiBudgetUsd", "complexityTerms"]);
        assert_eq!((site.time_zone.as_str(), site.daily_ai_budget_micros), ("Europe/Berlin", Some(250_000)));
        for wrong in ["Istanbul", "+03:00", "", "Europe/Nowhere"] {
            assert!(change(&mut site, SiteChanges { time_zone: zone(wrong), ..SiteChanges::default() }).is_err());
        }
        for wrong in [-0.01, f64::NAN, f64::INFINITY, 2e6] {
            let changes = SiteChanges { daily_ai_budget_usd: MaybeUndefined::Value(wrong), ..SiteChanges::default() };
            assert!(change(&mut site, changes).is_err(), "{wrong}");
        }
    }
}
