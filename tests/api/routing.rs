//! Who gets a conversation: strategies and rules, offers, hand-over, agents who are gone, two nodes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, Storage, TestApp},
    eventually,
    people::{Person, Site, text},
    ws::Ws,
};

const DECISION: &str = "query Q($c: ID!) { routingDecision(conversationId: $c) { number chosenId offered chosen { id } explanation { rule rulesVersion strategy returned candidates { agentId score excludedBecause activeChats maxChats skillMatch } } } }";
const PREVIEW: &str = "query Q($i: PreviewRoutingInput!) { previewRouting(input: $i) { rule strategy firstChoiceId candidates { agentId score excludedBecause } } }";
const TAKE: &str = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id assignee { id } assistantPaused } } }";
const ACCEPT: &str =
    "mutation A($i: AcceptOfferInput!) { acceptOffer(input: $i) { conversation { assignee { id } } } }";
const DECLINE: &str = "mutation D($i: DeclineOfferInput!) { declineOffer(input: $i) { conversation { id } } }";
const TRANSFER: &str = "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { assignee { id } departmentId } } }";
const OFFERS: &str = "subscription O($s: ID!) { chatOffers(siteId: $s) { offers { conversationId expiresAt } } }";
const DEPARTMENT: &str = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";

async fn decision(app: &TestApp, site: &Site, conversation: &str) -> Value {
    app.run(Some(&site.admin.token), DECISION, json!({ "c": conversation })).await["routingDecision"].clone()
}

async fn department(app: &TestApp, site: &Site, name: &str, members: &[&Person]) -> String {
    let members: Vec<&str> = members.iter().map(|person| person.id.as_str()).collect();
    let input = json!({ "i": { "siteId": site.id, "name": name, "memberIds": members } });
    text(&app.run(Some(&site.admin.token), DEPARTMENT, input).await["createDepartment"]["department"]["id"])
}

/// Waits until an agent is offered this conversation, or nothing.
async fn offered(ws: &mut Ws, conversation: Option<&str>) {
    ws.until("offers", |event| {
        let offers = event["chatOffers"]["offers"].as_array().expect("a list");
        offers.iter().map(|offer| offer["conversationId"].as_str()).collect::<Vec<_>>()
            == conversation.into_iter().map(Some).collect::<Vec<_>>()
    })
    .await;
}

#[tokio::test]
async fn the_least_busy_agent_gets_it_and_the_decision_says_why() {
    let (app, site) = TestApp::still().await;
    let (a, b) = (app.limited(&site, "A", 5).await, app.limited(&site, "B", 4).await);
    let away = app.agent(&site, "C").await;
    let (_one, _two) = (app.dashboard(&site, &a).await, app.dashboard(&site, &b).await);
    let _three = app.dashboard(&site, &away).await;
    let set = "mutation S($i: SetPresenceInput!) { setPresence(input: $i) { agent { id } } }";
    app.run(Some(&away.token), set, json!({ "i": { "siteId": site.id, "state": "AWAY" } })).await;
    let mut given = vec![];
    for _ in 0..9 {
        let (_, conversation) = app.waiting(&site).await;
        given.push(app.until_assigned(&site, &conversation).await);
    }
    let count = |person: &Person| given.iter().filter(|id| **id == person.id).count();
    assert_eq!((count(&a), count(&b), count(&away)), (5, 4, 0));
    // Everybody is full: it waits, and that is a decision, too.
    let (_, waits) = app.waiting(&site).await;
    app.until_place(&site, &waits, 1).await;
    let why = decision(&app, &site, &waits).await;
    assert_eq!((&why["chosenId"], &why["explanation"]["strategy"]), (&Value::Null, &json!("LEAST_BUSY")));
    let mut excluded: Vec<(String, String)> = why["explanation"]["candidates"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (text(&one["agentId"]), text(&one["excludedBecause"])))
        .collect();
    excluded.sort();
    let mut expected = vec![
        (a.id.clone(), "AT_CAPACITY".to_owned()),
        (b.id.clone(), "AT_CAPACITY".to_owned()),
        (away.id.clone(), "NOT_AVAILABLE".to_owned()),
        (site.admin.id.clone(), "OFFLINE".to_owned()),
    ];
    expected.sort();
    assert_eq!(excluded, expected);
    // Who comes back gets one, not all that they missed: the one that waits.
    let set_back = json!({ "i": { "siteId": site.id, "state": "AVAILABLE" } });
    app.run(Some(&away.token), set, set_back).await;
    assert_eq!(app.until_assigned(&site, &waits).await, away.id);
    let why = decision(&app, &site, &waits).await;
    assert_eq!((&why["number"], &why["chosen"]["id"]), (&json!(2), &json!(away.id)));
}

#[tokio::test]
async fn rules_say_what_is_needed_and_a_preview_says_what_then_happens() {
    let (app, site) = TestApp::still().await;
    let sales = app.agent(&site, "Satış").await;
    // Whose turn comes first is whoever is a member for longer.
    app.clock.advance(Duration::from_secs(1));
    let german = app.agent(&site, "Almanca").await;
    let _one = app.dashboard(&site, &sales).await;
    let _two = app.dashboard(&site, &german).await;
    let skills = json!([{ "name": "İade", "level": 3 }]);
    app.profile(&site, &german, json!({ "languages": ["de"], "skills": skills })).await;
    app.profile(&site, &sales, json!({ "languages": ["tr"] })).await;
    let unit = department(&app, &site, "Satış", &[&sales]).await;
    let rules = json!([
        { "name": "Almanca", "when": { "languages": ["de"] }, "strategy": "LANGUAGE" },
        { "name": "Önemli", "when": { "vip": true }, "strategy": "DEPARTMENT", "departmentId": unit, "onlyDepartment": true },
        { "name": "İade", "when": { "tags": ["iade"] }, "strategy": "SKILL_BASED", "skills": [{ "name": "iade", "level": 2 }] },
    ]);
    assert_eq!(app.rules(&site, json!({ "rules": rules, "strategy": "ROUND_ROBIN" })).await, 1);
    let stale = json!({ "i": { "siteId": site.id, "expectedVersion": 0, "patienceSeconds": 60 } });
    let update =
        "mutation U($i: UpdateRoutingSettingsInput!) { updateRoutingSettings(input: $i) { settings { version } } }";
    assert_eq!(app.refused(Some(&site.admin.token), update, stale).await, "CONFLICT/VERSION_CONFLICT");
    for (bad, why) in [
        (json!({ "patienceSeconds": 59 }), "OUT_OF_RANGE"),
        (json!({ "rules": [{ "name": "x", "when": {}, "strategy": "DEPARTMENT" }] }), "INVALID_COMBINATION"),
    ] {
        let mut input = json!({ "siteId": site.id, "expectedVersion": 1 });
        input.as_object_mut().expect("an object").extend(bad.as_object().expect("an object").clone());
        let refused = app.refused(Some(&site.admin.token), update, json!({ "i": input })).await;
        assert_eq!(refused, format!("BAD_USER_INPUT/{why}"));
    }
    for (known, rule, strategy, first) in [
        (json!({ "language": "de-AT" }), json!("Almanca"), "LANGUAGE", &german),
        (json!({ "vip": true }), json!("Önemli"), "DEPARTMENT", &sales),
        (json!({ "tags": ["iade"] }), json!("İade"), "SKILL_BASED", &german),
        (json!({}), Value::Null, "ROUND_ROBIN", &sales),
    ] {
        let mut input = json!({ "siteId": site.id });
        input.as_object_mut().expect("an object").extend(known.as_object().expect("an object").clone());
        let told = app.run(Some(&site.admin.token), PREVIEW, json!({ "i": input })).await["previewRouting"].clone();
        assert_eq!((&told["rule"], &told["strategy"]), (&rule, &json!(strategy)), "{told}");
        assert_eq!((&told["candidates"][0]["agentId"], &told["firstChoiceId"]), (&json!(first.id), &json!(first.id)));
        let admin = told["candidates"].as_array().expect("a list").iter().find(|one| one["agentId"] == site.admin.id);
        assert_eq!(admin.expect("everybody is there")["excludedBecause"], "OFFLINE");
    }
    // Closed is closed.
    let emergency = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) { emergency { enabled } } }";
    for enabled in [true, false] {
        app.run(Some(&site.admin.token), emergency, json!({ "i": { "siteId": site.id, "enabled": enabled } })).await;
        let told = app.run(Some(&site.admin.token), PREVIEW, json!({ "i": { "siteId": site.id } })).await;
        let told = &told["previewRouting"];
        assert_eq!(told["firstChoiceId"].is_null(), enabled, "{told}");
        assert_eq!(told["candidates"][0]["excludedBecause"] == "SITE_CLOSED", enabled, "{told}");
    }
    // What then really happens.
    let visitor = app.visitor(&site).await;
    let profile = "mutation U($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
    app.run(Some(&visitor.token), profile, json!({ "i": { "locale": "de" } })).await;
    let conversation = app.conversation(&visitor).await;
    app.ask_for_person(&visitor, &conversation).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, german.id);
    let why = decision(&app, &site, &conversation).await["explanation"].clone();
    assert_eq!((&why["rule"], &why["rulesVersion"]), (&json!("Almanca"), &json!(1)));
}

#[tokio::test]
async fn an_offer_is_accepted_declined_or_passes_and_goes_to_the_next() {
    let (app, site) = TestApp::still().await;
    let a = app.agent(&site, "A").await;
    app.clock.advance(Duration::from_secs(1));
    let b = app.agent(&site, "B").await;
    app.rules(&site, json!({ "assignment": "OFFER", "offerSeconds": 30, "strategy": "ROUND_ROBIN" })).await;
    let (mut one, mut two) = (app.dashboard(&site, &a).await, app.dashboard(&site, &b).await);
    one.subscribe("offers", OFFERS, json!({ "s": site.id })).await;
    two.subscribe("offers", OFFERS, json!({ "s": site.id })).await;
    let (_, first) = app.waiting(&site).await;
    offered(&mut one, Some(&first)).await;
    let input = json!({ "i": { "conversationId": first } });
    assert_eq!(app.refused(Some(&b.token), ACCEPT, input.clone()).await, "CONFLICT/OFFER_OVER", "it is not theirs");
    app.run(Some(&a.token), DECLINE, input.clone()).await;
    offered(&mut one, None).await;
    offered(&mut two, Some(&first)).await;
    assert_eq!(app.position(&site, &first).await["position"], 1, "who is offered still waits");
    // The offer passes: everybody was asked, so those who are there are asked again, whoever's turn it is.
    app.clock.advance(Duration::from_secs(30));
    offered(&mut two, None).await;
    offered(&mut one, Some(&first)).await;
    assert_eq!(app.refused(Some(&b.token), ACCEPT, input.clone()).await, "CONFLICT/OFFER_OVER", "it is over");
    let taken = app.run(Some(&b.token), TAKE, input).await["takeConversation"]["conversation"].clone();
    assert_eq!((&taken["assignee"]["id"], &taken["assistantPaused"]), (&json!(b.id), &json!(true)));
    offered(&mut one, None).await;

    let (visitor, second) = app.waiting(&site).await;
    // After A, who was asked last, it is B's turn.
    offered(&mut two, Some(&second)).await;
    let leave = "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
    app.run(Some(&visitor.token), leave, json!({ "i": { "conversationId": second } })).await;
    offered(&mut two, None).await;
    let (_, third) = app.waiting(&site).await;
    offered(&mut one, Some(&third)).await;
    // Who is not there for a moment has not declined it.
    let set = "mutation S($i: SetPresenceInput!) { setPresence(input: $i) { agent { id } } }";
    let say = async |state: &str| {
        app.run(Some(&a.token), set, json!({ "i": { "siteId": site.id, "state": state } })).await;
    };
    say("AWAY").await;
    offered(&mut one, None).await;
    offered(&mut two, Some(&third)).await;
    app.run(Some(&b.token), DECLINE, json!({ "i": { "conversationId": third } })).await;
    offered(&mut two, None).await;
    say("AVAILABLE").await;
    offered(&mut one, Some(&third)).await;
    app.run(Some(&a.token), ACCEPT, json!({ "i": { "conversationId": third } })).await;
    offered(&mut one, None).await;
    assert_eq!(app.position(&site, &third).await["outcome"], "ASSIGNED");
}

#[tokio::test]
async fn conversations_are_taken_and_handed_over() {
    let (app, site) = TestApp::still().await;
    let (a, b) = (app.limited(&site, "A", 1).await, app.limited(&site, "B", 1).await);
    let _one = app.dashboard(&site, &a).await;
    let (_, conversation) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, a.id);
    let to = |target: Value| json!({ "i": { "conversationId": conversation, "to": target, "note": "Lütfen bak" } });
    let refused = app.refused(Some(&a.token), TRANSFER, to(json!({ "agentId": b.id }))).await;
    assert_eq!(refused, "CONFLICT/AGENT_NOT_AVAILABLE", "they are not there");
    let other = app.site("other").await;
    let refused = app.refused(Some(&a.token), TRANSFER, to(json!({ "agentId": other.admin.id }))).await;
    assert_eq!(refused, "BAD_USER_INPUT/NOT_MEMBER");
    let _two = app.dashboard(&site, &b).await;
    let moved = app.run(Some(&a.token), TRANSFER, to(json!({ "agentId": b.id }))).await;
    assert_eq!(moved["transferConversation"]["conversation"]["assignee"]["id"], b.id);
    let notes = "query Q($c: ID!) { conversation(conversationId: $c) { messages(last: 5) { nodes { body audience: authorKind } } } }";
    let said = app.run(Some(&b.token), notes, json!({ "c": conversation })).await;
    assert!(said.to_string().contains("Lütfen bak"));
    // Somebody else's is taken only on purpose, and only by who has room.
    let input = json!({ "i": { "conversationId": conversation } });
    assert_eq!(app.refused(Some(&a.token), TAKE, input).await, "CONFLICT/ALREADY_ASSIGNED");
    let over = json!({ "i": { "conversationId": conversation, "takeOver": true } });
    let taken = app.run(Some(&a.token), TAKE, over).await;
    assert_eq!(taken["takeConversation"]["conversation"]["assignee"]["id"], a.id);
    let (_, second) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &second).await, b.id);
    let (_, third) = app.waiting(&site).await;
    app.until_place(&site, &third, 1).await;
    let input = json!({ "i": { "conversationId": third } });
    assert_eq!(app.refused(Some(&a.token), TAKE, input).await, "CONFLICT/AT_CAPACITY");

    // To a department: nobody outside of it gets it, and it is ahead of who came later.
    let unit = department(&app, &site, "Teknik", &[&b]).await;
    app.run(Some(&a.token), TRANSFER, to(json!({ "departmentId": unit }))).await;
    assert_eq!(app.until_assigned(&site, &third).await, a.id, "A has room now, and the one handed over is not theirs");
    let at = app.until_place(&site, &conversation, 1).await;
    assert_eq!(at["waiting"], 1, "a line of its own");
    app.close(&b, &second).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, b.id);
}

#[tokio::test]
async fn when_an_agent_is_gone_another_one_gets_it_else_the_assistant_and_the_visitor_is_told() {
    let (app, site) = TestApp::still().await;
    let (a, b) = (app.limited(&site, "A", 5).await, app.limited(&site, "B", 1).await);
    let assistant = app.assistant(&site, json!({})).await;
    let one = app.dashboard(&site, &a).await;
    let mut started = vec![];
    for _ in 0..2 {
        let visitor = app.visitor(&site).await;
        let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
        let data = app.run(Some(&visitor.token), start, json!({ "i": { "assistantId": assistant } })).await;
        let conversation = text(&data["startConversation"]["conversation"]["id"]);
        app.ask_for_person(&visitor, &conversation).await;
        assert_eq!(app.until_assigned(&site, &conversation).await, a.id);
        started.push((visitor, conversation));
        app.clock.advance(Duration::from_secs(1));
    }
    let events = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename ... on ConversationChanged { conversationChange } } }";
    let mut told = Ws::signed_in(&app.ws_url(), Some(&started[0].0.token)).await;
    told.subscribe("e", events, json!({ "c": started[0].1, "a": "beginning" })).await;
    let _two = app.dashboard(&site, &b).await;
    // G1t: back just in time, nothing happens.
    one.close().await;
    told.until("e", |event| event["conversationEvents"]["conversationChange"] == "AGENT_RECONNECTING").await;
    app.clock.advance(Duration::from_millis(59_900));
    let one = app.dashboard(&site, &a).await;
    told.until("e", |event| event["conversationEvents"]["conversationChange"] == "AGENT_BACK").await;
    app.clock.advance(Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(app.until_assigned(&site, &started[0].1).await, a.id);
    // Not back in time.
    one.close().await;
    app.until_gone(&site, &a).await;
    let is_b = |at: &Value| at["assignee"]["id"] == b.id;
    app.until_position(&site, &started[0].1, is_b).await;
    // B has room for one only: the other one waits on, and the assistant helps meanwhile.
    let query = "query Q($c: ID!) { conversation(conversationId: $c) { attention assistantPaused assignee { id } handoff { reason } } }";
    let read =
        async || app.run(Some(&started[1].0.token), query, json!({ "c": started[1].1 })).await["conversation"].clone();
    let helped = eventually(read, |now| now["assistantPaused"] == false).await;
    assert_eq!((&helped["attention"], &helped["assignee"]), (&json!("WAITING"), &Value::Null), "{helped}");
    assert_eq!(app.position(&site, &started[1].1).await["isWaiting"], true);
    let steps = told.until("e", |event| event["conversationEvents"]["conversationChange"] == "AGENT_GONE").await.len();
    assert!(steps > 0);
    let rest = told.until("e", |event| event["conversationEvents"]["conversationChange"] == "ASSIGNED").await;
    let changes: Vec<&str> =
        rest.iter().filter_map(|event| event["conversationEvents"]["conversationChange"].as_str()).collect();
    assert_eq!(changes, ["HUMAN_REQUESTED", "QUEUE_ENTERED", "QUEUE_LEFT", "ASSIGNED"]);
}

#[tokio::test]
async fn where_people_answer_first_one_who_is_free_does_else_the_assistant() {
    let (app, site) = TestApp::still().await;
    app.assistant(&site, json!({})).await;
    app.rules(&site, json!({ "firstResponder": "PEOPLE" })).await;
    let agent = app.limited(&site, "A", 1).await;
    let _desk = app.dashboard(&site, &agent).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Merhaba, siparişim nerede?").await;
    assert_eq!(app.until_assigned(&site, &conversation).await, agent.id);
    let runs = "query Q($c: ID!) { conversation(conversationId: $c) { assistantPaused lastMessage { authorKind } } }";
    let now = app.run(Some(&visitor.token), runs, json!({ "c": conversation })).await["conversation"].clone();
    assert_eq!(now, json!({ "assistantPaused": true, "lastMessage": { "authorKind": "VISITOR" } }));
    // Nobody is free: the assistant answers.
    let second = app.visitor(&site).await;
    let other = app.conversation(&second).await;
    app.say(&second.token, &other, "Merhaba, siparişim nerede?").await;
    let mut answered = Value::Null;
    for _ in 0..600 {
        answered = app.run(Some(&second.token), runs, json!({ "c": other })).await["conversation"].clone();
        if answered["lastMessage"]["authorKind"] == "ASSISTANT" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(answered, json!({ "assistantPaused": false, "lastMessage": { "authorKind": "ASSISTANT" } }));
    assert_eq!(app.position(&site, &other).await["isWaiting"], false);
}

#[tokio::test]
async fn who_comes_back_gets_the_agent_they_had_if_that_one_has_room() {
    let (app, site) = TestApp::still().await;
    let (a, b) = (app.limited(&site, "A", 1).await, app.limited(&site, "B", 1).await);
    let _one = app.dashboard(&site, &a).await;
    let (visitor, conversation) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, a.id);
    app.say(&a.token, &conversation, "Buyurun").await;
    app.close(&a, &conversation).await;
    let _two = app.dashboard(&site, &b).await;
    app.say(&visitor.token, &conversation, "Bir şey daha").await;
    assert_eq!(app.until_assigned(&site, &conversation).await, a.id);
    assert_eq!(decision(&app, &site, &conversation).await["explanation"]["returned"], true);
    app.close(&a, &conversation).await;
    let (_, other) = app.waiting(&site).await;
    app.until_assigned(&site, &other).await;
    let full = app.position(&site, &other).await["assignee"]["id"].clone();
    app.say(&visitor.token, &conversation, "Yine ben").await;
    let got = app.until_assigned(&site, &conversation).await;
    assert_ne!(json!(got), full, "nobody gets more than they may have");
}

#[tokio::test]
async fn two_nodes_never_give_one_visitor_to_two_or_an_agent_too_many() {
    let storage = std::sync::Arc::new(Storage::new().await);
    let one = TestApp::on(storage.clone(), Options::default()).await;
    let two = TestApp::on(storage, Options::default()).await;
    let site = one.site("acme").await;
    let mut desks = vec![];
    let mut agents = vec![];
    for (number, most) in [(0, 2), (1, 3), (2, 1)] {
        let agent = one.limited(&site, &format!("A{number}"), most).await;
        let node = if number % 2 == 0 { &one } else { &two };
        desks.push(node.dashboard(&site, &agent).await);
        agents.push((agent, most));
    }
    let come = |number: usize| {
        let node = if number.is_multiple_of(2) { &one } else { &two };
        let site = site.clone();
        async move { node.waiting(&site).await.1 }
    };
    let conversations = futures_util::future::join_all((0..10).map(come)).await;
    let mut given = vec![];
    for _ in 0..600 {
        given.clear();
        for conversation in &conversations {
            let at = two.position(&site, conversation).await;
            if let Some(agent) = at["assignee"]["id"].as_str() {
                given.push(agent.to_owned());
            }
        }
        if given.len() == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (agent, most) in &agents {
        assert_eq!(given.iter().filter(|id| **id == agent.id).count() as i32, *most);
    }
    // Q5t: both ask at once for one who waits; one of them gets it.
    let waits: Vec<&String> = {
        let mut found = vec![];
        for conversation in &conversations {
            if one.position(&site, conversation).await["isWaiting"] == true {
                found.push(conversation);
            }
        }
        found
    };
    assert_eq!(waits.len(), 4);
    one.profile(&site, &agents[0].0, json!({ "maxChats": 0 })).await;
    let rivals = [one.agent(&site, "R1").await, one.agent(&site, "R2").await];
    let take = |node: &'static str, person: Person| {
        let (app, waits) = (if node == "one" { &one } else { &two }, waits[0].clone());
        async move { app.post(Some(&person.token), TAKE, json!({ "i": { "conversationId": waits } })).await }
    };
    let (first, second) = tokio::join!(take("one", rivals[0].clone()), take("two", rivals[1].clone()));
    let refused = [&first, &second].into_iter().filter(|answer| answer["errors"].is_array()).count();
    assert_eq!(refused, 1, "{first} {second}");
}

/// Moves time on in steps, so that whoever is connected is seen to be.
async fn pass(app: &TestApp, seconds: u64) {
    let mut left = seconds;
    while left > 0 {
        let step = left.min(15);
        app.clock.advance(Duration::from_secs(step));
        tokio::time::sleep(Duration::from_millis(60)).await;
        left -= step;
    }
}

/// Q5t: accepting an offer against the end of the visitor's patience.
#[tokio::test]
async fn who_is_offered_is_waited_for_even_when_the_visitors_patience_would_be_over() {
    let (app, site) = TestApp::still().await;
    let agent = app.agent(&site, "A").await;
    app.rules(&site, json!({ "assignment": "OFFER", "offerSeconds": 300 })).await;
    let (_, conversation) = app.waiting(&site).await;
    app.until_place(&site, &conversation, 1).await;
    pass(&app, 200).await;
    let mut desk = app.dashboard(&site, &agent).await;
    desk.subscribe("offers", OFFERS, json!({ "s": site.id })).await;
    offered(&mut desk, Some(&conversation)).await;
    pass(&app, 99).await;
    assert_eq!(app.position(&site, &conversation).await["isWaiting"], true, "a second is left");
    pass(&app, 11).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(app.position(&site, &conversation).await["isWaiting"], true, "somebody may come yet");
    let accepted = app.run(Some(&agent.token), ACCEPT, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(accepted["acceptOffer"]["conversation"]["assignee"]["id"], agent.id);
    // Neither end is of any account now.
    pass(&app, 200).await;
    let at = app.position(&site, &conversation).await;
    assert_eq!((&at["outcome"], &at["assignee"]["id"]), (&json!("ASSIGNED"), &json!(agent.id)));
}

/// Q5t: the offer and with it the wait end at the very moment at which somebody accepts.
#[tokio::test]
async fn an_offer_accepted_as_it_passes_is_accepted_or_over_and_never_both() {
    let (app, site) = TestApp::still().await;
    let agent = app.agent(&site, "A").await;
    app.rules(&site, json!({ "assignment": "OFFER", "offerSeconds": 90, "patienceSeconds": 60 })).await;
    let mut desk = app.dashboard(&site, &agent).await;
    desk.subscribe("offers", OFFERS, json!({ "s": site.id })).await;
    // Now the one is faster and now the other.
    for millis in [0, 2, 5, 20] {
        let (_, conversation) = app.waiting(&site).await;
        offered(&mut desk, Some(&conversation)).await;
        pass(&app, 89).await;
        // Whoever looks at this second has looked.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let accept = || app.post(Some(&agent.token), ACCEPT, json!({ "i": { "conversationId": conversation } }));
        let end = async {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            app.clock.advance(Duration::from_secs(1));
        };
        let (first, second, ()) = tokio::join!(accept(), accept(), end);
        let accepted = [&first, &second].into_iter().filter(|answer| !answer["errors"].is_array()).count();
        assert!(accepted <= 1, "{first} {second}");
        // Somebody looks every five seconds, at least.
        app.clock.advance(Duration::from_secs(5));
        let at = app.until_position(&site, &conversation, |at| at["isWaiting"] == false).await;
        let expected =
            if accepted == 1 { (json!("ASSIGNED"), json!(agent.id)) } else { (json!("TIMED_OUT"), Value::Null) };
        assert_eq!((&at["outcome"], &at["assignee"]["id"]), (&expected.0, &expected.1), "{first} {second}");
    }
}
