//! Every write on sites and their members. Invitations are in `invitations.rs`.

use ::entity::{
    ids::{MembershipId, SiteId, UserId},
    membership::{self, Role},
    site,
};

use super::{
    facts::SiteFact,
    model::{self, NewSite, SiteChanges},
    reach_in, reach_to, store,
};
use crate::{
    features::accounts,
    kernel::{Ctx, Error, Once, Permission, Result, Tx, once, quotas, versions},
    ports::{bus::Topic, db::Db},
};

/// Makes a site; whoever does becomes its admin. Tells their role in it: on a repetition it may be another one.
pub(super) async fn create(cx: &Ctx, new: NewSite, once: &Once) -> Result<(site::Model, Role)> {
    let person = accounts::signed_in(&cx.actor)?.user;
    if let Some(made) = once.made(&cx.db()).await? {
        return once::again(own(&cx.db(), SiteId(made), person).await);
    }
    let expenses = [quotas::SITES_OF_PERSON.of(person)];
    if let Some(made) = once.spend(cx, &expenses).await? {
        return once::again(own(&cx.db(), SiteId(made), person).await);
    }
    let id = cx.id(SiteId);
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, id.0).await? {
        quotas::give_back(cx, &expenses).await?;
        return once::again(own(&tx.db(), SiteId(made), person).await);
    }
    let site = insert_as(&mut tx, id, new).await?;
    join_in(&mut tx, id, person, Role::Admin).await?;
    tx.commit().await?;
    Ok((site, Role::Admin))
}

/// A site with the role that somebody has in it.
async fn own(db: &Db<'_>, id: SiteId, person: UserId) -> Result<(site::Model, Role)> {
    let member = store::lookup_member(db, id, person).await?.ok_or_else(|| Error::not_found("site"))?;
    let site = store::lookup(db, id).await?.ok_or_else(|| Error::not_found("site"))?;
    Ok((site, member.role))
}

/// Inserts a site without members, with the beginning of its journal.
pub async fn insert_in(tx: &mut Tx, new: NewSite) -> Result<site::Model> {
    let id = tx.cx().id(SiteId);
    insert_as(tx, id, new).await
}

async fn insert_as(tx: &mut Tx, id: SiteId, new: NewSite) -> Result<site::Model> {
    let site = row(tx.cx(), id, new, None);
    store::insert(&tx.db(), &site).await?;
    tx.record(site.id, site.id.0, &SiteFact::Created { owner: None })?;
    Ok(site)
}

/// Makes a person a member.
///
/// # Errors
/// `CONFLICT` with `ALREADY_MEMBER`.
pub async fn join_in(tx: &mut Tx, site: SiteId, user: UserId, role: Role) -> Result<membership::Model> {
    let (id, created_at) = (tx.cx().id(MembershipId), tx.cx().clock.now());
    let member = membership::Model { id, site_id: site, user_id: user, role, created_at };
    store::insert_member(&tx.db(), &member).await?;
    tx.record(site, user.0, &SiteFact::MemberJoined { user, role })?;
    tx.hint(Topic::Access(user.0));
    Ok(member)
}

/// The private space of a customer, made at its first use. Several calls at once find the same one.
///
/// Opens a transaction of its own: never call it inside one.
pub async fn personal(cx: &Ctx, owner: UserId) -> Result<SiteId> {
    if let Some(site) = store::lookup_personal(&cx.db(), owner).await? {
        return Ok(site);
    }
    let new = NewSite::check("Personal", &[], None)?;
    let mut tx = cx.begin().await?;
    let site = row(cx, cx.id(SiteId), new, Some(owner));
    if store::insert(&tx.db(), &site).await? {
        tx.record(site.id, site.id.0, &SiteFact::Created { owner: Some(owner) })?;
        tx.commit().await?;
        return Ok(site.id);
    }
    let made_meanwhile = store::lookup_personal(&tx.db(), owner).await?;
    made_meanwhile.ok_or_else(|| Error::internal("a private space that is and is not there"))
}

/// Changes a site's settings.
///
/// # Errors
/// `BAD_USER_INPUT` naming the field and its limit; `CONFLICT` with `VERSION_CONFLICT` when somebody else was faster.
pub(super) async fn update(cx: &Ctx, id: SiteId, expected: Option<i32>, changes: SiteChanges) -> Result<site::Model> {
    let reach = reach_in(cx, Permission::SitesManage, id)?;
    let mut tx = cx.begin().await?;
    let mut site = store::find_for_update(&tx.db(), &reach, id).await?;
    versions::check(site.version, expected)?;
    let changed = model::change(&mut site, changes)?;
    if !changed.is_empty() {
        site.version += 1;
        store::save(&tx.db(), &site).await?;
        tx.record(id, id.0, &SiteFact::Updated { changed })?;
    }
    tx.commit().await?;
    Ok(site)
}

/// Replaces the public key. The old one starts no sessions any more; tokens that were issued go on.
pub(super) async fn rotate_key(cx: &Ctx, id: SiteId) -> Result<site::Model> {
    let reach = reach_in(cx, Permission::SitesManage, id)?;
    let mut tx = cx.begin().await?;
    let site = store::find_for_update(&tx.db(), &reach, id).await?;
    let site = site::Model { public_key: model::public_key(), ..site };
    store::save(&tx.db(), &site).await?;
    tx.record(id, id.0, &SiteFact::KeyRotated)?;
    tx.commit().await?;
    Ok(site)
}

pub(super) async fn change_role(cx: &Ctx, id: MembershipId, role: Role) -> Result<membership::Model> {
    let seen = store::find_member(&cx.db(), &reach_to(cx, Permission::SitesRead, "member")?, id).await?;
    let reach = reach_in(cx, Permission::MembersManage, seen.site_id)?;
    let mut tx = cx.begin().await?;
    store::find_for_update(&tx.db(), &reach, seen.site_id).await?;
    let member = store::find_member(&tx.db(), &reach, id).await?;
    model::keeps_an_admin(&member, Some(role), store::count_admins(&tx.db(), member.site_id).await?)?;
    if member.role != role {
        store::set_role(&tx.db(), id, role).await?;
        let (user, from) = (member.user_id, member.role);
        tx.record(member.site_id, user.0, &SiteFact::MemberRoleChanged { user, from, to: role })?;
        tx.hint(Topic::Access(user.0));
    }
    tx.commit().await?;
    Ok(membership::Model { role, ..member })
}

/// Removes a member. Admins may remove anybody; everybody may leave.
pub(super) async fn remove_member(cx: &Ctx, id: MembershipId) -> Result<membership::Model> {
    let staff = reach_to(cx, Permission::SitesRead, "member")?;
    let seen = store::find_member(&cx.db(), &staff, id).await?;
    let leaves = cx.actor.user() == Some(seen.user_id);
    let reach = if leaves { staff } else { reach_in(cx, Permission::MembersManage, seen.site_id)? };
    let mut tx = cx.begin().await?;
    store::find_for_update(&tx.db(), &reach, seen.site_id).await?;
    let member = store::find_member(&tx.db(), &reach, id).await?;
    model::keeps_an_admin(&member, None, store::count_admins(&tx.db(), member.site_id).await?)?;
    store::delete_member(&tx.db(), id).await?;
    tx.record(member.site_id, member.user_id.0, &SiteFact::MemberRemoved { user: member.user_id })?;
    tx.hint(Topic::Access(member.user_id.0));
    tx.commit().await?;
    Ok(member)
}

fn row(cx: &Ctx, id: SiteId, new: NewSite, owner_id: Option<UserId>) -> site::Model {
    site::Model {
        id,
        name: new.name,
        public_key: model::public_key(),
        allowed_origins: site::Origins(new.allowed_origins),
        locale: new.locale,
        mask_personal_data: false,
        time_zone: new.time_zone,
        daily_ai_budget_micros: Some(model::DEFAULT_BUDGET),
        complexity_terms: None,
        owner_id,
        version: 1,
        created_at: cx.clock.now(),
    }
}
