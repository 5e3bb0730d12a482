//! What can happen to a site and its members. Ids and settings only: addresses and names are not history.

use ::entity::{
    ids::{InvitationId, UserId},
    membership::Role,
};
use serde::{Deserialize, Serialize};

use crate::kernel::{journal::Line, tx::Fact};

/// Something that happened to a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SiteFact {
    /// The site was made.
    Created {
        /// Whose private space it is, if it is one.
        owner: Option<UserId>,
    },
    /// Settings were changed.
    Updated {
        /// Their names.
        changed: Vec<String>,
    },
    /// The public key was replaced.
    KeyRotated,
    /// Somebody was invited.
    MemberInvited {
        /// The invitation.
        invitation: InvitationId,
        /// To be what.
        role: Role,
    },
    /// An invitation was taken back.
    InvitationRevoked {
        /// The invitation.
        invitation: InvitationId,
    },
    /// Somebody became a member.
    MemberJoined {
        /// Who.
        user: UserId,
        /// As what.
        role: Role,
    },
    /// A member's role was changed.
    MemberRoleChanged {
        /// Whose.
        user: UserId,
        /// Before.
        from: Role,
        /// Since then.
        to: Role,
    },
    /// A member left or was removed.
    MemberRemoved {
        /// Who.
        user: UserId,
    },
}

impl Fact for SiteFact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "site.created",
            Self::Updated { .. } => "site.updated",
            Self::KeyRotated => "site.key_rotated",
            Self::MemberInvited { .. } => "member.invited",
            Self::InvitationRevoked { .. } => "member.invitation_revoked",
            Self::MemberJoined { .. } => "member.joined",
            Self::MemberRoleChanged { .. } => "member.role_changed",
            Self::MemberRemoved { .. } => "member.removed",
        }
    }
}

impl SiteFact {
    /// Reads a journal line; `None` for another feature's.
    pub fn read(line: &Line) -> Option<Self> {
        serde_json::from_str(&line.payload).ok().filter(|fact: &Self| fact.kind() == line.kind)
    }
}
