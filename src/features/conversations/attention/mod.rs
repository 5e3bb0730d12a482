//! Writing what becomes of a conversation: its row, the end of its wait, the facts, and what the visitor is told.

mod texts;

use ::entity::{
    conversation::{self, Attention, QueueOutcome},
    ids::{ConversationId, SiteId, UserId},
    message::{Audience, AuthorKind},
    queue_entry, user,
};
use sea_orm::EntityTrait;

use self::texts::{By, Told, told};
pub(crate) use self::texts::{announcement, is_unannounced, language, locale, noted};
use super::{
    facts::{Attributes, ConversationFact, OfferFact},
    messages::{self, Author, Posting},
    model,
    state::{Event, Release, State, next},
    store,
};
use crate::{
    features::assistants,
    kernel::{Error, Result, Tx},
};

/// Something happens to a conversation that is locked. Returns it as it is then.
///
/// `actor` is who did it, for the journal.
pub(crate) async fn change_in(
    tx: &mut Tx,
    found: conversation::Model,
    event: Event,
    actor: Option<String>,
) -> Result<conversation::Model> {
    let id = found.id;
    let mut changed = change_all_in(tx, vec![(found, event)], actor).await?;
    changed.pop().ok_or_else(|| Error::internal(format!("{id} is changed and gone")))
}

/// Something happens to several conversations of a site, which are locked. What their visitors are told is posted at once.
pub(crate) async fn change_all_in(
    tx: &mut Tx,
    all: Vec<(conversation::Model, Event)>,
    actor: Option<String>,
) -> Result<Vec<conversation::Model>> {
    let mut rows = Vec::with_capacity(all.len());
    let mut told = vec![];
    for (mut row, event) in all {
        // On the heap: nearly everything that happens holds it.
        told.extend(Box::pin(write_in(tx, &mut row, event, actor.clone())).await?);
        rows.push(row);
    }
    if !told.is_empty() {
        messages::post_all_in(tx, &told, &mut rows).await?;
    }
    Ok(rows)
}

/// The same within the transaction that posts messages: the row is changed in place, and the visitor is told by them.
pub(crate) async fn replied_in(
    tx: &mut Tx,
    row: &mut conversation::Model,
    agent: UserId,
    actor: Option<String>,
) -> Result<()> {
    let awaited = match State::of(row).unanswered_since() {
        Some(since) => Some(since),
        // Nobody wished for a person, and one writes for the first time: what was written first tells.
        None if row.replied_at.is_none() => messages::first_asked(&tx.db(), row.id).await?,
        None => None,
    };
    if awaited.is_some() {
        (row.reply_awaited_at, row.replied_at) = (awaited, Some(tx.cx().clock.now()));
        store::save_reply(&tx.db(), row).await?;
    }
    write_in(tx, row, Event::Replied(agent), actor).await.map(drop)
}

/// Writes everything but the message, which it returns.
async fn write_in(
    tx: &mut Tx,
    row: &mut conversation::Model,
    event: Event,
    actor: Option<String>,
) -> Result<Option<Posting>> {
    let now = tx.cx().clock.now();
    let before = State::of(row);
    let after = next(&before, event, now);
    let department =
        if let Event::Released(Release::Transferred(department)) = event { Some(department) } else { None };
    if before == after && department.is_none_or(|department| department == row.department_id) {
        return Ok(None);
    }
    let (site, id, by) = (row.site_id, row.id, by(tx, row));
    let earlier = store::attributes(tx, row).await?;
    // Help changes nothing about the place in line.
    if row.attention == Attention::Waiting
        && !matches!(event, Event::Helped(_))
        && leave_in(tx, site, id, taker(event), actor.as_ref()).await?
    {
        let outcome = outcome(event, &after);
        if outcome != QueueOutcome::Moved {
            (row.queue_outcome, row.queue_left_at) = (Some(outcome), Some(now));
        }
        tx.record_by(actor.clone(), site, id.0, &ConversationFact::QueueLeft { outcome })?;
    }
    after.put(row);
    if let Some(department) = department {
        row.department_id = department;
    }
    if matches!(event, Event::Resumed(_) | Event::Helped(true)) {
        row.waited_seq = row.last_seq;
    }
    match event {
        Event::Reopened { .. } => {
            (row.opened_seq, row.closed_at) = (row.last_seq, None);
            row.open_key = row.visitor_id.map(|visitor| model::open_key(visitor, row.assistant_id));
        }
        Event::Closed(_) => (row.open_key, row.closed_at) = (None, Some(now)),
        // An agent has read what was asked until now.
        Event::Resumed(QueueOutcome::Assistant) | Event::Helped(true) if by.is_staff() => {
            row.resumed_seq = row.last_seq;
        }
        Event::Requested { .. }
        | Event::Released(_)
        | Event::Given(_)
        | Event::Replied(_)
        | Event::Resumed(_)
        | Event::Helped(_)
        | Event::Offered => {}
    }
    store::save_attention(&tx.db(), row).await?;
    let later = Attributes { tags: earlier.tags.clone(), ..Attributes::of(row, vec![]) };
    for fact in facts(&before, event, &after, earlier, later, by.is_staff()) {
        tx.record_by(actor.clone(), site, id.0, &fact)?;
    }
    let mut told = told(&before, event, &after, by, has_assistant(tx, row, &after).await?);
    let is_left_open = row.last_message_author == Some(AuthorKind::Visitor) && row.resumed_seq == row.last_seq;
    if is_left_open && !before.assistant_speaks() && after.assistant_speaks() && by.is_staff() {
        told.push(Told::AskAgain);
    }
    // Where nothing was ever said, nothing is to be read.
    let ends_or_returns = matches!(event, Event::Closed(_) | Event::Reopened { .. });
    if told.is_empty() || ends_or_returns && row.last_seq == 0 {
        return Ok(None);
    }
    let language = language(tx, row).await?;
    let mut words = Vec::with_capacity(told.len());
    for told in told {
        let name = match told.names() {
            Some(user) => name(tx, user).await?,
            None => String::new(),
        };
        words.push(told.words(&language, &name));
    }
    let author = Author { kind: AuthorKind::System, id: None };
    Ok(Some(Posting { actor, ..Posting::by(author, id, Audience::Everyone, words.join(" ")) }))
}

/// Who brings about what happens in a transaction.
fn by(tx: &Tx, row: &conversation::Model) -> By {
    match model::speaker(&tx.cx().actor, row) {
        Ok((AuthorKind::Visitor, _)) => By::Visitor,
        Ok((AuthorKind::Agent, user)) => By::Staff(UserId(user)),
        Ok((AuthorKind::Assistant | AuthorKind::System, _)) | Err(_) => By::Nobody,
    }
}

/// Whether an assistant goes on in a conversation that nobody else has.
async fn has_assistant(tx: &Tx, row: &conversation::Model, after: &State) -> Result<bool> {
    match (after, row.assistant_id) {
        (State::Assistant { .. }, Some(id)) => assistants::is_on(&tx.db(), id).await,
        _ => Ok(false),
    }
}

/// How a wait ended.
fn outcome(event: Event, after: &State) -> QueueOutcome {
    match (event, after) {
        // It will begin anew.
        (_, State::Waiting { .. }) => QueueOutcome::Moved,
        (Event::Resumed(outcome), _) => outcome,
        (_, State::Person { .. }) => QueueOutcome::Assigned,
        (_, State::Closed { .. }) => QueueOutcome::Closed,
        (_, State::Assistant { .. }) => QueueOutcome::Assistant,
    }
}

/// What there is to tell of a change, in order.
fn facts(
    state: &State,
    event: Event,
    next: &State,
    before: Attributes,
    after: Attributes,
    by_staff: bool,
) -> Vec<ConversationFact> {
    let silenced = state.assistant_speaks() && !next.assistant_speaks() && !matches!(next, State::Closed { .. });
    let requested = |reason| ConversationFact::HumanRequested { reason, before: before.clone(), after: after.clone() };
    let assigned = || ConversationFact::Assigned { before: before.clone(), after: after.clone() };
    let mut facts = match event {
        Event::Requested { reason, .. } => vec![requested(reason)],
        Event::Released(release) => {
            let first = match release {
                Release::AgentGone => ConversationFact::AgentGone { before: before.clone(), after: after.clone() },
                Release::Transferred(department) => {
                    ConversationFact::Transferred { department, before: before.clone(), after: after.clone() }
                }
                Release::AgentNotThere | Release::Unassigned | Release::MeantFor(_) => assigned(),
            };
            let mut facts = vec![first];
            if let State::Waiting { reason, .. } = next {
                facts.push(requested(*reason));
            }
            facts
        }
        Event::Given(_) => vec![assigned()],
        Event::Replied(_) if state.unanswered_since().is_some() => {
            vec![ConversationFact::HumanJoined { before: before.clone(), after: after.clone() }]
        }
        Event::Replied(_) => vec![assigned()],
        Event::Resumed(outcome) => {
            let mut facts = vec![];
            if state.unanswered_since().is_some() {
                facts.push(ConversationFact::HumanRequestCancelled { before: before.clone(), after: after.clone() });
            } else {
                facts.push(assigned());
            }
            // What a person has seen is theirs; what nobody has seen yet is the assistant's now.
            let answers_pending = outcome != QueueOutcome::Assistant || !by_staff;
            facts.push(ConversationFact::AssistantResumed { answers_pending });
            facts
        }
        Event::Helped(true) => vec![ConversationFact::AssistantResumed { answers_pending: !by_staff }],
        // It is silenced, which is told below.
        Event::Helped(false) => vec![],
        Event::Closed(reason) => {
            vec![ConversationFact::Closed { before: before.clone(), after: after.clone(), reason }]
        }
        Event::Reopened { .. } => {
            vec![ConversationFact::Reopened { before: before.clone(), after: after.clone() }]
        }
        Event::Offered => vec![ConversationFact::PersonOffered],
    };
    if let (Event::Reopened { .. }, State::Waiting { reason, .. }) = (event, next) {
        facts.push(requested(*reason));
    }
    if silenced {
        facts.push(ConversationFact::AssistantPaused);
    }
    facts
}

/// Who has it from now on.
fn taker(event: Event) -> Option<UserId> {
    match event {
        Event::Given(agent) | Event::Replied(agent) => Some(agent),
        Event::Requested { .. }
        | Event::Released(_)
        | Event::Resumed(_)
        | Event::Helped(_)
        | Event::Closed(_)
        | Event::Reopened { .. }
        | Event::Offered => None,
    }
}

/// Ends a wait in the queue, and with it the offer to an agent, who is told. False where nobody waits there, or not yet.
pub(crate) async fn leave_in(
    tx: &mut Tx,
    site: SiteId,
    id: ConversationId,
    taker: Option<UserId>,
    actor: Option<&String>,
) -> Result<bool> {
    let Some(entry) = queue_entry::Entity::find_by_id(id).one(&tx.db()).await? else { return Ok(false) };
    queue_entry::Entity::delete_by_id(id).exec(&tx.db()).await?;
    if let Some(user) = entry.offered_to {
        let fact = match taker == Some(user) {
            true => OfferFact::Accepted { conversation: id, user },
            false => OfferFact::Withdrawn { conversation: id, user },
        };
        tx.record_by(actor.cloned(), site, user.0, &fact)?;
    }
    Ok(true)
}

/// Remembers that the visitors of these conversations were told that nobody is there.
pub(crate) async fn note_closed_in(tx: &Tx, ids: &[ConversationId]) -> Result<()> {
    store::set_outcome(&tx.db(), ids, QueueOutcome::SiteClosed, tx.cx().clock.now()).await
}

/// Somebody's name, as visitors read it.
async fn name(tx: &Tx, agent: UserId) -> Result<String> {
    let found = user::Entity::find_by_id(agent).one(&tx.db()).await?;
    Ok(found.map(|user| user.name).unwrap_or_default())
}
