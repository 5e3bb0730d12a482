//! What comes back has the form that the GraphQL specification gives it, whichever way it comes: one field for each key,
//! in the order of the document; `{}` where nothing is asked; nulls only where the schema allows them.

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Site, Visitor, new_id},
    wire::{self, Events},
    ws::Ws,
};

/// The body of an answer over HTTP, as text.
async fn over_http(app: &TestApp, token: &str, query: &str, variables: &Value) -> String {
    let authorization = format!("Bearer {token}");
    let body = json!({ "query": query, "variables": variables });
    wire::post(&app.url(), &[("authorization", &authorization)], &body).await.body
}

/// The same over a WebSocket.
async fn over_ws(app: &TestApp, token: &str, query: &str, variables: &Value) -> String {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
    ws.subscribe("1", query, variables.clone()).await;
    let text = ws.next_text().await;
    let payload = text.split_once("\"payload\":").unwrap_or_else(|| panic!("{text}")).1;
    payload.strip_suffix('}').unwrap().to_owned()
}

/// The same as server-sent events.
async fn over_sse(app: &TestApp, token: &str, query: &str, variables: &Value) -> String {
    let authorization = format!("Bearer {token}");
    let body = json!({ "query": query, "variables": variables });
    let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
    event_of(&wire::post(&app.url(), &headers, &body).await.body)
}

fn event_of(text: &str) -> String {
    let data = text.split_once("event: next\ndata: ").unwrap_or_else(|| panic!("{text}")).1;
    data.split_once("\n\n").unwrap().0.to_owned()
}

/// The answer's `data` as text, which is the same whichever way it came, and where errors are.
async fn answered(app: &TestApp, token: &str, query: &str, variables: Value) -> (String, Value) {
    let all = [
        over_http(app, token, query, &variables).await,
        over_ws(app, token, query, &variables).await,
        over_sse(app, token, query, &variables).await,
    ];
    let mut answers = all.iter().map(|text| {
        let json: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
        let errors = json["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let mut places: Vec<_> =
            errors.iter().map(|error| json!([error["path"], error["extensions"]["code"]])).collect();
        // Errors come in the order in which fields fail.
        places.sort_by_key(Value::to_string);
        let data = text.strip_prefix("{\"data\":").unwrap_or_else(|| panic!("{text}"));
        let end = if places.is_empty() { data.len() - 1 } else { data.find(",\"errors\":").unwrap() };
        (data[..end].to_owned(), Value::from(places))
    });
    let first = answers.next().unwrap();
    for other in answers {
        assert_eq!(first, other, "{query}");
    }
    first
}

struct Desk {
    app: TestApp,
    site: Site,
    visitor: Visitor,
    conversation: String,
}

async fn desk() -> Desk {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    Desk { app, site, visitor, conversation }
}

#[tokio::test]
async fn a_null_goes_up_to_where_the_schema_allows_it() {
    let Desk { app, site, visitor, conversation } = desk().await;
    let me = &site.admin.token;
    let foreign = new_id();
    let foreign = format!("conv_{}", foreign.replace('-', ""));
    let query = "query($c: ID!) { a: me { id } b: conversation(conversationId: $c) { id } }";
    let (data, errors) = answered(&app, me, query, json!({ "c": foreign })).await;
    assert_eq!((data.as_str(), errors), ("null", json!([[["b"], "NOT_FOUND"]])));

    let query = "query($c: ID!) { conversation(conversationId: $c) { id messages(first: 1000) { totalCount } } }";
    let (data, errors) = answered(&app, me, query, json!({ "c": conversation })).await;
    assert_eq!((data.as_str(), errors), ("null", json!([[["conversation", "messages"], "BAD_USER_INPUT"]])));

    // Up to the nearest place that may be null, and no further.
    let query = "query($c: ID!) {
        currentVisitor { id }
        node(id: $c) { id ... on Conversation { status messages(first: 1000) { totalCount } } }
        nodes(ids: [$c]) { ... on Conversation { messages(first: 1000) { totalCount } } }
    }";
    let (data, errors) = answered(&app, &visitor.token, query, json!({ "c": conversation })).await;
    assert_eq!(data, format!("{{\"currentVisitor\":{{\"id\":\"{}\"}},\"node\":null,\"nodes\":[null]}}", visitor.id));
    assert_eq!(errors.as_array().unwrap().len(), 2, "{errors}");

    let answer = app.post(None, "{ __typename me { id } }", Value::Null).await;
    assert!(answer.get("data").is_some_and(Value::is_null), "{answer}");
    assert_eq!(answer["errors"][0]["locations"], json!([{ "line": 1, "column": 14 }]), "{answer}");
}

#[tokio::test]
async fn so_many_errors_that_some_are_left_out_change_no_data() {
    let Desk { app, site, conversation, .. } = desk().await;
    let ids = vec![conversation; 60];
    let query =
        "query($i: [ID!]!) { nodes(ids: $i) { id ... on Conversation { messages(first: 1000) { totalCount } } } }";
    let (data, errors) = answered(&app, &site.admin.token, query, json!({ "i": ids })).await;
    assert_eq!(data, format!("{{\"nodes\":[{}]}}", ["null"; 60].join(",")));
    assert_eq!(errors.as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn one_key_is_one_field_that_runs_once() {
    let Desk { app, visitor, conversation, .. } = desk().await;
    let send = "mutation($i: SendMessageInput!) {
        sendMessage(input: $i) { message { id } }
        ... on Mutation { sendMessage(input: $i) { message { body seq } } }
        ...again
    } fragment again on Mutation { sendMessage(input: $i) { message { seq } } }";
    let input = json!({ "i": { "conversationId": conversation, "body": "once" } });
    for (way, count) in [("http", 1), ("ws", 2), ("sse", 3)] {
        let text = match way {
            "http" => over_http(&app, &visitor.token, send, &input).await,
            "ws" => over_ws(&app, &visitor.token, send, &input).await,
            _ => over_sse(&app, &visitor.token, send, &input).await,
        };
        let answer: Value = serde_json::from_str(&text).unwrap();
        let message = &answer["data"]["sendMessage"]["message"];
        assert!(message["id"].is_string() && message["body"] == "once", "{text}");
        let query = "query($c: ID!) { conversation(conversationId: $c) { messages { nodes { body } } } }";
        let data = app.run(Some(&visitor.token), query, json!({ "c": conversation })).await;
        let messages = data["conversation"]["messages"]["nodes"].as_array().unwrap();
        assert_eq!(messages.iter().filter(|message| message["body"] == "once").count(), count, "{messages:?}");
    }
}

#[tokio::test]
async fn what_is_asked_nine_hundred_times_is_answered_once() {
    let Desk { app, site, .. } = desk().await;
    let query = format!("{{ {} me {{ name }} }}", "me { id } ".repeat(900));
    let text = over_http(&app, &site.admin.token, &query, &Value::Null).await;
    let name = app.run(Some(&site.admin.token), "{ me { name } }", Value::Null).await["me"]["name"].clone();
    assert_eq!(text, format!("{{\"data\":{{\"me\":{{\"id\":\"{}\",\"name\":{name}}}}}}}", site.admin.id));
}

#[tokio::test]
async fn an_object_of_which_nothing_is_asked_is_empty() {
    let Desk { app, site, visitor, conversation } = desk().await;
    let me = &site.admin.token;
    for (query, data) in [
        ("{ me { id @skip(if: true) } }", "{\"me\":{}}"),
        ("query($y: Boolean! = false) { me { id @include(if: $y) } }", "{\"me\":{}}"),
        ("{ me @include(if: false) { id } }", "{}"),
        ("{ ... @skip(if: true) { me { id } } }", "{}"),
        ("query($c: ID!) { node(id: $c) { ... on Article { title } } }", "{\"node\":{}}"),
        (
            "query($c: ID!) { conversation(conversationId: $c) { visitor { name @include(if: false) } } }",
            "{\"conversation\":{\"visitor\":{}}}",
        ),
        (
            "query($c: ID!) { nodes(ids: [$c, $c]) { ... on Site { id } ... on Conversation { __typename } } }",
            "{\"nodes\":[{\"__typename\":\"Conversation\"},{\"__typename\":\"Conversation\"}]}",
        ),
    ] {
        let variables = if query.contains("$c") { json!({ "c": conversation }) } else { json!({}) };
        assert_eq!(answered(&app, me, query, variables).await, (data.to_owned(), json!([])), "{query}");
    }
    // The field runs all the same: it may fail, and it may change something.
    let nothing = "query($c: ID!) { node(id: $c) { id @skip(if: true) } conversation(conversationId: $c) { id @skip(if: true) } }";
    let foreign = json!({ "c": format!("conv_{}", new_id().replace('-', "")) });
    let (data, errors) = answered(&app, me, nothing, foreign).await;
    assert_eq!((data.as_str(), errors), ("null", json!([[["conversation"], "NOT_FOUND"]])));
    let send = "mutation($i: SendMessageInput!) { sendMessage(input: $i) { message { id @skip(if: true) } } }";
    let input = json!({ "i": { "conversationId": conversation, "body": "silently", "clientId": new_id() } });
    assert_eq!(answered(&app, &visitor.token, send, input).await.0, "{\"sendMessage\":{\"message\":{}}}");
    let query = "query($c: ID!) { conversation(conversationId: $c) { lastMessage { body } } }";
    let data = app.run(Some(me), query, json!({ "c": conversation })).await;
    assert_eq!(data["conversation"]["lastMessage"]["body"], "silently");
}

#[tokio::test]
async fn keys_have_the_order_of_the_document() {
    let Desk { app, site, conversation, .. } = desk().await;
    // What has to be looked up is ready later than what is known.
    let query = "query($c: ID!, $s: ID!) {
        conversation(conversationId: $c) { visitor { id } ...more status assistant { name } id }
        me { id ...rest __typename }
        site(siteId: $s) { id }
    }
    fragment more on Node { ... on Conversation { lastMessage { body } messages { totalCount } unreadCount } }
    fragment rest on User { superadmin __typename id }";
    let (data, _) = answered(&app, &site.admin.token, query, json!({ "c": conversation, "s": site.id })).await;
    let keys = [
        "conversation",
        "visitor",
        "lastMessage",
        "messages",
        "unreadCount",
        "status",
        "assistant",
        "me",
        "superadmin",
        "__typename",
        "site",
    ];
    let places: Vec<_> =
        keys.iter().map(|key| data.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key}: {data}"))).collect();
    assert!(places.is_sorted(), "{data}");
}

const FOLLOW: &str = "subscription($c: ID!, $a: EventCursor) {
    messages(conversationId: $c, after: $a) {
        ... on MessageChanged { message { citations { title } body } }
        ... on MessageChanged { message { seq @skip(if: true) id author { __typename } } }
    }
}";

#[tokio::test]
async fn events_have_the_form_of_the_document_for_all_who_share_them() {
    let Desk { app, site, visitor, conversation } = desk().await;
    let variables = json!({ "c": conversation, "a": null });
    let follow = json!({ "query": FOLLOW, "variables": variables });
    let mut one = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    let mut other = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    let nothing = "subscription($c: ID!) { messages(conversationId: $c) { ... on Gap { from } } }";
    let mut silent = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    for ws in [&mut one, &mut other] {
        ws.subscribe("1", FOLLOW, variables.clone()).await;
    }
    silent.subscribe("1", nothing, json!({ "c": conversation })).await;
    let authorization = format!("Bearer {}", site.admin.token);
    let mut events = Events::open(&app.url(), &[("authorization", &authorization)], &follow).await;
    events.until("retry: ").await;
    // The executions begin to listen a moment after they were asked for.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let message = app.say(&visitor.token, &conversation, "merhaba").await;
    let expected = format!(
        "{{\"data\":{{\"messages\":{{\"message\":{{\"citations\":[],\"body\":\"merhaba\",\"id\":{},\"author\":{{\"__typename\":\"MessageAuthor\"}}}}}}}}}}",
        message["id"]
    );
    for ws in [&mut one, &mut other] {
        let text = ws.next_text().await;
        assert!(text.contains(&expected), "{text}\n{expected}");
    }
    assert_eq!(event_of(events.until("merhaba").await), expected);
    let text = silent.next_text().await;
    assert!(text.contains("{\"data\":{\"messages\":{}}}"), "{text}");
}

#[tokio::test]
async fn an_event_that_failed_is_null_where_the_schema_allows_it() {
    let Desk { app, site, visitor, conversation } = desk().await;
    let query = "subscription($c: ID!) { conversationEvents(conversationId: $c) {
        __typename ... on ConversationChanged { conversation { id messages(first: 1000) { totalCount } } }
    } }";
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    ws.subscribe("1", query, json!({ "c": conversation })).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    app.run(
        Some(&site.admin.token),
        "mutation($i: TagConversationInput!) { tagConversation(input: $i) { __typename } }",
        json!({ "i": { "conversationId": conversation, "add": ["iade"] } }),
    )
    .await;
    let text = ws.next_text().await;
    assert!(text.contains("{\"data\":null,\"errors\":[{"), "{text}");
    assert!(text.contains("[\"conversationEvents\",\"conversation\",\"messages\"]"), "{text}");
    // The stream goes on.
    app.say(&visitor.token, &conversation, "merhaba").await;
    let text = ws.next_text().await;
    assert!(text.contains("{\"data\":{\"conversationEvents\":{\"__typename\":\"MessageChanged\"}}}"), "{text}");
}
