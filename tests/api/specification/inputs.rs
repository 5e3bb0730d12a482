//! Values that cannot be read: refused before anything is executed, on every way, with the place of the value.

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::new_id,
    wire::{self, Events},
    ws::Ws,
};

/// The first error of a request that was refused, over HTTP, a WebSocket and server-sent events alike.
async fn refused(app: &TestApp, token: Option<&str>, body: &Value) -> Value {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let answer = wire::post(&app.url(), &headers, body).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let answer = answer.json();
    assert!(answer.get("data").is_none(), "{answer}");
    let error = answer["errors"][0].clone();

    let mut ws = Ws::signed_in(&app.ws_url(), token).await;
    let payload = json!({ "query": body["query"], "variables": body["variables"] });
    ws.send(json!({ "type": "subscribe", "id": "x", "payload": payload })).await;
    let message = ws.next_json().await;
    assert_eq!(message["type"], "error", "{message}");
    assert_eq!(message["payload"][0]["message"], error["message"]);

    headers.push(("connection", "close"));
    let events = Events::open(&app.url(), &headers, body).await.end().await;
    assert!(events.contains("\"errors\"") && !events.contains("\"data\""), "{events}");
    error
}

const LOGIN: &str = "mutation L($i: LoginInput!) { login(input: $i) { accessToken } }";

#[tokio::test]
async fn variables_are_read_before_anything_is_executed() {
    let app = TestApp::start().await;
    let variables = [
        (json!({}), "variables.i", "INVALID_COMBINATION", "`$i`"),
        (json!({ "i": null }), "variables.i", "INVALID_COMBINATION", "null"),
        (json!({ "i": "x" }), "variables.i", "INVALID_FORMAT", "`LoginInput`"),
        (json!({ "i": [] }), "variables.i", "INVALID_FORMAT", "`LoginInput`"),
        (json!({ "i": { "email": "x" } }), "variables.i.password", "INVALID_COMBINATION", "required"),
        (json!({ "i": { "email": "x", "password": 1 } }), "variables.i.password", "INVALID_FORMAT", "a string"),
        (json!({ "i": { "email": null, "password": "x" } }), "variables.i.email", "INVALID_COMBINATION", "null"),
        (json!({ "i": { "email": "x", "password": "x", "no": 1 } }), "variables.i", "INVALID_FORMAT", "`no`"),
    ];
    for (variables, field, reason, told) in variables {
        let error = refused(&app, None, &json!({ "query": LOGIN, "variables": variables })).await;
        let extensions = &error["extensions"];
        let found = [&extensions["code"], &extensions["field"], &extensions["reason"]];
        assert_eq!(found, [&json!("BAD_USER_INPUT"), &json!(field), &json!(reason)], "{variables} {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(told)), "{error}");
        assert_eq!(error["locations"][0], json!({ "line": 1, "column": 12 }), "{error}");
        assert!(extensions["requestId"].is_string());
    }
}

#[tokio::test]
async fn one_bad_value_keeps_the_whole_mutation_from_running() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let send = |id: &str| {
        format!(
            "mutation M($c: ID!, $u: UUID) {{ a: sendMessage(input: {{ conversationId: $c, body: \"one\" }}) {{ message {{ id }} }} \
             b: sendMessage(input: {{ conversationId: $c, body: \"two\", clientId: {id} }}) {{ message {{ id }} }} }}"
        )
    };
    let token = Some(visitor.token.as_str());
    let by_variable = json!({ "query": send("$u"), "variables": { "c": conversation, "u": "x" } });
    let error = refused(&app, token, &by_variable).await;
    assert_eq!(
        (&error["extensions"]["code"], &error["extensions"]["field"]),
        (&json!("BAD_USER_INPUT"), &json!("variables.u"))
    );
    assert!(error["message"].as_str().is_some_and(|text| text.contains("must be a UUID")), "{error}");
    let query = send("\"x\"").replace(", $u: UUID", "");
    let error = refused(&app, token, &json!({ "query": query, "variables": { "c": conversation } })).await;
    let extensions = &error["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["field"]),
        (&json!("GRAPHQL_VALIDATION_FAILED"), &json!("input.clientId"))
    );
    assert_eq!(extensions["reason"], "INVALID_FORMAT");
    let read = "query R($c: ID!) { conversation(conversationId: $c) { messages(first: 5) { nodes { id } } } }";
    let stored = app.run(token, read, json!({ "c": conversation })).await;
    assert_eq!(stored["conversation"]["messages"]["nodes"], json!([]));
}

#[tokio::test]
async fn scalars_of_this_schema_are_read_everywhere() {
    let app = TestApp::start().await;
    let status = "query S($at: DateTime) { businessHoursStatus(siteKey: \"x\", at: $at) { isOpen } }";
    for at in ["tomorrow", "026-10-29T09:00:00Z", "2026-10-29", "29.10.2026 09:00"] {
        let error = refused(&app, None, &json!({ "query": status, "variables": { "at": at } })).await;
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("`$at` must be a date and time"), "{at}: {error}");
    }
    let literal = status.replace("($at: DateTime)", "").replace("$at", "1");
    let error = refused(&app, None, &json!({ "query": literal })).await;
    assert!(error["message"].as_str().is_some_and(|text| text.contains("`at` must be a date and time")), "{error}");
    let default = status.replace("DateTime", "DateTime = \"never\"");
    let error = refused(&app, None, &json!({ "query": default })).await;
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{error}");
    let follow = "subscription F($a: EventCursor) { messages(conversationId: 1, after: $a) { __typename } }";
    let error = refused(&app, None, &json!({ "query": follow, "variables": { "a": "nowhere" } })).await;
    assert_eq!(error["extensions"]["reason"], "INVALID_CURSOR", "{error}");
    // The note of a file that did not come.
    let upload = "mutation U($f: Upload!, $s: ID!) { importArticles(input: { siteId: $s, files: [{ file: $f }] }) { __typename } }";
    for note in ["#__graphql_file__:0", "#__graphql_file__:x", "x"] {
        let error = refused(&app, None, &json!({ "query": upload, "variables": { "f": note, "s": "x" } })).await;
        assert_eq!(error["extensions"]["field"], "variables.f", "{error}");
    }
}

#[tokio::test]
async fn what_can_be_read_is() {
    let app = TestApp::start().await;
    let person = app.person("ada").await;
    // A number may be an id, a value a list of one, and what is not declared is ignored.
    let node = "query N($id: ID! = 7, $n: Int = 3) { node(id: $id) { id } sites(first: $n) { nodes { id } } }";
    let answer = app.post(Some(&person.token), node, json!({ "id": 12, "more": true })).await;
    assert_eq!(answer["errors"][0]["extensions"]["reason"], "MALFORMED_ID", "{answer}");
    let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("This is not an id") && !message.contains("parse"), "{answer}");
    assert_eq!(answer["data"]["sites"]["nodes"], json!([]), "{answer}");
    let many = "query M($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let answer = app.post(Some(&person.token), many, json!({ "ids": person.id })).await;
    assert_eq!(answer["data"]["nodes"][0]["id"], person.id.as_str(), "{answer}");
}

#[tokio::test]
async fn a_variable_without_a_value_changes_nothing() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let update = "mutation U($s: ID!, $n: String, $b: Float) { updateSite(input: { siteId: $s, name: $n, dailyAiBudgetUsd: $b }) { site { name dailyAiBudgetUsd } } }";
    let token = Some(site.admin.token.as_str());
    let updated = async |variables: Value| app.run(token, update, variables).await["updateSite"]["site"].clone();
    let set = updated(json!({ "s": site.id, "n": "One", "b": 7.5 })).await;
    assert_eq!(set, json!({ "name": "One", "dailyAiBudgetUsd": 7.5 }));
    assert_eq!(updated(json!({ "s": site.id })).await, set);
    assert_eq!(updated(json!({ "s": site.id, "b": null })).await, json!({ "name": "One", "dailyAiBudgetUsd": null }));
    let first = "query L($n: Int) { sites(first: $n) { nodes { id } } }";
    let listed = app.run(token, first, json!({})).await;
    assert_eq!(listed["sites"]["nodes"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_id_that_does_not_fit_is_told_by_its_place() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let conversation = format!("conv_{:032}", 0);
    let note = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
    let variables = json!({ "i": {
        "conversationId": conversation, "body": "x", "mentionIds": [ada.id, format!("conv_{:032}", 1)], "clientId": new_id(),
    } });
    for (document, variables, field, reason) in [
        (note, variables, "variables.i.mentionIds[1]", "WRONG_ID_KIND"),
        ("{ conversation(conversationId: \"zz\") { id } }", json!({}), "conversationId", "MALFORMED_ID"),
    ] {
        let answer = app.post(Some(&ada.token), document, variables).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!((&extensions["field"], &extensions["reason"]), (&json!(field), &json!(reason)), "{answer}");
        assert!(extensions.get("given").is_none(), "{answer}");
    }
}
