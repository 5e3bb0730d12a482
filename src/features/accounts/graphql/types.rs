//! What the API shows of people and their sign-ins.

use std::marker::PhantomData;

use ::entity::{
    ids::{SessionId, UserId},
    session, user,
};
use async_graphql::{ComplexObject, Context, Enum, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    features::accounts::{
        actions::Issued,
        credits::Credits,
        token::{Bearer, Claims},
    },
    kernel::{Actor, CtxExt, Error, ErrorReason},
};

/// A person with an account: an agent, an admin or a customer.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct User {
    /// Identifies the person.
    pub id: UserId,
    /// The name the person gave, as others see it.
    pub name: String,
    /// The person's picture: an `https` address, or a path on the page that shows it. Null when there is none.
    pub avatar_url: Option<String>,
    /// Rises when the name or the picture changes.
    pub version: i32,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    #[graphql(skip)]
    email: String,
    #[graphql(skip)]
    superadmin: bool,
    #[graphql(skip)]
    credits: Credits,
    #[graphql(skip)]
    last_login_at: Option<DateTime<Utc>>,
    /// Shown to the person themself.
    #[graphql(skip)]
    own: bool,
}

#[ComplexObject]
impl User {
    /// The e-mail address the person signs in with, lower-cased. Null for visitors, and for customers unless it is
    /// their own: only colleagues see each other's.
    async fn email(&self, ctx: &Context<'_>) -> Option<&str> {
        (self.own || sees_addresses(&ctx.cx().actor, self.id)).then_some(&self.email)
    }

    /// True when the person may do everything on every site. Null unless it is you.
    async fn superadmin(&self) -> Option<bool> {
        self.own.then_some(self.superadmin)
    }

    /// What the person can pay for conversations with assistants that charge. Null unless it is you.
    async fn credits(&self) -> Option<Credits> {
        self.own.then_some(self.credits)
    }

    /// When the person last signed in. Null unless it is you.
    async fn last_login_at(&self) -> Option<DateTime<Utc>> {
        self.last_login_at.filter(|_| self.own)
    }
}

fn sees_addresses(actor: &Actor, of: UserId) -> bool {
    match actor {
        Actor::User(person) => person.user == of || person.superadmin || !person.memberships.is_empty(),
        Actor::System => true,
        Actor::Anonymous | Actor::Visitor { .. } => false,
    }
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self {
            credits: Credits::from(&row),
            id: row.id,
            name: row.name,
            avatar_url: row.avatar_url,
            version: row.version,
            created_at: row.created_at,
            email: row.email,
            superadmin: row.superadmin,
            last_login_at: row.last_login_at,
            own: false,
        }
    }
}

impl User {
    /// The e-mail address, for those of whom it is known that they may see it.
    pub(crate) fn address(&self) -> &str {
        &self.email
    }

    /// As the person sees themself.
    pub fn own(row: user::Model) -> Self {
        Self { own: true, ..row.into() }
    }
}

/// One of your sign-ins on one device.
#[derive(Clone, Debug, SimpleObject)]
pub struct Session {
    /// Identifies the sign-in; `revokeSession` takes it.
    pub(crate) id: SessionId,
    /// When you signed in.
    pub created_at: DateTime<Utc>,
    /// When its tokens were last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When it ends by itself, unless it is refreshed before.
    pub expires_at: DateTime<Utc>,
    /// When it was ended early. Null while it counts.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The browser or program that signed in, by its own word.
    pub user_agent: Option<String>,
    /// True for the sign-in this request came with.
    pub current: bool,
}

impl Session {
    pub(in crate::features::accounts) fn new(row: session::Model, actor: &Actor) -> Self {
        let current = match actor {
            Actor::User(person) => person.session == row.id,
            Actor::Anonymous | Actor::Visitor { .. } | Actor::System => false,
        };
        Self {
            current,
            id: row.id,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            user_agent: row.user_agent,
        }
    }
}

/// How somebody came to be signed in: each way has a payload of its own name, so that each can grow.
pub mod by {
    /// With a new account.
    #[derive(Clone, Debug)]
    pub struct Register;
    /// With a password.
    #[derive(Clone, Debug)]
    pub struct Login;
    /// With a refresh token.
    #[derive(Clone, Debug)]
    pub struct RefreshSession;
    /// With an invitation and a new account.
    #[derive(Clone, Debug)]
    pub struct Invitation;
}

/// A fresh pair of tokens.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(
    concrete(name = "RegisterPayload", params(by::Register)),
    concrete(name = "LoginPayload", params(by::Login)),
    concrete(name = "RefreshSessionPayload", params(by::RefreshSession)),
    concrete(name = "InvitationSignIn", params(by::Invitation))
)]
pub struct AuthPayload<M: Send + Sync> {
    /// Who signed in.
    pub user: User,
    /// Send it as `Authorization: Bearer <accessToken>`, or in the payload of a WebSocket's `connection_init`.
    pub access_token: String,
    /// When the access token expires: 15 minutes after it was issued.
    pub access_token_expires_at: DateTime<Utc>,
    /// Exchange it with `refreshSession` for the next pair. It is replaced by that; keep it as safe as a password.
    pub refresh_token: String,
    /// When the refresh token expires: 30 days after it was issued.
    pub refresh_token_expires_at: DateTime<Utc>,
    /// Keep it on this device, also after signing out, and send it with the next `login`: then wrong passwords that others
    /// try for the account do not delay signing in here. It is good for 180 days and for nothing else.
    pub device_token: String,
    #[graphql(skip)]
    by: PhantomData<M>,
}

impl<M: Send + Sync> From<Issued> for AuthPayload<M> {
    fn from(issued: Issued) -> Self {
        Self {
            user: User::own(issued.user),
            access_token: issued.access_token,
            access_token_expires_at: issued.access_token_expires_at,
            refresh_token: issued.refresh_token,
            refresh_token_expires_at: issued.refresh_token_expires_at,
            device_token: issued.device_token,
            by: PhantomData,
        }
    }
}

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum TokenKind {
    /// A person with an account.
    User,
    /// An anonymous person on a site.
    Visitor,
}

/// What is to be said of a token.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct TokenVerification {
    /// True when requests with this token would be answered as its bearer's.
    pub valid: bool,
    /// Whom it speaks for. Null when it is not a token of this server.
    pub kind: Option<TokenKind>,
    /// When it expires. Null when it is not a token of this server.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why it is not valid: `INVALID_TOKEN`, `TOKEN_EXPIRED` or `SESSION_REVOKED`. Null when it is valid.
    pub reason: Option<ErrorReason>,
}

impl TokenVerification {
    pub(super) fn new(claims: Option<&Claims>, refused: Option<&Error>) -> Self {
        Self {
            valid: refused.is_none(),
            kind: claims.and_then(|claims| match claims.bearer {
                Bearer::User { .. } => Some(TokenKind::User),
                Bearer::Visitor { .. } => Some(TokenKind::Visitor),
                Bearer::Device { .. } => None,
            }),
            expires_at: claims.map(Claims::expires_at),
            reason: refused.map(|error| error.reason.unwrap_or(ErrorReason::InvalidToken)),
        }
    }
}
