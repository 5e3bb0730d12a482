//! Agents: departments, teams, what they can do, and whether they are there.

use std::time::Duration;

use entity::agent_lease;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::{Person, Site, text},
    ws::Ws,
};

const DEPARTMENT: &str =
    "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id name members { id } } } }";
const TEAM: &str =
    "mutation C($i: CreateTeamInput!) { createTeam(input: $i) { team { id departmentId members { id } } } }";
const UPDATE: &str = "mutation U($i: UpdateAgentInput!) { updateAgent(input: $i) { agent { maxChats priorityLevel acceptsCalls languages skills { name level } } } }";
const AGENTS: &str = "query Q($s: ID!, $d: ID) { agents(siteId: $s, departmentId: $d, first: 10) { totalCount nodes { user { id } maxChats presence { online activeChats } } } }";
const SESSION: &str = "subscription S($s: ID!) { agentSession(siteId: $s) { sessionId agent { presence { online state acceptsChats } } } }";
const PRESENCE: &str = "query Q($s: ID!) { presence(siteId: $s) { online accepting agents { user { id } presence { state text until acceptsChats atCapacity } } } }";
const SET: &str =
    "mutation S($i: SetPresenceInput!) { setPresence(input: $i) { agent { presence { online state text until } } } }";
const EVENTS: &str = "subscription E($s: ID!, $a: EventCursor) { presenceEvents(siteId: $s, after: $a) { ... on PresenceChanged { agent { user { id } presence { online state } } } } }";
const LOAD: &str = "subscription E($s: ID!, $a: EventCursor) { presenceEvents(siteId: $s, after: $a) { ... on PresenceChanged { cursor agent { user { id } presence { atCapacity activeChats acceptsChats } } } } }";
const ASSIGN: &str =
    "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";

async fn site() -> (TestApp, Site, Person) {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "Ayşe").await;
    (app, site, agent)
}

async fn present(app: &TestApp, site: &Site) -> Value {
    app.run(Some(&site.admin.token), PRESENCE, json!({ "s": site.id })).await["presence"].clone()
}

/// The place of the newest event.
async fn cursor(app: &TestApp, site: &Site) -> Value {
    let query = "query C($s: ID!) { inboxCursor(siteId: $s) }";
    app.run(Some(&site.admin.token), query, json!({ "s": site.id })).await["inboxCursor"].clone()
}

/// The leases of all open dashboards, once `fits` is true of them: the server notices by itself that one is gone.
async fn until_leases(app: &TestApp, fits: impl Fn(&[agent_lease::Model]) -> bool) {
    let cx = app.app.cx();
    for _ in 0..1_500 {
        let leases = agent_lease::Entity::find().all(&cx.db()).await.expect("they are read");
        if fits(&leases) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the leases stay as they are");
}

/// A dashboard of an agent.
pub(crate) async fn dashboard(app: &TestApp, site: &Site, agent: &Person) -> Ws {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    ws.subscribe("s", SESSION, json!({ "s": site.id })).await;
    let open = ws.next("s").await;
    assert_eq!(open["agentSession"]["agent"]["presence"]["online"], true);
    ws
}

#[tokio::test]
async fn departments_and_teams_hold_members_of_their_site() {
    let (app, site, agent) = site().await;
    let admin = Some(site.admin.token.as_str());
    let new = json!({ "siteId": site.id, "name": "Satış", "memberIds": [agent.id, agent.id] });
    let made = app.run(admin, DEPARTMENT, json!({ "i": new })).await["createDepartment"]["department"].clone();
    assert_eq!((&made["name"], &made["members"]), (&json!("Satış"), &json!([{ "id": agent.id }])));
    let again = json!({ "i": { "siteId": site.id, "name": "SATIŞ" } });
    assert_eq!(app.refused(admin, DEPARTMENT, again).await, "CONFLICT/NAME_TAKEN");
    let other = app.site("other").await;
    let strange = json!({ "i": { "siteId": site.id, "name": "Destek", "memberIds": [other.admin.id] } });
    assert_eq!(app.refused(admin, DEPARTMENT, strange).await, "BAD_USER_INPUT/NOT_MEMBER");

    let new = json!({ "siteId": site.id, "departmentId": made["id"], "name": "Gece", "memberIds": [agent.id] });
    let team = app.run(admin, TEAM, json!({ "i": new })).await["createTeam"]["team"].clone();
    assert_eq!((&team["departmentId"], &team["members"][0]["id"]), (&made["id"], &json!(agent.id)));
    let elsewhere = json!({ "i": { "siteId": other.id, "departmentId": made["id"], "name": "Gece" } });
    assert_eq!(app.refused(Some(&other.admin.token), TEAM, elsewhere).await, "NOT_FOUND");

    let inside = app.run(admin, AGENTS, json!({ "s": site.id, "d": made["id"] })).await["agents"].clone();
    assert_eq!((&inside["totalCount"], &inside["nodes"][0]["user"]["id"]), (&json!(1), &json!(agent.id)));
    assert_eq!(app.run(admin, AGENTS, json!({ "s": site.id })).await["agents"]["totalCount"], 2);
    let update =
        "mutation U($i: UpdateDepartmentInput!) { updateDepartment(input: $i) { department { name members { id } } } }";
    let changed = app.run(admin, update, json!({ "i": { "departmentId": made["id"], "memberIds": [] } })).await;
    assert_eq!(changed["updateDepartment"]["department"], json!({ "name": "Satış", "members": [] }));
    let delete = "mutation D($i: DeleteDepartmentInput!) { deleteDepartment(input: $i) { departmentId } }";
    app.run(admin, delete, json!({ "i": { "departmentId": made["id"] } })).await;
    let teams = "query Q($s: ID!) { teams(siteId: $s) { totalCount } departments(siteId: $s) { totalCount } }";
    let left = app.run(admin, teams, json!({ "s": site.id })).await;
    assert_eq!((&left["teams"]["totalCount"], &left["departments"]["totalCount"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn what_an_agent_can_do_has_defaults_and_limits() {
    let (app, site, agent) = site().await;
    let admin = Some(site.admin.token.as_str());
    let listed = app.run(admin, AGENTS, json!({ "s": site.id })).await;
    assert_eq!(listed["agents"]["nodes"][1]["maxChats"], 5);
    let skills = json!([{ "name": "İade", "level": 4 }]);
    let input =
        json!({ "siteId": site.id, "userId": agent.id, "maxChats": 3, "languages": ["tr", "de"], "skills": skills });
    let updated = app.run(admin, UPDATE, json!({ "i": input })).await["updateAgent"]["agent"].clone();
    let expected =
        json!({ "maxChats": 3, "priorityLevel": 0, "acceptsCalls": true, "languages": ["tr", "de"], "skills": skills });
    assert_eq!(updated, expected);
    for (more, why) in [
        (json!({ "maxChats": 101 }), "OUT_OF_RANGE"),
        (json!({ "skills": [{ "name": "a", "level": 6 }] }), "OUT_OF_RANGE"),
        (json!({ "skills": [{ "name": "iade", "level": 1 }, { "name": "İADE", "level": 2 }] }), "INVALID_COMBINATION"),
    ] {
        let mut input = json!({ "siteId": site.id, "userId": agent.id });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        assert_eq!(app.refused(admin, UPDATE, json!({ "i": input })).await, format!("BAD_USER_INPUT/{why}"));
    }
    let other = app.site("other").await;
    let stranger = json!({ "i": { "siteId": site.id, "userId": other.admin.id, "maxChats": 1 } });
    assert_eq!(app.refused(admin, UPDATE, stranger).await, "NOT_FOUND");
}

#[tokio::test]
async fn an_agent_is_there_while_a_dashboard_is_open_and_a_minute_longer() {
    let (app, site, agent) = site().await;
    assert_eq!(present(&app, &site).await["online"], 0);
    let cursor = cursor(&app, &site).await;
    let mut events = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    events.subscribe("e", EVENTS, json!({ "s": site.id, "a": cursor })).await;
    let first = dashboard(&app, &site, &agent).await;
    assert_eq!(events.next("e").await["presenceEvents"]["agent"]["presence"]["online"], true);
    let second = dashboard(&app, &site, &agent).await;
    let now = present(&app, &site).await;
    assert_eq!((&now["online"], &now["accepting"]), (&json!(1), &json!(1)), "two dashboards are one agent");

    // Another dashboard is still open: nothing happens.
    first.close().await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(present(&app, &site).await["online"], 1);

    // The last one is gone, and back before the minute is over.
    second.close().await;
    app.clock.advance(Duration::from_millis(59_900));
    assert_eq!(present(&app, &site).await["online"], 1);
    let third = dashboard(&app, &site, &agent).await;
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(present(&app, &site).await["online"], 1);
    third.close().await;
    // Not back in time: told once.
    let gone = loop {
        app.clock.advance(Duration::from_secs(20));
        if let Some(event) = events.try_next_json(Duration::from_millis(200)).await {
            break event["payload"]["data"]["presenceEvents"]["agent"].clone();
        }
    };
    assert_eq!((&gone["user"]["id"], &gone["presence"]["online"]), (&json!(agent.id), &json!(false)));
    assert_eq!(present(&app, &site).await["online"], 0);
}

#[tokio::test]
async fn what_an_agent_says_counts_until_its_time_is_over() {
    let (app, site, agent) = site().await;
    let _open = dashboard(&app, &site, &agent).await;
    let mut events = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    let until = app.clock.now() + Duration::from_secs(300);
    let input = json!({ "siteId": site.id, "state": "ON_BREAK", "text": "Yemekteyim", "until": until });
    let said =
        app.run(Some(&agent.token), SET, json!({ "i": input })).await["setPresence"]["agent"]["presence"].clone();
    assert_eq!((&said["state"], &said["text"]), (&json!("ON_BREAK"), &json!("Yemekteyim")));
    let now = present(&app, &site).await;
    assert_eq!((&now["online"], &now["accepting"]), (&json!(1), &json!(0)));
    events.subscribe("e", EVENTS, json!({ "s": site.id, "a": "beginning" })).await;
    let is_break = |event: &Value| event["presenceEvents"]["agent"]["presence"]["state"] == "ON_BREAK";
    events.until("e", is_break).await;
    app.clock.advance(Duration::from_secs(300));
    let back = events.until("e", |event| !is_break(event)).await;
    assert_eq!(
        back[back.len() - 1]["presenceEvents"]["agent"]["presence"],
        json!({ "online": true, "state": "AVAILABLE" })
    );
    assert_eq!(present(&app, &site).await["accepting"], 1);
    for (state, accepting) in [("BUSY", 1), ("AWAY", 0), ("DO_NOT_DISTURB", 0), ("AVAILABLE", 1)] {
        let input = json!({ "i": { "siteId": site.id, "state": state } });
        app.run(Some(&agent.token), SET, input).await;
        assert_eq!(present(&app, &site).await["accepting"], accepting, "{state}");
    }
    let past = json!({ "i": { "siteId": site.id, "state": "AWAY", "until": "2020-01-01T00:00:00Z" } });
    assert_eq!(app.refused(Some(&agent.token), SET, past).await, "BAD_USER_INPUT/OUT_OF_RANGE");
}

#[tokio::test]
async fn who_has_as_many_as_they_may_have_gets_no_more() {
    let (app, site, agent) = site().await;
    let _open = dashboard(&app, &site, &agent).await;
    let limit = json!({ "i": { "siteId": site.id, "userId": agent.id, "maxChats": 1 } });
    app.run(Some(&site.admin.token), UPDATE, limit).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let input = json!({ "i": { "conversationId": conversation, "assigneeId": agent.id } });
    app.run(Some(&agent.token), ASSIGN, input).await;
    let now = present(&app, &site).await;
    assert_eq!(now["accepting"], 0);
    assert_eq!(now["agents"][0]["presence"]["atCapacity"], true);
    let close = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
    app.run(Some(&agent.token), close, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(text(&present(&app, &site).await["agents"][0]["user"]["id"]), agent.id);
    assert_eq!(present(&app, &site).await["accepting"], 1);
}

#[tokio::test]
async fn subscribers_are_told_when_an_agent_gets_or_loses_a_conversation() {
    let (app, site, agent) = site().await;
    let _open = dashboard(&app, &site, &agent).await;
    let limit = json!({ "i": { "siteId": site.id, "userId": agent.id, "maxChats": 1 } });
    app.run(Some(&site.admin.token), UPDATE, limit).await;
    let _other = dashboard(&app, &site, &site.admin).await;
    let mut events = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    events.subscribe("e", LOAD, json!({ "s": site.id, "a": cursor(&app, &site).await })).await;
    let full = json!({ "atCapacity": true, "activeChats": 1, "acceptsChats": false });
    let free = json!({ "atCapacity": false, "activeChats": 0, "acceptsChats": true });
    let of = |presence: &Value| json!({ "user": { "id": agent.id }, "presence": presence });
    let assign = |conversation: &str, person: &Person| {
        let input = json!({ "i": { "conversationId": conversation, "assigneeId": person.id } });
        app.run(Some(&agent.token), ASSIGN, input)
    };
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    assign(&conversation, &agent).await;
    assert_eq!(events.next("e").await["presenceEvents"]["agent"], of(&full));
    app.close(&agent, &conversation).await;
    assert_eq!(events.next("e").await["presenceEvents"]["agent"], of(&free));

    // From one to the other: both are told of.
    let second = app.conversation(&app.visitor(&site).await).await;
    assign(&second, &agent).await;
    assert_eq!(events.next("e").await["presenceEvents"]["agent"], of(&full));
    assign(&second, &site.admin).await;
    let first = events.next("e").await["presenceEvents"].clone();
    let last = events.next("e").await["presenceEvents"].clone();
    let told = |person: &Person| {
        let found = [&first, &last].into_iter().find(|event| event["agent"]["user"]["id"] == person.id);
        found.expect("both are told of")["agent"]["presence"].clone()
    };
    assert_eq!((told(&agent), &told(&site.admin)["activeChats"]), (free, &json!(1)));
    // Who was cut off between the two hears of the other one.
    let mut again = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    again.subscribe("e", LOAD, json!({ "s": site.id, "a": first["cursor"] })).await;
    again.until("e", |event| event["presenceEvents"]["agent"] == last["agent"]).await;
}

/// G1t: to the tenth of a second.
#[tokio::test]
async fn whose_only_dashboard_is_closed_is_there_for_sixty_seconds_and_not_longer() {
    let (app, site, agent) = site().await;
    let (first, second) = (dashboard(&app, &site, &agent).await, dashboard(&app, &site, &agent).await);
    let counts = |leases: &[agent_lease::Model]| {
        let end = app.clock.now() + Duration::from_secs(60);
        leases.iter().any(|lease| lease.expires_at == end)
    };
    // So that no lease ends in exactly a minute by chance.
    app.clock.advance(Duration::from_secs(7));
    first.close().await;
    until_leases(&app, counts).await;
    for millis in [20_000, 20_000, 19_900, 100] {
        app.clock.advance(Duration::from_millis(millis));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until_leases(&app, |leases| leases.len() == 1).await;
    assert_eq!(present(&app, &site).await["online"], 1, "the other tab is open");

    app.clock.advance(Duration::from_secs(7));
    second.close().await;
    until_leases(&app, counts).await;
    app.clock.advance(Duration::from_millis(59_900));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(present(&app, &site).await["online"], 1, "a tenth of a second is left");
    app.clock.advance(Duration::from_millis(100));
    // Time stands still from here on: what ends now ends at sixty seconds.
    for _ in 0..600 {
        if present(&app, &site).await["online"] == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("they are still there");
}

#[tokio::test]
async fn who_signs_out_is_gone_at_once() {
    let (app, site, agent) = site().await;
    let _open = dashboard(&app, &site, &agent).await;
    assert_eq!(present(&app, &site).await["online"], 1);
    app.run(Some(&agent.token), "mutation { logout(input: {}) { __typename } }", json!({})).await;
    for _ in 0..600 {
        if present(&app, &site).await["online"] == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("they are still there");
}

/// Its node stood still for so long that another one ended the lease.
#[tokio::test]
async fn whose_dashboard_is_still_connected_is_there_again() {
    let (app, site, agent) = site().await;
    let _open = dashboard(&app, &site, &agent).await;
    let cx = app.app.cx();
    let ended = agent_lease::Entity::delete_many().exec(&cx.db()).await.expect("it is deleted");
    assert_eq!(ended.rows_affected, 1);
    assert_eq!(present(&app, &site).await["online"], 0);
    app.clock.advance(Duration::from_secs(20));
    for _ in 0..600 {
        if present(&app, &site).await["online"] == 1 {
            let (_, waiting) = app.waiting(&site).await;
            assert_eq!(app.until_assigned(&site, &waiting).await, agent.id);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("they are connected, and count as gone");
}
