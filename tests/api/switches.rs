//! What a site has switched off in its widget is off: no assistant, no people, no waiting, no messages that are left.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    eventually,
    people::{Site, Visitor, said},
    ws::Ws,
};

const SET: &str =
    "mutation U($i: UpdateWidgetSettingsInput!) { updateWidgetSettings(input: $i) { widgetSettings { customCss } } }";
const ASK: &str =
    "mutation A($i: SendMessageInput!) { sendMessage(input: $i) { runId answer { body answer { action offers } } } }";
const READ: &str = "query C($c: ID!) { conversation(conversationId: $c) { attention queueOutcome offers assignee { id } \
 messages(last: 50) { nodes { body authorKind } } } }";
const LEAVE: &str = "mutation L($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id } } }";
const CALL: &str = "mutation R($i: RequestCallbackInput!) { requestCallback(input: $i) { contactRequest { id } } }";
const EMERGENCY: &str = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) { emergency { enabled } } }";
const HOURS: &str =
    "mutation H($i: UpdateBusinessHoursInput!) { updateBusinessHours(input: $i) { businessHours { siteId } } }";

struct Place {
    app: TestApp,
    site: Site,
}

impl Place {
    /// A site with an assistant that could answer, and these switches.
    async fn with(features: Value) -> Self {
        let (app, site) = TestApp::still().await;
        app.assistant(&site, json!({})).await;
        app.article(&site, "İade", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
        let place = Self { app, site };
        place.switch(features).await;
        place
    }

    async fn switch(&self, features: Value) {
        let input = json!({ "siteId": self.site.id, "features": features });
        self.app.run(Some(&self.site.admin.token), SET, json!({ "i": input })).await;
    }

    async fn visitor(&self) -> (Visitor, String) {
        let visitor = self.app.visitor(&self.site).await;
        let conversation = self.app.conversation(&visitor).await;
        (visitor, conversation)
    }

    /// Sends a message and waits for its answer, if an assistant is to give one.
    async fn ask(&self, (visitor, conversation): &(Visitor, String), body: &str) -> Value {
        let input = json!({ "i": { "conversationId": conversation, "body": body, "awaitAnswer": true } });
        self.app.run(Some(&visitor.token), ASK, input).await["sendMessage"].clone()
    }

    async fn read(&self, (visitor, conversation): &(Visitor, String)) -> Value {
        self.app.run(Some(&visitor.token), READ, json!({ "c": conversation })).await["conversation"].clone()
    }

    async fn until(&self, talk: &(Visitor, String), fits: impl Fn(&Value) -> bool) -> Value {
        eventually(async || self.read(talk).await, fits).await
    }
}

const QUESTION: &str = "Ürünü kaç gün içinde iade edebilirim?";

/// C11: also while the site is open, where the assistant would answer first.
#[tokio::test]
async fn where_the_assistant_is_off_questions_go_to_people() {
    let place = Place::with(json!({ "assistant": false })).await;
    let alone = place.visitor().await;
    let sent = place.ask(&alone, QUESTION).await;
    assert_eq!((&sent["runId"], &sent["answer"]), (&Value::Null, &Value::Null), "{sent}");
    place.app.until_place(&place.site, &alone.1, 1).await;
    // Nobody comes: it is nobody's either, and the next question waits for a person again.
    place.app.clock.advance(Duration::from_secs(310));
    let given_up = place.until(&alone, |now| now["queueOutcome"] == "TIMED_OUT").await;
    assert!(said(&given_up, "SYSTEM").last().is_some_and(|words| words.contains("müsait")), "{given_up}");
    place.app.app.drain().await.expect("all is done");
    assert!(said(&place.read(&alone).await, "ASSISTANT").is_empty());
    place.ask(&alone, "Orada kimse var mı?").await;
    place.app.until_place(&place.site, &alone.1, 1).await;

    let agent = place.app.limited(&place.site, "Ayşe", 3).await;
    let _desk = place.app.dashboard(&place.site, &agent).await;
    assert_eq!(place.app.until_assigned(&place.site, &alone.1).await, agent.id);
    let asked = place.visitor().await;
    place.ask(&asked, QUESTION).await;
    assert_eq!(place.app.until_assigned(&place.site, &asked.1).await, agent.id);

    // Closed, it is as where there is no assistant.
    let input = json!({ "siteId": place.site.id, "week": [] });
    place.app.run(Some(&place.site.admin.token), HOURS, json!({ "i": input })).await;
    let late = place.visitor().await;
    place.ask(&late, QUESTION).await;
    let told = place.until(&late, |now| now["queueOutcome"] == "SITE_CLOSED").await;
    assert!(said(&told, "ASSISTANT").is_empty() && said(&told, "SYSTEM").len() == 1, "{told}");

    // And on again, it answers again.
    place.switch(json!({ "assistant": true })).await;
    let answered = place.ask(&late, QUESTION).await;
    assert!(answered["answer"]["body"].as_str().is_some_and(|body| body.contains("14 gün")), "{answered}");
}

/// C11: whatever they ask for in words, and whatever they were offered before.
#[tokio::test]
async fn where_people_are_off_nobody_is_promised_one() {
    let place = Place::with(json!({ "liveChat": false })).await;
    let agent = place.app.limited(&place.site, "Ayşe", 3).await;
    let _desk = place.app.dashboard(&place.site, &agent).await;
    let talk = place.visitor().await;
    let unknown = place.ask(&talk, "Dolar kuru bugün kaç lira?").await;
    assert_eq!(unknown["answer"]["answer"], json!({ "action": "ABSTAIN", "offers": ["OPEN_TICKET"] }));
    for body in ["evet", "Bir temsilci istiyorum", "beni bir insana bağlar mısınız?", "I want to talk to a human"] {
        let answer = place.ask(&talk, body).await["answer"].clone();
        assert!(answer["body"].as_str().is_some_and(|said| !said.contains("bağlıyorum")), "{body}: {answer}");
        let now = place.read(&talk).await;
        assert_eq!((&now["attention"], &now["assignee"]), (&json!("ASSISTANT"), &Value::Null), "{body}");
    }
    // Two answers offer a person elsewhere.
    place.ask(&talk, QUESTION).await;
    place.app.clock.advance(Duration::from_secs(10));
    place.app.app.drain().await.expect("all is done");
    assert_eq!(place.read(&talk).await["offers"], json!([]));

    // With neither people nor an assistant nobody waits for what does not come: it is said, once.
    place.switch(json!({ "assistant": false })).await;
    let alone = place.visitor().await;
    place.ask(&alone, QUESTION).await;
    let told = place.until(&alone, |now| !now["queueOutcome"].is_null()).await;
    assert_eq!((&told["attention"], &told["queueOutcome"]), (&json!("ASSISTANT"), &json!("TIMED_OUT")));
    place.ask(&alone, "Alo?").await;
    place.app.app.drain().await.expect("all is done");
    let now = place.until(&alone, |now| said(now, "VISITOR").len() == 2).await;
    assert_eq!((said(&now, "SYSTEM").len(), &now["attention"]), (1, &json!("ASSISTANT")), "{now}");
    // An agent may take it all the same.
    let take = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
    place.app.run(Some(&agent.token), take, json!({ "i": { "conversationId": alone.1 } })).await;
    assert_eq!(place.read(&alone).await["attention"], "PERSON");
}

/// C11: who is free at once comes, and nobody else is waited for.
#[tokio::test]
async fn where_waiting_is_off_only_who_is_free_comes() {
    let place = Place::with(json!({ "waiting": false })).await;
    let talk = place.visitor().await;
    place.ask(&talk, "Bir temsilci istiyorum").await;
    place.app.until_position(&place.site, &talk.1, |at| at["isWaiting"] == true || !at["outcome"].is_null()).await;
    place.app.clock.advance(Duration::from_secs(10));
    let now = place.until(&talk, |now| now["queueOutcome"] == "TIMED_OUT").await;
    assert_eq!(now["attention"], "ASSISTANT");
    let agent = place.app.limited(&place.site, "Ayşe", 1).await;
    let _desk = place.app.dashboard(&place.site, &agent).await;
    let lucky = place.visitor().await;
    place.ask(&lucky, "Bir temsilci istiyorum").await;
    assert_eq!(place.app.until_assigned(&place.site, &lucky.1).await, agent.id);
}

/// C11: messages that are left, and what an emergency leaves open of them.
#[tokio::test]
async fn where_tickets_are_off_no_message_is_left() {
    let place = Place::with(json!({ "tickets": false })).await;
    let talk = place.visitor().await;
    let token = Some(talk.0.token.as_str());
    let left = json!({ "i": { "conversationId": talk.1, "email": "ada@ornek.com", "message": "Dolar kuru?" } });
    let general = json!({ "i": { "email": "ada@ornek.com", "message": "Dolar kuru?" } });
    for input in [&left, &general] {
        assert_eq!(place.app.refused(token, LEAVE, input.clone()).await, "CONFLICT/FEATURE_OFF");
    }
    place.app.run(token, CALL, json!({ "i": { "phone": "+902121234567" } })).await;
    // Nor is one offered.
    let unknown = place.ask(&talk, "Dolar kuru bugün kaç lira?").await;
    assert_eq!(unknown["answer"]["answer"]["offers"], json!(["WAIT_FOR_AGENT"]));
    place.app.ask_for_person(&talk.0, &talk.1).await;
    place.app.until_place(&place.site, &talk.1, 1).await;
    place.app.clock.advance(Duration::from_secs(310));
    let now = place.until(&talk, |now| now["queueOutcome"] == "TIMED_OUT").await;
    assert_eq!(now["offers"], json!(["REQUEST_CALLBACK"]));

    place.switch(json!({ "tickets": true, "callbacks": false })).await;
    assert_eq!(place.read(&talk).await["offers"], json!(["LEAVE_MESSAGE"]));
    place.app.run(token, LEAVE, left.clone()).await;
    for (allowed, refusal) in [(false, Some("CONFLICT/FEATURE_OFF")), (true, None)] {
        let input = json!({ "siteId": place.site.id, "enabled": true, "allowTickets": allowed });
        place.app.run(Some(&place.site.admin.token), EMERGENCY, json!({ "i": input })).await;
        match refusal {
            Some(refusal) => assert_eq!(place.app.refused(token, LEAVE, left.clone()).await, refusal),
            None => drop(place.app.run(token, LEAVE, left.clone()).await),
        }
    }
}

/// C17: that a note is typed is for colleagues.
#[tokio::test]
async fn visitors_are_not_told_that_a_note_is_typed() {
    const FOLLOW: &str = "subscription T($c: ID!) { conversationEvents(conversationId: $c) { __typename ... on TypingChanged { isTyping audience } } }";
    const TYPING: &str = "mutation T($i: SetTypingInput!) { setTyping(input: $i) { conversationId } }";
    let place = Place::with(json!({})).await;
    let (app, talk) = (&place.app, place.visitor().await);
    let (agent, other) = (app.agent(&place.site, "Ayşe").await, app.agent(&place.site, "Banu").await);
    let typing = async |token: &str, is_typing: bool, audience: Value| {
        let mut input = json!({ "conversationId": talk.1, "isTyping": is_typing });
        if !audience.is_null() {
            input["audience"] = audience;
        }
        app.run(Some(token), TYPING, json!({ "i": input })).await;
    };
    for (token, is_member) in [(&talk.0.token, false), (&other.token, true)] {
        let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
        ws.subscribe("t", FOLLOW, json!({ "c": talk.1 })).await;
        let heard = ws.provoke("t", || typing(&agent.token, true, Value::Null)).await;
        assert_eq!(heard["conversationEvents"]["audience"], "EVERYONE");
        typing(&agent.token, true, json!("STAFF")).await;
        typing(&agent.token, false, json!("EVERYONE")).await;
        let events = ws.until("t", |event| event["conversationEvents"]["isTyping"] == false).await;
        let notes = events.iter().filter(|event| event["conversationEvents"]["audience"] == "STAFF").count();
        assert_eq!(notes, usize::from(is_member), "{events:?}");
    }
    let note = json!({ "i": { "conversationId": talk.1, "isTyping": true, "audience": "STAFF" } });
    assert_eq!(app.refused(Some(&talk.0.token), TYPING, note).await, "FORBIDDEN");
}
