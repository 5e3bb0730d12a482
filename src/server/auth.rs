//! Who calls: from a token to an actor. The one place for HTTP and for `connection_init`.

use std::sync::Arc;

use ::entity::ids::{SessionId, UserId};
use chrono::{DateTime, Utc};

use crate::{
    features::{
        accounts::{
            self, SessionCache,
            token::{self, Bearer},
        },
        sites,
    },
    kernel::{
        Actor, Ctx, Result,
        access::SignedIn,
        ctx::{Ports, Request},
    },
    ports::bus::Topic,
};

/// A caller, as far as the transport needs to know.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who calls.
    pub actor: Actor,
    /// When the token runs out; streams end then.
    pub expires_at: Option<DateTime<Utc>>,
    /// Wakes when rights or sign-ins change: identify again.
    pub access: Option<Topic>,
}

/// Finds out who calls.
///
/// # Errors
/// `UNAUTHENTICATED` with `INVALID_TOKEN`, `TOKEN_EXPIRED` or `SESSION_REVOKED`; `FORBIDDEN` with `ORIGIN_NOT_ALLOWED`
/// for a visitor's token that is used on a page of somebody else.
pub async fn identify(ports: &Arc<Ports>, token: Option<&str>, request: &Request) -> Result<Identity> {
    let Some(text) = token else {
        return Ok(Identity { actor: Actor::Anonymous, expires_at: None, access: None });
    };
    let claims = token::read_current(&ports.secrets, text, ports.clock.now())?;
    let cx = Ctx::new(ports.clone(), Actor::System, request.clone());
    let (actor, access) = match claims.bearer {
        Bearer::User { sub, sid } => (Actor::User(signed_in(&cx, sub, sid).await?), sub.0),
        Bearer::Visitor { sub, site } => {
            sites::admits(&cx, site).await?;
            (Actor::Visitor { site, visitor: sub }, sub.0)
        }
        Bearer::Device { .. } => return Err(token::invalid()),
    };
    Ok(Identity { actor, expires_at: Some(claims.expires_at()), access: Some(Topic::Access(access)) })
}

/// The person behind a sign-in with their present roles: from memory, if read a moment ago.
async fn signed_in(cx: &Ctx, user: UserId, session: SessionId) -> Result<Arc<SignedIn>> {
    let cache = cx.shared.get::<SessionCache>();
    if let Some(person) = cache.get(session).filter(|person| person.user == user) {
        return Ok(person);
    }
    // Listen first: what changes while we read makes the entry void.
    let changes = cx.bus.listen(&[Topic::Access(user.0)]);
    let row = accounts::session_person(cx, user, session).await?;
    let memberships = sites::roles_of(&cx.db(), user).await?;
    let person = Arc::new(SignedIn { user, session, superadmin: row.superadmin, memberships });
    cache.put(person.clone(), changes);
    Ok(person)
}
