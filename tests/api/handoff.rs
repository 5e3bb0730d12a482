//! The way to a person: asked for, recognised, offered, and taken back.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use yanit::ports::ai::{Finish, Models, Piece, Scripted};

use crate::{
    harness::{
        app::{Options, TestApp},
        people::{Site, Visitor, text},
        ws::Ws,
    },
    typed_answers::EVENTS,
};

const CONVERSATION: &str = "query C($c: ID!) { conversation(conversationId: $c) { status assistantPaused offers \
 handoff { reason requestedAt joinedAt } messages(last: 20) { nodes { body authorKind audience } } } }";
const REQUEST: &str =
    "mutation R($i: RequestHumanInput!) { requestHuman(input: $i) { conversation { handoff { reason joinedAt } } } }";
const CANCEL: &str = "mutation R($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { assistantPaused handoff { reason } } } }";

async fn talk(options: Options, assistant: Value) -> (TestApp, Site, Visitor, String, Ws) {
    let app = TestApp::with(options).await;
    let site = app.site("acme").await;
    app.assistant(&site, assistant).await;
    app.article(&site, "İade", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
    app.article(&site, "Kargo", "Siparişler iki iş günü içinde kargoya verilir.").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    (app, site, visitor, conversation, ws)
}

async fn read(app: &TestApp, token: &str, conversation: &str) -> Value {
    app.run(Some(token), CONVERSATION, json!({ "c": conversation })).await["conversation"].clone()
}

fn finished(event: &Value) -> bool {
    event["conversationEvents"]["__typename"] == "RunFinished"
}

fn changed(change: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["conversationEvents"]["conversationChange"] == change
}

/// Ids of conversations in the inbox that wait for a person, or that do not.
async fn waiting(app: &TestApp, site: &Site, yes: bool) -> usize {
    let query = "query I($s: ID!, $f: ConversationFilter) { conversations(siteId: $s, filter: $f) { nodes { id } } }";
    let data = app.run(Some(&site.admin.token), query, json!({ "s": site.id, "f": { "waitingForHuman": yes } })).await;
    data["conversations"]["nodes"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_visitor_can_always_ask_for_a_person() {
    let (app, site, visitor, conversation, mut ws) = talk(Options::default(), json!({})).await;
    let input = json!({ "i": { "conversationId": conversation } });
    let inbox = "subscription I($s: ID!, $f: ConversationFilter) { inboxEvents(siteId: $s, filter: $f) { __typename ... on InboxEntry { move conversationId } } }";
    let mut staff = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    staff.subscribe("i", inbox, json!({ "s": site.id, "f": { "waitingForHuman": true } })).await;
    app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
    ws.until("e", finished).await;
    let asked = app.run(Some(&visitor.token), REQUEST, input.clone()).await;
    assert_eq!(asked["requestHuman"]["conversation"]["handoff"], json!({ "reason": "VISITOR", "joinedAt": null }));
    ws.until("e", changed("HUMAN_REQUESTED")).await;
    let again = app.run(Some(&visitor.token), REQUEST, input.clone()).await;
    assert_eq!(again, asked, "twice is as once");
    assert_eq!(staff.next("i").await["inboxEvents"]["move"], "ENTERED");
    // Told as it enters the queue, a moment later.
    ws.until("e", |event| event["conversationEvents"]["message"]["authorKind"] == "SYSTEM").await;
    let now = read(&app, &visitor.token, &conversation).await;
    assert_eq!(now["assistantPaused"], true);
    let last = now["messages"]["nodes"].as_array().expect("a list").last().expect("one").clone();
    assert_eq!((&last["authorKind"], text(&last["body"]).contains("temsilci")), (&json!("SYSTEM"), true), "{last}");
    assert_eq!((waiting(&app, &site, true).await, waiting(&app, &site, false).await), (1, 0));

    // The assistant is silent; a summary waits for the agent, whom the visitor never sees reading it.
    app.say(&visitor.token, &conversation, "Kimse var mı?").await;
    let note = summary(&app, &site, &conversation).await;
    assert!(note.contains("kaç gün içinde iade"), "{note}");
    let seen = read(&app, &visitor.token, &conversation).await;
    assert!(!seen.to_string().contains("STAFF"), "{seen}");

    let agent = app.agent(&site, "deniz").await;
    app.say(&agent.token, &conversation, "Merhaba, ben Deniz.").await;
    ws.until("e", changed("HUMAN_JOINED")).await;
    staff.until("i", |event| event["inboxEvents"]["move"] == "LEFT").await;
    assert_eq!(waiting(&app, &site, true).await, 0);
    let now = read(&app, &visitor.token, &conversation).await;
    assert!(!now["handoff"]["joinedAt"].is_null());
}

/// The internal note that sums the conversation up, once it is there.
async fn summary(app: &TestApp, site: &Site, conversation: &str) -> String {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    let events = ws.until("e", |event| event["conversationEvents"]["message"]["audience"] == "STAFF").await;
    let note = &events[events.len() - 1]["conversationEvents"]["message"];
    assert_eq!(note["authorKind"], "ASSISTANT");
    text(&note["body"])
}

#[tokio::test]
async fn the_visitor_may_go_on_with_the_assistant() {
    let (app, site, visitor, conversation, mut ws) = talk(Options::default(), json!({})).await;
    let input = json!({ "i": { "conversationId": conversation } });
    let unchanged = app.run(Some(&visitor.token), CANCEL, input.clone()).await;
    assert_eq!(unchanged["cancelHumanRequest"]["conversation"]["handoff"], json!(null));
    app.run(Some(&visitor.token), REQUEST, input.clone()).await;
    let back = app.run(Some(&visitor.token), CANCEL, input.clone()).await;
    let expected = json!({ "assistantPaused": false, "handoff": null });
    assert_eq!(back["cancelHumanRequest"]["conversation"], expected);
    ws.until("e", changed("HUMAN_REQUEST_CANCELLED")).await;
    app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
    ws.until("e", finished).await;
    assert_eq!(waiting(&app, &site, true).await, 0);
    // Agents assign; the wish is the visitor's.
    let agent = app.agent(&site, "deniz").await;
    assert_eq!(app.refused(Some(&agent.token), REQUEST, input.clone()).await, "FORBIDDEN");
    // A closed conversation is brought back.
    let close = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { status } } }";
    app.run(Some(&agent.token), close, input.clone()).await;
    app.run(Some(&visitor.token), REQUEST, input).await;
    assert_eq!(read(&app, &visitor.token, &conversation).await["status"], "OPEN");
}

#[tokio::test]
async fn asking_in_words_hands_over_and_so_does_a_yes_to_the_offer() {
    for (question, yes) in
        [("Bir temsilciyle görüşmek istiyorum", None), ("Uzay mekiği ne zaman kalkıyor?", Some("Evet lütfen!"))]
    {
        let (app, _, visitor, conversation, mut ws) = talk(Options::default(), json!({})).await;
        app.say(&visitor.token, &conversation, question).await;
        let mut events = ws.until("e", finished).await;
        if let Some(yes) = yes {
            app.say(&visitor.token, &conversation, yes).await;
            events = ws.until("e", finished).await;
        }
        let answer = &events[events.len() - 1]["conversationEvents"]["answer"];
        assert_eq!(answer["action"], "HANDOFF", "{answer}");
        assert!(events.iter().any(changed("HUMAN_REQUESTED")), "{events:?}");
        let now = read(&app, &visitor.token, &conversation).await;
        assert_eq!((&now["handoff"]["reason"], &now["assistantPaused"]), (&json!("ASSISTANT"), &json!(true)));
    }
}

#[tokio::test]
async fn a_yes_after_an_answer_that_was_cut_short_is_no_wish_for_a_person() {
    let model = Scripted::with(|_| {
        let cut = Piece::Done { finish: Finish::Length, usage: None };
        vec![Ok(Piece::Text("It depends on".to_owned())), Ok(cut)]
    });
    let options = Options { models: Some(Models::with_openai_compatible(Arc::new(model))), ..Options::default() };
    let (app, _, visitor, conversation, mut ws) = talk(options, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    for words in ["Ürünü kaç gün içinde iade edebilirim?", "Evet lütfen!"] {
        app.say(&visitor.token, &conversation, words).await;
        let events = ws.until("e", finished).await;
        let answer = &events[events.len() - 1]["conversationEvents"]["answer"];
        assert_eq!(answer["action"], "ABSTAIN", "{answer}");
    }
}

#[tokio::test]
async fn a_model_hands_over_by_a_signal_that_nobody_sees_and_sums_up() {
    let model = Scripted::with(|prompt| {
        let says = if prompt.system.contains("sum up") { "Wants a person." } else { "HANDOFF" };
        vec![Ok(Piece::Text(says.to_owned())), Ok(Piece::Done { finish: Finish::Stop, usage: None })]
    });
    let options = Options { models: Some(Models::with_openai_compatible(Arc::new(model))), ..Options::default() };
    let (app, site, visitor, conversation, mut ws) = talk(options, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    app.say(&visitor.token, &conversation, "İade için gerçekten birini istiyorum, olmuyor böyle?").await;
    let events = ws.until("e", finished).await;
    assert!(
        !format!("{events:?}").contains("\"HANDOFF\\n") && !format!("{events:?}").contains("text\": String(\"HANDOFF")
    );
    let answer = &events[events.len() - 1]["conversationEvents"]["answer"];
    assert_eq!(answer["action"], "HANDOFF");
    assert!(text(&answer["text"]).contains("temsilci"), "{answer}");
    assert_eq!(summary(&app, &site, &conversation).await, "Wants a person.");
}

#[tokio::test]
async fn three_seconds_after_the_second_answer_a_person_is_offered() {
    let options = Options { manual_clock: true, ..Options::default() };
    let (app, _, visitor, conversation, mut ws) = talk(options, json!({})).await;
    for question in ["Ürünü kaç gün içinde iade edebilirim?", "Kargom kaç günde çıkar?"] {
        assert_eq!(read(&app, &visitor.token, &conversation).await["offers"], json!([]));
        app.say(&visitor.token, &conversation, question).await;
        ws.until("e", finished).await;
    }
    assert_eq!(read(&app, &visitor.token, &conversation).await["offers"], json!([]), "not yet");
    app.clock.advance(Duration::from_secs(3));
    let events = ws.until("e", changed("PERSON_OFFERED")).await;
    let offers = json!(["WAIT_FOR_AGENT", "OPEN_TICKET"]);
    assert_eq!(events[events.len() - 1]["conversationEvents"]["conversation"]["offers"], offers);
    assert_eq!(read(&app, &visitor.token, &conversation).await["offers"], offers);
    // Taken up, it is no offer any more.
    app.run(Some(&visitor.token), REQUEST, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(read(&app, &visitor.token, &conversation).await["offers"], json!([]));
}

#[tokio::test]
async fn nobody_is_asked_for_where_nobody_works() {
    let app = TestApp::start().await;
    let customer = app.person("cem").await;
    let create = "mutation C($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
    let made = app.run(Some(&customer.token), create, json!({ "i": { "name": "Benim" } })).await;
    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let input = json!({ "i": { "assistantId": made["createAssistant"]["assistant"]["id"] } });
    let started = app.run(Some(&customer.token), start, input).await;
    let input = json!({ "i": { "conversationId": started["startConversation"]["conversation"]["id"] } });
    assert_eq!(app.refused(Some(&customer.token), REQUEST, input).await, "BAD_USER_INPUT/INVALID_COMBINATION");
}
