//! Queries on widgets' settings and on emergencies.

use ::entity::{emergency, ids::SiteId, widget_settings};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, sea_query::OnConflict};

use crate::{
    kernel::Result,
    ports::db::{Db, for_update},
};

pub(super) async fn settings(db: &Db<'_>, site: SiteId) -> Result<Option<widget_settings::Model>> {
    Ok(widget_settings::Entity::find_by_id(site).one(db).await?)
}

/// A site's settings, locked; made of `usual` where there are none.
pub(super) async fn settings_for_update(
    db: &Db<'_>,
    usual: widget_settings::Model,
) -> Result<Option<widget_settings::Model>> {
    let site = usual.site_id;
    let keep = OnConflict::column(widget_settings::Column::SiteId).do_nothing().to_owned();
    widget_settings::Entity::insert(usual.into_active_model()).on_conflict(keep).exec_without_returning(db).await?;
    Ok(for_update(widget_settings::Entity::find_by_id(site)).one(db).await?)
}

pub(super) async fn save_settings(db: &Db<'_>, row: widget_settings::Model) -> Result<()> {
    widget_settings::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

pub(super) async fn emergency(db: &Db<'_>, site: SiteId) -> Result<Option<emergency::Model>> {
    Ok(emergency::Entity::find_by_id(site).one(db).await?)
}

/// A site's emergency, locked; made of `usual` where there never was one.
pub(super) async fn emergency_for_update(db: &Db<'_>, usual: emergency::Model) -> Result<Option<emergency::Model>> {
    let site = usual.site_id;
    let keep = OnConflict::column(emergency::Column::SiteId).do_nothing().to_owned();
    emergency::Entity::insert(usual.into_active_model()).on_conflict(keep).exec_without_returning(db).await?;
    Ok(for_update(emergency::Entity::find_by_id(site)).one(db).await?)
}

pub(super) async fn save_emergency(db: &Db<'_>, row: emergency::Model) -> Result<()> {
    emergency::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}
