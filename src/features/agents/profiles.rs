//! Changes to what an agent can do.

use ::entity::{
    agent_profile,
    ids::{SiteId, UserId},
};

use super::{
    facts::AgentFact,
    model::{self, ProfileChanges},
    presence, store,
};
use crate::{
    features::sites,
    kernel::{Ctx, Error, Permission, Result, versions},
};

/// Changes what a member of a site can do there.
///
/// # Errors
/// `NOT_FOUND` for who is no member; `BAD_USER_INPUT` naming the field and its limit; `CONFLICT` with
/// `VERSION_CONFLICT` when somebody else was faster.
pub(super) async fn change(
    cx: &Ctx,
    site: SiteId,
    user: UserId,
    expected: Option<i32>,
    changes: ProfileChanges,
) -> Result<agent_profile::Model> {
    sites::reach_in(cx, Permission::MembersManage, site)?;
    let mut tx = cx.begin().await?;
    if !presence::store::lock(&tx.db(), site, user).await? {
        return Err(Error::not_found("agent"));
    }
    let known = store::profiles(&tx.db(), site, &[user]).await?.remove(&user);
    let before = known.unwrap_or_else(|| model::usual(site, user));
    versions::check(before.version, expected)?;
    let mut after = model::changed(before.clone(), changes)?;
    if after != before {
        after.version += 1;
        store::put_profile(&tx.db(), after.clone()).await?;
        tx.record(site, user.0, &AgentFact::ProfileChanged { user })?;
        tx.commit().await?;
    }
    Ok(after)
}
