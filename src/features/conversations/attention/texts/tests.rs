use ::entity::{conversation_closing::CloseReason, ids::UserId};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::features::conversations::state::next;

const ADA: UserId = UserId(Uuid::from_u128(1));
const BOB: UserId = UserId(Uuid::from_u128(2));

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn asked(reason: HandoffReason) -> Event {
    Event::Requested { reason, since: None }
}

/// Everything that a conversation can be.
fn states() -> Vec<State> {
    let since = now() - TimeDelta::seconds(9);
    let waiting = |reason, meant_for, helped| State::Waiting { since, reason, meant_for, helped };
    let waits = |reason, meant_for| waiting(reason, meant_for, false);
    vec![
        State::Assistant { offered_at: None },
        State::Assistant { offered_at: Some(since) },
        waits(HandoffReason::Visitor, None),
        waits(HandoffReason::Agent, Some(ADA)),
        waiting(HandoffReason::Visitor, None, true),
        State::Person { agent: ADA, since, handoff: None },
        State::Person { agent: ADA, since, handoff: waits(HandoffReason::Site, None).handoff() },
        State::Closed { agent: None, handoff: None },
        State::Closed { agent: Some((ADA, since)), handoff: None },
    ]
}

/// Everything that can happen to it, by everybody.
fn events() -> Vec<(Event, By)> {
    let outcomes = [
        QueueOutcome::Left,
        QueueOutcome::Abandoned,
        QueueOutcome::TimedOut,
        QueueOutcome::SiteClosed,
        QueueOutcome::Assistant,
    ];
    let mut events = vec![
        asked(HandoffReason::Visitor),
        asked(HandoffReason::Assistant),
        asked(HandoffReason::Site),
        Event::Released(Release::AgentGone),
        Event::Released(Release::AgentNotThere),
        Event::Released(Release::Transferred(None)),
        Event::Released(Release::Unassigned),
        Event::Released(Release::MeantFor(BOB)),
        Event::Given(ADA),
        Event::Given(BOB),
        Event::Replied(BOB),
        Event::Closed(None),
        Event::Closed(Some(CloseReason::NoResponse)),
        Event::Reopened { by_staff: None },
        Event::Reopened { by_staff: Some(true) },
        Event::Reopened { by_staff: Some(false) },
        Event::Offered,
        Event::Helped(true),
        Event::Helped(false),
    ];
    events.extend(outcomes.map(Event::Resumed));
    let all = [By::Visitor, By::Staff(BOB), By::Nobody];
    events.into_iter().flat_map(|event| all.map(|by| (event, by))).collect()
}

/// Where else a visitor reads of a change, or why they need not.
fn told_elsewhere(before: &State, event: Event, after: &State) -> Option<&'static str> {
    match (event, before, after) {
        (_, State::Waiting { .. }, State::Waiting { .. }) => Some("they have been told that they wait"),
        (_, State::Closed { .. }, State::Closed { .. }) => {
            Some("who gets it should it be opened is no matter of theirs")
        }
        (Event::Requested { reason: HandoffReason::Assistant, .. }, ..) => Some("the assistant's own words"),
        (_, _, State::Waiting { reason, .. }) if is_unannounced(*reason) => Some("as it begins in the queue"),
        (Event::Resumed(QueueOutcome::TimedOut | QueueOutcome::SiteClosed), ..) => Some("as the wait is given up"),
        (Event::Replied(_), ..) => Some("the message itself"),
        (Event::Reopened { by_staff: None }, ..) => Some("their own message"),
        (Event::Offered, ..) => Some("an offer that is shown as long as it stands"),
        _ => None,
    }
}

/// The table of all steps: each is told, or it is said why not; and no wait is announced twice.
#[test]
fn each_step_is_told_once_or_is_known() {
    let mut steps = 0;
    for before in states() {
        for (event, by) in events() {
            let after = next(&before, event, now());
            // A visitor does not do what only members of the site do.
            if matches!(event, Event::Reopened { by_staff: Some(_) }) && !matches!(by, By::Staff(_)) {
                continue;
            }
            for has_assistant in [true, false] {
                let told = told(&before, event, &after, by, has_assistant);
                if before == after {
                    assert_eq!(told, [], "{before:?} {event:?}");
                    continue;
                }
                steps += 1;
                let elsewhere = told_elsewhere(&before, event, &after);
                let is_known = !told.is_empty() || elsewhere.is_some();
                assert!(is_known, "{before:?} and {event:?} by {by:?} become {after:?}, and nobody is told");
                let State::Waiting { reason, .. } = &after else { continue };
                let announces = |told: &Told| matches!(told, Told::Announced | Told::HandedOver | Told::AgentGone);
                let times = told.iter().filter(|told| announces(told)).count();
                let is_new = !matches!(before, State::Waiting { .. });
                let is_gone = event == Event::Released(Release::AgentGone);
                let by_queue = usize::from(is_unannounced(*reason) && is_new && !is_gone);
                let by_assistant =
                    usize::from(matches!(event, Event::Requested { reason: HandoffReason::Assistant, .. }));
                // Who was helped waits on without help, and is told so.
                let expected = usize::from(is_new || event == Event::Helped(false));
                assert_eq!(times + by_queue + by_assistant, expected, "{before:?} {event:?} {after:?} {told:?}");
            }
        }
    }
    assert!(steps > 150, "{steps}");
}

#[test]
fn what_is_told_is_true() {
    let closed = State::Closed { agent: Some((ADA, now())), handoff: None };
    let after = |before: &State, event, by| {
        let after = next(before, event, now());
        told(before, event, &after, by, false)
    };
    let by_staff = |there| Event::Reopened { by_staff: Some(there) };
    assert_eq!(after(&closed, by_staff(true), By::Staff(ADA)), [Told::Reopened(ADA)]);
    assert_eq!(after(&closed, by_staff(true), By::Staff(BOB)), [Told::Reopened(BOB), Told::Joined(ADA)]);
    assert_eq!(after(&closed, by_staff(false), By::Staff(BOB)), [Told::Reopened(BOB), Told::Announced]);
    let waits = next(&State::Assistant { offered_at: None }, asked(HandoffReason::Site), now());
    assert_eq!(after(&waits, Event::Resumed(QueueOutcome::Left), By::Visitor), [Told::WaitsNoLonger]);
    assert_eq!(after(&waits, Event::Closed(None), By::Nobody), [Told::ClosedBySilence]);
    for language in ["tr", "de-AT", "en", "xx"] {
        for told in [Told::AgentGone, Told::AgentNotThere, Told::WaitsNoLonger, Told::PlaceLost, Told::ClosedBySilence]
        {
            let words = told.words(language, "");
            assert!(words.ends_with('.') && !words.contains("  "), "{words}");
        }
        assert!(Told::Closed(ADA).words(language, "Ada").starts_with("Ada "));
    }
}
