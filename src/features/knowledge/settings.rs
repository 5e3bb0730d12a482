//! The settings of a site's knowledge: read by its members, changed by its admins.

use ::entity::{ids::SiteId, knowledge_settings};

use super::{
    facts::KnowledgeFact,
    fusion::{self, Changes},
    store,
};
use crate::{
    features::sites::reach_in,
    kernel::{Ctx, Permission, Result, versions},
};

pub(super) async fn read(cx: &Ctx, site: SiteId) -> Result<knowledge_settings::Model> {
    reach_in(cx, Permission::KnowledgeRead, site)?;
    store::settings(&cx.db(), site).await
}

pub(super) async fn update(
    cx: &Ctx,
    site: SiteId,
    expected: Option<i32>,
    changes: Changes,
) -> Result<knowledge_settings::Model> {
    reach_in(cx, Permission::KnowledgeManage, site)?;
    let mut tx = cx.begin().await?;
    // Locks the site's row of the index, so that two changes at once do not undo each other.
    store::next_revision(&tx.db(), site).await?;
    let mut settings = store::settings(&tx.db(), site).await?;
    versions::check(settings.version, expected)?;
    let changed = fusion::change(&mut settings, changes)?;
    if changed.is_empty() {
        return Ok(settings);
    }
    settings.version += 1;
    store::save_settings(&tx.db(), &settings).await?;
    tx.record(site, site.0, &KnowledgeFact::SettingsChanged { changed })?;
    tx.commit().await?;
    Ok(settings)
}
