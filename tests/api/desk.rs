//! What a desk front end shows: the queue with its conversations, agents to pick from, one stream of everything, and who is
//! who.

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::{Person, Site, Visitor, text},
    vendors::{Fault, KEY, MODEL, Vendor},
    ws::Ws,
};

const QUEUE: &str = "query Q($s: ID!, $f: Int, $a: String) { queue(siteId: $s) { waiting lines { department { name } waiting } \
 entries(first: $f, after: $a) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor } nodes { conversationId position \
 department { name } offeredTo { id name } conversation { id visitor { id name } lastMessage { body } } } } } }";
const AGENTS: &str = "query A($s: ID!, $d: ID, $o: Boolean, $c: Boolean, $f: Int, $a: String) { agents(siteId: $s, departmentId: $d, \
 online: $o, acceptsChats: $c, first: $f, after: $a) { totalCount pageInfo { endCursor hasNextPage } nodes { maxChats \
 user { id name avatarUrl } departments { id name } presence { online state activeChats offeredChats acceptsChats } } } }";
const OFFERED: &str =
    "{ siteId offers { conversationId expiresAt conversation { visitor { id } lastMessage { body } } } }";
const ACCEPT: &str = "mutation A($i: AcceptOfferInput!) { acceptOffer(input: $i) { conversation { id } } }";
const DEPARTMENT: &str = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
const TRANSFER: &str =
    "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { id } } }";
const NOTE: &str = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
const LEAVE: &str = "mutation L($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id } } }";
const UPDATE_ME: &str = "mutation U($i: UpdateMeInput!) { updateMe(input: $i) { user { name avatarUrl } } }";
/// Everything that staff are told.
pub(crate) const DESK: &str = "subscription D($s: ID!, $a: EventCursor) { staffEvents(siteId: $s, after: $a) { __typename \
 ... on InboxEntry { cursor move conversationId conversation { lastMessage { body } } } \
 ... on QueueChanged { cursor queueChange conversationId outcome waiting conversation { visitor { id } } } \
 ... on OfferChanged { cursor offerChange conversationId expiresAt conversation { visitor { id } lastMessage { body } } } \
 ... on PresenceChanged { cursor agent { user { name } presence { online activeChats } } } \
 ... on MentionChanged { cursor mentionChange mention { message { body } } } \
 ... on ContactRequestChanged { cursor contactRequestChange contactRequest { message } } \
 ... on ProviderFailing { cursor provider reason } ... on ProviderRecovered { cursor provider } \
 ... on ViewersChanged { conversationId } ... on Gap { cursor from refetch } } }";

async fn department(app: &TestApp, site: &Site, name: &str, members: &[&Person]) -> String {
    let members: Vec<&str> = members.iter().map(|person| person.id.as_str()).collect();
    let input = json!({ "i": { "siteId": site.id, "name": name, "memberIds": members } });
    text(&app.run(Some(&site.admin.token), DEPARTMENT, input).await["createDepartment"]["department"]["id"])
}

async fn inbox_cursor(app: &TestApp, site: &Site) -> Value {
    let query = "query C($s: ID!) { inboxCursor(siteId: $s) }";
    app.run(Some(&site.admin.token), query, json!({ "s": site.id })).await["inboxCursor"].clone()
}

/// A visitor who says something and waits for an agent.
async fn asking(app: &TestApp, site: &Site, words: &str) -> (Visitor, String) {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, words).await;
    app.ask_for_person(&visitor, &conversation).await;
    app.until_position(site, &conversation, |at| at["isWaiting"] == true && !at["position"].is_null()).await;
    (visitor, conversation)
}

/// How many statements a query reads, without what the server does by itself at the same moment.
async fn reads(app: &TestApp, token: &str, query: &str, variables: &Value) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..5 {
        let before = app.app.cx().database.reads();
        app.run(Some(token), query, variables.clone()).await;
        fewest = fewest.min(app.app.cx().database.reads() - before);
    }
    fewest
}

#[tokio::test]
async fn the_queue_shows_whose_conversations_wait_page_by_page_in_as_many_statements_as_for_one() {
    let (app, site) = TestApp::still().await;
    let admin = site.admin.token.as_str();
    let ask = json!({ "s": site.id, "f": 100 });
    let (visitor, first) = asking(&app, &site, "Kargom nerede?").await;
    let for_one = reads(&app, admin, QUEUE, &ask).await;
    assert!(for_one > 1, "they are counted");
    let mut waiting = vec![first.clone()];
    for number in 2..=5 {
        app.clock.advance(std::time::Duration::from_secs(1));
        waiting.push(asking(&app, &site, &format!("Soru {number}")).await.1);
    }
    assert_eq!(reads(&app, admin, QUEUE, &ask).await, for_one, "five cost what one costs");

    let seen = app.run(Some(admin), QUEUE, ask.clone()).await["queue"].clone();
    assert_eq!((&seen["waiting"], &seen["entries"]["totalCount"]), (&json!(5), &json!(5)));
    let entry = &seen["entries"]["nodes"][0];
    assert_eq!((&entry["conversationId"], &entry["position"]), (&json!(first), &json!(1)));
    assert_eq!(entry["conversation"]["visitor"]["id"], visitor.id.as_str());
    assert_eq!((&entry["conversation"]["id"], &entry["offeredTo"]), (&json!(first), &Value::Null));

    let (mut ids, mut after) = (vec![], Value::Null);
    loop {
        let page = app.run(Some(admin), QUEUE, json!({ "s": site.id, "f": 2, "a": after })).await["queue"].clone();
        let page = &page["entries"];
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null());
        ids.extend(page["nodes"].as_array().unwrap().iter().map(|node| text(&node["conversationId"])));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        if ids.len() == 2 {
            // The last one that was shown goes: the next page begins where it stood.
            app.close(&site.admin, &waiting[1]).await;
            app.until_place(&site, &waiting[2], 2).await;
        }
    }
    assert_eq!(ids, waiting);

    let last = "query Q($s: ID!) { queue(siteId: $s) { entries(last: 1) { nodes { conversationId } } } }";
    let seen = app.run(Some(admin), last, json!({ "s": site.id })).await;
    assert_eq!(seen["queue"]["entries"]["nodes"], json!([{ "conversationId": waiting[4] }]));
    let other = app.site("other").await;
    assert_eq!(app.refused(Some(&other.admin.token), QUEUE, ask).await, "NOT_FOUND");

    // Live, as much of it as is asked for.
    let live = "subscription Q($s: ID!) { queueEvents(siteId: $s) { waiting entries(first: 1) { nodes { conversation { lastMessage { \
                body } visitor { id } } } } } }";
    let mut ws = Ws::signed_in(&app.ws_url(), Some(admin)).await;
    ws.subscribe("q", live, json!({ "s": site.id })).await;
    let now = ws.until("q", |event| event["queueEvents"]["waiting"] == 4).await;
    let nodes = now[now.len() - 1]["queueEvents"]["entries"]["nodes"].clone();
    assert_eq!((nodes.as_array().unwrap().len(), &nodes[0]["conversation"]["visitor"]["id"]), (1, &json!(visitor.id)));
}

#[tokio::test]
async fn an_offer_shows_the_conversation_and_goes_when_it_is_over() {
    let (app, site) = TestApp::still().await;
    app.rules(&site, json!({ "assignment": "OFFER", "offerSeconds": 30 })).await;
    let (ada, bora) = (app.limited(&site, "Ada", 3).await, app.limited(&site, "Bora", 0).await);
    let _desk = app.dashboard(&site, &ada).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&ada.token)).await;
    let live = format!("subscription O($s: ID!) {{ chatOffers(siteId: $s) {OFFERED} }}");
    ws.subscribe("o", &live, json!({ "s": site.id })).await;
    assert_eq!(ws.next("o").await["chatOffers"]["offers"], json!([]));
    let (visitor, conversation) = asking(&app, &site, "Merhaba").await;
    let made = ws.until("o", |event| event["chatOffers"]["offers"][0].is_object()).await;
    let offer = made[made.len() - 1]["chatOffers"]["offers"][0].clone();
    assert_eq!((&offer["conversationId"], offer["expiresAt"].is_string()), (&json!(conversation), true));
    assert_eq!(offer["conversation"]["visitor"]["id"], visitor.id.as_str());

    let query = format!("query O($s: ID!) {{ chatOffers(siteId: $s) {OFFERED} }}");
    let mine = app.run(Some(&ada.token), &query, json!({ "s": site.id })).await;
    assert_eq!(mine["chatOffers"]["offers"], json!([offer]), "who opens a dashboard reads the same");
    let none = app.run(Some(&bora.token), &query, json!({ "s": site.id })).await;
    assert_eq!(none["chatOffers"]["offers"], json!([]), "another agent's are not theirs");
    let other = app.site("other").await;
    assert_eq!(app.refused(Some(&other.admin.token), &query, json!({ "s": site.id })).await, "NOT_FOUND");
    let agents = app.run(Some(&ada.token), AGENTS, json!({ "s": site.id, "o": true })).await["agents"].clone();
    assert_eq!(agents["nodes"][0]["presence"]["offeredChats"], 1);
    let queue = app.run(Some(&ada.token), QUEUE, json!({ "s": site.id })).await["queue"].clone();
    assert_eq!(queue["entries"]["nodes"][0]["offeredTo"], json!({ "id": ada.id, "name": "Ada" }));

    app.run(Some(&ada.token), ACCEPT, json!({ "i": { "conversationId": conversation } })).await;
    ws.until("o", |event| event["chatOffers"]["offers"] == json!([])).await;
    let agents = app.run(Some(&ada.token), AGENTS, json!({ "s": site.id, "o": true })).await["agents"].clone();
    let presence = &agents["nodes"][0]["presence"];
    assert_eq!((&presence["offeredChats"], &presence["activeChats"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn an_agent_picker_needs_one_query_with_as_many_statements_for_many_as_for_few() {
    let (app, site) = TestApp::still().await;
    let admin = site.admin.token.as_str();
    let names = |answer: &Value| -> Vec<String> {
        answer["agents"]["nodes"].as_array().unwrap().iter().map(|node| text(&node["user"]["name"])).collect()
    };
    let mut people = vec![];
    for (name, most) in [("Ada", 2), ("Bora", 1), ("Can", 3), ("Derya", 5)] {
        // Whoever is a member for longer comes first.
        app.clock.advance(std::time::Duration::from_secs(1));
        people.push(app.limited(&site, name, most).await);
    }
    let sales = department(&app, &site, "Satış", &[&people[0], &people[1], &people[3]]).await;
    department(&app, &site, "Destek", &[&people[0]]).await;
    let ask = json!({ "s": site.id, "f": 1 });
    let for_one = reads(&app, admin, AGENTS, &ask).await;
    assert_eq!(reads(&app, admin, AGENTS, &json!({ "s": site.id, "f": 100 })).await, for_one);

    // Bora gets a conversation, with which they are full.
    let bora_desk = app.dashboard(&site, &people[1]).await;
    let (_, conversation) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, people[1].id);
    let (_ada_desk, _can_desk) = (app.dashboard(&site, &people[0]).await, app.dashboard(&site, &people[2]).await);
    let seen = app.run(Some(admin), AGENTS, json!({ "s": site.id, "d": sales })).await;
    assert_eq!(
        (names(&seen), &seen["agents"]["totalCount"]),
        (vec!["Ada".into(), "Bora".into(), "Derya".into()], &json!(3))
    );
    let ada = &seen["agents"]["nodes"][0];
    let units: Vec<&Value> = ada["departments"].as_array().unwrap().iter().map(|unit| &unit["name"]).collect();
    assert_eq!((units, &ada["maxChats"]), (vec![&json!("Destek"), &json!("Satış")], &json!(2)));
    let bora =
        json!({ "online": true, "state": "AVAILABLE", "activeChats": 1, "offeredChats": 0, "acceptsChats": false });
    assert_eq!(seen["agents"]["nodes"][1]["presence"], bora);

    for (filter, expected) in [
        (json!({ "o": true }), vec!["Ada", "Bora", "Can"]),
        (json!({ "o": false }), vec!["acme-admin", "Derya"]),
        (json!({ "c": true }), vec!["Ada", "Can"]),
        (json!({ "c": false }), vec!["acme-admin", "Bora", "Derya"]),
        (json!({ "o": true, "c": false }), vec!["Bora"]),
        (json!({ "c": true, "d": sales }), vec!["Ada"]),
    ] {
        let mut variables = json!({ "s": site.id });
        variables.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        let seen = app.run(Some(admin), AGENTS, variables).await;
        assert_eq!(
            (names(&seen), &seen["agents"]["totalCount"]),
            (expected.iter().map(|name| (*name).to_owned()).collect(), &json!(expected.len())),
            "{filter}"
        );
    }
    let first = app.run(Some(admin), AGENTS, json!({ "s": site.id, "o": true, "f": 2 })).await;
    assert_eq!(
        (names(&first), &first["agents"]["pageInfo"]["hasNextPage"]),
        (vec!["Ada".into(), "Bora".into()], &json!(true))
    );
    let end = &first["agents"]["pageInfo"]["endCursor"];
    let rest = app.run(Some(admin), AGENTS, json!({ "s": site.id, "o": true, "f": 2, "a": end })).await;
    assert_eq!(names(&rest), ["Can"]);
    let other = app.site("other").await;
    assert_eq!(app.refused(Some(&other.admin.token), AGENTS, json!({ "s": site.id })).await, "NOT_FOUND");
    drop(bora_desk);
}

/// What somebody is told, up to and with the contact request that says this.
async fn until_said(ws: &mut Ws, words: &str) -> Vec<Value> {
    let events = ws.until("d", |event| event["staffEvents"]["contactRequest"]["message"] == words).await;
    events.into_iter().map(|mut event| event["staffEvents"].take()).collect()
}

async fn follow(app: &TestApp, site: &Site, person: &Person, after: &Value) -> Ws {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&person.token)).await;
    ws.subscribe("d", DESK, json!({ "s": site.id, "a": after })).await;
    ws
}

/// Of each event of a kind, what changed.
fn changes(events: &[Value], kind: &str, field: &str) -> Vec<String> {
    events.iter().filter(|event| event["__typename"] == kind).map(|event| text(&event[field])).collect()
}

/// The line at which an event stands, or before which.
fn seq(event: &Value) -> i64 {
    text(&event["cursor"]).split_once('.').and_then(|(_, seq)| seq.parse().ok()).expect("a cursor")
}

/// The next that happens to a conversation in the queue.
async fn next_in_queue(ws: &mut Ws, conversation: &str) -> (String, Value) {
    let is_it = |event: &Value| {
        let event = &event["staffEvents"];
        event["__typename"] == "QueueChanged" && event["conversationId"] == conversation
    };
    let event = ws.until("d", is_it).await.pop().expect("an event");
    (text(&event["staffEvents"]["queueChange"]), event["staffEvents"]["outcome"].clone())
}

/// Whoever counts what entered and left counts right, wherever a conversation waits and however that ends.
#[tokio::test]
async fn no_conversation_enters_the_queue_twice_without_leaving_it() {
    let (app, site) = TestApp::still().await;
    app.rules(&site, json!({ "patienceSeconds": 3_600 })).await;
    let ada = app.limited(&site, "Ada", 1).await;
    let (sales, care) =
        (department(&app, &site, "Satış", &[&ada]).await, department(&app, &site, "Destek", &[&ada]).await);
    let start = inbox_cursor(&app, &site).await;
    let mut told = follow(&app, &site, &site.admin, &start).await;
    let admin = Some(site.admin.token.as_str());
    let (visitor, conversation) = asking(&app, &site, "Kargom nerede?").await;
    let entered = || ("ENTERED".to_owned(), Value::Null);
    let left = |outcome: &str| ("LEFT".to_owned(), json!(outcome));
    assert_eq!(next_in_queue(&mut told, &conversation).await, entered());
    for to in [json!({ "departmentId": sales }), json!({ "departmentId": care }), json!({ "queue": true })] {
        app.run(admin, TRANSFER, json!({ "i": { "conversationId": conversation, "to": to } })).await;
        assert_eq!(next_in_queue(&mut told, &conversation).await, left("MOVED"), "{to}");
        assert_eq!(next_in_queue(&mut told, &conversation).await, entered(), "{to}");
    }
    // For somebody who is not there.
    let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
    app.run(admin, assign, json!({ "i": { "conversationId": conversation, "assigneeId": ada.id } })).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, left("MOVED"));
    assert_eq!(next_in_queue(&mut told, &conversation).await, entered());
    // They come, and go again.
    let desk = app.dashboard(&site, &ada).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, left("ASSIGNED"));
    app.until_assigned(&site, &conversation).await;
    desk.close().await;
    app.until_gone(&site, &ada).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, entered());
    app.close(&site.admin, &conversation).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, left("CLOSED"));
    // Asked for again, and no more; and deleted as it waits.
    app.ask_for_person(&visitor, &conversation).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, entered());
    let cancel = "mutation C($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
    app.run(Some(&visitor.token), cancel, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, left("LEFT"));
    app.ask_for_person(&visitor, &conversation).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, entered());
    let delete = "mutation D($i: DeleteConversationInput!) { deleteConversation(input: $i) { conversationId } }";
    app.run(admin, delete, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(next_in_queue(&mut told, &conversation).await, left("CLOSED"));
}

/// What the server tells a visitor who waits is not what they said.
#[tokio::test]
async fn the_queue_shows_what_was_said_last_and_not_what_the_server_tells() {
    let (app, site) = TestApp::still().await;
    let (visitor, conversation) = asking(&app, &site, "Kargom nerede?").await;
    let query = "query Q($s: ID!) { queue(siteId: $s) { entries { nodes { conversation { lastMessage { body authorKind } \
                 messages(last: 1) { nodes { authorKind } } } } } } }";
    let seen = async || {
        let data = app.run(Some(&site.admin.token), query, json!({ "s": site.id })).await;
        data["queue"]["entries"]["nodes"][0]["conversation"].clone()
    };
    let shown = seen().await;
    assert_eq!(shown["messages"]["nodes"][0]["authorKind"], "SYSTEM", "it was announced");
    assert_eq!(shown["lastMessage"], json!({ "body": "Kargom nerede?", "authorKind": "VISITOR" }));
    app.say(&visitor.token, &conversation, "Kimse yok mu?").await;
    assert_eq!(seen().await["lastMessage"]["body"], "Kimse yok mu?");
}

#[tokio::test]
async fn one_stream_tells_everybody_what_is_theirs_in_order_and_resumes_without_a_gap() {
    let (app, site) = TestApp::still().await;
    app.rules(&site, json!({ "assignment": "OFFER", "offerSeconds": 30 })).await;
    let (ada, bora) = (app.limited(&site, "Ada", 3).await, app.limited(&site, "Bora", 0).await);
    let start = inbox_cursor(&app, &site).await;
    // Two of the same agent share one execution.
    let mut followers = vec![];
    for person in [&ada, &bora, &bora, &site.admin] {
        followers.push(follow(&app, &site, person, &start).await);
    }
    let _desk = app.dashboard(&site, &ada).await;
    let (visitor, conversation) = asking(&app, &site, "Kargom nerede?").await;
    let offered = format!("query O($s: ID!) {{ chatOffers(siteId: $s) {OFFERED} }}");
    while app.run(Some(&ada.token), &offered, json!({ "s": site.id })).await["chatOffers"]["offers"] == json!([]) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    app.run(Some(&ada.token), ACCEPT, json!({ "i": { "conversationId": conversation } })).await;
    let note = json!({ "i": { "conversationId": conversation, "body": "Bakar mısın?", "mentionIds": [bora.id] } });
    app.run(Some(&ada.token), NOTE, note).await;
    app.say(&visitor.token, &conversation, "Teşekkürler").await;
    let left = |words: &str| json!({ "i": { "message": words, "email": "a@example.com" } });
    app.run(Some(&visitor.token), LEAVE, left("son")).await;

    let mut told = vec![];
    for ws in &mut followers {
        told.push(until_said(ws, "son").await);
    }
    for events in &told {
        assert!(events.is_sorted_by_key(seq), "{events:#?}");
        assert_eq!(changes(events, "QueueChanged", "queueChange"), ["ENTERED", "LEFT"]);
        assert_eq!(changes(events, "ContactRequestChanged", "contactRequestChange"), ["ADDED"]);
        let first = events.iter().find(|event| event["__typename"] == "QueueChanged").unwrap();
        assert_eq!(
            (&first["conversationId"], &first["conversation"]["visitor"]["id"]),
            (&json!(conversation), &json!(visitor.id))
        );
        let last = events.iter().rfind(|event| event["__typename"] == "QueueChanged").unwrap();
        assert_eq!((&last["outcome"], &last["waiting"]), (&json!("ASSIGNED"), &json!(0)));
        let presence: Vec<&Value> = events
            .iter()
            .filter(|event| event["agent"]["user"]["name"] == "Ada")
            .map(|event| &event["agent"]["presence"])
            .collect();
        assert_eq!(presence.last().unwrap()["activeChats"], 1, "{events:#?}");
        assert!(changes(events, "InboxEntry", "move").contains(&"ENTERED".to_owned()));
    }
    let [ada_told, bora_told, again, admin_told] = &told[..] else { panic!("four follow") };
    assert_eq!(changes(ada_told, "OfferChanged", "offerChange"), ["MADE", "ACCEPTED"]);
    let made = ada_told.iter().find(|event| event["offerChange"] == "MADE").unwrap();
    assert_eq!((made["expiresAt"].is_string(), &made["conversation"]["visitor"]["id"]), (true, &json!(visitor.id)));
    for (others, mentions) in [(bora_told, 1), (again, 1), (admin_told, 0)] {
        assert_eq!(changes(others, "OfferChanged", "offerChange"), [""; 0], "offers are for whom they are made");
        assert_eq!(changes(others, "MentionChanged", "mentionChange").len(), mentions);
    }
    assert_eq!(changes(ada_told, "MentionChanged", "mentionChange"), [""; 0]);

    // Resumed after the mention, exactly what came after it comes.
    let what = |event: &Value| (event["__typename"].clone(), event["cursor"].clone());
    let at = bora_told.iter().position(|event| event["__typename"] == "MentionChanged").unwrap();
    let mut resumed = follow(&app, &site, &bora, &bora_told[at]["cursor"]).await;
    let missed: Vec<_> = until_said(&mut resumed, "son").await.iter().map(what).collect();
    let expected: Vec<_> = bora_told[at + 1..].iter().map(what).collect();
    assert_eq!(missed, expected);
    assert!(missed.len() > 1, "{missed:?}");
    // And then what happens, once.
    app.run(Some(&visitor.token), LEAVE, left("danach")).await;
    for ws in [&mut resumed, &mut followers[1]] {
        let event = ws.next("d").await["staffEvents"].take();
        assert_eq!(event["contactRequest"]["message"], "danach", "{event}");
    }
    // After any other event nothing is missing either: at most what came of the same line comes again.
    for at in [0, bora_told.len() / 2, bora_told.len() - 2] {
        let mut resumed = follow(&app, &site, &bora, &bora_told[at]["cursor"]).await;
        let first = resumed.next("d").await["staffEvents"].take();
        assert!(
            seq(&first) >= seq(&bora_told[at]) && seq(&first) <= seq(&bora_told[at + 1]),
            "{first} {:#?}",
            &bora_told[at..]
        );
    }

    // A place of another life of the database is a gap, as everywhere.
    let mut lost = follow(&app, &site, &bora, &json!("j1.1")).await;
    let gap = lost.next("d").await["staffEvents"].clone();
    assert_eq!((&gap["__typename"], &gap["from"]), (&json!("Gap"), &json!("j1.1")));
    assert!(text(&gap["refetch"]).contains("chatOffers(siteId:)"), "{gap}");

    let other = app.site("other").await;
    for (token, refused) in [(&other.admin.token, "NOT_FOUND"), (&visitor.token, "FORBIDDEN")] {
        let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
        ws.subscribe("d", DESK, json!({ "s": site.id })).await;
        assert_eq!(ws.next_json().await["payload"][0]["extensions"]["code"], refused);
    }
}

#[tokio::test]
async fn an_offer_that_ends_because_the_wait_ends_is_withdrawn() {
    let (app, site) = TestApp::still().await;
    app.rules(&site, json!({ "assignment": "OFFER", "offerSeconds": 30 })).await;
    let ada = app.limited(&site, "Ada", 5).await;
    let mut ws = follow(&app, &site, &ada, &inbox_cursor(&app, &site).await).await;
    let _desk = app.dashboard(&site, &ada).await;
    let ends = [
        ("mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { __typename } }", false),
        ("mutation D($i: DeleteConversationInput!) { deleteConversation(input: $i) { __typename } }", false),
        ("mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { __typename } }", true),
    ];
    for (end, takes) in ends {
        let (_, conversation) = asking(&app, &site, "Merhaba").await;
        ws.until("d", |event| event["staffEvents"]["offerChange"] == "MADE").await;
        let by = if takes { &ada.token } else { &site.admin.token };
        app.run(Some(by), end, json!({ "i": { "conversationId": conversation } })).await;
        let events = ws.until("d", |event| event["staffEvents"]["offerChange"].is_string()).await;
        let over = &events[events.len() - 1]["staffEvents"];
        assert_eq!(over["offerChange"], if takes { "ACCEPTED" } else { "WITHDRAWN" }, "{end}");
        assert_eq!((&over["conversationId"], &over["expiresAt"]), (&json!(conversation), &Value::Null));
    }
}

#[tokio::test]
async fn only_those_who_manage_assistants_are_told_of_their_providers() {
    let configure = |config: &mut yanit::config::Config| config.allow_private_models = true;
    let app = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    // Another provider than that of other tests, which count the failing ones of the whole process.
    let server = Vendor::Anthropic.start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "Ada").await;
    let base_url = Vendor::Anthropic.base_url(&server);
    app.assistant(&site, json!({ "provider": "ANTHROPIC", "baseUrl": base_url, "apiKey": KEY, "model": MODEL })).await;
    let start = inbox_cursor(&app, &site).await;
    let (mut admins, mut agents) =
        (follow(&app, &site, &site.admin, &start).await, follow(&app, &site, &agent, &start).await);
    server.plays(Vendor::Anthropic.refuses(Fault::KeyRefused));
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "İade süresi kaç gündür?").await;
    let told = admins.until("d", |event| event["staffEvents"]["__typename"] == "ProviderFailing").await;
    let told = &told[told.len() - 1]["staffEvents"];
    assert_eq!((&told["provider"], &told["reason"]), (&json!("ANTHROPIC"), &json!("KEY_REFUSED")));
    app.run(Some(&agent.token), NOTE, json!({ "i": { "conversationId": conversation, "body": "not" } })).await;
    app.run(Some(&visitor.token), LEAVE, json!({ "i": { "message": "son", "email": "a@example.com" } })).await;
    let seen = agents.until("d", |event| event["staffEvents"]["__typename"] == "ContactRequestChanged").await;
    assert!(seen.iter().all(|event| event["staffEvents"]["__typename"] != "ProviderFailing"), "{seen:?}");
}

#[tokio::test]
async fn a_visitors_conversations_are_read_by_staff_and_by_the_visitor() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "Ada").await;
    let (visitor, stranger) = (app.visitor(&site).await, app.visitor(&site).await);
    let mut started = vec![];
    for number in 1..=3 {
        let conversation = app.conversation(&visitor).await;
        app.say(&visitor.token, &conversation, &format!("Soru {number}")).await;
        app.close(&site.admin, &conversation).await;
        started.insert(0, conversation);
    }
    let elsewhere = app.conversation(&stranger).await;
    app.say(&stranger.token, &elsewhere, "Merhaba").await;
    let query = "query V($v: ID!, $f: Int, $a: String) { visitor(visitorId: $v) { conversations(first: $f, after: $a) { totalCount \
                 pageInfo { hasNextPage endCursor } nodes { id lastMessage { body } visitor { id } } } } }";
    let page = app.run(Some(&agent.token), query, json!({ "v": visitor.id, "f": 2 })).await;
    let page = &page["visitor"]["conversations"];
    let ids = |page: &Value| page["nodes"].as_array().unwrap().iter().map(|node| text(&node["id"])).collect::<Vec<_>>();
    assert_eq!((ids(page), &page["totalCount"]), (started[..2].to_vec(), &json!(3)), "newest activity first");
    let end = &page["pageInfo"]["endCursor"];
    let rest = app.run(Some(&agent.token), query, json!({ "v": visitor.id, "f": 2, "a": end })).await;
    assert_eq!(ids(&rest["visitor"]["conversations"]), started[2..]);
    let other = app.site("other").await;
    assert_eq!(app.refused(Some(&other.admin.token), query, json!({ "v": visitor.id })).await, "NOT_FOUND");
    assert_eq!(app.refused(Some(&stranger.token), query, json!({ "v": visitor.id })).await, "FORBIDDEN");

    let own = "query { currentVisitor { conversations { totalCount nodes { id } } } }";
    let mine = app.run(Some(&visitor.token), own, json!({})).await;
    assert_eq!(ids(&mine["currentVisitor"]["conversations"]), started);
    let theirs = app.run(Some(&stranger.token), own, json!({})).await;
    assert_eq!(ids(&theirs["currentVisitor"]["conversations"]), [elsewhere]);
}

#[tokio::test]
async fn a_visitor_reads_the_department_of_their_conversation() {
    let (app, site) = TestApp::still().await;
    let agent = app.limited(&site, "Ada", 3).await;
    let sales = department(&app, &site, "Satış", &[&agent]).await;
    let (visitor, conversation) = asking(&app, &site, "Merhaba").await;
    let to = json!({ "i": { "conversationId": conversation, "to": { "departmentId": sales } } });
    app.run(Some(&site.admin.token), TRANSFER, to).await;
    let query = "query C($c: ID!) { conversation(conversationId: $c) { departmentId department { id name } } }";
    for token in [&visitor.token, &agent.token] {
        let read = app.run(Some(token), query, json!({ "c": conversation })).await["conversation"].clone();
        assert_eq!(read, json!({ "departmentId": sales, "department": { "id": sales, "name": "Satış" } }));
    }
    app.until_place(&site, &conversation, 1).await;
    let queue = app.run(Some(&agent.token), QUEUE, json!({ "s": site.id })).await["queue"].clone();
    assert_eq!(queue["entries"]["nodes"][0]["department"]["name"], "Satış");
    assert_eq!(queue["lines"][1]["department"]["name"], "Satış");
    let delete = "mutation D($i: DeleteDepartmentInput!) { deleteDepartment(input: $i) { __typename } }";
    app.run(Some(&site.admin.token), delete, json!({ "i": { "departmentId": sales } })).await;
    let read = app.run(Some(&visitor.token), query, json!({ "c": conversation })).await["conversation"].clone();
    assert_eq!(read["department"], Value::Null);
}

#[tokio::test]
async fn people_and_assistants_have_pictures_and_a_customers_address_is_for_staff() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "Ada").await;
    let customer = app.person("Cem").await;
    let assistant = app.assistant(&site, json!({ "openToCustomers": true, "avatarUrl": "/media/fincan.png" })).await;
    for (wrong, reason) in [
        ("http://example.com/a.png", "INVALID_FORMAT"),
        ("//example.com/a.png", "INVALID_FORMAT"),
        ("javascript:alert(1)", "INVALID_FORMAT"),
        (&format!("/{}", "a".repeat(2_048)), "TOO_LONG"),
    ] {
        let refused = app.refused(Some(&agent.token), UPDATE_ME, json!({ "i": { "avatarUrl": wrong } })).await;
        assert_eq!(refused, format!("BAD_USER_INPUT/{reason}"), "{wrong}");
        let update = "mutation U($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { id } } }";
        let input = json!({ "i": { "assistantId": assistant, "avatarUrl": wrong } });
        assert_eq!(app.refused(Some(&site.admin.token), update, input).await, format!("BAD_USER_INPUT/{reason}"));
    }
    let picture = "https://example.com/ada.png";
    let me = app.run(Some(&agent.token), UPDATE_ME, json!({ "i": { "avatarUrl": picture } })).await;
    assert_eq!(me["updateMe"]["user"], json!({ "name": "Ada", "avatarUrl": picture }));
    app.run(Some(&customer.token), UPDATE_ME, json!({ "i": { "avatarUrl": "/cem.png" } })).await;

    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let started = app.run(Some(&customer.token), start, json!({ "i": { "assistantId": assistant } })).await;
    let conversation = text(&started["startConversation"]["conversation"]["id"]);
    let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
    let input = json!({ "i": { "conversationId": conversation, "assigneeId": agent.id } });
    app.run(Some(&agent.token), assign, input).await;
    let query = "query C($c: ID!) { conversation(conversationId: $c) { customer { id name avatarUrl email } assignee { name avatarUrl } \
                 assistant { avatarUrl } } }";
    for token in [&agent.token, &customer.token] {
        let read = app.run(Some(token), query, json!({ "c": conversation })).await["conversation"].clone();
        let expected = json!({
            "customer": { "id": customer.id, "name": "Cem", "avatarUrl": "/cem.png", "email": customer.email.to_lowercase() },
            "assignee": { "name": "Ada", "avatarUrl": picture },
            "assistant": { "avatarUrl": "/media/fincan.png" },
        });
        assert_eq!(read, expected);
    }
    app.say(&agent.token, &conversation, "Merhaba").await;
    let authors = "query C($c: ID!) { conversation(conversationId: $c) { messages(last: 1) { nodes { author { name avatarUrl } } } } }";
    let read = app.run(Some(&customer.token), authors, json!({ "c": conversation })).await;
    let author = json!({ "name": "Ada", "avatarUrl": picture });
    assert_eq!(read["conversation"]["messages"]["nodes"][0]["author"], author);
    let other = app.site("other").await;
    assert_eq!(app.refused(Some(&other.admin.token), query, json!({ "c": conversation })).await, "NOT_FOUND");

    let away = app.run(Some(&agent.token), UPDATE_ME, json!({ "i": { "name": "Ada L.", "avatarUrl": null } })).await;
    assert_eq!(away["updateMe"]["user"], json!({ "name": "Ada L.", "avatarUrl": null }));
    let same = app.run(Some(&agent.token), UPDATE_ME, json!({ "i": {} })).await;
    assert_eq!(same, away, "what is left out stays");
}
