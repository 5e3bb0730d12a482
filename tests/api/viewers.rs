//! Who of the staff has a conversation open: others of the staff see it, visitors never.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::{Person, Site, Visitor, text},
    ws::Ws,
};

pub(crate) const FOLLOW: &str = "subscription F($c: ID!) { conversationEvents(conversationId: $c) { __typename
    ... on ViewersChanged { conversationId viewers { agent { name } since typing } }
    ... on MessageChanged { message { body } } } }";
const INBOX: &str = "subscription I($s: ID!, $f: ConversationFilter) { inboxEvents(siteId: $s, filter: $f) { __typename
    ... on ViewersChanged { conversationId viewers { agent { name } } }
    ... on InboxEntry { conversationId } } }";
const VIEWERS: &str =
    "query V($c: ID!) { conversation(conversationId: $c) { viewers { agent { id name } since typing } } }";
const TYPE: &str = "mutation T($i: SetTypingInput!) { setTyping(input: $i) { conversationId } }";

/// A site, two agents, a visitor and their conversation.
async fn talk() -> (TestApp, Site, [Person; 2], Visitor, String) {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let agents = [app.agent(&site, "Ada").await, app.agent(&site, "Bora").await];
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    (app, site, agents, visitor, conversation)
}

/// Opens a conversation in a window.
async fn window(app: &TestApp, token: &str, conversation: &str) -> Ws {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
    ws.subscribe("e", FOLLOW, json!({ "c": conversation })).await;
    ws
}

fn names(viewers: &Value) -> Vec<String> {
    viewers.as_array().expect("a list").iter().map(|viewer| text(&viewer["agent"]["name"])).collect()
}

async fn viewers(app: &TestApp, token: &str, conversation: &str) -> Value {
    app.run(Some(token), VIEWERS, json!({ "c": conversation })).await["conversation"]["viewers"].take()
}

/// Asks until these are the viewers: what nodes tell each other comes a moment later.
pub(crate) async fn until_viewed_by(app: &TestApp, token: &str, conversation: &str, expected: &[&str]) -> Value {
    for _ in 0..600 {
        let viewers = viewers(app, token, conversation).await;
        if names(&viewers) == expected {
            return viewers;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{expected:?} are not seen: {}", viewers(app, token, conversation).await)
}

/// The next event that is not about the conversation as such: there is no assistant, so who writes waits for a person.
async fn event(ws: &mut Ws) -> Value {
    loop {
        let event = ws.next("e").await["conversationEvents"].take();
        if event["__typename"] != "ConversationChanged" {
            return event;
        }
    }
}

/// The viewers that the next event tells of.
async fn told(ws: &mut Ws) -> Vec<String> {
    let event = event(ws).await;
    assert_eq!(event["__typename"], "ViewersChanged", "{event}");
    names(&event["viewers"])
}

/// The next event is this message, and nothing before it.
async fn hears(ws: &mut Ws, body: &str) {
    let event = event(ws).await;
    assert_eq!((&event["__typename"], &event["message"]["body"]), (&json!("MessageChanged"), &json!(body)), "{event}");
}

#[tokio::test]
async fn the_staff_see_who_has_a_conversation_open_and_visitors_do_not() {
    let (app, site, [ada, bora], visitor, conversation) = talk().await;
    let mut theirs = window(&app, &visitor.token, &conversation).await;
    let mut first = window(&app, &ada.token, &conversation).await;
    let seen = until_viewed_by(&app, &bora.token, &conversation, &["Ada"]).await;
    assert_eq!(seen[0]["agent"]["id"], ada.id);
    assert_eq!((&seen[0]["since"], &seen[0]["typing"]), (&json!("2026-01-05T09:00:00+00:00"), &json!(false)));

    app.clock.advance(Duration::from_secs(1));
    let mut second = window(&app, &bora.token, &conversation).await;
    assert_eq!(told(&mut first).await, ["Ada", "Bora"]);
    // Who comes is told of those who are there.
    assert_eq!(told(&mut second).await, ["Ada", "Bora"]);
    until_viewed_by(&app, &site.admin.token, &conversation, &["Ada", "Bora"]).await;
    assert_eq!(viewers(&app, &visitor.token, &conversation).await, json!([]));

    second.close().await;
    assert_eq!(told(&mut first).await, ["Ada"]);
    first.complete("e").await;
    until_viewed_by(&app, &bora.token, &conversation, &[]).await;
    // The first thing that the visitor hears of is a message.
    app.say(&ada.token, &conversation, "Merhaba").await;
    hears(&mut theirs, "Merhaba").await;
}

#[tokio::test]
async fn several_windows_are_one_viewer() {
    let (app, _, [ada, bora], visitor, conversation) = talk().await;
    let mut watcher = window(&app, &bora.token, &conversation).await;
    until_viewed_by(&app, &bora.token, &conversation, &["Bora"]).await;
    app.clock.advance(Duration::from_secs(1));
    let one = window(&app, &ada.token, &conversation).await;
    assert_eq!(told(&mut watcher).await, ["Bora", "Ada"]);
    let mut other = window(&app, &ada.token, &conversation).await;
    // The other window has begun when it hears; then the first one goes.
    other.provoke("e", || app.say(&visitor.token, &conversation, "bir")).await;
    let mut nothing_is_told = async |body: &str| {
        app.say(&visitor.token, &conversation, body).await;
        let seen = watcher.until("e", |event| event["conversationEvents"]["message"]["body"] == body).await;
        let told = seen.iter().find(|event| event["conversationEvents"]["__typename"] == "ViewersChanged");
        assert!(told.is_none(), "{told:?}");
    };
    nothing_is_told("iki").await;
    one.close().await;
    nothing_is_told("üç").await;
    until_viewed_by(&app, &bora.token, &conversation, &["Bora", "Ada"]).await;
    other.close().await;
    assert_eq!(told(&mut watcher).await, ["Bora"]);
}

#[tokio::test]
async fn who_types_is_seen_typing_for_six_seconds() {
    let (app, _, [ada, bora], _, conversation) = talk().await;
    let _open = window(&app, &ada.token, &conversation).await;
    until_viewed_by(&app, &bora.token, &conversation, &["Ada"]).await;
    let types = async |is_typing: bool| {
        let input = json!({ "i": { "conversationId": conversation, "isTyping": is_typing } });
        app.run(Some(&ada.token), TYPE, input).await;
    };
    let seen = async |expected: bool| {
        for _ in 0..600 {
            if viewers(&app, &bora.token, &conversation).await[0]["typing"] == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("typing is not seen as {expected}");
    };
    types(true).await;
    seen(true).await;
    types(false).await;
    seen(false).await;
    types(true).await;
    seen(true).await;
    app.clock.advance(Duration::from_millis(5_999));
    assert_eq!(viewers(&app, &bora.token, &conversation).await[0]["typing"], true);
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(viewers(&app, &bora.token, &conversation).await[0]["typing"], false);
    // Being there does not depend on typing, nor on how the clock jumps.
    app.clock.advance(Duration::from_secs(600));
    until_viewed_by(&app, &bora.token, &conversation, &["Ada"]).await;
}

#[tokio::test]
async fn an_inbox_tells_of_viewers_of_its_conversations() {
    let (app, site, [ada, bora], visitor, conversation) = talk().await;
    let elsewhere = app.conversation(&app.visitor(&site).await).await;
    let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
    let input = json!({ "i": { "conversationId": conversation, "assigneeId": ada.id } });
    app.run(Some(&ada.token), assign, input).await;
    let mut inbox = Ws::signed_in(&app.ws_url(), Some(&bora.token)).await;
    inbox.subscribe("i", INBOX, json!({ "s": site.id, "f": { "assigneeId": ada.id } })).await;
    // It follows when it hears of a message.
    inbox.provoke("i", || app.say(&visitor.token, &conversation, "Merhaba")).await;
    let _not_in_it = window(&app, &site.admin.token, &elsewhere).await;
    until_viewed_by(&app, &bora.token, &elsewhere, &["acme-admin"]).await;
    let mut open = window(&app, &ada.token, &conversation).await;
    let mut told = async || {
        let seen = inbox.until("i", |event| event["inboxEvents"]["__typename"] == "ViewersChanged").await;
        let event = &seen[seen.len() - 1]["inboxEvents"];
        assert_eq!(event["conversationId"], conversation);
        names(&event["viewers"])
    };
    assert_eq!(told().await, ["Ada"]);
    open.complete("e").await;
    assert!(told().await.is_empty());
}

#[tokio::test]
async fn who_asks_as_a_customer_does_not_learn_who_reads_along() {
    const START: &str =
        "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let (app, site, [ada, bora], _, conversation) = talk().await;
    app.say(&site.admin.token, &conversation, "Buyurun").await;
    let assistant = app.assistant(&site, json!({ "openToCustomers": true })).await;
    let started = app.run(Some(&ada.token), START, json!({ "i": { "assistantId": assistant } })).await;
    let own = text(&started["startConversation"]["conversation"]["id"]);
    let mut inbox = Ws::signed_in(&app.ws_url(), Some(&ada.token)).await;
    inbox.subscribe("i", INBOX, json!({ "s": site.id })).await;
    inbox.provoke("i", || app.say(&ada.token, &own, "Merhaba")).await;
    let _of_hers = window(&app, &bora.token, &own).await;
    until_viewed_by(&app, &site.admin.token, &own, &["Bora"]).await;
    let _other = window(&app, &bora.token, &conversation).await;
    let seen = inbox.until("i", |event| event["inboxEvents"]["__typename"] == "ViewersChanged").await;
    assert_eq!(seen[seen.len() - 1]["inboxEvents"]["conversationId"], conversation);
    assert_eq!(viewers(&app, &ada.token, &own).await, json!([]));
}
