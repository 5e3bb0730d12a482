use ::entity::{conversation::QueueOutcome, ids::ConversationId};
use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::features::conversations::model::blank_at;

fn agent() -> impl Strategy<Value = UserId> {
    (1_u128..4).prop_map(|number| UserId(Uuid::from_u128(number)))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        prop::sample::select(&[HandoffReason::Visitor, HandoffReason::Assistant, HandoffReason::Site])
            .prop_map(|reason| Event::Requested { reason, since: None }),
        Just(Event::Released(Release::AgentGone)),
        Just(Event::Released(Release::AgentNotThere)),
        Just(Event::Released(Release::Transferred(None))),
        Just(Event::Released(Release::Unassigned)),
        agent().prop_map(|agent| Event::Released(Release::MeantFor(agent))),
        agent().prop_map(Event::Given),
        agent().prop_map(Event::Replied),
        prop::sample::select(&[QueueOutcome::TimedOut, QueueOutcome::Left, QueueOutcome::Assistant])
            .prop_map(Event::Resumed),
        any::<bool>().prop_map(Event::Helped),
        Just(Event::Closed(None)),
        prop::option::of(any::<bool>()).prop_map(|by_staff| Event::Reopened { by_staff }),
        Just(Event::Offered),
    ]
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

proptest! {
    /// Whatever happens in whatever order, what holds of an end and a beginning holds.
    #[test]
    fn whatever_happens_a_wait_has_one_beginning_and_one_end(events in prop::collection::vec(event(), 1..60)) {
        let mut state = State::Assistant { offered_at: None };
        for (second, event) in (1..).zip(events) {
            let now = at(second);
            let after = next(&state, event, now);
            // A wait goes on from its beginning until a person replies, the assistant takes over, or it is closed.
            if let Some(since) = state.unanswered_since() {
                let ends = matches!(event, Event::Replied(_) | Event::Resumed(_) | Event::Closed(_));
                prop_assert_eq!(after.unanswered_since(), (!ends).then_some(since), "{:?} and {:?}", &state, event);
            } else if let Some(since) = after.unanswered_since() {
                prop_assert_eq!(since, now, "a wait begins now: {:?} and {:?}", &state, event);
            }
            // Only who asks, or loses who they had, waits.
            if matches!(after, State::Waiting { .. }) && !matches!(state, State::Waiting { .. }) {
                let waits = matches!(event, Event::Requested { .. } | Event::Released(_) | Event::Reopened { .. });
                prop_assert!(waits);
            }
            // Help is no end: who waits has the place they had, and who has a person hears nobody else.
            if matches!(event, Event::Helped(_)) {
                prop_assert_eq!(after.handoff(), state.handoff());
                prop_assert_eq!(matches!(after, State::Waiting { .. }), matches!(state, State::Waiting { .. }));
            }
            let is_left_alone = !matches!(after, State::Person { .. }) || !after.assistant_speaks();
            prop_assert!(is_left_alone, "{:?}", &after);
            // Whoever wished for a person and loses theirs goes on wishing for one.
            if event == Event::Released(Release::AgentGone)
                && let (Some(wish), State::Waiting { reason, .. }) = (state.wish(), &after)
            {
                prop_assert_eq!(*reason, wish);
            }
            // The same again changes nothing, except that who is taken from the next one waits for another.
            if !matches!(event, Event::Reopened { .. }) {
                prop_assert_eq!(next(&after, event, now), after.clone());
            }
            // What is closed stays as it is until it is opened.
            if matches!(state, State::Closed { .. }) {
                let is_closed = matches!(after, State::Closed { .. });
                prop_assert_eq!(is_closed, !matches!(event, Event::Reopened { .. }));
            }
            state = after;
        }
    }

    /// Each value comes back from a row as it was.
    #[test]
    fn rows_hold_each_value(events in prop::collection::vec(event(), 0..30)) {
        let mut row = blank_at(ConversationId(Uuid::nil()), at(0));
        let mut state = State::of(&row);
        for (second, event) in (1..).zip(events) {
            state = next(&state, event, at(second));
            state.put(&mut row);
            prop_assert_eq!(&State::of(&row), &state);
            prop_assert_eq!(row.status == Status::Closed, matches!(state, State::Closed { .. }));
        }
    }
}

#[test]
fn who_is_handed_on_after_an_hour_of_service_has_not_waited_for_an_hour() {
    let ada = UserId(Uuid::from_u128(1));
    let asked = next(
        &State::Assistant { offered_at: None },
        Event::Requested { reason: HandoffReason::Visitor, since: None },
        at(0),
    );
    let served = next(&next(&asked, Event::Given(ada), at(5)), Event::Replied(ada), at(7));
    let handed = next(&served, Event::Released(Release::Transferred(None)), at(3_607));
    assert_eq!(handed.unanswered_since(), Some(at(3_607)));
    let unserved = next(&next(&asked, Event::Given(ada), at(5)), Event::Released(Release::AgentGone), at(65));
    assert_eq!(unserved.unanswered_since(), Some(at(0)), "nobody has written yet");
}

#[test]
fn who_writes_to_a_visitor_has_the_conversation() {
    let ada = UserId(Uuid::from_u128(1));
    let state = next(&State::Assistant { offered_at: None }, Event::Replied(ada), at(3));
    assert_eq!(state, State::Person { agent: ada, since: at(3), handoff: None });
}
