//! Conversations that agents take, accept, decline and hand over.

use ::entity::{
    conversation::{self, Status},
    ids::{ConversationId, DepartmentId, UserId},
    message::{Audience, AuthorKind},
    queue_entry,
};

use super::{
    agents as loaded,
    choice::Agent,
    enter::{Wishes, enter_in},
    facts::RoutingFact,
    store,
};
use crate::{
    features::{
        accounts,
        agents::{self, Whom},
        conversations::{self, Author, Event, Posting, Release, State, change_in},
        sites,
    },
    kernel::{Ctx, Error, ErrorReason, Permission, Result, Tx, text},
};

/// A conversation that the caller works with as a member of its site, locked together with its site's turn.
async fn locked(cx: &Ctx, tx: &Tx, id: ConversationId) -> Result<(conversation::Model, UserId)> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let seen = conversations::find(&tx.db(), &reach, id).await?;
    conversations::may(&cx.actor, Permission::ConversationsWork, &seen)?;
    let user = accounts::signed_in(&cx.actor)?.user;
    store::lock_turn(&tx.db(), seen.site_id).await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    is_open(&found)?;
    // A superadmin may see everything, and is no agent of the site.
    if !sites::is_member(&tx.db(), found.site_id, user).await? {
        return Err(Error::forbidden());
    }
    Ok((found, user))
}

/// An agent of a site as they are now.
async fn agent(tx: &Tx, found: &conversation::Model, user: UserId) -> Result<Option<Agent>> {
    let cx = tx.cx().clone();
    let entries = store::waiting(&tx.db(), found.site_id).await?;
    Ok(loaded::load(&cx, &tx.db(), found.site_id, Whom::These(&[user]), &entries).await?.pop())
}

/// Accepts an offer.
///
/// # Errors
/// `CONFLICT` with `OFFER_OVER` when it is not, or no longer, offered to the caller.
pub(super) async fn accept(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let mut tx = cx.begin().await?;
    let (found, user) = locked(cx, &tx, id).await?;
    mine(cx, store::entry(&tx.db(), id).await?, user)?;
    let accepted = change_in(&mut tx, found, Event::Given(user), cx.actor.id()).await?;
    tx.commit().await?;
    Ok(accepted)
}

/// Declines an offer: the next agent gets it.
pub(super) async fn decline(cx: &Ctx, id: ConversationId) -> Result<conversation::Model> {
    let mut tx = cx.begin().await?;
    let (found, user) = locked(cx, &tx, id).await?;
    let entry = mine(cx, store::entry(&tx.db(), id).await?, user)?;
    store::save_offer(&tx.db(), &store::declined(entry, user)).await?;
    tx.record(found.site_id, user.0, &RoutingFact::Declined { conversation: id, user })?;
    tx.commit().await?;
    Ok(found)
}

/// The wait whose offer is the caller's.
fn mine(cx: &Ctx, entry: Option<queue_entry::Model>, user: UserId) -> Result<queue_entry::Model> {
    let now = cx.clock.now();
    let fits = |entry: &queue_entry::Model| {
        entry.offered_to == Some(user) && entry.offer_expires_at.is_some_and(|until| now < until)
    };
    entry.filter(fits).ok_or_else(|| {
        let message = "This conversation is not, or no longer, offered to you. If it still waits, take it with \
                       `takeConversation`.";
        Error::conflict(ErrorReason::OfferOver, message)
    })
}

/// Takes a conversation: one that waits, one of the assistant's, or with `take_over` one of another agent.
///
/// # Errors
/// `CONFLICT` with `AT_CAPACITY` and with `ALREADY_ASSIGNED`.
pub(super) async fn take(cx: &Ctx, id: ConversationId, take_over: bool) -> Result<conversation::Model> {
    let mut tx = cx.begin().await?;
    let (found, user) = locked(cx, &tx, id).await?;
    let has = if let State::Person { agent, .. } = State::of(&found) { Some(agent) } else { None };
    if has == Some(user) {
        return Ok(found);
    }
    if has.is_some() && !take_over {
        let message = "Somebody else has this conversation; take it from them with `takeOver: true`.";
        return Err(Error::conflict(ErrorReason::AlreadyAssigned, message).at("input.takeOver"));
    }
    let me = agent(&tx, &found, user).await?;
    // An offer of this very conversation takes no room of its own.
    let offered = store::entry(&tx.db(), id).await?.is_some_and(|entry| entry.offered_to == Some(user));
    if me.as_ref().is_none_or(|me| me.active + me.offered.saturating_sub(offered.into()) >= me.max) {
        let max = me.map_or(0, |me| me.max);
        let message = format!(
            "You have as many conversations as you may have ({max}); close one, or have an admin raise `maxChats` \
             (`updateAgent`) or assign it to you (`assignConversation`)."
        );
        return Err(Error::conflict(ErrorReason::AtCapacity, message));
    }
    let taken = change_in(&mut tx, found, Event::Given(user), cx.actor.id()).await?;
    tx.commit().await?;
    Ok(taken)
}

/// To whom a conversation is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Agent(UserId),
    Department(DepartmentId),
    Queue,
}

/// Most characters of a note on it.
const NOTE_MAX: usize = 2_000;

/// Hands a conversation over, with a note for members of the site.
///
/// # Errors
/// `BAD_USER_INPUT` for an agent or a department that is not the site's; `CONFLICT` with `AGENT_NOT_AVAILABLE`.
pub(super) async fn transfer(
    cx: &Ctx,
    id: ConversationId,
    target: Target,
    note: Option<&str>,
) -> Result<conversation::Model> {
    let note = match note.map(str::trim) {
        None | Some("") => None,
        Some(note) => Some(text::longer("input.note", note, NOTE_MAX)?),
    };
    let mut tx = cx.begin().await?;
    let (found, user) = locked(cx, &tx, id).await?;
    let site = found.site_id;
    if let Some(note) = note {
        let me = Author { kind: AuthorKind::Agent, id: Some(user.0) };
        let note = Posting { actor: cx.actor.id(), ..Posting::by(me, id, Audience::Staff, note) };
        conversations::post_in(&mut tx, site, &note).await?;
    }
    let reach = cx.reach(Permission::ConversationsRead)?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    match target {
        Target::Agent(to) => {
            let other = agent(&tx, &found, to).await?.ok_or_else(|| {
                let message = "Nobody with that id is a member of the conversation's site.";
                Error::bad_input("input.to.agentId", ErrorReason::NotMember, message)
            })?;
            if !matches!(State::of(&found), State::Person { agent, .. } if agent == to) && !other.is_eligible() {
                let message = "They are offline, do not get new conversations at the moment, or have as many as they \
                               may have; hand it to their department or the queue, or assign it all the same with \
                               `assignConversation`.";
                return Err(Error::conflict(ErrorReason::AgentNotAvailable, message).at("input.to.agentId"));
            }
            change_in(&mut tx, found, Event::Given(to), cx.actor.id()).await?;
        }
        Target::Department(department) => {
            let known = agents::department_of(&tx.db(), site, department).await;
            known.map_err(|error| error.at("input.to.departmentId"))?;
            Box::pin(wait_in(&mut tx, found, Some(department), user)).await?;
        }
        Target::Queue => Box::pin(wait_in(&mut tx, found, None, user)).await?,
    }
    let handed = conversations::find(&tx.db(), &reach, id).await?;
    tx.commit().await?;
    Ok(handed)
}

/// The visitor waits, where they waited before; whoever hands them over does not get them back.
async fn wait_in(tx: &mut Tx, found: conversation::Model, department: Option<DepartmentId>, by: UserId) -> Result<()> {
    let id = found.id;
    let actor = tx.cx().actor.id();
    change_in(tx, found, Event::Released(Release::Transferred(department)), actor).await?;
    enter_in(tx, id, Wishes { without: Some(by), ..Wishes::default() }).await?;
    Ok(())
}

/// Gives a conversation to a member of its site, or to nobody. Where the member is not there, the visitor waits, and it is
/// theirs when they come, unless somebody else is free before.
///
/// # Errors
/// `BAD_USER_INPUT` with `NOT_MEMBER`.
pub(super) async fn assign(cx: &Ctx, id: ConversationId, assignee: Option<UserId>) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsRead)?;
    let mut tx = cx.begin().await?;
    let seen = conversations::find(&tx.db(), &reach, id).await?;
    conversations::may(&cx.actor, Permission::ConversationsWork, &seen)?;
    store::lock_turn(&tx.db(), seen.site_id).await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    let event = match assignee {
        Some(user) => {
            if !sites::is_member(&tx.db(), found.site_id, user).await? {
                let message = "Nobody with that id is a member of the conversation's site.";
                return Err(Error::bad_input("input.assigneeId", ErrorReason::NotMember, message));
            }
            // Whoever does this is there. A closed conversation is theirs once it is opened again.
            let waits_for_nobody = found.status == Status::Closed || cx.actor.user() == Some(user);
            match waits_for_nobody || sites::is_there(&tx.db(), found.site_id, user).await? {
                true => Event::Given(user),
                false => Event::Released(Release::MeantFor(user)),
            }
        }
        None => match State::of(&found) {
            State::Person { .. } | State::Waiting { meant_for: Some(_), .. } | State::Closed { .. } => {
                Event::Released(Release::Unassigned)
            }
            State::Assistant { .. } | State::Waiting { meant_for: None, .. } => return Ok(found),
        },
    };
    let assigned = change_in(&mut tx, found, event, cx.actor.id()).await?;
    tx.commit().await?;
    Ok(assigned)
}

fn is_open(found: &conversation::Model) -> Result<()> {
    if found.status == Status::Open {
        return Ok(());
    }
    Err(Error::conflict(ErrorReason::ConversationClosed, "The conversation is closed; reopen it first."))
}
