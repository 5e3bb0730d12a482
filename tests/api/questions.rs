//! What assistants could not answer, grouped by meaning, on its way to an article.

use std::time::Duration;

use serde_json::{Value, json};
use yanit::ports::ai::{Finish, Models, Piece, Scripted};

use crate::{
    feedback::answered,
    harness::{
        app::{Options, TestApp},
        people::{Site, text},
    },
};

const GROUPS: &str = "query Q($s: ID!, $f: UnansweredQuestionsFilter) { unansweredQuestions(siteId: $s, filter: $f) { totalCount nodes { \
 id question language count status lastAskedAt examples { text askedAt } proposedArticle { id title body status author { id } } } } }";
const PROPOSE: &str = "mutation P($i: ProposeArticleInput!) { proposeArticle(input: $i) { created group { id status } article { id title body status language } } }";
const DISMISS: &str = "mutation D($i: DismissUnansweredQuestionsInput!) { dismissUnansweredQuestions(input: $i) { groups { id status } } }";
const PUBLISH: &str = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
const RATE: &str = "mutation R($i: RateAnswerInput!) { rateAnswer(input: $i) { message { id } } }";

/// A site with an assistant that knows about returns only.
async fn shop(app: &TestApp) -> Site {
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", "Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz.")
        .await;
    app.article(&site, "Kargo süreleri", "Siparişler iki iş günü içinde kargoya verilir.").await;
    app.article(&site, "Çalışma saatleri", "Mağazamız hafta içi dokuzdan altıya kadar açıktır.").await;
    app.article(&site, "Fatura", "Faturanız e-posta ile gönderilir.").await;
    site
}

/// Somebody new asks; the conversation.
async fn ask(app: &TestApp, site: &Site, question: &str) -> String {
    let visitor = app.visitor(site).await;
    answered(app, &visitor, question).await.0
}

async fn groups(app: &TestApp, site: &Site, filter: Value) -> Vec<Value> {
    counted(app, site, filter).await.1
}

/// How many there are by the list's own count, and those on its first page; a question may come between the two.
async fn counted(app: &TestApp, site: &Site, filter: Value) -> (Value, Vec<Value>) {
    let data = app.run(Some(&site.admin.token), GROUPS, json!({ "s": site.id, "f": filter })).await;
    let list = &data["unansweredQuestions"];
    (list["totalCount"].clone(), list["nodes"].as_array().unwrap().clone())
}

/// The groups once they are as expected: grouping is work in the background.
async fn until(app: &TestApp, site: &Site, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..600 {
        let (count, found) = counted(app, site, Value::Null).await;
        if is_so(&found) && count == found.len() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come about: {:#?}", groups(app, site, Value::Null).await)
}

fn asked(groups: &[Value]) -> i64 {
    groups.iter().map(|group| group["count"].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn questions_of_one_meaning_are_one_group_in_three_languages() {
    // Knows about returns, and says of everything else that it does not know.
    let model = Scripted::with(|prompt| {
        let asked = prompt.turns.last().map(|turn| turn.text.as_str()).unwrap_or_default();
        let text = if asked.contains("iade") { "14 gün içinde [1]." } else { "NO_ANSWER" };
        vec![Ok(Piece::Text(text.into())), Ok(Piece::Done { finish: Finish::Stop, usage: None })]
    });
    let models = Models::with_openai_compatible(std::sync::Arc::new(model));
    let app = TestApp::with(Options { models: Some(models), ..Options::default() }).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    app.article(&site, "İade koşulları", "Ürünleri 14 gün içinde iade edebilirsiniz.").await;
    let wraps = ["Hediye paketi yapıyor musunuz?", "Hediye paketi var mı?", "Bieten Sie Geschenkverpackung an?"];
    for question in wraps {
        ask(&app, &site, question).await;
    }
    for question in ["Do you have a student discount?", "Gibt es einen Studentenrabatt?"] {
        ask(&app, &site, question).await;
    }
    // Answered, so it is not among them.
    ask(&app, &site, "Kaç gün içinde iade edebilirim?").await;
    let found = until(&app, &site, |groups| asked(groups) == 5).await;
    let counts: Vec<i64> = found.iter().map(|group| group["count"].as_i64().unwrap()).collect();
    assert_eq!(counts, [2, 3], "{found:#?}");
    assert_eq!(found[1]["question"], wraps[0], "the first stands for all");
    let examples: Vec<&str> =
        found[1]["examples"].as_array().unwrap().iter().map(|example| example["text"].as_str().unwrap()).collect();
    assert_eq!(examples, [wraps[2], wraps[1], wraps[0]], "newest first");
    assert_eq!((&found[1]["language"], &found[1]["status"]), (&json!("tr"), &json!("OPEN")));
    assert_eq!(groups(&app, &site, json!({ "language": "en" })).await.len(), 1);
    assert!(groups(&app, &site, json!({ "status": "RESOLVED" })).await.is_empty());
    // Another site has questions of its own.
    let other = app.site("other").await;
    assert!(groups(&app, &other, Value::Null).await.is_empty());
    let agent = app.agent(&site, "bob").await;
    app.run(Some(&agent.token), GROUPS, json!({ "s": site.id })).await;
    assert_eq!(app.refused(Some(&other.admin.token), GROUPS, json!({ "s": site.id })).await, "NOT_FOUND");
}

#[tokio::test]
async fn who_asked_is_not_told_and_what_they_said_goes_with_their_conversation() {
    let app = TestApp::start().await;
    let site = shop(&app).await;
    let visitor = app.visitor(&site).await;
    let named = "mutation($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
    app.run(Some(&visitor.token), named, json!({ "i": { "name": "Ayşe Yılmaz", "email": "ayse@example.com" } })).await;
    let question = "Ben Ayşe, hediye paketi yapıyor musunuz? Numaram 0532 123 45 67, ayse@example.com";
    let (first, _) = answered(&app, &visitor, question).await;
    let second = ask(&app, &site, "Hediye paketi yapıyor musunuz?").await;
    let found = until(&app, &site, |groups| asked(groups) == 2).await;
    let shown = json!(found).to_string();
    for personal in ["Ayşe", "0532", "45 67", "ayse@", &visitor.id, &first] {
        assert!(!shown.contains(personal), "{personal} is in {shown}");
    }
    assert!(shown.contains("Ben […], hediye paketi yapıyor musunuz?"), "{shown}");
    let delete = "mutation D($i: DeleteConversationInput!) { deleteConversation(input: $i) { __typename } }";
    let admin = Some(site.admin.token.as_str());
    app.run(admin, delete, json!({ "i": { "conversationId": first } })).await;
    let left = groups(&app, &site, Value::Null).await;
    assert!(!json!(left).to_string().contains("Ben […]"), "{left:#?}");
    assert!(left.iter().any(|group| group["question"] == "Hediye paketi yapıyor musunuz?"), "{left:#?}");
    app.run(admin, delete, json!({ "i": { "conversationId": second } })).await;
    assert!(groups(&app, &site, Value::Null).await.is_empty());
}

#[tokio::test]
async fn an_answer_that_was_no_help_counts_as_none_until_it_was() {
    let app = TestApp::start().await;
    let site = shop(&app).await;
    let visitor = app.visitor(&site).await;
    let (_, answer) = answered(&app, &visitor, "Kaç gün içinde iade edebilirim?").await;
    let rate = |helpful: bool| json!({ "i": { "messageId": answer, "helpful": helpful } });
    app.run(Some(&visitor.token), RATE, rate(false)).await;
    let found = until(&app, &site, |groups| asked(groups) == 1).await;
    assert_eq!(found[0]["question"], "Kaç gün içinde iade edebilirim?");
    app.run(Some(&visitor.token), RATE, rate(true)).await;
    until(&app, &site, <[Value]>::is_empty).await;
}

#[tokio::test]
async fn an_article_is_proposed_from_what_agents_replied_and_its_publication_resolves_the_group() {
    let app = TestApp::start().await;
    let site = shop(&app).await;
    let agent = app.agent(&site, "bob").await;
    let conversation = ask(&app, &site, "Hediye paketi yapıyor musunuz?").await;
    let group = text(&until(&app, &site, |groups| asked(groups) == 1).await[0]["id"]);
    app.say(&agent.token, &conversation, "Bir dakika lütfen.").await;
    let reply = "Evet, her siparişi 25 TL karşılığında hediye paketi yapıyoruz. Sorularınız için 0212 555 66 77.";
    app.say(&agent.token, &conversation, reply).await;
    let which = json!({ "i": { "groupId": group } });
    let made = app.run(Some(&agent.token), PROPOSE, which.clone()).await["proposeArticle"].clone();
    assert_eq!((&made["created"], &made["article"]["status"]), (&json!(true), &json!("DRAFT")));
    assert_eq!(made["article"]["title"], "Hediye paketi yapıyor musunuz?");
    let body = "Evet, her siparişi 25 TL karşılığında hediye paketi yapıyoruz. Sorularınız için […].";
    assert_eq!(made["article"]["body"], body);
    // The same again is the same draft.
    let again = app.run(Some(&site.admin.token), PROPOSE, which.clone()).await["proposeArticle"].clone();
    assert_eq!((&again["created"], &again["article"]["id"]), (&json!(false), &made["article"]["id"]));
    let found = groups(&app, &site, json!({ "status": "OPEN" })).await;
    assert_eq!(found[0]["proposedArticle"]["author"]["id"], json!(agent.id));
    app.run(Some(&agent.token), PUBLISH, json!({ "i": { "articleId": made["article"]["id"] } })).await;
    until(&app, &site, |groups| groups[0]["status"] == "RESOLVED").await;
    let stranger = app.site("other").await.admin;
    assert_eq!(app.refused(Some(&stranger.token), PROPOSE, which).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_model_writes_the_draft_where_there_is_one_and_the_replies_stand_in_for_it() {
    let model = std::sync::Arc::new(Scripted::playing([
        vec![Ok(Piece::Text("Hediye paketi 25 TL'dir.".into())), Ok(Piece::Done { finish: Finish::Stop, usage: None })],
        vec![Ok(Piece::Text("There is".into()))],
    ]));
    let models = Models::with_openai_compatible(model.clone());
    let app = TestApp::with(Options { models: Some(models), ..Options::default() }).await;
    let site = shop(&app).await;
    app.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE", "name": "Writer" })).await;
    let reply = "Evet, her siparişi 25 TL karşılığında paketliyoruz.";
    for (question, count, body) in [
        ("Hediye paketi yapıyor musunuz?", 1, "Hediye paketi 25 TL'dir."),
        // The model breaks off.
        ("Do you have a student discount?", 2, reply),
    ] {
        let conversation = ask(&app, &site, question).await;
        let found = until(&app, &site, |groups| asked(groups) == count).await;
        app.say(&site.admin.token, &conversation, reply).await;
        let which = json!({ "i": { "groupId": found[0]["id"] } });
        let made = app.run(Some(&site.admin.token), PROPOSE, which).await["proposeArticle"].clone();
        assert_eq!((&made["article"]["title"], &made["article"]["body"]), (&json!(question), &json!(body)));
    }
    let prompts = model.prompts();
    assert_eq!(prompts.len(), 2);
    assert!(prompts[0].system.contains(reply), "{}", prompts[0].system);
}

#[tokio::test]
async fn what_is_dismissed_stays_dismissed() {
    let app = TestApp::start().await;
    let site = shop(&app).await;
    ask(&app, &site, "Hediye paketi yapıyor musunuz?").await;
    let group = text(&until(&app, &site, |groups| asked(groups) == 1).await[0]["id"]);
    let admin = Some(site.admin.token.as_str());
    let gone = app.run(admin, DISMISS, json!({ "i": { "groupIds": [group] } })).await;
    assert_eq!(gone["dismissUnansweredQuestions"]["groups"][0]["status"], "DISMISSED");
    ask(&app, &site, "Hediye paketi var mı?").await;
    let found = until(&app, &site, |groups| asked(groups) == 2).await;
    assert_eq!(found[0]["status"], "DISMISSED");
    let unknown = group.replace(char::is_numeric, "0");
    for (ids, refusal) in [(json!([]), "BAD_USER_INPUT/OUT_OF_RANGE"), (json!([group, unknown]), "NOT_FOUND")] {
        assert_eq!(app.refused(admin, DISMISS, json!({ "i": { "groupIds": ids } })).await, refusal);
    }
    let agent = app.site("other").await.admin;
    assert_eq!(app.refused(Some(&agent.token), DISMISS, json!({ "i": { "groupIds": [group] } })).await, "NOT_FOUND");
}
