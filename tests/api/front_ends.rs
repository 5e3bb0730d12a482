//! The API as front ends meet it: few calls to a first answer, nothing left behind, nothing shown that is not meant.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    eventually,
    people::{PASSWORD, Site, Visitor, new_id},
    ws::Ws,
};

const START: &str = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { started runId message { id seq body } conversation { id cursor lastMessage { body } } } }";
const ASK: &str = "mutation A($i: SendMessageInput!) { sendMessage(input: $i) { message { id seq } runId run { status messageId } answer { body authorKind answer { action citations { quote start end articleId version } } } } }";
const INBOX: &str = "query I($s: ID!) { conversations(siteId: $s) { totalCount nodes { id unreadCount } } inboxCounts(siteId: $s, filters: [{}]) }";
const MESSAGES: &str = "query M($c: ID!) { conversation(conversationId: $c) { status unreadCount messages { nodes { body authorKind audience deliveryStatus } } } }";
const BOOT: &str = "query B($k: String!) { widgetBootstrap(siteKey: $k) { version assistant { id name welcomeText disclosure suggestedQuestions } } }";
const RETURNS: &str = "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.";
const QUESTION: &str = "Aldığım ürünü kaç gün içinde iade edebilirim?";

async fn place() -> (TestApp, Site, Visitor) {
    let (app, site) = TestApp::still().await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", RETURNS).await;
    let visitor = app.visitor(&site).await;
    (app, site, visitor)
}

async fn messages(app: &TestApp, token: &str, conversation: &str) -> Vec<Value> {
    let read = app.run(Some(token), MESSAGES, json!({ "c": conversation })).await;
    read["conversation"]["messages"]["nodes"].as_array().cloned().unwrap_or_default()
}

/// Waits until it is so.
async fn until(so: impl AsyncFn() -> bool) {
    eventually(so, |so| *so).await;
}

#[tokio::test]
async fn one_call_begins_and_asks_and_tells_what_answers() {
    let (app, site, visitor) = place().await;
    let token = Some(visitor.token.as_str());
    let client = new_id();
    let first = json!({ "i": { "message": { "body": QUESTION, "clientId": client } } });
    let begun = app.run(token, START, first.clone()).await["startConversation"].clone();
    assert_eq!((&begun["started"], &begun["message"]["seq"]), (&json!(true), &json!(1)));
    assert_eq!(begun["conversation"]["lastMessage"]["body"], QUESTION);
    let again = app.run(token, START, first.clone()).await["startConversation"].clone();
    assert_eq!(again["message"]["id"], begun["message"]["id"], "a retry sends nothing twice");
    assert_eq!((&again["started"], &again["runId"]), (&json!(false), &begun["runId"]));
    // What comes of it is told after the cursor.
    let follow = "subscription F($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename \
        ... on RunFinished { runId message { body } } } }";
    let mut ws = Ws::signed_in(&app.ws_url(), token).await;
    let conversation = &begun["conversation"];
    ws.subscribe("e", follow, json!({ "c": conversation["id"], "a": conversation["cursor"] })).await;
    let events = ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
    assert_eq!(events[events.len() - 1]["conversationEvents"]["runId"], begun["runId"]);
    assert!(events.iter().any(|event| event["conversationEvents"]["__typename"] == "MessageChanged"));
    // Also when the conversation has ended meanwhile: nothing new is made.
    let close = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
    app.run(Some(&site.admin.token), close, json!({ "i": { "conversationId": conversation["id"] } })).await;
    let late = app.run(token, START, first).await["startConversation"].clone();
    assert_eq!((&late["message"]["id"], &late["conversation"]["id"]), (&begun["message"]["id"], &conversation["id"]));
    let mine = "query { myConversations { totalCount } }";
    assert_eq!(app.run(token, mine, json!({})).await["myConversations"]["totalCount"], 1);
    // The conversation's own id is enough, for a customer's too, who can have several.
    let other = app.visitor(&site).await;
    let once = json!({ "i": { "clientId": new_id(), "message": { "body": QUESTION } } });
    let begun = app.run(Some(&other.token), START, once.clone()).await["startConversation"].clone();
    for _ in 0..2 {
        let again = app.run(Some(&other.token), START, once.clone()).await["startConversation"].clone();
        assert_eq!((&again["message"]["id"], &again["message"]["seq"]), (&begun["message"]["id"], &json!(1)));
        assert_eq!(again["runId"], begun["runId"]);
    }
    // Nothing is started for a message that cannot be sent.
    let stranger = app.visitor(&site).await;
    let refused = app.post(Some(&stranger.token), START, json!({ "i": { "message": { "body": " " } } })).await;
    assert_eq!(refused["errors"][0]["extensions"]["field"], "input.message.body", "{refused}");
    assert_eq!(app.run(Some(&stranger.token), mine, json!({})).await["myConversations"]["totalCount"], 0);
}

#[tokio::test]
async fn an_answer_can_be_awaited() {
    let (app, site, visitor) = place().await;
    let conversation = app.conversation(&visitor).await;
    let ask =
        json!({ "i": { "conversationId": conversation, "body": QUESTION, "awaitAnswer": true, "clientId": new_id() } });
    let pair = app.run(Some(&visitor.token), ASK, ask.clone()).await["sendMessage"].clone();
    assert_eq!((&pair["run"]["status"], &pair["answer"]["authorKind"]), (&json!("FINISHED"), &json!("ASSISTANT")));
    assert!(pair["answer"]["body"].as_str().is_some_and(|body| body.contains("14 gün")), "{pair}");
    let again = app.run(Some(&visitor.token), ASK, ask).await["sendMessage"].clone();
    assert_eq!(again, pair, "a retry gets the same pair");
    // Offsets count characters of the version's Markdown.
    let citation = &pair["answer"]["answer"]["citations"][0];
    let (start, end) = (citation["start"].as_u64().unwrap() as usize, citation["end"].as_u64().unwrap() as usize);
    let quoted: String = RETURNS.chars().skip(start).take(end - start).collect();
    assert_eq!(citation["quote"], quoted, "{citation}");
    // Without the wish, what answers is named at once.
    let more = json!({ "i": { "conversationId": conversation, "body": "İade ücretli mi?" } });
    let named = app.run(Some(&visitor.token), ASK, more).await["sendMessage"].clone();
    assert!(named["runId"].is_string() && named["answer"].is_null(), "{named}");
    // Of two at once, both get the answer to both.
    let asked = ["Ürünü kaç gün içinde iade edebilirim?", "İade ücretli mi?"].map(|body| {
        let ask = json!({ "i": { "conversationId": conversation, "body": body, "awaitAnswer": true } });
        app.run(Some(&visitor.token), ASK, ask)
    });
    for pair in futures_util::future::join_all(asked).await {
        assert_eq!(pair["sendMessage"]["answer"]["authorKind"], "ASSISTANT", "{pair}");
    }
    // A person has it: nobody waits for the assistant.
    let agent = app.agent(&site, "Ayşe").await;
    app.say(&agent.token, &conversation, "Buyurun").await;
    let told = json!({ "i": { "conversationId": conversation, "body": "Merhaba Ayşe", "awaitAnswer": true } });
    let told = app.run(Some(&visitor.token), ASK, told).await["sendMessage"].clone();
    assert_eq!((&told["runId"], &told["answer"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn an_opened_widget_leaves_nothing() {
    let (app, site, visitor) = place().await;
    let token = Some(site.admin.token.as_str());
    let follow =
        "subscription I($s: ID!) { inboxEvents(siteId: $s) { __typename ... on InboxEntry { move conversationId } } }";
    let mut ws = Ws::signed_in(&app.ws_url(), token).await;
    ws.subscribe("i", follow, json!({ "s": site.id })).await;
    let opened = app.conversation(&visitor).await;
    let inbox = app.run(token, INBOX, json!({ "s": site.id })).await;
    assert_eq!((&inbox["conversations"]["totalCount"], &inbox["inboxCounts"]), (&json!(0), &json!([0])));
    app.say(&visitor.token, &opened, QUESTION).await;
    let events = ws.until("i", |event| event["inboxEvents"]["conversationId"] == opened.as_str()).await;
    assert_eq!(events[events.len() - 1]["inboxEvents"]["move"], "ENTERED");
    let inbox = app.run(token, INBOX, json!({ "s": site.id })).await;
    assert_eq!((&inbox["conversations"]["totalCount"], &inbox["inboxCounts"]), (&json!(1), &json!([1])));
}

#[tokio::test]
async fn a_widget_knows_its_assistant_before_anything_is_started() {
    let (app, site) = TestApp::still().await;
    let read = async || app.run(None, BOOT, json!({ "k": site.key })).await["widgetBootstrap"].clone();
    let without = read().await;
    assert_eq!(without["assistant"], Value::Null);
    let questions = ["Kargo ne kadar?", "Nasıl iade ederim?"];
    let made =
        json!({ "name": "Yardımcı", "welcomeText": "Merhaba!", "language": "tr", "suggestedQuestions": questions });
    let id = app.assistant(&site, made).await;
    let with = read().await;
    assert_ne!(with["version"], without["version"]);
    let assistant = &with["assistant"];
    assert_eq!((&assistant["id"], &assistant["name"]), (&json!(id), &json!("Yardımcı")));
    assert_eq!((&assistant["welcomeText"], &assistant["suggestedQuestions"]), (&json!("Merhaba!"), &json!(questions)));
    assert!(assistant["disclosure"].as_str().is_some_and(|words| words.contains("yapay zekâ")));
    let update =
        "mutation U($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { suggestedQuestions } } }";
    let token = Some(site.admin.token.as_str());
    let change = async |more: Value| {
        let mut input = json!({ "assistantId": id });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post(token, update, json!({ "i": input })).await
    };
    let many = change(json!({ "suggestedQuestions": vec!["?"; 7] })).await;
    assert_eq!(many["errors"][0]["extensions"]["field"], "input.suggestedQuestions", "{many}");
    change(json!({ "suggestedQuestions": null })).await;
    assert_eq!(read().await["assistant"]["suggestedQuestions"], json!([]));
    change(json!({ "enabled": false })).await;
    assert_eq!(read().await["assistant"], Value::Null);
}

#[tokio::test]
async fn that_an_assistant_answers_is_said_before_it_does_and_once() {
    let (app, site, visitor) = place().await;
    let conversation = app.conversation(&visitor).await;
    let ask = async |body: &str| {
        let ask = json!({ "i": { "conversationId": conversation, "body": body, "awaitAnswer": true } });
        app.run(Some(&visitor.token), ASK, ask).await
    };
    ask("How many days do I have to return it?").await;
    ask(QUESTION).await;
    let said = messages(&app, &visitor.token, &conversation).await;
    let kinds: Vec<&str> = said.iter().filter_map(|one| one["authorKind"].as_str()).collect();
    assert_eq!(kinds, ["VISITOR", "SYSTEM", "ASSISTANT", "VISITOR", "ASSISTANT"]);
    assert_eq!(said[1]["body"], "An AI assistant answers here, not a human. You can ask for a person at any time.");
    // It is not the matter of an inbox.
    let list = "query I($s: ID!) { conversations(siteId: $s) { nodes { lastMessage { authorKind } description } } }";
    let shown = app.run(Some(&site.admin.token), list, json!({ "s": site.id })).await;
    assert_eq!(shown["conversations"]["nodes"][0]["lastMessage"]["authorKind"], "ASSISTANT");
}

/// A2: who refuses a person is given none, and who asks for one beside a question is.
#[tokio::test]
async fn a_wish_for_a_person_is_heard_and_so_is_its_refusal() {
    let (app, site, _) = place().await;
    for (body, attention) in [
        ("please don't connect me to an agent", "ASSISTANT"),
        ("beni birine bağlama", "ASSISTANT"),
        ("How much is shipping? And also can I get a human?", "WAITING"),
        ("İade süresi kaç gün? Bir de temsilciye bağlar mısınız?", "WAITING"),
    ] {
        let visitor = app.visitor(&site).await;
        let conversation = app.conversation(&visitor).await;
        // The site is open, and nobody has room: who asks waits.
        let ask = json!({ "i": { "conversationId": conversation, "body": body, "awaitAnswer": true } });
        app.run(Some(&visitor.token), ASK, ask).await;
        let query = "query A($c: ID!) { conversation(conversationId: $c) { attention } }";
        let read = app.run(Some(&visitor.token), query, json!({ "c": conversation })).await;
        assert_eq!(read["conversation"]["attention"], attention, "{body}");
    }
}

/// C5: who would rather not wait can read so afterwards.
#[tokio::test]
async fn a_cancelled_wish_leaves_no_promise_behind() {
    let (app, site, visitor) = place().await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, QUESTION).await;
    let human = "mutation H($i: RequestHumanInput!) { requestHuman(input: $i) { conversation { id } } }";
    let cancel = "mutation H($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
    let input = json!({ "i": { "conversationId": conversation } });
    app.run(Some(&visitor.token), human, input.clone()).await;
    app.until_place(&site, &conversation, 1).await;
    app.run(Some(&visitor.token), cancel, input).await;
    let said = messages(&app, &visitor.token, &conversation).await;
    // What the assistant says before its answer, which it may have begun, comes after it.
    let is_told = |one: &Value| {
        let body = one["body"].to_string();
        one["authorKind"] == "SYSTEM" && (body.contains("goes on") || body.contains("devam ediyor"))
    };
    assert!(said.iter().any(is_told), "{said:?}");
}

/// C13: where there is nobody else, nobody is promised.
#[tokio::test]
async fn an_assistant_of_ones_own_promises_nobody() {
    let app = TestApp::start().await;
    let customer = app.person("Deniz").await;
    let create = "mutation C($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
    let made = app.run(Some(&customer.token), create, json!({ "i": { "name": "Mine", "language": "tr" } })).await;
    let assistant = &made["createAssistant"]["assistant"]["id"];
    let first = json!({ "i": { "assistantId": assistant, "message": { "body": QUESTION } } });
    let begun = app.run(Some(&customer.token), START, first).await;
    let conversation = begun["startConversation"]["conversation"]["id"].as_str().unwrap().to_owned();
    for body in ["Bir insanla görüşmek istiyorum", "Siz robot musunuz?", "Dolar kaç lira?"] {
        let ask = json!({ "i": { "conversationId": conversation, "body": body, "awaitAnswer": true } });
        app.run(Some(&customer.token), ASK, ask).await;
    }
    let said = messages(&app, &customer.token, &conversation).await;
    assert!(said.iter().filter(|one| one["authorKind"] == "ASSISTANT").count() >= 3, "{said:?}");
    for one in &said {
        if one["authorKind"] != "VISITOR" {
            let body = one["body"].as_str().unwrap_or_default().to_lowercase();
            assert!(!["temsilci", "person", "bağl"].iter().any(|word| body.contains(word)), "{body}");
        }
    }
}

/// C17: what colleagues write to each other, and what they think of a visitor, is not for the visitor.
#[tokio::test]
async fn visitors_see_nothing_that_is_not_for_them() {
    let (app, site, visitor) = place().await;
    let agent = app.agent(&site, "Ayşe").await;
    let other = app.agent(&site, "Banu").await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Merhaba").await;
    app.say(&agent.token, &conversation, "Buyurun").await;
    let note = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
    app.run(Some(&agent.token), note, json!({ "i": { "conversationId": conversation, "body": "Zor bir müşteri" } }))
        .await;
    let newest = |all: Vec<Value>| all.last().cloned().unwrap_or_default();
    let read = "mutation R($i: MarkReadInput!) { markRead(input: $i) { conversation { id } } }";
    let up_to = async |token: &str| {
        app.run(Some(token), read, json!({ "i": { "conversationId": conversation, "seq": 3 } })).await;
        newest(messages(&app, &agent.token, &conversation).await)
    };
    assert_eq!(newest(messages(&app, &agent.token, &conversation).await)["audience"], "STAFF");
    assert_eq!(up_to(&visitor.token).await["deliveryStatus"], "SENT", "the visitor cannot read it");
    assert_eq!(up_to(&other.token).await["deliveryStatus"], "READ");
    // What is typed and not sent.
    let follow = "subscription T($c: ID!) { conversationEvents(conversationId: $c) { __typename ... on TypingChanged { isTyping preview } } }";
    let typing = "mutation T($i: SetTypingInput!) { setTyping(input: $i) { conversationId } }";
    for (token, preview) in [(&visitor.token, Value::Null), (&other.token, json!("Bence"))] {
        let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
        ws.subscribe("t", follow, json!({ "c": conversation })).await;
        let input = json!({ "i": { "conversationId": conversation, "isTyping": true, "preview": "Bence" } });
        let event = ws.provoke("t", || app.run(Some(&agent.token), typing, input.clone())).await;
        assert_eq!(event["conversationEvents"]["isTyping"], true);
        assert_eq!(event["conversationEvents"]["preview"], preview);
    }
    // How important they are.
    let mark = "mutation V($i: SetVisitorVipInput!) { setVisitorVip(input: $i) { visitor { vip } } }";
    let marked = app.run(Some(&agent.token), mark, json!({ "i": { "visitorId": visitor.id, "vip": true } })).await;
    assert_eq!(marked["setVisitorVip"]["visitor"]["vip"], true);
    let me = "query V($c: ID!) { conversation(conversationId: $c) { visitor { vip } } }";
    let own = app.run(Some(&visitor.token), me, json!({ "c": conversation })).await;
    assert_eq!(own["conversation"]["visitor"]["vip"], Value::Null);
}

/// C17: who has replied has read.
#[tokio::test]
async fn a_reply_leaves_nothing_unread() {
    let (app, site, visitor) = place().await;
    let agent = app.agent(&site, "Ayşe").await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Merhaba").await;
    let unread = async || {
        app.run(Some(&agent.token), INBOX, json!({ "s": site.id })).await["conversations"]["nodes"][0]["unreadCount"]
            .clone()
    };
    assert_eq!(unread().await, 1);
    app.say(&agent.token, &conversation, "Buyurun").await;
    assert_eq!(unread().await, 0);
    app.say(&visitor.token, &conversation, "Siparişim gelmedi").await;
    assert_eq!(unread().await, 1);
}

/// C17: silence ends a conversation, unless somebody owes an answer.
#[tokio::test]
async fn a_conversation_in_which_nobody_says_more_ends_by_itself() {
    let (app, site, _) = place().await;
    let agent = app.agent(&site, "Ayşe").await;
    let begin = async |words: &[(&str, bool)]| {
        let visitor = app.visitor(&site).await;
        let conversation = app.conversation(&visitor).await;
        app.say(&visitor.token, &conversation, "Merhaba").await;
        for (words, by_agent) in words {
            app.say(if *by_agent { &agent.token } else { &visitor.token }, &conversation, words).await;
        }
        (visitor, conversation)
    };
    let (_, replied) = begin(&[("Buyurun, size nasıl yardım edeyim?", true)]).await;
    let (_, thanked) = begin(&[("Kargoda", true), ("Teşekkürler!", false)]).await;
    // Without an assistant nobody answers but people, and none is there.
    let quiet = app.site("quiet").await;
    let owed = app.visitor(&quiet).await;
    let asked = app.conversation(&owed).await;
    app.say(&owed.token, &asked, "Siparişim nerede?").await;
    let opened = app.visitor(&site).await;
    let empty = app.conversation(&opened).await;
    let login = "mutation L($i: LoginInput!) { login(input: $i) { accessToken } }";
    let status = async |conversation: &str| {
        let admin = if conversation == asked { &quiet.admin } else { &site.admin };
        let account = json!({ "i": { "email": admin.email, "password": PASSWORD } });
        let admin = app.run(None, login, account).await["login"]["accessToken"].clone();
        let query = "query S($c: ID!) { conversation(conversationId: $c) { status closing { reason } } }";
        let read = app.post(admin.as_str(), query, json!({ "c": conversation })).await;
        read["data"]["conversation"].clone()
    };
    app.app.order_upkeep().await.unwrap();
    // Whoever replied without a dashboard is gone, and the assistant says the last word.
    app.clock.advance(Duration::from_secs(600));
    app.app.drain().await.unwrap();
    app.clock.advance(Duration::from_secs(600));
    app.app.drain().await.unwrap();
    app.clock.advance(Duration::from_secs(23 * 3_600));
    app.app.drain().await.unwrap();
    assert_eq!(status(&replied).await["status"], "OPEN");
    app.clock.advance(Duration::from_secs(2 * 3_600));
    app.app.drain().await.unwrap();
    for over in [&replied, &thanked] {
        until(async || status(over).await["closing"]["reason"] == "NO_RESPONSE").await;
    }
    until(async || status(&empty).await.is_null()).await;
    assert_eq!(status(&asked).await["status"], "OPEN", "somebody owes an answer");
}

/// C17: whatever is offered can be done.
#[tokio::test]
async fn each_offer_has_its_operation() {
    let (app, site, visitor) = place().await;
    let schema = "query { offers: __type(name: \"Offer\") { enumValues { name description } } widget: __type(name: \"WidgetOffer\") { enumValues { name description } } mutations: __type(name: \"Mutation\") { fields { name } } }";
    let schema = app.run(None, schema, json!({})).await;
    let known: Vec<&str> =
        schema["mutations"]["fields"].as_array().unwrap().iter().filter_map(|field| field["name"].as_str()).collect();
    for kind in ["offers", "widget"] {
        for value in schema[kind]["enumValues"].as_array().expect("values") {
            let named = value["description"].as_str().unwrap_or_default();
            let named = named.split('`').skip(1).step_by(2).any(|name| known.contains(&name));
            assert!(named, "{value} names no operation");
        }
    }
    // As with an abstention, and as with a mode without agents.
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "Dolar kuru bugün kaç lira?").await;
    let leave = "mutation L($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id } } }";
    let left = json!({ "conversationId": conversation, "email": "ada@ornek.com", "message": "Dolar kuru?" });
    app.run(Some(&visitor.token), leave, json!({ "i": left })).await;
    let call = "mutation R($i: RequestCallbackInput!) { requestCallback(input: $i) { contactRequest { id } } }";
    app.run(Some(&visitor.token), call, json!({ "i": { "phone": "+902121234567" } })).await;
    let list = "query C($s: ID!) { contactRequests(siteId: $s) { totalCount } }";
    assert_eq!(
        app.run(Some(&site.admin.token), list, json!({ "s": site.id })).await["contactRequests"]["totalCount"],
        2
    );
}
