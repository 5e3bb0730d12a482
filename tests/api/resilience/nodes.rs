//! Two servers on one database, with Redis between them.

use std::sync::Arc;

use serde_json::{Value, json};
use yanit::ports::ai::{Finish, Models, Scripted};

use crate::{
    agents::dashboard,
    desk::DESK,
    harness::{
        app::{Options, Storage, TestApp, setting},
        people::text,
        vendors::{Fault, KEY, MODEL, Vendor},
        ws::Ws,
    },
    widgets::{bootstrap, set_emergency},
};

/// Two servers on one place; nothing, said aloud, where servers cannot share.
async fn two(mut options: impl FnMut() -> Options) -> Option<(TestApp, TestApp)> {
    if setting("TEST_DATABASE_URL").is_none() || setting("TEST_REDIS_URL").is_none() {
        eprintln!("skipped: two servers need PostgreSQL and Redis (TEST_DATABASE_URL, TEST_REDIS_URL)");
        return None;
    }
    let storage = Arc::new(Storage::new().await);
    Some((TestApp::on(storage.clone(), options()).await, TestApp::on(storage, options()).await))
}

#[tokio::test]
async fn a_message_sent_on_one_node_arrives_on_the_other() {
    const FOLLOW: &str = "subscription F($c: ID!) { messages(conversationId: $c, after: \"beginning\") { ... on MessageChanged { message { seq body } } } }";
    let Some((one, other)) = two(Options::default).await else { return };
    let site = one.site("acme").await;
    let visitor = one.visitor(&site).await;
    let conversation = one.conversation(&visitor).await;
    let mut here = Ws::signed_in(&one.ws_url(), Some(&site.admin.token)).await;
    let mut there = Ws::signed_in(&other.ws_url(), Some(&visitor.token)).await;
    here.subscribe("f", FOLLOW, json!({ "c": conversation })).await;
    there.subscribe("f", FOLLOW, json!({ "c": conversation })).await;
    for seq in 1..=20 {
        let body = format!("message {seq}");
        let (node, token) = if seq % 2 == 0 { (&one, &visitor.token) } else { (&other, &site.admin.token) };
        node.say(token, &conversation, &body).await;
        for ws in [&mut here, &mut there] {
            assert_eq!(ws.next("f").await["messages"]["message"], json!({ "seq": seq, "body": body }));
        }
    }
}

#[tokio::test]
async fn typing_passes_to_the_other_node() {
    const FOLLOW: &str = "subscription T($c: ID!) { conversationEvents(conversationId: $c) { __typename ... on TypingChanged { authorName isTyping } } }";
    const TYPING: &str = "mutation T($i: SetTypingInput!) { setTyping(input: $i) { conversationId } }";
    let Some((one, other)) = two(Options::default).await else { return };
    let site = one.site("acme").await;
    let agent = one.agent(&site, "Ada").await;
    let visitor = one.visitor(&site).await;
    let conversation = one.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&other.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("t", FOLLOW, json!({ "c": conversation })).await;
    let input = json!({ "i": { "conversationId": conversation, "isTyping": true } });
    let event = ws.provoke("t", || one.run(Some(&agent.token), TYPING, input.clone())).await;
    assert_eq!(
        event["conversationEvents"],
        json!({ "__typename": "TypingChanged", "authorName": "Ada", "isTyping": true })
    );
}

#[tokio::test]
async fn the_mode_of_a_widget_is_the_same_on_both_nodes() {
    const MODE: &str = "subscription W($k: String) { widgetMode(siteKey: $k) { mode reason } }";
    let Some((one, other)) = two(Options::default).await else { return };
    let site = one.site("acme").await;
    let agent = one.agent(&site, "Ada").await;
    let mut watchers = Vec::new();
    for node in [&one, &other, &other] {
        let mut ws = Ws::signed_in(&node.ws_url(), None).await;
        ws.subscribe("w", MODE, json!({ "k": site.key })).await;
        assert_eq!(ws.next("w").await["widgetMode"], json!({ "mode": "BUSY", "reason": "NO_AGENT" }));
        watchers.push(ws);
    }
    let open = dashboard(&other, &site, &agent).await;
    for ws in &mut watchers {
        assert_eq!(ws.next("w").await["widgetMode"], json!({ "mode": "ONLINE", "reason": "AVAILABLE" }));
    }
    set_emergency(&one, &site, json!({})).await;
    // An answer is not older than the question, on the other node either.
    assert_eq!(bootstrap(&other, &site).await["state"]["reason"], "EMERGENCY");
    for ws in &mut watchers {
        assert_eq!(ws.next("w").await["widgetMode"], json!({ "mode": "OFFLINE", "reason": "EMERGENCY" }));
    }
    let versions = [bootstrap(&one, &site).await["version"].take(), bootstrap(&other, &site).await["version"].take()];
    assert_eq!(versions[0], versions[1]);
    open.close().await;
}

/// What one node finds out about a provider, all know: those who follow on another, and a node that comes later.
#[tokio::test]
async fn a_provider_that_fails_one_node_is_known_to_all() {
    const EVENTS: &str = "subscription E($s: ID!) { providerEvents(siteId: $s) { __typename \
        ... on ProvidersNow { failing { reason } } ... on ProviderFailing { reason } ... on ProviderRecovered { model } } }";
    let options = || Options {
        configure: Some(Box::new(|config: &mut yanit::config::Config| config.allow_private_models = true)),
        ..Options::default()
    };
    let Some((one, other)) = two(options).await else { return };
    let server = Vendor::Openai.start().await;
    let site = one.site("acme").await;
    one.article(&site, "İade", "İade süresi teslimden sonra 30 gündür.").await;
    let settings =
        json!({ "provider": "OPENAI", "baseUrl": Vendor::Openai.base_url(&server), "apiKey": KEY, "model": MODEL });
    let assistant = one.assistant(&site, settings).await;
    let mut staff = Vec::new();
    for node in [&one, &other] {
        let mut ws = Ws::signed_in(&node.ws_url(), Some(&site.admin.token)).await;
        ws.subscribe("p", EVENTS, json!({ "s": site.id })).await;
        assert_eq!(ws.next("p").await["providerEvents"], json!({ "__typename": "ProvidersNow", "failing": [] }));
        let mut desk = Ws::signed_in(&node.ws_url(), Some(&site.admin.token)).await;
        desk.subscribe("d", DESK, json!({ "s": site.id, "a": "beginning" })).await;
        staff.push((ws, desk));
    }
    // Whichever node answers: three failures in a row are three, also where each node met some of them.
    for number in 0..3 {
        server.plays(Vendor::Openai.refuses(Fault::Broken));
        server.plays(Vendor::Openai.refuses(Fault::Broken));
        let node = if number % 2 == 0 { &one } else { &other };
        let visitor = node.visitor(&site).await;
        let conversation = node.conversation(&visitor).await;
        let ended =
            "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename } }";
        let mut ws = Ws::signed_in(&node.ws_url(), Some(&visitor.token)).await;
        ws.subscribe("e", ended, json!({ "c": conversation })).await;
        node.say(&visitor.token, &conversation, "İade süresi kaç gündür?").await;
        ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
    }
    for (ws, desk) in &mut staff {
        let told = ws.until("p", |event| event["providerEvents"]["__typename"] == "ProviderFailing").await;
        assert_eq!(told.len(), 1, "once: {told:#?}");
        assert_eq!(told[0]["providerEvents"]["reason"], "PROVIDER_ERROR");
        desk.until("d", |event| event["staffEvents"]["__typename"] == "ProviderFailing").await;
    }
    for node in [&one, &other] {
        let mut late = Ws::signed_in(&node.ws_url(), Some(&site.admin.token)).await;
        late.subscribe("p", EVENTS, json!({ "s": site.id })).await;
        assert_eq!(late.next("p").await["providerEvents"]["failing"][0]["reason"], "PROVIDER_ERROR");
        let page =
            node.http.get(format!("http://{}/metrics", node.address)).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("yanit_providers_failing{provider=\"OPENAI\"} 1"), "{page}");
    }
    // It answers the other node.
    let test = "mutation T($i: TestProviderInput!) { testProvider(input: $i) { ok } }";
    other.run(Some(&site.admin.token), test, json!({ "i": { "assistantId": assistant } })).await;
    for (ws, _) in &mut staff {
        let told = ws.until("p", |event| event["providerEvents"]["__typename"] == "ProviderRecovered").await;
        assert_eq!((told.len(), &told[0]["providerEvents"]["model"]), (1, &json!(MODEL)), "{told:#?}");
    }
}

#[tokio::test]
async fn a_desk_on_one_node_is_told_of_what_happens_on_the_other() {
    let Some((one, other)) = two(Options::default).await else { return };
    let site = one.site("acme").await;
    let (ada, bora) = (one.agent(&site, "Ada").await, one.agent(&site, "Bora").await);
    let mut desks = Vec::new();
    for (node, person) in [(&one, &bora), (&other, &bora), (&other, &site.admin)] {
        let mut ws = Ws::signed_in(&node.ws_url(), Some(&person.token)).await;
        ws.subscribe("d", DESK, json!({ "s": site.id, "a": "beginning" })).await;
        desks.push(ws);
    }
    let open = dashboard(&one, &site, &ada).await;
    let visitor = other.visitor(&site).await;
    let conversation = other.conversation(&visitor).await;
    other.ask_for_person(&visitor, &conversation).await;
    one.until_assigned(&site, &conversation).await;
    let note = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
    let input =
        json!({ "i": { "conversationId": conversation, "body": "bak", "mentionIds": [bora.id, site.admin.id] } });
    other.run(Some(&ada.token), note, input).await;
    let mut told = Vec::new();
    for ws in &mut desks {
        let events = ws.until("d", |event| event["staffEvents"]["__typename"] == "MentionChanged").await;
        let of = |kind: &str| events.iter().filter(|event| event["staffEvents"]["__typename"] == kind).count();
        assert_eq!((of("QueueChanged"), of("Gap")), (2, 0), "{events:#?}");
        let named = |event: &Value| (event["__typename"].clone(), event["conversationId"].clone());
        let events = events.iter().map(|event| &event["staffEvents"]);
        // How many changes of an agent, and of a conversation in the inbox, are told of at once is a matter of time.
        let at_once = ["PresenceChanged", "ViewersChanged", "MentionChanged", "InboxEntry"];
        let (at_once, each): (Vec<_>, Vec<_>) =
            events.partition(|event| event["__typename"].as_str().is_none_or(|kind| at_once.contains(&kind)));
        let mut inbox: Vec<_> =
            at_once.into_iter().filter(|event| event["__typename"] == "InboxEntry").map(named).collect();
        inbox.dedup();
        told.push((each.into_iter().map(named).collect::<Vec<_>>(), inbox));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    open.close().await;
}

/// The question is asked on one node, whichever node answers, and one watches on each.
#[tokio::test]
async fn an_answer_streams_to_watchers_on_both_nodes() {
    const EVENTS: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename \
 ... on Chunk { runId start text } ... on RunFinished { message { body } } } }";
    let (model, mut calls) = Scripted::stepped();
    let model = Arc::new(model);
    let options = || Options { models: Some(Models::with_openai_compatible(model.clone())), ..Options::default() };
    let Some((one, other)) = two(options).await else { return };
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
    let mut shown = vec![Vec::<char>::new(); watchers.len()];
    // Each part is seen on both nodes before the next one is written.
    let mut answer = String::new();
    for part in ["Good ", "morning", ", Ada", ". How are you?"] {
        call.say(part);
        answer.push_str(part);
        for (ws, shown) in watchers.iter_mut().zip(&mut shown) {
            while !shown.iter().eq(answer.chars().collect::<Vec<_>>().iter()) {
                show(shown, &ws.next("e").await["conversationEvents"]);
                assert!(answer.starts_with(&shown.iter().collect::<String>()), "{shown:?}");
            }
        }
    }
    call.finish(Finish::Stop, None);
    for ws in &mut watchers {
        let events = ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
        assert_eq!(text(&events[events.len() - 1]["conversationEvents"]["message"]["body"]), answer);
    }
}

/// Applies a chunk as a widget does: its text stands from `start` on.
fn show(shown: &mut Vec<char>, event: &Value) {
    if event["__typename"] == "Chunk" {
        shown.truncate(usize::try_from(event["start"].as_u64().expect("a start")).expect("a short text"));
        shown.extend(event["text"].as_str().expect("a text").chars());
    }
}
