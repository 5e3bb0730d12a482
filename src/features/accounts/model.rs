//! Rules of accounts: what a name, a password and a refresh token must be, and how long tokens last.

use ::entity::{ids::SessionId, session};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};

use super::token;
use crate::kernel::{
    Error, ErrorReason, Result,
    error::ErrorCode,
    secret::{self, Secrets},
    text,
};

/// How long an access token counts.
pub(super) const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a refresh token counts; each use of it starts anew.
pub(super) const REFRESH_LIFE: TimeDelta = TimeDelta::days(30);
/// How long the last token before the one that counts still gives that one.
pub(super) const REPEAT: TimeDelta = TimeDelta::seconds(10);
/// How long a device is known after its last sign-in or refresh.
pub(super) const DEVICE_LIFE: TimeDelta = TimeDelta::days(180);
/// Sign-ins that ran out so long ago are forgotten.
pub(super) const FORGET_AFTER: TimeDelta = TimeDelta::days(30);

const PASSWORD_MIN: usize = 10;
const PASSWORD_MAX: usize = 256;
const NAME_MAX: usize = 120;
const USER_AGENT_MAX: usize = 300;

/// What a person needs for an account, checked.
#[derive(Clone)]
pub struct NewPerson {
    /// Lower-cased.
    pub email: String,
    /// As others see it.
    pub name: String,
    /// As it will be typed.
    pub password: String,
}

impl NewPerson {
    /// Checks what somebody gave for a new account.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the field that is wrong.
    pub fn check(email: &str, password: &str, name: &str) -> Result<Self> {
        let email = text::email("input.email", email)?;
        let name = self::name(name)?;
        check_password("input.password", password, &email)?;
        Ok(Self { email, name, password: password.to_owned() })
    }
}

/// A person's name as others see it.
pub(super) fn name(given: &str) -> Result<String> {
    text::line("input.name", given, NAME_MAX)
}

/// A password is 10 to 256 characters long, not blank and not the e-mail address. Any characters are fine, and none is
/// required.
pub(super) fn check_password(field: &'static str, password: &str, email: &str) -> Result<()> {
    let refuse = |reason, message: String| Err(Error::bad_input(field, reason, message));
    let length = text::length(password);
    if length < PASSWORD_MIN {
        return refuse(ErrorReason::TooShort, format!("A password has at least {PASSWORD_MIN} characters."));
    }
    if length > PASSWORD_MAX {
        return refuse(ErrorReason::TooLong, format!("A password has at most {PASSWORD_MAX} characters."));
    }
    if text::is_blank(password) {
        let message = "A password must not consist of blanks alone; add something that can be seen.";
        return refuse(ErrorReason::InvalidFormat, message.into());
    }
    if password.trim().to_lowercase() == email {
        return refuse(ErrorReason::InvalidFormat, "The password must not be the e-mail address.".into());
    }
    Ok(())
}

/// The address and password of a sign-in, as far as they must be bounded before they are looked at.
pub(super) fn credentials(email: &str, password: &str) -> Result<(String, String)> {
    if password.len() > PASSWORD_MAX * 4 || email.len() > 1_024 {
        return Err(wrong_credentials());
    }
    Ok((text::address(email), password.to_owned()))
}

/// The answer to a wrong address and to a wrong password.
pub(super) fn wrong_credentials() -> Error {
    Error::new(ErrorCode::Unauthenticated, "The e-mail address or the password is wrong.")
        .reason(ErrorReason::InvalidCredentials)
}

/// The browser or program, as much of it as is kept.
pub(super) fn user_agent(text: Option<&str>) -> Option<String> {
    let kept: String = text?.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX).collect();
    (!kept.is_empty()).then_some(kept)
}

/// A refresh token: the sign-in it belongs to, and a secret. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct RefreshToken {
    pub(super) session: SessionId,
    secret: String,
}

impl RefreshToken {
    pub(super) fn new(session: SessionId) -> Self {
        Self { session, secret: secret::token() }
    }

    /// The token that is exchanged for this one: always the same, so that two tabs that exchange it at once, or one that
    /// never read the answer, go on with one sign-in.
    pub(super) fn successor(&self, secrets: &Secrets) -> Result<Self> {
        let secret = secrets.derive(&[b"refresh token", self.session.0.as_bytes(), self.secret.as_bytes()])?;
        Ok(Self { session: self.session, secret: URL_SAFE_NO_PAD.encode(secret) })
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        text.split_once('.')
            .filter(|(_, secret)| secret.len() == 43)
            .and_then(|(session, secret)| Some(Self { session: session.parse().ok()?, secret: secret.to_owned() }))
            .ok_or_else(token::invalid)
    }

    pub(super) fn text(&self) -> String {
        format!("{}.{}", self.session, self.secret)
    }

    pub(super) fn hash(&self) -> Vec<u8> {
        secret::hash(&[self.session.0.as_bytes(), self.secret.as_bytes()])
    }
}

/// What to do with a refresh token that could not be exchanged, by the row of its sign-in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It was exchanged a moment ago: its successor, which counts now, is given once more.
    Repeated,
    /// It was never one of ours, or its sign-in is long forgotten.
    Unknown,
    /// The sign-in was ended.
    Revoked,
    /// Its time is over.
    Expired,
    /// It was exchanged before: somebody has a copy. The sign-in must end.
    Reused,
}

impl Unusable {
    /// Why an exchange did not find what it looked for. `successor` is the hash of what it was to be exchanged for.
    pub(super) fn of(session: Option<&session::Model>, successor: &[u8], now: DateTime<Utc>) -> Self {
        match session {
            None => Self::Unknown,
            Some(row) if row.revoked_at.is_some() => Self::Revoked,
            Some(row) if row.expires_at <= now => Self::Expired,
            Some(row) if row.refresh_hash == successor && now < row.last_used_at + REPEAT => Self::Repeated,
            Some(_) => Self::Reused,
        }
    }
}

impl From<Unusable> for Error {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unknown => token::invalid(),
            Unusable::Expired => token::expired(),
            Unusable::Revoked => revoked(),
            Unusable::Repeated | Unusable::Reused => Self::new(
                ErrorCode::Unauthenticated,
                "This refresh token was used before; for safety the sign-in was ended. Sign in again.",
            )
            .reason(ErrorReason::RefreshTokenReused),
        }
    }
}

/// The sign-in was ended.
pub(super) fn revoked() -> Error {
    Error::new(ErrorCode::Unauthenticated, "This sign-in was ended; sign in again.").reason(ErrorReason::SessionRevoked)
}

#[cfg(test)]
mod tests {
    use ::entity::ids::UserId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn passwords_have_10_to_256_characters_and_are_not_the_address() {
        let reason = |password: &str| {
            NewPerson::check("Ada.Lovelace@Example.com", password, "Ada").err().map(|error| error.reason.unwrap())
        };
        assert_eq!(reason("123456789"), Some(ErrorReason::TooShort));
        assert_eq!(reason("şifre şifr"), None);
        assert_eq!(reason(&"ö".repeat(256)), None);
        assert_eq!(reason(&"ö".repeat(257)), Some(ErrorReason::TooLong));
        assert_eq!(reason("ada.lovelace@EXAMPLE.com"), Some(ErrorReason::InvalidFormat));
    }

    #[test]
    fn a_refresh_token_survives_the_way_through_text_and_shows_its_sign_in() {
        let token = RefreshToken::new(SessionId(Uuid::from_u128(7)));
        let again = RefreshToken::parse(&token.text()).ok().unwrap();
        assert!(again == token);
        assert_eq!(again.hash(), token.hash());
        assert_ne!(RefreshToken::new(token.session).hash(), token.hash());
        for bad in [
            "",
            ".",
            "sess_7",
            "sess_7.short",
            &token.text()[1..],
            "user_7.0123456789012345678901234567890123456789012",
        ] {
            assert!(RefreshToken::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_that_was_exchanged_before_ends_the_sign_in_unless_it_had_ended_anyway() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let row = session::Model {
            id: SessionId(Uuid::from_u128(1)),
            user_id: UserId(Uuid::from_u128(2)),
            refresh_hash: vec![],
            expires_at: now + TimeDelta::days(1),
            user_agent: None,
            created_at: now,
            last_used_at: now,
            revoked_at: None,
        };
        assert_eq!(Unusable::of(None, b"next", now), Unusable::Unknown);
        assert_eq!(Unusable::of(Some(&row), b"next", now), Unusable::Reused);
        assert_eq!(Unusable::of(Some(&row), b"next", row.expires_at), Unusable::Expired);
        let repeated = session::Model { refresh_hash: b"next".to_vec(), ..row.clone() };
        assert_eq!(Unusable::of(Some(&repeated), b"next", now + REPEAT - TimeDelta::seconds(1)), Unusable::Repeated);
        assert_eq!(Unusable::of(Some(&repeated), b"next", now + REPEAT), Unusable::Reused);
        let ended = session::Model { revoked_at: Some(now), ..row };
        assert_eq!(Unusable::of(Some(&ended), b"next", now), Unusable::Revoked);
    }
}
