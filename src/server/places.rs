//! How many connections somebody has: a visitor, or whoever is behind a network address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::ids::VisitorId;

use crate::kernel::error::{Error, ErrorCode, ErrorReason};

/// Whose connections are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Visitor(VisitorId),
    Network(Network),
}

/// What counts as one caller: an IPv4 address, or the /64 network of an IPv6 address, which is what one subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }
}

/// The connections of this node by their holders.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<Holder, usize>>>);

/// One connection of somebody. Dropping it ends its being counted.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    holder: Holder,
    /// How many they have with this one.
    pub(super) number: usize,
}

/// A place of whoever is behind a proxy, put into each of their requests; whatever outlives its request keeps it.
#[derive(Clone, Debug)]
pub(super) struct Seat(#[expect(dead_code, reason = "held for its drop")] Arc<Place>);

impl From<Place> for Seat {
    fn from(place: Place) -> Self {
        Self(Arc::new(place))
    }
}

impl Places {
    /// Counts one more.
    pub(super) fn take(&self, holder: Holder) -> Place {
        let mut places = self.lock();
        let number = places.entry(holder).or_default();
        *number += 1;
        Place { places: self.clone(), holder, number: *number }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.lock();
        if let Some(number) = places.get_mut(&self.holder) {
            *number -= 1;
            if *number == 0 {
                places.remove(&self.holder);
            }
        }
    }
}

/// Too many connections: of a visitor, of an address, or of the node.
pub(super) fn too_many_connections() -> Error {
    Error {
        retry_after: Some(Duration::from_secs(5)),
        ..Error::new(ErrorCode::RateLimited, "Too many connections are open; close one, or try again later.")
            .reason(ErrorReason::TooManyConnections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_network() {
        let network = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let places = Places::default();
        let holder = Holder::Network(IpAddr::from([192, 0, 2, 1]).into());
        let first = places.take(holder);
        for _ in 0..2 {
            assert_eq!((first.number, places.take(holder).number), (1, 2));
        }
        drop(first);
        assert!(places.lock().is_empty());
    }
}
