//! An invitation to become a member of a site.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{InvitationId, SiteId, UserId},
    membership::Role,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    pub site_id: SiteId,
    /// Lower-cased.
    pub email: String,
    pub role: Role,
    /// SHA-256 of the token in the invitation link.
    pub token_hash: Vec<u8>,
    pub invited_by: UserId,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub accepted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
