//! Queries on sites, memberships and invitations. The private space of a customer is none of them: it has no members
//! and is not seen here, whoever asks.

use ::entity::{
    agent_lease,
    agent_state::{self, Availability},
    ids::{InvitationId, MembershipId, SiteId, UserId},
    invitation, journal_head,
    membership::{self, Role},
    site,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, LockType, OnConflict},
};

use super::model;
use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result, epochs,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

fn sites(reach: &Reach) -> Select<site::Entity> {
    site::Entity::find().filter(reach.site_rows(site::Column::Id)).filter(site::Column::OwnerId.is_null())
}

pub(super) async fn find(db: &Db<'_>, reach: &Reach, id: SiteId) -> Result<site::Model> {
    let row = sites(reach).filter(site::Column::Id.eq(id)).one(db).await?;
    row.ok_or_else(|| Error::not_found("site"))
}

/// Locks the site: of several changes to its members, one after the other happens.
///
/// Not `FOR UPDATE`: that would keep others from writing rows that refer to the site, journal lines among them, and a
/// transaction that holds the journal's head while it waits for the site would deadlock with the one that holds the
/// site and waits for the head. For the same reason no column of a site that changes has a unique index that a foreign
/// key could refer to: changing one would lock the row `FOR UPDATE` after all, and some transactions take the head first
/// and the site with their journal lines, others the site first with a row that refers to it. The index of public keys
/// is partial.
pub(super) async fn find_for_update(db: &Db<'_>, reach: &Reach, id: SiteId) -> Result<site::Model> {
    let row = sites(reach).filter(site::Column::Id.eq(id)).lock(LockType::NoKeyUpdate).one(db).await?;
    row.ok_or_else(|| Error::not_found("site"))
}

/// The site with a public key, for whoever knows the key.
pub(super) async fn lookup_by_key(db: &Db<'_>, key: &str) -> Result<Option<site::Model>> {
    let of_key = site::Entity::find().filter(site::Column::PublicKey.eq(key));
    Ok(of_key.filter(site::Column::OwnerId.is_null()).one(db).await?)
}

/// The site a signed token is bound to.
pub(super) async fn lookup(db: &Db<'_>, id: SiteId) -> Result<Option<site::Model>> {
    Ok(site::Entity::find_by_id(id).one(db).await?)
}

pub(super) async fn lookup_personal(db: &Db<'_>, owner: UserId) -> Result<Option<SiteId>> {
    let row = site::Entity::find().filter(site::Column::OwnerId.eq(owner)).one(db).await?;
    Ok(row.map(|site| site.id))
}

pub(super) async fn list(db: &Db<'_>, reach: &Reach, paging: &Paging) -> Result<Page<site::Model>> {
    let columns = (site::Column::CreatedAt, site::Column::Id);
    paging.read(db, sites(reach), columns, true, instant).await
}

pub(super) async fn count(db: &Db<'_>, reach: &Reach) -> Result<u64> {
    Ok(sites(reach).count(db).await?)
}

/// Inserts a site and the head of its journal. False when the owner has a private space already.
pub(super) async fn insert(db: &Db<'_>, row: &site::Model) -> Result<bool> {
    let head = journal_head::ActiveModel {
        site_id: Set(row.id),
        seq: Set(0),
        trimmed: Set(0),
        epoch: Set(epochs::at(row.created_at)),
    };
    let inserted = site::Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::column(site::Column::OwnerId).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    if inserted == 0 {
        return Ok(false);
    }
    journal_head::Entity::insert(head).exec_without_returning(db).await?;
    Ok(true)
}

pub(super) async fn save(db: &Db<'_>, row: &site::Model) -> Result<()> {
    site::Entity::update_many()
        .set(site::ActiveModel {
            name: Set(row.name.clone()),
            public_key: Set(row.public_key.clone()),
            allowed_origins: Set(row.allowed_origins.clone()),
            locale: Set(row.locale.clone()),
            mask_personal_data: Set(row.mask_personal_data),
            time_zone: Set(row.time_zone.clone()),
            daily_ai_budget_micros: Set(row.daily_ai_budget_micros),
            complexity_terms: Set(row.complexity_terms.clone()),
            version: Set(row.version),
            ..Default::default()
        })
        .filter(site::Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(())
}

fn members(reach: &Reach, site: SiteId) -> Select<membership::Entity> {
    let of_site = membership::Entity::find().filter(membership::Column::SiteId.eq(site));
    of_site.filter(reach.site_rows(membership::Column::SiteId))
}

pub(super) async fn list_members(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    paging: &Paging,
) -> Result<Page<membership::Model>> {
    let columns = (membership::Column::CreatedAt, membership::Column::Id);
    paging.read(db, members(reach, site), columns, false, instant).await
}

pub(super) async fn count_members(db: &Db<'_>, reach: &Reach, site: SiteId) -> Result<u64> {
    Ok(members(reach, site).count(db).await?)
}

/// A membership, before it is known whether the caller may change it.
pub(super) async fn find_member(db: &Db<'_>, reach: &Reach, id: MembershipId) -> Result<membership::Model> {
    let row = membership::Entity::find_by_id(id).filter(reach.site_rows(membership::Column::SiteId)).one(db).await?;
    row.ok_or_else(|| Error::not_found("member"))
}

pub(super) async fn members_among(db: &Db<'_>, site: SiteId, users: &[UserId]) -> Result<Vec<membership::Model>> {
    let rows = membership::Entity::find()
        .filter(membership::Column::SiteId.eq(site))
        .filter(membership::Column::UserId.is_in(users.iter().copied()))
        .order_by_asc(membership::Column::CreatedAt)
        .order_by_asc(membership::Column::Id);
    Ok(rows.all(db).await?)
}

pub(super) async fn all_members(db: &Db<'_>, site: SiteId) -> Result<Vec<membership::Model>> {
    let rows = membership::Entity::find().filter(membership::Column::SiteId.eq(site));
    Ok(rows.order_by_asc(membership::Column::CreatedAt).order_by_asc(membership::Column::Id).all(db).await?)
}

pub(super) async fn lookup_member(db: &Db<'_>, site: SiteId, user: UserId) -> Result<Option<membership::Model>> {
    let of_site = membership::Entity::find().filter(membership::Column::SiteId.eq(site));
    Ok(of_site.filter(membership::Column::UserId.eq(user)).one(db).await?)
}

/// The person's own roles, sorted by site.
pub(super) async fn roles_of(db: &Db<'_>, user: UserId) -> Result<Vec<(SiteId, Role)>> {
    let rows = membership::Entity::find().filter(membership::Column::UserId.eq(user)).all(db).await?;
    let mut roles: Vec<_> = rows.into_iter().map(|row| (row.site_id, row.role)).collect();
    roles.sort_unstable();
    Ok(roles)
}

pub(super) async fn count_admins(db: &Db<'_>, site: SiteId) -> Result<u64> {
    let admins = membership::Entity::find().filter(membership::Column::Role.eq(Role::Admin));
    Ok(admins.filter(membership::Column::SiteId.eq(site)).count(db).await?)
}

pub(super) async fn insert_member(db: &Db<'_>, row: &membership::Model) -> Result<()> {
    let insert = membership::Entity::insert(row.clone().into_active_model());
    insert.exec_without_returning(db).await.map_err(|error| Error::from(error).or_taken(model::already_member))?;
    Ok(())
}

pub(super) async fn set_role(db: &Db<'_>, id: MembershipId, role: Role) -> Result<()> {
    membership::Entity::update_many()
        .set(membership::ActiveModel { role: Set(role), ..Default::default() })
        .filter(membership::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

pub(super) async fn delete_member(db: &Db<'_>, id: MembershipId) -> Result<()> {
    membership::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

fn open_invitations(reach: &Reach, site: SiteId) -> Select<invitation::Entity> {
    invitation::Entity::find()
        .filter(invitation::Column::SiteId.eq(site))
        .filter(reach.site_rows(invitation::Column::SiteId))
        .filter(invitation::Column::AcceptedAt.is_null())
}

pub(super) async fn list_invitations(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    paging: &Paging,
) -> Result<Page<invitation::Model>> {
    let columns = (invitation::Column::CreatedAt, invitation::Column::Id);
    paging.read(db, open_invitations(reach, site), columns, true, instant).await
}

pub(super) async fn count_invitations(db: &Db<'_>, reach: &Reach, site: SiteId) -> Result<u64> {
    Ok(open_invitations(reach, site).count(db).await?)
}

pub(super) async fn insert_invitation(db: &Db<'_>, row: &invitation::Model) -> Result<()> {
    invitation::Entity::insert(row.clone().into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

fn open_invitation(reach: &Reach, id: InvitationId) -> Select<invitation::Entity> {
    let open = invitation::Entity::find_by_id(id).filter(invitation::Column::AcceptedAt.is_null());
    open.filter(reach.site_rows(invitation::Column::SiteId))
}

/// An invitation that was not accepted yet.
pub(super) async fn invitation(db: &Db<'_>, reach: &Reach, id: InvitationId) -> Result<invitation::Model> {
    open_invitation(reach, id).one(db).await?.ok_or_else(|| Error::not_found("invitation"))
}

/// The same, locked until the transaction ends.
pub(super) async fn find_invitation(db: &Db<'_>, reach: &Reach, id: InvitationId) -> Result<invitation::Model> {
    for_update(open_invitation(reach, id)).one(db).await?.ok_or_else(|| Error::not_found("invitation"))
}

/// The invitation with a token, for whoever knows the token.
pub(super) async fn lookup_invitation(db: &Db<'_>, hash: Vec<u8>) -> Result<Option<invitation::Model>> {
    Ok(invitation::Entity::find().filter(invitation::Column::TokenHash.eq(hash)).one(db).await?)
}

/// Marks an invitation as accepted. Of several at once, one wins.
pub(super) async fn accept_invitation(db: &Db<'_>, id: InvitationId, now: DateTime<Utc>) -> Result<bool> {
    let done = invitation::Entity::update_many()
        .col_expr(invitation::Column::AcceptedAt, Expr::value(Some(now)))
        .filter(invitation::Column::Id.eq(id))
        .filter(invitation::Column::AcceptedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Takes back what was open for an address, so that the newest invitation is the only one. Tells which.
pub(super) async fn delete_invitations_to(db: &Db<'_>, site: SiteId, email: &str) -> Result<Vec<InvitationId>> {
    let open = invitation::Entity::find()
        .filter(invitation::Column::SiteId.eq(site))
        .filter(invitation::Column::Email.eq(email))
        .filter(invitation::Column::AcceptedAt.is_null())
        .all(db)
        .await?;
    let ids: Vec<_> = open.into_iter().map(|row| row.id).collect();
    if !ids.is_empty() {
        invitation::Entity::delete_many().filter(invitation::Column::Id.is_in(ids.iter().copied())).exec(db).await?;
    }
    Ok(ids)
}

pub(super) async fn delete_invitation(db: &Db<'_>, id: InvitationId) -> Result<bool> {
    Ok(invitation::Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}

/// True while somebody's dashboard holds a lease.
pub(super) async fn has_lease(db: &Db<'_>, site: SiteId, user: UserId) -> Result<bool> {
    let leases = agent_lease::Entity::find()
        .filter(agent_lease::Column::SiteId.eq(site))
        .filter(agent_lease::Column::UserId.eq(user));
    Ok(leases.one(db).await?.is_some())
}

/// True while somebody says that they are not at their place.
pub(super) async fn is_away(db: &Db<'_>, site: SiteId, user: UserId, now: DateTime<Utc>) -> Result<bool> {
    let said = agent_state::Entity::find_by_id((site, user)).one(db).await?;
    let said = said.filter(|said| said.until.is_none_or(|until| now < until));
    Ok(said.is_some_and(|said| match said.state {
        Availability::Away | Availability::OnBreak => true,
        // Not to be disturbed by others: those whom they talk to have them.
        Availability::DoNotDisturb | Availability::Available | Availability::Busy => false,
    }))
}
