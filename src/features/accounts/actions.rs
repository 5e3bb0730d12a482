//! Every write on people and their sign-ins.
//!
//! Accounts belong to no site, so there is no journal to write these facts into; they go to the log, by ids.

use std::sync::Arc;

use ::entity::{
    ids::{SessionId, UserId},
    session, user,
};
use async_graphql::MaybeUndefined;
use chrono::{DateTime, Utc};

use super::{
    credits,
    limits::Attempt,
    model::{self, NewPerson, RefreshToken, Unusable},
    passwords::Passwords,
    store,
    token::{self, Bearer, Claims},
};
use crate::{
    kernel::{Actor, Ctx, Error, ErrorReason, Result, Tx, access::SignedIn, quotas, secret, text, versions},
    ports::bus::Topic,
};

/// A pair of tokens and whom they are for.
pub struct Issued {
    /// The person.
    pub user: user::Model,
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    /// When it counts no more.
    pub access_token_expires_at: DateTime<Utc>,
    /// Gets the next pair, once.
    pub refresh_token: String,
    /// When it counts no more.
    pub refresh_token_expires_at: DateTime<Utc>,
    /// Says at the next sign-in that this device is known.
    pub device_token: String,
}

/// Makes an account for whoever asks, and signs them in.
pub(super) async fn register(cx: &Ctx, email: &str, password: &str, name: &str) -> Result<Issued> {
    let person = NewPerson::check(email, password, name)?;
    quotas::spend(cx, &[quotas::REGISTRATIONS_FROM_ADDRESS.by_address(&cx.request)]).await?;
    let hash = passwords(cx).hash(person.password.clone()).await?;
    let mut tx = cx.begin().await?;
    let user = insert_in(&mut tx, person, hash, false).await?;
    let issued = sign_in_in(&mut tx, user).await?;
    tx.commit().await?;
    tracing::info!(user.id = %issued.user.id, "an account was made");
    Ok(issued)
}

/// Makes an account without signing in: for commands, demos and tests.
pub async fn create(cx: &Ctx, person: NewPerson, superadmin: bool) -> Result<user::Model> {
    let hash = passwords(cx).hash(person.password.clone()).await?;
    let mut tx = cx.begin().await?;
    let user = insert_in(&mut tx, person, hash, superadmin).await?;
    tx.commit().await?;
    Ok(user)
}

/// The hash of a new person's password. Takes its time; never call it inside a transaction.
pub async fn hash_password(cx: &Ctx, person: &NewPerson) -> Result<String> {
    passwords(cx).hash(person.password.clone()).await
}

/// Inserts a person whose password was hashed before the transaction began.
///
/// # Errors
/// `CONFLICT` with `EMAIL_TAKEN`.
pub async fn insert_in(tx: &mut Tx, person: NewPerson, password_hash: String, superadmin: bool) -> Result<user::Model> {
    let user = user::Model {
        id: tx.cx().id(UserId),
        email: person.email,
        name: person.name,
        avatar_url: None,
        version: 1,
        password_hash,
        superadmin,
        credits_granted: credits::AT_SIGN_UP,
        credits_left: credits::AT_SIGN_UP,
        created_at: tx.cx().clock.now(),
        last_login_at: None,
    };
    store::insert(&tx.db(), &user).await?;
    Ok(user)
}

/// Begins a sign-in: a new family of refresh tokens.
pub async fn sign_in_in(tx: &mut Tx, user: user::Model) -> Result<Issued> {
    let cx = tx.cx().clone();
    let now = cx.clock.now();
    let refresh = RefreshToken::new(cx.id(SessionId));
    let session = session::Model {
        id: refresh.session,
        user_id: user.id,
        refresh_hash: refresh.hash(),
        expires_at: now + model::REFRESH_LIFE,
        user_agent: model::user_agent(cx.request.user_agent.as_deref()),
        created_at: now,
        last_used_at: now,
        revoked_at: None,
    };
    store::insert_session(&tx.db(), &session).await?;
    store::set_last_login(&tx.db(), user.id, now).await?;
    issue(&cx, user::Model { last_login_at: Some(now), ..user }, &session, &refresh)
}

/// Signs in with address and password. Wrong ones are answered in the same way and time as unknown ones.
pub(super) async fn login(cx: &Ctx, email: &str, password: &str, device: Option<&str>) -> Result<Issued> {
    let (email, password) = model::credentials(email, password)?;
    let found = store::lookup_by_email(&cx.db(), &email).await?;
    let attempt = Attempt::begin(cx, &email, known_device(cx, device, found.as_ref())).await?;
    let judged = judge(cx, found, password).await;
    // Where nothing was judged, nothing was guessed.
    let wrong = matches!(judged, Ok(None));
    if !wrong {
        attempt.forgive(cx).await?;
    }
    let user = judged?.ok_or_else(model::wrong_credentials)?;
    let mut tx = cx.begin().await?;
    store::forget_sessions(&tx.db(), user.id, cx.clock.now() - model::FORGET_AFTER).await?;
    let issued = sign_in_in(&mut tx, user).await?;
    tx.commit().await?;
    tracing::info!(user.id = %issued.user.id, "signed in");
    Ok(issued)
}

/// The person, if there is one and the password is theirs. Takes as long for nobody.
async fn judge(cx: &Ctx, found: Option<user::Model>, password: String) -> Result<Option<user::Model>> {
    let hash = found.as_ref().map(|user| user.password_hash.clone());
    let fits = passwords(cx).verify(password, hash).await?;
    Ok(found.filter(|_| fits))
}

/// The earlier sign-in of a device to this account. An unreadable token is no reason to refuse anybody: such a device is
/// not known.
fn known_device(cx: &Ctx, token: Option<&str>, user: Option<&user::Model>) -> Option<SessionId> {
    match token::read_current(&cx.secrets, token?, cx.clock.now()).ok()?.bearer {
        Bearer::Device { sub, sid } => (sub == user?.id).then_some(sid),
        Bearer::User { .. } | Bearer::Visitor { .. } => None,
    }
}

/// Exchanges a refresh token for a new pair; the same one again gives the same pair for some seconds, and after that ends
/// the sign-in.
pub(super) async fn refresh(cx: &Ctx, refresh_token: &str) -> Result<Issued> {
    let old = RefreshToken::parse(refresh_token)?;
    let new = old.successor(&cx.secrets)?;
    let now = cx.clock.now();
    let mut tx = cx.begin().await?;
    let times = (now, now + model::REFRESH_LIFE);
    let Some(session) = store::exchange(&tx.db(), old.session, old.hash(), new.hash(), times).await? else {
        let row = store::session_for_update(&tx.db(), old.session).await?;
        let unusable = Unusable::of(row.as_ref(), &new.hash(), now);
        if let (Unusable::Repeated, Some(session)) = (&unusable, &row) {
            let user = store::find(&tx.db(), session.user_id).await?;
            return issue(cx, user, session, &new);
        }
        if let (Unusable::Reused, Some(row)) = (&unusable, row) {
            store::revoke(&tx.db(), row.id, now).await?;
            tx.hint(Topic::Access(row.user_id.0));
            tx.commit().await?;
            tracing::warn!(user.id = %row.user_id, session.id = %row.id, "a refresh token was used twice; the sign-in was ended");
        }
        return Err(unusable.into());
    };
    let user = store::find(&tx.db(), session.user_id).await?;
    tx.commit().await?;
    issue(cx, user, &session, &new)
}

/// What to change of the caller; what is undefined stays.
pub(super) struct Looks {
    pub(super) name: Option<String>,
    /// Null takes it away.
    pub(super) avatar_url: MaybeUndefined<String>,
}

/// Changes what others see of the caller.
///
/// # Errors
/// `CONFLICT` with `VERSION_CONFLICT` when it was changed elsewhere meanwhile.
pub(super) async fn update_me(cx: &Ctx, expected: Option<i32>, looks: Looks) -> Result<user::Model> {
    let person = signed_in(&cx.actor)?;
    let name = looks.name.map(|name| model::name(&name)).transpose()?;
    let avatar_url = match looks.avatar_url {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(url) => Some(Some(text::picture("input.avatarUrl", &url)?)),
    };
    let tx = cx.begin().await?;
    let before = store::find_for_update(&tx.db(), person.user).await?;
    versions::check(before.version, expected)?;
    let (name, avatar_url) =
        (name.unwrap_or_else(|| before.name.clone()), avatar_url.unwrap_or(before.avatar_url.clone()));
    if (&name, &avatar_url) == (&before.name, &before.avatar_url) {
        return Ok(before);
    }
    let user = user::Model { name, avatar_url, version: before.version + 1, ..before };
    store::set_looks(&tx.db(), &user).await?;
    tx.commit().await?;
    tracing::info!(user.id = %person.user, "what others see of a person was changed");
    Ok(user)
}

/// Gives the caller another password; whoever else is signed in to the account is signed out.
///
/// # Errors
/// `BAD_USER_INPUT` with `INVALID_CREDENTIALS` for a wrong current one, and for a new one that cannot be used;
/// `RATE_LIMITED` after too many wrong ones.
pub(super) async fn change_password(cx: &Ctx, current: &str, new: &str) -> Result<(user::Model, i32)> {
    let person = signed_in(&cx.actor)?;
    let user = store::find(&cx.db(), person.user).await?;
    model::check_password("input.newPassword", new, &user.email)?;
    let is_same = current == new;
    let (email, current) = model::credentials(&user.email, current)?;
    let attempt = Attempt::begin(cx, &email, Some(person.session)).await?;
    let judged = judge(cx, Some(user), current).await;
    if !matches!(judged, Ok(None)) {
        attempt.forgive(cx).await?;
    }
    let wrong = || {
        let message = "This is not your password; give the one with which you sign in now.";
        Error::bad_input("input.currentPassword", ErrorReason::InvalidCredentials, message)
    };
    let user = judged?.ok_or_else(wrong)?;
    if is_same {
        let message = "This is the password that you have already; give another one.";
        return Err(Error::bad_input("input.newPassword", ErrorReason::InvalidCombination, message));
    }
    let hash = passwords(cx).hash(new.to_owned()).await?;
    let mut tx = cx.begin().await?;
    let ended = put_password(&mut tx, user.id, &hash, Some(person.session)).await?;
    tx.commit().await?;
    tracing::info!(user.id = %user.id, session.ended = ended, "a password was changed");
    Ok((user, i32::try_from(ended).unwrap_or(i32::MAX)))
}

/// Gives somebody a new random password, for who runs the server, and signs them out everywhere.
///
/// # Errors
/// `NOT_FOUND` when there is no account for the address.
pub async fn reset_password(cx: &Ctx, email: &str) -> Result<(user::Model, String)> {
    let found = super::lookup_by_email(&cx.db(), email).await?;
    let user = found.ok_or_else(|| Error::not_found("account"))?;
    let password = secret::password();
    let hash = passwords(cx).hash(password.clone()).await?;
    let mut tx = cx.begin().await?;
    put_password(&mut tx, user.id, &hash, None).await?;
    tx.commit().await?;
    tracing::info!(user.id = %user.id, "a password was reset");
    Ok((user, password))
}

/// Writes the hash of a new password and ends the sign-ins that the old one made, but for one. Tells how many.
async fn put_password(tx: &mut Tx, user: UserId, hash: &str, but: Option<SessionId>) -> Result<u64> {
    let now = tx.cx().clock.now();
    store::lock_sessions(&tx.db(), user, now).await?;
    store::set_password(&tx.db(), user, hash).await?;
    let ended = store::revoke_all(&tx.db(), user, now, but).await?;
    tx.hint(Topic::Access(user.0));
    Ok(ended)
}

/// Ends the sign-in the request came with, or all of the caller's. Tells how many were ended.
pub(super) async fn logout(cx: &Ctx, all: bool) -> Result<(session::Model, i32)> {
    let person = signed_in(&cx.actor)?;
    let now = cx.clock.now();
    let mut tx = cx.begin().await?;
    if all {
        store::lock_sessions(&tx.db(), person.user, now).await?;
    }
    let own = end_session(&mut tx, person, person.session).await?;
    let others = if all { store::revoke_all(&tx.db(), person.user, now, None).await? } else { 0 };
    tx.commit().await?;
    let ended = i32::try_from(others).unwrap_or(i32::MAX - 1) + 1;
    tracing::info!(user.id = %person.user, session.id = %own.id, session.ended = ended, "signed out");
    Ok((own, ended))
}

/// Ends one of the caller's own sign-ins.
pub(super) async fn revoke_session(cx: &Ctx, id: SessionId) -> Result<session::Model> {
    let person = signed_in(&cx.actor)?;
    let mut tx = cx.begin().await?;
    let row = end_session(&mut tx, person, id).await?;
    tx.commit().await?;
    tracing::info!(user.id = %person.user, session.id = %id, "a sign-in was ended");
    Ok(row)
}

async fn end_session(tx: &mut Tx, person: &SignedIn, id: SessionId) -> Result<session::Model> {
    let now = tx.cx().clock.now();
    let row = store::session_for_update(&tx.db(), id).await?.filter(|row| row.user_id == person.user);
    let row = row.ok_or_else(|| Error::not_found("session"))?;
    store::revoke(&tx.db(), id, now).await?;
    tx.hint(Topic::Access(person.user.0));
    Ok(session::Model { revoked_at: row.revoked_at.or(Some(now)), ..row })
}

/// The caller as a person with an account.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for visitors and the server itself.
pub fn signed_in(actor: &Actor) -> Result<&Arc<SignedIn>> {
    match actor {
        Actor::User(person) => Ok(person),
        Actor::Anonymous => Err(Error::unauthenticated()),
        Actor::Visitor { .. } | Actor::System => Err(Error::forbidden()),
    }
}

fn passwords(cx: &Ctx) -> Arc<Passwords> {
    cx.shared.get()
}

fn issue(cx: &Ctx, user: user::Model, session: &session::Model, refresh: &RefreshToken) -> Result<Issued> {
    let bearer = Bearer::User { sub: user.id, sid: session.id };
    let claims = Claims::new(bearer, cx.clock.now(), model::ACCESS_LIFE);
    let device = Bearer::Device { sub: user.id, sid: session.id };
    let device = Claims::new(device, cx.clock.now(), model::DEVICE_LIFE);
    Ok(Issued {
        access_token: token::sign(&cx.secrets, &claims)?,
        access_token_expires_at: claims.expires_at(),
        refresh_token: refresh.text(),
        refresh_token_expires_at: session.expires_at,
        device_token: token::sign(&cx.secrets, &device)?,
        user,
    })
}
