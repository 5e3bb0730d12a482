//! Followers find out by themselves what nobody told them.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use yanit::{
    config::Config,
    kernel::clock::Clock,
    ports::ai::{Finish, Models, Scripted},
};

use super::processes::{OwnRedis, servers_can_share};
use crate::harness::{
    app::{Options, Storage, TestApp},
    people::text,
    ws::Ws,
};

const MESSAGES: &str =
    "subscription M($c: ID!) { messages(conversationId: $c) { ... on MessageChanged { message { body } } } }";
const INBOX: &str = "subscription I($s: ID!) { inboxEvents(siteId: $s) { ... on InboxEntry { conversation { lastMessage { body } } } } }";
const EVENTS: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename \
 ... on Chunk { start text } ... on RunFinished { message { body } } } }";

fn configured(change: impl FnOnce(&mut Config) + Send + 'static) -> Options {
    Options { configure: Some(Box::new(change)), ..Options::default() }
}

/// Two nodes that do not hear each other and do not know it: as if each signal between them got lost, or each node died
/// between its commits and telling of them.
#[tokio::test]
async fn what_nobody_told_of_is_found_within_half_a_minute() {
    if !servers_can_share() {
        return;
    }
    let storage = Arc::new(Storage::new().await);
    let redis = OwnRedis::start();
    let url = redis.url();
    let clock = Clock::manual(Clock::system().now());
    let one = TestApp::on(storage.clone(), Options::default()).await;
    let elsewhere = configured(move |config| config.redis_url = Some(url));
    let other = TestApp::on(storage, Options { clock: Some(clock.clone()), ..elsewhere }).await;
    let site = other.site("acme").await;
    let visitor = other.visitor(&site).await;
    let conversation = other.conversation(&visitor).await;
    let mut messages = Ws::signed_in(&other.ws_url(), Some(&visitor.token)).await;
    messages.subscribe("f", MESSAGES, json!({ "c": conversation })).await;
    let mut inbox = Ws::signed_in(&other.ws_url(), Some(&site.admin.token)).await;
    inbox.subscribe("f", INBOX, json!({ "s": site.id })).await;
    // They have begun once they hear of what happens on their own node. The agent speaks: nobody comes to wait, so nothing
    // else happens that could wake them.
    let here = || other.say(&site.admin.token, &conversation, "here");
    assert_eq!(messages.provoke("f", here).await["messages"]["message"]["body"], "here");
    inbox.next("f").await;
    one.say(&site.admin.token, &conversation, "from afar").await;
    let later = || async { clock.advance(Duration::from_secs(30)) };
    let mut told = messages.provoke("f", later).await;
    while told["messages"]["message"]["body"] == "here" {
        told = messages.next("f").await;
    }
    assert_eq!(told["messages"]["message"]["body"], "from afar");
    inbox.until("f", |event| event["inboxEvents"]["conversation"]["lastMessage"]["body"] == "from afar").await;
}

/// Without Redis nodes on PostgreSQL look into the database once a second.
#[tokio::test]
async fn without_a_common_bus_nodes_look_for_messages_and_answers() {
    let storage = Arc::new(Storage::new().await);
    if !storage.is_shared() {
        return;
    }
    let (model, mut calls) = Scripted::stepped();
    let model = Arc::new(model);
    let options = || Options {
        models: Some(Models::with_openai_compatible(model.clone())),
        ..configured(|config| config.redis_url = None)
    };
    let (one, other) = (TestApp::on(storage.clone(), options()).await, TestApp::on(storage, options()).await);
    let site = one.site("acme").await;
    one.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    let visitor = one.visitor(&site).await;
    let conversation = one.conversation(&visitor).await;
    let mut watchers = Vec::new();
    for node in [&one, &other] {
        let mut ws = Ws::signed_in(&node.ws_url(), Some(&visitor.token)).await;
        ws.subscribe("e", EVENTS, json!({ "c": conversation })).await;
        watchers.push(ws);
    }
    one.say(&visitor.token, &conversation, "hi").await;
    let call = calls.next().await.expect("the model is asked");
    // The text comes while it is written, on whichever node that is.
    let mut answer = String::new();
    let mut shown = vec![String::new(); watchers.len()];
    for part in ["Good ", "morning", ", Ada"] {
        call.say(part);
        answer.push_str(part);
        for (ws, shown) in watchers.iter_mut().zip(&mut shown) {
            while *shown != answer {
                let event = &ws.next("e").await["conversationEvents"];
                if event["__typename"] == "Chunk" {
                    assert_eq!(event["start"], shown.chars().count(), "{event}");
                    shown.push_str(event["text"].as_str().expect("a text"));
                }
            }
        }
    }
    call.finish(Finish::Stop, None);
    for ws in &mut watchers {
        let events = ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
        assert_eq!(text(&events[events.len() - 1]["conversationEvents"]["message"]["body"]), answer);
    }
}
