//! Contact requests: messages that are left, calls that are wanted, and how members of the site see to them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp, refusal},
    people::{Person, Site, Visitor, new_id, text},
    ws::Ws,
};

const LEAVE: &str = "mutation L($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest {
    id siteId kind status name email phone message departmentId createdAt resolvedAt assignee { id } resolution
    visitor { id } customer { id } conversation { id } } } }";
const CALL: &str = "mutation C($i: RequestCallbackInput!) { requestCallback(input: $i) { contactRequest {
    id kind status name email phone message earliestAt latestAt } } }";
const LIST: &str = "query Q($s: ID!, $f: ContactRequestFilter, $n: Int, $a: String) {
    contactRequests(siteId: $s, filter: $f, first: $n, after: $a) { totalCount pageInfo { endCursor hasNextPage } nodes {
        id kind status message assignee { id name } resolvedBy { id } resolution } } }";
const ASSIGN: &str = "mutation A($i: AssignContactRequestInput!) { assignContactRequest(input: $i) { contactRequest {
    id assignee { name } } } }";
const RESOLVE: &str =
    "mutation R($i: ResolveContactRequestInput!) { resolveContactRequest(input: $i) { contactRequest {
    status resolution resolvedAt resolvedBy { id } } } }";
const REOPEN: &str = "mutation R($i: ReopenContactRequestInput!) { reopenContactRequest(input: $i) { contactRequest {
    status resolution resolvedAt resolvedBy { id } } } }";
const EVENTS: &str = "subscription E($s: ID!, $a: EventCursor) { contactRequestEvents(siteId: $s, after: $a) {
    ... on ContactRequestChanged { cursor contactRequestChange contactRequest { id status } } } }";

async fn started() -> (TestApp, Site, Visitor) {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("iletisim").await;
    let visitor = app.visitor(&site).await;
    (app, site, visitor)
}

fn merged(one: Value, more: &Value) -> Value {
    let mut all = one;
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// A message with some fields of its own.
async fn leave(app: &TestApp, visitor: &Visitor, more: Value) -> Value {
    let input = merged(json!({ "email": "ada@example.com", "message": "Merhaba" }), &more);
    app.run(Some(&visitor.token), LEAVE, json!({ "i": input })).await["leaveMessage"]["contactRequest"].take()
}

/// An error as field, and code with reason.
fn complaint(answer: &Value) -> (String, String) {
    let field = answer["errors"][0]["extensions"]["field"].as_str().unwrap_or_default().to_owned();
    (field, refusal(answer).unwrap_or_else(|| panic!("it should have been refused: {answer:#}")))
}

async fn department(app: &TestApp, site: &Site) -> String {
    let make = "mutation($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
    let made = app.run(Some(&site.admin.token), make, json!({ "i": { "siteId": site.id, "name": "Satış" } })).await;
    text(&made["createDepartment"]["department"]["id"])
}

async fn listed(app: &TestApp, person: &Person, site: &Site, filter: Value) -> Vec<Value> {
    let page = app.run(Some(&person.token), LIST, json!({ "s": site.id, "f": filter })).await["contactRequests"].take();
    let nodes = page["nodes"].as_array().unwrap().clone();
    assert_eq!(page["totalCount"], nodes.len(), "{page}");
    nodes
}

#[tokio::test]
async fn a_message_is_left_with_what_it_is_about() {
    let (app, site, visitor) = started().await;
    let (conversation, sales) = (app.conversation(&visitor).await, department(&app, &site).await);
    let more = json!({ "name": " Ada ", "email": "ADA@example.com", "phone": " ", "message": "Siparişim nerede?",
        "conversationId": conversation, "departmentId": sales });
    let left = leave(&app, &visitor, more).await;
    assert_eq!((&left["kind"], &left["status"], &left["siteId"]), (&json!("MESSAGE"), &json!("OPEN"), &json!(site.id)));
    assert_eq!(
        (&left["name"], &left["email"], &left["phone"]),
        (&json!("Ada"), &json!("ada@example.com"), &Value::Null)
    );
    assert_eq!((&left["message"], &left["departmentId"]), (&json!("Siparişim nerede?"), &json!(sales)));
    assert_eq!((&left["visitor"]["id"], &left["customer"]), (&json!(visitor.id), &Value::Null));
    assert_eq!((&left["conversation"]["id"], &left["resolvedAt"]), (&json!(conversation), &Value::Null));

    // What it is about may go; it stays.
    let admin = Some(site.admin.token.as_str());
    let gone = "mutation($i: DeleteConversationInput!) { deleteConversation(input: $i) { conversationId } }";
    app.run(admin, gone, json!({ "i": { "conversationId": conversation } })).await;
    let gone = "mutation($i: DeleteDepartmentInput!) { deleteDepartment(input: $i) { departmentId } }";
    app.run(admin, gone, json!({ "i": { "departmentId": sales } })).await;
    let about = "query($s: ID!) { contactRequests(siteId: $s) { nodes { id departmentId conversation { id } visitor { id } } } }";
    let rest = app.run(admin, about, json!({ "s": site.id })).await["contactRequests"]["nodes"][0].take();
    let expected =
        json!({ "id": left["id"], "departmentId": null, "conversation": null, "visitor": { "id": visitor.id } });
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn a_call_is_asked_for_at_a_time_that_suits() {
    let (app, _, visitor) = started().await;
    let window = json!({ "earliestAt": "2026-01-06T07:00:00Z", "latestAt": "2026-01-06T09:00:00Z" });
    let input = merged(json!({ "phone": "+90 212 555 00 00", "name": "Ada", "note": " İade hakkında " }), &window);
    let asked =
        app.run(Some(&visitor.token), CALL, json!({ "i": input })).await["requestCallback"]["contactRequest"].take();
    assert_eq!((&asked["kind"], &asked["status"]), (&json!("CALLBACK"), &json!("OPEN")));
    assert_eq!((&asked["phone"], &asked["message"]), (&json!("+90 212 555 00 00"), &json!("İade hakkında")));
    assert_eq!(asked["earliestAt"], "2026-01-06T07:00:00+00:00");
    assert_eq!((&asked["latestAt"], &asked["email"]), (&json!("2026-01-06T09:00:00+00:00"), &Value::Null));
}

#[tokio::test]
async fn a_customer_asks_a_site_by_its_key_or_about_a_conversation_of_theirs() {
    let (app, site, visitor) = started().await;
    let customer = app.person("musteri").await;
    let assistant = app.assistant(&site, json!({ "openToCustomers": true })).await;
    let start = "mutation($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let started = app.run(Some(&customer.token), start, json!({ "i": { "assistantId": assistant } })).await;
    let conversation = &started["startConversation"]["conversation"]["id"];
    for place in [json!({ "siteKey": site.key }), json!({ "conversationId": conversation })] {
        let input = merged(json!({ "email": "c@example.com", "message": "Merhaba" }), &place);
        let left = app.run(Some(&customer.token), LEAVE, json!({ "i": input })).await;
        let left = &left["leaveMessage"]["contactRequest"];
        assert_eq!((&left["siteId"], &left["customer"]["id"]), (&json!(site.id), &json!(customer.id)));
        assert_eq!(left["visitor"], Value::Null);
    }
    let of_visitor = app.conversation(&visitor).await;
    for (token, place, field, code) in [
        (&customer.token, json!({}), "input.siteKey", "BAD_USER_INPUT/INVALID_COMBINATION"),
        (&customer.token, json!({ "siteKey": "pk_none" }), "input.siteKey", "NOT_FOUND"),
        (&customer.token, json!({ "conversationId": of_visitor }), "input.conversationId", "NOT_FOUND"),
        // An agent sees the conversation; it is not theirs.
        (&site.admin.token, json!({ "conversationId": of_visitor }), "input.conversationId", "NOT_FOUND"),
        (&visitor.token, json!({ "siteKey": site.key }), "input.siteKey", "BAD_USER_INPUT/INVALID_COMBINATION"),
        (&visitor.token, json!({ "conversationId": conversation }), "input.conversationId", "NOT_FOUND"),
    ] {
        let input = merged(json!({ "email": "c@example.com", "message": "Merhaba" }), &place);
        let answer = app.post(Some(token), LEAVE, json!({ "i": input })).await;
        assert_eq!(complaint(&answer), (field.to_owned(), code.to_owned()), "{answer}");
    }
    assert_eq!(listed(&app, &site.admin, &site, json!({})).await.len(), 2);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_field() {
    let (app, site, visitor) = started().await;
    let elsewhere = app.site("baska").await;
    let strange = department(&app, &elsewhere).await;
    let email = json!({ "email": "ada@example.com" });
    let long = "x".repeat(5_001);
    for (input, field, code) in [
        (json!({ "message": "Merhaba" }), "input.email", "BAD_USER_INPUT/INVALID_COMBINATION"),
        (json!({ "message": "Merhaba", "email": "ada" }), "input.email", "BAD_USER_INPUT/INVALID_FORMAT"),
        (json!({ "message": "Merhaba", "phone": "12" }), "input.phone", "BAD_USER_INPUT/INVALID_FORMAT"),
        (merged(email.clone(), &json!({ "message": " " })), "input.message", "BAD_USER_INPUT/TOO_SHORT"),
        (merged(email.clone(), &json!({ "message": long })), "input.message", "BAD_USER_INPUT/TOO_LONG"),
        (
            merged(email.clone(), &json!({ "message": "x", "name": "x".repeat(121) })),
            "input.name",
            "BAD_USER_INPUT/TOO_LONG",
        ),
        (merged(email, &json!({ "message": "x", "departmentId": strange })), "input.departmentId", "NOT_FOUND"),
    ] {
        let answer = app.post(Some(&visitor.token), LEAVE, json!({ "i": input })).await;
        assert_eq!(complaint(&answer), (field.to_owned(), code.to_owned()), "{answer}");
    }
    for (more, field, code) in [
        (json!({ "phone": " " }), "input.phone", "BAD_USER_INPUT/TOO_SHORT"),
        (json!({ "note": "x".repeat(1_001) }), "input.note", "BAD_USER_INPUT/TOO_LONG"),
        (json!({ "latestAt": "2026-01-05T09:00:00Z" }), "input.latestAt", "BAD_USER_INPUT/OUT_OF_RANGE"),
        (json!({ "earliestAt": "2026-04-06T09:00:00Z" }), "input.earliestAt", "BAD_USER_INPUT/OUT_OF_RANGE"),
        (
            json!({ "earliestAt": "2026-01-06T09:00:00Z", "latestAt": "2026-01-06T08:00:00Z" }),
            "input.latestAt",
            "BAD_USER_INPUT/INVALID_COMBINATION",
        ),
    ] {
        let input = merged(json!({ "phone": "+90 212 555 00 00" }), &more);
        let answer = app.post(Some(&visitor.token), CALL, json!({ "i": input })).await;
        assert_eq!(complaint(&answer), (field.to_owned(), code.to_owned()), "{answer}");
    }
    assert!(listed(&app, &site.admin, &site, json!({})).await.is_empty(), "nothing of it was kept");
}

#[tokio::test]
async fn a_request_sent_twice_is_one_request_and_too_many_are_refused() {
    let (app, site, visitor) = started().await;
    let call =
        json!({ "phone": "+90 212 555 00 00", "latestAt": "2026-01-05T10:00:00.123456789Z", "clientId": new_id() });
    let send = || app.run(Some(&visitor.token), CALL, json!({ "i": call }));
    let all = futures_util::future::join_all((0..6).map(|_| send())).await;
    assert!(all.iter().all(|one| one == &all[0]), "{all:?}");
    assert_eq!(listed(&app, &site.admin, &site, json!({})).await.len(), 1);
    let other = merged(call.clone(), &json!({ "note": "Başka" }));
    let answer = app.post(Some(&visitor.token), CALL, json!({ "i": other })).await;
    assert_eq!(complaint(&answer), ("input.clientId".into(), "CONFLICT/IDEMPOTENCY_MISMATCH".into()));
    // Another's with the same id is another one.
    let second = app.visitor(&site).await;
    let theirs = app.run(Some(&second.token), CALL, json!({ "i": call })).await;
    assert_ne!(theirs["requestCallback"], all[0]["requestCallback"]);

    let limited = loop {
        let input = json!({ "i": { "email": "ada@example.com", "message": "Yine ben" } });
        let answer = app.post(Some(&visitor.token), LEAVE, input).await;
        if answer.get("errors").is_some() {
            break answer;
        }
        assert!(listed(&app, &site.admin, &site, json!({})).await.len() < 20, "nothing limits them");
    };
    assert_eq!(complaint(&limited).1, "RATE_LIMITED");
    assert!(limited["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap() > 0);
    // A repetition is no new request: also when its time has passed meanwhile.
    app.clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(send().await, all[0]);
    leave(&app, &visitor, json!({})).await;
}

#[tokio::test]
async fn members_of_the_site_see_to_requests() {
    let (app, site, visitor) = started().await;
    let (agent, sales) = (app.agent(&site, "Ayşe").await, department(&app, &site).await);
    let (admin, token) = (&site.admin, Some(agent.token.as_str()));
    let first = leave(&app, &visitor, json!({ "message": "Bir" })).await;
    app.clock.advance(Duration::from_secs(1));
    let second = leave(&app, &visitor, json!({ "message": "İki", "departmentId": sales })).await;
    app.clock.advance(Duration::from_secs(1));
    let call = json!({ "i": { "phone": "+90 212 555 00 00" } });
    let call = app.run(Some(&visitor.token), CALL, call).await["requestCallback"]["contactRequest"]["id"].take();

    let mine = json!({ "i": { "contactRequestId": first["id"], "assigneeId": agent.id } });
    let given = app.run(token, ASSIGN, mine.clone()).await["assignContactRequest"]["contactRequest"].take();
    assert_eq!(given["assignee"]["name"], "Ayşe");
    let stranger = app.person("yabanci").await;
    let wrong = json!({ "i": { "contactRequestId": first["id"], "assigneeId": stranger.id } });
    assert_eq!(app.refused(token, ASSIGN, wrong).await, "BAD_USER_INPUT/NOT_MEMBER");

    let done = json!({ "i": { "contactRequestId": second["id"], "resolution": " Arandı, çözüldü. " } });
    let done = app.run(token, RESOLVE, done).await["resolveContactRequest"]["contactRequest"].take();
    assert_eq!((&done["status"], &done["resolution"]), (&json!("RESOLVED"), &json!("Arandı, çözüldü.")));
    assert_eq!(
        (&done["resolvedBy"]["id"], &done["resolvedAt"]),
        (&json!(agent.id), &json!("2026-01-05T09:00:02+00:00"))
    );
    // Who comes second changes nothing.
    let again = json!({ "i": { "contactRequestId": second["id"], "resolution": "Ben de" } });
    let again = app.run(Some(&admin.token), RESOLVE, again).await["resolveContactRequest"]["contactRequest"].take();
    assert_eq!(again, done);
    let long = json!({ "i": { "contactRequestId": first["id"], "resolution": "x".repeat(1_001) } });
    assert_eq!(app.refused(token, RESOLVE, long).await, "BAD_USER_INPUT/TOO_LONG");

    let ids = |rows: Vec<Value>| rows.into_iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    for (filter, expected) in [
        (json!({}), vec![&call, &second["id"], &first["id"]]),
        (json!({ "status": "OPEN" }), vec![&call, &first["id"]]),
        (json!({ "kind": "CALLBACK" }), vec![&call]),
        (json!({ "assigneeId": agent.id }), vec![&first["id"]]),
        (json!({ "unassigned": true, "kind": "MESSAGE" }), vec![&second["id"]]),
        (json!({ "departmentId": sales }), vec![&second["id"]]),
    ] {
        let got = ids(listed(&app, &agent, &site, filter.clone()).await);
        assert_eq!(got.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let both = json!({ "s": site.id, "f": { "unassigned": true, "assigneeId": agent.id } });
    assert_eq!(app.refused(token, LIST, both).await, "BAD_USER_INPUT/INVALID_COMBINATION");
    let page = app.run(token, LIST, json!({ "s": site.id, "n": 2 })).await["contactRequests"].take();
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let rest = json!({ "s": site.id, "n": 2, "a": page["pageInfo"]["endCursor"] });
    let rest = app.run(token, LIST, rest).await["contactRequests"].take();
    assert_eq!((&rest["nodes"][0]["id"], &rest["pageInfo"]["hasNextPage"]), (&first["id"], &json!(false)));

    let open = app.run(token, REOPEN, json!({ "i": { "contactRequestId": second["id"] } })).await;
    let expected = json!({ "status": "OPEN", "resolution": null, "resolvedAt": null, "resolvedBy": null });
    assert_eq!(open["reopenContactRequest"]["contactRequest"], expected);
    // Given back, and what they said of it is not for who asked.
    let back = json!({ "i": { "contactRequestId": first["id"] } });
    let back = app.run(token, ASSIGN, back).await;
    assert_eq!(back["assignContactRequest"]["contactRequest"]["assignee"], Value::Null);
}

#[tokio::test]
async fn whoever_asked_does_not_see_who_sees_to_it() {
    let (app, site, visitor) = started().await;
    let client = new_id();
    let first = leave(&app, &visitor, json!({ "clientId": client })).await;
    let admin = Some(site.admin.token.as_str());
    app.run(admin, ASSIGN, json!({ "i": { "contactRequestId": first["id"], "assigneeId": site.admin.id } })).await;
    app.run(admin, RESOLVE, json!({ "i": { "contactRequestId": first["id"], "resolution": "Zor müşteri" } })).await;
    let again = leave(&app, &visitor, json!({ "clientId": client })).await;
    assert_eq!((&again["id"], &again["status"]), (&first["id"], &json!("RESOLVED")));
    assert_eq!((&again["assignee"], &again["resolution"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn requests_are_followed_without_a_gap() {
    let (app, site, visitor) = started().await;
    let admin = Some(site.admin.token.as_str());
    let first = leave(&app, &visitor, json!({})).await;
    let id = json!({ "contactRequestId": first["id"] });
    let mut ws = Ws::signed_in(&app.ws_url(), admin).await;
    ws.subscribe("e", EVENTS, json!({ "s": site.id, "a": "beginning" })).await;
    let mut seen = vec![ws.next("e").await["contactRequestEvents"].take()];
    app.run(admin, ASSIGN, json!({ "i": merged(id.clone(), &json!({ "assigneeId": site.admin.id })) })).await;
    // The same again is nothing new.
    app.run(admin, ASSIGN, json!({ "i": merged(id.clone(), &json!({ "assigneeId": site.admin.id })) })).await;
    for mutation in [RESOLVE, RESOLVE, REOPEN] {
        app.run(admin, mutation, json!({ "i": id })).await;
    }
    for _ in 0..3 {
        seen.push(ws.next("e").await["contactRequestEvents"].take());
    }
    let changes: Vec<&Value> = seen.iter().map(|event| &event["contactRequestChange"]).collect();
    assert_eq!(changes, ["ADDED", "ASSIGNED", "RESOLVED", "REOPENED"]);
    assert!(seen.iter().all(|event| event["contactRequest"]["id"] == first["id"]), "{seen:?}");
    // Resumed after the second, the others come once more.
    let mut later = Ws::signed_in(&app.ws_url(), admin).await;
    later.subscribe("e", EVENTS, json!({ "s": site.id, "a": seen[1]["cursor"] })).await;
    assert_eq!(later.next("e").await["contactRequestEvents"]["contactRequestChange"], "RESOLVED");
}
