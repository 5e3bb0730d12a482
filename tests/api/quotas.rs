//! Floods: what one caller, one address and one site can be burdened with, and whom that must not hinder.

use std::time::Duration;

use serde_json::{Value, json};
use yanit::config::Config;

use crate::harness::{
    app::{Options, TestApp, refusal},
    people::{SEND, Site, Visitor, new_id, text},
    wire,
};

const START: &str = "mutation { startConversation(input: {}) { started conversation { id } } }";
const SEARCH: &str = "query($k: String!, $t: String!) { searchArticles(siteKey: $k, text: $t) { score } }";

/// A server with the limits that users get, on which time stands until the test moves it.
async fn usual() -> TestApp {
    with(|_| {}).await
}

async fn with(change: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    let configure = |config: &mut Config| {
        let usual = Config::default();
        config.rate_per_minute = usual.rate_per_minute;
        config.visitor_rate_per_minute = usual.visitor_rate_per_minute;
        config.anonymous_rate_per_minute = usual.anonymous_rate_per_minute;
        config.changes_per_minute = usual.changes_per_minute;
        config.messages_per_minute = usual.messages_per_minute;
        config.address_messages_per_minute = usual.address_messages_per_minute;
        config.site_messages_per_minute = usual.site_messages_per_minute;
        config.conversations_per_minute = usual.conversations_per_minute;
        config.address_conversations_per_minute = usual.address_conversations_per_minute;
        config.site_conversations_per_minute = usual.site_conversations_per_minute;
        change(config);
    };
    TestApp::with(Options { configure: Some(Box::new(configure)), manual_clock: true, ..Options::default() }).await
}

/// From here on, requests come from another address.
fn move_elsewhere(app: &mut TestApp) {
    app.from = std::net::Ipv4Addr::from(u32::from(app.from).wrapping_add(0x0001_0000));
}

async fn send(app: &TestApp, token: &str, conversation: &str, client_id: &str) -> Value {
    let input = json!({ "conversationId": conversation, "body": "merhaba", "clientId": client_id });
    app.post(Some(token), SEND, json!({ "i": input })).await
}

/// How many of so many messages, sent at one moment, are accepted, and the last answer.
async fn flood(app: &TestApp, token: &str, conversation: &str, count: usize) -> (usize, Value) {
    let mut accepted = 0;
    let mut last = Value::Null;
    for _ in 0..count {
        last = send(app, token, conversation, &new_id()).await;
        accepted += usize::from(refusal(&last).is_none());
    }
    (accepted, last)
}

/// A site where people answer, so that no models are asked.
async fn shop(app: &TestApp) -> Site {
    app.site("acme").await
}

async fn talk(app: &TestApp, site: &Site) -> (Visitor, String) {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    (visitor, conversation)
}

#[tokio::test]
async fn a_fast_typist_passes_and_a_flood_does_not() {
    let app = usual().await;
    let site = shop(&app).await;
    let (visitor, conversation) = talk(&app, &site).await;
    for _ in 0..10 {
        assert_eq!(refusal(&send(&app, &visitor.token, &conversation, &new_id()).await), None);
        app.clock.advance(Duration::from_secs(1));
    }
    let (accepted, refused) = flood(&app, &visitor.token, &conversation, 60).await;
    assert!((20..=30).contains(&accepted), "{accepted}");
    assert_eq!(refusal(&refused).as_deref(), Some("RATE_LIMITED"));
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("Too many messages from one person: 30 per minute are allowed."), "{message}");
    let wait = refused["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap();
    app.clock.advance(Duration::from_secs(wait));
    assert_eq!(refusal(&send(&app, &visitor.token, &conversation, &new_id()).await), None);
    // Their agents write on.
    assert_eq!(flood(&app, &site.admin.token, &conversation, 100).await.0, 100);
}

#[tokio::test]
async fn retries_of_a_message_count_once_and_are_answered_even_when_there_were_too_many() {
    let app = usual().await;
    let site = shop(&app).await;
    let (visitor, conversation) = talk(&app, &site).await;
    let client = new_id();
    let first = send(&app, &visitor.token, &conversation, &client).await;
    for _ in 0..40 {
        assert_eq!(send(&app, &visitor.token, &conversation, &client).await["data"], first["data"]);
    }
    assert_eq!(flood(&app, &visitor.token, &conversation, 40).await.0, 29);
    assert_eq!(send(&app, &visitor.token, &conversation, &client).await["data"], first["data"]);
}

#[tokio::test]
async fn retries_of_what_is_left_count_once() {
    let app = usual().await;
    let site = shop(&app).await;
    let visitor = app.visitor(&site).await;
    let leave = "mutation($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id } } }";
    let left = async |client: String| {
        let input = json!({ "message": "Merhaba", "email": "a@example.com", "clientId": client });
        app.post(Some(&visitor.token), leave, json!({ "i": input })).await
    };
    let client = new_id();
    let at_once = futures_util::future::join_all((0..8).map(|_| left(client.clone()))).await;
    for _ in 0..20 {
        assert_eq!(left(client.clone()).await, at_once[0]);
    }
    for _ in 0..9 {
        assert_eq!(refusal(&left(new_id()).await), None);
    }
    assert_eq!(refusal(&left(new_id()).await).as_deref(), Some("RATE_LIMITED"));
}

#[tokio::test]
async fn a_school_class_behind_one_address_passes_and_a_crowd_of_made_up_visitors_does_not() {
    let mut app = usual().await;
    let site = shop(&app).await;
    let mut class = Vec::new();
    for _ in 0..30 {
        class.push(talk(&app, &site).await);
    }
    for _ in 0..6 {
        for (visitor, conversation) in &class {
            assert_eq!(refusal(&send(&app, &visitor.token, conversation, &new_id()).await), None);
        }
        app.clock.advance(Duration::from_secs(10));
    }
    let mut started = 0;
    let mut refused = Value::Null;
    for _ in 0..200 {
        let visitor = app.visitor(&site).await;
        refused = app.post(Some(&visitor.token), START, json!({})).await;
        started += usize::from(refusal(&refused).is_none());
    }
    assert!((30..=60).contains(&started), "{started}");
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("new conversations with this site from one network address"), "{message}");
    // Who has a conversation goes on in it, and other addresses and sites are not affected.
    app.conversation(&class[0].0).await;
    let other = shop(&app).await;
    talk(&app, &other).await;
    move_elsewhere(&mut app);
    talk(&app, &site).await;
}

#[tokio::test]
async fn many_visitors_of_one_address_share_its_messages() {
    let mut app = usual().await;
    let site = shop(&app).await;
    let mut accepted = 0;
    for _ in 0..14 {
        let (visitor, conversation) = talk(&app, &site).await;
        accepted += flood(&app, &visitor.token, &conversation, 29).await.0;
    }
    assert_eq!(accepted, 240);
    move_elsewhere(&mut app);
    let (visitor, conversation) = talk(&app, &site).await;
    assert_eq!(flood(&app, &visitor.token, &conversation, 5).await.0, 5);
}

#[tokio::test]
async fn a_site_has_a_bound_whatever_the_addresses() {
    let mut app =
        with(|config| (config.site_messages_per_minute, config.site_conversations_per_minute) = (20, 3)).await;
    let site = shop(&app).await;
    let mut accepted = 0;
    for _ in 0..3 {
        move_elsewhere(&mut app);
        let (visitor, conversation) = talk(&app, &site).await;
        accepted += flood(&app, &visitor.token, &conversation, 10).await.0;
    }
    assert_eq!(accepted, 20);
    move_elsewhere(&mut app);
    let visitor = app.visitor(&site).await;
    let refused = app.post(Some(&visitor.token), START, json!({})).await;
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("conversations with this site: 3 per minute"));
}

#[tokio::test]
async fn every_field_of_a_mutation_counts() {
    let app = usual().await;
    let site = shop(&app).await;
    let (visitor, conversation) = talk(&app, &site).await;
    let fields = |count: usize| {
        let typing = |n| {
            format!("t{n}: setTyping(input: {{ conversationId: \"{conversation}\", isTyping: true }}) {{ __typename }}")
        };
        let (half, rest) = (0..count / 2, count / 2..count);
        let list = |of: std::ops::Range<usize>| of.map(typing).collect::<Vec<_>>().join("\n");
        format!("mutation {{ {} ...Rest }} fragment Rest on Mutation {{ {} }}", list(half), list(rest))
    };
    // One change was the conversation.
    for _ in 0..3 {
        assert_eq!(refusal(&app.post(Some(&visitor.token), &fields(30), json!({})).await), None);
    }
    let refused = app.post(Some(&visitor.token), &fields(30), json!({})).await;
    assert_eq!(refusal(&refused).as_deref(), Some("RATE_LIMITED"), "{refused}");
    assert_eq!(refusal(&app.post(Some(&visitor.token), &fields(29), json!({})).await), None);
}

#[tokio::test]
async fn visitors_count_for_their_address_and_so_does_a_token_that_is_not_good() {
    let mut app = with(|config| config.anonymous_rate_per_minute = 20).await;
    let site = shop(&app).await;
    move_elsewhere(&mut app);
    let visitors = [app.visitor(&site).await, app.visitor(&site).await];
    let ask = async |token: &str| refusal(&app.post(Some(token), "{ __typename }", json!({})).await);
    for number in 0..18 {
        assert_eq!(ask(&visitors[number % 2].token).await, None, "{number}");
    }
    assert_eq!(ask(&visitors[0].token).await.as_deref(), Some("RATE_LIMITED"));
    assert_eq!(ask("no.such.token").await.as_deref(), Some("RATE_LIMITED"));
    // People with an account have a rate of their own.
    assert_eq!(ask(&site.admin.token).await, None);
    move_elsewhere(&mut app);
    let ask = async |token: &str| refusal(&app.post(Some(token), "{ __typename }", json!({})).await);
    for _ in 0..20 {
        assert_eq!(ask("no.such.token").await.as_deref(), Some("UNAUTHENTICATED/INVALID_TOKEN"));
    }
    assert_eq!(ask("no.such.token").await.as_deref(), Some("RATE_LIMITED"));
}

#[tokio::test]
async fn accounts_count_for_their_address_as_twenty_people_do() {
    let mut app = with(|config| config.rate_per_minute = 3).await;
    let mut people = Vec::new();
    for _ in 0..21 {
        people.push(app.person("ada").await.token);
    }
    let me = "{ me { id } }";
    for token in &people[..20] {
        for _ in 0..3 {
            app.run(Some(token), me, json!({})).await;
        }
    }
    let answer = app.post(Some(&people[20]), me, json!({})).await;
    assert_eq!(refusal(&answer).as_deref(), Some("RATE_LIMITED"));
    assert!(text(&answer["errors"][0]["message"]).contains("60 per minute"), "{answer}");
    move_elsewhere(&mut app);
    app.run(Some(&people[20]), me, json!({})).await;
}

#[tokio::test]
async fn nothing_is_read_of_a_request_that_is_too_much() {
    let app = with(|config| config.anonymous_rate_per_minute = 3).await;
    let from = app.from.to_string();
    let headers = [("x-forwarded-for", from.as_str()), ("content-type", "application/json")];
    for _ in 0..3 {
        wire::post(&app.url(), &headers[..1], &json!({ "query": "{ __typename }" })).await;
    }
    // By GET, as events, and with a body that is no request.
    let get = wire::send(&app.url(), "GET", "/graphql?query=%7B__typename%7D", &headers[..1], b"").await;
    let events = [headers[0], headers[1], ("accept", "text/event-stream")];
    let stream = wire::send(&app.url(), "POST", "/graphql/stream", &events, b"{}").await;
    let nonsense = wire::send(&app.url(), "POST", "/graphql", &headers, &vec![b'x'; 10_000]).await;
    for answer in [get, stream, nonsense] {
        assert_eq!((answer.status, answer.code().as_str()), (429, "RATE_LIMITED"));
    }
}

#[tokio::test]
async fn searching_is_bounded_by_address_and_site() {
    let mut app = usual().await;
    let site = shop(&app).await;
    let search = async |app: &TestApp| refusal(&app.post(None, SEARCH, json!({ "k": site.key, "t": "iade" })).await);
    for _ in 0..300 {
        assert_eq!(search(&app).await, None);
    }
    assert_eq!(search(&app).await.as_deref(), Some("RATE_LIMITED"));
    move_elsewhere(&mut app);
    assert_eq!(search(&app).await, None);
}
