//! What the filters of an inbox find and leave out, what its tabs count, and which messages a conversation begins with.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Site, Visitor, text},
};

const LIST: &str = "query I($s: ID!, $f: ConversationFilter) { conversations(siteId: $s, filter: $f, first: 50) { totalCount nodes { id } } }";
const COUNTS: &str = "query I($s: ID!, $f: [ConversationFilter!]!) { inboxCounts(siteId: $s, filters: $f) }";
const ASK: &str = "mutation A($i: SendMessageInput!) { sendMessage(input: $i) { message { id } } }";
const MINUTE: Duration = Duration::from_secs(60);

/// Conversations by their names in a test.
struct Inbox {
    app: TestApp,
    site: Site,
    known: Vec<(&'static str, String, Value)>,
}

impl Inbox {
    fn id(&self, name: &str) -> &str {
        &self.known.iter().find(|known| known.0 == name).expect("it is known").1
    }

    /// When one was started.
    fn at(&self, name: &str) -> Value {
        self.known.iter().find(|known| known.0 == name).expect("it is known").2.clone()
    }

    /// Begins one, in which the assistant has answered, and moves on by a minute.
    async fn begin(&mut self, name: &'static str, token: &str, conversation: String) {
        let started = json!(self.app.clock.now().to_rfc3339());
        let input = json!({ "i": { "conversationId": conversation, "body": "Merhaba", "awaitAnswer": true } });
        self.app.run(Some(token), ASK, input).await;
        self.known.push((name, conversation, started));
    }

    async fn visitor(&mut self, name: &'static str) -> Visitor {
        self.app.clock.advance(MINUTE);
        let visitor = self.app.visitor(&self.site).await;
        let conversation = self.app.conversation(&visitor).await;
        self.begin(name, &visitor.token, conversation).await;
        visitor
    }

    async fn admin(&self, document: &str, name: &str, more: Value) {
        self.app.change(&self.site.admin.token, document, self.id(name), more).await;
    }

    async fn list(&self, filter: &Value) -> (Vec<&'static str>, Value) {
        let variables = json!({ "s": self.site.id, "f": filter });
        let found = self.app.run(Some(&self.site.admin.token), LIST, variables).await["conversations"].clone();
        let nodes = found["nodes"].as_array().expect("a list").clone();
        let name = |id: &Value| self.known.iter().find(|known| id == &json!(known.1)).expect("it is known").0;
        let mut names: Vec<&str> = nodes.iter().map(|node| name(&node["id"])).collect();
        names.sort_unstable();
        (names, found["totalCount"].clone())
    }
}

/// G5
#[tokio::test]
async fn each_filter_of_an_inbox_finds_what_it_says_and_its_tabs_count_the_same() {
    let (app, site) = TestApp::still().await;
    let assistant = app.assistant(&site, json!({ "openToCustomers": true })).await;
    let make = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
    let made = app.run(Some(&site.admin.token), make, json!({ "i": { "siteId": site.id, "name": "İade" } })).await;
    let department = made["createDepartment"]["department"]["id"].clone();
    let agent = app.agent(&site, "Ayşe").await;
    let customer = app.person("deniz").await;
    let mut inbox = Inbox { app, site, known: vec![] };
    inbox.visitor("department").await;
    inbox.visitor("both").await;
    inbox.visitor("one").await;
    inbox.visitor("other").await;
    inbox.app.clock.advance(MINUTE);
    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let begun = inbox.app.run(Some(&customer.token), start, json!({ "i": { "assistantId": assistant } })).await;
    let own = text(&begun["startConversation"]["conversation"]["id"]);
    inbox.begin("customer", &customer.token, own).await;
    inbox.visitor("person").await;
    inbox.visitor("closed").await;
    inbox.app.clock.advance(MINUTE);
    let tag = "mutation T($i: TagConversationInput!) { tagConversation(input: $i) { conversation { id } } }";
    inbox.admin(tag, "both", json!({ "add": ["kargo", "acil"] })).await;
    inbox.admin(tag, "one", json!({ "add": ["kargo"] })).await;
    inbox.admin(tag, "other", json!({ "add": ["fatura"] })).await;
    let hand = "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { id } } }";
    inbox.admin(hand, "department", json!({ "to": { "departmentId": department } })).await;
    inbox.app.close(&inbox.site.admin, inbox.id("closed")).await;
    // Said later than everything else.
    let replied = inbox.app.clock.now().to_rfc3339();
    inbox.app.say(&agent.token, inbox.id("person"), "Buyurun").await;
    inbox.app.until_position(&inbox.site, inbox.id("department"), |at| at["isWaiting"] == true).await;

    let all = ["both", "closed", "customer", "department", "one", "other", "person"];
    let from_one = inbox.at("one");
    let cases: Vec<(Value, Vec<&str>)> = vec![
        (json!({}), all.to_vec()),
        (json!({ "departmentId": department }), vec!["department"]),
        (json!({ "tag": "kargo" }), vec!["both", "one"]),
        (json!({ "tags": ["kargo", "acil"] }), vec!["both"]),
        (json!({ "tags": ["kargo", "acil"], "matchTags": "ALL" }), vec!["both"]),
        (json!({ "tags": ["acil", "fatura"], "matchTags": "ANY" }), vec!["both", "other"]),
        (json!({ "tags": ["acil", "fatura"] }), vec![]),
        (json!({ "customerId": customer.id }), vec!["customer"]),
        (json!({ "attention": "PERSON" }), vec!["person"]),
        (json!({ "attention": "WAITING" }), vec!["department"]),
        (json!({ "attention": "CLOSED" }), vec!["closed"]),
        (json!({ "attention": "ASSISTANT" }), vec!["both", "customer", "one", "other"]),
        (json!({ "unread": false }), vec!["person"]),
        (json!({ "unread": true }), vec!["both", "closed", "customer", "department", "one", "other"]),
        // From its moment on, and before it.
        (json!({ "startedFrom": from_one }), vec!["closed", "customer", "one", "other", "person"]),
        (json!({ "startedTo": from_one }), vec!["both", "department"]),
        (json!({ "startedFrom": inbox.at("both"), "startedTo": inbox.at("other") }), vec!["both", "one"]),
        (json!({ "activeFrom": replied, "attention": "PERSON" }), vec!["person"]),
        (json!({ "activeFrom": inbox.at("one"), "activeTo": inbox.at("customer") }), vec!["one", "other"]),
        (json!({ "startedFrom": from_one, "tags": ["kargo"], "unread": true }), vec!["one"]),
    ];
    let mut totals = vec![];
    for (filter, expected) in &cases {
        let (names, total) = inbox.list(filter).await;
        assert_eq!((&names, &total), (expected, &json!(expected.len())), "{filter}");
        totals.push(total);
    }
    let filters: Vec<&Value> = cases.iter().map(|case| &case.0).collect();
    let counted = inbox.app.run(Some(&agent.token), COUNTS, json!({ "s": inbox.site.id, "f": filters })).await;
    assert_eq!(counted["inboxCounts"], json!(totals), "in the order of the filters");
}

/// G4
#[tokio::test]
async fn a_conversation_begins_with_its_newest_messages_or_those_around_one() {
    const DEFAULT: &str = "query M($c: ID!) { conversation(conversationId: $c) { messages { totalCount nodes { id seq } \
        pageInfo { hasPreviousPage hasNextPage } } } }";
    const AROUND: &str = "query M($c: ID!, $m: ID!, $n: Int) { conversation(conversationId: $c) { messages(around: $m, first: $n) { \
        nodes { seq } pageInfo { hasPreviousPage hasNextPage } } } }";
    let (app, site) = TestApp::still().await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let token = Some(visitor.token.as_str());
    let mut ids = vec![];
    for number in 1..=25 {
        ids.push(app.say(&visitor.token, &conversation, &format!("Mesaj {number}")).await["id"].clone());
        // Who waits is told so, once.
        app.until_position(&site, &conversation, |at| at["isWaiting"] == true).await;
    }
    let seqs = |page: &Value| -> Vec<i64> {
        page["nodes"].as_array().expect("a list").iter().filter_map(|node| node["seq"].as_i64()).collect()
    };
    let page = app.run(token, DEFAULT, json!({ "c": conversation })).await["conversation"]["messages"].clone();
    assert_eq!(seqs(&page), (7..=26).collect::<Vec<i64>>());
    assert_eq!(page["pageInfo"], json!({ "hasPreviousPage": true, "hasNextPage": false }));
    assert_eq!(page["totalCount"], 26);

    let around = async |message: &Value, many: Value| {
        let variables = json!({ "c": conversation, "m": message, "n": many });
        app.run(token, AROUND, variables).await["conversation"]["messages"].clone()
    };
    let middle = around(&ids[12], json!(5)).await;
    assert_eq!(seqs(&middle), [12, 13, 14, 15, 16]);
    assert_eq!(middle["pageInfo"], json!({ "hasPreviousPage": true, "hasNextPage": true }));
    assert_eq!(seqs(&around(&ids[12], Value::Null).await), (4..=23).collect::<Vec<i64>>());
    let first = around(&ids[0], json!(4)).await;
    assert_eq!((seqs(&first), &first["pageInfo"]["hasPreviousPage"]), (vec![1, 2], &json!(false)));
    let last = around(&ids[24], json!(4)).await;
    assert_eq!((seqs(&last), &last["pageInfo"]["hasNextPage"]), (vec![24, 25, 26], &json!(false)));

    // Neither what is said elsewhere nor what is not for them is a place to look from.
    let elsewhere = app.conversation(&app.visitor(&site).await).await;
    let other = app.say(&site.admin.token, &elsewhere, "Başka").await["id"].clone();
    let note = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
    let input = json!({ "i": { "conversationId": conversation, "body": "Zor" } });
    let note = app.run(Some(&site.admin.token), note, input).await["addNote"]["message"]["id"].clone();
    for message in [&other, &note] {
        let variables = json!({ "c": conversation, "m": message });
        assert_eq!(app.refused(token, AROUND, variables).await, "NOT_FOUND");
    }
    let variables = json!({ "c": conversation, "m": note, "n": 2 });
    let seen = app.run(Some(&site.admin.token), AROUND, variables).await;
    assert_eq!(seqs(&seen["conversation"]["messages"]), [26, 27]);
}
