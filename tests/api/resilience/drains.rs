//! Nodes are stopped, as supervisors and Ctrl-C do, while something is under way.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use yanit::config::Config;

use super::{
    client::{Chat, DEADLINE},
    processes::{Node, servers_can_share, until},
};
use crate::harness::{
    app::{Options, Storage, TestApp},
    openai::{MODELS, Openai, Script},
    people::{Visitor, text},
    ws::Ws,
};

const EVENTS: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename \
 ... on Chunk { text } ... on RunFailed { reason } ... on RunFinished { message { body } } } }";

/// Settings of nodes that ask this vendor.
fn with_vendor(storage: &Storage, vendor: &Openai) -> Config {
    Config { openai_url: Some(vendor.url()), openai_model: Some(MODELS[0].into()), ..storage.config() }
}

/// A visitor and their conversation with an assistant that asks the vendor, made by a server that has ended.
async fn asked_by(storage: &Arc<Storage>, vendor: &Openai) -> (Visitor, String) {
    let config = with_vendor(storage, vendor);
    let configure: Box<dyn FnOnce(&mut Config) + Send> = Box::new(move |it| *it = config);
    let app = TestApp::on(storage.clone(), Options { configure: Some(configure), ..Options::default() }).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.shut_down().await;
    (visitor, conversation)
}

async fn next(ws: &mut Ws) -> Value {
    let event = ws.try_next_json(Duration::from_secs(10)).await.expect("nothing is told");
    event["payload"]["data"]["conversationEvents"].clone()
}

async fn refuses_connections(node: &Node) {
    until("it takes no more connections", async || TcpStream::connect(node.address).await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_tells_the_others_of_an_answer_until_it_ends() {
    if !servers_can_share() {
        return;
    }
    let vendor = Openai::start(None).await;
    let storage = Arc::new(Storage::new().await);
    let (visitor, conversation) = asked_by(&storage, &vendor).await;
    // Alone at first, so that it is known who answers.
    let mut one = Node::start(with_vendor(&storage, &vendor)).await;
    let answer = Script::answer().text("You can change ").wait().text("it in ").wait().text("the settings.");
    vendor.plays(answer.finish("stop").end());
    Chat::new(vec![one.address], &visitor.token, &conversation).send(0, "Where do I change it?").await;
    until("the model is asked", async || !vendor.requests().is_empty()).await;
    let other = Node::start(with_vendor(&storage, &vendor)).await;
    let mut ws = Ws::signed_in(&other.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation })).await;
    let mut told = String::new();
    while told != "You can change " {
        let event = next(&mut ws).await;
        told.push_str(event["text"].as_str().unwrap_or_default());
    }
    one.terminate();
    refuses_connections(&one).await;
    // Longer than any pause in which a bus could think that nothing follows.
    tokio::time::sleep(Duration::from_secs(1)).await;
    vendor.go();
    while told != "You can change it in " {
        let event = next(&mut ws).await;
        told.push_str(event["text"].as_str().unwrap_or_default());
    }
    vendor.go();
    let finished = loop {
        let event = next(&mut ws).await;
        assert_ne!(event["__typename"], "RunFailed", "{event}");
        if event["__typename"] == "RunFinished" {
            break text(&event["message"]["body"]);
        }
    };
    assert_eq!(finished, "You can change it in the settings.");
    assert!(one.ended(DEADLINE).await);
    assert_eq!(vendor.requests().len(), 1, "nobody else was asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_ends_in_time_whatever_hangs() {
    let vendor = Openai::start(None).await;
    let storage = Arc::new(Storage::new().await);
    let (visitor, conversation) = asked_by(&storage, &vendor).await;
    let mut node = Node::start(Config { shutdown_seconds: 1, ..with_vendor(&storage, &vendor) }).await;
    // A model that says no more, and a client that does not say what it wants.
    vendor.plays(Script::answer().text("You can change ").wait());
    Chat::new(vec![node.address], &visitor.token, &conversation).send(0, "Where do I change it?").await;
    until("the model is asked", async || !vendor.requests().is_empty()).await;
    let silent = TcpStream::connect(node.address).await.expect("it listens");
    silent.writable().await.expect("it is connected");
    silent
        .try_write(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        )
        .expect("room for a few bytes");
    node.terminate();
    assert!(node.ended(Duration::from_secs(6)).await);
    // Nothing is lost: the next node answers.
    let node = Node::start(with_vendor(&storage, &vendor)).await;
    let mut ws = Ws::signed_in(&node.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation })).await;
    loop {
        let event = ws.try_next_json(DEADLINE).await.expect("nobody answers");
        let event = &event["payload"]["data"]["conversationEvents"];
        assert_ne!(event["__typename"], "RunFailed", "{event}");
        if event["__typename"] == "RunFinished" {
            break;
        }
    }
}
