//! Subscriptions as server-sent events.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::Person,
    wire::{self, Events},
};

const FOLLOW: &str =
    "subscription F($c: ID!) { messages(conversationId: $c) { ... on MessageChanged { message { seq body } } } }";
const STREAM: (&str, &str) = ("accept", "text/event-stream");

async fn follow(app: &TestApp, token: &str, conversation: &str) -> Events {
    let authorization = format!("Bearer {token}");
    let body = json!({ "query": FOLLOW, "variables": { "c": conversation } });
    let mut events = Events::open(&app.url(), &[("authorization", &authorization)], &body).await;
    let head = events.until("retry: ").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
    // The execution begins to listen a moment after the stream was opened.
    tokio::time::sleep(Duration::from_millis(300)).await;
    events
}

async fn customer(app: &TestApp) -> (Person, String) {
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "before").await;
    (site.admin, conversation)
}

#[tokio::test]
async fn events_come_with_keep_alives_until_the_sign_in_ends() {
    let options = Options { configure: Some(Box::new(|config| config.ping_seconds = 1)), ..Options::default() };
    let app = TestApp::with(options).await;
    let (admin, conversation) = customer(&app).await;
    let mut events = follow(&app, &admin.token, &conversation).await;
    app.say(&admin.token, &conversation, "merhaba").await;
    let text = events.until("\"body\":\"merhaba\"").await;
    assert!(text.contains("event: next\ndata: {\"data\":{\"messages\":"), "{text}");
    let soon = events.until("\n:\n\n").await.len();
    assert!(soon > 0);
    app.run(Some(&admin.token), "mutation { logout(input: {}) { __typename } }", Value::Null).await;
    let text = events.end().await;
    assert!(text.contains("SESSION_REVOKED") && text.contains("event: complete\ndata:\n\n"), "{text}");
}

#[tokio::test]
async fn a_token_that_runs_out_ends_its_stream() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let (admin, conversation) = customer(&app).await;
    let events = follow(&app, &admin.token, &conversation).await;
    app.clock.advance(Duration::from_secs(60 * 60));
    let text = events.end().await;
    assert!(text.contains("TOKEN_EXPIRED") && text.contains("event: complete"), "{text}");
}

#[tokio::test]
async fn a_server_that_stops_ends_streams_with_a_hint_to_return() {
    let app = TestApp::start().await;
    let (admin, conversation) = customer(&app).await;
    let events = follow(&app, &admin.token, &conversation).await;
    let (text, ()) = tokio::join!(events.end(), app.shut_down());
    assert!(text.contains("retry: 100\n") && !text.contains("event: complete"), "{text}");
}

#[tokio::test]
async fn get_works_and_queries_have_one_event() {
    let app = TestApp::start().await;
    for path in ["/graphql/stream?query=%7B__typename%7D", "/graphql?query=%7B__typename%7D"] {
        let answer = wire::send(&app.url(), "GET", path, &[STREAM], b"").await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .body
                .ends_with("event: next\ndata: {\"data\":{\"__typename\":\"Query\"}}\n\nevent: complete\ndata:\n\n"),
            "{answer:?}"
        );
    }
    let mutation = "/graphql/stream?query=mutation%7Blogout(input:%7B%7D)%7B__typename%7D%7D";
    assert_eq!(wire::send(&app.url(), "GET", mutation, &[STREAM], b"").await.status, 405);
}

#[tokio::test]
async fn refusals_are_statuses_before_and_events_after_the_document_was_read() {
    let app = TestApp::start().await;
    let path = "/graphql/stream?query=%7B__typename%7D";
    let answer = wire::send(&app.url(), "GET", path, &[STREAM, ("authorization", "Bearer x")], b"").await;
    assert_eq!((answer.status, answer.reason().as_str()), (401, "INVALID_TOKEN"));
    assert_eq!(wire::send(&app.url(), "GET", path, &[("accept", "text/html")], b"").await.status, 406);
    let (_, conversation) = customer(&app).await;
    let body = json!({ "query": FOLLOW, "variables": { "c": conversation } });
    let text = Events::open(&app.url(), &[], &body).await.end().await;
    assert!(text.contains("\"code\":\"UNAUTHENTICATED\"") && text.contains("event: complete"), "{text}");
}

/// T1: as over HTTP and WebSockets, an error of that operation; `query` may come beside it.
#[tokio::test]
async fn clients_of_persisted_queries_are_told_to_send_the_document_as_events_too() {
    let app = TestApp::start().await;
    let hash = json!({ "persistedQuery": { "version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38" } });
    let told = |answer: &wire::Answer| {
        assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_SUPPORTED", "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["message"], "PersistedQueryNotSupported");
    };
    let json = ("content-type", "application/json");
    for body in [json!({ "extensions": hash }), json!({ "query": null, "extensions": hash, "variables": {} })] {
        for path in ["/graphql/stream", "/graphql"] {
            told(&wire::send(&app.url(), "POST", path, &[STREAM, json], body.to_string().as_bytes()).await);
        }
    }
    let text = hash.to_string();
    let url = reqwest::Url::parse_with_params(&app.url(), [("extensions", text.as_str())]).unwrap();
    for path in ["/graphql/stream", "/graphql"] {
        let path = format!("{path}?{}", url.query().unwrap());
        told(&wire::send(&app.url(), "GET", &path, &[STREAM], b"").await);
    }
    let both = json!({ "query": "{ __typename }", "extensions": hash }).to_string();
    let answer = wire::send(&app.url(), "POST", "/graphql/stream", &[STREAM, json], both.as_bytes()).await;
    assert!(answer.body.contains("data: {\"data\":{\"__typename\":\"Query\"}}"), "{answer:?}");
}
