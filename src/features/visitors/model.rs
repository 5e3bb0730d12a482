//! Rules of visitors: how long tokens last, and what may be told about oneself.

use ::entity::{ids::SiteId, visitor};
use async_graphql::MaybeUndefined;
use chrono::{DateTime, TimeDelta, Utc};
use exact_index::text::fold;
use sea_orm::JsonValue;

use crate::{
    features::accounts::token::{Bearer, Claims},
    kernel::{Error, ErrorReason, Result, text},
};

/// How long a visitor's token counts.
pub(super) const TOKEN_LIFE: TimeDelta = TimeDelta::hours(24);
/// How long after its end it still says who is coming back.
const RETURN_WITHIN: TimeDelta = TimeDelta::days(180);
/// A visitor who does several things in a row is seen once in this time.
const SEEN_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(60);

const NAME_MAX: usize = 120;
const KEYS_MAX: usize = 50;
const KEY_MAX: usize = 64;
const BYTES_MAX: usize = 8 * 1024;

/// The visitor an earlier token was for, if it is from the same site and not all too old.
pub(super) fn returning(claims: &Claims, at: SiteId, now: DateTime<Utc>) -> Option<::entity::ids::VisitorId> {
    match claims.bearer {
        Bearer::Visitor { sub, site } => (site == at && now < claims.expires_at() + RETURN_WITHIN).then_some(sub),
        Bearer::User { .. } | Bearer::Device { .. } => None,
    }
}

/// True when it is worth writing down that the visitor was seen.
pub(super) fn seen_again(row: &visitor::Model, now: DateTime<Utc>) -> bool {
    now - row.last_seen_at >= SEEN_AGAIN_AFTER
}

/// What a visitor tells about themself; what is undefined stays, null clears.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) name: MaybeUndefined<String>,
    pub(super) email: MaybeUndefined<String>,
    pub(super) phone: MaybeUndefined<String>,
    pub(super) locale: MaybeUndefined<String>,
    pub(super) custom_data: MaybeUndefined<JsonValue>,
}

impl Profile {
    /// Checks and normalises all that was told.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the field that is wrong.
    pub(super) fn checked(self) -> Result<Self> {
        Ok(Self {
            name: each(self.name, |name| text::line("input.name", &name, NAME_MAX))?,
            email: each(self.email, |email| text::email("input.email", &email))?,
            phone: each(self.phone, |phone| text::phone("input.phone", &phone))?,
            locale: each(self.locale, |locale| text::language("input.locale", &locale))?,
            custom_data: each(self.custom_data, check_custom_data)?,
        })
    }
}

/// Applies a checked profile and tells the names of the fields that differ now.
pub(super) fn apply(row: &mut visitor::Model, profile: Profile) -> Vec<String> {
    let before = row.clone();
    let set = |column: &mut Option<String>, value: MaybeUndefined<String>| {
        if !value.is_undefined() {
            *column = value.take();
        }
    };
    set(&mut row.name, profile.name);
    set(&mut row.email, profile.email);
    set(&mut row.phone, profile.phone);
    set(&mut row.locale, profile.locale);
    row.folded = folded(row);
    if !profile.custom_data.is_undefined() {
        row.custom_data = profile.custom_data.take().unwrap_or_else(nothing);
    }
    let differ = [
        ("name", before.name != row.name),
        ("email", before.email != row.email),
        ("phone", before.phone != row.phone),
        ("locale", before.locale != row.locale),
        ("customData", before.custom_data != row.custom_data),
    ];
    differ.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect()
}

/// What finds a visitor, however it is typed.
fn folded(row: &visitor::Model) -> String {
    let told: Vec<&str> = [&row.name, &row.email, &row.phone].into_iter().filter_map(|it| it.as_deref()).collect();
    fold(&told.join(" "))
}

/// The custom data of who told nothing.
pub(super) fn nothing() -> JsonValue {
    JsonValue::Object(serde_json::Map::new())
}

fn each<T>(value: MaybeUndefined<T>, check: impl FnOnce(T) -> Result<T>) -> Result<MaybeUndefined<T>> {
    Ok(match value {
        MaybeUndefined::Value(value) => MaybeUndefined::Value(check(value)?),
        MaybeUndefined::Null => MaybeUndefined::Null,
        MaybeUndefined::Undefined => MaybeUndefined::Undefined,
    })
}

/// Custom data is a flat object: up to 50 keys, texts, numbers, booleans and nulls, 8 KiB in all.
fn check_custom_data(data: JsonValue) -> Result<JsonValue> {
    let refuse = |reason, message: String| Err(Error::bad_input("input.customData", reason, message));
    let JsonValue::Object(map) = &data else {
        return refuse(ErrorReason::InvalidFormat, "Custom data is a JSON object.".into());
    };
    if map.len() > KEYS_MAX {
        return refuse(
            ErrorReason::TooLong,
            format!("Custom data has at most {KEYS_MAX} keys; these are {}.", map.len()),
        );
    }
    for (key, value) in map {
        let length = text::length(key);
        text::of_text("input.customData", key)?;
        if !(1..=KEY_MAX).contains(&length) || key.chars().any(char::is_control) {
            let message = format!("A key of custom data has 1 to {KEY_MAX} characters and no control characters.");
            return refuse(ErrorReason::InvalidFormat, message);
        }
        match value {
            JsonValue::Array(_) | JsonValue::Object(_) => {
                let message = "Values of custom data are texts, numbers, booleans or null; nothing nested.";
                return refuse(ErrorReason::InvalidFormat, message.into());
            }
            JsonValue::String(words) => text::of_text("input.customData", words)?,
            JsonValue::Number(_) | JsonValue::Bool(_) | JsonValue::Null => {}
        }
    }
    let bytes = data.to_string().len();
    if bytes > BYTES_MAX {
        let message = format!("Custom data has at most {BYTES_MAX} bytes as JSON; this has {bytes}.");
        return refuse(ErrorReason::TooLong, message);
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use ::entity::ids::{SessionId, UserId, VisitorId};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn told(data: JsonValue) -> Result<Profile> {
        Profile { custom_data: MaybeUndefined::Value(data), ..Profile::default() }.checked()
    }

    #[test]
    fn an_earlier_token_of_the_same_site_brings_the_visitor_back_for_180_days() {
        let (site, other) = (SiteId(Uuid::from_u128(1)), SiteId(Uuid::from_u128(2)));
        let visitor = VisitorId(Uuid::from_u128(3));
        let claims = Claims::new(Bearer::Visitor { sub: visitor, site }, now(), TOKEN_LIFE);
        let last = claims.expires_at() + TimeDelta::days(180);
        assert_eq!(returning(&claims, site, now()), Some(visitor));
        assert_eq!(returning(&claims, site, last - TimeDelta::seconds(1)), Some(visitor));
        assert_eq!(returning(&claims, site, last), None);
        assert_eq!(returning(&claims, other, now()), None);
        let user = Bearer::User { sub: UserId(visitor.0), sid: SessionId(visitor.0) };
        assert_eq!(returning(&Claims::new(user, now(), TOKEN_LIFE), site, now()), None);
    }

    #[test]
    fn custom_data_is_flat_and_bounded() {
        assert!(told(json!({ "plan": "pro", "seats": 3, "paid": true, "note": null })).is_ok());
        for bad in [
            json!([]),
            json!("text"),
            json!({ "a": { "b": 1 } }),
            json!({ "a": [1] }),
            json!({ "": 1 }),
            json!({ "a\u{0}": 1 }),
            json!({ "a": "\u{0}" }),
            json!({ "a": "x".repeat(8 * 1024) }),
            json!({ "k".repeat(65): 1 }),
            JsonValue::Object((0..51).map(|n| (n.to_string(), json!(n))).collect()),
        ] {
            assert!(told(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_undefined_stays_and_null_clears() {
        let mut row = visitor::Model {
            id: VisitorId(Uuid::from_u128(1)),
            site_id: SiteId(Uuid::from_u128(2)),
            name: Some("Ada".into()),
            email: Some("ada@example.com".into()),
            phone: None,
            locale: None,
            folded: String::new(),
            vip: false,
            custom_data: json!({ "plan": "pro" }),
            created_at: now(),
            last_seen_at: now(),
        };
        assert!(apply(&mut row, Profile::default()).is_empty());
        let profile = Profile {
            name: MaybeUndefined::Null,
            email: MaybeUndefined::Value("Ada@Example.com".into()),
            phone: MaybeUndefined::Value("+90 (212) 555 00 00".into()),
            custom_data: MaybeUndefined::Null,
            ..Profile::default()
        };
        assert_eq!(apply(&mut row, profile.checked().unwrap()), ["name", "phone", "customData"]);
        assert_eq!(row.custom_data, json!({}));
        let wrong = Profile { phone: MaybeUndefined::Value("call me".into()), ..Profile::default() };
        assert!(wrong.checked().is_err());
    }
}
