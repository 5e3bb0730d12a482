//! Every write on invitations.

use ::entity::{
    ids::{InvitationId, SiteId},
    invitation,
    membership::{self, Role},
    site, user,
};

use super::{actions, facts::SiteFact, model, reach_in, reach_to, store};
use crate::{
    features::accounts::{self, Issued, NewPerson},
    kernel::{Actor, Ctx, Error, ErrorReason, Once, Permission, Result, once, quotas, secret, text},
};

/// Invites somebody by address; an open invitation to the same address is replaced. Returns the token, too: it exists
/// nowhere else.
pub(super) async fn invite(
    cx: &Ctx,
    site: SiteId,
    email: &str,
    role: Role,
    once: &Once,
) -> Result<(invitation::Model, String)> {
    let reach = reach_in(cx, Permission::MembersManage, site)?;
    let invited_by = accounts::signed_in(&cx.actor)?.user;
    let email = text::email("input.email", email)?;
    // Not kept, so a repetition works out the same one.
    let token = match once.key() {
        Some(key) => cx.secrets.derived(&[b"invitation", key.as_bytes()])?,
        None => secret::token(),
    };
    let (id, now) = (cx.id(InvitationId), cx.clock.now());
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, id.0).await? {
        let invitation = once::again(store::invitation(&tx.db(), &reach, InvitationId(made)).await)?;
        let is_its = invitation.token_hash == model::invitation_hash(&token);
        return if is_its { Ok((invitation, token)) } else { Err(once::gone()) };
    }
    store::find_for_update(&tx.db(), &reach, site).await?;
    if let Some(person) = accounts::lookup_by_email(&tx.db(), &email).await?
        && store::lookup_member(&tx.db(), site, person.id).await?.is_some()
    {
        return Err(model::already_member().at("input.email"));
    }
    for replaced in store::delete_invitations_to(&tx.db(), site, &email).await? {
        tx.record(site, replaced.0, &SiteFact::InvitationRevoked { invitation: replaced })?;
    }
    let invitation = invitation::Model {
        id,
        site_id: site,
        email,
        role,
        token_hash: model::invitation_hash(&token),
        invited_by,
        created_at: now,
        expires_at: now + model::INVITATION_LIFE,
        accepted_at: None,
    };
    // Its token was given before, under an id that was forgotten since.
    store::insert_invitation(&tx.db(), &invitation).await.map_err(|error| error.or_taken(once::gone))?;
    tx.record(site, invitation.id.0, &SiteFact::MemberInvited { invitation: invitation.id, role })?;
    tx.commit().await?;
    Ok((invitation, token))
}

/// Takes an invitation back.
pub(super) async fn revoke(cx: &Ctx, id: InvitationId) -> Result<invitation::Model> {
    let staff = reach_to(cx, Permission::SitesRead, "invitation")?;
    let mut tx = cx.begin().await?;
    let invitation = store::find_invitation(&tx.db(), &staff, id).await?;
    reach_in(cx, Permission::MembersManage, invitation.site_id)?;
    if !store::delete_invitation(&tx.db(), id).await? {
        return Err(Error::not_found("invitation"));
    }
    tx.record(invitation.site_id, id.0, &SiteFact::InvitationRevoked { invitation: id })?;
    tx.commit().await?;
    Ok(invitation)
}

/// What an accepted invitation leads to.
pub(super) struct Accepted {
    pub(super) site: site::Model,
    pub(super) member: membership::Model,
    pub(super) user: user::Model,
    /// Tokens of the account that was made on the way, if one was.
    pub(super) issued: Option<Issued>,
}

/// Who accepts.
enum Guest {
    Known(user::Model),
    New { person: NewPerson, password_hash: String },
}

/// Accepts an invitation: as the person who is signed in, or as a new one with a name and a password.
pub(super) async fn accept(cx: &Ctx, token: &str, name: Option<&str>, password: Option<&str>) -> Result<Accepted> {
    let found = store::lookup_invitation(&cx.db(), model::invitation_hash(token)).await?;
    let invitation = model::acceptable(found, cx.clock.now())?;
    let guest = guest(cx, &invitation, name.zip(password)).await?;
    let mut tx = cx.begin().await?;
    if !store::accept_invitation(&tx.db(), invitation.id, cx.clock.now()).await? {
        model::acceptable(None, cx.clock.now())?;
    }
    let site = store::lookup(&tx.db(), invitation.site_id).await?.ok_or_else(|| Error::not_found("site"))?;
    let (user, issued) = match guest {
        Guest::Known(user) => (user, None),
        Guest::New { person, password_hash } => {
            let user = accounts::insert_in(&mut tx, person, password_hash, false).await?;
            let issued = accounts::sign_in_in(&mut tx, user).await?;
            (issued.user.clone(), Some(issued))
        }
    };
    let member = actions::join_in(&mut tx, site.id, user.id, invitation.role).await?;
    tx.commit().await?;
    Ok(Accepted { site, member, user, issued })
}

/// Finds out who accepts, with everything that takes time, before the transaction.
async fn guest(cx: &Ctx, invitation: &invitation::Model, new: Option<(&str, &str)>) -> Result<Guest> {
    match &cx.actor {
        Actor::User(person) => {
            let user = accounts::find(&cx.db(), person.user).await?;
            model::meant_for(invitation, &user.email)?;
            Ok(Guest::Known(user))
        }
        Actor::Anonymous => {
            let (name, password) = new.ok_or_else(|| {
                Error::bad_input(
                    "input.password",
                    ErrorReason::InvalidCombination,
                    "Sign in to accept, or give a name and a password for a new account.",
                )
            })?;
            let person = NewPerson::check(&invitation.email, password, name)?;
            if accounts::lookup_by_email(&cx.db(), &person.email).await?.is_some() {
                let message = "There is an account with the invited address already; sign in to accept.";
                return Err(Error::conflict(ErrorReason::EmailTaken, message));
            }
            quotas::spend(cx, &[quotas::REGISTRATIONS_FROM_ADDRESS.by_address(&cx.request)]).await?;
            let password_hash = accounts::hash_password(cx, &person).await?;
            Ok(Guest::New { person, password_hash })
        }
        Actor::Visitor { .. } | Actor::System => Err(Error::forbidden()),
    }
}
