//! A day of live support from end to end, as visitors and agents see it: people first, everybody busy, off hours, queue,
//! lunch, agents who drop out, holidays, emergencies, and the modes of the widget in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    calendars::{set_day, set_week},
    harness::{
        app::TestApp,
        people::{Person, Site, text},
        ws::Ws,
    },
    widgets::{MODE, bootstrap, follow, set_emergency},
};

const RETURNS: &str = "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.";
const TALK: &str = "query Q($c: ID!) { conversation(conversationId: $c) { status assistantPaused offers assignee { id name } queueOutcome lastMessage { authorKind body } rating { score } } }";
const PLACE: &str = "subscription P($c: ID!) { queuePosition(conversationId: $c) { isWaiting position waiting estimatedWaitSeconds outcome assignee { name } } }";
const SAY_STATE: &str =
    "mutation S($i: SetPresenceInput!) { setPresence(input: $i) { agent { presence { online state acceptsChats } } } }";

async fn talk(app: &TestApp, token: &str, conversation: &str) -> Value {
    app.run(Some(token), TALK, json!({ "c": conversation })).await["conversation"].take()
}

/// The conversation once something is true of it.
async fn until_talk(app: &TestApp, token: &str, conversation: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = talk(app, token, conversation).await;
        if fits(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came about: {last}");
}

fn answered(talk: &Value) -> bool {
    talk["lastMessage"]["authorKind"] == "ASSISTANT"
}

/// The next state of the widget of which this is true.
async fn until_mode(ws: &mut Ws, mode: &str, reason: &str) -> Value {
    let is = |event: &Value| event["widgetMode"]["mode"] == mode && event["widgetMode"]["reason"] == reason;
    let seen = ws.until("w", is).await;
    seen[seen.len() - 1]["widgetMode"].clone()
}

fn offers(state: &Value) -> Vec<String> {
    state["offers"].as_array().expect("a list").iter().map(text).collect()
}

async fn say_state(app: &TestApp, site: &Site, agent: &Person, state: Value) -> Value {
    let mut input = json!({ "siteId": site.id });
    input.as_object_mut().expect("an object").extend(state.as_object().expect("an object").clone());
    app.run(Some(&agent.token), SAY_STATE, json!({ "i": input })).await["setPresence"]["agent"]["presence"].take()
}

/// A site that knows something, with an assistant.
async fn shop() -> (TestApp, Site) {
    let (app, site) = TestApp::still().await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", RETURNS).await;
    (app, site)
}

#[tokio::test]
async fn f1_online_a_person_answers_at_once_with_a_draft_of_the_assistant_and_is_rated() {
    let (app, site) = shop().await;
    app.rules(&site, json!({ "firstResponder": "PEOPLE" })).await;
    let agent = app.agent(&site, "Ayşe").await;
    let _desk = app.dashboard(&site, &agent).await;
    for _ in 0..2 {
        let (_, busy) = app.waiting(&site).await;
        app.until_assigned(&site, &busy).await;
    }
    let before = bootstrap(&app, &site).await;
    assert_eq!((&before["state"]["mode"], &before["state"]["agents"]["available"]), (&json!("ONLINE"), &json!(1)));
    assert!(offers(&before["state"]).contains(&"CALL".to_owned()), "{before}");
    assert_eq!(before["medianReplySeconds"], Value::Null);

    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "İade koşulları neler?").await;
    assert_eq!(app.until_assigned(&site, &conversation).await, agent.id);
    let suggest = "mutation S($i: SuggestReplyInput!) { suggestReply(input: $i) { run { id } } }";
    let input = json!({ "i": { "conversationId": conversation } });
    let run = text(&app.run(Some(&agent.token), suggest, input).await["suggestReply"]["run"]["id"]);
    let draft = "subscription R($r: ID!) { assistantRun(runId: $r) { __typename ... on DraftReady { run { text } } } }";
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    ws.subscribe("d", draft, json!({ "r": run })).await;
    let seen = ws.until("d", |event| event["assistantRun"]["__typename"] == "DraftReady").await;
    assert!(text(&seen[seen.len() - 1]["assistantRun"]["run"]["text"]).contains("14 gün"));
    assert_eq!(talk(&app, &visitor.token, &conversation).await["lastMessage"]["authorKind"], "VISITOR");
    app.clock.advance(Duration::from_secs(45));
    let send = "mutation S($i: SendDraftInput!) { sendDraft(input: $i) { message { id } } }";
    app.run(Some(&agent.token), send, json!({ "i": { "runId": run } })).await;
    app.close(&agent, &conversation).await;
    let rate =
        "mutation R($i: RateConversationInput!) { rateConversation(input: $i) { conversation { rating { score } } } }";
    app.run(Some(&visitor.token), rate, json!({ "i": { "conversationId": conversation, "score": 5 } })).await;
    assert_eq!(talk(&app, &visitor.token, &conversation).await["rating"]["score"], 5);
    // The figure may be a minute old.
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], 45);
}

#[tokio::test]
async fn f2_when_all_are_full_the_assistant_answers_and_after_two_answers_a_person_is_offered() {
    let (app, site) = shop().await;
    app.rules(&site, json!({ "firstResponder": "PEOPLE" })).await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let _desk = app.dashboard(&site, &agent).await;
    let (_, full) = app.waiting(&site).await;
    app.until_assigned(&site, &full).await;
    for place in 1..4 {
        app.clock.advance(Duration::from_secs(1));
        let (_, waits) = app.waiting(&site).await;
        app.until_place(&site, &waits, place).await;
    }
    let (mut widget, state) = follow(&app, &site, MODE).await;
    let state = if state["mode"] == "BUSY" { state } else { until_mode(&mut widget, "BUSY", "AT_CAPACITY").await };
    assert!(!offers(&state).contains(&"CALL".to_owned()) && offers(&state).contains(&"WAIT".to_owned()), "{state}");

    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "İade koşulları neler?").await;
    until_talk(&app, &visitor.token, &conversation, answered).await;
    app.say(&visitor.token, &conversation, "İade ücretsiz mi?").await;
    until_talk(&app, &visitor.token, &conversation, |talk| !answered(talk)).await;
    until_talk(&app, &visitor.token, &conversation, answered).await;
    app.app.drain().await.expect("it is done");
    assert_eq!(talk(&app, &visitor.token, &conversation).await["offers"], json!([]), "not before three seconds");
    app.clock.advance(Duration::from_secs(3));
    let offered = until_talk(&app, &visitor.token, &conversation, |talk| talk["offers"] != json!([])).await;
    assert_eq!(offered["offers"], json!(["WAIT_FOR_AGENT", "OPEN_TICKET"]));

    // Three wait, so this is the fourth; one conversation of ten minutes at a time.
    app.ask_for_person(&visitor, &conversation).await;
    let mut places = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    places.subscribe("p", PLACE, json!({ "c": conversation })).await;
    let seen = places.until("p", |event| event["queuePosition"]["position"] == 4).await;
    let place = &seen[seen.len() - 1]["queuePosition"];
    assert_eq!((&place["waiting"], &place["estimatedWaitSeconds"]), (&json!(4), &json!(2_400)));
    let leave = "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
    app.run(Some(&visitor.token), leave, json!({ "i": { "conversationId": conversation } })).await;
    let seen = places.until("p", |event| event["queuePosition"]["isWaiting"] == false).await;
    assert_eq!(seen[seen.len() - 1]["queuePosition"]["outcome"], "LEFT");
    app.say(&visitor.token, &conversation, "İade koşulları neler?").await;
    until_talk(&app, &visitor.token, &conversation, answered).await;
}

#[tokio::test]
async fn f3_off_hours_the_assistant_answers_nobody_is_assigned_and_a_message_is_left() {
    let (app, site) = shop().await;
    // It is noon on Monday.
    set_week(
        &app,
        &site,
        json!([{ "day": "MONDAY", "intervals": [{ "from": "13:00", "to": "18:00" }], "breaks": [] }]),
    )
    .await;
    app.rules(&site, json!({ "firstResponder": "PEOPLE" })).await;
    let agent = app.agent(&site, "Ayşe").await;
    let _desk = app.dashboard(&site, &agent).await;
    let state = bootstrap(&app, &site).await["state"].clone();
    assert_eq!((&state["mode"], &state["reason"]), (&json!("OFFLINE"), &json!("CLOSED")));
    assert_eq!(state["nextOpenAt"], "2026-01-05T10:00:00+00:00");
    assert!(offers(&state).contains(&"AI_ONLY".to_owned()) && !offers(&state).contains(&"CHAT".to_owned()));

    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "İade koşulları neler?").await;
    let talk = until_talk(&app, &visitor.token, &conversation, answered).await;
    assert_eq!(talk["assignee"], Value::Null, "although somebody is there");
    app.ask_for_person(&visitor, &conversation).await;
    let at = app.until_position(&site, &conversation, |at| at["outcome"] == "SITE_CLOSED").await;
    assert_eq!(at["assignee"], Value::Null);
    let talk = until_talk(&app, &visitor.token, &conversation, |talk| talk["offers"] != json!([])).await;
    assert_eq!(talk["offers"], json!(["LEAVE_MESSAGE", "REQUEST_CALLBACK"]));
    let leave = "mutation L($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id status } } }";
    let message = json!({ "i": { "name": "Ali", "email": "ali@example.com", "message": "Arayın" } });
    let left = app.run(Some(&visitor.token), leave, message).await["leaveMessage"]["contactRequest"].clone();
    let list = "query Q($s: ID!) { contactRequests(siteId: $s) { nodes { id message } } }";
    let seen = app.run(Some(&agent.token), list, json!({ "s": site.id })).await;
    assert_eq!(seen["contactRequests"]["nodes"], json!([{ "id": left["id"], "message": "Arayın" }]));
}

#[tokio::test]
async fn f4_who_finds_nobody_waits_is_told_each_change_and_is_given_to_whoever_comes() {
    let (app, site) = TestApp::still().await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut places = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    places.subscribe("p", PLACE, json!({ "c": conversation })).await;
    // There is no assistant, so the first message is for a person.
    app.say(&visitor.token, &conversation, "Merhaba").await;
    let seen = places.until("p", |event| event["queuePosition"]["position"] == 1).await;
    assert_eq!(seen[seen.len() - 1]["queuePosition"]["estimatedWaitSeconds"], Value::Null);
    app.rules(&site, json!({ "assignment": "OFFER" })).await;
    let agent = app.limited(&site, "Ayşe", 2).await;
    let _desk = app.dashboard(&site, &agent).await;
    let seen = places.until("p", |event| event["queuePosition"]["estimatedWaitSeconds"] == 300).await;
    assert_eq!(seen[seen.len() - 1]["queuePosition"]["isWaiting"], true, "offered, not yet accepted");
    let accept = "mutation A($i: AcceptOfferInput!) { acceptOffer(input: $i) { conversation { id } } }";
    let mut accepted = Value::Null;
    for _ in 0..600 {
        accepted = app.post(Some(&agent.token), accept, json!({ "i": { "conversationId": conversation } })).await;
        if accepted["errors"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(accepted["errors"].is_null(), "{accepted}");
    let seen = places.until("p", |event| event["queuePosition"]["isWaiting"] == false).await;
    let last = &seen[seen.len() - 1]["queuePosition"];
    assert_eq!((&last["outcome"], &last["assignee"]["name"]), (&json!("ASSIGNED"), &json!("Ayşe")));
    // The next one waits for five minutes in vain, and then wants to be called back.
    say_state(&app, &site, &agent, json!({ "state": "AWAY" })).await;
    let (second, waits) = app.waiting(&site).await;
    app.until_place(&site, &waits, 1).await;
    app.clock.advance(Duration::from_secs(300));
    app.until_position(&site, &waits, |at| at["outcome"] == "TIMED_OUT").await;
    let call = "mutation C($i: RequestCallbackInput!) { requestCallback(input: $i) { contactRequest { kind phone } } }";
    let input = json!({ "i": { "phone": "+90 212 555 00 00" } });
    let wanted = app.run(Some(&second.token), call, input).await["requestCallback"]["contactRequest"].clone();
    assert_eq!(wanted["kind"], "CALLBACK");
}

#[tokio::test]
async fn f5_lunch_a_holiday_and_an_emergency_are_told_and_waits_end_when_they_must() {
    let (app, site) = TestApp::still().await;
    let week = json!([{ "day": "MONDAY", "intervals": [{ "from": "09:00", "to": "18:00" }],
        "breaks": [{ "from": "12:00", "to": "12:10" }] }]);
    set_week(&app, &site, week).await;
    let (mut widget, lunch) = follow(&app, &site, MODE).await;
    assert_eq!((&lunch["mode"], &lunch["reason"]), (&json!("BUSY"), &json!("BREAK")), "{lunch}");
    assert_eq!(lunch["nextOpenAt"], "2026-01-05T09:10:00+00:00");
    let (_, waits) = app.waiting(&site).await;
    assert_eq!(app.until_place(&site, &waits, 1).await["waitsUntil"], "2026-01-05T09:10:00+00:00");
    // An emergency: who waits is told so, whoever has an agent goes on.
    let agent = app.limited(&site, "Ayşe", 1).await;
    let _desk = app.dashboard(&site, &agent).await;
    assert_eq!(app.until_assigned(&site, &waits).await, agent.id);
    let (_, second) = app.waiting(&site).await;
    app.until_place(&site, &second, 1).await;
    let until = app.clock.now() + Duration::from_secs(120);
    let word = json!({ "message": "Su baskını", "allowAi": false, "allowTickets": true, "until": until });
    set_emergency(&app, &site, word).await;
    let state = until_mode(&mut widget, "OFFLINE", "EMERGENCY").await;
    assert_eq!(state["message"], "Su baskını");
    assert!(!offers(&state).contains(&"AI_ONLY".to_owned()), "{state}");
    app.until_position(&site, &second, |at| at["outcome"] == "SITE_CLOSED").await;
    assert_eq!(talk(&app, &site.admin.token, &waits).await["assignee"]["id"], agent.id);
    app.clock.advance(Duration::from_secs(120));
    widget.until("w", |event| event["widgetMode"]["mode"] == "BUSY").await;
    // A holiday that somebody remembers late.
    let (_, third) = app.waiting(&site).await;
    app.until_place(&site, &third, 1).await;
    set_day(&app, &site, json!({ "date": "2026-01-05", "name": "Kar tatili", "message": "Evde kalın" })).await;
    let state = until_mode(&mut widget, "OFFLINE", "HOLIDAY").await;
    assert!(text(&state["message"]).contains("Evde kalın"), "{state}");
    app.until_position(&site, &third, |at| at["outcome"] == "SITE_CLOSED").await;
}

#[tokio::test]
async fn f6_an_agents_day() {
    let (app, site) = TestApp::still().await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let (_, first) = app.waiting(&site).await;
    app.until_place(&site, &first, 1).await;
    let desk = app.dashboard(&site, &agent).await;
    assert_eq!(app.until_assigned(&site, &first).await, agent.id, "online, and so available");
    let full = say_state(&app, &site, &agent, json!({ "state": "AVAILABLE" })).await;
    assert_eq!((&full["online"], &full["acceptsChats"]), (&json!(true), &json!(false)), "at capacity");
    app.profile(&site, &agent, json!({ "maxChats": 3 })).await;
    for state in ["AWAY", "ON_BREAK", "DO_NOT_DISTURB"] {
        say_state(&app, &site, &agent, json!({ "state": state })).await;
        let (_, waits) = app.waiting(&site).await;
        app.until_place(&site, &waits, 1).await;
        assert_eq!(talk(&app, &agent.token, &first).await["assignee"]["id"], agent.id, "the present ones go on");
        app.close(&agent, &waits).await;
    }
    let until = app.clock.now() + Duration::from_secs(60);
    say_state(&app, &site, &agent, json!({ "state": "ON_BREAK", "text": "Çay", "until": until })).await;
    let (_, waits) = app.waiting(&site).await;
    app.until_place(&site, &waits, 1).await;
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(app.until_assigned(&site, &waits).await, agent.id, "back from the break by the clock");
    say_state(&app, &site, &agent, json!({ "state": "BUSY" })).await;
    let (_, more) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &more).await, agent.id, "busy is not full");
    // Silence for a minute.
    desk.close().await;
    app.until_gone(&site, &agent).await;
    app.until_position(&site, &more, |at| at["isWaiting"] == true).await;
}

#[tokio::test]
async fn f12_the_widgets_day() {
    let (app, site) = TestApp::still().await;
    let week = json!([{ "day": "MONDAY", "intervals": [{ "from": "12:02", "to": "12:08" }], "breaks": [] }]);
    set_week(&app, &site, week).await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let desk = app.dashboard(&site, &agent).await;
    let (mut widget, closed) = follow(&app, &site, MODE).await;
    assert_eq!(closed["mode"], "OFFLINE");
    app.clock.advance(Duration::from_secs(120));
    until_mode(&mut widget, "ONLINE", "AVAILABLE").await;
    // The only agent is full: busy, until the conversation is over.
    let (_, conversation) = app.waiting(&site).await;
    app.until_assigned(&site, &conversation).await;
    until_mode(&mut widget, "BUSY", "AT_CAPACITY").await;
    app.close(&agent, &conversation).await;
    until_mode(&mut widget, "ONLINE", "AVAILABLE").await;
    // They go home without a word.
    desk.close().await;
    app.until_gone(&site, &agent).await;
    until_mode(&mut widget, "BUSY", "NO_AGENT").await;
    app.clock.advance(Duration::from_secs(300));
    until_mode(&mut widget, "OFFLINE", "CLOSED").await;
}
