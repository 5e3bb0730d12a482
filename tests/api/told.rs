//! What a visitor can read after reloading: each step that they are to know of left one message, in their language.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::{PASSWORD, Person, Site, Visitor, text},
    ws::Ws,
};

const READ: &str = "query C($c: ID!) { conversation(conversationId: $c) { status attention unreadCount lastActivityAt \
 offers lastMessage { body authorKind } messages(last: 60) { nodes { body authorKind audience } } } }";
const ASSIGN: &str =
    "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
const PAUSE: &str = "mutation P($i: PauseAssistantInput!) { pauseAssistant(input: $i) { conversation { id } } }";
const RESUME: &str = "mutation R($i: ResumeAssistantInput!) { resumeAssistant(input: $i) { conversation { id } } }";
const TAKE: &str = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
const TRANSFER: &str =
    "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { id } } }";
const CLOSE: &str = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
const REOPEN: &str =
    "mutation R($i: ReopenConversationInput!) { reopenConversation(input: $i) { conversation { id } } }";
const CANCEL: &str =
    "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
const UPDATE: &str = "mutation U($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { enabled } } }";

/// Words that a Turkish visitor finds in what they are told.
const WAITS: &str = "bağlıyorum";
const HANDED: &str = "aktarılıyor";
const GONE: &str = "bağlantısı koptu";
const GOES_ON: &str = "asistanımız devam ediyor";
const NOBODY: &str = "müsait bir temsilcimiz yok";
const CLOSED: &str = "Şu anda kapalıyız";

struct Place {
    app: TestApp,
    site: Site,
    assistant: Option<String>,
}

impl Place {
    async fn new() -> Self {
        let (app, site) = TestApp::still().await;
        let assistant = app.assistant(&site, json!({})).await;
        app.article(&site, "İade", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
        app.article(&site, "Kargo", "Siparişler iki iş günü içinde kargoya verilir.").await;
        Self { app, site, assistant: Some(assistant) }
    }

    async fn without_assistant() -> Self {
        let (app, site) = TestApp::still().await;
        Self { app, site, assistant: None }
    }

    /// Somebody who speaks this language.
    async fn visitor(&self, locale: &str) -> (Visitor, String) {
        let visitor = self.app.visitor(&self.site).await;
        let tell = "mutation U($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
        self.app.run(Some(&visitor.token), tell, json!({ "i": { "locale": locale } })).await;
        let conversation = self.app.conversation(&visitor).await;
        (visitor, conversation)
    }

    /// One who was answered by the assistant.
    async fn answered(&self) -> (Visitor, String) {
        let (visitor, conversation) = self.visitor("tr").await;
        self.app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
        self.until(&conversation, |now| written(now, "ASSISTANT").len() == 1).await;
        (visitor, conversation)
    }

    async fn change(&self, by: &str, document: &str, conversation: &str, more: Value) {
        self.app.change(by, document, conversation, more).await;
    }

    async fn read(&self, conversation: &str) -> Value {
        let read = self.app.run(Some(&self.site.admin.token), READ, json!({ "c": conversation })).await;
        read["conversation"].clone()
    }

    async fn until(&self, conversation: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut now = Value::Null;
        for _ in 0..600 {
            now = self.read(conversation).await;
            if fits(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it stays so: {now:#}");
    }

    /// What the server has told since so many messages of it, once it has told all of this, and that it tells no more.
    async fn told(&self, conversation: &str, known: &mut usize, words: &[&str], step: &str) {
        let before = *known;
        let mut now = vec![];
        for _ in 0..400 {
            now = written(&self.read(conversation).await, "SYSTEM");
            if now.len() >= before + words.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.app.app.drain().await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        now = if words.is_empty() || now.len() >= before {
            written(&self.read(conversation).await, "SYSTEM")
        } else {
            now
        };
        let news = &now[before..];
        let fits = news.len() == words.len() && news.iter().zip(words).all(|(said, words)| said.contains(words));
        assert!(fits, "{step}: {words:?} and not {news:#?}");
        *known = now.len();
    }

    async fn department(&self, name: &str) -> String {
        let make = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
        let input = json!({ "i": { "siteId": self.site.id, "name": name } });
        let made = self.app.run(Some(&self.site.admin.token), make, input).await;
        text(&made["createDepartment"]["department"]["id"])
    }

    async fn switch_off(&self) {
        let input = json!({ "i": { "assistantId": self.assistant, "enabled": false } });
        self.app.run(Some(&self.site.admin.token), UPDATE, input).await;
    }

    async fn close_the_shop(&self) {
        let hours = "mutation H($i: UpdateBusinessHoursInput!) { updateBusinessHours(input: $i) { __typename } }";
        let week = json!([{ "day": "SUNDAY", "intervals": [{ "from": "09:00", "to": "10:00" }], "breaks": [] }]);
        let input = json!({ "i": { "siteId": self.site.id, "week": week } });
        self.app.run(Some(&self.site.admin.token), hours, input).await;
    }

    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds / 15 {
            self.app.clock.advance(Duration::from_secs(15));
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
}

fn written(conversation: &Value, kind: &str) -> Vec<String> {
    let nodes = conversation["messages"]["nodes"].as_array().expect("a list");
    let of_kind = nodes.iter().filter(|node| node["authorKind"] == kind && node["audience"] == "EVERYONE");
    of_kind.map(|node| text(&node["body"])).collect()
}

/// Whoever begins to wait by writing is told so, as are those who ask for a person: once a wait, and in their language.
#[tokio::test]
async fn who_waits_because_they_wrote_is_told_so_once_and_in_their_language() {
    let german = ("Ich verbinde Sie", "niemand frei");
    let english = ("connecting you with a person", "Nobody is free");
    // The language is that of their words, else that of their browser.
    for (locale, asks, (waits, nobody)) in [
        ("tr", "Kimse var mı?", (WAITS, NOBODY)),
        ("tr", "Is anybody there?", english),
        ("de-AT", "Ist da jemand?", german),
        ("de-AT", "Hmm?", german),
        ("en", "Hmm?", english),
        ("fr", "Il y a quelqu'un ?", english),
    ] {
        let place = Place::without_assistant().await;
        let (visitor, conversation) = place.visitor(locale).await;
        let mut known = 0;
        place.app.say(&visitor.token, &conversation, asks).await;
        place.told(&conversation, &mut known, &[waits], locale).await;
        place.app.say(&visitor.token, &conversation, "Alo?").await;
        place.told(&conversation, &mut known, &[], "nothing new").await;
        place.pass(315).await;
        place.told(&conversation, &mut known, &[nobody], "nobody came").await;
        // The next wait is another one.
        place.app.say(&visitor.token, &conversation, asks).await;
        place.told(&conversation, &mut known, &[waits], "again").await;
    }
}

/// Whoever comes to a message first, the one who asks for its answer or the reader of the journal, decides for both.
#[tokio::test]
async fn who_asks_for_an_answer_while_nobody_comes_is_told_so_once() {
    let place = Place::without_assistant().await;
    place.close_the_shop().await;
    let send = "mutation S($i: SendMessageInput!) { sendMessage(input: $i) { runId } }";
    for round in 0..12 {
        let (visitor, conversation) = place.visitor("tr").await;
        let input = json!({ "i": { "conversationId": conversation, "body": "Kimse var mı?", "awaitAnswer": true } });
        place.app.run(Some(&visitor.token), send, input).await;
        place.told(&conversation, &mut 0, &[CLOSED], &format!("round {round}")).await;
    }
}

#[tokio::test]
async fn who_writes_to_an_assistant_that_is_gone_is_told_who_answers() {
    for deleted in [false, true] {
        for closed in [false, true] {
            let place = Place::new().await;
            let (visitor, conversation) = place.answered().await;
            let mut known = 1;
            if deleted {
                let delete = "mutation D($i: DeleteAssistantInput!) { deleteAssistant(input: $i) { assistantId } }";
                let input = json!({ "i": { "assistantId": place.assistant } });
                place.app.run(Some(&place.site.admin.token), delete, input).await;
            } else {
                place.switch_off().await;
            }
            if closed {
                place.close_the_shop().await;
            }
            place.app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
            let words = if closed { CLOSED } else { WAITS };
            place.told(&conversation, &mut known, &[words], "who wrote").await;
            place.app.say(&visitor.token, &conversation, "Alo?").await;
            place.told(&conversation, &mut known, &[], "nothing new").await;
        }
    }
}

/// An assistant that is switched off, or fails, between question and answer.
#[tokio::test]
async fn a_question_whose_assistant_fails_is_a_persons() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let assistant = app.assistant(&site, json!({ "debounceMs": 5000 })).await;
    let place = Place { app, site, assistant: Some(assistant) };
    let (visitor, conversation) = place.visitor("tr").await;
    place.app.say(&visitor.token, &conversation, "iade süresi").await;
    place.app.app.drain().await.unwrap();
    place.switch_off().await;
    place.app.clock.advance(Duration::from_secs(6));
    let mut known = 0;
    place.told(&conversation, &mut known, &[WAITS], "it was switched off").await;
    assert_eq!(place.read(&conversation).await["attention"], "WAITING");
}

/// Transition → what the visitor can read of it afterwards.
#[tokio::test]
async fn each_step_leaves_a_message_that_the_visitor_can_read() {
    let place = Place::new().await;
    let (app, site) = (&place.app, &place.site);
    let admin = site.admin.token.as_str();
    let (ayse, can) = (app.limited(site, "Ayşe", 5).await, app.limited(site, "Can", 5).await);
    let empty = place.department("Boş").await;
    let nobody = json!({ "assigneeId": null });
    let to = |agent: &Person| json!({ "assigneeId": agent.id });
    let ayse_joined: &str = &app.run(Some(&ayse.token), "{ me { name } }", json!({})).await["me"]["name"]
        .as_str()
        .map(|name| format!("{name} görüşmeye katıldı"))
        .expect("a name");

    // From the assistant.
    let (visitor, conversation) = place.answered().await;
    let mut known = 1;
    place.change(admin, PAUSE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[WAITS], "paused: waits").await;
    place.change(admin, RESUME, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[GOES_ON], "waits: resumed").await;
    place.change(admin, ASSIGN, &conversation, to(&ayse)).await;
    place.told(&conversation, &mut known, &[WAITS], "meant for somebody who is not there").await;
    place.change(admin, ASSIGN, &conversation, nobody.clone()).await;
    place.told(&conversation, &mut known, &[], "still waits").await;
    place.change(admin, TRANSFER, &conversation, json!({ "to": { "departmentId": empty } })).await;
    place.told(&conversation, &mut known, &[], "waits elsewhere").await;
    place.change(&visitor.token, CANCEL, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[GOES_ON], "would rather not wait").await;
    app.ask_for_person(&visitor, &conversation).await;
    place.told(&conversation, &mut known, &[WAITS], "asked for a person").await;
    app.ask_for_person(&visitor, &conversation).await;
    place.told(&conversation, &mut known, &[], "asked twice").await;
    place.change(&ayse.token, TAKE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[ayse_joined], "waits: taken").await;

    // From a person.
    place.change(admin, ASSIGN, &conversation, nobody.clone()).await;
    place.told(&conversation, &mut known, &[HANDED], "taken from her").await;
    place.change(&ayse.token, TAKE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[ayse_joined], "taken").await;
    app.say(&ayse.token, &conversation, "Merhaba").await;
    place.change(&ayse.token, TRANSFER, &conversation, json!({ "to": { "departmentId": empty } })).await;
    place.told(&conversation, &mut known, &[HANDED], "to a department").await;
    place.change(&can.token, TAKE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeye katıldı"], "taken by another one").await;
    app.ask_for_person(&visitor, &conversation).await;
    place.told(&conversation, &mut known, &["bu görüşmede değil", WAITS], "asked for one, as nobody is there").await;
    place.change(&can.token, TAKE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeye katıldı"], "taken again").await;
    place.change(&can.token, RESUME, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[GOES_ON], "given back to the assistant").await;

    // Closed and opened again.
    place.change(&can.token, CLOSE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeyi sonlandırdı"], "closed").await;
    place.change(&can.token, REOPEN, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeyi yeniden açtı"], "reopened, the assistant's").await;
    place.change(&can.token, TAKE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeye katıldı"], "taken").await;
    place.change(&can.token, CLOSE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeyi sonlandırdı"], "closed").await;
    place.change(&can.token, REOPEN, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeyi yeniden açtı"], "reopened, hers").await;
    place.change(&can.token, CLOSE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Can görüşmeyi sonlandırdı"], "closed").await;
    // He is not there: whoever is free.
    place.change(admin, REOPEN, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["yeniden açtı"], "reopened, waits").await;
    let last = written(&place.read(&conversation).await, "SYSTEM").pop().expect("a message");
    assert!(last.contains(WAITS), "{last}");
    place.change(&visitor.token, CLOSE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Görüşme sonlandırıldı"], "closed by themselves").await;
    app.say(&visitor.token, &conversation, "Bir şey daha soracaktım?").await;
    place.told(&conversation, &mut known, &[WAITS], "came back").await;

    // Time.
    place.pass(315).await;
    place.told(&conversation, &mut known, &[NOBODY], "patience is over").await;
    let desk = app.dashboard(site, &ayse).await;
    place.change(&ayse.token, TAKE, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &[ayse_joined], "taken").await;
    drop(desk);
    app.until_gone(site, &ayse).await;
    place.told(&conversation, &mut known, &[GONE, GOES_ON], "gone, and nobody else is there").await;
    place.close_the_shop().await;
    app.ask_for_person(&visitor, &conversation).await;
    place.told(&conversation, &mut known, &[CLOSED], "asked for a person at night").await;
}

/// Whoever was gone for too long reads so when they come back.
#[tokio::test]
async fn who_left_their_place_reads_so_when_they_come_back() {
    let place = Place::without_assistant().await;
    let (visitor, conversation) = place.visitor("tr").await;
    let follow = "subscription P($c: ID!) { queuePosition(conversationId: $c) { isWaiting } }";
    let mut known = 0;
    place.app.say(&visitor.token, &conversation, "Kimse var mı?").await;
    place.told(&conversation, &mut known, &[WAITS], "waits").await;
    let mut ws = Ws::signed_in(&place.app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("p", follow, json!({ "c": conversation })).await;
    ws.next("p").await;
    ws.close().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    place.pass(120).await;
    place.told(&conversation, &mut known, &["sıradan çıktınız"], "gone").await;
    // There is no assistant that could go on.
    place.app.say(&visitor.token, &conversation, "Buradayım").await;
    place.told(&conversation, &mut known, &[WAITS], "waits again").await;
    place.change(&visitor.token, CANCEL, &conversation, json!({})).await;
    place.told(&conversation, &mut known, &["Artık sırada değilsiniz"], "would rather not wait").await;
}

/// The messages on closing and opening are nobody's words: nothing is unread, newer, or answered by them.
#[tokio::test]
async fn what_is_told_of_an_end_changes_nothing_else() {
    let place = Place::new().await;
    let (visitor, conversation) = place.answered().await;
    let agent = place.app.agent(&place.site, "Ayşe").await;
    let own = async || {
        let read = place.app.run(Some(&visitor.token), READ, json!({ "c": conversation })).await;
        let it = read["conversation"].clone();
        (it["unreadCount"].clone(), it["lastActivityAt"].clone(), it["lastMessage"].clone())
    };
    let before = own().await;
    place.app.clock.advance(Duration::from_secs(60));
    place.change(&agent.token, CLOSE, &conversation, json!({ "reason": "RESOLVED" })).await;
    assert_eq!(own().await, before);
    let rate = "mutation R($i: RateConversationInput!) { rateConversation(input: $i) { conversation { id } } }";
    place.change(&visitor.token, rate, &conversation, json!({ "score": 5 })).await;
    assert_eq!(place.read(&conversation).await["status"], "CLOSED");
    place.change(&agent.token, REOPEN, &conversation, json!({})).await;
    assert_eq!(own().await, before);
    // The assistant knows what was said before by its own words alone.
    place.app.say(&visitor.token, &conversation, "Siparişler ne zaman kargoya verilir?").await;
    place.until(&conversation, |now| written(now, "ASSISTANT").len() == 2).await;
    // One in which nothing was ever said stays empty.
    let (_, empty) = place.visitor("tr").await;
    place.change(&agent.token, CLOSE, &empty, json!({})).await;
    assert_eq!(place.read(&empty).await["messages"]["nodes"], json!([]));
}

#[tokio::test]
async fn silence_ends_a_conversation_and_says_so() {
    let mut place = Place::new().await;
    let (_, conversation) = place.answered().await;
    place.app.app.order_upkeep().await.unwrap();
    place.app.clock.advance(Duration::from_secs(25 * 3_600));
    place.app.app.drain().await.unwrap();
    // Nobody is signed in for so long.
    let login = "mutation L($i: LoginInput!) { login(input: $i) { accessToken } }";
    let account = json!({ "i": { "email": place.site.admin.email, "password": PASSWORD } });
    place.site.admin.token = text(&place.app.run(None, login, account).await["login"]["accessToken"]);
    let now = place.until(&conversation, |now| now["status"] == "CLOSED").await;
    let told = written(&now, "SYSTEM");
    assert!(told.last().is_some_and(|last| last.contains("uzun süredir yazılmadığı")), "{told:?}");
    assert_eq!(now["lastMessage"]["authorKind"], "ASSISTANT");
}

/// Where nobody else is, a customer is told that their own assistant does not answer.
#[tokio::test]
async fn an_assistant_of_ones_own_that_is_off_or_gone_says_so() {
    let app = TestApp::start().await;
    let customer = app.person("Deniz").await;
    let create = "mutation C($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
    let delete = "mutation D($i: DeleteAssistantInput!) { deleteAssistant(input: $i) { assistantId } }";
    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    for is_gone in [false, true] {
        let made = app.run(Some(&customer.token), create, json!({ "i": { "name": "Benim", "language": "tr" } })).await;
        let assistant = &made["createAssistant"]["assistant"]["id"];
        let started = app.run(Some(&customer.token), start, json!({ "i": { "assistantId": assistant } })).await;
        let conversation = text(&started["startConversation"]["conversation"]["id"]);
        if is_gone {
            app.run(Some(&customer.token), delete, json!({ "i": { "assistantId": assistant } })).await;
        } else {
            app.run(Some(&customer.token), UPDATE, json!({ "i": { "assistantId": assistant, "enabled": false } }))
                .await;
        }
        for _ in 0..2 {
            app.say(&customer.token, &conversation, "Merhaba, orada mısın?").await;
            app.app.drain().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let read = app.run(Some(&customer.token), READ, json!({ "c": conversation })).await;
        let told = written(&read["conversation"], "SYSTEM");
        assert!(told.len() == 1 && told[0].contains("kapalı"), "{is_gone}: {told:?}");
    }
}
