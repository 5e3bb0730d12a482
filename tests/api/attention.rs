//! Who attends a conversation, whatever happens: nobody who asks for a person is forgotten, and nobody waits for nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    eventually,
    people::{Person, Site, Visitor, text},
};

const MINUTE: Duration = Duration::from_secs(60);
const READ: &str = "query C($c: ID!) { conversation(conversationId: $c) { status attention assistantPaused description \
 assignee { id } handoff { reason requestedAt joinedAt } messages(last: 30) { nodes { body authorKind } } } }";
const ASSIGN: &str =
    "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { attention } } }";
const TAKE: &str = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
const PAUSE: &str = "mutation P($i: PauseAssistantInput!) { pauseAssistant(input: $i) { conversation { attention } } }";
const RESUME: &str =
    "mutation R($i: ResumeAssistantInput!) { resumeAssistant(input: $i) { conversation { attention } } }";

struct Place {
    app: TestApp,
    site: Site,
}

impl Place {
    async fn new() -> Self {
        let (app, site) = TestApp::still().await;
        app.assistant(&site, json!({})).await;
        app.article(&site, "İade", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
        app.article(&site, "Kargo", "Siparişler iki iş günü içinde kargoya verilir.").await;
        Self { app, site }
    }

    async fn read(&self, conversation: &str) -> Value {
        let query = self.app.run(Some(&self.site.admin.token), READ, json!({ "c": conversation })).await;
        query["conversation"].clone()
    }

    /// Once it is so.
    async fn until(&self, conversation: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(async || self.read(conversation).await, fits).await
    }

    async fn change(&self, person: &Person, document: &str, conversation: &str, more: Value) -> Value {
        self.app.change(&person.token, document, conversation, more).await
    }

    /// An agent says how available they are.
    async fn says(&self, agent: &Person, state: &str) {
        let set = "mutation A($i: SetPresenceInput!) { setPresence(input: $i) { agent { id } } }";
        self.app.run(Some(&agent.token), set, json!({ "i": { "siteId": self.site.id, "state": state } })).await;
    }

    /// A visitor whose question the assistant has answered.
    async fn answered(&self) -> (Visitor, String) {
        let visitor = self.app.visitor(&self.site).await;
        let conversation = self.app.conversation(&visitor).await;
        self.app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
        self.until(&conversation, |now| said(now, "ASSISTANT") == 1).await;
        (visitor, conversation)
    }
}

/// How many messages somebody of a kind wrote.
fn said(conversation: &Value, kind: &str) -> usize {
    let nodes = conversation["messages"]["nodes"].as_array().expect("a list");
    nodes.iter().filter(|node| node["authorKind"] == kind).count()
}

/// C1: without a dashboard, by the API alone.
#[tokio::test]
async fn who_writes_to_a_visitor_has_them_and_whom_they_leave_is_for_others() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    place.app.say(&agent.token, &conversation, "Merhaba, ben Ayşe.").await;
    let now = place.read(&conversation).await;
    assert_eq!((&now["attention"], &now["assignee"]["id"]), (&json!("PERSON"), &json!(agent.id)));
    let figures =
        "query A($s: ID!) { agents(siteId: $s, first: 9) { nodes { user { id } presence { activeChats } } } }";
    let agents = place.app.run(Some(&place.site.admin.token), figures, json!({ "s": place.site.id })).await;
    let mine = agents["agents"]["nodes"].as_array().unwrap().iter().find(|it| it["user"]["id"] == agent.id).cloned();
    assert_eq!(mine.expect("a member")["presence"]["activeChats"], 1);

    // Still there: they wrote half a minute ago.
    place.app.clock.advance(MINUTE / 2);
    place.app.say(&agent.token, &conversation, "Bakıyorum.").await;
    place.app.clock.advance(MINUTE - Duration::from_secs(1));
    place.app.app.drain().await.unwrap();
    assert_eq!(place.read(&conversation).await["attention"], "PERSON");
    place.app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
    place.app.clock.advance(Duration::from_secs(2));
    // Gone, and nobody else is there: the assistant goes on and answers what was asked.
    let now = place.until(&conversation, |now| now.to_string().contains("iki iş günü")).await;
    assert_eq!((&now["attention"], &now["assistantPaused"]), (&json!("ASSISTANT"), &json!(false)));
    assert!(said(&now, "SYSTEM") >= 2, "the visitor can read what happened: {now}");
}

/// C1: the button alone.
#[tokio::test]
async fn who_is_left_without_the_assistant_waits_for_a_person() {
    let place = Place::new().await;
    let (_, conversation) = place.answered().await;
    place.change(&place.site.admin, PAUSE, &conversation, json!({})).await;
    place.app.until_place(&place.site, &conversation, 1).await;
    let now = place.read(&conversation).await;
    assert_eq!((&now["attention"], &now["assistantPaused"]), (&json!("WAITING"), &json!(true)));
    let agent = place.app.limited(&place.site, "A", 1).await;
    let _desk = place.app.dashboard(&place.site, &agent).await;
    assert_eq!(place.app.until_assigned(&place.site, &conversation).await, agent.id);
}

/// C3: assigned to somebody who is not there.
#[tokio::test]
async fn who_asks_for_a_person_and_has_none_who_is_there_is_in_the_queue() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    let away = place.app.agent(&place.site, "Ayşe").await;
    place.change(&place.site.admin, ASSIGN, &conversation, json!({ "assigneeId": away.id })).await;
    place.app.ask_for_person(&visitor, &conversation).await;
    place.app.until_place(&place.site, &conversation, 1).await;
    let now = place.read(&conversation).await;
    assert_eq!((&now["attention"], &now["assignee"]["id"]), (&json!("WAITING"), &json!(away.id)), "meant for them");
    // Whom it is meant for comes first, also where others have as much room.
    let other = place.app.limited(&place.site, "B", 3).await;
    let (_busy, second) = place.app.waiting(&place.site).await;
    place.change(&place.site.admin, ASSIGN, &second, json!({ "assigneeId": away.id })).await;
    let _theirs = place.app.dashboard(&place.site, &away).await;
    assert_eq!(place.app.until_assigned(&place.site, &conversation).await, away.id);
    assert_eq!(place.app.until_assigned(&place.site, &second).await, away.id);
    let _others = place.app.dashboard(&place.site, &other).await;
    let (_, third) = place.app.waiting(&place.site).await;
    place.app.until_assigned(&place.site, &third).await;
}

/// G1t, and part 1 of the rules: the agent is gone before they wrote, or after; the visitor is to have a person all the same.
#[tokio::test]
async fn who_asked_for_a_person_and_loses_theirs_keeps_the_place_while_the_assistant_helps() {
    for replied in [false, true] {
        let place = Place::new().await;
        let (app, site) = (&place.app, &place.site);
        let (visitor, conversation) = place.answered().await;
        let agent = app.limited(site, "Ayşe", 1).await;
        let desk = app.dashboard(site, &agent).await;
        app.ask_for_person(&visitor, &conversation).await;
        let asked_at = app.clock.now();
        assert_eq!(app.until_assigned(site, &conversation).await, agent.id);
        if replied {
            app.say(&agent.token, &conversation, "Merhaba, bakıyorum.").await;
        }
        app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
        desk.close().await;
        app.until_gone(site, &agent).await;
        // What was asked is answered, and the place in line stays, also after that.
        let now = place.until(&conversation, |now| now.to_string().contains("iki iş günü")).await;
        assert_eq!((&now["attention"], &now["assistantPaused"]), (&json!("WAITING"), &json!(false)), "{now}");
        assert_eq!(now["handoff"]["reason"], "VISITOR");
        let since: chrono::DateTime<chrono::Utc> = text(&now["handoff"]["requestedAt"]).parse().unwrap();
        assert_eq!(since == asked_at, !replied, "one wait has one beginning");
        let words = now["messages"].to_string();
        assert!(words.contains("bağlantısı koptu") && words.contains("yeriniz duruyor"), "{now}");
        app.until_place(site, &conversation, 1).await;
        app.ask_for_person(&visitor, &conversation).await;
        app.until_place(site, &conversation, 1).await;
        // What is asked meanwhile is answered, too.
        app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
        app.clock.advance(Duration::from_secs(3));
        place
            .until(&conversation, |now| {
                now["messages"]["nodes"]
                    .as_array()
                    .is_some_and(|all| all.last().is_some_and(|last| last["body"].to_string().contains("14 gün")))
            })
            .await;
        app.until_place(site, &conversation, 1).await;
        // Whoever has room gets them, and the assistant is silent.
        let other = app.limited(site, "Can", 1).await;
        let _desk = app.dashboard(site, &other).await;
        assert_eq!(app.until_assigned(site, &conversation).await, other.id);
        let now = place.read(&conversation).await;
        assert_eq!((&now["attention"], &now["assistantPaused"]), (&json!("PERSON"), &json!(true)), "{now}");
    }
}

/// Only a person's reply, or an answer that the visitor confirmed, ends a wait.
#[tokio::test]
async fn an_answer_that_helped_whoever_waits_ends_the_wait() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let (visitor, conversation) = place.answered().await;
    let rate = "mutation R($i: RateAnswerInput!) { rateAnswer(input: $i) { message { id } } }";
    let answers = async || {
        let query =
            "query C($c: ID!) { conversation(conversationId: $c) { messages(last: 30) { nodes { id authorKind } } } }";
        let read = app.run(Some(&visitor.token), query, json!({ "c": conversation })).await;
        let nodes = read["conversation"]["messages"]["nodes"].as_array().expect("a list").clone();
        nodes.into_iter().filter(|node| node["authorKind"] == "ASSISTANT").collect::<Vec<Value>>()
    };
    let rated = async |answer: &Value, helpful: bool| {
        let input = json!({ "i": { "messageId": answer["id"], "helpful": helpful } });
        app.run(Some(&visitor.token), rate, input).await;
        place.read(&conversation).await["attention"].clone()
    };
    app.ask_for_person(&visitor, &conversation).await;
    app.until_place(site, &conversation, 1).await;
    let before = answers().await;
    assert_eq!(rated(&before[0], true).await, "WAITING", "they asked for a person after that answer");
    // An agent lets the assistant help; the visitor, who asked, keeps their place.
    place.change(&site.admin, RESUME, &conversation, json!({})).await;
    let now = place.read(&conversation).await;
    assert_eq!((&now["attention"], &now["assistantPaused"]), (&json!("WAITING"), &json!(false)), "{now}");
    app.until_place(site, &conversation, 1).await;
    place.change(&site.admin, PAUSE, &conversation, json!({})).await;
    let now = place.read(&conversation).await;
    assert_eq!((&now["attention"], &now["assistantPaused"]), (&json!("WAITING"), &json!(true)), "{now}");
    place.change(&site.admin, RESUME, &conversation, json!({})).await;
    app.clock.advance(Duration::from_secs(1));
    app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
    app.clock.advance(Duration::from_secs(3));
    place.until(&conversation, |now| now["messages"].to_string().contains("iki iş günü")).await;
    let answer = answers().await.pop().expect("an answer");
    assert_eq!(rated(&answer, false).await, "WAITING");
    app.until_place(site, &conversation, 1).await;
    assert_eq!(rated(&answer, true).await, "ASSISTANT");
    assert_eq!(app.position(site, &conversation).await["isWaiting"], false);
}

/// C3: away with an open dashboard is away, unless the agent only is not to be disturbed by others.
#[tokio::test]
async fn who_asks_for_a_person_while_theirs_is_away_gets_another() {
    for (state, leaves) in [("AWAY", true), ("ON_BREAK", true), ("DO_NOT_DISTURB", false), ("BUSY", false)] {
        let place = Place::new().await;
        let (app, site) = (&place.app, &place.site);
        let (visitor, conversation) = place.answered().await;
        let agent = app.limited(site, "Ayşe", 1).await;
        let _desk = app.dashboard(site, &agent).await;
        place.change(&agent, TAKE, &conversation, json!({})).await;
        app.say(&agent.token, &conversation, "Merhaba.").await;
        place.says(&agent, state).await;
        app.ask_for_person(&visitor, &conversation).await;
        if leaves {
            app.until_place(site, &conversation, 1).await;
            let other = app.limited(site, "Can", 1).await;
            let _desk = app.dashboard(site, &other).await;
            assert_eq!(app.until_assigned(site, &conversation).await, other.id, "{state}");
        } else {
            assert_eq!(place.read(&conversation).await["assignee"]["id"], agent.id, "{state}");
        }
    }
}

/// An agent who was away is no one who declined: back, they have their visitor again.
#[tokio::test]
async fn who_was_away_gets_their_visitor_back() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let (visitor, conversation) = place.answered().await;
    let agent = app.limited(site, "Ayşe", 1).await;
    let _desk = app.dashboard(site, &agent).await;
    place.change(&agent, TAKE, &conversation, json!({})).await;
    app.say(&agent.token, &conversation, "Merhaba.").await;
    place.says(&agent, "AWAY").await;
    app.ask_for_person(&visitor, &conversation).await;
    app.until_place(site, &conversation, 1).await;
    place.says(&agent, "AVAILABLE").await;
    assert_eq!(app.until_assigned(site, &conversation).await, agent.id);
}

/// A wish that led to a wait has been heard, also where it was said again while they waited.
#[tokio::test]
async fn a_wish_that_was_heard_begins_no_second_wait() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let cancel =
        "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { attention } } }";
    for wishes in [&["Orada bir insan var mı?", "Bir temsilci istiyorum"][..], &["Is a human there?"][..]] {
        let (visitor, conversation) = place.answered().await;
        app.ask_for_person(&visitor, &conversation).await;
        app.until_place(site, &conversation, 1).await;
        for body in wishes {
            app.say(&visitor.token, &conversation, body).await;
        }
        let here = json!({ "i": { "conversationId": conversation } });
        app.run(Some(&visitor.token), cancel, here).await;
        app.app.drain().await.unwrap();
        app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
        app.clock.advance(Duration::from_secs(5));
        let now = place.until(&conversation, |now| now.to_string().contains("iki iş günü")).await;
        assert_eq!(now["attention"], "ASSISTANT", "{now}");
        // The same after nobody came.
        app.ask_for_person(&visitor, &conversation).await;
        app.until_place(site, &conversation, 1).await;
        for body in wishes {
            app.say(&visitor.token, &conversation, body).await;
        }
        for _ in 0..21 {
            app.clock.advance(Duration::from_secs(15));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        app.until_position(site, &conversation, |at| at["outcome"] == "TIMED_OUT").await;
        app.clock.advance(Duration::from_secs(5));
        app.app.drain().await.unwrap();
        assert_eq!(place.read(&conversation).await["attention"], "ASSISTANT");
    }
}

/// No assistant, no help: the place in the queue is all that the visitor has.
#[tokio::test]
async fn nobody_is_left_to_an_assistant_that_cannot_answer() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let admin = Some(site.admin.token.as_str());
    let (visitor, conversation) = place.answered().await;
    app.ask_for_person(&visitor, &conversation).await;
    app.until_place(site, &conversation, 1).await;
    let widget = "mutation U($i: UpdateWidgetSettingsInput!) { updateWidgetSettings(input: $i) { widgetSettings { customCss } } }";
    let switch = async |features: Value| {
        app.run(admin, widget, json!({ "i": { "siteId": site.id, "features": features } })).await;
    };
    let here = json!({ "i": { "conversationId": conversation } });
    switch(json!({ "assistant": false })).await;
    assert_eq!(app.refused(admin, RESUME, here.clone()).await, "CONFLICT/ASSISTANT_DISABLED");
    app.until_place(site, &conversation, 1).await;
    // Where people are not offered any more, nobody goes on waiting for one, and nobody is promised one.
    switch(json!({ "assistant": true, "liveChat": false, "callbacks": false })).await;
    app.until_position(site, &conversation, |at| at["isWaiting"] == false).await;
    let told =
        place.until(&conversation, |now| now["messages"].to_string().contains("müsait bir temsilcimiz yok")).await;
    assert_eq!(told["attention"], "ASSISTANT");
    assert!(!told["messages"].to_string().contains("aramamızı"), "call backs are off: {told}");
    assert_eq!(app.refused(admin, PAUSE, here).await, "CONFLICT/FEATURE_OFF");
}

/// An emergency without the assistant stops what it is about to say.
#[tokio::test]
async fn an_emergency_stops_answers_that_are_on_their_way() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    // A short message waits for the next one before it is answered.
    app.say(&visitor.token, &conversation, "iade kaç gün").await;
    let set = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) { emergency { enabled } } }";
    let input = json!({ "siteId": site.id, "enabled": true, "message": "Su bastı.", "allowAi": false });
    app.run(Some(&site.admin.token), set, json!({ "i": input })).await;
    place.until(&conversation, |now| now.to_string().contains("Su bastı.")).await;
    app.clock.advance(Duration::from_secs(30));
    app.app.drain().await.unwrap();
    let now = place.read(&conversation).await;
    assert_eq!((said(&now, "ASSISTANT"), now.to_string().matches("Su bastı.").count()), (0, 1), "{now}");
    // Over, what was asked is answered.
    app.say(&visitor.token, &conversation, "Orada mısınız?").await;
    let input = json!({ "siteId": site.id, "enabled": false });
    app.run(Some(&site.admin.token), set, json!({ "i": input })).await;
    place.until(&conversation, |now| now["messages"].to_string().contains("14 gün")).await;
}

/// C4: an hour of service is no wait, nor is yesterday.
#[tokio::test]
async fn one_wait_has_one_beginning() {
    let place = Place::new().await;
    let agent = place.app.limited(&place.site, "A", 1).await;
    let desk = place.app.dashboard(&place.site, &agent).await;
    let (visitor, conversation) = place.answered().await;
    place.app.ask_for_person(&visitor, &conversation).await;
    place.app.until_assigned(&place.site, &conversation).await;
    place.app.say(&agent.token, &conversation, "Merhaba").await;
    for _ in 0..12 {
        place.app.clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let before = place.app.clock.now();
    let hand = "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { handoff { requestedAt } } } }";
    let handed = place.change(&agent, hand, &conversation, json!({ "to": { "queue": true } })).await;
    let since = text(&handed["transferConversation"]["conversation"]["handoff"]["requestedAt"]);
    assert_eq!(since.parse::<chrono::DateTime<chrono::Utc>>().unwrap(), before);
    drop(desk);

    // Who gave up waits since they asked again, and those whose conversation is closed do not wait.
    let leave = "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { handoff { reason } } } }";
    let input = json!({ "i": { "conversationId": conversation } });
    place.app.run(Some(&visitor.token), leave, input).await;
    place.app.clock.advance(Duration::from_secs(500));
    place.app.ask_for_person(&visitor, &conversation).await;
    let now = place.read(&conversation).await;
    let since: chrono::DateTime<chrono::Utc> = text(&now["handoff"]["requestedAt"]).parse().unwrap();
    assert_eq!(since, place.app.clock.now());
    place.app.close(&place.site.admin, &conversation).await;
    let query = "query I($s: ID!) { conversations(siteId: $s, filter: { waitingForHuman: true }) { nodes { id } } }";
    let waiting = place.app.run(Some(&place.site.admin.token), query, json!({ "s": place.site.id })).await;
    assert_eq!(waiting["conversations"]["nodes"], json!([]));
}

/// C5: those who come back later can read who had their conversation.
#[tokio::test]
async fn visitors_can_read_who_took_their_conversation() {
    let place = Place::new().await;
    let (_, conversation) = place.answered().await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    place.change(&agent, TAKE, &conversation, json!({})).await;
    let now = place.read(&conversation).await;
    assert!(now.to_string().contains("Ayşe görüşmeye katıldı."), "{now}");
    place.change(&agent, RESUME, &conversation, json!({})).await;
    let now = place.read(&conversation).await;
    assert!(now.to_string().contains("asistanımız devam ediyor"), "{now}");
    assert_eq!((&now["attention"], &now["assignee"]), (&json!("ASSISTANT"), &Value::Null));
}

/// C6
#[tokio::test]
async fn a_description_says_what_is_still_there() {
    let place = Place::new().await;
    let visitor = place.app.visitor(&place.site).await;
    let conversation = place.app.conversation(&visitor).await;
    let first = place.app.say(&visitor.token, &conversation, "Kart numaram 1234 5678").await;
    assert_eq!(place.read(&conversation).await["description"], "Kart numaram 1234 5678");
    let edit = "mutation E($i: EditMessageInput!) { editMessage(input: $i) { message { id } } }";
    let input = json!({ "i": { "messageId": first["id"], "body": "Kartım çalışmıyor" } });
    place.app.run(Some(&visitor.token), edit, input).await;
    assert_eq!(place.read(&conversation).await["description"], "Kartım çalışmıyor");
    place.app.say(&visitor.token, &conversation, "Ne yapmalıyım?").await;
    let delete = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { id } } }";
    place.app.run(Some(&visitor.token), delete, json!({ "i": { "messageId": first["id"] } })).await;
    assert_eq!(place.read(&conversation).await["description"], "Ne yapmalıyım?");
}

/// C10
#[tokio::test]
async fn an_assistant_that_is_switched_off_takes_no_conversation_with_a_person_along() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    place.app.say(&agent.token, &conversation, "Merhaba").await;
    let list = "query A($s: ID!) { assistants(siteId: $s, first: 5) { nodes { id } } }";
    let assistants = place.app.run(Some(&place.site.admin.token), list, json!({ "s": place.site.id })).await;
    let off = "mutation U($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { enabled } } }";
    let input = json!({ "i": { "assistantId": assistants["assistants"]["nodes"][0]["id"], "enabled": false } });
    place.app.run(Some(&place.site.admin.token), off, input).await;
    assert_eq!(place.app.conversation(&visitor).await, conversation);
}

/// C12
#[tokio::test]
async fn corrected_rules_reach_those_who_wait() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let make = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
    let made = app.run(Some(&site.admin.token), make, json!({ "i": { "siteId": site.id, "name": "Boş" } })).await;
    let nobody = text(&made["createDepartment"]["department"]["id"]);
    let rule = json!({ "name": "wrong", "strategy": "DEPARTMENT", "departmentId": nobody, "onlyDepartment": true, "when": {} });
    app.rules(site, json!({ "rules": [rule] })).await;
    let agent = app.limited(site, "A", 1).await;
    let (_, conversation) = app.waiting(site).await;
    app.until_place(site, &conversation, 1).await;
    let _desk = app.dashboard(site, &agent).await;
    app.app.drain().await.unwrap();
    assert_eq!(place.read(&conversation).await["attention"], "WAITING");
    app.rules(site, json!({ "rules": [] })).await;
    assert_eq!(app.until_assigned(site, &conversation).await, agent.id);
}

/// C8 and X29: everybody who talks is told of an emergency, once, and of the next one again.
#[tokio::test]
async fn everybody_who_talks_is_told_of_an_emergency() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let (visitor, with_assistant) = place.answered().await;
    let (_, with_person) = place.answered().await;
    let agent = app.limited(site, "A", 2).await;
    let _desk = app.dashboard(site, &agent).await;
    place.change(&agent, TAKE, &with_person, json!({})).await;
    let emergency = async |message: &str, enabled: bool| {
        let set = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) { emergency { enabled } } }";
        let input = json!({ "siteId": site.id, "enabled": enabled, "message": message, "allowAi": false, "allowTickets": true });
        app.run(Some(&site.admin.token), set, json!({ "i": input })).await;
    };
    let told = |words: &'static str, times: usize| {
        move |now: &Value| {
            let nodes = now["messages"]["nodes"].as_array().expect("a list");
            nodes.iter().filter(|node| node["body"] == words).count() == times
        }
    };
    for (round, words) in ["Su bastı.", "Yangın var."].into_iter().enumerate() {
        emergency(words, true).await;
        for conversation in [&with_assistant, &with_person] {
            place.until(conversation, told(words, 1)).await;
        }
        // What the visitor writes is answered by that once more, and then by nobody.
        app.say(&visitor.token, &with_assistant, "Orada mısınız?").await;
        app.say(&visitor.token, &with_assistant, "Alo?").await;
        app.app.drain().await.unwrap();
        place.until(&with_assistant, |now| said(now, "VISITOR") == 3 + 2 * round).await;
        assert_eq!(place.read(&with_person).await["attention"], "PERSON");
        emergency(words, false).await;
        app.clock.advance(Duration::from_secs(5));
    }
}

/// C11: switches are rules.
#[tokio::test]
async fn what_the_widget_does_not_offer_visitors_cannot_have() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let update = "mutation U($i: UpdateWidgetSettingsInput!) { updateWidgetSettings(input: $i) { widgetSettings { customCss } } }";
    let set = async |change: Value| {
        let mut input = json!({ "siteId": site.id });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        app.run(Some(&site.admin.token), update, json!({ "i": input })).await;
    };
    let (visitor, conversation) = place.answered().await;
    set(json!({ "features": { "liveChat": false, "callbacks": false, "ratings": false } })).await;
    let token = Some(visitor.token.as_str());
    let here = json!({ "i": { "conversationId": conversation } });
    let human = "mutation R($i: RequestHumanInput!) { requestHuman(input: $i) { conversation { id } } }";
    assert_eq!(app.refused(token, human, here).await, "CONFLICT/FEATURE_OFF");
    let call = "mutation R($i: RequestCallbackInput!) { requestCallback(input: $i) { contactRequest { id } } }";
    assert_eq!(app.refused(token, call, json!({ "i": { "phone": "+902121234567" } })).await, "CONFLICT/FEATURE_OFF");
    app.close(&site.admin, &conversation).await;
    let rate = "mutation R($i: RateConversationInput!) { rateConversation(input: $i) { conversation { id } } }";
    let score = json!({ "i": { "conversationId": conversation, "score": 5 } });
    assert_eq!(app.refused(token, rate, score).await, "CONFLICT/FEATURE_OFF");

    set(json!({ "preChat": { "enabled": true, "fields": ["NAME", "EMAIL"], "required": ["EMAIL"] } })).await;
    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let stranger = app.visitor(site).await;
    let begin = json!({ "i": {} });
    let refused = app.refused(Some(&stranger.token), start, begin.clone()).await;
    assert_eq!(refused, "BAD_USER_INPUT/PROFILE_INCOMPLETE");
    let tell = "mutation U($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
    app.run(Some(&stranger.token), tell, json!({ "i": { "email": "ada@ornek.com" } })).await;
    app.run(Some(&stranger.token), start, begin).await;
}

/// C2: thanks after the end take nobody's time.
#[tokio::test]
async fn thanks_after_the_end_reopen_nothing() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    place.app.close(&place.site.admin, &conversation).await;
    for words in ["Teşekkürler!", "ok thanks 👍", "İyi günler"] {
        place.app.say(&visitor.token, &conversation, words).await;
        assert_eq!(place.read(&conversation).await["status"], "CLOSED", "{words}");
    }
    let rate = "mutation R($i: RateConversationInput!) { rateConversation(input: $i) { conversation { id } } }";
    let score = json!({ "i": { "conversationId": conversation, "score": 5 } });
    place.app.run(Some(&visitor.token), rate, score).await;
    place.app.say(&visitor.token, &conversation, "Kargo ne zaman verilir?").await;
    assert_eq!(place.read(&conversation).await["status"], "OPEN");
}

/// C7: what was taken back before it was answered is not answered.
#[tokio::test]
async fn a_question_that_was_taken_back_is_not_answered() {
    let place = Place::new().await;
    let visitor = place.app.visitor(&place.site).await;
    let conversation = place.app.conversation(&visitor).await;
    let asked = place.app.say(&visitor.token, &conversation, "iade süresi").await;
    let delete = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { id } } }";
    place.app.run(Some(&visitor.token), delete, json!({ "i": { "messageId": asked["id"] } })).await;
    place.app.app.drain().await.unwrap();
    place.app.clock.advance(MINUTE);
    place.app.app.drain().await.unwrap();
    assert_eq!(said(&place.read(&conversation).await, "ASSISTANT"), 0);
}

/// C9: names and words are found in any order and however they are typed; wildcards mean themselves.
#[tokio::test]
async fn an_inbox_is_searched_as_people_type() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    let tell = "mutation U($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
    place.app.run(Some(&visitor.token), tell, json!({ "i": { "name": "IŞIL ÖZTÜRK" } })).await;
    let query = "query I($s: ID!, $t: String!) { conversations(siteId: $s, filter: { text: $t }) { nodes { id matchedMessage { body } } } }";
    let find = async |text: &str| {
        let found = place.app.run(Some(&place.site.admin.token), query, json!({ "s": place.site.id, "t": text })).await;
        found["conversations"]["nodes"].as_array().cloned().unwrap_or_default()
    };
    for text in ["ışıl", "isil", "ozturk isil", "edebilirim iade", "IADE öztürk"] {
        assert_eq!(find(text).await.len(), 1, "{text}");
    }
    for text in ["%%", "__", "isil kargo"] {
        assert_eq!(find(text).await.len(), 0, "{text}");
    }
    let found = find("iade ürünü").await;
    assert_eq!(
        (&found[0]["id"], text(&found[0]["matchedMessage"]["body"]).contains("iade")),
        (&json!(conversation), true)
    );
}

/// C14: what an agent saw and did not answer is not the assistant's.
#[tokio::test]
async fn the_assistant_answers_from_the_next_message_on() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    place.change(&agent, TAKE, &conversation, json!({})).await;
    place.app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
    place.change(&agent, RESUME, &conversation, json!({})).await;
    place.app.say(&visitor.token, &conversation, "Ürünleri kaç gün içinde iade edebilirim?").await;
    let now = place.until(&conversation, |now| said(now, "ASSISTANT") == 2).await;
    assert!(!now.to_string().contains("iki iş günü"), "{now}");
}
