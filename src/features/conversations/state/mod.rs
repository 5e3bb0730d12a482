//! Who attends a conversation: the assistant, nobody yet, a person, or nobody any more.
//!
//! One value (`State`) that a row holds, and one function (`next`) that says what becomes of it when something happens.
//! `attention` writes it with all that belongs to it: the row, the end of a wait in the queue, the facts, and the message
//! that tells the visitor. Nothing else writes these columns, and the database refuses what is no value.
//!
//! What always holds:
//! - A wait has one beginning. Only a person's reply ends it, or that nobody came, or that the visitor would rather not
//!   wait: who is handed on before anybody wrote goes on waiting since they asked.
//! - While a person has a conversation, its assistant is silent. While it waits, too, unless it helps meanwhile: that
//!   neither ends the wait nor costs the place in line.
//! - Each conversation that is with a person counts towards what that person may have at a time; one that waits and is meant
//!   for somebody does not.

use ::entity::{
    conversation::{self, Attention, HandoffReason, QueueOutcome, Status},
    conversation_closing::CloseReason,
    ids::{DepartmentId, UserId},
};
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

/// How a conversation came to a person, or waits for one.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct Handoff {
    /// Since when it waits, or waited.
    requested_at: DateTime<Utc>,
    /// Who wished for it.
    reason: HandoffReason,
    /// When an agent first wrote to the visitor after that; null while nobody has.
    joined_at: Option<DateTime<Utc>>,
}

/// Who attends a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The assistant; where there is none, nobody until the visitor writes.
    Assistant {
        /// When the visitor was offered a person beside it.
        offered_at: Option<DateTime<Utc>>,
    },
    /// Nobody yet.
    Waiting {
        /// When the wait began.
        since: DateTime<Utc>,
        /// Who wished for the person.
        reason: HandoffReason,
        /// Who gets it if they can: it was assigned to them while they were not there.
        meant_for: Option<UserId>,
        /// The assistant answers meanwhile.
        helped: bool,
    },
    /// A person.
    Person {
        /// Who.
        agent: UserId,
        /// When it was given to them.
        since: DateTime<Utc>,
        /// The wait that led to it, if there was one.
        handoff: Option<Handoff>,
    },
    /// Nobody: it is closed.
    Closed {
        /// Who had it, and since when.
        agent: Option<(UserId, DateTime<Utc>)>,
        /// How it had come to them.
        handoff: Option<Handoff>,
    },
}

/// What happens to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody asks for a person.
    Requested {
        /// Who.
        reason: HandoffReason,
        /// When the visitor began to wait for an answer, where that was before.
        since: Option<DateTime<Utc>>,
    },
    /// It goes to whoever is free, and the visitor waits.
    Released(Release),
    /// It is given to an agent: by themselves, by another one, or as the next who has room.
    Given(UserId),
    /// An agent writes to the visitor.
    Replied(UserId),
    /// The assistant takes over, because a wait has ended in this way, or an agent wants it to.
    Resumed(QueueOutcome),
    /// Whoever waits goes on waiting, and the assistant answers meanwhile, or does so no longer.
    Helped(bool),
    /// It is closed, for this reason if somebody said one.
    Closed(Option<CloseReason>),
    /// It is opened again.
    Reopened {
        /// By a member of the site; whether the agent who had it is there.
        by_staff: Option<bool>,
    },
    /// The visitor is offered a person beside the assistant.
    Offered,
}

/// Why nobody has a conversation any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Its agent has been gone for a minute.
    AgentGone,
    /// The visitor asks for a person, and its agent is not there.
    AgentNotThere,
    /// An agent handed it to a department or to the queue.
    Transferred(Option<DepartmentId>),
    /// An agent took it from its assignee, or silenced the assistant.
    Unassigned,
    /// It was assigned to somebody who is not there.
    MeantFor(UserId),
}

impl Release {
    pub(crate) fn reason(self) -> HandoffReason {
        match self {
            Self::AgentGone => HandoffReason::AgentGone,
            Self::AgentNotThere => HandoffReason::Visitor,
            Self::Transferred(_) | Self::Unassigned | Self::MeantFor(_) => HandoffReason::Agent,
        }
    }
}

/// What becomes of a conversation. The same when the event changes nothing.
pub(crate) fn next(state: &State, event: Event, now: DateTime<Utc>) -> State {
    match (state, event) {
        (State::Closed { agent, .. }, Event::Reopened { by_staff }) => reopened(*agent, by_staff, now),
        // Who has a closed conversation is who gets it when it is opened again; nothing else happens to it before.
        (State::Closed { agent: Some((had, _)), .. }, Event::Given(agent)) if *had == agent => state.clone(),
        (State::Closed { handoff, .. }, Event::Given(agent)) => {
            State::Closed { agent: Some((agent, now)), handoff: handoff.clone() }
        }
        (State::Closed { handoff, .. }, Event::Released(Release::Unassigned)) => {
            State::Closed { agent: None, handoff: handoff.clone() }
        }
        (State::Closed { .. }, _) | (_, Event::Reopened { .. }) => state.clone(),
        (_, Event::Closed(_)) => State::Closed { agent: state.person(), handoff: state.handoff() },

        (State::Assistant { .. }, Event::Requested { reason, since }) => {
            let since = since.filter(|since| *since < now).unwrap_or(now);
            State::Waiting { since, reason, meant_for: None, helped: false }
        }
        // Nobody waits twice, and who has a person has what they ask for.
        (State::Waiting { .. } | State::Person { .. }, Event::Requested { .. }) => state.clone(),

        (_, Event::Released(release)) => State::Waiting {
            since: state.unanswered_since().unwrap_or(now),
            reason: state.wish().filter(|_| release == Release::AgentGone).unwrap_or(release.reason()),
            meant_for: if let Release::MeantFor(agent) = release { Some(agent) } else { None },
            helped: state.is_helped(),
        },

        (State::Person { agent, .. }, Event::Given(to)) if *agent == to => state.clone(),
        (_, Event::Given(agent)) => State::Person { agent, since: now, handoff: state.handoff() },

        (State::Person { agent, since, handoff }, Event::Replied(_)) => {
            State::Person { agent: *agent, since: *since, handoff: joined(handoff.clone(), now) }
        }
        (State::Assistant { .. } | State::Waiting { .. }, Event::Replied(agent)) => {
            State::Person { agent, since: now, handoff: joined(state.handoff(), now) }
        }

        (State::Waiting { since, reason, meant_for, .. }, Event::Helped(helped)) => {
            State::Waiting { since: *since, reason: *reason, meant_for: *meant_for, helped }
        }
        (State::Assistant { .. } | State::Person { .. }, Event::Helped(_)) => state.clone(),

        (State::Assistant { .. }, Event::Resumed(_)) => state.clone(),
        (State::Waiting { .. } | State::Person { .. }, Event::Resumed(_)) => State::Assistant { offered_at: None },

        (State::Assistant { offered_at: None }, Event::Offered) => State::Assistant { offered_at: Some(now) },
        (State::Assistant { .. } | State::Waiting { .. } | State::Person { .. }, Event::Offered) => state.clone(),
    }
}

/// Whoever had it gets it back: at once where a member of the site knows that they are there, else before others.
fn reopened(had: Option<(UserId, DateTime<Utc>)>, by_staff: Option<bool>, now: DateTime<Utc>) -> State {
    match (had, by_staff) {
        (None, _) => State::Assistant { offered_at: None },
        (Some((agent, _)), Some(true)) => State::Person { agent, since: now, handoff: None },
        (Some((agent, _)), Some(false)) => {
            State::Waiting { since: now, reason: HandoffReason::Agent, meant_for: Some(agent), helped: false }
        }
        // Whether it goes back to them is decided like for everybody who waits: they may be gone, or have no room.
        (Some(_), None) => {
            State::Waiting { since: now, reason: HandoffReason::Visitor, meant_for: None, helped: false }
        }
    }
}

fn joined(handoff: Option<Handoff>, now: DateTime<Utc>) -> Option<Handoff> {
    handoff.map(|handoff| Handoff { joined_at: handoff.joined_at.or(Some(now)), ..handoff })
}

impl State {
    /// The value that a row holds.
    pub(crate) fn of(row: &conversation::Model) -> Self {
        let handoff = row.human_requested_at.map(|requested_at| Handoff {
            requested_at,
            reason: row.handoff_reason.unwrap_or(HandoffReason::Visitor),
            joined_at: row.human_joined_at,
        });
        let agent = row.assignee_id.map(|agent| (agent, row.assigned_at.unwrap_or(row.created_at)));
        match (row.attention, agent, handoff) {
            (Attention::Waiting, agent, Some(Handoff { requested_at: since, reason, .. })) => {
                let meant_for = agent.map(|(agent, _)| agent);
                Self::Waiting { since, reason, meant_for, helped: row.assistant_helps }
            }
            (Attention::Person, Some((agent, since)), handoff) => Self::Person { agent, since, handoff },
            (Attention::Closed, agent, handoff) => Self::Closed { agent, handoff },
            // The last two are no values, and the database holds none of them.
            (Attention::Assistant, ..) | (Attention::Waiting, _, None) | (Attention::Person, None, _) => {
                Self::Assistant { offered_at: row.person_offered_at }
            }
        }
    }

    /// Makes a row hold this value.
    pub(crate) fn put(&self, row: &mut conversation::Model) {
        let (attention, agent, assigned_at, handoff, offered_at) = match self.clone() {
            Self::Assistant { offered_at } => (Attention::Assistant, None, None, None, offered_at),
            Self::Waiting { since, reason, meant_for, .. } => {
                let handoff = Handoff { requested_at: since, reason, joined_at: None };
                (Attention::Waiting, meant_for, None, Some(handoff), None)
            }
            Self::Person { agent, since, handoff } => (Attention::Person, Some(agent), Some(since), handoff, None),
            Self::Closed { agent, handoff } => {
                (Attention::Closed, agent.map(|it| it.0), agent.map(|it| it.1), handoff, None)
            }
        };
        row.attention = attention;
        row.assistant_helps = self.is_helped();
        row.status = if attention == Attention::Closed { Status::Closed } else { Status::Open };
        row.assignee_id = agent;
        row.assigned_at = assigned_at;
        row.human_requested_at = handoff.as_ref().map(|handoff| handoff.requested_at);
        row.handoff_reason = handoff.as_ref().map(|handoff| handoff.reason);
        row.human_joined_at = handoff.and_then(|handoff| handoff.joined_at);
        row.person_offered_at = offered_at;
        if attention == Attention::Waiting {
            row.queue_outcome = None;
            row.queue_left_at = None;
        }
    }

    fn is_helped(&self) -> bool {
        matches!(self, Self::Waiting { helped: true, .. })
    }

    /// True while the assistant may speak.
    pub(crate) fn assistant_speaks(&self) -> bool {
        matches!(self, Self::Assistant { .. }) || self.is_helped()
    }

    /// Whose it is, or is to be, and since when.
    fn person(&self) -> Option<(UserId, DateTime<Utc>)> {
        match self {
            Self::Person { agent, since, .. } => Some((*agent, *since)),
            Self::Closed { agent, .. } => *agent,
            Self::Waiting { since, meant_for, .. } => meant_for.map(|agent| (agent, *since)),
            Self::Assistant { .. } => None,
        }
    }

    /// How it came to a person, or waits for one.
    pub(crate) fn handoff(&self) -> Option<Handoff> {
        match self {
            Self::Waiting { since, reason, .. } => {
                Some(Handoff { requested_at: *since, reason: *reason, joined_at: None })
            }
            Self::Person { handoff, .. } | Self::Closed { handoff, .. } => handoff.clone(),
            Self::Assistant { .. } => None,
        }
    }

    /// Who wished for the person, where the visitor is to have one: whose agent is gone is still to have one.
    fn wish(&self) -> Option<HandoffReason> {
        self.handoff().map(|handoff| handoff.reason).filter(|reason| is_wish(*reason))
    }

    /// Since when the visitor has waited for a person to write; `None` where one has, and where they wait for nobody.
    pub(crate) fn unanswered_since(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Waiting { since, .. } => Some(*since),
            Self::Person { handoff: Some(handoff), .. } if handoff.joined_at.is_none() => Some(handoff.requested_at),
            Self::Person { .. } | Self::Assistant { .. } | Self::Closed { .. } => None,
        }
    }
}

/// True where a visitor is to have a person, by their own wish or as nobody else answers them; what agents hand on is no
/// wish of theirs.
pub(crate) fn is_wish(reason: HandoffReason) -> bool {
    match reason {
        HandoffReason::Visitor | HandoffReason::Assistant | HandoffReason::Site => true,
        HandoffReason::Agent | HandoffReason::AgentGone => false,
    }
}

/// True while the assistant of a conversation may speak in it.
pub(crate) fn assistant_speaks(conversation: &conversation::Model) -> bool {
    State::of(conversation).assistant_speaks()
}

/// True while a conversation is to be in the queue.
pub(crate) fn waits(conversation: &conversation::Model) -> bool {
    conversation.attention == Attention::Waiting
}

#[cfg(test)]
mod tests;
