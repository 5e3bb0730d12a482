//! Changes to sites and their members.

use ::entity::{
    ids::{InvitationId, MembershipId, SiteId},
    membership::Role,
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use uuid::Uuid;

use super::types::{Invitation, Site, SiteMember};
use crate::{
    features::{
        accounts::{self, AuthPayload, User, by},
        sites::{
            actions, invitations,
            model::{NewSite, SiteChanges},
        },
    },
    kernel::{CtxExt, Once, Result},
};

/// A new site.
#[derive(InputObject)]
pub(super) struct CreateSiteInput {
    /// Its name, up to 120 characters.
    name: String,
    /// Origins whose pages may start visitor sessions; without any, all may. Up to 50.
    #[graphql(default)]
    allowed_origins: Vec<String>,
    /// The language of texts that have none of their own, like `tr` or `en-GB`; `en` without it.
    locale: Option<String>,
    /// The time zone in which the site's days begin, by its IANA name, like `Europe/Berlin`; `Europe/Istanbul`
    /// without it.
    time_zone: Option<String>,
    /// Your own id of the site, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// gives the same site and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// What to change of a site. What is left out stays.
#[derive(InputObject)]
pub(super) struct UpdateSiteInput {
    /// The site.
    site_id: SiteId,
    /// A new name, up to 120 characters.
    name: MaybeUndefined<String>,
    /// The whole new list of origins; null or an empty list allows all.
    allowed_origins: MaybeUndefined<Vec<String>>,
    /// A new language; null is `en`.
    locale: MaybeUndefined<String>,
    /// Whether personal data is masked before a prompt goes to a cloud provider; null is no.
    mask_personal_data: MaybeUndefined<bool>,
    /// A new time zone, by its IANA name, like `Europe/Berlin`; null is `Europe/Istanbul`.
    time_zone: MaybeUndefined<String>,
    /// What language models may cost on one of the site's days, in US dollars, 0 to 1,000,000; null for no limit. What is
    /// over it is answered by local models or by the built-in answerer.
    daily_ai_budget_usd: MaybeUndefined<f64>,
    /// The whole new list of words and short phrases that make a question a hard one, up to 200 of up to 50 characters;
    /// null brings the usual ones back. They count as whole words, in any case, with or without accents.
    complexity_terms: MaybeUndefined<Vec<String>>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the site since; without
    /// it, the last change counts.
    expected_version: Option<i32>,
}

/// Which site gets a new key.
#[derive(InputObject)]
pub(super) struct RotateSiteKeyInput {
    /// The site.
    site_id: SiteId,
}

/// Whom to invite.
#[derive(InputObject)]
pub(super) struct InviteMemberInput {
    /// The site.
    site_id: SiteId,
    /// The person's e-mail address; only an account with it can accept.
    email: String,
    /// The role that comes with it.
    role: Role,
    /// Your own id of the invitation, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same invitation with the same token, as long as it is open, and never a second one. Leave
    /// it out only if you never retry.
    client_id: Option<Uuid>,
}

/// An invitation to accept.
#[derive(InputObject)]
pub(super) struct AcceptInvitationInput {
    /// The token of the invitation.
    #[graphql(secret)]
    token: String,
    /// For a new account: the name others see. Ignored for who is signed in.
    name: Option<String>,
    /// For a new account: 10 to 256 characters that are not all blank. Ignored for who is signed in.
    #[graphql(secret)]
    password: Option<String>,
}

/// Which invitation to take back.
#[derive(InputObject)]
pub(super) struct RevokeInvitationInput {
    /// The invitation.
    invitation_id: InvitationId,
}

/// A member's new role.
#[derive(InputObject)]
pub(super) struct ChangeMemberRoleInput {
    /// The membership: `SiteMember.id`.
    member_id: MembershipId,
    /// The new role.
    role: Role,
}

/// Who is to go.
#[derive(InputObject)]
pub(super) struct RemoveMemberInput {
    /// The membership: `SiteMember.id`.
    member_id: MembershipId,
}

/// The site that was made.
#[derive(SimpleObject)]
pub(super) struct CreateSitePayload {
    /// The new site.
    site: Site,
}

/// The site that was changed.
#[derive(SimpleObject)]
pub(super) struct UpdateSitePayload {
    /// The site as it is now.
    site: Site,
}

/// The site with its new key.
#[derive(SimpleObject)]
pub(super) struct RotateSiteKeyPayload {
    /// The site as it is now.
    site: Site,
}

/// The invitation that was made.
#[derive(SimpleObject)]
pub(super) struct InviteMemberPayload {
    /// The new invitation.
    invitation: Invitation,
    /// What `acceptInvitation` takes. Shown here only; put it into the link you send to the person.
    invitation_token: String,
}

/// The membership that was accepted.
#[derive(SimpleObject)]
pub(super) struct AcceptInvitationPayload {
    /// The site.
    site: Site,
    /// The new member.
    member: SiteMember,
    /// Tokens of the account that was made on the way. Null for who was signed in.
    auth: Option<AuthPayload<by::Invitation>>,
}

/// The invitation that was taken back.
#[derive(SimpleObject)]
pub(super) struct RevokeInvitationPayload {
    /// The invitation; its token works no more.
    invitation: Invitation,
}

/// The member with the new role.
#[derive(SimpleObject)]
pub(super) struct ChangeMemberRolePayload {
    /// The member as they are now.
    member: SiteMember,
}

/// The member who left.
#[derive(SimpleObject)]
pub(super) struct RemoveMemberPayload {
    /// The membership that ended.
    member: SiteMember,
}

/// Changes to sites, their members and invitations.
#[derive(Default)]
pub struct SitesMutation;

/// Changes to sites, their members and invitations.
#[Object]
impl SitesMutation {
    /// Makes a site. Anybody with an account may, and becomes its admin.
    async fn create_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new site.")] input: CreateSiteInput,
    ) -> Result<CreateSitePayload> {
        let once = Once::new(ctx.cx(), "createSite", input.client_id, &input);
        let mut new = NewSite::check(&input.name, &input.allowed_origins, input.locale.as_deref())?;
        if let Some(name) = &input.time_zone {
            new = new.in_time_zone(name)?;
        }
        let (site, role) = actions::create(ctx.cx(), new, &once).await?;
        Ok(CreateSitePayload { site: Site::joined(site, role) })
    }

    /// Changes a site's settings. For its admins.
    async fn update_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateSiteInput,
    ) -> Result<UpdateSitePayload> {
        let UpdateSiteInput {
            site_id,
            name,
            allowed_origins,
            locale,
            mask_personal_data,
            time_zone,
            daily_ai_budget_usd,
            complexity_terms,
            expected_version,
        } = input;
        let changes = SiteChanges {
            name,
            allowed_origins,
            locale,
            mask_personal_data,
            time_zone,
            daily_ai_budget_usd,
            complexity_terms,
        };
        Ok(UpdateSitePayload { site: actions::update(ctx.cx(), site_id, expected_version, changes).await?.into() })
    }

    /// Replaces a site's public key. The old one starts no visitor sessions any more; sessions that were started go on.
    /// For its admins.
    async fn rotate_site_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site.")] input: RotateSiteKeyInput,
    ) -> Result<RotateSiteKeyPayload> {
        Ok(RotateSiteKeyPayload { site: actions::rotate_key(ctx.cx(), input.site_id).await?.into() })
    }

    /// Invites somebody to become a member. An earlier open invitation to the same address is replaced. Refused with
    /// `ALREADY_MEMBER`. For the site's admins. No mail is sent; pass the token on yourself.
    async fn invite_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to invite.")] input: InviteMemberInput,
    ) -> Result<InviteMemberPayload> {
        let once = Once::new(ctx.cx(), "inviteMember", input.client_id, &input);
        let (row, invitation_token) =
            invitations::invite(ctx.cx(), input.site_id, &input.email, input.role, &once).await?;
        Ok(InviteMemberPayload { invitation: Invitation::new(row, ctx.cx().clock.now()), invitation_token })
    }

    /// Accepts an invitation: as the person who is signed in, if the address is theirs, or without signing in with a
    /// name and a password, which makes the account. Refused with `INVITATION_INVALID` when it was used, taken back or
    /// has run out; with `EMAIL_TAKEN` when the invited address has an account and nobody is signed in; with
    /// `FORBIDDEN` when it is for another address. May stand once in a document.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invitation to accept.")] input: AcceptInvitationInput,
    ) -> Result<AcceptInvitationPayload> {
        accounts::once(ctx, "acceptInvitation")?;
        let (name, password) = (input.name.as_deref(), input.password.as_deref());
        Ok(invitations::accept(ctx.cx(), &input.token, name, password).await?.into())
    }

    /// Takes an invitation back that was not accepted yet. For the site's admins.
    async fn revoke_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which invitation.")] input: RevokeInvitationInput,
    ) -> Result<RevokeInvitationPayload> {
        let row = invitations::revoke(ctx.cx(), input.invitation_id).await?;
        Ok(RevokeInvitationPayload { invitation: Invitation::new(row, ctx.cx().clock.now()) })
    }

    /// Gives a member another role. Refused with `LAST_ADMIN` when no admin would be left. For the site's admins.
    async fn change_member_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose role, and which.")] input: ChangeMemberRoleInput,
    ) -> Result<ChangeMemberRolePayload> {
        let row = actions::change_role(ctx.cx(), input.member_id, input.role).await?;
        Ok(ChangeMemberRolePayload { member: SiteMember::load(ctx, row).await? })
    }

    /// Removes a member, whose open streams end. Refused with `LAST_ADMIN` when no admin would be left. For the site's
    /// admins; every member may leave.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is to go.")] input: RemoveMemberInput,
    ) -> Result<RemoveMemberPayload> {
        let row = actions::remove_member(ctx.cx(), input.member_id).await?;
        Ok(RemoveMemberPayload { member: SiteMember::load(ctx, row).await? })
    }
}

impl From<invitations::Accepted> for AcceptInvitationPayload {
    fn from(accepted: invitations::Accepted) -> Self {
        Self {
            site: Site::joined(accepted.site, accepted.member.role),
            member: SiteMember::new(accepted.member, User::own(accepted.user)),
            auth: accepted.issued.map(AuthPayload::from),
        }
    }
}
