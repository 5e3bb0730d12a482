//! In which mode a site's widget is, and what it may offer then. Pure: no IO, no clock, the same answer for the same
//! arguments.
//!
//! The mode follows from three things, the first that decides wins:
//! 1. in an emergency it is OFFLINE, also when agents are there;
//! 2. while the site is closed it is OFFLINE;
//! 3. open or in a break it is ONLINE when somebody gets new conversations, else BUSY.

use ::entity::widget_settings::Features;
use async_graphql::Enum;
use serde::Serialize;

use crate::features::calendars::State;

/// What visitors can expect of the people of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(name = "WidgetMode")]
pub(super) enum Mode {
    /// Somebody takes new conversations now.
    Online,
    /// The site is open, or in a break, and nobody takes new conversations at the moment.
    Busy,
    /// Nobody does before the site opens or the emergency ends.
    Offline,
}

/// Why the widget is in its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(name = "WidgetModeReason")]
pub(super) enum Reason {
    /// ONLINE: somebody takes new conversations.
    Available,
    /// BUSY: agents are there, and each has as many conversations as they may have.
    AtCapacity,
    /// BUSY: nobody is there, or all who are do not take conversations.
    NoAgent,
    /// BUSY: the site has a break and nobody works through it.
    Break,
    /// OFFLINE: outside of business hours.
    Closed,
    /// OFFLINE: closed on a special day.
    Holiday,
    /// OFFLINE: closed, and nothing opens within 366 days.
    NoWorkingTime,
    /// OFFLINE: the site's admins have said so.
    Emergency,
}

/// Something that a widget may offer to a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(name = "WidgetOffer")]
pub(super) enum Offer {
    /// A conversation with a person at once: `startConversation`, then `requestHuman`.
    Chat,
    /// A place in the queue, with the estimated wait: `startConversation`, then `requestHuman`.
    Wait,
    /// A conversation with the assistant that is given to nobody: `startConversation`.
    AiOnly,
    /// A request that is answered by e-mail: `leaveMessage`.
    Ticket,
    /// A call later: `requestCallback` with the times that suit.
    Callback,
    /// A call at once, as an agent is there to make it: `requestCallback` without times.
    Call,
}

/// How many agents a site has, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Agents {
    /// With an open dashboard.
    pub(super) online: usize,
    /// Of these, those who take conversations when they have room for one.
    pub(super) available: usize,
    /// Of these, those who have room.
    pub(super) accepting: usize,
    /// Of these, those whom visitors may call.
    pub(super) callable: usize,
}

/// What an emergency leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Exceptions {
    /// The assistant goes on answering.
    pub(super) ai: bool,
    /// Tickets can be filed.
    pub(super) tickets: bool,
}

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Causes {
    /// The emergency, in one.
    pub(super) emergency: Option<Exceptions>,
    /// What the calendar says.
    pub(super) calendar: State,
    /// The calendar opens again, where it is not open.
    pub(super) opens_again: bool,
    /// Who is there.
    pub(super) agents: Agents,
}

/// The mode, and why.
pub(super) fn decide(causes: &Causes) -> (Mode, Reason) {
    if causes.emergency.is_some() {
        return (Mode::Offline, Reason::Emergency);
    }
    match causes.calendar {
        State::Closed | State::Holiday if !causes.opens_again => (Mode::Offline, Reason::NoWorkingTime),
        State::Closed => (Mode::Offline, Reason::Closed),
        State::Holiday => (Mode::Offline, Reason::Holiday),
        State::Open | State::Break if causes.agents.accepting > 0 => (Mode::Online, Reason::Available),
        State::Break => (Mode::Busy, Reason::Break),
        State::Open if causes.agents.available > 0 => (Mode::Busy, Reason::AtCapacity),
        State::Open => (Mode::Busy, Reason::NoAgent),
    }
}

/// What the widget may offer, the best first. `assistant` says whether the site has one that is on.
pub(super) fn offers(mode: Mode, causes: &Causes, features: &Features, assistant: bool) -> Vec<Offer> {
    let ai = features.assistant && assistant;
    let exceptions = causes.emergency.unwrap_or(Exceptions { ai: true, tickets: true });
    let offers = match mode {
        Mode::Online => vec![
            (Offer::Chat, features.live_chat),
            (Offer::Call, features.calls && features.callbacks && causes.agents.callable > 0),
            (Offer::AiOnly, ai && !features.live_chat),
            (Offer::Ticket, features.tickets),
        ],
        Mode::Busy => vec![
            (Offer::Wait, features.live_chat && features.waiting),
            (Offer::AiOnly, ai),
            (Offer::Ticket, features.tickets),
            (Offer::Callback, features.callbacks),
        ],
        Mode::Offline => vec![
            (Offer::AiOnly, ai && exceptions.ai),
            (Offer::Ticket, features.tickets && exceptions.tickets),
            (Offer::Callback, features.callbacks && causes.emergency.is_none()),
        ],
    };
    offers.into_iter().filter(|(_, is_on)| *is_on).map(|(offer, _)| offer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(accepting: usize) -> Agents {
        Agents { online: accepting, available: accepting, accepting, callable: 0 }
    }

    fn causes(emergency: bool, calendar: State, accepting: usize) -> Causes {
        let emergency = emergency.then_some(Exceptions { ai: true, tickets: true });
        Causes { emergency, calendar, opens_again: true, agents: agents(accepting) }
    }

    /// M1t: emergency or not, open, break or closed, somebody or nobody.
    #[test]
    fn the_mode_follows_from_emergency_calendar_and_agents() {
        use State::{Break, Closed, Open};
        for (emergency, calendar, accepting, mode, reason) in [
            (true, Open, 0, Mode::Offline, Reason::Emergency),
            (true, Open, 2, Mode::Offline, Reason::Emergency),
            (true, Break, 0, Mode::Offline, Reason::Emergency),
            (true, Break, 2, Mode::Offline, Reason::Emergency),
            (true, Closed, 0, Mode::Offline, Reason::Emergency),
            (true, Closed, 2, Mode::Offline, Reason::Emergency),
            (false, Open, 0, Mode::Busy, Reason::NoAgent),
            (false, Open, 2, Mode::Online, Reason::Available),
            (false, Break, 0, Mode::Busy, Reason::Break),
            (false, Break, 2, Mode::Online, Reason::Available),
            (false, Closed, 0, Mode::Offline, Reason::Closed),
            (false, Closed, 2, Mode::Offline, Reason::Closed),
        ] {
            let found = decide(&causes(emergency, calendar, accepting));
            assert_eq!(found, (mode, reason), "{emergency} {calendar:?} {accepting}");
        }
    }

    #[test]
    fn reasons_tell_holidays_full_agents_and_what_never_opens_apart() {
        assert_eq!(decide(&causes(false, State::Holiday, 3)), (Mode::Offline, Reason::Holiday));
        let never = Causes { opens_again: false, ..causes(false, State::Closed, 3) };
        assert_eq!(decide(&never), (Mode::Offline, Reason::NoWorkingTime));
        let full = Agents { online: 2, available: 1, ..Agents::default() };
        assert_eq!(decide(&Causes { agents: full, ..causes(false, State::Open, 0) }), (Mode::Busy, Reason::AtCapacity));
        let away = Agents { online: 2, ..Agents::default() };
        assert_eq!(decide(&Causes { agents: away, ..causes(false, State::Open, 0) }), (Mode::Busy, Reason::NoAgent));
    }

    #[test]
    fn offers_follow_from_mode_features_and_emergency() {
        use Offer::{AiOnly, Call, Callback, Chat, Ticket, Wait};
        let all = Features::default();
        let of =
            |causes: &Causes, features: &Features, assistant| offers(decide(causes).0, causes, features, assistant);
        let online = causes(false, State::Open, 1);
        assert_eq!(of(&online, &all, true), [Chat, Ticket], "nobody can be called");
        let callable = Causes { agents: Agents { callable: 1, ..agents(1) }, ..online };
        assert_eq!(of(&callable, &all, true), [Chat, Call, Ticket]);
        assert_eq!(of(&callable, &Features { calls: false, ..all }, true), [Chat, Ticket]);
        // It is asked for like a call back.
        assert_eq!(of(&callable, &Features { callbacks: false, ..all }, true), [Chat, Ticket]);
        assert_eq!(of(&callable, &Features { live_chat: false, ..all }, true), [Call, AiOnly, Ticket]);

        let busy = causes(false, State::Open, 0);
        assert_eq!(of(&busy, &all, true), [Wait, AiOnly, Ticket, Callback]);
        assert_eq!(of(&busy, &all, false), [Wait, Ticket, Callback], "there is no assistant");
        assert_eq!(of(&busy, &Features { waiting: false, ..all }, true), [AiOnly, Ticket, Callback]);
        assert_eq!(of(&busy, &Features { live_chat: false, ..all }, true), [AiOnly, Ticket, Callback]);

        let closed = causes(false, State::Closed, 2);
        assert_eq!(of(&closed, &all, true), [AiOnly, Ticket, Callback]);
        assert_eq!(of(&closed, &Features { tickets: false, callbacks: false, ..all }, true), [AiOnly]);

        for (ai, tickets, expected) in [
            (true, true, vec![AiOnly, Ticket]),
            (true, false, vec![AiOnly]),
            (false, true, vec![Ticket]),
            (false, false, vec![]),
        ] {
            let emergency = Causes { emergency: Some(Exceptions { ai, tickets }), ..callable };
            assert_eq!(of(&emergency, &all, true), expected);
        }
    }
}
