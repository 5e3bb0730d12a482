//! Queries on departments, teams and what agents can do.

use std::collections::{HashMap, HashSet};

use ::entity::{
    agent_profile, department, department_member,
    ids::{DepartmentId, SiteId, TeamId, UserId},
    membership, team, team_member,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, sea_query::OnConflict,
};

use super::model;
use crate::{
    features::accounts::instant,
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, for_update},
};

fn departments(reach: &Reach) -> Select<department::Entity> {
    department::Entity::find().filter(reach.site_rows(department::Column::SiteId))
}

pub(super) async fn department(db: &Db<'_>, reach: &Reach, id: DepartmentId) -> Result<department::Model> {
    let row = departments(reach).filter(department::Column::Id.eq(id)).one(db).await?;
    row.ok_or_else(|| Error::not_found("department"))
}

pub(super) async fn department_for_update(db: &Db<'_>, reach: &Reach, id: DepartmentId) -> Result<department::Model> {
    let row = for_update(departments(reach).filter(department::Column::Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("department"))
}

/// A department of a site, whoever asks.
pub(crate) async fn department_of(db: &Db<'_>, site: SiteId, id: DepartmentId) -> Result<department::Model> {
    of_site(site, id).one(db).await?.ok_or_else(|| Error::not_found("department"))
}

/// Whether there is such a department, whoever asks.
pub(crate) async fn has_department(db: &Db<'_>, site: SiteId, id: DepartmentId) -> Result<bool> {
    Ok(of_site(site, id).one(db).await?.is_some())
}

/// A department, which stays as it is until the transaction ends.
pub(crate) async fn lock_department_of(db: &Db<'_>, site: SiteId, id: DepartmentId) -> Result<department::Model> {
    for_update(of_site(site, id)).one(db).await?.ok_or_else(|| Error::not_found("department"))
}

fn of_site(site: SiteId, id: DepartmentId) -> Select<department::Entity> {
    department::Entity::find_by_id(id).filter(department::Column::SiteId.eq(site))
}

pub(super) async fn list_departments(
    db: &Db<'_>,
    reach: &Reach,
    site: SiteId,
    paging: &Paging,
) -> Result<Page<department::Model>> {
    let of_site = departments(reach).filter(department::Column::SiteId.eq(site));
    paging.read(db, of_site, (department::Column::CreatedAt, department::Column::Id), false, instant).await
}

pub(super) async fn count_departments(db: &Db<'_>, reach: &Reach, site: SiteId) -> Result<u64> {
    Ok(departments(reach).filter(department::Column::SiteId.eq(site)).count(db).await?)
}

pub(super) async fn insert_department(db: &Db<'_>, row: department::Model) -> Result<()> {
    department::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

pub(super) async fn save_department(db: &Db<'_>, row: department::Model) -> Result<()> {
    department::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

pub(super) async fn delete_department(db: &Db<'_>, id: DepartmentId) -> Result<()> {
    department::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// Who works in departments.
pub(super) async fn in_departments(db: &Db<'_>, ids: Vec<DepartmentId>) -> Result<HashMap<DepartmentId, Vec<UserId>>> {
    let rows = department_member::Entity::find().filter(department_member::Column::DepartmentId.is_in(ids)).all(db);
    let mut found: HashMap<_, Vec<UserId>> = HashMap::new();
    for row in rows.await? {
        found.entry(row.department_id).or_default().push(row.user_id);
    }
    Ok(found)
}

/// Makes these the people of a department.
pub(super) async fn set_department_members(
    db: &Db<'_>,
    (site, id): (SiteId, DepartmentId),
    users: &[UserId],
) -> Result<()> {
    let of = department_member::Column::DepartmentId.eq(id);
    let rest = department_member::Column::UserId.is_not_in(users.iter().copied());
    department_member::Entity::delete_many().filter(of).filter(rest).exec(db).await?;
    if users.is_empty() {
        return Ok(());
    }
    let rows = users
        .iter()
        .map(|user| department_member::Model { department_id: id, user_id: *user, site_id: site }.into_active_model());
    let known = OnConflict::columns([department_member::Column::DepartmentId, department_member::Column::UserId])
        .do_nothing()
        .to_owned();
    department_member::Entity::insert_many(rows).on_conflict(known).exec_without_returning(db).await?;
    Ok(())
}

fn teams(reach: &Reach) -> Select<team::Entity> {
    team::Entity::find().filter(reach.site_rows(team::Column::SiteId))
}

pub(super) async fn team(db: &Db<'_>, reach: &Reach, id: TeamId) -> Result<team::Model> {
    teams(reach).filter(team::Column::Id.eq(id)).one(db).await?.ok_or_else(|| Error::not_found("team"))
}

pub(super) async fn team_for_update(db: &Db<'_>, reach: &Reach, id: TeamId) -> Result<team::Model> {
    let row = for_update(teams(reach).filter(team::Column::Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("team"))
}

pub(super) async fn list_teams(db: &Db<'_>, reach: &Reach, site: SiteId, paging: &Paging) -> Result<Page<team::Model>> {
    let of_site = teams(reach).filter(team::Column::SiteId.eq(site));
    paging.read(db, of_site, (team::Column::CreatedAt, team::Column::Id), false, instant).await
}

pub(super) async fn count_teams(db: &Db<'_>, reach: &Reach, site: SiteId) -> Result<u64> {
    Ok(teams(reach).filter(team::Column::SiteId.eq(site)).count(db).await?)
}

pub(super) async fn insert_team(db: &Db<'_>, row: team::Model) -> Result<()> {
    team::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

pub(super) async fn save_team(db: &Db<'_>, row: team::Model) -> Result<()> {
    team::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

pub(super) async fn delete_team(db: &Db<'_>, id: TeamId) -> Result<()> {
    team::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// Who is in teams.
pub(super) async fn in_teams(db: &Db<'_>, ids: Vec<TeamId>) -> Result<HashMap<TeamId, Vec<UserId>>> {
    let rows = team_member::Entity::find().filter(team_member::Column::TeamId.is_in(ids)).all(db);
    let mut found: HashMap<_, Vec<UserId>> = HashMap::new();
    for row in rows.await? {
        found.entry(row.team_id).or_default().push(row.user_id);
    }
    Ok(found)
}

/// Makes these the people of a team.
pub(super) async fn set_team_members(db: &Db<'_>, (site, id): (SiteId, TeamId), users: &[UserId]) -> Result<()> {
    let rest = team_member::Column::UserId.is_not_in(users.iter().copied());
    team_member::Entity::delete_many().filter(team_member::Column::TeamId.eq(id)).filter(rest).exec(db).await?;
    if users.is_empty() {
        return Ok(());
    }
    let rows =
        users.iter().map(|user| team_member::Model { team_id: id, user_id: *user, site_id: site }.into_active_model());
    let known = OnConflict::columns([team_member::Column::TeamId, team_member::Column::UserId]).do_nothing().to_owned();
    team_member::Entity::insert_many(rows).on_conflict(known).exec_without_returning(db).await?;
    Ok(())
}

/// Those of some people who are no members of a site.
pub(super) async fn strangers(db: &Db<'_>, site: SiteId, users: &[UserId]) -> Result<Vec<UserId>> {
    let members: Vec<UserId> = membership::Entity::find()
        .filter(membership::Column::SiteId.eq(site))
        .filter(membership::Column::UserId.is_in(users.iter().copied()))
        .select_only()
        .column(membership::Column::UserId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(users.iter().copied().filter(|user| !members.contains(user)).collect())
}

/// Which members of a site are listed.
#[derive(Clone, Debug)]
pub(super) struct WantedMembers {
    pub(super) site: SiteId,
    pub(super) department: Option<DepartmentId>,
    /// Those who are online, or those who are not; and who is.
    pub(super) online: Option<(bool, Vec<UserId>)>,
    /// The same of those who get new conversations.
    pub(super) accepting: Option<(bool, Vec<UserId>)>,
}

fn members(reach: &Reach, wanted: &WantedMembers) -> Select<membership::Entity> {
    let mut of_site = membership::Entity::find()
        .filter(membership::Column::SiteId.eq(wanted.site))
        .filter(reach.site_rows(membership::Column::SiteId));
    for (yes, users) in [&wanted.online, &wanted.accepting].into_iter().flatten() {
        let (column, users) = (membership::Column::UserId, users.iter().copied());
        of_site = of_site.filter(if *yes { column.is_in(users) } else { column.is_not_in(users) });
    }
    let Some(department) = wanted.department else { return of_site };
    let inside = department_member::Entity::find()
        .filter(department_member::Column::DepartmentId.eq(department))
        .select_only()
        .column(department_member::Column::UserId);
    of_site.filter(
        Condition::all()
            .add(membership::Column::UserId.in_subquery(sea_orm::QuerySelect::query(&mut inside.clone()).to_owned())),
    )
}

pub(super) async fn list_members(
    db: &Db<'_>,
    reach: &Reach,
    wanted: &WantedMembers,
    paging: &Paging,
) -> Result<Page<membership::Model>> {
    let columns = (membership::Column::CreatedAt, membership::Column::Id);
    paging.read(db, members(reach, wanted), columns, false, instant).await
}

pub(super) async fn count_members(db: &Db<'_>, reach: &Reach, wanted: &WantedMembers) -> Result<u64> {
    Ok(members(reach, wanted).count(db).await?)
}

/// What members of a site can do; those without a row have the usual.
pub(crate) async fn profiles(
    db: &Db<'_>,
    site: SiteId,
    users: &[UserId],
) -> Result<HashMap<UserId, agent_profile::Model>> {
    let rows = agent_profile::Entity::find()
        .filter(agent_profile::Column::SiteId.eq(site))
        .filter(agent_profile::Column::UserId.is_in(users.iter().copied()))
        .all(db)
        .await?;
    let mut found: HashMap<_, _> = users.iter().map(|user| (*user, model::usual(site, *user))).collect();
    found.extend(rows.into_iter().map(|row| (row.user_id, row)));
    Ok(found)
}

pub(super) async fn put_profile(db: &Db<'_>, row: agent_profile::Model) -> Result<()> {
    use agent_profile::Column;
    let replace = OnConflict::columns([Column::SiteId, Column::UserId])
        .update_columns([
            Column::MaxChats,
            Column::PriorityLevel,
            Column::AcceptsCalls,
            Column::Languages,
            Column::Skills,
            Column::Version,
        ])
        .to_owned();
    agent_profile::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// In which departments of a site its people work.
pub(crate) async fn departments_of(db: &Db<'_>, site: SiteId) -> Result<HashMap<UserId, HashSet<DepartmentId>>> {
    let rows = department_member::Entity::find().filter(department_member::Column::SiteId.eq(site)).all(db).await?;
    let mut found: HashMap<_, HashSet<DepartmentId>> = HashMap::new();
    for row in rows {
        found.entry(row.user_id).or_default().insert(row.department_id);
    }
    Ok(found)
}

/// The departments of a site in which some people work, by name.
pub(super) async fn departments_with(
    db: &Db<'_>,
    site: SiteId,
    users: Vec<UserId>,
) -> Result<Vec<(UserId, department::Model)>> {
    use department_member::Column::{DepartmentId, SiteId, UserId};
    let rows = department_member::Entity::find().filter(SiteId.eq(site)).filter(UserId.is_in(users.clone()));
    let members = rows.all(db).await?;
    let theirs = department_member::Entity::find().filter(SiteId.eq(site)).filter(UserId.is_in(users));
    let ids = theirs.select_only().column(DepartmentId).into_query();
    let departments = department::Entity::find()
        .filter(department::Column::Id.in_subquery(ids))
        .order_by_asc(department::Column::Folded)
        .all(db)
        .await?;
    let mut found = vec![];
    for department in departments {
        let of_it = members.iter().filter(|member| member.department_id == department.id);
        found.extend(of_it.map(|member| (member.user_id, department.clone())));
    }
    Ok(found)
}
