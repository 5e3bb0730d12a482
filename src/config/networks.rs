//! Networks as settings name them: `10.0.0.0/8, 2001:db8::/32, 192.0.2.7, loopback`.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Words that stand for networks.
const WORDS: &[(&str, &[&str])] = &[
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    ("private", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]),
];

/// Bits of an IPv6 address before the IPv4 address in it (`::ffff:192.0.2.7`).
const MAPPED_PREFIX: u8 = 96;

/// A list of networks. IPv4 addresses written as IPv6 count as IPv4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// True when the address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when every IPv4 or every IPv6 address is in one of them.
    pub fn contain_everybody(&self) -> bool {
        self.0.iter().any(|network| network.prefix_len() == 0)
    }
}

impl FromStr for Networks {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut networks = Vec::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(entry)) {
                Some((_, known)) => networks.extend(known.iter().filter_map(|text| network(text))),
                None => networks.push(network(entry).ok_or_else(|| {
                    format!(
                        "`{entry}` is not a network; write networks such as 10.0.0.0/8 or 2001:db8::/32, single addresses, \
                         `loopback` or `private`, with commas between"
                    )
                })?),
            }
        }
        Ok(Self(networks))
    }
}

/// A network, or one address as the smallest network.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    if let IpNet::V6(v6) = network
        && let Some(mapped) = v6.addr().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(MAPPED_PREFIX)
    {
        return Ipv4Net::new(mapped, prefix).ok().map(|v4| IpNet::V4(v4.trunc()));
    }
    Some(network.trunc())
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, network) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

impl Serialize for Networks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &str) -> Networks {
        list.parse().unwrap()
    }

    #[test]
    fn addresses_networks_and_words_are_understood() {
        let list = networks("10.1.2.3/8, 192.0.2.7 ,2001:db8::/32,Loopback,");
        assert_eq!(list.to_string(), "10.0.0.0/8, 192.0.2.7/32, 2001:db8::/32, 127.0.0.0/8, ::1/128");
        for inside in ["10.255.0.1", "192.0.2.7", "2001:db8:1::1", "127.0.0.1", "::1", "::ffff:10.0.0.1"] {
            assert!(list.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::2", "::ffff:11.0.0.1"] {
            assert!(!list.contain(outside.parse().unwrap()), "{outside}");
        }
        assert!(networks("::ffff:10.0.0.0/104").contain("10.1.1.1".parse().unwrap()));
        assert!(networks("").is_empty());
    }

    #[test]
    fn what_trusts_everybody_is_known() {
        assert!(networks("0.0.0.0/0").contain_everybody());
        assert!(networks("::/0").contain_everybody());
        assert!(!networks("private, loopback").contain_everybody());
    }

    #[test]
    fn what_is_no_network_is_named() {
        for wrong in ["10.0.0.0/33", "proxy.internal", "10.0.0", "true"] {
            let error = format!("10.0.0.0/8, {wrong}").parse::<Networks>().unwrap_err();
            assert!(error.starts_with(&format!("`{wrong}`")), "{error}");
        }
    }
}
