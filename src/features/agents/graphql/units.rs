//! Departments and teams in the API.

use std::collections::HashMap;

use ::entity::{
    department,
    ids::{DepartmentId, SiteId, TeamId, UserId},
    team,
};
use async_graphql::{ComplexObject, Context, InputObject, MaybeUndefined, Object, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

use super::super::{
    store,
    units::{self, Unit},
};
use crate::{
    features::{
        accounts::{self, User},
        sites::reach_in,
    },
    kernel::{
        CtxExt, Error, Once, Permission, Result,
        loader::Batch,
        page::{List, Paging, Place},
    },
};

/// A part of a site's staff with a subject of its own.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Department {
    /// Identifies the department.
    pub(crate) id: DepartmentId,
    /// The site.
    site_id: SiteId,
    /// Its name.
    name: String,
    /// What it is there for.
    description: Option<String>,
    /// Grows by one with each change, also of who is in it; `updateDepartment` takes it as `expectedVersion`.
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<department::Model> for Department {
    fn from(row: department::Model) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            name: row.name,
            description: row.description,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

#[ComplexObject]
impl Department {
    /// Who works there.
    #[graphql(complexity = "10 + child_complexity")]
    async fn members(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
        Ok(ctx.cx().load(InDepartment(self.id)).await?.unwrap_or_default())
    }
}

/// Some of the staff who work together.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Team {
    /// Identifies the team.
    pub(crate) id: TeamId,
    /// The site.
    site_id: SiteId,
    /// The department it belongs to. Null for a team across departments.
    department_id: Option<DepartmentId>,
    /// Its name.
    name: String,
    /// What it is there for.
    description: Option<String>,
    /// Grows by one with each change, also of who is in it; `updateTeam` takes it as `expectedVersion`.
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<team::Model> for Team {
    fn from(row: team::Model) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            department_id: row.department_id,
            name: row.name,
            description: row.description,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

#[ComplexObject]
impl Team {
    /// Who is in it.
    #[graphql(complexity = "10 + child_complexity")]
    async fn members(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
        Ok(ctx.cx().load(InTeam(self.id)).await?.unwrap_or_default())
    }
}

/// The people of a department.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct InDepartment(DepartmentId);
/// The people of a team.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct InTeam(TeamId);

/// Puts people in the place of their ids.
async fn people<K: Copy + Eq + std::hash::Hash>(
    batch: &Batch,
    found: HashMap<K, Vec<UserId>>,
) -> Result<HashMap<K, Vec<User>>> {
    let ids = found.values().flatten().copied().collect();
    let users = accounts::users_by_ids(&batch.0, ids).await?;
    let of = |ids: Vec<UserId>| ids.iter().filter_map(|id| users.get(id).cloned()).collect();
    Ok(found.into_iter().map(|(key, ids)| (key, of(ids))).collect())
}

impl Loader<InDepartment> for Batch {
    type Value = Vec<User>;
    type Error = Error;
    async fn load(&self, keys: &[InDepartment]) -> Result<HashMap<InDepartment, Vec<User>>> {
        let found = store::in_departments(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        people(self, found.into_iter().map(|(id, ids)| (InDepartment(id), ids)).collect()).await
    }
}

impl Loader<InTeam> for Batch {
    type Value = Vec<User>;
    type Error = Error;
    async fn load(&self, keys: &[InTeam]) -> Result<HashMap<InTeam, Vec<User>>> {
        let found = store::in_teams(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        people(self, found.into_iter().map(|(id, ids)| (InTeam(id), ids)).collect()).await
    }
}

/// A new department.
#[derive(Debug, InputObject)]
struct CreateDepartmentInput {
    /// The site.
    site_id: SiteId,
    /// Its name, up to 120 characters; no two of a site have the same.
    name: String,
    /// What it is there for, up to 1,000 characters.
    description: Option<String>,
    /// Who works there: members of the site, at most 1,000.
    #[graphql(default)]
    member_ids: Vec<UserId>,
    /// Your own id of the department, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same department and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// The new department.
#[derive(SimpleObject)]
struct CreateDepartmentPayload {
    /// The department.
    department: Department,
}

/// What to change of a department. What is left out stays.
#[derive(Debug, InputObject)]
struct UpdateDepartmentInput {
    /// The department.
    department_id: DepartmentId,
    /// A new name, up to 120 characters.
    name: Option<String>,
    /// What it is there for, up to 1,000 characters; null for nothing.
    description: MaybeUndefined<String>,
    /// The whole new list of who works there.
    member_ids: Option<Vec<UserId>>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the department since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// The changed department.
#[derive(SimpleObject)]
struct UpdateDepartmentPayload {
    /// The department as it is now.
    department: Department,
}

/// Which department goes.
#[derive(Debug, InputObject)]
struct DeleteDepartmentInput {
    /// The department.
    department_id: DepartmentId,
}

/// The department that went.
#[derive(SimpleObject)]
struct DeleteDepartmentPayload {
    /// Its id.
    department_id: DepartmentId,
}

/// A new team.
#[derive(Debug, InputObject)]
struct CreateTeamInput {
    /// The site.
    site_id: SiteId,
    /// The department it belongs to; none for a team across departments.
    department_id: Option<DepartmentId>,
    /// Its name, up to 120 characters; no two of a site have the same.
    name: String,
    /// What it is there for, up to 1,000 characters.
    description: Option<String>,
    /// Who is in it: members of the site, at most 1,000.
    #[graphql(default)]
    member_ids: Vec<UserId>,
    /// Your own id of the team, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// gives the same team and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// The new team.
#[derive(SimpleObject)]
struct CreateTeamPayload {
    /// The team.
    team: Team,
}

/// What to change of a team. What is left out stays.
#[derive(Debug, InputObject)]
struct UpdateTeamInput {
    /// The team.
    team_id: TeamId,
    /// A new name, up to 120 characters.
    name: Option<String>,
    /// What it is there for, up to 1,000 characters; null for nothing.
    description: MaybeUndefined<String>,
    /// The whole new list of who is in it.
    member_ids: Option<Vec<UserId>>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the team since; without
    /// it, the last change counts.
    expected_version: Option<i32>,
}

/// The changed team.
#[derive(SimpleObject)]
struct UpdateTeamPayload {
    /// The team as it is now.
    team: Team,
}

/// Which team goes.
#[derive(Debug, InputObject)]
struct DeleteTeamInput {
    /// The team.
    team_id: TeamId,
}

/// The team that went.
#[derive(SimpleObject)]
struct DeleteTeamPayload {
    /// Its id.
    team_id: TeamId,
}

/// `null` clears, left out stays.
fn changed(text: MaybeUndefined<String>) -> Option<Option<String>> {
    match text {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

/// Changes to departments and teams.
#[derive(Default)]
pub struct UnitsMutation;

#[Object]
impl UnitsMutation {
    /// Makes a department. For admins of the site.
    async fn create_department(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The department.")] input: CreateDepartmentInput,
    ) -> Result<CreateDepartmentPayload> {
        let once = Once::new(ctx.cx(), "createDepartment", input.client_id, &input);
        let unit =
            Unit { name: Some(input.name), description: Some(input.description), members: Some(input.member_ids) };
        let row = units::create_department(ctx.cx(), input.site_id, unit, &once).await?;
        Ok(CreateDepartmentPayload { department: row.into() })
    }

    /// Changes a department. For admins of the site.
    async fn update_department(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what.")] input: UpdateDepartmentInput,
    ) -> Result<UpdateDepartmentPayload> {
        let unit = Unit { name: input.name, description: changed(input.description), members: input.member_ids };
        let row = units::update_department(ctx.cx(), input.department_id, input.expected_version, unit).await?;
        Ok(UpdateDepartmentPayload { department: row.into() })
    }

    /// Deletes a department, its teams and its calendar; its people stay members of the site. For admins of the site.
    async fn delete_department(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteDepartmentInput,
    ) -> Result<DeleteDepartmentPayload> {
        let department_id = units::delete_department(ctx.cx(), input.department_id).await?;
        Ok(DeleteDepartmentPayload { department_id })
    }

    /// Makes a team. For admins of the site.
    async fn create_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team.")] input: CreateTeamInput,
    ) -> Result<CreateTeamPayload> {
        let once = Once::new(ctx.cx(), "createTeam", input.client_id, &input);
        let unit =
            Unit { name: Some(input.name), description: Some(input.description), members: Some(input.member_ids) };
        let row = units::create_team(ctx.cx(), input.site_id, input.department_id, unit, &once).await?;
        Ok(CreateTeamPayload { team: row.into() })
    }

    /// Changes a team. For admins of the site.
    async fn update_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what.")] input: UpdateTeamInput,
    ) -> Result<UpdateTeamPayload> {
        let unit = Unit { name: input.name, description: changed(input.description), members: input.member_ids };
        Ok(UpdateTeamPayload {
            team: units::update_team(ctx.cx(), input.team_id, input.expected_version, unit).await?.into(),
        })
    }

    /// Deletes a team; its people stay members of the site. For admins of the site.
    async fn delete_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteTeamInput,
    ) -> Result<DeleteTeamPayload> {
        Ok(DeleteTeamPayload { team_id: units::delete_team(ctx.cx(), input.team_id).await? })
    }
}

/// Questions about departments and teams.
#[derive(Default)]
pub struct UnitsQuery;

#[Object]
impl UnitsQuery {
    /// The departments of a site, oldest first, for members of the site.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn departments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Department>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::SitesRead, site_id)?;
        let page = store::list_departments(&cx.db(), &reach, site_id, &paging).await?;
        let place = |row: &department::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Department::from, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            async move { store::count_departments(&cx.db(), &reach, site_id).await }.boxed()
        }))
    }

    /// The teams of a site, oldest first, for members of the site.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Team>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::SitesRead, site_id)?;
        let page = store::list_teams(&cx.db(), &reach, site_id, &paging).await?;
        let place = |row: &team::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Team::from, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            async move { store::count_teams(&cx.db(), &reach, site_id).await }.boxed()
        }))
    }
}
