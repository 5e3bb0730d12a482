//! Canned responses: whose they are, how they are found, and what fills them.

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Person, Site, text},
};

const CREATE: &str = "mutation C($i: CreateCannedResponseInput!) { createCannedResponse(input: $i) { cannedResponse { \
 id scope shortcut title text variables uses author { name } } } }";
const UPDATE: &str = "mutation U($i: UpdateCannedResponseInput!) { updateCannedResponse(input: $i) { cannedResponse { shortcut title text uses } } }";
const DELETE: &str =
    "mutation D($i: DeleteCannedResponseInput!) { deleteCannedResponse(input: $i) { cannedResponseId } }";
const RENDER: &str = "mutation R($i: RenderCannedResponseInput!) { renderCannedResponse(input: $i) { text missing cannedResponse { uses } } }";
const LIST: &str = "query L($s: ID!, $q: String, $f: Int, $a: String) { cannedResponses(siteId: $s, search: $q, first: $f, after: $a) { \
 totalCount pageInfo { hasNextPage endCursor } nodes { id shortcut uses } } }";

struct Desk {
    app: TestApp,
    site: Site,
    agent: Person,
}

impl Desk {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let site = app.site("Mavi").await;
        let agent = app.agent(&site, "Ayşe").await;
        Self { app, site, agent }
    }

    fn new_one(&self, scope: &str, shortcut: &str, title: &str, text: &str) -> Value {
        json!({ "i": { "siteId": self.site.id, "scope": scope, "shortcut": shortcut, "title": title, "text": text } })
    }

    async fn create(&self, who: &Person, input: Value) -> Value {
        self.app.run(Some(&who.token), CREATE, input).await["createCannedResponse"]["cannedResponse"].clone()
    }

    async fn render(&self, who: &Person, id: &Value, conversation: &str) -> Value {
        let input = json!({ "i": { "cannedResponseId": id, "conversationId": conversation } });
        self.app.run(Some(&who.token), RENDER, input).await["renderCannedResponse"].clone()
    }

    /// The shortcuts of what is found, in order.
    async fn found(&self, who: &Person, search: Option<&str>) -> Vec<String> {
        let data = self.app.run(Some(&who.token), LIST, json!({ "s": self.site.id, "q": search })).await;
        let list = &data["cannedResponses"];
        let nodes = list["nodes"].as_array().unwrap();
        assert_eq!(list["totalCount"], nodes.len());
        nodes.iter().map(|node| text(&node["shortcut"])).collect()
    }
}

#[tokio::test]
async fn variables_are_filled_from_the_conversation_and_each_use_is_counted() {
    let desk = Desk::new().await;
    let app = &desk.app;
    let text_of_it = "Merhaba {{visitor.name|müşterimiz}}, ben {{agent.name}} ({{ site.name }}). \
                      No: {{conversation.id}}, tel: {{visitor.phone}}.";
    let made = desk.create(&desk.site.admin, desk.new_one("SITE", "/selam", "Selam", text_of_it)).await;
    let variables = json!(["visitor.name", "agent.name", "site.name", "conversation.id", "visitor.phone"]);
    assert_eq!((&made["variables"], &made["uses"], &made["scope"]), (&variables, &json!(0), &json!("SITE")));
    assert_eq!(made["author"]["name"], "Mavi-admin");
    let visitor = app.visitor(&desk.site).await;
    let conversation = app.conversation(&visitor).await;

    let unnamed = desk.render(&desk.agent, &made["id"], &conversation).await;
    assert_eq!(unnamed["text"], format!("Merhaba müşterimiz, ben Ayşe (Mavi). No: {conversation}, tel: ."));
    assert_eq!((&unnamed["missing"], &unnamed["cannedResponse"]["uses"]), (&json!(["visitor.phone"]), &json!(1)));

    // What a visitor calls themself is text and no variable.
    let named = "mutation V($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
    let profile = json!({ "i": { "name": "{{agent.name}}", "phone": "+90 212 000 00 00" } });
    app.run(Some(&visitor.token), named, profile).await;
    let named = desk.render(&desk.agent, &made["id"], &conversation).await;
    assert!(text(&named["text"]).starts_with("Merhaba {{agent.name}}, ben Ayşe"), "{named}");
    assert_eq!((&named["missing"], &named["cannedResponse"]["uses"]), (&json!([]), &json!(2)));

    // Nothing was sent.
    let messages = "query M($c: ID!) { conversation(conversationId: $c) { messages { totalCount } } }";
    let messages = app.run(Some(&desk.agent.token), messages, json!({ "c": conversation })).await;
    assert_eq!(messages["conversation"]["messages"]["totalCount"], 0);

    // A response of one site is not for a conversation of another.
    let elsewhere = app.site("Elsewhere").await;
    let theirs = app.conversation(&app.visitor(&elsewhere).await).await;
    let input = json!({ "i": { "cannedResponseId": made["id"], "conversationId": theirs } });
    assert_eq!(app.refused(Some(&desk.agent.token), RENDER, input).await, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_named() {
    let desk = Desk::new().await;
    let admin = Some(desk.site.admin.token.as_str());
    let refused = async |input: Value| {
        let answer = desk.app.post(admin, CREATE, input).await;
        let error = answer["errors"][0].clone();
        (text(&error["extensions"]["reason"]), text(&error["extensions"]["field"]), text(&error["message"]))
    };
    let (reason, field, message) = refused(desk.new_one("SITE", "/a", "A", "{{visitor.age}}")).await;
    assert_eq!((reason.as_str(), field.as_str()), ("UNKNOWN_VARIABLE", "input.text"));
    assert!(message.contains("`visitor.age`") && message.contains("`{{visitor.name}}`"), "{message}");
    let unclosed = refused(desk.new_one("SITE", "/a", "A", "Hi {{visitor.name")).await;
    assert_eq!((unclosed.0.as_str(), unclosed.1.as_str()), ("INVALID_FORMAT", "input.text"));
    for (shortcut, title, body, reason, field) in [
        ("iade", "A", "a", "INVALID_FORMAT", "input.shortcut"),
        ("/iade formu", "A", "a", "INVALID_FORMAT", "input.shortcut"),
        ("/a", " ", "a", "TOO_SHORT", "input.title"),
        ("/a", "A", "", "TOO_SHORT", "input.text"),
        ("/a", "A", &"x".repeat(5_001), "TOO_LONG", "input.text"),
    ] {
        let got = refused(desk.new_one("SITE", shortcut, title, body)).await;
        assert_eq!((got.0.as_str(), got.1.as_str()), (reason, field), "{shortcut}");
    }

    // A shortcut is taken once in its scope, however it is written; a person's own ones are a scope of their own.
    desk.create(&desk.site.admin, desk.new_one("SITE", "/iade", "İade", "a")).await;
    let again = desk.new_one("SITE", "/İADE", "b", "b");
    assert_eq!(desk.app.refused(admin, CREATE, again).await, "CONFLICT/SHORTCUT_TAKEN");
    desk.create(&desk.site.admin, desk.new_one("OWN", "/iade", "Own", "c")).await;
    let own = desk.create(&desk.agent, desk.new_one("OWN", "/iade", "Own", "d")).await;
    let other = desk.create(&desk.agent, desk.new_one("OWN", "/other", "Own", "d")).await;
    let agent = Some(desk.agent.token.as_str());
    assert_eq!(
        desk.app.refused(agent, CREATE, desk.new_one("OWN", "/iade", "e", "e")).await,
        "CONFLICT/SHORTCUT_TAKEN"
    );
    let rename = json!({ "i": { "cannedResponseId": other["id"], "shortcut": "/iade" } });
    assert_eq!(desk.app.refused(agent, UPDATE, rename).await, "CONFLICT/SHORTCUT_TAKEN");
    let unknown = json!({ "i": { "cannedResponseId": own["id"], "text": "{{x}}" } });
    assert_eq!(desk.app.refused(agent, UPDATE, unknown).await, "BAD_USER_INPUT/UNKNOWN_VARIABLE");
}

#[tokio::test]
async fn admins_write_those_of_the_site_and_members_their_own_which_nobody_else_sees() {
    let desk = Desk::new().await;
    let (app, admin, agent) = (&desk.app, &desk.site.admin, &desk.agent);
    let site = desk.create(admin, desk.new_one("SITE", "/site", "Site", "a")).await;
    let own = desk.create(agent, desk.new_one("OWN", "/own", "Own", "a")).await;
    assert_eq!(app.refused(Some(&agent.token), CREATE, desk.new_one("SITE", "/b", "b", "b")).await, "FORBIDDEN");
    let mut agents = desk.found(agent, None).await;
    agents.sort();
    assert_eq!(
        (agents, desk.found(admin, None).await),
        (vec!["/own".to_owned(), "/site".into()], vec!["/site".into()])
    );

    let change = |id: &Value| json!({ "i": { "cannedResponseId": id, "title": "Neu" } });
    let one = |id: &Value| json!({ "i": { "cannedResponseId": id } });
    assert_eq!(app.refused(Some(&agent.token), UPDATE, change(&site["id"])).await, "FORBIDDEN");
    assert_eq!(app.refused(Some(&agent.token), DELETE, one(&site["id"])).await, "FORBIDDEN");
    assert_eq!(app.refused(Some(&admin.token), UPDATE, change(&own["id"])).await, "NOT_FOUND");
    assert_eq!(app.refused(Some(&admin.token), DELETE, one(&own["id"])).await, "NOT_FOUND");
    for (who, id) in [(admin, &site["id"]), (agent, &own["id"])] {
        let changed = app.run(Some(&who.token), UPDATE, change(id)).await;
        let changed = &changed["updateCannedResponse"]["cannedResponse"];
        assert_eq!((&changed["title"], &changed["text"]), (&json!("Neu"), &json!("a")), "the rest stays");
        assert_eq!(app.run(Some(&who.token), DELETE, one(id)).await["deleteCannedResponse"]["cannedResponseId"], *id);
        assert_eq!(app.refused(Some(&who.token), DELETE, one(id)).await, "NOT_FOUND");
    }
    assert!(desk.found(agent, None).await.is_empty());
}

#[tokio::test]
async fn they_are_found_by_shortcut_and_by_words_as_they_are_typed_most_used_first() {
    let desk = Desk::new().await;
    let (app, admin, agent) = (&desk.app, &desk.site.admin, &desk.agent);
    let refund = desk.create(admin, desk.new_one("SITE", "/iade", "İade koşulları", "14 gün içinde")).await;
    desk.create(admin, desk.new_one("SITE", "/iade-kargo", "Ücretsiz kargo", "İade kargosu bizden")).await;
    let shipping = desk.create(agent, desk.new_one("OWN", "/kargo", "Kargo süresi", "%100 yarın, iki_gün")).await;
    let sorted = async |search: &str| {
        let mut found = desk.found(agent, Some(search)).await;
        found.sort();
        found
    };
    assert_eq!(sorted("/İAD").await, ["/iade", "/iade-kargo"]);
    assert_eq!(sorted("/kargo").await, ["/kargo"], "after a slash only shortcuts count");
    assert_eq!(sorted("kargo").await, ["/iade-kargo", "/kargo"]);
    assert_eq!(sorted("KARGO ucretsiz").await, ["/iade-kargo"], "all words, in any order and case, without marks");
    assert_eq!(sorted("kargo 14").await, Vec::<String>::new());
    assert_eq!(sorted("%100").await, ["/kargo"]);
    assert_eq!(sorted("a%e").await, Vec::<String>::new(), "signs mean themselves");
    assert_eq!(sorted("iki_").await, ["/kargo"]);
    let long = json!({ "s": desk.site.id, "q": "x".repeat(101) });
    assert_eq!(app.refused(Some(&agent.token), LIST, long).await, "BAD_USER_INPUT/TOO_LONG");

    let conversation = app.conversation(&app.visitor(&desk.site).await).await;
    desk.render(agent, &shipping["id"], &conversation).await;
    desk.render(agent, &shipping["id"], &conversation).await;
    desk.render(agent, &refund["id"], &conversation).await;
    let order = ["/kargo", "/iade", "/iade-kargo"];
    assert_eq!(desk.found(agent, None).await, order);
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for _ in order {
        let page = json!({ "s": desk.site.id, "f": 1, "a": after });
        let page = app.run(Some(&agent.token), LIST, page).await["cannedResponses"].clone();
        seen.push(text(&page["nodes"][0]["shortcut"]));
        after = page["pageInfo"]["endCursor"].clone();
        assert_eq!(page["pageInfo"]["hasNextPage"], seen.len() < order.len());
    }
    assert_eq!(seen, order);
}
