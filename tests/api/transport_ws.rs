//! `graphql-transport-ws`, close code by close code, and what happens to sockets that are silent, slow or signed out.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    app::{Options, TestApp},
    people::Visitor,
    wire,
    ws::{PROTOCOL, Ws},
};

const HELLO: &str = "{ __typename }";
const FOLLOW: &str = "subscription F($c: ID!, $a: EventCursor) { messages(conversationId: $c, after: $a) { ... on MessageChanged { message { seq authorKind body } } } }";

/// Longer than any hint takes to end a socket.
const SECONDS: Duration = Duration::from_secs(4);

fn configured(change: impl FnOnce(&mut yanit::config::Config) + Send + 'static) -> Options {
    Options { configure: Some(Box::new(change)), ..Options::default() }
}

async fn talk(app: &TestApp) -> (Visitor, String, crate::harness::people::Site) {
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    (visitor, conversation, site)
}

/// What comes next, but for what the server says of its own accord of what becomes of the conversation.
async fn said(ws: &mut Ws) -> serde_json::Value {
    loop {
        let message = ws.next_json().await;
        if message["payload"]["data"]["messages"]["message"]["authorKind"] != "SYSTEM" {
            return message;
        }
    }
}

/// Returns once the server has taken what was sent before.
async fn settle(ws: &mut Ws) {
    ws.send(json!({ "type": "ping" })).await;
    assert_eq!(said(ws).await["type"], "pong");
}

#[tokio::test]
async fn a_message_that_is_not_understood_closes_with_4400() {
    let app = TestApp::start().await;
    for bad in [
        "",
        "[]",
        "{}",
        "nonsense",
        r#"{"type":"nonsense"}"#,
        r#"{"type":"start","id":"1","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
        r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":null,"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":{},"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1","payload":null}"#,
        r#"{"type":"subscribe","id":"1","payload":"{ __typename }"}"#,
        r#"{"type":"subscribe","id":"1","payload":["{ __typename }"]}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":null}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","operationName":1}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","extensions":"x"}}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"complete","id":""}"#,
        r#"{"type":"complete","id":1}"#,
        r#"{"type":"complete","id":null}"#,
        r#"{"type":"ping","payload":"x"}"#,
        r#"{"type":"ping","payload":1}"#,
        r#"{"type":"ping","payload":true}"#,
        r#"{"type":"ping","payload": [{}]}"#,
        r#"{"type":"pong","payload":"x"}"#,
        r#"{"type":"pong","payload":[]}"#,
        r#"{"type":"ping","payload":{}"#,
        r#"{"type":1}"#,
        r#"{"type":null}"#,
        r#"{"type":["ping"]}"#,
        r#"{"type":"ping","type":"ping"}"#,
        r#"{"type":"ping"} {"type":"ping"}"#,
        // What only a server says.
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"next","id":"1","payload":{"data":null}}"#,
        r#"{"type":"error","id":"1","payload":[]}"#,
    ] {
        let mut ws = Ws::signed_in(&app.ws_url(), None).await;
        ws.send_raw(bad).await;
        assert_eq!(ws.closed().await.0, 4400, "{bad}");
    }
    let mut ws = Ws::open(&app.ws_url()).await;
    ws.send_message(Message::binary(vec![1, 2])).await;
    assert_eq!(ws.closed().await.0, 4400);
    for payload in [json!([1]), json!("x"), json!(1), json!(false)] {
        let mut ws = Ws::open(&app.ws_url()).await;
        ws.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(ws.closed().await.0, 4400, "{payload}");
    }
}

#[tokio::test]
async fn what_a_message_need_not_have_may_be_null_or_anything() {
    let app = TestApp::start().await;
    let mut ws = Ws::open(&app.ws_url()).await;
    ws.send_raw(r#"{"type":"ping","payload":null}"#).await;
    assert_eq!(ws.next_json().await, json!({ "type": "pong" }));
    ws.send_raw(r#"{"payload": null, "id": 7, "type": "connection_init", "more": [] }"#).await;
    assert_eq!(ws.next_json().await["type"], "connection_ack");
    ws.send_raw(r#"{"type":"pong","payload":{"a":1}}"#).await;
    ws.send_raw(r#"{"type":"complete","id":"unknown","payload":1}"#).await;
    let payload = r#"{"query":"{ __typename }","variables":null,"operationName":null,"extensions":null}"#;
    ws.send_raw(&format!(r#"{{"type":"subscribe","payload":{payload},"id":"1"}}"#)).await;
    assert_eq!(ws.next_json().await["type"], "next");
}

#[tokio::test]
async fn subscribing_before_the_acknowledgement_closes_with_4401() {
    let app = TestApp::start().await;
    let mut ws = Ws::open(&app.ws_url()).await;
    ws.subscribe("1", HELLO, json!({})).await;
    assert_eq!(ws.closed().await.0, 4401);
}

#[tokio::test]
async fn a_bad_sign_in_closes_with_4403() {
    let app = TestApp::start().await;
    for payload in
        [json!({ "authorization": "Bearer nonsense" }), json!({ "Authorization": "Basic x" }), json!({ "token": "x" })]
    {
        let mut ws = Ws::open(&app.ws_url()).await;
        ws.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(ws.closed().await, (4403, "Forbidden: INVALID_TOKEN".into()));
    }
}

#[tokio::test]
async fn another_subprotocol_closes_with_4406() {
    let app = TestApp::start().await;
    let mut ws = Ws::connect(&app.ws_url(), &[], None).await.expect("the upgrade itself succeeds");
    assert_eq!(ws.closed().await.0, 4406);
    let mut ws = Ws::connect(&app.ws_url(), &["other", PROTOCOL], None).await.expect("one of them is ours");
    ws.init(json!({})).await;
    assert_eq!(wire::send(&app.url(), "GET", "/graphql/ws", &[], b"").await.status, 426);
}

#[tokio::test]
async fn no_connection_init_in_time_closes_with_4408() {
    let app = TestApp::with(configured(|config| config.read_timeout_seconds = 1)).await;
    let mut ws = Ws::open(&app.ws_url()).await;
    // Pings do not buy time.
    settle(&mut ws).await;
    assert_eq!(ws.closed().await.0, 4408);
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    assert!(ws.try_next_json(SECONDS).await.is_none(), "it stays open");
}

#[tokio::test]
async fn an_id_in_use_closes_with_4409_and_a_free_one_can_be_used_again() {
    let app = TestApp::start().await;
    let (visitor, conversation, _) = talk(&app).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    for _ in 0..2 {
        ws.subscribe("a", HELLO, json!({})).await;
        assert_eq!(ws.next_json().await["type"], "next");
        assert_eq!(ws.next_json().await, json!({ "type": "complete", "id": "a" }));
    }
    for _ in 0..2 {
        ws.subscribe("a", FOLLOW, json!({ "c": conversation })).await;
        ws.complete("a").await;
    }
    // Nothing answers the client's own `complete`.
    settle(&mut ws).await;
    ws.subscribe("a", FOLLOW, json!({ "c": conversation })).await;
    ws.subscribe("a", HELLO, json!({})).await;
    assert_eq!(ws.closed().await, (4409, "Subscriber for a already exists".into()));
}

#[tokio::test]
async fn a_second_connection_init_closes_with_4429() {
    let app = TestApp::start().await;
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    ws.send(json!({ "type": "connection_init" })).await;
    assert_eq!(ws.closed().await.0, 4429);
}

#[tokio::test]
async fn a_message_too_large_closes_with_1009() {
    let app = TestApp::with(configured(|config| config.max_body_bytes = 2_000)).await;
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    ws.send_raw(&"x".repeat(3_000)).await;
    assert_eq!(ws.closed().await.0, 1009);
}

#[tokio::test]
async fn pings_of_both_kinds_are_answered() {
    let app = TestApp::start().await;
    let mut ws = Ws::open(&app.ws_url()).await;
    ws.send(json!({ "type": "ping", "payload": { "a": [1] } })).await;
    assert_eq!(ws.next_json().await, json!({ "type": "pong", "payload": { "a": [1] } }));
    ws.send_message(Message::Ping(vec![7].into())).await;
    let pong = ws.next_message().await.expect("open").expect("well-formed");
    assert_eq!(pong, Message::Pong(vec![7].into()));
}

#[tokio::test]
async fn queries_and_mutations_run_over_the_socket() {
    let app = TestApp::start().await;
    let (visitor, conversation, _) = talk(&app).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let input = json!({ "conversationId": conversation, "body": "İyi\n\"günler\"", "clientId": crate::harness::people::new_id() });
    ws.subscribe("q\"\\ı", crate::harness::people::SEND, json!({ "i": input })).await;
    let message = ws.next_json().await;
    assert_eq!((message["type"].as_str(), message["id"].as_str()), (Some("next"), Some("q\"\\ı")));
    assert_eq!(message["payload"]["data"]["sendMessage"]["message"]["body"], "İyi\n\"günler\"");
    assert_eq!(ws.next_json().await["type"], "complete");
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($t: String!) { verifyToken(token: $t) { __typename } }", "BAD_USER_INPUT"),
        (
            "subscription { messages(conversationId: \"conv_00000000000000000000000000000000\") { __typename } }",
            "NOT_FOUND",
        ),
    ] {
        ws.subscribe("e", query, json!({})).await;
        let message = ws.next_json().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{message}");
    }
    settle(&mut ws).await;
}

#[tokio::test]
async fn a_sign_out_ends_the_sockets_of_that_sign_in_and_no_others() {
    let app = TestApp::start().await;
    let (ada, ben) = (app.person("ada").await, app.person("ben").await);
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&ada.token)).await;
    let mut other = Ws::signed_in(&app.ws_url(), Some(&ben.token)).await;
    app.run(Some(&ada.token), "mutation { logout(input: {}) { __typename } }", Value::Null).await;
    assert_eq!(ws.closed_within(SECONDS).await, (4403, "Forbidden: SESSION_REVOKED".into()));
    settle(&mut other).await;
}

#[tokio::test]
async fn a_token_that_runs_out_ends_its_socket() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let ada = app.person("ada").await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&ada.token)).await;
    app.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(ws.closed_within(SECONDS).await, (4403, "Forbidden: TOKEN_EXPIRED".into()));
    let mut ws = Ws::open(&app.ws_url()).await;
    ws.send(json!({ "type": "connection_init", "payload": { "token": ada.token } })).await;
    assert_eq!(ws.closed().await, (4403, "Forbidden: TOKEN_EXPIRED".into()));
}

#[tokio::test]
async fn the_server_pings_and_drops_who_is_silent() {
    let app = TestApp::with(configured(|config| config.ping_seconds = 1)).await;
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    assert!(matches!(ws.next_message().await, Some(Ok(Message::Ping(_)))));
    // A client that is not driven answers no ping, as one whose network is gone.
    let mut silent = Ws::signed_in(&app.ws_url(), None).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(silent.closed().await.0, 1006);
}

#[tokio::test]
async fn operations_and_connections_are_limited() {
    let limits = configured(|config| {
        config.max_subscriptions = 2;
        config.max_visitor_connections = 2;
    });
    let app = TestApp::with(limits).await;
    let (visitor, conversation, _) = talk(&app).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    for id in ["1", "2", "3"] {
        ws.subscribe(id, FOLLOW, json!({ "c": conversation })).await;
    }
    let refused = ws.next_json().await;
    assert_eq!((refused["type"].as_str(), refused["id"].as_str()), (Some("error"), Some("3")));
    assert_eq!(refused["payload"][0]["extensions"]["reason"], "TOO_MANY_SUBSCRIPTIONS");
    ws.complete("1").await;
    ws.subscribe("3", HELLO, json!({})).await;
    assert_eq!(ws.next_json().await["type"], "next");

    let second = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let mut third = Ws::open(&app.ws_url()).await;
    let init = json!({ "type": "connection_init", "payload": { "token": visitor.token } });
    third.send(init).await;
    assert_eq!(third.closed().await, (1013, "Try again later: TOO_MANY_CONNECTIONS".into()));
    second.close().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
}

#[tokio::test]
async fn identical_subscriptions_of_one_caller_share_an_execution() {
    let app = TestApp::start().await;
    let (visitor, conversation, site) = talk(&app).await;
    let agent = app.agent(&site, "a").await;
    let shared = app.metric("yanit_executions_shared_total").await;
    let mut sockets = Vec::new();
    for token in [&agent.token, &agent.token, &agent.token, &visitor.token] {
        let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
        ws.subscribe("s", FOLLOW, json!({ "c": conversation })).await;
        settle(&mut ws).await;
        sockets.push(ws);
    }
    // Other tests of this process may share too, so this is a lower bound.
    assert!(app.metric("yanit_executions_shared_total").await >= shared + 2.0);
    // The execution begins to listen a moment after the subscription was taken.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for number in 1..=20 {
        app.say(&visitor.token, &conversation, &format!("{number}")).await;
    }
    for ws in &mut sockets {
        for number in 1..=20 {
            let message = said(ws).await;
            assert_eq!(message["payload"]["data"]["messages"]["message"]["body"], number.to_string(), "{message}");
        }
    }
    // Who leaves takes nothing from the others.
    let mut rest = sockets.split_off(1);
    sockets.remove(0).close().await;
    app.say(&visitor.token, &conversation, "last").await;
    for ws in &mut rest {
        assert_eq!(said(ws).await["payload"]["data"]["messages"]["message"]["body"], "last");
    }
}

#[tokio::test]
async fn a_slow_consumer_is_cut_off_and_a_fast_one_gets_everything() {
    let app = TestApp::with(configured(|config| config.max_queued_events = 20)).await;
    let (visitor, conversation, site) = talk(&app).await;
    let agent = app.agent(&site, "a").await;
    let mut slow = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    let mut fast = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    for ws in [&mut slow, &mut fast] {
        // Many aliases make large events, so that the kernel's buffers are full soon.
        let bodies: String = (0..25).map(|n| format!(" b{n}: body")).collect();
        let follow = FOLLOW.replace("authorKind body", &format!("authorKind body{bodies}"));
        ws.subscribe("s", &follow, json!({ "c": conversation })).await;
        settle(ws).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let body = "x".repeat(9_000);
    for _ in 1..=120 {
        let sent = app.say(&visitor.token, &conversation, &body).await;
        assert_eq!(said(&mut fast).await["payload"]["data"]["messages"]["message"]["seq"], sent["seq"]);
    }
    assert_eq!(slow.closed().await.0, 1013);
    settle(&mut fast).await;
}

#[tokio::test]
async fn a_server_that_stops_closes_sockets_with_1001() {
    let app = TestApp::start().await;
    let (visitor, conversation, _) = talk(&app).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("s", FOLLOW, json!({ "c": conversation })).await;
    settle(&mut ws).await;
    let (closed, ()) = tokio::join!(ws.closed(), app.shut_down());
    assert_eq!(closed.0, 1001);
}

/// Everybody begins at another place of the past, and all go on in one execution: each has everything once.
#[tokio::test]
async fn who_resumes_shares_an_execution_after_catching_up() {
    const FOLLOW_ALL: &str = "subscription F($c: ID!, $after: EventCursor) { \
        conversationEvents(conversationId: $c, after: $after) { \
        ... on MessageChanged { cursor message { authorKind body } } ... on TypingChanged { isTyping } } }";
    /// The next event that is about a message or about typing.
    async fn next(ws: &mut Ws) -> serde_json::Value {
        let is_said = |event: &serde_json::Value| {
            let event = &event["conversationEvents"];
            *event != json!({}) && event["message"]["authorKind"] != "SYSTEM"
        };
        let seen = ws.until("s", is_said).await;
        seen[seen.len() - 1]["conversationEvents"].clone()
    }
    let app = TestApp::start().await;
    let (visitor, conversation, site) = talk(&app).await;
    let agent = app.agent(&site, "a").await;
    let mut first = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    first.subscribe("s", FOLLOW_ALL, json!({ "c": conversation, "after": "beginning" })).await;
    let mut cursors = Vec::new();
    for number in 0..10 {
        app.say(&visitor.token, &conversation, &number.to_string()).await;
        cursors.push(next(&mut first).await["cursor"].clone());
    }
    let shared = app.metric("yanit_executions_shared_total").await;
    let mut sockets = Vec::new();
    for (number, cursor) in cursors.iter().enumerate() {
        let mut ws = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
        ws.subscribe("s", FOLLOW_ALL, json!({ "c": conversation, "after": cursor })).await;
        sockets.push((number + 1, ws));
    }
    for number in 10..30 {
        app.say(&visitor.token, &conversation, &number.to_string()).await;
    }
    for (begins, ws) in &mut sockets {
        for number in *begins..30 {
            let event = next(ws).await;
            assert_eq!(event["message"]["body"], number.to_string(), "began at {begins}");
        }
    }
    // Other tests of this process may share too, so this is a lower bound.
    assert!(app.metric("yanit_executions_shared_total").await >= shared + 10.0);
    // What passes comes once, too, and nothing came in between.
    let typing = "mutation T($i: SetTypingInput!) { setTyping(input: $i) { conversationId } }";
    app.run(Some(&visitor.token), typing, json!({ "i": { "conversationId": conversation, "isTyping": true } })).await;
    app.say(&visitor.token, &conversation, "last").await;
    for (_, ws) in &mut sockets {
        assert_eq!(next(ws).await["isTyping"], true);
        assert_eq!(next(ws).await["message"]["body"], "last");
    }
}

/// T1: as over HTTP, and the connection goes on.
#[tokio::test]
async fn clients_of_persisted_queries_are_told_to_send_the_document_here_too() {
    let app = TestApp::start().await;
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    let hash = json!({ "persistedQuery": { "version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38" } });
    ws.send(json!({ "type": "subscribe", "id": "p", "payload": { "extensions": hash } })).await;
    let told = ws.next_json().await;
    assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!("p")), "{told}");
    let error = &told["payload"][0];
    assert_eq!(error["message"], "PersistedQueryNotSupported");
    assert_eq!(error["extensions"]["code"], "PERSISTED_QUERY_NOT_SUPPORTED");
    // However often, also while others run, and with the same id again.
    for id in ["q", "q", "r"] {
        let payload = json!({ "query": null, "operationName": "X", "variables": {}, "extensions": hash });
        ws.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
        let told = ws.next_json().await;
        assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!(id)), "{told}");
        assert_eq!(told["payload"][0]["message"], "PersistedQueryNotSupported");
    }
    ws.send(json!({ "type": "subscribe", "id": "p", "payload": { "query": HELLO, "extensions": hash } })).await;
    let answer = ws.next_json().await;
    assert_eq!(answer["payload"]["data"]["__typename"], "Query", "{answer}");
}
