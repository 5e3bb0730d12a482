//! Every write on contact requests.

use ::entity::{
    contact_request::{self, Kind, Status},
    ids::{ContactRequestId, SiteId, UserId, VisitorId},
};
use uuid::Uuid;

use super::{
    facts::ContactRequestFact,
    model::{self, Draft},
    store,
};
use crate::{
    features::{
        agents, conversations,
        sites::{self, reach_to},
        visitors, widgets,
    },
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Reach, Result, Tx, once, quotas, text},
    ports::db::Db,
};

/// Who asks, and whom.
#[derive(Clone, Copy, Debug)]
struct Sender {
    site: SiteId,
    visitor: Option<VisitorId>,
    customer: Option<UserId>,
}

impl Sender {
    fn id(&self) -> Uuid {
        self.visitor.map(|id| id.0).or(self.customer.map(|id| id.0)).unwrap_or_default()
    }
}

/// Sends a request; exactly once for one client id.
///
/// # Errors
/// `BAD_USER_INPUT` for what is wrong with it, `NOT_FOUND` for a site, conversation or department that is not there or not
/// theirs, `CONFLICT` for a client id with other content, `RATE_LIMITED` for too many.
pub(super) async fn send(
    cx: &Ctx,
    site_key: Option<&str>,
    draft: Draft,
    once: &Once,
) -> Result<contact_request::Model> {
    let reach = cx.reach(Permission::ContactRequestsSend)?;
    let draft = draft.tidied()?;
    let sender = sender(cx, &reach, site_key, &draft).await?;
    if let Some(made) = once.made(&cx.db()).await? {
        return sent_before(&cx.db(), made).await;
    }
    check_offered(cx, sender.site, draft.kind).await?;
    draft.check_window(cx.clock.now())?;
    let expenses = [
        quotas::CONTACT_REQUESTS_OF_GUEST.of(sender.id()),
        quotas::CONTACT_REQUESTS_FROM_ADDRESS.by_address(&cx.request),
    ];
    if let Some(made) = once.spend(cx, &expenses).await? {
        return sent_before(&cx.db(), made).await;
    }
    let id = cx.id(ContactRequestId);
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, id.0).await? {
        // The same at the same moment: one request, which counts once.
        quotas::give_back(cx, &expenses).await?;
        return sent_before(&tx.db(), made).await;
    }
    let row = insert_in(&mut tx, sender, id, draft).await?;
    tx.commit().await?;
    Ok(row)
}

/// Visitors leave what their site's widget takes, and in an emergency what its admins left open.
async fn check_offered(cx: &Ctx, site: SiteId, kind: Kind) -> Result<()> {
    match kind {
        Kind::Callback => sites::offered::check(cx, site, |features| features.callbacks, "callbacks").await,
        Kind::Message => {
            sites::offered::check(cx, site, |features| features.tickets, "tickets").await?;
            let emergency = widgets::current_emergency(&cx.db(), site, cx.clock.now()).await?;
            if cx.actor.user().is_some() || emergency.is_none_or(|emergency| emergency.allow_tickets) {
                return Ok(());
            }
            let message = "This site takes no messages while its emergency lasts (`allowTickets` is false).";
            Err(Error::conflict(ErrorReason::FeatureOff, message))
        }
    }
}

/// Visitors ask the site of their session, people with an account the site that they name or that of their conversation.
async fn sender(cx: &Ctx, reach: &Reach, site_key: Option<&str>, draft: &Draft) -> Result<Sender> {
    if let Some((site, visitor)) = reach.visitor() {
        if site_key.is_some() {
            let message = "Leave `siteKey` out: a visitor's request is for the site of their session.";
            return Err(Error::bad_input("input.siteKey", ErrorReason::InvalidCombination, message));
        }
        return Ok(Sender { site, visitor: Some(visitor), customer: None });
    }
    let user = cx.actor.user().ok_or_else(Error::unauthenticated)?;
    let site = match (site_key, draft.conversation) {
        (Some(key), None) => sites::by_key(&cx.db(), key).await.map_err(|error| error.at("input.siteKey"))?.id,
        (None, Some(id)) => {
            let read = cx.reach(Permission::ConversationsRead)?;
            let theirs = conversations::lookup(&cx.db(), &read, id).await?;
            let theirs = theirs.filter(|conversation| conversation.customer_id == Some(user));
            let about = theirs.ok_or_else(|| Error::not_found("conversation of yours").at("input.conversationId"))?;
            if sites::find_any(&cx.db(), about.site_id).await?.owner_id.is_some() {
                let message = "Nobody but you works where this conversation is; there is nobody to ask.";
                return Err(Error::bad_input("input.conversationId", ErrorReason::InvalidCombination, message));
            }
            about.site_id
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "Say which site is asked: give either `siteKey` or `conversationId`.";
            return Err(Error::bad_input("input.siteKey", ErrorReason::InvalidCombination, message));
        }
    };
    Ok(Sender { site, visitor: None, customer: Some(user) })
}

async fn sent_before(db: &Db<'_>, made: Uuid) -> Result<contact_request::Model> {
    store::lookup_sent(db, ContactRequestId(made)).await?.ok_or_else(once::gone)
}

async fn insert_in(tx: &mut Tx, sender: Sender, id: ContactRequestId, draft: Draft) -> Result<contact_request::Model> {
    let (cx, Sender { site, visitor, customer }) = (tx.cx().clone(), sender);
    if let Some(visitor) = visitor {
        visitors::ensure_in(tx, site, visitor).await?;
    }
    // Both stay until this is written.
    if let Some(about) = draft.conversation {
        let read = cx.reach(Permission::ConversationsRead)?;
        let locked = conversations::find_for_update(&tx.db(), &read, about).await;
        locked.map_err(|error| error.at("input.conversationId"))?;
    }
    if let Some(department) = draft.department {
        let locked = agents::lock_department_of(&tx.db(), site, department).await;
        locked.map_err(|error| error.at("input.departmentId"))?;
    }
    let row = contact_request::Model {
        id,
        site_id: site,
        kind: draft.kind,
        status: Status::Open,
        visitor_id: visitor,
        customer_id: customer,
        conversation_id: draft.conversation,
        department_id: draft.department,
        name: draft.name,
        email: draft.email,
        phone: draft.phone,
        body: draft.body,
        earliest_at: draft.earliest_at,
        latest_at: draft.latest_at,
        assignee_id: None,
        created_at: cx.clock.now(),
        resolved_at: None,
        resolved_by: None,
        resolution: None,
    };
    store::insert(&tx.db(), row.clone()).await?;
    tx.record(site, id.0, &ContactRequestFact::Sent { kind: row.kind })?;
    Ok(row)
}

/// Gives a request to a member of its site, or to nobody.
pub(super) async fn assign(cx: &Ctx, id: ContactRequestId, assignee: Option<UserId>) -> Result<contact_request::Model> {
    let reach = reach_to(cx, Permission::ContactRequestsWork, "contact request")?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    if let Some(user) = assignee
        && !sites::is_member(&tx.db(), found.site_id, user).await?
    {
        let message = "Nobody with that id is a member of the request's site.";
        return Err(Error::bad_input("input.assigneeId", ErrorReason::NotMember, message));
    }
    if found.assignee_id == assignee {
        return Ok(found);
    }
    let row = contact_request::Model { assignee_id: assignee, ..found };
    let row = store::save(&tx.db(), row).await?;
    tx.record(row.site_id, id.0, &ContactRequestFact::Assigned { assignee })?;
    tx.commit().await?;
    Ok(row)
}

/// Says that a request is done with. What was said first stays.
pub(super) async fn resolve(
    cx: &Ctx,
    id: ContactRequestId,
    resolution: Option<&str>,
) -> Result<contact_request::Model> {
    let reach = reach_to(cx, Permission::ContactRequestsWork, "contact request")?;
    let resolution = match resolution.map(str::trim).filter(|text| !text.is_empty()) {
        Some(words) => Some(text::longer("input.resolution", words, model::RESOLUTION_MAX)?),
        None => None,
    };
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    if found.status == Status::Resolved {
        return Ok(found);
    }
    let row = contact_request::Model {
        status: Status::Resolved,
        resolved_at: Some(cx.clock.now()),
        resolved_by: cx.actor.user(),
        resolution,
        ..found
    };
    let row = store::save(&tx.db(), row).await?;
    tx.record(row.site_id, id.0, &ContactRequestFact::Resolved)?;
    tx.commit().await?;
    Ok(row)
}

/// Lets a request wait again; what was said of its end is forgotten.
pub(super) async fn reopen(cx: &Ctx, id: ContactRequestId) -> Result<contact_request::Model> {
    let reach = reach_to(cx, Permission::ContactRequestsWork, "contact request")?;
    let mut tx = cx.begin().await?;
    let found = store::find_for_update(&tx.db(), &reach, id).await?;
    if found.status == Status::Open {
        return Ok(found);
    }
    let row = contact_request::Model {
        status: Status::Open,
        resolved_at: None,
        resolved_by: None,
        resolution: None,
        ..found
    };
    let row = store::save(&tx.db(), row).await?;
    tx.record(row.site_id, id.0, &ContactRequestFact::Reopened)?;
    tx.commit().await?;
    Ok(row)
}
