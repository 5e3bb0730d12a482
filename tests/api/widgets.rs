//! Widgets: the mode with its causes, emergencies, and what a widget starts with. Settings are in `widget_settings.rs`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    agents::dashboard,
    calendars::{set_day, set_week},
    harness::{
        app::{Options, TestApp, refusal},
        people::{Person, Site, text},
        wire,
        ws::Ws,
    },
};

pub(crate) const MODE: &str = "subscription W($k: String, $s: ID, $l: String) {
    widgetMode(siteKey: $k, siteId: $s, language: $l) { mode reason message offers nextOpenAt nextChangeAt } }";
const ONLY_MODE: &str = "subscription W($k: String) { widgetMode(siteKey: $k) { mode } }";
const COUNTS: &str = "subscription W($k: String) { widgetMode(siteKey: $k) { mode agents { online available } } }";
pub(crate) const BOOTSTRAP: &str = "query B($k: String!, $l: String) { widgetBootstrap(siteKey: $k, language: $l) {
    site { id name locale } language version medianReplySeconds customCss
    look { primaryColor secondaryColor side zIndex avatarUrl }
    texts { title greeting busy offline launcher placeholder proactive }
    state { mode reason message offers nextOpenAt nextChangeAt agents { online available } }
    hours { timeZone hasHours week { day intervals { from to } breaks { from to } } }
    preChat { enabled fields required } features { liveChat waiting tickets calls }
    proactive { secondsOnPage scrollPercent exitIntent idleSeconds tabReturnSeconds oncePerVisit } } }";
const PREVIEW: &str = "query P($s: ID!, $at: DateTime, $a: Int, $c: Int, $e: Boolean) {
    previewWidgetMode(siteId: $s, at: $at, availableAgents: $a, callableAgents: $c, emergency: $e, language: \"en\") {
        mode reason message offers nextOpenAt nextChangeAt } }";
pub(crate) const EMERGENCY: &str = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) {
    emergency { enabled message allowAi allowTickets until changedAt } } }";
const READ_EMERGENCY: &str = "query E($s: ID!) { emergency(siteId: $s) { enabled message allowAi until changedAt } }";
const SET_PRESENCE: &str = "mutation S($i: SetPresenceInput!) { setPresence(input: $i) { agent { id } } }";
const UPDATE_AGENT: &str = "mutation U($i: UpdateAgentInput!) { updateAgent(input: $i) { agent { id } } }";

/// A server on which it is noon on a Monday in Istanbul until the test moves the time.
async fn started() -> (TestApp, Site, Person) {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "Ayşe").await;
    (app, site, agent)
}

/// A widget that follows the mode; what it is told first, too.
pub(crate) async fn follow(app: &TestApp, site: &Site, document: &str) -> (Ws, Value) {
    // A visitor's limits are their own; those of all anonymous callers of one address are shared by the tests.
    let visitor = app.visitor(site).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("w", document, json!({ "k": site.key, "l": "en" })).await;
    let first = ws.next("w").await["widgetMode"].take();
    (ws, first)
}

/// The next mode and its reason.
async fn next(ws: &mut Ws) -> (String, String) {
    let event = ws.next("w").await["widgetMode"].take();
    (text(&event["mode"]), text(&event["reason"]))
}

pub(crate) async fn bootstrap(app: &TestApp, site: &Site) -> Value {
    app.run(None, BOOTSTRAP, json!({ "k": site.key, "l": "en" })).await["widgetBootstrap"].take()
}

pub(crate) async fn set_emergency(app: &TestApp, site: &Site, more: Value) -> Value {
    let mut input = json!({ "siteId": site.id, "enabled": true });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.run(Some(&site.admin.token), EMERGENCY, json!({ "i": input })).await["setEmergency"]["emergency"].take()
}

fn pair(mode: &str, reason: &str) -> (String, String) {
    (mode.to_owned(), reason.to_owned())
}

/// Noon until the given minute past twelve, and 15:00 to 16:00, on Mondays.
fn until(minute: u32, breaks: &Value) -> Value {
    let intervals = json!([{ "from": "09:00", "to": format!("12:{minute:02}") }, { "from": "15:00", "to": "16:00" }]);
    json!([{ "day": "MONDAY", "intervals": intervals, "breaks": breaks }])
}

#[tokio::test]
async fn a_new_site_is_busy_until_an_agent_is_there_and_again_when_the_last_one_is_gone() {
    let (app, site, agent) = started().await;
    let (mut ws, first) = follow(&app, &site, MODE).await;
    assert_eq!((&first["mode"], &first["reason"]), (&json!("BUSY"), &json!("NO_AGENT")));
    assert_eq!(first["offers"], json!(["WAIT", "TICKET", "CALLBACK"]), "there is no assistant");
    let open = dashboard(&app, &site, &agent).await;
    let online = ws.next("w").await["widgetMode"].take();
    assert_eq!((&online["mode"], &online["reason"]), (&json!("ONLINE"), &json!("AVAILABLE")));
    assert_eq!(online["offers"], json!(["CHAT", "CALL", "TICKET"]));
    let start = bootstrap(&app, &site).await;
    assert_eq!(start["state"]["agents"], json!({ "online": 1, "available": 1 }));

    // Whoever cannot be called takes the button away.
    let input = json!({ "i": { "siteId": site.id, "userId": agent.id, "acceptsCalls": false } });
    app.run(Some(&site.admin.token), UPDATE_AGENT, input).await;
    assert_eq!(ws.next("w").await["widgetMode"]["offers"], json!(["CHAT", "TICKET"]));
    // An assistant helps while nobody is there.
    app.assistant(&site, json!({})).await;

    open.close().await;
    app.clock.advance(Duration::from_millis(59_900));
    assert_eq!(bootstrap(&app, &site).await["state"]["mode"], "ONLINE");
    let gone = loop {
        app.clock.advance(Duration::from_secs(20));
        if let Some(event) = ws.try_next_json(Duration::from_millis(200)).await {
            break event["payload"]["data"]["widgetMode"].clone();
        }
    };
    assert_eq!((&gone["mode"], &gone["reason"]), (&json!("BUSY"), &json!("NO_AGENT")));
    assert_eq!(gone["offers"], json!(["WAIT", "AI_ONLY", "TICKET", "CALLBACK"]));
    assert_eq!(bootstrap(&app, &site).await["state"]["agents"], json!({ "online": 0, "available": 0 }));
}

#[tokio::test]
async fn who_is_away_or_has_enough_to_do_is_not_there_for_new_visitors() {
    let (app, site, agent) = started().await;
    let _open = dashboard(&app, &site, &agent).await;
    let (mut ws, first) = follow(&app, &site, MODE).await;
    assert_eq!(first["mode"], "ONLINE");
    for (state, expected) in [
        ("AWAY", pair("BUSY", "NO_AGENT")),
        ("BUSY", pair("ONLINE", "AVAILABLE")),
        ("ON_BREAK", pair("BUSY", "NO_AGENT")),
    ] {
        app.run(Some(&agent.token), SET_PRESENCE, json!({ "i": { "siteId": site.id, "state": state } })).await;
        assert_eq!(next(&mut ws).await, expected, "{state}");
    }
    // A break of one's own ends by itself.
    let until = app.clock.now() + Duration::from_secs(120);
    let said = json!({ "i": { "siteId": site.id, "state": "ON_BREAK", "until": until } });
    app.run(Some(&agent.token), SET_PRESENCE, said).await;
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(next(&mut ws).await, pair("ONLINE", "AVAILABLE"));

    let one = json!({ "i": { "siteId": site.id, "userId": agent.id, "maxChats": 1 } });
    app.run(Some(&site.admin.token), UPDATE_AGENT, one).await;
    let conversation = app.conversation(&app.visitor(&site).await).await;
    let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
    let input = json!({ "i": { "conversationId": conversation, "assigneeId": agent.id } });
    app.run(Some(&agent.token), assign, input).await;
    assert_eq!(next(&mut ws).await, pair("BUSY", "AT_CAPACITY"));
    let close = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
    app.run(Some(&agent.token), close, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(next(&mut ws).await, pair("ONLINE", "AVAILABLE"));
}

#[tokio::test]
async fn f12_the_mode_changes_with_the_clock() {
    let (app, site, agent) = started().await;
    let _open = dashboard(&app, &site, &agent).await;
    set_week(&app, &site, until(10, &json!([{ "from": "12:02", "to": "12:04" }]))).await;
    let (mut ws, first) = follow(&app, &site, MODE).await;
    assert_eq!((&first["mode"], &first["nextOpenAt"]), (&json!("ONLINE"), &Value::Null));
    assert_eq!(first["nextChangeAt"], "2026-01-05T09:02:00+00:00");
    // In the break somebody works on: visitors are told the truth.
    app.clock.advance(Duration::from_secs(120));
    let working = ws.next("w").await["widgetMode"].take();
    assert_eq!((&working["mode"], &working["nextChangeAt"]), (&json!("ONLINE"), &json!("2026-01-05T09:04:00+00:00")));
    app.run(Some(&agent.token), SET_PRESENCE, json!({ "i": { "siteId": site.id, "state": "ON_BREAK" } })).await;
    let lunch = ws.next("w").await["widgetMode"].take();
    assert_eq!((&lunch["mode"], &lunch["reason"]), (&json!("BUSY"), &json!("BREAK")));
    assert_eq!(lunch["nextOpenAt"], "2026-01-05T09:04:00+00:00");
    assert_eq!(lunch["message"], "We are on a break. Back: today 12:04.");
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(next(&mut ws).await, pair("BUSY", "NO_AGENT"));
    app.run(Some(&agent.token), SET_PRESENCE, json!({ "i": { "siteId": site.id, "state": "AVAILABLE" } })).await;
    assert_eq!(next(&mut ws).await, pair("ONLINE", "AVAILABLE"));
    // At closing time, although an agent is there.
    app.clock.advance(Duration::from_secs(360));
    let closed = ws.next("w").await["widgetMode"].take();
    assert_eq!((&closed["mode"], &closed["reason"]), (&json!("OFFLINE"), &json!("CLOSED")));
    assert_eq!(closed["offers"], json!(["TICKET", "CALLBACK"]));
    assert_eq!(closed["nextOpenAt"], "2026-01-05T12:00:00+00:00");
    assert_eq!(closed["message"], "We are closed at the moment. Opening: today 15:00.");
    assert_eq!(bootstrap(&app, &site).await["state"]["mode"], "OFFLINE");
}

#[tokio::test]
async fn a_calendar_that_is_changed_counts_at_once() {
    let (app, site, agent) = started().await;
    let _open = dashboard(&app, &site, &agent).await;
    let (mut ws, first) = follow(&app, &site, MODE).await;
    assert_eq!(first["mode"], "ONLINE");
    set_day(&app, &site, json!({ "date": "2026-01-05", "name": "Stocktaking", "message": "We count." })).await;
    let holiday = ws.next("w").await["widgetMode"].take();
    assert_eq!((&holiday["mode"], &holiday["reason"]), (&json!("OFFLINE"), &json!("HOLIDAY")));
    assert!(text(&holiday["message"]).contains("Stocktaking: We count."), "{holiday}");
    // Another word on the same day.
    set_day(&app, &site, json!({ "date": "2026-01-05", "name": "Stocktaking", "message": "We count on." })).await;
    assert!(text(&ws.next("w").await["widgetMode"]["message"]).contains("We count on."));
    set_day(&app, &site, json!({ "date": "2026-01-05", "name": "Short day", "closedFrom": "12:05" })).await;
    assert_eq!(next(&mut ws).await.0, "ONLINE");
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(next(&mut ws).await, pair("OFFLINE", "HOLIDAY"));
    set_week(&app, &site, json!([])).await;
    assert_eq!(next(&mut ws).await, pair("OFFLINE", "NO_WORKING_TIME"));
}

#[tokio::test]
async fn watchers_hear_of_real_changes_of_what_they_asked_for_only() {
    let (app, site, agent) = started().await;
    let first_dashboard = dashboard(&app, &site, &agent).await;
    let (mut plain, first) = follow(&app, &site, ONLY_MODE).await;
    assert_eq!(first, json!({ "mode": "ONLINE" }));
    let (mut counting, first) = follow(&app, &site, COUNTS).await;
    assert_eq!(first["agents"], json!({ "online": 1, "available": 1 }));
    // A second agent, a conversation, a message, a tag, other hours, a colour: none of it changes the mode.
    let second = app.agent(&site, "Bora").await;
    let _second_dashboard = dashboard(&app, &site, &second).await;
    assert_eq!(counting.next("w").await["widgetMode"]["agents"], json!({ "online": 2, "available": 2 }));
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Merhaba").await;
    app.say(&agent.token, &conversation, "Buyurun").await;
    set_week(&app, &site, until(59, &json!([]))).await;
    set_emergency(&app, &site, json!({})).await;
    assert_eq!(plain.next("w").await["widgetMode"]["mode"], "OFFLINE", "the first that it hears");
    assert_eq!(counting.next("w").await["widgetMode"]["mode"], "OFFLINE");
    first_dashboard.close().await;
}

#[tokio::test]
async fn an_emergency_takes_the_site_offline_until_its_end() {
    let (app, site, agent) = started().await;
    app.assistant(&site, json!({})).await;
    let _open = dashboard(&app, &site, &agent).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let never = app.run(Some(&agent.token), READ_EMERGENCY, json!({ "s": site.id })).await["emergency"].take();
    assert_eq!((&never["enabled"], &never["changedAt"]), (&json!(false), &Value::Null));
    let (mut ws, _) = follow(&app, &site, MODE).await;
    let end = "2026-01-05T09:10:00Z";
    let set = set_emergency(&app, &site, json!({ "message": " Bakım var. ", "allowAi": false, "until": end })).await;
    assert_eq!((&set["enabled"], &set["message"]), (&json!(true), &json!("Bakım var.")));
    let told = ws.next("w").await["widgetMode"].take();
    assert_eq!((&told["mode"], &told["reason"]), (&json!("OFFLINE"), &json!("EMERGENCY")));
    assert_eq!((&told["message"], &told["offers"]), (&json!("Bakım var."), &json!(["TICKET"])));
    assert_eq!(
        (&told["nextOpenAt"], &told["nextChangeAt"]),
        (&json!("2026-01-05T09:10:00+00:00"), &told["nextOpenAt"])
    );

    // What is open goes on with people. The assistant, who may not, is silent, and the visitor is told why.
    app.say(&visitor.token, &conversation, "Orada mısınız?").await;
    app.say(&visitor.token, &conversation, "Merhaba?").await;
    app.app.drain().await.unwrap();
    app.say(&agent.token, &conversation, "Buradayım.").await;
    let status = "query C($c: ID!) { conversation(conversationId: $c) {
        status offers messages(last: 9) { nodes { authorKind body } } } }";
    let open = app.run(Some(&visitor.token), status, json!({ "c": conversation })).await["conversation"].take();
    assert_eq!(open["status"], "OPEN");
    let said: Vec<String> =
        open["messages"]["nodes"].as_array().unwrap().iter().map(|one| text(&one["body"])).collect();
    let mut expected = vec!["Bakım var.", "Buradayım.", "Merhaba?", "Orada mısınız?"];
    let mut sorted: Vec<&str> = said.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected, "{open}");

    app.clock.advance(Duration::from_millis(599_999));
    assert_eq!(bootstrap(&app, &site).await["state"]["reason"], "EMERGENCY");
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(next(&mut ws).await, pair("ONLINE", "AVAILABLE"));
    let over = app.run(Some(&agent.token), READ_EMERGENCY, json!({ "s": site.id })).await["emergency"].take();
    assert_eq!((&over["enabled"], &over["message"]), (&json!(false), &json!("Bakım var.")));

    // By hand, with the built-in sentence.
    set_emergency(&app, &site, json!({})).await;
    let told = ws.next("w").await["widgetMode"].take();
    assert_eq!((&told["offers"], &told["nextOpenAt"]), (&json!(["AI_ONLY", "TICKET"]), &Value::Null));
    assert!(text(&told["message"]).contains("incident"), "{told}");
    set_emergency(&app, &site, json!({ "enabled": false })).await;
    assert_eq!(next(&mut ws).await, pair("ONLINE", "AVAILABLE"));
}

#[tokio::test]
async fn the_end_of_an_emergency_is_written_down_once_and_an_earlier_end_does_not_count() {
    let (app, site, _) = started().await;
    set_emergency(&app, &site, json!({ "until": "2026-01-05T09:01:00Z" })).await;
    set_emergency(&app, &site, json!({ "until": "2026-01-05T09:03:00Z" })).await;
    let lines = || async {
        app.app.drain().await.unwrap();
        let id: entity::ids::SiteId = site.id.parse().unwrap();
        let scope = yanit::kernel::journal::Scope::Subject(id.0);
        let db = app.app.ports.database.db();
        let lines =
            yanit::kernel::journal::read(&db, id, scope, yanit::kernel::journal::Cursor::BEGINNING, 200).await.unwrap();
        lines.into_iter().map(|line| line.kind.clone()).filter(|kind| kind.starts_with("emergency")).collect::<Vec<_>>()
    };
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(lines().await, ["emergency.set", "emergency.set"]);
    app.clock.advance(Duration::from_secs(120));
    // A worker may have taken the job already, so draining would not wait for it.
    for _ in 0..600 {
        if lines().await.len() > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lines().await, ["emergency.set", "emergency.set", "emergency.ended"]);
    // The same again is no event.
    set_emergency(&app, &site, json!({})).await;
    set_emergency(&app, &site, json!({})).await;
    assert_eq!(lines().await.len(), 4);
}

#[tokio::test]
async fn emergencies_have_limits() {
    let (app, site, agent) = started().await;
    for (more, field, reason) in [
        (json!({ "message": "x".repeat(501) }), "input.message", "TOO_LONG"),
        (json!({ "until": "2026-01-05T09:00:00Z" }), "input.until", "OUT_OF_RANGE"),
        (json!({ "until": "2026-04-06T09:00:00Z" }), "input.until", "OUT_OF_RANGE"),
    ] {
        let mut input = json!({ "siteId": site.id, "enabled": true });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = app.post(Some(&site.admin.token), EMERGENCY, json!({ "i": input })).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!((&extensions["field"], &extensions["reason"]), (&json!(field), &json!(reason)), "{answer}");
    }
    let input = json!({ "i": { "siteId": site.id, "enabled": true } });
    assert_eq!(app.refused(Some(&agent.token), EMERGENCY, input).await, "FORBIDDEN");
}

#[tokio::test]
async fn a_preview_is_what_then_really_happens() {
    let (app, site, agent) = started().await;
    let admin = Some(site.admin.token.as_str());
    set_week(&app, &site, until(10, &json!([]))).await;
    let preview = |more: Value| {
        let (app, id) = (&app, &site.id);
        async move {
            let mut variables = json!({ "s": id });
            variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            app.run(admin, PREVIEW, variables).await["previewWidgetMode"].take()
        }
    };
    let (mut ws, first) = follow(&app, &site, MODE).await;
    assert_eq!(preview(json!({})).await, first);
    let with_agents = preview(json!({ "a": 1, "c": 1 })).await;
    let closing = preview(json!({ "a": 1, "c": 1, "at": "2026-01-05T09:10:00Z" })).await;
    let emergency = preview(json!({ "a": 1, "c": 1, "e": true })).await;
    assert_eq!(preview(json!({ "a": 2 })).await["offers"], json!(["CHAT", "TICKET"]), "nobody can be called");
    let _open = dashboard(&app, &site, &agent).await;
    assert_eq!(ws.next("w").await["widgetMode"], with_agents);
    set_emergency(&app, &site, json!({})).await;
    assert_eq!(ws.next("w").await["widgetMode"], emergency);
    assert_eq!(preview(json!({ "e": false })).await, with_agents);
    set_emergency(&app, &site, json!({ "enabled": false })).await;
    assert_eq!(ws.next("w").await["widgetMode"], with_agents);
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(ws.next("w").await["widgetMode"], closing);
    assert_eq!(app.refused(admin, PREVIEW, json!({ "s": site.id, "a": -1 })).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    let far = json!({ "s": site.id, "at": "2200-01-01T00:00:00Z" });
    assert_eq!(app.refused(admin, PREVIEW, far).await, "BAD_USER_INPUT/OUT_OF_RANGE");
}

#[tokio::test]
async fn visitors_members_and_who_knows_the_key_may_watch() {
    let (app, site, agent) = started().await;
    let other = app.site("other").await;
    let (own, strange) = (app.visitor(&site).await, app.visitor(&other).await);
    let first = |token: String, variables: Value| {
        let url = app.ws_url();
        async move {
            let mut ws = Ws::signed_in(&url, Some(&token)).await;
            ws.subscribe("w", MODE, variables).await;
            ws.next_json().await
        }
    };
    for (token, variables) in [
        (&own.token, json!({})),
        (&own.token, json!({ "s": site.id })),
        (&strange.token, json!({ "k": site.key })),
        (&agent.token, json!({ "s": site.id })),
    ] {
        let event = first(token.clone(), variables).await;
        assert_eq!(event["payload"]["data"]["widgetMode"]["mode"], "BUSY", "{event}");
    }
    for (token, variables, refused) in [
        (&strange.token, json!({ "s": site.id }), "FORBIDDEN"),
        (&other.admin.token, json!({ "s": site.id }), "NOT_FOUND"),
        (&agent.token, json!({}), "BAD_USER_INPUT/INVALID_COMBINATION"),
        (&agent.token, json!({ "s": site.id, "k": site.key }), "BAD_USER_INPUT/INVALID_COMBINATION"),
        (&agent.token, json!({ "k": "pk_nothing" }), "NOT_FOUND"),
        (&agent.token, json!({ "k": site.key, "l": "türkçe" }), "BAD_USER_INPUT/INVALID_FORMAT"),
    ] {
        let event = first(token.clone(), variables).await;
        let errors = event["payload"].get("errors").unwrap_or(&event["payload"]);
        assert_eq!(refusal(&json!({ "errors": errors })).as_deref(), Some(refused), "{event}");
    }
}

#[tokio::test]
async fn m25_visitors_are_told_how_fast_people_reply() {
    const HUMAN: &str = "mutation H($i: RequestHumanInput!) { requestHuman(input: $i) { conversation { id } } }";
    let (app, site, agent) = started().await;
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], Value::Null);
    app.assistant(&site, json!({})).await;
    // The assistant answered for a while; then the visitor wished for a person.
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Merhaba").await;
    app.clock.advance(Duration::from_secs(30));
    app.run(Some(&visitor.token), HUMAN, json!({ "i": { "conversationId": conversation } })).await;
    app.clock.advance(Duration::from_secs(45));
    app.say(&agent.token, &conversation, "Buyurun").await;
    app.clock.advance(Duration::from_secs(5));
    app.say(&agent.token, &conversation, "Orada mısınız?").await;
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], 45);
    let first = conversation;
    // Nobody wished for one, and one wrote; it counts from the first message. Not before the minute is over.
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.clock.advance(Duration::from_secs(10));
    app.say(&visitor.token, &conversation, "Merhaba").await;
    app.clock.advance(Duration::from_secs(20));
    app.say(&agent.token, &conversation, "Merhaba").await;
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], 45);
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], 33, "between 20 and 45");
    // Whoever replied is gone: who asked for a person waits for another, the other one has the assistant again. What is
    // known of the replies stays.
    app.clock.advance(Duration::from_secs(60));
    app.until_place(&site, &first, 1).await;
    app.until_position(&site, &conversation, |at| at["outcome"] == "ASSISTANT").await;
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], 33);
    // After 30 days it is forgotten.
    app.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(bootstrap(&app, &site).await["medianReplySeconds"], Value::Null);
}

/// A GET from the test's own address, whose limits are its own.
async fn get_path(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> wire::Answer {
    let from = app.from.to_string();
    let headers = [&[("x-forwarded-for", from.as_str())], headers].concat();
    wire::send(&app.url(), "GET", path, &headers, b"").await
}

/// The bootstrap over GET.
async fn get(app: &TestApp, site: &Site, fields: &str, headers: &[(&str, &str)]) -> wire::Answer {
    let path = format!("/graphql?query=%7BwidgetBootstrap(siteKey:%22{}%22)%7B{fields}%7D%7D", site.key);
    get_path(app, &path, headers).await
}

#[tokio::test]
async fn the_start_of_a_widget_is_not_sent_again_until_it_is_different() {
    let (app, site, agent) = started().await;
    let fields = "version%20state%7Bmode%20agents%7Bonline%7D%7D";
    let first = get(&app, &site, fields, &[]).await;
    assert_eq!((first.status, first.header("cache-control")), (200, Some("public, no-cache")));
    let version = text(&first.json()["data"]["widgetBootstrap"]["version"]);
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!(etag, format!("W/\"{version}\""));
    for known in [etag.clone(), format!("\"x\", \"{version}\""), "*".to_owned()] {
        let same = get(&app, &site, fields, &[("if-none-match", &known)]).await;
        assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some(etag.as_str())));
        assert_eq!(same.header("cache-control"), Some("public, no-cache"));
    }
    // Messages and time that change nothing of it.
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Merhaba").await;
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(get(&app, &site, fields, &[("if-none-match", &etag)]).await.status, 304);

    let mut known = etag;
    let different = |known: String| {
        let (app, site) = (&app, &site);
        async move {
            let answer = get(app, site, fields, &[("if-none-match", &known)]).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.header("etag").unwrap().to_owned()
        }
    };
    let _open = dashboard(&app, &site, &agent).await;
    known = different(known).await;
    set_week(&app, &site, until(30, &json!([]))).await;
    known = different(known).await;
    set_emergency(&app, &site, json!({})).await;
    known = different(known).await;
    let rename = "mutation U($i: UpdateSiteInput!) { updateSite(input: $i) { site { id } } }";
    app.run(Some(&site.admin.token), rename, json!({ "i": { "siteId": site.id, "name": "Mavi" } })).await;
    known = different(known).await;
    let color =
        "mutation U($i: UpdateWidgetSettingsInput!) { updateWidgetSettings(input: $i) { widgetSettings { siteId } } }";
    let input = json!({ "i": { "siteId": site.id, "look": { "primaryColor": "#000" } } });
    app.run(Some(&site.admin.token), color, input).await;
    different(known).await;
}

#[tokio::test]
async fn only_what_says_that_it_may_be_kept_is_kept() {
    let (app, site, _) = started().await;
    let tag = |answer: &wire::Answer| {
        (answer.header("etag").map(str::to_owned), answer.header("cache-control").map(str::to_owned))
    };
    let no_store = (None, Some("no-store".to_owned()));
    let unknown = "/graphql?query=%7BwidgetBootstrap(siteKey:%22x%22)%7Bversion%7D%7D";
    assert_eq!(tag(&get_path(&app, unknown, &[]).await), no_store, "refused");
    let two = format!("/graphql?query=%7Ba:widgetBootstrap(siteKey:%22{}%22)%7Bversion%7D%20__typename%7D", site.key);
    assert_eq!(tag(&get_path(&app, &two, &[]).await), no_store, "not alone");
    let body = json!({ "query": BOOTSTRAP, "variables": { "k": site.key } });
    let posted =
        wire::post(&app.url(), &[("if-none-match", "*"), ("x-forwarded-for", &app.from.to_string())], &body).await;
    assert_eq!((posted.status, tag(&posted)), (200, no_store), "POST");
    let other = get_path(&app, "/graphql?query=%7B__typename%7D", &[("if-none-match", "*")]).await;
    assert_eq!(other.status, 200);
    // Pages of other origins are told so only where the site allows them.
    let restrict = "mutation U($i: UpdateSiteInput!) { updateSite(input: $i) { site { id } } }";
    let input = json!({ "i": { "siteId": site.id, "allowedOrigins": ["https://shop.example"] } });
    app.run(Some(&site.admin.token), restrict, input).await;
    let fine = get(&app, &site, "version", &[("origin", "https://shop.example")]).await;
    assert!(fine.header("etag").is_some());
    assert!(fine.header("access-control-expose-headers").unwrap().contains("etag"));
    let strange = get(&app, &site, "version", &[("origin", "https://evil.example"), ("if-none-match", "*")]).await;
    assert_eq!((strange.status, strange.reason().as_str()), (200, "ORIGIN_NOT_ALLOWED"));
    assert!(strange.header("etag").is_none());
}
