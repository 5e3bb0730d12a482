//! What the API shows of sites, members and invitations.

use ::entity::{
    ids::{InvitationId, MembershipId, SiteId, UserId},
    invitation,
    membership::{self, Role},
    site,
};
use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    features::accounts::{self, User},
    kernel::{Actor, CtxExt, Error, Result},
};

/// A site: a tenant with its own members, visitors, assistants, knowledge and conversations.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Site {
    /// Identifies the site.
    pub id: SiteId,
    /// The site's name, as visitors see it.
    pub name: String,
    /// Names the site in the page that carries the widget. Public; it proves nothing.
    pub public_key: String,
    /// Origins whose pages may start visitor sessions: `https://shop.example.com` or, for subdomains,
    /// `https://*.example.com`. None means any.
    pub allowed_origins: Vec<String>,
    /// The language of texts that have none of their own (BCP 47).
    pub locale: String,
    /// True when e-mail addresses, phone, card and identity numbers, IBANs and the visitor's name are replaced before a
    /// prompt goes to a cloud provider, and put back in its answer.
    pub mask_personal_data: bool,
    /// The time zone in which the site's days begin, by its IANA name.
    pub time_zone: String,
    /// What language models may cost on one of these days, in US dollars; null for no limit.
    pub daily_ai_budget_usd: Option<f64>,
    /// Words and short phrases that make a question a hard one, for assistants with local and cloud models; null for the
    /// usual ones in Turkish, English and German.
    pub complexity_terms: Option<Vec<String>>,
    /// Grows by one with each change of the settings; `updateSite` takes it as `expectedVersion`.
    pub version: i32,
    /// When the site was made.
    pub created_at: DateTime<Utc>,
    /// A role that came with this very request, which the caller's sign-in does not know yet.
    #[graphql(skip)]
    role: Option<Role>,
}

#[ComplexObject]
impl Site {
    /// Your role in the site. Null for a superadmin who is not a member.
    async fn my_role(&self, ctx: &Context<'_>) -> Option<Role> {
        self.role.or_else(|| match &ctx.cx().actor {
            Actor::User(person) => person.role_in(self.id),
            Actor::Anonymous | Actor::Visitor { .. } | Actor::System => None,
        })
    }
}

impl Site {
    /// A site in which the caller was given a role just now.
    pub(super) fn joined(row: site::Model, role: Role) -> Self {
        Self { role: Some(role), ..row.into() }
    }
}

impl From<site::Model> for Site {
    fn from(row: site::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            public_key: row.public_key,
            allowed_origins: row.allowed_origins.0,
            locale: row.locale,
            mask_personal_data: row.mask_personal_data,
            time_zone: row.time_zone,
            daily_ai_budget_usd: row.daily_ai_budget_micros.map(|micros| micros as f64 / 1e6),
            complexity_terms: row.complexity_terms.map(|terms| terms.0),
            version: row.version,
            created_at: row.created_at,
            role: None,
        }
    }
}

/// A person's role in a site.
#[derive(Clone, Debug, SimpleObject)]
pub struct SiteMember {
    /// Identifies the membership; `changeMemberRole` and `removeMember` take it.
    pub(crate) id: MembershipId,
    /// The site.
    pub site_id: SiteId,
    /// The person.
    pub user: User,
    /// What the person may do there.
    pub role: Role,
    /// When the person became a member.
    pub joined_at: DateTime<Utc>,
}

impl SiteMember {
    pub(in crate::features::sites) fn new(row: membership::Model, user: User) -> Self {
        Self { id: row.id, site_id: row.site_id, user, role: row.role, joined_at: row.created_at }
    }

    pub(super) async fn load(ctx: &Context<'_>, row: membership::Model) -> Result<Self> {
        let user = accounts::find(&ctx.cx().db(), row.user_id).await?;
        Ok(Self::new(row, user.into()))
    }

    /// A page of memberships with their people, in one query.
    pub(super) async fn load_all(ctx: &Context<'_>, rows: Vec<membership::Model>) -> Result<Vec<Self>> {
        let ids = rows.iter().map(|row| row.user_id).collect();
        let mut users = accounts::users_by_ids(ctx.cx(), ids).await?;
        rows.into_iter()
            .map(|row| {
                let user = users.remove(&row.user_id).ok_or_else(|| Error::internal("a member who is nobody"))?;
                Ok(Self::new(row, user))
            })
            .collect()
    }
}

/// An invitation to become a member that was not accepted yet.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Invitation {
    /// Identifies the invitation; `revokeInvitation` takes it.
    pub(crate) id: InvitationId,
    /// The site.
    pub site_id: SiteId,
    /// Whom it is for: only an account with this address can accept it.
    pub email: String,
    /// The role that comes with it.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it can be accepted: 7 days after it was made.
    pub expires_at: DateTime<Utc>,
    /// True when its time is over; invite again.
    pub expired: bool,
    #[graphql(skip)]
    invited_by: UserId,
}

#[ComplexObject]
impl Invitation {
    /// Who invited. Null when the person could not be loaded.
    async fn invited_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(accounts::users_by_ids(ctx.cx(), vec![self.invited_by]).await?.remove(&self.invited_by))
    }
}

impl Invitation {
    pub(in crate::features::sites) fn new(row: invitation::Model, now: DateTime<Utc>) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            email: row.email,
            role: row.role,
            created_at: row.created_at,
            expires_at: row.expires_at,
            expired: row.expires_at <= now,
            invited_by: row.invited_by,
        }
    }
}
