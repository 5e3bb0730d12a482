//! What of a conversation counts, and what visitors read of what becomes of it: each thing once, and each time again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    eventually,
    people::{Person, Site, Visitor, said},
};

const READ: &str = "query C($c: ID!) { conversation(conversationId: $c) { status attention description queueOutcome \
 closing { reason note } assignee { id } messages(last: 50) { nodes { id body authorKind } } } }";
const TAKE: &str = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
const HAND: &str =
    "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { id } } }";
const ASSIGN: &str =
    "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
const CLOSE: &str = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
const RATE: &str = "mutation R($i: RateConversationInput!) { rateConversation(input: $i) { conversation { id } } }";
const DELETE: &str = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { id } } }";
const NOTE: &str = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
const HOURS: &str =
    "mutation H($i: UpdateBusinessHoursInput!) { updateBusinessHours(input: $i) { businessHours { siteId } } }";
const EMERGENCY: &str = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) { emergency { enabled } } }";
const RETURNS: &str = "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.";

struct Place {
    app: TestApp,
    site: Site,
}

impl Place {
    async fn without_assistant() -> Self {
        let (app, site) = TestApp::still().await;
        Self { app, site }
    }

    async fn new(assistant: Value) -> Self {
        let place = Self::without_assistant().await;
        place.app.assistant(&place.site, assistant).await;
        place.app.article(&place.site, "İade", RETURNS).await;
        place.app.article(&place.site, "Mağaza", "Mağazamız Kadıköy'de, Moda Caddesi 12 numaradadır.").await;
        place
    }

    async fn visitor(&self) -> (Visitor, String) {
        let visitor = self.app.visitor(&self.site).await;
        let conversation = self.app.conversation(&visitor).await;
        (visitor, conversation)
    }

    async fn change(&self, person: &Person, document: &str, conversation: &str, more: Value) -> Value {
        self.app.change(&person.token, document, conversation, more).await
    }

    async fn read(&self, token: &str, conversation: &str) -> Value {
        self.app.run(Some(token), READ, json!({ "c": conversation })).await["conversation"].clone()
    }

    async fn until(&self, token: &str, conversation: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(async || self.read(token, conversation).await, fits).await
    }
}

/// C5
#[tokio::test]
async fn visitors_read_that_their_conversation_is_passed_on_or_was_left() {
    let place = Place::new(json!({})).await;
    let (visitor, conversation) = place.visitor().await;
    place.app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
    place.until(&visitor.token, &conversation, |now| said(now, "ASSISTANT").len() == 1).await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    place.change(&agent, TAKE, &conversation, json!({})).await;
    place.change(&agent, HAND, &conversation, json!({ "to": { "queue": true } })).await;
    let now = place.read(&visitor.token, &conversation).await;
    let told = "Görüşmeniz ekibimizden başka birine aktarılıyor. Müsait olan ilk kişi buradan yazacak.";
    assert_eq!(said(&now, "SYSTEM").last(), Some(&told), "{now}");

    place.change(&agent, TAKE, &conversation, json!({})).await;
    place.app.say(&agent.token, &conversation, "Bakıyorum.").await;
    for _ in 0..8 {
        place.app.clock.advance(Duration::from_secs(10));
        place.app.app.drain().await.expect("all is done");
    }
    let gone = "Görüştüğünüz kişinin bağlantısı koptu. Müsait olan ilk kişi buradan devam edecek.";
    let now = place.until(&visitor.token, &conversation, |now| said(now, "SYSTEM").contains(&gone)).await;
    assert_eq!(said(&now, "SYSTEM").iter().filter(|words| **words == gone).count(), 1, "{now}");
}

/// C6: what the inbox shows is what the visitor wants.
#[tokio::test]
async fn neither_the_system_nor_a_note_becomes_a_description() {
    let place = Place::new(json!({})).await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    for note_first in [false, true] {
        let (visitor, conversation) = place.visitor().await;
        if note_first {
            place.change(&agent, NOTE, &conversation, json!({ "body": "Zor bir müşteri" })).await;
        } else {
            place.app.ask_for_person(&visitor, &conversation).await;
            place.until(&visitor.token, &conversation, |now| said(now, "SYSTEM").len() == 1).await;
        }
        let description = async || place.read(&agent.token, &conversation).await["description"].clone();
        assert_eq!(description().await, Value::Null);
        let first = place.app.say(&visitor.token, &conversation, "Siparişim nerede?").await;
        assert_eq!(description().await, "Siparişim nerede?");
        place.change(&agent, NOTE, &conversation, json!({ "body": "Yine o" })).await;
        place.app.run(Some(&visitor.token), DELETE, json!({ "i": { "messageId": first["id"] } })).await;
        let now = description().await;
        assert!(now != "Siparişim nerede?" && now != "Yine o" && now != "Zor bir müşteri", "{now}");
        let now = place.read(&visitor.token, &conversation).await;
        assert!(!said(&now, "SYSTEM").iter().any(|words| now["description"] == **words), "{now}");
    }
}

/// C7: within the time in which the assistant waits for more.
#[tokio::test]
async fn a_question_that_is_taken_back_before_the_assistant_begins_is_never_answered() {
    let place = Place::new(json!({ "debounceMs": 5_000 })).await;
    let (visitor, conversation) = place.visitor().await;
    let asked = place.app.say(&visitor.token, &conversation, "iade süresi").await;
    place.app.app.drain().await.expect("all is done");
    place.app.run(Some(&visitor.token), DELETE, json!({ "i": { "messageId": asked["id"] } })).await;
    for _ in 0..6 {
        place.app.clock.advance(Duration::from_secs(10));
        place.app.app.drain().await.expect("all is done");
    }
    let usage = "query U($s: ID!) { aiUsage(siteId: $s) { totals { calls } } }";
    let usage = place.app.run(Some(&place.site.admin.token), usage, json!({ "s": place.site.id })).await;
    assert_eq!(usage["aiUsage"]["totals"]["calls"], 0);
    assert!(said(&place.read(&visitor.token, &conversation).await, "ASSISTANT").is_empty());
    // What is asked then is.
    place.app.say(&visitor.token, &conversation, "Mağazanız nerede?").await;
    for _ in 0..3 {
        place.app.app.drain().await.expect("all is done");
        place.app.clock.advance(Duration::from_secs(10));
    }
    let now = place.until(&visitor.token, &conversation, |now| said(now, "ASSISTANT").len() == 1).await;
    assert!(said(&now, "ASSISTANT")[0].contains("Moda Caddesi"), "{now}");
}

/// A4: both are answered.
#[tokio::test]
async fn two_questions_sent_at_once_are_both_answered() {
    let place = Place::new(json!({ "debounceMs": 2_000 })).await;
    let (visitor, conversation) = place.visitor().await;
    place.app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
    place.app.say(&visitor.token, &conversation, "Mağazanız nerede?").await;
    for _ in 0..4 {
        place.app.app.drain().await.expect("all is done");
        place.app.clock.advance(Duration::from_secs(5));
    }
    let both = |now: &Value| {
        let answers = said(now, "ASSISTANT").join("\n");
        answers.contains("14 gün") && answers.contains("Moda Caddesi")
    };
    place.until(&visitor.token, &conversation, both).await;
}

/// C8: closed, open, closed again; and an emergency after that.
#[tokio::test]
async fn who_writes_is_told_of_each_night_and_of_the_emergency_after_it() {
    let place = Place::without_assistant().await;
    let span = |from: &str, to: &str| json!({ "from": from, "to": to });
    // It is Monday noon.
    let monday =
        json!({ "day": "MONDAY", "intervals": [span("09:00", "12:02"), span("12:06", "12:08")], "breaks": [] });
    let input = json!({ "siteId": place.site.id, "week": [monday] });
    place.app.run(Some(&place.site.admin.token), HOURS, json!({ "i": input })).await;
    let (visitor, conversation) = place.visitor().await;
    place.app.clock.advance(Duration::from_secs(180));
    let told = async |words: &str, times: usize| {
        let count = |now: &Value| said(now, "SYSTEM").iter().filter(|said| said.contains(words)).count();
        for body in ["Is anybody there?", "Hello?"] {
            place.app.say(&visitor.token, &conversation, body).await;
            place.app.app.drain().await.expect("all is done");
            place.until(&visitor.token, &conversation, |now| count(now) >= times).await;
        }
        assert_eq!(count(&place.read(&visitor.token, &conversation).await), times, "{words}");
    };
    told("closed", 1).await;
    // It was open for two minutes, and is closed.
    place.app.clock.advance(Duration::from_secs(360));
    told("closed", 2).await;
    place.app.clock.advance(Duration::from_secs(1));
    let input = json!({ "siteId": place.site.id, "enabled": true, "message": "Su bastı.", "allowAi": false });
    place.app.run(Some(&place.site.admin.token), EMERGENCY, json!({ "i": input })).await;
    place.until(&visitor.token, &conversation, |now| said(now, "SYSTEM").contains(&"Su bastı.")).await;
}

/// C3: who waits, and is meant for somebody who is not there, waits on for whoever comes.
#[tokio::test]
async fn who_waits_and_is_assigned_to_somebody_offline_is_not_lost() {
    let place = Place::new(json!({})).await;
    let away = place.app.agent(&place.site, "Ayşe").await;
    let (_, conversation) = place.app.waiting(&place.site).await;
    place.app.until_place(&place.site, &conversation, 1).await;
    place.change(&place.site.admin, ASSIGN, &conversation, json!({ "assigneeId": away.id })).await;
    place.app.app.drain().await.expect("all is done");
    place.app.until_place(&place.site, &conversation, 1).await;
    let admin = place.site.admin.token.as_str();
    let now = place.read(admin, &conversation).await;
    assert_eq!((&now["attention"], &now["assignee"]["id"]), (&json!("WAITING"), &json!(away.id)));
    let other = place.app.limited(&place.site, "Banu", 1).await;
    let _desk = place.app.dashboard(&place.site, &other).await;
    let now = place.until(admin, &conversation, |now| now["attention"] == "PERSON").await;
    assert_eq!(now["assignee"]["id"], other.id.as_str());
}

/// C2: thanks change nothing of how it ended.
#[tokio::test]
async fn why_a_conversation_was_closed_stays_when_the_visitor_thanks() {
    let place = Place::new(json!({})).await;
    let (visitor, conversation) = place.visitor().await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    place.app.say(&visitor.token, &conversation, "Siparişim gelmedi").await;
    place.app.say(&agent.token, &conversation, "Yola çıktı.").await;
    place.change(&agent, CLOSE, &conversation, json!({ "reason": "RESOLVED", "note": "Kargoya verildi" })).await;
    for words in ["Teşekkürler!", "👍"] {
        place.app.say(&visitor.token, &conversation, words).await;
        let now = place.read(&agent.token, &conversation).await;
        assert_eq!(now["status"], "CLOSED", "{words}");
        assert_eq!(now["closing"], json!({ "reason": "RESOLVED", "note": "Kargoya verildi" }), "{words}");
    }
}

/// C1: whoever only wrote is who had it.
#[tokio::test]
async fn a_rating_counts_for_who_wrote_without_being_given_the_conversation() {
    let place = Place::new(json!({})).await;
    let (visitor, conversation) = place.visitor().await;
    let (agent, other) = (place.app.agent(&place.site, "Ayşe").await, place.app.agent(&place.site, "Banu").await);
    place.app.say(&visitor.token, &conversation, "Siparişim gelmedi").await;
    place.app.say(&agent.token, &conversation, "Yola çıktı.").await;
    place.change(&agent, CLOSE, &conversation, json!({})).await;
    let score = json!({ "i": { "conversationId": conversation, "score": 4 } });
    place.app.run(Some(&visitor.token), RATE, score).await;
    let figures = "query S($s: ID!, $a: ID) { satisfaction(siteId: $s, agentId: $a) { closed rated mean } }";
    let of = async |agent: &Person| {
        let variables = json!({ "s": place.site.id, "a": agent.id });
        place.app.run(Some(&place.site.admin.token), figures, variables).await["satisfaction"].clone()
    };
    assert_eq!(of(&agent).await, json!({ "closed": 1, "rated": 1, "mean": 4.0 }));
    assert_eq!(of(&other).await["rated"], 0);
}

/// C4: the second person's reply is measured from when it was passed on.
#[tokio::test]
async fn how_fast_people_reply_knows_of_transfers() {
    let place = Place::without_assistant().await;
    let (first, second) = (place.app.agent(&place.site, "Ayşe").await, place.app.agent(&place.site, "Banu").await);
    let (visitor, conversation) = place.visitor().await;
    place.app.say(&visitor.token, &conversation, "Merhaba").await;
    place.app.ask_for_person(&visitor, &conversation).await;
    place.app.clock.advance(Duration::from_secs(7));
    place.app.say(&first.token, &conversation, "Buyurun").await;
    for _ in 0..10 {
        place.app.clock.advance(Duration::from_secs(30));
        place.app.say(&first.token, &conversation, "Bakıyorum").await;
    }
    place.change(&first, HAND, &conversation, json!({ "to": { "queue": true } })).await;
    place.app.clock.advance(Duration::from_secs(7));
    place.app.say(&second.token, &conversation, "Devam edelim").await;
    place.app.clock.advance(Duration::from_secs(61));
    let query = "query B($k: String!) { widgetBootstrap(siteKey: $k) { medianReplySeconds } }";
    let shown = place.app.run(None, query, json!({ "k": place.site.key })).await;
    assert_eq!(shown["widgetBootstrap"]["medianReplySeconds"], 7);
}
