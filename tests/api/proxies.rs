//! Behind proxies: whose limits a request counts against.

use serde_json::json;

use crate::harness::{
    app::{Options, TestApp},
    wire,
};

/// Statuses of as many anonymous requests as there are addresses, on a server that allows three a minute and address.
async fn statuses(trusted: &str, hops: usize, forwarded: &[&str]) -> Vec<u16> {
    let trusted = trusted.parse().unwrap();
    let configure = move |config: &mut yanit::config::Config| {
        config.trusted_proxies = trusted;
        config.proxy_hops = hops;
        config.anonymous_rate_per_minute = 3;
        // Redis is shared, and so are the addresses here.
        config.redis_url = None;
    };
    let app = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    let mut statuses = Vec::new();
    for forwarded in forwarded {
        let headers = [("x-forwarded-for", *forwarded)];
        statuses.push(wire::post(&app.url(), &headers, &json!({ "query": "{ __typename }" })).await.status);
    }
    statuses
}

#[tokio::test]
async fn callers_behind_two_proxies_count_apart() {
    let one = "203.0.113.1, 127.0.0.2";
    let other = "203.0.113.2, 127.0.0.2";
    assert_eq!(statuses("loopback", 2, &[one, one, one, one, other]).await, [200, 200, 200, 429, 200]);
}

#[tokio::test]
async fn nobody_chooses_their_own_address() {
    let made_up = ["1.1.1.1, 203.0.113.1", "2.2.2.2, 203.0.113.1", "3.3.3.3,203.0.113.1", "4.4.4.4, 203.0.113.1"];
    assert_eq!(statuses("loopback", 2, &made_up).await, [200, 200, 200, 429]);
}

#[tokio::test]
async fn a_whole_ipv6_network_is_one_caller() {
    let one = ["2001:db8::1", "[2001:db8::2]:4711", "2001:db8:0:0:ffff::1", "2001:db8::3", "2001:db8:0:1::1"];
    assert_eq!(statuses("loopback", 1, &one).await, [200, 200, 200, 429, 200]);
}

#[tokio::test]
async fn forwarded_addresses_of_strangers_are_not_believed() {
    let made_up = ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"];
    assert_eq!(statuses("192.0.2.0/24", 1, &made_up).await, [200, 200, 200, 429]);
}
