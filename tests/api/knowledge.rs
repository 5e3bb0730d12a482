//! Knowledge: articles, who may change them, and finding what answers a question.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail the test")]

use std::collections::HashSet;

use serde_json::{Value, json};
use yanit::features::knowledge::{self, Decision, RetrieveOptions, demo::demo_articles};

use crate::harness::{
    app::TestApp,
    people::{Person, Site},
};

const CREATE: &str = "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id slug status version visibility } } }";
const UPDATE: &str = "mutation U($i: UpdateArticleInput!) { updateArticle(input: $i) { article { title slug version indexedVersion } } }";
const PUBLISH: &str =
    "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { status version indexedVersion } } }";
const ARCHIVE: &str =
    "mutation A($i: ArchiveArticleInput!) { archiveArticle(input: $i) { article { status indexedVersion } } }";
const DELETE: &str = "mutation D($i: DeleteArticleInput!) { deleteArticle(input: $i) { articleId } }";
const SEARCH: &str = "query S($s: ID, $k: String, $t: String!, $n: Int) {
    searchArticles(siteId: $s, siteKey: $k, text: $t, first: $n) { article { slug version } passage passageVersion score } }";
const PUBLIC: &str = "query L($k: String!) { publicArticles(siteKey: $k) { totalCount nodes { slug } } }";

fn draft(site: &Site, title: &str) -> Value {
    json!({ "siteId": site.id, "title": title, "body": format!("{title} hakkında bilgi."), "language": "tr" })
}

async fn create(app: &TestApp, by: &Person, input: Value) -> Value {
    app.run(Some(&by.token), CREATE, json!({ "i": input })).await["createArticle"]["article"].clone()
}

async fn create_and_publish(app: &TestApp, by: &Person, input: Value) -> String {
    let id = create(app, by, input).await["id"].as_str().unwrap().to_owned();
    app.run(Some(&by.token), PUBLISH, json!({ "i": { "articleId": id } })).await;
    indexed(app, by, &id).await;
    id
}

/// Waits until answers are made from an article as it is now.
async fn indexed(app: &TestApp, by: &Person, id: &str) {
    let query = "query A($a: ID!) { article(articleId: $a) { version indexedVersion } }";
    for _ in 0..3_000 {
        let article = app.run(Some(&by.token), query, json!({ "a": id })).await["article"].clone();
        if article["version"] == article["indexedVersion"] {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the article is not indexed");
}

async fn found(app: &TestApp, token: Option<&str>, site: &Site, text: &str) -> Vec<String> {
    let whole = if token.is_some() { json!({ "s": site.id, "t": text }) } else { json!({ "k": site.key, "t": text }) };
    let data = app.run(token, SEARCH, whole).await;
    let slug = |found: &Value| found["article"]["slug"].as_str().unwrap().to_owned();
    data["searchArticles"].as_array().unwrap().iter().map(slug).collect()
}

#[tokio::test]
async fn an_article_goes_from_draft_to_answers_and_away_again() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let made = create(&app, &site.admin, draft(&site, "İade Süresi & Şartları")).await;
    assert_eq!(
        (&made["slug"], &made["status"], &made["version"], &made["visibility"]),
        (&json!("iade-suresi-sartlari"), &json!("DRAFT"), &json!(1), &json!("PUBLIC"))
    );
    let id = made["id"].as_str().unwrap().to_owned();
    let which = json!({ "i": { "articleId": id } });
    assert!(found(&app, None, &site, "iade süresi").await.is_empty());
    assert_eq!(app.run(None, PUBLIC, json!({ "k": site.key })).await["publicArticles"]["totalCount"], 0);

    app.run(admin, PUBLISH, which.clone()).await;
    assert_eq!(app.refused(admin, PUBLISH, which.clone()).await, "CONFLICT/ARTICLE_STATE");
    indexed(&app, &site.admin, &id).await;
    assert_eq!(found(&app, None, &site, "iade süresi").await, ["iade-suresi-sartlari"]);
    let public = app.run(None, PUBLIC, json!({ "k": site.key })).await;
    assert_eq!(public["publicArticles"]["nodes"][0]["slug"], "iade-suresi-sartlari");

    app.run(admin, ARCHIVE, which.clone()).await;
    assert!(found(&app, None, &site, "iade süresi").await.is_empty());
    assert_eq!(app.refused(admin, ARCHIVE, which.clone()).await, "CONFLICT/ARTICLE_STATE");
    app.run(admin, PUBLISH, which.clone()).await;
    indexed(&app, &site.admin, &id).await;
    assert_eq!(found(&app, None, &site, "iade süresi").await.len(), 1);
    app.run(admin, DELETE, which.clone()).await;
    assert!(found(&app, admin, &site, "iade süresi").await.is_empty());
    assert_eq!(app.refused(admin, DELETE, which).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_published_article_answers_in_its_old_version_until_the_new_one_is_indexed() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let id = create_and_publish(&app, &site.admin, draft(&site, "Kargo")).await;
    let input = json!({ "i": { "articleId": id, "body": "Kargo iki gün sürer.", "slug": "teslimat" } });
    let changed = app.run(admin, UPDATE, input).await["updateArticle"]["article"].clone();
    assert_eq!((&changed["version"], &changed["slug"]), (&json!(2), &json!("teslimat")));
    indexed(&app, &site.admin, &id).await;
    let answer = app.run(None, SEARCH, json!({ "k": site.key, "t": "kargo" })).await;
    let best = &answer["searchArticles"][0];
    assert_eq!((&best["passage"], &best["passageVersion"]), (&json!("Kargo iki gün sürer."), &json!(2)));
    let query = "query A($a: ID!) { article(articleId: $a) { version indexedVersion author { id } versions { version body } } }";
    let article = app.run(admin, query, json!({ "a": id })).await["article"].clone();
    assert_eq!(article["indexedVersion"], 2);
    assert_eq!(article["author"]["id"], json!(site.admin.id));
    let versions: Vec<_> =
        article["versions"].as_array().unwrap().iter().map(|row| row["body"].as_str().unwrap()).collect();
    assert_eq!(versions, ["Kargo iki gün sürer.", "Kargo hakkında bilgi."]);
    // No change is no version. One that leaves the text as it is makes nothing anew.
    let input = |language: &str| json!({ "i": { "articleId": id, "language": language, "title": "Kargo" } });
    assert_eq!(app.run(admin, UPDATE, input("tr")).await["updateArticle"]["article"]["version"], 2);
    let changed = app.run(admin, UPDATE, input("en")).await["updateArticle"]["article"].clone();
    assert_eq!((&changed["version"], &changed["indexedVersion"]), (&json!(3), &json!(3)));
    // A passage is one of the version whose text was indexed, which says the same.
    let answer = app.run(None, SEARCH, json!({ "k": site.key, "t": "kargo" })).await;
    assert_eq!(answer["searchArticles"][0]["passageVersion"], 2);
    let cleared = json!({ "i": { "articleId": id, "title": null } });
    assert_eq!(app.refused(admin, UPDATE, cleared).await, "BAD_USER_INPUT/TOO_SHORT");
}

#[tokio::test]
async fn internal_articles_are_for_members() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let mut input = draft(&site, "Tedarikçi fiyatları");
    input["visibility"] = json!("INTERNAL");
    create_and_publish(&app, &site.admin, input).await;
    let open = create_and_publish(&app, &site.admin, draft(&site, "Tedarikçi olmak")).await;
    assert_eq!(found(&app, None, &site, "tedarikçi").await, ["tedarikci-olmak"]);
    assert_eq!(found(&app, admin, &site, "tedarikçi").await.len(), 2);
    let by_slug = "query A($k: String!, $s: String!) { publicArticle(siteKey: $k, slug: $s) { id } }";
    assert_eq!(app.refused(None, by_slug, json!({ "k": site.key, "s": "tedarikci-fiyatlari" })).await, "NOT_FOUND");
    // Made internal, it is gone for visitors with the answer to that very request.
    app.run(admin, UPDATE, json!({ "i": { "articleId": open, "visibility": "INTERNAL" } })).await;
    assert!(found(&app, None, &site, "tedarikçi").await.is_empty());
    assert_eq!(found(&app, admin, &site, "tedarikçi").await.len(), 2);
    // Scores are the members' business.
    app.run(admin, UPDATE, json!({ "i": { "articleId": open, "visibility": "PUBLIC" } })).await;
    let theirs = app.run(admin, SEARCH, json!({ "s": site.id, "t": "tedarikçi" })).await;
    assert!(theirs["searchArticles"][0]["score"].as_f64().unwrap() > 0.3);
    let anybodys = app.run(None, SEARCH, json!({ "k": site.key, "t": "tedarikçi" })).await;
    let best = &anybodys["searchArticles"][0];
    assert!(best["score"].is_null());
}

#[tokio::test]
async fn agents_change_what_they_wrote_and_admins_everything() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let (ada, bob) = (app.agent(&site, "ada").await, app.agent(&site, "bob").await);
    let stranger = app.site("other").await.admin;
    let visitor = app.visitor(&site).await;
    let id = create(&app, &ada, draft(&site, "Kargo")).await["id"].clone();
    let which = json!({ "i": { "articleId": id } });
    let change = json!({ "i": { "articleId": id, "title": "Teslimat" } });
    for mutation in [UPDATE, PUBLISH, ARCHIVE, DELETE] {
        let input = if mutation == UPDATE { &change } else { &which };
        assert_eq!(app.refused(Some(&bob.token), mutation, input.clone()).await, "FORBIDDEN/NOT_AUTHOR");
        assert_eq!(app.refused(Some(&stranger.token), mutation, input.clone()).await, "NOT_FOUND");
        assert_eq!(app.refused(None, mutation, input.clone()).await, "UNAUTHENTICATED");
        assert_eq!(app.refused(Some(&visitor.token), mutation, input.clone()).await, "FORBIDDEN");
    }
    app.run(Some(&ada.token), UPDATE, change).await;
    app.run(Some(&ada.token), PUBLISH, which.clone()).await;
    app.run(Some(&site.admin.token), ARCHIVE, which).await;
    let read = "query A($a: ID!) { article(articleId: $a) { title } }";
    assert_eq!(app.run(Some(&bob.token), read, json!({ "a": id })).await["article"]["title"], "Teslimat");
    assert_eq!(app.refused(Some(&stranger.token), read, json!({ "a": id })).await, "NOT_FOUND");
    let list = "query L($s: ID!) { articles(siteId: $s) { nodes { id } } }";
    assert_eq!(app.refused(Some(&stranger.token), list, json!({ "s": site.id })).await, "NOT_FOUND");
    assert_eq!(app.refused(Some(&stranger.token), CREATE, json!({ "i": draft(&site, "x") })).await, "NOT_FOUND");
    assert_eq!(app.refused(Some(&stranger.token), SEARCH, json!({ "s": site.id, "t": "x" })).await, "NOT_FOUND");
    let both = json!({ "s": site.id, "k": site.key, "t": "x" });
    assert_eq!(app.refused(Some(&ada.token), SEARCH, both).await, "BAD_USER_INPUT/INVALID_COMBINATION");
}

#[tokio::test]
async fn slugs_are_unique_also_at_the_same_moment() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let other = app.site("other").await;
    let all = (0..8).map(|_| create(&app, &site.admin, draft(&site, "Kargo ücreti")));
    let slugs: HashSet<String> = futures_util::future::join_all(all)
        .await
        .iter()
        .map(|made| made["slug"].as_str().unwrap().to_owned())
        .collect();
    let expected =
        std::iter::once("kargo-ucreti".to_owned()).chain((2..9).map(|number| format!("kargo-ucreti-{number}")));
    assert_eq!(slugs, expected.collect());
    let mut input = draft(&site, "Başka");
    input["slug"] = json!("kargo-ucreti");
    assert_eq!(app.refused(Some(&site.admin.token), CREATE, json!({ "i": input })).await, "CONFLICT/SLUG_TAKEN");
    let id = create(&app, &site.admin, draft(&site, "Başka")).await["id"].clone();
    let change = json!({ "i": { "articleId": id, "slug": "kargo-ucreti-2" } });
    assert_eq!(app.refused(Some(&site.admin.token), UPDATE, change).await, "CONFLICT/SLUG_TAKEN");
    assert_eq!(create(&app, &other.admin, draft(&other, "Kargo ücreti")).await["slug"], "kargo-ucreti");
}

#[tokio::test]
async fn members_find_articles_by_state_language_and_title() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    create_and_publish(&app, &site.admin, draft(&site, "İSTANBUL teslimatı")).await;
    create(&app, &site.admin, draft(&site, "Isıtıcı bakımı %100")).await;
    let mut input = draft(&site, "Delivery");
    input["language"] = json!("en");
    create(&app, &site.admin, input).await;
    let titles = async |filter: Value| -> Vec<String> {
        let query =
            "query L($s: ID!, $f: ArticleFilter) { articles(siteId: $s, filter: $f) { totalCount nodes { title } } }";
        let data = app.run(Some(&site.admin.token), query, json!({ "s": site.id, "f": filter })).await;
        let nodes = data["articles"]["nodes"].as_array().unwrap();
        assert_eq!(data["articles"]["totalCount"], nodes.len());
        nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(Value::Null).await, ["Delivery", "Isıtıcı bakımı %100", "İSTANBUL teslimatı"]);
    for text in ["istanbul", "İstanbul", "ISTANBUL", "ıstanbul"] {
        assert_eq!(titles(json!({ "text": text })).await, ["İSTANBUL teslimatı"], "{text}");
    }
    assert_eq!(titles(json!({ "text": "%" })).await, ["Isıtıcı bakımı %100"]);
    assert!(titles(json!({ "text": "_" })).await.is_empty());
    assert_eq!(titles(json!({ "status": "PUBLISHED" })).await, ["İSTANBUL teslimatı"]);
    assert_eq!(titles(json!({ "status": "DRAFT", "language": "tr" })).await, ["Isıtıcı bakımı %100"]);
    assert!(titles(json!({ "visibility": "INTERNAL" })).await.is_empty());
}

#[tokio::test]
async fn questions_are_answered_from_the_demo_articles_with_literal_quotations() {
    let app = TestApp::start().await;
    let site = app.site("fincan").await;
    let (mut bodies, mut ids) = (vec![], vec![]);
    for article in demo_articles() {
        let input = json!({ "siteId": site.id, "title": article.title, "body": article.body, "language": article.language, "slug": article.slug });
        let id = create(&app, &site.admin, input).await["id"].clone();
        app.run(Some(&site.admin.token), PUBLISH, json!({ "i": { "articleId": id } })).await;
        bodies.push((article.slug, article.body));
        ids.push(id.as_str().unwrap().to_owned());
    }
    for id in &ids {
        indexed(&app, &site.admin, id).await;
    }
    let cx = app.app.cx();
    let id = site.id.parse().unwrap();
    for (question, slug, decision) in [
        ("Siparişim nerede?", "siparis-takibi", Decision::Answer),
        ("KARGO UCRETI NE KADAR", "kargo-ve-teslimat", Decision::Answer),
        ("Can I put it into the dishwasher?", "cup-care", Decision::Answer),
        ("Do you ship to Germany?", "international-orders", Decision::Answer),
        ("Wie lange dauert die Lieferung?", "kargo-ve-teslimat", Decision::Answer),
    ] {
        let options = RetrieveOptions::public(6);
        let found = knowledge::retrieve(&cx, id, question, options).await.unwrap();
        assert!(!found.words_only && found.passages.is_sorted_by(|a, b| a.score >= b.score));
        let extract = knowledge::extract(&found);
        assert_eq!((found.passages[0].slug.as_str(), extract.decision), (slug, decision), "{question} {extract:?}");
        assert!((1..=2).contains(&extract.citations.len()));
        for citation in extract.citations {
            let (_, body) = bodies.iter().find(|(slug, _)| *slug == citation.slug).unwrap();
            let place = citation.start_byte as usize..citation.end_byte as usize;
            assert_eq!(&body[place], citation.quote);
        }
    }
    let options = RetrieveOptions::public(6);
    let off_topic = knowledge::retrieve(&cx, id, "What is the capital of France?", options).await.unwrap();
    assert_ne!(knowledge::extract(&off_topic).decision, Decision::Answer);
}

#[tokio::test]
async fn a_long_article_does_not_crowd_out_the_others() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let paragraph = "Kargo ücreti siparişin tutarına göre değişir. ".repeat(10);
    let long: Vec<String> = (1..6).map(|number| format!("# Kargo {number}\n\n{paragraph}")).collect();
    let input = json!({ "siteId": site.id, "title": "Kargo ücreti", "body": long.join("\n\n"), "language": "tr" });
    let long = create_and_publish(&app, &site.admin, input).await;
    create_and_publish(&app, &site.admin, draft(&site, "Fatura")).await;
    let options = RetrieveOptions::public(3);
    let found = knowledge::retrieve(&app.app.cx(), site.id.parse().unwrap(), "kargo ücreti", options).await.unwrap();
    let of_long = found.passages.iter().filter(|source| source.article.to_string() == long).count();
    assert_eq!((found.passages.len(), of_long), (3, 2));
    assert!(found.rivals.next.is_some_and(|score| score < found.passages[0].score));
}
