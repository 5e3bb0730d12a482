//! Changes to departments and teams. Both are names for some members of a site.

use ::entity::{
    department,
    ids::{DepartmentId, SiteId, TeamId, UserId},
    team,
};
use exact_index::text::fold;

use super::{facts::AgentFact, store};
use crate::{
    features::sites::{self, reach_to},
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Result, Tx, once, text, versions},
};

const NAME: usize = 120;
const DESCRIPTION: usize = 1_000;
/// Most people of a department or team.
const PEOPLE: usize = 1_000;

/// What a department or team is to be; what is absent stays.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) name: Option<String>,
    /// `Some(None)` clears it.
    pub(super) description: Option<Option<String>>,
    pub(super) members: Option<Vec<UserId>>,
}

struct Checked {
    name: Option<String>,
    description: Option<Option<String>>,
    members: Option<Vec<UserId>>,
    /// The members as they were given.
    given: Vec<UserId>,
}

impl Unit {
    fn check(self) -> Result<Checked> {
        let name = self.name.map(|name| text::line("input.name", &name, NAME)).transpose()?;
        let described = |text: Option<String>| match text.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => text::longer("input.description", text, DESCRIPTION).map(Some),
        };
        let description = self.description.map(described).transpose()?;
        let given = self.members.clone().unwrap_or_default();
        let members = self.members.map(|mut members| {
            members.sort();
            members.dedup();
            members
        });
        if members.as_ref().is_some_and(|members| members.len() > PEOPLE) {
            let message = format!("`input.memberIds` has more than {PEOPLE} people; give fewer.");
            return Err(Error::bad_input("input.memberIds", ErrorReason::TooLong, message));
        }
        Ok(Checked { name, description, members, given })
    }
}

/// All of them must be members of the site.
async fn known(tx: &Tx, site: SiteId, members: &[UserId], given: &[UserId]) -> Result<()> {
    let strangers = store::strangers(&tx.db(), site, members).await?;
    match given.iter().position(|user| strangers.contains(user)) {
        None => Ok(()),
        Some(place) => {
            let message = format!("`{}` is no member of the site; invite them first.", given[place]);
            Err(Error::bad_input("input.memberIds", ErrorReason::NotMember, message).in_entry("input.memberIds", place))
        }
    }
}

/// Two of a site may not have the same name.
fn taken(error: Error) -> Error {
    if error.unique_violation() {
        let message = "The site already has one with this name; choose another name.";
        Error::conflict(ErrorReason::NameTaken, message).at("input.name")
    } else {
        error
    }
}

pub(super) async fn create_department(cx: &Ctx, site: SiteId, unit: Unit, once: &Once) -> Result<department::Model> {
    let reach = sites::reach_in(cx, Permission::MembersManage, site)?;
    let Checked { name, description, members, given } = unit.check()?;
    let name = name.unwrap_or_default();
    let row = department::Model {
        id: cx.id(DepartmentId),
        site_id: site,
        folded: fold(&name),
        name,
        description: description.flatten(),
        version: 1,
        created_at: cx.clock.now(),
    };
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, row.id.0).await? {
        return once::again(store::department(&tx.db(), &reach, DepartmentId(made)).await);
    }
    store::insert_department(&tx.db(), row.clone()).await.map_err(taken)?;
    if let Some(members) = members {
        known(&tx, site, &members, &given).await?;
        store::set_department_members(&tx.db(), (site, row.id), &members).await?;
    }
    tx.record(site, row.id.0, &AgentFact::DepartmentSaved { department: row.id })?;
    tx.commit().await?;
    Ok(row)
}

pub(super) async fn update_department(
    cx: &Ctx,
    id: DepartmentId,
    expected: Option<i32>,
    unit: Unit,
) -> Result<department::Model> {
    let seen = store::department(&cx.db(), &reach_to(cx, Permission::SitesRead, "department")?, id).await?;
    let reach = sites::reach_in(cx, Permission::MembersManage, seen.site_id)?;
    let Checked { name, description, members, given } = unit.check()?;
    let mut tx = cx.begin().await?;
    let row = store::department_for_update(&tx.db(), &reach, id).await?;
    versions::check(row.version, expected)?;
    let name = name.unwrap_or(row.name);
    let description = description.unwrap_or(row.description);
    let row = department::Model { folded: fold(&name), name, description, version: row.version + 1, ..row };
    store::save_department(&tx.db(), row.clone()).await.map_err(taken)?;
    if let Some(members) = members {
        known(&tx, row.site_id, &members, &given).await?;
        store::set_department_members(&tx.db(), (row.site_id, id), &members).await?;
    }
    tx.record(row.site_id, id.0, &AgentFact::DepartmentSaved { department: id })?;
    tx.commit().await?;
    Ok(row)
}

pub(super) async fn delete_department(cx: &Ctx, id: DepartmentId) -> Result<DepartmentId> {
    let seen = store::department(&cx.db(), &reach_to(cx, Permission::SitesRead, "department")?, id).await?;
    let reach = sites::reach_in(cx, Permission::MembersManage, seen.site_id)?;
    let mut tx = cx.begin().await?;
    let row = store::department_for_update(&tx.db(), &reach, id).await?;
    store::delete_department(&tx.db(), id).await?;
    tx.record(row.site_id, id.0, &AgentFact::DepartmentDeleted { department: id })?;
    tx.commit().await?;
    Ok(id)
}

pub(super) async fn create_team(
    cx: &Ctx,
    site: SiteId,
    department: Option<DepartmentId>,
    unit: Unit,
    once: &Once,
) -> Result<team::Model> {
    let reach = sites::reach_in(cx, Permission::MembersManage, site)?;
    let Checked { name, description, members, given } = unit.check()?;
    let name = name.unwrap_or_default();
    let row = team::Model {
        id: cx.id(TeamId),
        site_id: site,
        department_id: department,
        folded: fold(&name),
        name,
        description: description.flatten(),
        version: 1,
        created_at: cx.clock.now(),
    };
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, row.id.0).await? {
        return once::again(store::team(&tx.db(), &reach, TeamId(made)).await);
    }
    if let Some(department) = department {
        let found = store::department(&tx.db(), &reach, department).await;
        found.map_err(|error| error.at("input.departmentId"))?;
    }
    store::insert_team(&tx.db(), row.clone()).await.map_err(taken)?;
    if let Some(members) = members {
        known(&tx, site, &members, &given).await?;
        store::set_team_members(&tx.db(), (site, row.id), &members).await?;
    }
    tx.record(site, row.id.0, &AgentFact::TeamSaved { team: row.id })?;
    tx.commit().await?;
    Ok(row)
}

pub(super) async fn update_team(cx: &Ctx, id: TeamId, expected: Option<i32>, unit: Unit) -> Result<team::Model> {
    let staff = reach_to(cx, Permission::SitesRead, "team")?;
    let Checked { name, description, members, given } = unit.check()?;
    let mut tx = cx.begin().await?;
    let row = store::team_for_update(&tx.db(), &staff, id).await?;
    sites::reach_in(cx, Permission::MembersManage, row.site_id)?;
    versions::check(row.version, expected)?;
    let name = name.unwrap_or(row.name);
    let description = description.unwrap_or(row.description);
    let row = team::Model { folded: fold(&name), name, description, version: row.version + 1, ..row };
    store::save_team(&tx.db(), row.clone()).await.map_err(taken)?;
    if let Some(members) = members {
        known(&tx, row.site_id, &members, &given).await?;
        store::set_team_members(&tx.db(), (row.site_id, id), &members).await?;
    }
    tx.record(row.site_id, id.0, &AgentFact::TeamSaved { team: id })?;
    tx.commit().await?;
    Ok(row)
}

pub(super) async fn delete_team(cx: &Ctx, id: TeamId) -> Result<TeamId> {
    let staff = reach_to(cx, Permission::SitesRead, "team")?;
    let mut tx = cx.begin().await?;
    let row = store::team_for_update(&tx.db(), &staff, id).await?;
    sites::reach_in(cx, Permission::MembersManage, row.site_id)?;
    store::delete_team(&tx.db(), id).await?;
    tx.record(row.site_id, id.0, &AgentFact::TeamDeleted { team: id })?;
    tx.commit().await?;
    Ok(id)
}
