//! Beginning to wait, and giving up.

use ::entity::{
    assistant,
    conversation::{self, HandoffReason, QueueOutcome},
    ids::{ConversationId, SiteId, UserId},
    message::{Audience, AuthorKind},
    queue_entry::{self, Demand, Strategy, Users},
    visitor,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    agents as loaded,
    choice::Agent,
    hours,
    priority::head_start,
    rules::{Attribute, FirstResponder, Known, Settings},
    store, texts,
};
use crate::{
    features::{
        agents::{self, Whom},
        assistants,
        conversations::{self, Author, ConversationFact, Event, Posting, change_in},
        sites, visitors, widgets,
    },
    kernel::{Ctx, Permission, Result, Tx},
    ports::db::Db,
};

/// Seconds in which whoever is free is given to somebody who is not to wait.
const AT_ONCE: i64 = 2;

/// Who gets a conversation back if they can, and who must not.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) preferred: Option<UserId>,
    pub(super) without: Option<UserId>,
    /// The visitor has been told that they wait.
    pub(super) is_announced: bool,
}

/// A conversation that is to have a person enters the queue, unless it is there already or its wait is over. While the
/// site is closed nobody waits: the visitor is told so. True when it waits now and did not before.
pub(super) async fn enter_in(tx: &mut Tx, id: ConversationId, wishes: Wishes) -> Result<bool> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(seen) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(false) };
    // Before the conversation's lock, as everywhere.
    store::lock_turn(&tx.db(), seen.site_id).await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if !conversations::waits(&found) || store::entry(&tx.db(), id).await?.is_some() {
        return Ok(false);
    }
    let (now, site) = (tx.cx().clock.now(), found.site_id);
    let place = sites::find_any(&tx.db(), site).await?;
    let (settings, version) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let who = who(tx, &found).await?;
    let (demand, head_start) = wanted(tx, &found, &who, &settings, version).await?;
    let demand = Demand { preferred: wishes.preferred.or(found.assignee_id), ..demand };
    let entered_at = found.human_requested_at.unwrap_or(now);
    // Who was away when the visitor asked for a person may come back; colleagues took it from somebody on purpose.
    let wished = found.handoff_reason.is_some_and(conversations::is_wish);
    // Where nobody is to wait, only who is free at once comes.
    let features = sites::offered::features(&tx.db(), site).await?;
    let patience = TimeDelta::seconds(if features.waiting { settings.patience_seconds.into() } else { AT_ONCE });
    let line = demand.department.filter(|_| demand.strict);
    let hours = hours::of_line(&tx.db(), &place, line, now).await?;
    let is_open = hours.as_ref().is_some_and(|hours| hours.are_open(now));
    let is_offered = features.live_chat || !wished;
    let deadline = hours.filter(|_| is_offered).and_then(|hours| hours.deadline(now, now, patience));
    let entry = queue_entry::Model {
        conversation_id: id,
        site_id: site,
        entered_at,
        head_start,
        deadline_at: deadline.unwrap_or(now),
        line,
        demand,
        seen_until: None,
        offered_to: None,
        offer_expires_at: None,
        declined: Users(wishes.without.filter(|_| !wished).into_iter().collect()),
    };
    store::insert(&tx.db(), entry).await?;
    tx.record(site, id.0, &ConversationFact::QueueEntered)?;
    if deadline.is_none() {
        let outcome = if is_open { QueueOutcome::TimedOut } else { QueueOutcome::SiteClosed };
        give_up_in(tx, found, outcome).await?;
        return Ok(false);
    }
    if !wishes.is_announced && found.handoff_reason.is_some_and(conversations::is_unannounced) {
        let language = conversations::language(tx, &found).await?;
        tell_in(tx, site, id, conversations::announcement(&language)).await?;
    }
    Ok(true)
}

/// What kind of agent a conversation needs, and the points of priority that it begins with.
pub(super) async fn wanted(
    tx: &Tx,
    found: &conversation::Model,
    who: &Who,
    settings: &Settings,
    version: i32,
) -> Result<(Demand, i32)> {
    let known = known(tx, found, who).await?;
    let (mut demand, sales) = settings.demand(version, &known);
    if let Some(department) = found.department_id {
        // An agent said that it is theirs, which counts more than a rule.
        let strategy = Strategy::Department;
        demand = Demand { strategy, department: Some(department), strict: true, skills: vec![], ..demand };
    }
    if let Some(department) = demand.department
        && !agents::has_department(&tx.db(), found.site_id, department).await?
    {
        demand = without_department(demand);
    }
    Ok((demand, head_start(known.vip, known.returning, sales)))
}

/// A department that there is no more keeps nobody from being served by somebody else.
pub(super) fn without_department(demand: Demand) -> Demand {
    Demand { department: None, strict: false, ..demand }
}

/// A visitor wrote the message `seq` to a conversation that nobody answers yet, or what they wrote gets no answer after
/// all. True when no assistant is to answer it: a person is to, where people answer first and one is free, and where no
/// assistant may speak; and nobody may in an emergency. While the site is closed, and where it offers no people, who cannot
/// be answered is told so once.
///
/// Whoever comes to a message first decides; the others, however much later, do the same.
pub(crate) async fn welcome_in(tx: &mut Tx, id: ConversationId, seq: Option<i64>) -> Result<bool> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(seen) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(false) };
    if !conversations::assistant_speaks(&seen) {
        return Ok(false);
    }
    let (now, site) = (tx.cx().clock.now(), seen.site_id);
    let speaker = speaker(tx, &seen).await?;
    // Who waits has been asked for.
    if conversations::waits(&seen) {
        return Ok(speaker.is_none());
    }
    let (settings, _) = store::read(store::settings(&tx.db(), site, None).await?.as_ref())?;
    let features = sites::offered::features(&tx.db(), site).await?;
    let by_assistant = settings.first_responder == FirstResponder::Assistant || !features.live_chat;
    if speaker.is_some() && by_assistant {
        return Ok(false);
    }
    let place = sites::find_any(&tx.db(), site).await?;
    // A customer's private space has no people.
    if place.owner_id.is_some() {
        return Ok(false);
    }
    // As it is now that nobody else can change it: they may just have been told.
    let seen = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if !conversations::assistant_speaks(&seen) || conversations::waits(&seen) {
        return Ok(speaker.is_none());
    }
    let hours = hours::of_line(&tx.db(), &place, None, now).await?;
    let is_open = hours.as_ref().is_some_and(|hours| hours.are_open(now));
    if !is_open || !features.live_chat {
        let told_at = match seen.queue_outcome {
            Some(QueueOutcome::SiteClosed) => seen.queue_left_at,
            // That nobody comes holds for good where no people are offered.
            Some(QueueOutcome::TimedOut) => seen.queue_left_at.filter(|_| !features.live_chat),
            _ => None,
        };
        let is_news = |then| features.live_chat && hours.is_some_and(|hours| hours.is_closed_again(then, now));
        let was_told = told_at.is_some_and(|then| !is_news(then));
        if speaker.is_none() && !was_told {
            ask_in(tx, id, seq).await?;
        }
        return Ok(speaker.is_none());
    }
    if speaker.is_some() {
        // Those who are about to enter the queue count, too: so many can be answered as there are places free.
        let cx = tx.cx().clone();
        let agents = loaded::load(&cx, &tx.db(), site, Whom::Online, &[]).await?;
        let free: u32 = agents.iter().filter(|agent| agent.is_eligible()).map(Agent::room).sum();
        if conversations::count_waiting(&tx.db(), site).await? >= u64::from(free) {
            return Ok(false);
        }
    }
    ask_in(tx, id, seq).await?;
    Ok(true)
}

/// The assistant that may answer in a conversation now, if one may.
pub(super) async fn speaker(tx: &Tx, conversation: &conversation::Model) -> Result<Option<assistant::Model>> {
    let Some(speaker) = assistant(tx, conversation).await?.filter(assistants::may_answer) else { return Ok(None) };
    let is_silenced = is_silenced(&tx.db(), conversation.site_id, tx.cx().clock.now()).await?;
    Ok((!is_silenced).then_some(speaker))
}

/// True while the assistants of a site answer no visitor: its widget does not offer them, or an emergency silences them.
pub(crate) async fn is_silenced(db: &Db<'_>, site: SiteId, now: DateTime<Utc>) -> Result<bool> {
    if !sites::offered::features(db, site).await?.assistant {
        return Ok(true);
    }
    let emergency = widgets::current_emergency(db, site, now).await?;
    Ok(emergency.is_some_and(|emergency| !emergency.allow_ai))
}

/// The site wants a person for a visitor, who has waited since they wrote: once for each message, where it is for one.
async fn ask_in(tx: &mut Tx, id: ConversationId, message: Option<i64>) -> Result<()> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let mut found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    if let Some(seq) = message {
        if found.called_seq >= seq {
            return Ok(());
        }
        found.called_seq = seq;
    }
    let since = DateTime::from_timestamp_micros(found.last_activity);
    change_in(tx, found, Event::Requested { reason: HandoffReason::Site, since }, None).await?;
    Ok(())
}

/// The assistant of a conversation cannot answer what was asked: a person is to. False in a customer's private space, where
/// there is none.
pub(crate) async fn stand_in_for_assistant_in(tx: &mut Tx, id: ConversationId, site: SiteId) -> Result<bool> {
    if sites::find_any(&tx.db(), site).await?.owner_id.is_some() {
        return Ok(false);
    }
    ask_in(tx, id, None).await?;
    Ok(true)
}

/// True while people of a site get conversations: within business hours, and in no emergency.
pub(crate) async fn is_open(cx: &Ctx, site: SiteId) -> Result<bool> {
    let (db, now) = (cx.db(), cx.clock.now());
    let place = sites::find_any(&db, site).await?;
    Ok(hours::of_line(&db, &place, None, now).await?.is_some_and(|hours| hours.are_open(now)))
}

/// Nobody comes: the visitor, whose conversation is locked, is told so and what else they can do.
pub(super) async fn give_up_in(tx: &mut Tx, found: conversation::Model, outcome: QueueOutcome) -> Result<()> {
    let (site, id, now) = (found.site_id, found.id, tx.cx().clock.now());
    // Whoever came in the last moment ended the wait.
    if !conversations::waits(&found) {
        return Ok(());
    }
    let language = conversations::language(tx, &found).await?;
    let features = sites::offered::features(&tx.db(), site).await?;
    change_in(tx, found, Event::Resumed(outcome), None).await?;
    match outcome {
        QueueOutcome::TimedOut => tell_in(tx, site, id, &texts::nobody_free(&language, &features)).await,
        QueueOutcome::SiteClosed => {
            let emergency = widgets::current_emergency(&tx.db(), site, now).await?;
            match emergency.and_then(|emergency| emergency.message) {
                Some(said) => tell_in(tx, site, id, &said).await,
                None => tell_in(tx, site, id, &texts::closed(&language, &features)).await,
            }
        }
        QueueOutcome::Assigned
        | QueueOutcome::Left
        | QueueOutcome::Abandoned
        | QueueOutcome::Assistant
        | QueueOutcome::Closed
        | QueueOutcome::Moved => Ok(()),
    }
}

/// A message of the system to everybody in the conversation.
async fn tell_in(tx: &mut Tx, site: SiteId, id: ConversationId, body: &str) -> Result<()> {
    let told = Posting::by(Author { kind: AuthorKind::System, id: None }, id, Audience::Everyone, body.to_owned());
    conversations::post_in(tx, site, &told).await?;
    Ok(())
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
    Ok(Who { visitor, language: conversations::locale(tx, conversation).await? })
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
        | ConversationFact::AgentReconnecting
        | ConversationFact::AgentBack
        | ConversationFact::TagsChanged { .. }
        | ConversationFact::PersonOffered
        | ConversationFact::AssistantPaused
        | ConversationFact::AssistantResumed { .. }
        | ConversationFact::Renamed => false,
    }
}
