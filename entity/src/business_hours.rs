//! The hours of a site, or of one of its departments, in an ordinary week. A site without a row is open always, a department
//! has the hours of its site.

use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::ids::{DepartmentId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "business_hours")]
pub struct Model {
    /// Whose hours these are: the id of the site itself, or of a department.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: Uuid,
    pub site_id: SiteId,
    /// The department whose hours these are; null for the site's.
    pub department_id: Option<DepartmentId>,
    /// IANA name of the time zone of the hours; null for the site's.
    pub time_zone: Option<String>,
    pub week: Week,
    /// Grows by one with each change.
    pub version: i32,
    pub updated_at: DateTimeUtc,
}

/// The hours of each weekday, Monday first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Week(pub [Hours; 7]);

/// The hours that begin on one day; without intervals it is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    pub intervals: Vec<Span>,
    /// Parts of the intervals.
    pub breaks: Vec<Span>,
}

/// A part of a day, in minutes since its midnight by the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// 0 to 1439.
    pub from: u16,
    /// 0 to 1440; not after `from` means on the next day.
    pub to: u16,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
