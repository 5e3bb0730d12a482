//! What a member of a site can do as an agent there. Who has no row has the defaults.

use async_graphql::{InputObject, SimpleObject};
use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::ids::{SiteId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_profile")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Most conversations at a time; 0 for none.
    pub max_chats: i32,
    /// Higher is more senior.
    pub priority_level: i32,
    pub accepts_calls: bool,
    /// Tags of the languages they speak (BCP 47).
    #[sea_orm(column_type = "JsonBinary")]
    pub languages: Tags,
    #[sea_orm(column_type = "JsonBinary")]
    pub skills: Skills,
    /// Grows by one with each change.
    pub version: i32,
}

/// Language tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Tags(pub Vec<String>);

/// Skills, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Skills(pub Vec<Skill>);

/// Something an agent can do, and how well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(input_name = "SkillInput")]
pub struct Skill {
    /// Its name, up to 50 characters; in any case, with or without accents, it is the same.
    pub name: String,
    /// From 1 (knows it) to 5 (teaches it).
    pub level: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
