//! Signed tokens: who the bearer is, for how long. Rights are not in them; they are looked up at each use.

use ::entity::ids::{SessionId, SiteId, UserId, VisitorId};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::kernel::{Error, ErrorReason, Result, error::ErrorCode, secret::Secrets};

/// Who signs.
const ISSUER: &str = "yanit";
/// What the header calls it; only such tokens are ours.
const TYPE: &str = "JWT";
/// No token of ours comes near; longer ones are not even decoded.
const LONGEST: usize = 1_024;

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Bearer {
    /// A person with an account.
    User {
        /// Who.
        sub: UserId,
        /// By which sign-in.
        sid: SessionId,
    },
    /// An anonymous person on a site.
    Visitor {
        /// Who.
        sub: VisitorId,
        /// Where.
        site: SiteId,
    },
    /// A device on which a person signed in. It proves no more than that, and nothing can be done with it but to be
    /// known again at the next sign-in.
    Device {
        /// Who.
        sub: UserId,
        /// By which sign-in.
        sid: SessionId,
    },
}

/// A token's contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
    /// Whom it speaks for.
    #[serde(flatten)]
    pub bearer: Bearer,
}

impl Claims {
    /// Claims that hold from `now` for `life`, cut to whole seconds.
    pub fn new(bearer: Bearer, now: DateTime<Utc>, life: chrono::Duration) -> Self {
        Self { iss: ISSUER.to_owned(), iat: now.timestamp(), exp: (now + life).timestamp(), bearer }
    }

    /// When it expires.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// True from the moment it counts no more.
    pub fn expired(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires_at()
    }
}

/// Signs claims.
pub fn sign(secrets: &Secrets, claims: &Claims) -> Result<String> {
    let key = EncodingKey::from_secret(&secrets.signing_key);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).map_err(Error::internal)
}

/// Reads a token of ours, whether or not its time is over.
///
/// # Errors
/// `UNAUTHENTICATED` with `INVALID_TOKEN` for anything else.
pub fn read(secrets: &Secrets, text: &str) -> Result<Claims> {
    if text.len() > LONGEST {
        return Err(invalid());
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // The caller compares the time, with the kernel's clock.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation.set_issuer(&[ISSUER]);
    let key = DecodingKey::from_secret(&secrets.signing_key);
    let token = jsonwebtoken::decode::<Claims>(text, &key, &validation).map_err(|_| invalid())?;
    if token.header.typ.as_deref() != Some(TYPE) {
        return Err(invalid());
    }
    Ok(token.claims)
}

/// Reads a token of ours whose time is not over.
///
/// # Errors
/// `UNAUTHENTICATED` with `INVALID_TOKEN` or `TOKEN_EXPIRED`.
pub fn read_current(secrets: &Secrets, text: &str, now: DateTime<Utc>) -> Result<Claims> {
    let claims = read(secrets, text)?;
    if claims.expired(now) { Err(expired()) } else { Ok(claims) }
}

/// Not a token of this server.
pub fn invalid() -> Error {
    Error::new(ErrorCode::Unauthenticated, "The token is not one of this server; sign in again.")
        .reason(ErrorReason::InvalidToken)
}

/// A token whose time is over.
pub fn expired() -> Error {
    Error::new(ErrorCode::Unauthenticated, "The token has expired; get a new one.").reason(ErrorReason::TokenExpired)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::kernel::clock::Clock;

    fn secrets(byte: u8) -> Secrets {
        Secrets { signing_key: vec![byte; 32] }
    }

    fn visitor(clock: &Clock) -> Bearer {
        Bearer::Visitor { sub: VisitorId(clock.uuid()), site: SiteId(clock.uuid()) }
    }

    #[test]
    fn a_token_comes_back_as_it_was_signed_until_its_time_is_over() {
        let clock = Clock::manual(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let user = Bearer::User { sub: UserId(clock.uuid()), sid: SessionId(clock.uuid()) };
        for bearer in [user, visitor(&clock)] {
            let claims = Claims::new(bearer, clock.now(), TimeDelta::minutes(15));
            let text = sign(&secrets(1), &claims).unwrap();
            assert_eq!(read(&secrets(1), &text).unwrap(), claims);
        }
        let claims = Claims::new(user, clock.now(), TimeDelta::minutes(15));
        let text = sign(&secrets(1), &claims).unwrap();
        clock.advance(std::time::Duration::from_secs(15 * 60 - 1));
        assert!(read_current(&secrets(1), &text, clock.now()).is_ok());
        clock.advance(std::time::Duration::from_secs(1));
        let error = read_current(&secrets(1), &text, clock.now()).unwrap_err();
        assert_eq!(error.reason, Some(ErrorReason::TokenExpired));
        assert!(read(&secrets(1), &text).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        let clock = Clock::manual(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let claims = Claims::new(visitor(&clock), clock.now(), TimeDelta::hours(1));
        let fine = sign(&secrets(1), &claims).unwrap();
        let key = EncodingKey::from_secret(&[1; 32]);
        let other_algorithm = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &key).unwrap();
        let other_issuer =
            jsonwebtoken::encode(&Header::default(), &Claims { iss: "else".into(), ..claims.clone() }, &key).unwrap();
        let other_type = Header { typ: Some("at+jwt".into()), ..Header::default() };
        let other_type = jsonwebtoken::encode(&other_type, &claims, &key).unwrap();
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", fine.split('.').nth(1).unwrap());
        let tampered = fine.replacen('.', ".A", 1);
        let long = "a".repeat(2_000);
        for text in [&other_algorithm, &other_issuer, &other_type, &unsigned, &tampered, &long, "", "a.b.c"] {
            assert_eq!(read(&secrets(1), text).unwrap_err().reason, Some(ErrorReason::InvalidToken), "{text}");
        }
        assert!(read(&secrets(2), &fine).is_err());
    }
}
