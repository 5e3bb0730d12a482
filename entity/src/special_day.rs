//! A day that differs from an ordinary one, once or each year: a holiday, half a day, other hours.

use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    business_hours::Hours,
    ids::{DepartmentId, SiteId, SpecialDayId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "special_day")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SpecialDayId,
    /// Whose day it is: the id of the site itself, or of a department.
    pub owner_id: Uuid,
    pub site_id: SiteId,
    /// The department whose day it is; null for the site's.
    pub department_id: Option<DepartmentId>,
    /// `2026-10-29`, or `10-29` for each year. Unique for an owner.
    pub falls_on: String,
    /// The day, or the first of those of each year.
    pub date: Date,
    /// It is on the same day of each later year, too.
    pub yearly: bool,
    pub name: String,
    /// What visitors are told.
    pub message: Option<String>,
    pub hours: SpecialHours,
    /// It came from an iCalendar file, and another import may change it.
    pub imported: bool,
    /// Grows by one with each change.
    pub version: i32,
    pub updated_at: DateTimeUtc,
}

/// The hours of a special day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(rename_all = "snake_case")]
pub enum SpecialHours {
    /// None.
    Closed,
    /// Those of its weekday up to this minute.
    ClosedFrom(u16),
    /// These instead of those of its weekday.
    Own(Hours),
    /// Those of its weekday: no special day after all, whatever else falls on it.
    Usual,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
