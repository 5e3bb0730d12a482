//! Beginning to wait, and giving up.

use ::entity::{
    assistant,
    conversation::{self, HandoffReason, QueueOutcome, Status},
    ids::{ConversationId, SiteId, UserId},
    message::{Audience, AuthorKind},
    queue_entry::{self, Demand, Strategy, Users},
    visitor,
};
use chrono::TimeDelta;

use super::{
    agents as loaded,
    choice::Agent,
    hours,
    priority::head_start,
    rules::{Attribute, FirstResponder, Known},
    store,
};
use crate::{
    features::{
        agents::Whom,
        assistants,
        conversations::{self, Author, ConversationFact, Posting, handoff, waiting},
        sites, visitors,
    },
    kernel::{Permission, Result, Tx},
};

/// Who gets a conversation back if they can, and who must not.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) preferred: Option<UserId>,
    pub(super) without: Option<UserId>,
}

/// A conversation that is to have a person enters the queue, unless it is there already or its wait is over. While the
/// site is closed nobody waits: the visitor is told so. True when it waits now and did not before.
pub(super) async fn enter_in(tx: &mut Tx, id: ConversationId, wishes: Wishes) -> Result<bool> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(seen) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(false) };
    // Before the conversation's lock, as everywhere.
    store::lock_turn(&tx.db(), seen.site_id).await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    let waits = found.status == Status::Open && found.assignee_id.is_none() && handoff::waits(&found);
    if !waits || store::entry(&tx.db(), id).await?.is_some() {
        return Ok(false);
    }
    let (now, site) = (tx.cx().clock.now(), found.site_id);
    let place = sites::find_any(&tx.db(), site).await?;
    let rules = store::settings(&tx.db(), site, None).await?;
    let (settings, version) = store::read(rules.as_ref())?;
    let who = who(tx, &found).await?;
    let known = known(tx, &found, &who).await?;
    let (demand, sales) = settings.demand(version, &known);
    let mut demand = Demand { preferred: wishes.preferred, ..demand };
    if let Some(department) = found.department_id {
        // An agent said that it is theirs, which counts more than a rule.
        let strategy = Strategy::Department;
        demand = Demand { strategy, department: Some(department), strict: true, skills: vec![], ..demand };
    }
    let entered_at = found.human_requested_at.unwrap_or(now);
    let patience = TimeDelta::seconds(settings.patience_seconds.into());
    let line = demand.department.filter(|_| demand.strict);
    let hours = hours::of_line(&tx.db(), &place, line, now).await?;
    let deadline = hours.and_then(|hours| hours.deadline(now, now, patience));
    let entry = queue_entry::Model {
        conversation_id: id,
        site_id: site,
        entered_at,
        head_start: head_start(known.vip, known.returning, sales),
        deadline_at: deadline.unwrap_or(now),
        line,
        demand,
        seen_until: None,
        offered_to: None,
        offer_expires_at: None,
        declined: Users(wishes.without.into_iter().collect()),
    };
    store::insert(&tx.db(), entry).await?;
    waiting::entered_in(tx, site, id).await?;
    if deadline.is_none() {
        give_up_in(tx, found, QueueOutcome::SiteClosed).await?;
        return Ok(false);
    }
    Ok(true)
}

/// A visitor wrote to a conversation that nobody answers yet. True when a person is to answer it: where people answer
/// first and one is free, and where there is no assistant.
pub(crate) async fn welcome_in(tx: &mut Tx, id: ConversationId) -> Result<bool> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(seen) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(false) };
    let answered = seen.assistant_paused || seen.assignee_id.is_some() || handoff::waits(&seen);
    if seen.status == Status::Closed || answered {
        return Ok(false);
    }
    let (settings, _) = store::read(store::settings(&tx.db(), seen.site_id, None).await?.as_ref())?;
    let speaker = assistant(tx, &seen).await?.filter(|found| found.enabled && found.deleted_at.is_none());
    if speaker.is_some() && settings.first_responder == FirstResponder::Assistant {
        return Ok(false);
    }
    let place = sites::find_any(&tx.db(), seen.site_id).await?;
    // A customer's private space has no people.
    if place.owner_id.is_some() {
        return Ok(false);
    }
    let now = tx.cx().clock.now();
    if !hours::of_line(&tx.db(), &place, None, now).await?.is_some_and(|hours| hours.are_open(now)) {
        return Ok(false);
    }
    if speaker.is_some() {
        let cx = tx.cx().clone();
        let entries = store::waiting(&tx.db(), seen.site_id).await?;
        let agents = loaded::load(&cx, &tx.db(), seen.site_id, Whom::Online, &entries).await?;
        if !entries.is_empty() || !agents.iter().any(Agent::is_eligible) {
            return Ok(false);
        }
    }
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    handoff::request_in(tx, found, HandoffReason::Site).await?;
    Ok(true)
}

/// Nobody comes: the visitor, whose conversation is locked, is told so and what else they can do.
pub(super) async fn give_up_in(tx: &mut Tx, found: conversation::Model, outcome: QueueOutcome) -> Result<()> {
    let said = match outcome {
        QueueOutcome::TimedOut => Some(nobody_free as fn(&str) -> &'static str),
        QueueOutcome::SiteClosed => Some(closed as fn(&str) -> &'static str),
        QueueOutcome::Assigned
        | QueueOutcome::Left
        | QueueOutcome::Abandoned
        | QueueOutcome::Assistant
        | QueueOutcome::Closed => None,
    };
    let (site, id) = (found.site_id, found.id);
    let language = who(tx, &found).await?.language;
    waiting::give_up_in(tx, found, outcome).await?;
    if let Some(said) = said {
        tell_in(tx, site, id, said(&language)).await?;
    }
    Ok(())
}

/// A message of the system to everybody in the conversation.
async fn tell_in(tx: &mut Tx, site: SiteId, id: ConversationId, body: &str) -> Result<()> {
    let told = Posting::by(Author { kind: AuthorKind::System, id: None }, id, Audience::Everyone, body.to_owned());
    conversations::post_in(tx, site, &told).await?;
    Ok(())
}

fn nobody_free(language: &str) -> &'static str {
    match language.split('-').next() {
        Some("tr") => {
            "Şu anda müsait bir temsilcimiz yok. Bize mesaj bırakabilir ya da sizi aramamızı isteyebilirsiniz."
        }
        Some("de") => {
            "Im Moment ist leider niemand frei. Sie können eine Nachricht hinterlassen oder um einen Rückruf bitten."
        }
        _ => "Nobody is free at the moment. You can leave a message or ask to be called back.",
    }
}

fn closed(language: &str) -> &'static str {
    match language.split('-').next() {
        Some("tr") => {
            "Şu anda kapalıyız. Bize mesaj bırakabilir ya da sizi aramamızı isteyebilirsiniz; açılınca döneriz."
        }
        Some("de") => {
            "Wir haben gerade geschlossen. Sie können eine Nachricht hinterlassen oder um einen Rückruf bitten."
        }
        _ => "We are closed at the moment. You can leave a message or ask to be called back.",
    }
}

/// Who asks in a conversation.
pub(super) struct Who {
    visitor: Option<visitor::Model>,
    /// A tag; English where nothing is known.
    language: String,
}

pub(super) async fn who(tx: &Tx, conversation: &conversation::Model) -> Result<Who> {
    let visitor = match conversation.visitor_id {
        Some(id) => visitors::lookup(&tx.db(), id).await?,
        None => None,
    };
    let spoken = visitor.as_ref().and_then(|visitor| visitor.locale.clone());
    let language = match spoken {
        Some(language) => language,
        None => assistant(tx, conversation).await?.map_or_else(|| "en".to_owned(), |found| found.language),
    };
    Ok(Who { visitor, language })
}

async fn assistant(tx: &Tx, conversation: &conversation::Model) -> Result<Option<assistant::Model>> {
    match conversation.assistant_id {
        Some(id) => assistants::find_any(&tx.db(), id).await,
        None => Ok(None),
    }
}

/// What rules go by.
pub(super) async fn known(tx: &Tx, conversation: &conversation::Model, who: &Who) -> Result<Known> {
    let id = conversation.id;
    let tags = conversations::tags(&tx.db(), vec![id]).await?.remove(&id).unwrap_or_default();
    let attributes = who.visitor.as_ref().and_then(|visitor| visitor.custom_data.as_object()).map(|data| {
        let value = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        data.iter().map(|(name, it)| Attribute { name: name.clone(), value: value(it) }).collect()
    });
    Ok(Known {
        assistant: conversation.assistant_id,
        language: Some(who.language.clone()),
        tags,
        attributes: attributes.unwrap_or_default(),
        vip: who.visitor.as_ref().is_some_and(|visitor| visitor.vip),
        returning: conversations::had_another(&tx.db(), conversation).await?,
    })
}

/// True for lines after which somebody may be given a conversation, or a place in the queue is another one.
pub(super) fn moves_queue(fact: &ConversationFact) -> bool {
    match fact {
        ConversationFact::HumanRequested { .. }
        | ConversationFact::HumanRequestCancelled { .. }
        | ConversationFact::HumanJoined { .. }
        | ConversationFact::QueueEntered
        | ConversationFact::QueueLeft { .. }
        | ConversationFact::AgentGone { .. }
        | ConversationFact::Transferred { .. }
        | ConversationFact::Assigned { .. }
        | ConversationFact::Closed { .. }
        | ConversationFact::Reopened { .. }
        | ConversationFact::Deleted { .. } => true,
        ConversationFact::Started { .. }
        | ConversationFact::MessagePosted { .. }
        | ConversationFact::MessageEdited { .. }
        | ConversationFact::MessageDeleted { .. }
        | ConversationFact::ReactionsChanged { .. }
        | ConversationFact::AnswerRated { .. }
        | ConversationFact::ReceiptMoved { .. }
        | ConversationFact::Rated { .. }
        | ConversationFact::TagsChanged { .. }
        | ConversationFact::PersonOffered
        | ConversationFact::AssistantPaused
        | ConversationFact::AssistantResumed
        | ConversationFact::Renamed => false,
    }
}
