//! The queue: order, places and estimates, patience, breaks, closing time, visitors who go away.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Site, Visitor, text},
    ws::Ws,
};

const FOLLOW: &str = "subscription P($c: ID!) { queuePosition(conversationId: $c) { isWaiting position waiting estimatedWaitSeconds outcome assignee { id } } }";
const VIP: &str = "mutation V($i: SetVisitorVipInput!) { setVisitorVip(input: $i) { visitor { vip } } }";
const HOURS: &str =
    "mutation H($i: UpdateBusinessHoursInput!) { updateBusinessHours(input: $i) { businessHours { siteId } } }";

async fn follow(app: &TestApp, visitor: &Visitor, conversation: &str) -> Ws {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("p", FOLLOW, json!({ "c": conversation })).await;
    ws
}

async fn until(ws: &mut Ws, fits: impl Fn(&Value) -> bool) -> Value {
    let seen = ws.until("p", |event| fits(&event["queuePosition"])).await;
    seen[seen.len() - 1]["queuePosition"].clone()
}

/// Moves time in steps, so that whoever is connected is seen to be.
async fn pass(app: &TestApp, seconds: u64) {
    let mut left = seconds;
    while left > 0 {
        let step = left.min(15);
        app.clock.advance(Duration::from_secs(step));
        tokio::time::sleep(Duration::from_millis(60)).await;
        left -= step;
    }
}

#[tokio::test]
async fn who_waits_sees_their_place_move_and_is_given_to_whoever_is_free_in_order() {
    let (app, site) = TestApp::still().await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let (first, one) = app.waiting(&site).await;
    app.until_place(&site, &one, 1).await;
    app.clock.advance(Duration::from_secs(1));
    let (second, two) = app.waiting(&site).await;
    app.until_place(&site, &two, 2).await;
    app.clock.advance(Duration::from_secs(1));
    let (_, three) = app.waiting(&site).await;
    let last = app.until_place(&site, &three, 3).await;
    assert_eq!((&last["waiting"], &last["estimatedWaitSeconds"]), (&json!(3), &Value::Null), "nobody is there");

    let mut places = follow(&app, &second, &two).await;
    assert_eq!(until(&mut places, |at| at["isWaiting"] == true).await["position"], 2);
    let _desk = app.dashboard(&site, &agent).await;
    assert_eq!(app.until_assigned(&site, &one).await, agent.id, "the first who came");
    let moved = until(&mut places, |at| at["position"] == 1).await;
    assert_eq!(moved["waiting"], 2);
    // One agent with one conversation of ten minutes.
    let estimated = app.until_position(&site, &three, |at| at["estimatedWaitSeconds"] == 1_200).await;
    assert_eq!(estimated["position"], 2);

    // The first one goes: the next one comes, and is told who it is.
    app.close(&agent, &one).await;
    let over = until(&mut places, |at| at["isWaiting"] == false).await;
    assert_eq!((&over["outcome"], &over["assignee"]["id"]), (&json!("ASSIGNED"), &json!(agent.id)));
    app.until_place(&site, &three, 1).await;

    // Nobody but those in the conversation sees its place.
    let query = "query Q($c: ID!) { queuePosition(conversationId: $c) { position } }";
    assert_eq!(app.refused(Some(&first.token), query, json!({ "c": two })).await, "NOT_FOUND");
    let overview = "query Q($s: ID!) { queue(siteId: $s) { waiting agentsOnline medianHandlingSeconds lines { departmentId waiting agents capacity free } entries { nodes { conversationId position priority } } } }";
    let seen = app.run(Some(&site.admin.token), overview, json!({ "s": site.id })).await["queue"].clone();
    let line = json!([{ "departmentId": null, "waiting": 1, "agents": 1, "capacity": 1, "free": 0 }]);
    assert_eq!((&seen["waiting"], &seen["agentsOnline"], &seen["lines"]), (&json!(1), &json!(1), &line));
    assert_eq!(seen["entries"]["nodes"], json!([{ "conversationId": three, "position": 1, "priority": 1 }]));
}

#[tokio::test]
async fn important_and_returning_visitors_come_earlier_and_who_waits_long_catches_up() {
    let (app, site) = TestApp::still().await;
    let (_, plain) = app.waiting(&site).await;
    app.until_place(&site, &plain, 1).await;
    app.clock.advance(Duration::from_secs(1));
    // Has been here before.
    let back = app.visitor(&site).await;
    let earlier = app.conversation(&back).await;
    app.say(&back.token, &earlier, "Merhaba").await;
    app.close(&site.admin, &earlier).await;
    let again = app.conversation(&back).await;
    app.ask_for_person(&back, &again).await;
    app.until_place(&site, &again, 1).await;
    app.clock.advance(Duration::from_secs(1));
    // Is important.
    let vip = app.visitor(&site).await;
    let conversation = app.conversation(&vip).await;
    let mark = json!({ "i": { "visitorId": vip.id, "vip": true } });
    let marked = app.run(Some(&site.admin.token), VIP, mark).await;
    assert_eq!(marked["setVisitorVip"]["visitor"]["vip"], true);
    app.ask_for_person(&vip, &conversation).await;
    app.until_place(&site, &conversation, 1).await;
    app.until_place(&site, &again, 2).await;
    app.until_place(&site, &plain, 3).await;
    let overview = "query Q($s: ID!) { queue(siteId: $s) { entries { nodes { conversationId priority } } } }";
    let seen =
        app.run(Some(&site.admin.token), overview, json!({ "s": site.id })).await["queue"]["entries"]["nodes"].clone();
    let expected = json!([
        { "conversationId": conversation, "priority": 5 },
        { "conversationId": again, "priority": 3 },
        { "conversationId": plain, "priority": 1 },
    ]);
    assert_eq!(seen, expected);
    // Four minutes are two points.
    app.clock.advance(Duration::from_secs(240));
    let seen =
        app.run(Some(&site.admin.token), overview, json!({ "s": site.id })).await["queue"]["entries"]["nodes"].clone();
    assert_eq!(seen[2], json!({ "conversationId": plain, "priority": 3 }));
}

#[tokio::test]
async fn patience_is_over_after_five_minutes_and_something_else_is_offered() {
    let (app, site) = TestApp::still().await;
    let (visitor, conversation) = app.waiting(&site).await;
    let mut places = follow(&app, &visitor, &conversation).await;
    until(&mut places, |at| at["isWaiting"] == true).await;
    pass(&app, 285).await;
    assert_eq!(app.position(&site, &conversation).await["isWaiting"], true);
    pass(&app, 15).await;
    let over = until(&mut places, |at| at["isWaiting"] == false).await;
    assert_eq!(over["outcome"], "TIMED_OUT");
    let query = "query Q($c: ID!) { conversation(conversationId: $c) { status offers queueOutcome messages(last: 1) { nodes { authorKind } } } }";
    let now = app.run(Some(&visitor.token), query, json!({ "c": conversation })).await["conversation"].clone();
    assert_eq!((&now["status"], &now["offers"]), (&json!("OPEN"), &json!(["LEAVE_MESSAGE", "REQUEST_CALLBACK"])));
    assert_eq!(now["messages"]["nodes"][0]["authorKind"], "SYSTEM");
    // Waiting again is possible.
    app.ask_for_person(&visitor, &conversation).await;
    app.until_place(&site, &conversation, 1).await;
}

#[tokio::test]
async fn a_visitor_leaves_the_queue_and_the_next_one_moves_up() {
    let (app, site) = TestApp::still().await;
    let (visitor, one) = app.waiting(&site).await;
    app.until_place(&site, &one, 1).await;
    app.clock.advance(Duration::from_secs(1));
    let (_, two) = app.waiting(&site).await;
    app.until_place(&site, &two, 2).await;
    let leave = "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
    app.run(Some(&visitor.token), leave, json!({ "i": { "conversationId": one } })).await;
    assert_eq!(app.position(&site, &one).await["outcome"], "LEFT");
    app.until_place(&site, &two, 1).await;
}

#[tokio::test]
async fn a_visitor_who_is_gone_keeps_their_place_for_a_minute() {
    let (app, site) = TestApp::still().await;
    let (visitor, conversation) = app.waiting(&site).await;
    app.until_place(&site, &conversation, 1).await;
    let mut places = follow(&app, &visitor, &conversation).await;
    until(&mut places, |at| at["isWaiting"] == true).await;
    pass(&app, 90).await;
    assert_eq!(app.position(&site, &conversation).await["isWaiting"], true, "they are there");
    places.close().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    app.clock.advance(Duration::from_millis(59_900));
    // Back in time: nothing happens.
    let mut places = follow(&app, &visitor, &conversation).await;
    until(&mut places, |at| at["isWaiting"] == true).await;
    pass(&app, 30).await;
    assert_eq!(app.position(&site, &conversation).await["isWaiting"], true);
    places.close().await;
    // The server hears of it a little later.
    while app.position(&site, &conversation).await["isWaiting"] == true {
        pass(&app, 15).await;
    }
    assert_eq!(app.position(&site, &conversation).await["outcome"], "ABANDONED");
}

fn day(day: &str, from: &str, to: &str, breaks: Value) -> Value {
    json!({ "day": day, "intervals": [{ "from": from, "to": to }], "breaks": breaks })
}

/// Hours of working days. It is Monday noon there when a test begins.
async fn weekdays(app: &TestApp, site: &Site, until: &str, breaks: Value) {
    let week: Vec<Value> = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
        .iter()
        .map(|name| day(name, "09:00", until, breaks.clone()))
        .collect();
    app.run(Some(&site.admin.token), HOURS, json!({ "i": { "siteId": site.id, "week": week } })).await;
}

#[tokio::test]
async fn nobody_is_sent_away_during_a_break() {
    let (app, site) = TestApp::still().await;
    weekdays(&app, &site, "18:00", json!([{ "from": "12:00", "to": "12:12" }])).await;
    app.clock.advance(Duration::from_secs(60));
    let (_, conversation) = app.waiting(&site).await;
    let at = app.until_place(&site, &conversation, 1).await;
    assert_eq!(at["waitsUntil"], "2026-01-05T09:12:00+00:00", "and not after five minutes");
    app.clock.advance(Duration::from_secs(10 * 60));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(app.position(&site, &conversation).await["isWaiting"], true);
    app.clock.advance(Duration::from_secs(60));
    let over = app.until_position(&site, &conversation, |at| at["isWaiting"] == false).await;
    assert_eq!(over["outcome"], "TIMED_OUT");
}

#[tokio::test]
async fn at_closing_time_who_waits_is_told_so_and_off_hours_nobody_waits_or_is_given_to_anybody() {
    let (app, site) = TestApp::still().await;
    weekdays(&app, &site, "12:02", json!([])).await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let _desk = app.dashboard(&site, &agent).await;
    let (_, given) = app.waiting(&site).await;
    app.until_assigned(&site, &given).await;
    let (_, late) = app.waiting(&site).await;
    let at = app.until_place(&site, &late, 1).await;
    assert_eq!(at["waitsUntil"], "2026-01-05T09:02:00+00:00");
    app.clock.advance(Duration::from_secs(120));
    let over = app.until_position(&site, &late, |at| at["isWaiting"] == false).await;
    assert_eq!(over["outcome"], "SITE_CLOSED");
    // The agent is there, and soon has room.
    app.close(&agent, &given).await;
    let (visitor, night) = app.waiting(&site).await;
    let over = app.until_position(&site, &night, |at| at["outcome"] == "SITE_CLOSED").await;
    assert_eq!(over["assignee"], Value::Null);
    let query = "query Q($c: ID!) { conversation(conversationId: $c) { offers messages(last: 2) { nodes { authorKind body } } } }";
    let now = app.run(Some(&visitor.token), query, json!({ "c": night })).await["conversation"].clone();
    assert_eq!(now["offers"], json!(["LEAVE_MESSAGE", "REQUEST_CALLBACK"]));
    let said = now["messages"]["nodes"].as_array().expect("a list");
    assert!(said.len() == 1 && text(&said[0]["body"]).contains("closed"), "and nothing that is not true: {now}");

    // Who only writes, to a site without an assistant, is told so, too, and once.
    let visitor = app.visitor(&site).await;
    let silent = app.conversation(&visitor).await;
    app.say(&visitor.token, &silent, "Is anybody there?").await;
    app.until_position(&site, &silent, |at| at["outcome"] == "SITE_CLOSED").await;
    app.say(&visitor.token, &silent, "Hello?").await;
    app.app.drain().await.expect("all is done");
    let now = app.run(Some(&visitor.token), query, json!({ "c": silent })).await["conversation"].clone();
    let said = now["messages"]["nodes"].as_array().expect("a list").clone();
    assert_eq!((said.len(), &said[1]["body"]), (2, &json!("Hello?")), "{now}");
    assert!(text(&said[0]["body"]).contains("closed"), "{now}");
}

/// Whoever waits for a person and has none is in the queue, whatever happened before.
#[tokio::test]
async fn nobody_who_waits_for_a_person_falls_between_the_chairs() {
    let (app, site) = TestApp::still().await;
    let (a, b) = (app.limited(&site, "A", 2).await, app.limited(&site, "B", 2).await);
    let _one = app.dashboard(&site, &a).await;
    let (visitor, conversation) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, a.id);

    // An agent puts it back: somebody else gets it, and not they.
    let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
    let nobody = json!({ "i": { "conversationId": conversation, "assigneeId": null } });
    app.run(Some(&a.token), assign, nobody.clone()).await;
    app.until_place(&site, &conversation, 1).await;
    let _two = app.dashboard(&site, &b).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, b.id);
    // Also after they have written.
    app.say(&b.token, &conversation, "Buyurun.").await;
    app.run(Some(&b.token), assign, nobody).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, a.id);

    // The visitor would rather not wait until the agent writes: the place is somebody else's.
    let cancel = "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { assignee { id } } } }";
    let input = json!({ "i": { "conversationId": conversation } });
    let free = app.run(Some(&visitor.token), cancel, input).await["cancelHumanRequest"]["conversation"].clone();
    assert_eq!(free["assignee"], Value::Null);

    // Closed while it waited: who comes back waits again.
    drop((_one, _two));
    app.until_gone(&site, &a).await;
    app.until_gone(&site, &b).await;
    let (visitor, late) = app.waiting(&site).await;
    app.until_place(&site, &late, 1).await;
    app.close(&site.admin, &late).await;
    assert_eq!(app.position(&site, &late).await["outcome"], "CLOSED");
    app.say(&visitor.token, &late, "Bir şey daha...").await;
    app.until_place(&site, &late, 1).await;
    app.close(&site.admin, &late).await;
    app.ask_for_person(&visitor, &late).await;
    app.until_place(&site, &late, 1).await;
}

#[tokio::test]
async fn what_is_asked_for_may_change_while_somebody_waits() {
    let (app, site) = TestApp::still().await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let admin = Some(site.admin.token.as_str());
    let create = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
    let made = app.run(admin, create, json!({ "i": { "siteId": site.id, "name": "Boş" } })).await;
    let empty = made["createDepartment"]["department"]["id"].clone();
    let rules = json!([
        { "name": "Boş", "when": { "tags": ["bos"] }, "strategy": "DEPARTMENT", "departmentId": empty, "onlyDepartment": true },
        { "name": "Hukuk", "when": { "tags": ["hukuk"] }, "strategy": "SKILL_BASED", "skills": [{ "name": "hukuk", "level": 1 }] },
    ]);
    app.rules(&site, json!({ "rules": rules })).await;
    let tagged = async |tag: &str| {
        let visitor = app.visitor(&site).await;
        let conversation = app.conversation(&visitor).await;
        let input = json!({ "i": { "conversationId": conversation, "add": [tag] } });
        let tag = "mutation T($i: TagConversationInput!) { tagConversation(input: $i) { conversation { id } } }";
        app.run(admin, tag, input).await;
        app.ask_for_person(&visitor, &conversation).await;
        app.until_position(&site, &conversation, |at| at["position"].is_number()).await;
        conversation
    };
    let (nobody, law) = (tagged("bos").await, tagged("hukuk").await);
    let _desk = app.dashboard(&site, &agent).await;
    let (_, first) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &first).await, agent.id);
    app.clock.advance(Duration::from_secs(1));
    let (_, usual) = app.waiting(&site).await;
    let at = app.until_position(&site, &usual, |at| at["estimatedWaitSeconds"].is_number()).await;
    assert_eq!(at["position"], 2);
    let at = app.position(&site, &law).await;
    assert_eq!((&at["position"], &at["estimatedWaitSeconds"]), (&json!(1), &Value::Null), "nobody who can help");

    // Somebody is important after all.
    app.clock.advance(Duration::from_secs(1));
    let (visitor, late) = app.waiting(&site).await;
    app.until_place(&site, &late, 3).await;
    app.run(admin, VIP, json!({ "i": { "visitorId": visitor.id, "vip": true } })).await;
    app.until_place(&site, &late, 1).await;

    // The department is given up: everybody may have who waited for it.
    let delete = "mutation D($i: DeleteDepartmentInput!) { deleteDepartment(input: $i) { departmentId } }";
    app.run(admin, delete, json!({ "i": { "departmentId": empty } })).await;
    app.until_position(&site, &nobody, |at| at["waiting"] == 4).await;
    let late_comer = tagged("bos").await;
    app.until_position(&site, &late_comer, |at| at["waiting"] == 5).await;
}
