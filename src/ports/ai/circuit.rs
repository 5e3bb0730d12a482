//! Circuit breakers: a provider that fails again and again is left alone for a while, so that it costs nobody time.
//!
//! Each node keeps its own, one for each provider, address and key. Three failures in a row open a circuit; after a rest,
//! which doubles each time, one call at a time may try; the first success closes it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::Enum;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveEnum;

use super::{Cause, ModelError, Target};

/// Failures in a row after which nobody is asked any more.
pub const FAILURES: u32 = 3;
/// How long a circuit stays open at first.
pub const REST: TimeDelta = TimeDelta::seconds(30);
/// How long it stays open at most.
pub const LONGEST_REST: TimeDelta = TimeDelta::minutes(5);
/// Targets whose failures are counted; beyond, those that only began to fail are forgotten.
const REMEMBERED: usize = 1_000;
/// Circuits that are not closed, by provider.
const OPEN: &str = "yanit_model_circuits_open";

/// Where a circuit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CircuitState {
    /// The provider is asked.
    Closed,
    /// The provider failed several times in a row and is left alone for a while.
    Open,
    /// The rest is over: the next call, one at a time, decides.
    HalfOpen,
}

/// One target's health, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Where its circuit stands.
    pub state: CircuitState,
    /// Failures in a row.
    pub failures: u32,
    /// When it is tried again; absent while the circuit is closed.
    pub retry_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Circuit {
    /// In a row.
    failures: u32,
    /// In a row, without a success between.
    openings: u32,
    /// Absent while it is closed.
    open_until: Option<DateTime<Utc>>,
    /// A call is under way that decides.
    probing: bool,
}

/// Whether somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    Granted,
    /// As the one who decides.
    Probe,
    Refused,
}

impl Circuit {
    fn ask(&mut self, now: DateTime<Utc>) -> Leave {
        match self.open_until {
            None => Leave::Granted,
            Some(until) if now < until || self.probing => Leave::Refused,
            Some(_) => {
                self.probing = true;
                Leave::Probe
            }
        }
    }

    /// A call failed. Calls that were under way when the circuit opened say nothing new.
    fn failed(&mut self, probe: bool, now: DateTime<Utc>, asked_to_wait: Option<TimeDelta>) {
        self.failures = self.failures.saturating_add(1);
        if self.open_until.is_some() && !probe {
            return;
        }
        if probe || self.failures >= FAILURES {
            let doubled = REST * 2_i32.saturating_pow(self.openings.min(10));
            let rest = doubled.max(asked_to_wait.unwrap_or_default()).min(LONGEST_REST);
            *self = Self {
                failures: self.failures,
                openings: self.openings + 1,
                open_until: Some(now + rest),
                probing: false,
            };
        }
    }

    fn health(&self, now: DateTime<Utc>) -> Health {
        let state = match self.open_until {
            None => CircuitState::Closed,
            Some(until) if now < until => CircuitState::Open,
            Some(_) => CircuitState::HalfOpen,
        };
        Health { state, failures: self.failures, retry_at: self.open_until }
    }
}

/// The circuits of this node. Clones share them.
#[derive(Clone, Default)]
pub struct Circuits(Arc<Mutex<HashMap<Target, Circuit>>>);

impl Circuits {
    /// Leave to ask, or `None` while the target is left alone.
    pub fn ask(&self, target: &Target, now: DateTime<Utc>) -> Option<Pass> {
        let leave = self.all().get_mut(target).map_or(Leave::Granted, |circuit| circuit.ask(now));
        let pass = |probe| Pass { circuits: self.clone(), target: target.clone(), probe };
        match leave {
            Leave::Granted => Some(pass(false)),
            Leave::Probe => Some(pass(true)),
            Leave::Refused => None,
        }
    }

    /// How a target does.
    pub fn health(&self, target: &Target, now: DateTime<Utc>) -> Health {
        let fine = Circuit::default();
        self.all().get(target).unwrap_or(&fine).health(now)
    }

    /// A call succeeded: whatever was counted against the target is forgotten.
    pub fn succeeded(&self, target: &Target) {
        if self.all().remove(target).is_some_and(|circuit| circuit.open_until.is_some()) {
            tracing::info!(provider = ?target.provider, "a provider answers again");
            count_open(target, -1.0);
        }
    }

    fn failed(&self, target: &Target, probe: bool, now: DateTime<Utc>, asked_to_wait: Option<TimeDelta>) {
        let mut all = self.all();
        if all.len() >= REMEMBERED {
            all.retain(|_, circuit| circuit.open_until.is_some());
        }
        let circuit = all.entry(target.clone()).or_default();
        let was_open = circuit.open_until.is_some();
        circuit.failed(probe, now, asked_to_wait);
        if !was_open && circuit.open_until.is_some() {
            tracing::warn!(provider = ?target.provider, "a provider failed several times in a row and is left alone");
            count_open(target, 1.0);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Target, Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Circuits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuits").finish_non_exhaustive()
    }
}

fn count_open(target: &Target, by: f64) {
    metrics::gauge!(OPEN, "provider" => target.provider.to_value()).increment(by);
}

/// Leave for one call. Dropped without a verdict, as when nobody waits for the answer any more, it changes nothing.
pub struct Pass {
    circuits: Circuits,
    target: Target,
    probe: bool,
}

impl Pass {
    /// The provider answered.
    pub fn succeeded(self) {
        self.circuits.succeeded(&self.target);
    }

    /// The provider did not answer. What is the request's own fault, or another model's, shows that it is there.
    pub fn failed(mut self, error: &ModelError, now: DateTime<Utc>) {
        if !is_trouble(error.cause()) {
            return self.succeeded();
        }
        let after = match error {
            ModelError::Retry { after, .. } => after.and_then(|after| TimeDelta::from_std(after).ok()),
            ModelError::GiveUp { .. } | ModelError::Truncated { .. } | ModelError::Wordless { .. } => None,
        };
        let probe = std::mem::take(&mut self.probe);
        self.circuits.failed(&self.target, probe, now, after);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe
            && let Some(circuit) = self.circuits.all().get_mut(&self.target)
        {
            circuit.probing = false;
        }
    }
}

/// True where another call of whatever kind would probably fail, too.
fn is_trouble(cause: Cause) -> bool {
    match cause {
        Cause::KeyRefused
        | Cause::Unpaid
        | Cause::RateLimited
        | Cause::Unreachable
        | Cause::Silent
        | Cause::Failing
        | Cause::NotUnderstood
        | Cause::Cut
        | Cause::Wordless => true,
        Cause::NotConfigured
        | Cause::AddressRefused
        | Cause::NoModel
        | Cause::ModelUnknown
        | Cause::Refused
        | Cause::Filtered => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::entity::assistant::Provider;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn target() -> Target {
        Target { provider: Provider::Ollama, base_url: None, key: None }
    }

    fn error(cause: Cause) -> ModelError {
        ModelError::Retry { cause, after: None, what: "500".into() }
    }

    fn fail(circuits: &Circuits, seconds: i64) {
        circuits.ask(&target(), at(seconds)).unwrap().failed(&error(Cause::Failing), at(seconds));
    }

    #[test]
    fn three_failures_open_it_and_one_probe_decides() {
        let circuits = Circuits::default();
        for second in 0..3 {
            assert_eq!(circuits.health(&target(), at(second)).state, CircuitState::Closed);
            fail(&circuits, second);
        }
        assert_eq!(circuits.health(&target(), at(31)).state, CircuitState::Open);
        assert!(circuits.ask(&target(), at(31)).is_none());
        assert_eq!(circuits.health(&target(), at(32)).state, CircuitState::HalfOpen);
        let probe = circuits.ask(&target(), at(32)).unwrap();
        assert!(circuits.ask(&target(), at(32)).is_none(), "one at a time");
        probe.failed(&error(Cause::Silent), at(40));
        assert_eq!(circuits.health(&target(), at(40)).retry_at, Some(at(100)), "twice as long");
        drop(circuits.ask(&target(), at(100)).unwrap());
        circuits.ask(&target(), at(100)).expect("a probe that was dropped decides nothing").succeeded();
        assert_eq!(circuits.health(&target(), at(100)), Circuit::default().health(at(100)));
    }

    #[test]
    fn refused_requests_are_no_trouble_and_vendors_are_not_asked_before_they_wish() {
        let circuits = Circuits::default();
        for cause in [Cause::Refused, Cause::ModelUnknown, Cause::Filtered, Cause::Refused] {
            circuits.ask(&target(), at(0)).unwrap().failed(&ModelError::give_up(cause, "400"), at(0));
        }
        assert_eq!(circuits.health(&target(), at(0)).failures, 0);
        for _ in 0..3 {
            let after = Some(Duration::from_secs(90));
            let error = ModelError::Retry { cause: Cause::RateLimited, after, what: "429".into() };
            circuits.ask(&target(), at(0)).unwrap().failed(&error, at(0));
        }
        assert_eq!(circuits.health(&target(), at(0)).retry_at, Some(at(90)));
    }

    #[test]
    fn other_addresses_and_keys_are_not_blamed() {
        let circuits = Circuits::default();
        (0..3).for_each(|second| fail(&circuits, second));
        let other = Target { base_url: Some("http://127.0.0.1:1".into()), ..target() };
        assert!(circuits.ask(&other, at(3)).is_some());
    }

    #[derive(Clone, Debug)]
    enum Event {
        Pass(i64),
        Ask,
        Succeed(usize),
        Fail(usize),
        Leave(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (1..60_i64).prop_map(Event::Pass),
            Just(Event::Ask),
            (0..4_usize).prop_map(Event::Succeed),
            (0..4_usize).prop_map(Event::Fail),
            (0..4_usize).prop_map(Event::Leave),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_it_rests_when_open_tries_one_at_a_time_and_heals(events in prop::collection::vec(event(), 0..200)) {
            let circuits = Circuits::default();
            let (mut now, mut under_way) = (0, Vec::<Pass>::new());
            for event in events {
                let before = circuits.health(&target(), at(now));
                match event {
                    Event::Pass(seconds) => now += seconds,
                    Event::Ask => {
                        let probes = under_way.iter().filter(|pass| pass.probe).count();
                        match (circuits.ask(&target(), at(now)), before.state) {
                            (Some(pass), CircuitState::Closed) => { prop_assert!(!pass.probe); under_way.push(pass); }
                            (Some(pass), CircuitState::HalfOpen) => { prop_assert!(pass.probe && probes == 0); under_way.push(pass); }
                            (None, CircuitState::Open) => {}
                            (None, CircuitState::HalfOpen) => prop_assert_eq!(probes, 1),
                            (left, state) => prop_assert!(false, "{} while {:?}", left.is_some(), state),
                        }
                    }
                    Event::Succeed(nth) if nth < under_way.len() => {
                        under_way.swap_remove(nth).succeeded();
                        prop_assert_eq!(circuits.health(&target(), at(now)).state, CircuitState::Closed);
                    }
                    Event::Fail(nth) if nth < under_way.len() => {
                        let pass = under_way.swap_remove(nth);
                        let decides = pass.probe || before.failures + 1 >= FAILURES;
                        pass.failed(&error(Cause::Unreachable), at(now));
                        let after = circuits.health(&target(), at(now));
                        prop_assert_eq!(after.state == CircuitState::Closed, before.state == CircuitState::Closed && !decides);
                        prop_assert!(after.retry_at.is_none_or(|until| until <= at(now) + LONGEST_REST));
                    }
                    Event::Leave(nth) if nth < under_way.len() => drop(under_way.swap_remove(nth)),
                    Event::Succeed(_) | Event::Fail(_) | Event::Leave(_) => {}
                }
            }
        }
    }
}
