//! Documents that would cost too much: refused the same way over HTTP, WebSocket and SSE, at once, and by a server that
//! goes on.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    wire::{self, Events},
    ws::Ws,
};

/// Nobody waits longer for a refusal.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What graphql-js 16 asks for, with the deepest type references in use.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name kind } mutationType { name kind } subscriptionType { name kind } types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } } fragment FullType on __Type { kind name description specifiedByURL isOneOf fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } } fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason } fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

fn nested(open: &str, levels: usize, close: &str) -> String {
    format!("{{ verifyToken(token: {}1{}) {{ __typename }} }}", open.repeat(levels), close.repeat(levels))
}

fn doubling() -> String {
    let mut text = String::from("{ ...f0 } ");
    for level in 0..25 {
        let _ = write!(text, "fragment f{level} on Query {{ ...f{0} ...f{0} }} ", level + 1);
    }
    text.push_str("fragment f25 on Query { __typename }");
    text
}

fn cases() -> Vec<(&'static str, Value, &'static str)> {
    let deep_variables = (0..110).fold(json!(1), |inner, _| json!([inner]));
    let document = |text: String| json!({ "query": text });
    vec![
        ("nested lists", document(nested("[", 2_000, "]")), "TOO_DEEP"),
        ("nested objects", document(nested("{a:", 2_000, "}")), "TOO_DEEP"),
        (
            "nested types",
            document(format!("query($v: {}Int{}) {{ __typename }}", "[".repeat(3_000), "]".repeat(3_000))),
            "TOO_DEEP",
        ),
        (
            "behind a string without end",
            document(format!("{{ verifyToken(token: [\"\"\"\"x\" {}", "[".repeat(2_000))),
            "",
        ),
        ("nested variables", json!({ "query": "{ __typename }", "variables": { "v": deep_variables } }), "TOO_DEEP"),
        (
            "many variables",
            json!({ "query": "{ __typename }", "variables": { "v": vec![1; 20_000] } }),
            "DOCUMENT_TOO_LARGE",
        ),
        ("doubling fragments", document(doubling()), "DOCUMENT_TOO_LARGE"),
        (
            "a circle of fragments",
            document("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".into()),
            "",
        ),
        ("depth", document(format!("{}{}", "{ a ".repeat(17), "}".repeat(17))), "TOO_DEEP"),
        (
            "aliases",
            document((0..40).fold("{".into(), |text, n| format!("{text} a{n}: __typename")) + "}"),
            "DOCUMENT_TOO_LARGE",
        ),
        ("directives", document(format!("{{ __typename {} }}", "@skip(if: false)".repeat(60))), "DOCUMENT_TOO_LARGE"),
        ("words", document(format!("{{ {} }}", "__typename ".repeat(16_000))), "DOCUMENT_TOO_LARGE"),
        ("fields", document(format!("{{ {} }}", "__typename ".repeat(3_000))), "DOCUMENT_TOO_LARGE"),
    ]
}

#[tokio::test]
async fn limits_are_the_same_on_every_way() {
    let app = TestApp::start().await;
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    for (name, body, reason) in cases() {
        let began = Instant::now();
        let answer = wire::post(&app.url(), &[], &body).await;
        assert_eq!((answer.status, answer.reason().as_str()), (400, reason), "{name}: {answer:?}");
        assert!(answer.code().starts_with("GRAPHQL_"), "{name}: {answer:?}");

        ws.send(json!({ "type": "subscribe", "id": name, "payload": body })).await;
        let message = ws.next_json().await;
        assert_eq!((message["type"].as_str(), message["id"].as_str()), (Some("error"), Some(name)), "{message}");
        assert_eq!(message["payload"][0]["extensions"]["reason"].as_str().unwrap_or_default(), reason, "{name}");

        let events = Events::open(&app.url(), &[("connection", "close")], &body).await.end().await;
        assert!(events.contains(answer.code().as_str()) && events.contains(reason), "{name}: {events}");
        assert!(began.elapsed() < AT_ONCE, "{name} took {:?}", began.elapsed());
    }
    ws.subscribe("after all", "{ __typename }", json!({})).await;
    assert_eq!(ws.next_json().await["type"], "next");
}

#[tokio::test]
async fn brackets_in_strings_and_comments_do_not_count() {
    let app = TestApp::start().await;
    let many = "[".repeat(3_000);
    for text in [
        format!("{{ __typename # {many}\n }}"),
        format!(
            "query($s: String = \"{many}\") {{ __typename @skip(if: false) verifyToken(token: $s) {{ __typename }} }}"
        ),
        format!("{{ verifyToken(token: \"\"\" \\\"\"\" {many} \"\"\") {{ __typename }} }}"),
    ] {
        let answer = wire::post(&app.url(), &[], &json!({ "query": text })).await;
        assert_ne!(answer.reason(), "TOO_DEEP", "{answer:?}");
    }
}

#[tokio::test]
async fn odd_documents_do_not_end_the_process() {
    let app = TestApp::start().await;
    for text in [
        "{".repeat(99),
        "(".repeat(3_000),
        "\"".repeat(3_001),
        "\"\"\"".repeat(1_001),
        "@a".repeat(3_000),
        "...".repeat(5_000),
        "query(".repeat(90),
        "!".repeat(9_000),
        "{a(b:$".repeat(90),
        "{ a(b: \"\\uD800\") }".into(),
        "a".repeat(100_000),
    ] {
        assert_eq!(wire::post(&app.url(), &[], &json!({ "query": text })).await.status, 400);
    }
    assert_eq!(wire::post(&app.url(), &[], &json!({ "query": "\u{feff}{ __typename }" })).await.status, 200);
}

#[tokio::test]
async fn introspection_passes_all_limits_and_can_be_switched_off() {
    let app = TestApp::start().await;
    let answer = wire::post(&app.url(), &[], &json!({ "query": INTROSPECTION })).await;
    assert!(answer.status == 200 && answer.json().get("errors").is_none(), "{:.500}", answer.body);
    let options = Options { configure: Some(Box::new(|config| config.introspection = false)), ..Options::default() };
    let closed = TestApp::with(options).await;
    for query in [INTROSPECTION, "{ __type(name: \"User\") { name } }"] {
        let answer = wire::post(&closed.url(), &[], &json!({ "query": query })).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "GRAPHQL_VALIDATION_FAILED"));
    }
}

#[tokio::test]
async fn nobody_is_told_names_that_were_not_in_the_document() {
    let configure = |config: &mut yanit::config::Config| config.introspection = false;
    let closed = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    let app = TestApp::start().await;
    for (app, is_open) in [(&app, true), (&closed, false)] {
        let person = app.person("ada").await;
        for token in [None, Some(person.token.as_str())] {
            for (query, name) in [
                ("{ verifyTokem(token: \"\") { __typename } }", "Query"),
                ("{ node(ik: 1) { id } }", "Query.node"),
                ("{ node { id } }", "ID!"),
                ("{ node(id: 1) { ... on User { name { x } } } }", "String"),
                ("mutation { login(input: { email: \"x\" }) { accessToken } }", "password"),
            ] {
                let answer = app.post(token, query, Value::Null).await;
                let error = &answer["errors"][0];
                let message = error["message"].as_str().unwrap_or_default();
                assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{answer}");
                assert!(error["locations"][0]["line"] == 1 && error["extensions"]["requestId"].is_string(), "{answer}");
                assert!(!message.contains("Did you mean") && !message.contains("verifyToken"), "{answer}");
                assert_eq!(answer.to_string().contains(name), is_open, "{name} {answer}");
            }
        }
    }
}

#[tokio::test]
async fn long_documents_are_refused_at_once() {
    let app = TestApp::start().await;
    for text in [
        format!("{{ __typename {} }}", ",".repeat(1_000_000)),
        format!("{{ __typename {} }}", " ".repeat(1_000_000)),
        format!("{{ __typename {} }}", "#\n".repeat(500_000)),
        format!("{{ __typename @skip(if: \"{}\") }}", "x".repeat(1_000_000)),
        format!("{{ {} }}", (0..100_000).fold(String::new(), |text, n| text + "unknown" + &n.to_string() + " ")),
    ] {
        let answer = wire::post(&app.url(), &[], &json!({ "query": text })).await;
        assert_eq!((answer.status, answer.reason().as_str()), (400, "DOCUMENT_TOO_LARGE"), "{answer:?}");
    }
}

#[tokio::test]
async fn only_so_many_problems_of_a_document_are_told() {
    let app = TestApp::start().await;
    let text = format!("{{ {} }}", (0..1_500).fold(String::new(), |text, n| text + "unknown" + &n.to_string() + " "));
    let answer = wire::post(&app.url(), &[], &json!({ "query": text })).await;
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(20));
}

/// One answer cannot be made of the same long texts over and over.
#[tokio::test]
async fn long_texts_weigh_more_than_other_fields() {
    let app = TestApp::start().await;
    let ask = |count: usize| {
        let texts: String = (0..count).map(|number| format!("t{number}: body ")).collect();
        let messages = format!("messages(first: 100) {{ nodes {{ {texts} }} }}");
        json!({ "query": format!("{{ conversation(conversationId: \"conv_{:032}\") {{ {messages} }} }}", 0) })
    };
    let answer = wire::post(&app.url(), &[], &ask(3)).await;
    assert_eq!(answer.code(), "UNAUTHENTICATED", "{answer:?}");
    let answer = wire::post(&app.url(), &[], &ask(6)).await;
    assert_eq!((answer.status, answer.reason().as_str()), (400, "TOO_COMPLEX"), "{answer:?}");
}

#[tokio::test]
async fn introspection_is_bounded() {
    let app = TestApp::start().await;
    let descriptions: String = (0..20).map(|number| format!("d{number}: description ")).collect();
    let wide = format!(
        "{{ __schema {{ types {{ fields {{ type {{ ...T ofType {{ ...T }} }} }} }} }} }} fragment T on __Type {{ fields {{ {descriptions} }} }}"
    );
    for (query, reason) in [
        ("{ __schema { types { possibleTypes { interfaces { possibleTypes { name } } } } } }", "TOO_DEEP"),
        (
            "{ __schema { types { ...T } } } fragment T on __Type { fields { type { fields { type { ...U } } } } } fragment U on __Type { inputFields { name } }",
            "TOO_DEEP",
        ),
        (&wide, "TOO_COMPLEX"),
    ] {
        let answer = wire::post(&app.url(), &[], &json!({ "query": query })).await;
        assert_eq!((answer.status, answer.reason().as_str()), (400, reason), "{query}: {:.500}", answer.body);
    }
    let standard = include_str!("../fixtures/introspection.graphql");
    let answer = wire::post(&app.url(), &[], &json!({ "query": standard })).await;
    assert!(answer.status == 200 && answer.json().get("errors").is_none(), "{:.500}", answer.body);
}
