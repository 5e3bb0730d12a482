//! What a customer's own assistants know: articles of the customer's own, which nobody else sees.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Person, text},
};

const ASSISTANT: &str =
    "mutation C($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id siteId } } }";
const CREATE: &str =
    "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id siteId author { id } } } }";
const PUBLISH: &str = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
const UPDATE: &str = "mutation U($i: UpdateArticleInput!) { updateArticle(input: $i) { article { id version } } }";
const DELETE: &str = "mutation D($i: DeleteArticleInput!) { deleteArticle(input: $i) { articleId } }";
const ARTICLE: &str = "query A($a: ID!) { article(articleId: $a) { title indexedVersion } }";
const LIST: &str = "{ articles { totalCount nodes { title } } }";

/// A published article of somebody's own, indexed when this returns.
async fn article(app: &TestApp, person: &Person, title: &str, body: &str) -> String {
    let new = json!({ "i": { "title": title, "body": body, "language": "tr" } });
    let made = app.run(Some(&person.token), CREATE, new).await;
    assert_eq!(made["createArticle"]["article"]["author"]["id"], person.id);
    let id = text(&made["createArticle"]["article"]["id"]);
    app.run(Some(&person.token), PUBLISH, json!({ "i": { "articleId": id } })).await;
    for _ in 0..600 {
        let now = app.run(Some(&person.token), ARTICLE, json!({ "a": id })).await;
        if !now["article"]["indexedVersion"].is_null() {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not indexed")
}

/// What their own assistant answers.
async fn ask(app: &TestApp, person: &Person, assistant: &Value, question: &str) -> Value {
    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let started = app.run(Some(&person.token), start, json!({ "i": { "assistantId": assistant } })).await;
    let send = "mutation S($i: SendMessageInput!) { sendMessage(input: $i) { answer { answer { text action offers citations { quote } } } } }";
    let input = json!({ "conversationId": started["startConversation"]["conversation"]["id"], "body": question, "awaitAnswer": true });
    app.run(Some(&person.token), send, json!({ "i": input })).await["sendMessage"]["answer"]["answer"].clone()
}

#[tokio::test]
async fn an_assistant_of_ones_own_answers_from_articles_of_ones_own() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.article(&site, "Kargo", "Siparişler iki iş günü içinde kargoya verilir.").await;
    let (deniz, cem) = (app.person("Deniz").await, app.person("Cem").await);
    let own = async |person: &Person| {
        let input = json!({ "i": { "name": "Benim", "language": "tr", "debounceMs": 0 } });
        app.run(Some(&person.token), ASSISTANT, input).await["createAssistant"]["assistant"].clone()
    };
    let (of_deniz, of_cem) = (own(&deniz).await, own(&cem).await);
    let question = "Kasa kodu nedir?";
    let before = ask(&app, &deniz, &of_deniz["id"], question).await;
    assert_eq!((&before["action"], &before["offers"]), (&json!("ABSTAIN"), &json!([])), "nobody is promised");

    let id = article(&app, &deniz, "Kasa kodu", "Kasa kodu 4711 olarak belirlenmiştir.").await;
    article(&app, &deniz, "Bahçe", "Çiçekler haftada iki kez sulanır.").await;
    let answer = ask(&app, &deniz, &of_deniz["id"], question).await;
    assert_eq!(answer["action"], "ANSWER", "{answer}");
    assert!(text(&answer["text"]).contains("4711") && answer["citations"][0]["quote"].is_string(), "{answer}");
    // A site's articles are not theirs, and theirs are nobody else's.
    assert_ne!(ask(&app, &deniz, &of_deniz["id"], "Siparişler ne zaman kargoya verilir?").await["action"], "ANSWER");
    assert_ne!(ask(&app, &cem, &of_cem["id"], question).await["action"], "ANSWER");
    for other in [&cem, &site.admin] {
        let token = Some(other.token.as_str());
        assert_eq!(app.refused(token, ARTICLE, json!({ "a": id })).await, "NOT_FOUND");
        assert_eq!(app.refused(token, DELETE, json!({ "i": { "articleId": id } })).await, "NOT_FOUND");
        assert_eq!(app.run(token, LIST, json!({})).await["articles"], json!({ "totalCount": 0, "nodes": [] }));
        let node = "query N($i: ID!) { node(id: $i) { id } }";
        assert_eq!(app.run(token, node, json!({ "i": id })).await["node"], Value::Null);
        let there = json!({ "i": { "siteId": of_deniz["siteId"], "title": "x", "body": "x", "language": "tr" } });
        assert_eq!(app.refused(token, CREATE, there).await, "NOT_FOUND");
    }
    let of_site = json!({ "i": { "siteId": site.id, "title": "x", "body": "x", "language": "tr" } });
    assert_eq!(app.refused(Some(&deniz.token), CREATE, of_site).await, "NOT_FOUND");

    // They change and delete them.
    let token = Some(deniz.token.as_str());
    assert_eq!(app.run(token, LIST, json!({})).await["articles"]["totalCount"], 2);
    let change = json!({ "i": { "articleId": id, "body": "Kasa kodu 9999 olarak belirlenmiştir." } });
    assert_eq!(app.run(token, UPDATE, change).await["updateArticle"]["article"]["version"], 2);
    app.run(token, DELETE, json!({ "i": { "articleId": id } })).await;
    assert_eq!(app.run(token, LIST, json!({})).await["articles"]["nodes"], json!([{ "title": "Bahçe" }]));
    assert_ne!(ask(&app, &deniz, &of_deniz["id"], question).await["action"], "ANSWER");
}

#[tokio::test]
async fn there_is_a_limit_to_articles_of_ones_own() {
    let app = TestApp::start().await;
    let person = app.person("Deniz").await;
    let many = "mutation M($i: CreateArticlesInput!) { createArticles(input: $i) { createdCount results { error { message } } } }";
    let some = |count: usize| {
        let articles: Vec<Value> =
            (0..count).map(|at| json!({ "title": format!("A{at}"), "body": "x", "language": "tr" })).collect();
        json!({ "i": { "articles": articles } })
    };
    let made = app.run(Some(&person.token), many, some(99)).await;
    assert_eq!(made["createArticles"]["createdCount"], 99);
    let made = app.run(Some(&person.token), many, some(2)).await["createArticles"].clone();
    assert_eq!(made["createdCount"], 1, "{made}");
    assert!(made["results"][1]["error"]["message"].to_string().contains("100 articles"), "{made}");
    let one = json!({ "i": { "title": "x", "body": "x", "language": "tr" } });
    assert_eq!(app.refused(Some(&person.token), CREATE, one).await, "BAD_USER_INPUT/TOO_LONG");
}
