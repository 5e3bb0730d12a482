//! Whose address a request has. Each proxy adds the address that it was called from to the end of `X-Forwarded-For`, so
//! the list is believed from its end, entry by entry, and only as long as whoever wrote the entry is a trusted proxy.
//!
//! What always holds: a caller cannot choose their address, because what they send stands before the first entry that a
//! trusted proxy wrote. `Forwarded` and `X-Real-IP` are not read: a proxy that maintains one header passes the others
//! on as the client sent them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::{Config, Networks};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The same warning comes again after this time.
const WARN_EVERY: Duration = Duration::from_secs(60 * 60);

/// The proxies whose word is taken, and when something about them was last complained of.
pub(super) struct Proxies {
    networks: Networks,
    hops: usize,
    warned: [AtomicI64; Doubt::COUNT],
}

/// Why a list was not followed to its end, where that may be a mistake in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It came from an address that is not a trusted proxy.
    Stranger,
    /// What was found is the address of a trusted proxy, and there are more entries than hops.
    MoreHops,
    /// A trusted proxy wrote an entry that is not an address.
    NoAddress,
}

impl Doubt {
    const COUNT: usize = 3;
}

impl Proxies {
    /// The proxies of the settings; says in the log which they are.
    pub(super) fn new(config: &Config) -> Self {
        let (networks, hops) = (config.trusted_proxies.clone(), config.proxy_hops);
        if networks.is_empty() {
            tracing::info!("No proxies are trusted: a caller's address is that of the connection.");
        } else {
            tracing::info!(proxies = %networks, hops, "Callers' addresses are taken from X-Forwarded-For of trusted proxies.");
        }
        if networks.contain_everybody() {
            tracing::warn!(
                "YANIT_TRUSTED_PROXIES trusts everybody: whoever reaches this port directly can choose their address and so avoid limits."
            );
        }
        Self { networks, hops, warned: [const { AtomicI64::new(i64::MIN) }; Doubt::COUNT] }
    }

    /// Connections from this address are those of a trusted proxy, which speaks for many.
    pub(super) fn trust(&self, peer: IpAddr) -> bool {
        self.networks.contain(peer.to_canonical())
    }

    /// The address of whoever sent a request that came by a connection from `peer`.
    pub(super) fn caller(&self, peer: IpAddr, headers: &HeaderMap, now: i64) -> IpAddr {
        let peer = peer.to_canonical();
        let (address, mut doubt) = walk(&self.networks, self.hops, peer, entries(headers));
        if doubt.is_none() && !self.trust(peer) {
            let others = [header::FORWARDED, X_REAL_IP];
            doubt = others.iter().any(|name| headers.contains_key(name)).then_some(Doubt::Stranger);
        }
        if let Some(doubt) = doubt
            && self.is_news(doubt, now)
        {
            warn(doubt, peer);
        }
        address
    }

    /// True once in [`WARN_EVERY`].
    fn is_news(&self, doubt: Doubt, now: i64) -> bool {
        let every = i64::try_from(WARN_EVERY.as_micros()).unwrap_or(i64::MAX);
        let last = &self.warned[doubt as usize];
        let due = |last: i64| (now.saturating_sub(last) >= every).then_some(now);
        last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }
}

fn warn(doubt: Doubt, peer: IpAddr) {
    // Addresses of the public network may be people's.
    let peer = if is_internal(peer) { peer.to_string() } else { "a public address".to_owned() };
    match doubt {
        Doubt::Stranger => tracing::warn!(
            peer,
            "Forwarded headers come from an address that is not trusted and are not read, so all who come that way count as one caller. \
             If a proxy of yours is there, add its network to YANIT_TRUSTED_PROXIES."
        ),
        Doubt::MoreHops => tracing::warn!(
            peer,
            "X-Forwarded-For names a trusted proxy as the caller. If requests pass more proxies than YANIT_PROXY_HOPS, raise it."
        ),
        Doubt::NoAddress => tracing::warn!(
            peer,
            "A trusted proxy adds something other than addresses to X-Forwarded-For, so its own address counts as the caller's. \
             Have it add the address that it is called from."
        ),
    }
}

fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// Goes back from the connection's other end towards the caller.
fn walk(
    trusted: &Networks,
    hops: usize,
    peer: IpAddr,
    entries: impl Iterator<Item = Option<IpAddr>>,
) -> (IpAddr, Option<Doubt>) {
    let mut address = peer;
    for (passed, entry) in entries.enumerate() {
        if !trusted.contain(address) {
            return (address, (passed == 0).then_some(Doubt::Stranger));
        }
        if passed == hops {
            return (address, Some(Doubt::MoreHops));
        }
        match entry {
            Some(before) => address = before,
            None => return (address, Some(Doubt::NoAddress)),
        }
    }
    (address, None)
}

/// The entries of all lists, from the last one to the first; `None` for what is not an address.
fn entries(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    lines.flat_map(|line: &HeaderValue| line.as_bytes().rsplit(|byte| *byte == b',')).map(address_of)
}

/// An address, perhaps with a port or in brackets: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address_of(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EDGE: &str = "10.0.0.1";
    const INNER: &str = "127.0.0.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn found(hops: usize, peer: &str, lines: &[&str]) -> (String, Option<Doubt>) {
        let trusted = "loopback, 10.0.0.0/8".parse().unwrap();
        let (address, doubt) = walk(&trusted, hops, ip(peer), entries(&headers(lines)));
        (address.to_string(), doubt)
    }

    fn caller(hops: usize, peer: &str, lines: &[&str]) -> String {
        found(hops, peer, lines).0
    }

    #[test]
    fn one_proxy_tells_who_called_it() {
        assert_eq!(found(1, INNER, &["203.0.113.9"]), ("203.0.113.9".into(), None));
        assert_eq!(found(1, INNER, &["1.1.1.1, 203.0.113.9"]), ("203.0.113.9".into(), None));
        assert_eq!(found(1, INNER, &["1.1.1.1", "2.2.2.2 , 203.0.113.9"]), ("203.0.113.9".into(), None));
        assert_eq!(found(1, INNER, &[]), (INNER.into(), None));
    }

    #[test]
    fn two_proxies_are_followed_to_the_client() {
        let lines = &["203.0.113.9, 10.0.0.1"];
        assert_eq!(found(2, INNER, lines), ("203.0.113.9".into(), None));
        assert_eq!(found(2, INNER, &["203.0.113.9", EDGE]), ("203.0.113.9".into(), None));
        // With a number of hops that is too small, the nearest one known counts, and the log says so.
        assert_eq!(found(1, INNER, lines), (EDGE.into(), Some(Doubt::MoreHops)));
        // Whoever reaches the inner proxy directly is not believed any further.
        assert_eq!(caller(2, INNER, &["1.1.1.1, 203.0.113.9"]), "203.0.113.9");
        // A client in a trusted network is no proxy beyond the number of hops.
        assert_eq!(caller(2, INNER, &["1.1.1.1, 10.9.9.9, 10.0.0.1"]), "10.9.9.9");
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(found(1, "203.0.113.9", &["1.1.1.1"]), ("203.0.113.9".into(), Some(Doubt::Stranger)));
        assert_eq!(found(1, "203.0.113.9", &[]), ("203.0.113.9".into(), None));
        let nobody = walk(&Networks::default(), 1, ip(INNER), entries(&headers(&["1.1.1.1"])));
        assert_eq!(nobody, (ip(INNER), Some(Doubt::Stranger)));
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        for odd in ["unknown", "", "_hidden", "1.1.1.1.1", "[::1", "1.1.1.1, ,", "for=1.1.1.1"] {
            assert_eq!(found(2, INNER, &[odd]), (INNER.into(), Some(Doubt::NoAddress)), "{odd:?}");
        }
        assert_eq!(caller(2, INNER, &["unknown, 10.0.0.1"]), EDGE);
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        for (entry, address) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ] {
            assert_eq!(caller(1, INNER, &[entry]), address, "{entry}");
        }
        assert_eq!(caller(1, "::ffff:127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn a_warning_comes_once_an_hour() {
        let proxies = Proxies::new(&Config::default());
        let hour = 3_600_000_000;
        let now = 1_700_000_000_000_000;
        assert!(proxies.is_news(Doubt::Stranger, now));
        assert!(!proxies.is_news(Doubt::Stranger, now + hour - 1));
        assert!(proxies.is_news(Doubt::MoreHops, now + 1));
        assert!(proxies.is_news(Doubt::Stranger, now + hour));
    }

    proptest! {
        /// Whatever a client sends, behind however many proxies: their address is the one that the outermost proxy saw.
        #[test]
        fn a_client_cannot_choose_an_address(
            client: IpAddr,
            sent in prop::collection::vec("[ -~]{0,40}", 0..4),
            proxies in prop::collection::vec(any::<u32>(), 1..4),
        ) {
            let proxy = |bits: &u32| format!("10.{}.{}.{}", bits >> 16 & 255, bits >> 8 & 255, bits & 255);
            // The outermost proxy adds the client, each further one the proxy before it; the last one calls us.
            let mut lines = sent.clone();
            lines.push(client.to_string());
            lines.extend(proxies.iter().rev().skip(1).rev().map(proxy));
            let peer = proxy(proxies.last().unwrap());
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(caller(proxies.len(), &peer, &lines), client.to_canonical().to_string());
            // Fewer hops than proxies give the address of one of them, never one of the client's making.
            for hops in 1..proxies.len() {
                prop_assert!(caller(hops, &peer, &lines).starts_with("10."));
            }
            // Directly, without a proxy, nothing is believed.
            let trusted = "198.51.100.1".parse().unwrap();
            prop_assert_eq!(walk(&trusted, 3, client.to_canonical(), entries(&headers(&lines))).0, client.to_canonical());
        }

        /// Any bytes at all: no panic, and the result is the peer or stands in the list.
        #[test]
        fn odd_headers_do_no_harm(bytes in prop::collection::vec(0x20_u8..0x7f, 0..200), hops in 0_usize..4) {
            let text = String::from_utf8(bytes).unwrap();
            let address = caller(hops, INNER, &[&text]);
            let canonical = |entry: &str| address_of(entry.as_bytes()).map(|found| found.to_string());
            prop_assert!(address == INNER || text.split(',').any(|entry| canonical(entry).as_deref() == Some(&*address)));
        }
    }
}
