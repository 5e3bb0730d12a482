//! A conversation that waits in the queue. The row is there exactly as long as it waits.

use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    agent_profile::Skill,
    ids::{ConversationId, DepartmentId, SiteId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: ConversationId,
    pub site_id: SiteId,
    /// When the visitor began to wait; decides about the place.
    pub entered_at: DateTimeUtc,
    /// Points of priority at the beginning, above those that waiting brings.
    pub head_start: i32,
    /// When it has waited long enough.
    pub deadline_at: DateTimeUtc,
    /// What kind of agent it needs.
    #[sea_orm(column_type = "JsonBinary")]
    pub demand: Demand,
    /// The department outside of which nobody may get it: those who wait for one make a line of their own.
    pub line: Option<DepartmentId>,
    /// While the visitor watches their place: until when they count as there. Null when they never watched.
    pub seen_until: Option<DateTimeUtc>,
    /// To whom it is offered.
    pub offered_to: Option<UserId>,
    /// Until when they may accept.
    pub offer_expires_at: Option<DateTimeUtc>,
    /// Who declined it, or let an offer pass, in this round.
    #[sea_orm(column_type = "JsonBinary")]
    pub declined: Users,
}

/// People.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Users(pub Vec<UserId>);

/// What kind of agent a conversation needs, as the site's rules said when it entered the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Demand {
    /// How one is chosen.
    pub strategy: Strategy,
    /// The department that is asked for.
    pub department: Option<DepartmentId>,
    /// Nobody outside of the department may get it.
    #[serde(default)]
    pub strict: bool,
    /// Skills asked for, with the lowest level that will do.
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// The visitor's language, a tag like `tr`.
    pub language: Option<String>,
    /// Who had it before and gets it back if they can.
    pub preferred: Option<UserId>,
    /// Which version of the site's rules said so; 0 before there were any.
    pub rules_version: i32,
    /// The name of the rule that said so; none when none fitted.
    pub rule: Option<String>,
}

/// How an agent is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, async_graphql::Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "RoutingStrategy")]
pub enum Strategy {
    /// One after the other.
    RoundRobin,
    /// The one with the lowest load: `active / max * 100 + offered * 10`.
    #[default]
    LeastBusy,
    /// The one whose skills fit best: `0.7 * match + 0.3 * (100 - load) / 100`; none without any fitting skill. Where no
    /// skills are asked for, the least busy.
    SkillBased,
    /// The least busy of a department, else of all.
    Department,
    /// For important visitors: the highest priority level, then the best mean rating, then the least busy.
    VipPriority,
    /// The least busy of those who speak the visitor's language, else English, else the site's language, else of all.
    Language,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
