//! A person with an account.

use sea_orm::entity::prelude::*;

use crate::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// Lower-cased; unique.
    pub email: String,
    pub name: String,
    /// An `https` address, or a path on the page that shows it.
    #[sea_orm(column_type = "Text", nullable)]
    pub avatar_url: Option<String>,
    /// Rises when what others see of the person changes.
    pub version: i32,
    /// argon2id, PHC string.
    pub password_hash: String,
    /// May do everything on every site.
    pub superadmin: bool,
    /// Credits that were ever granted.
    pub credits_granted: i32,
    /// Credits that are left.
    pub credits_left: i32,
    pub created_at: DateTimeUtc,
    pub last_login_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
