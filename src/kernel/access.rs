//! Who calls, and which rows they may touch. The table of roles and permissions is here and nowhere else.

use std::sync::Arc;

use ::entity::{
    ids::{SessionId, SiteId, UserId, VisitorId},
    membership::Role,
    site,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::error::{Error, Result};

/// Who makes a request or runs a job: everything about them that a decision may depend on. Two that are equal get the
/// same answers, and only they may share the execution of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody is signed in.
    Anonymous,
    /// A person with an account.
    User(Arc<SignedIn>),
    /// An anonymous person on one site.
    Visitor {
        /// The site the token is bound to.
        site: SiteId,
        /// The visitor the token is bound to.
        visitor: VisitorId,
    },
    /// The server itself: jobs and readers.
    System,
}

/// A person with an account and what they are allowed at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// By which sign-in.
    pub session: SessionId,
    /// May do everything everywhere.
    pub superadmin: bool,
    /// Role in each site, sorted by site. Empty for a customer.
    pub memberships: Vec<(SiteId, Role)>,
}

impl SignedIn {
    /// The person's role in a site.
    pub fn role_in(&self, site: SiteId) -> Option<Role> {
        self.memberships.iter().find(|(member_of, _)| *member_of == site).map(|(_, role)| *role)
    }
}

/// What a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See a site's settings and members.
    SitesRead,
    /// Change a site's settings.
    SitesManage,
    /// Invite members, change their role, remove them.
    MembersManage,
    /// See business hours and special days.
    CalendarsRead,
    /// Change business hours and special days.
    CalendarsManage,
    /// See a widget's settings and emergencies.
    WidgetsRead,
    /// Change a widget's settings; begin and end emergencies.
    WidgetsManage,
    /// See visitors.
    VisitorsRead,
    /// Change what is known about oneself as a visitor.
    VisitorsWrite,
    /// Read conversations and their messages.
    ConversationsRead,
    /// Start conversations, write, react, acknowledge.
    ConversationsWrite,
    /// Assign, tag, write internal notes, read histories of edits.
    ConversationsWork,
    /// Use canned responses, and keep own ones.
    CannedResponsesUse,
    /// Write the canned responses of the whole site.
    CannedResponsesManage,
    /// Leave a message, or ask for a call.
    ContactRequestsSend,
    /// See and work on what was left and asked for.
    ContactRequestsWork,
    /// Delete whole conversations.
    ConversationsDelete,
    /// See assistants.
    AssistantsRead,
    /// Make and change assistants.
    AssistantsManage,
    /// Read all articles, drafts and internal ones too; customers those of their private space.
    KnowledgeRead,
    /// Write articles; agents and customers their own only.
    KnowledgeWrite,
    /// Change anybody's articles.
    KnowledgeManage,
    /// See what language models cost.
    SpendingRead,
    /// Say whether a public article helped; visitors those of their site.
    KnowledgeRate,
    /// Be shown articles that fit a message while writing it.
    KnowledgeSuggest,
    /// See how answers and conversations were rated, and what became of drafts.
    FeedbackRead,
    /// Measure assistants, and change what they are measured by.
    EvaluationsManage,
}

/// The kinds of caller that the table tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Member(Role),
    Customer,
    Visitor,
}

/// The table: may such a caller do this *somewhere*? (Where, is the reach.)
fn allows(standing: Standing, permission: Permission) -> bool {
    use Permission::*;
    use Standing::*;
    match permission {
        SitesManage
        | MembersManage
        | CalendarsManage
        | WidgetsManage
        | KnowledgeManage
        | SpendingRead
        | FeedbackRead
        | EvaluationsManage
        | CannedResponsesManage => {
            matches!(standing, Member(Role::Admin))
        }
        SitesRead | CalendarsRead | WidgetsRead | VisitorsRead | ConversationsWork | CannedResponsesUse
        | ContactRequestsWork => {
            matches!(standing, Member(_))
        }
        ConversationsRead | ConversationsWrite | ContactRequestsSend | KnowledgeRate => true,
        ConversationsDelete => matches!(standing, Member(Role::Admin) | Customer),
        AssistantsRead | KnowledgeRead | KnowledgeWrite => matches!(standing, Member(_) | Customer),
        AssistantsManage => matches!(standing, Member(Role::Admin) | Customer),
        VisitorsWrite | KnowledgeSuggest => matches!(standing, Visitor),
    }
}

/// The rows on which a caller may use a permission. Only [`Actor::reach`] makes one, and queries demand one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    everything: bool,
    sites: Vec<SiteId>,
    customer: Option<UserId>,
    visitor: Option<(SiteId, VisitorId)>,
}

impl Actor {
    /// Where the caller has a permission.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when nobody is signed in, `FORBIDDEN` when the caller has the permission nowhere.
    pub fn reach(&self, permission: Permission) -> Result<Reach> {
        let mut reach = Reach { everything: false, sites: vec![], customer: None, visitor: None };
        match self {
            Self::Anonymous => return Err(Error::unauthenticated()),
            Self::System => reach.everything = true,
            Self::User(person) => {
                reach.everything = person.superadmin && permission != Permission::VisitorsWrite;
                reach.sites = person
                    .memberships
                    .iter()
                    .filter(|(_, role)| allows(Standing::Member(*role), permission))
                    .map(|(site, _)| *site)
                    .collect();
                reach.customer = allows(Standing::Customer, permission).then_some(person.user);
            }
            Self::Visitor { site, visitor } => {
                reach.visitor = allows(Standing::Visitor, permission).then_some((*site, *visitor));
            }
        }
        if reach.everything || !reach.sites.is_empty() || reach.customer.is_some() || reach.visitor.is_some() {
            Ok(reach)
        } else {
            Err(Error::forbidden())
        }
    }

    /// The person's id, when it is a person with an account.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User(person) => Some(person.user),
            Self::Anonymous | Self::Visitor { .. } | Self::System => None,
        }
    }

    /// True for a member of the site, for a superadmin and for the server itself.
    pub fn is_staff_of(&self, site: SiteId) -> bool {
        match self {
            Self::User(person) => person.superadmin || person.role_in(site).is_some(),
            Self::System => true,
            Self::Anonymous | Self::Visitor { .. } => false,
        }
    }

    /// Who it is, for the journal.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(person) => Some(person.user.to_string()),
            Self::Visitor { visitor, .. } => Some(visitor.to_string()),
            Self::Anonymous | Self::System => None,
        }
    }
}

impl Reach {
    /// Rows of a table that belongs to a site and to nobody else.
    pub fn site_rows<C: ColumnTrait>(&self, site: C) -> Condition {
        if self.everything {
            return Condition::all();
        }
        Condition::any().add(site.is_in(self.sites.iter().copied()))
    }

    /// Rows that belong to a site and, of these, some to a visitor or to a customer.
    pub fn owned_rows<C: ColumnTrait>(&self, site: C, visitor: Option<C>, customer: Option<C>) -> Condition {
        if self.everything {
            return Condition::all();
        }
        let mut any = Condition::any().add(site.is_in(self.sites.iter().copied()));
        if let (Some(column), Some((of, id))) = (visitor, self.visitor) {
            any = any.add(Condition::all().add(site.eq(of)).add(column.eq(id)));
        }
        if let (Some(column), Some(id)) = (customer, self.customer) {
            any = any.add(column.eq(id));
        }
        any
    }

    /// Rows of a table that belongs to a site, or to the private space of the customer whose own rows are within reach.
    pub fn space_rows<C: ColumnTrait>(&self, site: C) -> Condition {
        let Some(owner) = self.customer.filter(|_| !self.everything) else { return self.site_rows(site) };
        let own = site::Entity::find().filter(site::Column::OwnerId.eq(owner)).select_only().column(site::Column::Id);
        self.site_rows(site).add(site.in_subquery(own.into_query()))
    }

    /// Checks that a whole site is within reach, for what is made in it or listed of it.
    ///
    /// # Errors
    /// `NOT_FOUND`, so that the existence of other sites does not leak.
    pub fn site(&self, site: SiteId) -> Result<SiteId> {
        if self.everything || self.sites.contains(&site) { Ok(site) } else { Err(Error::not_found("site")) }
    }

    /// True when the row of a conversation-like thing is within reach.
    pub fn covers(&self, site: SiteId, visitor: Option<VisitorId>, customer: Option<UserId>) -> bool {
        self.everything
            || self.sites.contains(&site)
            || self.visitor.is_some_and(|own| Some(own) == visitor.map(|id| (site, id)))
            || (self.customer.is_some() && self.customer == customer)
    }

    /// The customer whose own rows are within reach.
    pub fn customer(&self) -> Option<UserId> {
        self.customer
    }

    /// The visitor whose own rows are within reach.
    pub fn visitor(&self) -> Option<(SiteId, VisitorId)> {
        self.visitor
    }
}
