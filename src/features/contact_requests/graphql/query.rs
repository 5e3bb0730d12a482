//! Finding contact requests.

use ::entity::{
    contact_request::{self, Kind, Status},
    ids::{DepartmentId, SiteId, UserId},
};
use async_graphql::{Context, InputObject, Object};
use futures_util::FutureExt;

use super::{
    super::store::{self, Filter},
    types::ContactRequest,
};
use crate::{
    features::sites::reach_in,
    kernel::{
        CtxExt, Error, ErrorReason, Permission, Result,
        page::{List, Paging, Place},
    },
};

/// Which contact requests a list shows. Conditions that are given must all hold.
#[derive(Clone, Debug, Default, InputObject)]
struct ContactRequestFilter {
    /// Only messages, or only calls.
    kind: Option<Kind>,
    /// Only those that wait, or only those that are done with.
    status: Option<Status>,
    /// Only those given to this person.
    assignee_id: Option<UserId>,
    /// Only those given to nobody. Not together with `assigneeId`.
    unassigned: Option<bool>,
    /// Only those for this department.
    department_id: Option<DepartmentId>,
}

impl ContactRequestFilter {
    fn check(self) -> Result<Filter> {
        if self.assignee_id.is_some() && self.unassigned == Some(true) {
            let message = "Give `assigneeId` or `unassigned`, not both.";
            return Err(Error::bad_input("filter.unassigned", ErrorReason::InvalidCombination, message));
        }
        Ok(Filter {
            kind: self.kind,
            status: self.status,
            assignee: self.assignee_id,
            unassigned: self.unassigned == Some(true),
            department: self.department_id,
        })
    }
}

/// Questions about contact requests.
#[derive(Default)]
pub struct ContactRequestsQuery;

#[Object]
impl ContactRequestsQuery {
    /// The messages that were left on a site and the calls that are wanted, newest first. For members of the site.
    #[expect(clippy::too_many_arguments, reason = "the four Relay arguments and a filter")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn contact_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Which requests; all when left out.")] filter: Option<ContactRequestFilter>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<ContactRequest>> {
        let cx = ctx.cx().clone();
        let reach = reach_in(&cx, Permission::ContactRequestsWork, site_id)?;
        let paging = Paging::new(first, after, last, before)?;
        let filter = filter.unwrap_or_default().check()?;
        let page = store::list(&cx.db(), &reach, site_id, filter, &paging).await?;
        let place = |row: &contact_request::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, ContactRequest, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            async move { store::count(&cx.db(), &reach, site_id, filter).await }.boxed()
        }))
    }
}
