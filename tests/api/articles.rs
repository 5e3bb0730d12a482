//! What an article is besides its text: details, versions, views, ratings; many at once.

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::{Person, Site, text},
};

const CREATE: &str = "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id slug description category tags } } }";
const UPDATE: &str = "mutation U($i: UpdateArticleInput!) { updateArticle(input: $i) { article { slug version description category tags } } }";
const PUBLISH: &str = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { status } } }";
const RATE: &str = "mutation R($i: RateArticleInput!) { rateArticle(input: $i) { articleId helpful } }";
const COUNTS: &str = "query A($a: ID!) { article(articleId: $a) { views helpfulCount unhelpfulCount } }";
const READ: &str = "query A($k: String!, $s: String!) { publicArticle(siteKey: $k, slug: $s) { id title } }";

fn draft(site: &Site, title: &str) -> Value {
    json!({ "siteId": site.id, "title": title, "body": format!("{title} hakkında bilgi."), "language": "tr" })
}

async fn create(app: &TestApp, by: &Person, input: Value) -> Value {
    app.run(Some(&by.token), CREATE, json!({ "i": input })).await["createArticle"]["article"].clone()
}

async fn published(app: &TestApp, by: &Person, input: Value) -> String {
    let id = text(&create(app, by, input).await["id"]);
    app.run(Some(&by.token), PUBLISH, json!({ "i": { "articleId": id } })).await;
    id
}

/// The first error of an answer.
fn error(answer: &Value) -> &Value {
    &answer["errors"][0]["extensions"]
}

#[tokio::test]
async fn details_are_kept_changed_and_cleared() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let mut input = draft(&site, "İade");
    input["description"] = json!("Nasıl iade edilir.");
    input["category"] = json!("Sipariş");
    input["tags"] = json!(["Kargo", "iade", "İADE"]);
    let made = create(&app, &site.admin, input).await;
    assert_eq!(made["description"], "Nasıl iade edilir.");
    assert_eq!((&made["category"], &made["tags"]), (&json!("Sipariş"), &json!(["iade", "Kargo"])));
    let admin = Some(site.admin.token.as_str());
    let change = json!({ "articleId": made["id"], "description": null, "category": null, "tags": ["yeni"] });
    let changed = app.run(admin, UPDATE, json!({ "i": change })).await["updateArticle"]["article"].clone();
    assert!(changed["description"].is_null() && changed["category"].is_null());
    assert_eq!((&changed["tags"], &changed["version"]), (&json!(["yeni"]), &json!(2)));
    for (field, value, expected) in [
        ("description", json!("x".repeat(501)), "input.description"),
        ("title", json!("x".repeat(501)), "input.title"),
        ("category", json!("x".repeat(101)), "input.category"),
        ("tags", json!(vec!["x"; 21]), "input.tags"),
    ] {
        let mut input = draft(&site, "x");
        input[field] = value;
        let answer = app.post(admin, CREATE, json!({ "i": input })).await;
        assert_eq!((&error(&answer)["reason"], &error(&answer)["field"]), (&json!("TOO_LONG"), &json!(expected)));
    }
}

#[tokio::test]
async fn a_slug_that_is_taken_comes_with_a_free_one() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    for _ in 0..2 {
        create(&app, &site.admin, draft(&site, "Kargo")).await;
    }
    let mut input = draft(&site, "Başka");
    input["slug"] = json!("kargo");
    let answer = app.post(admin, CREATE, json!({ "i": input })).await;
    let refused = error(&answer);
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("CONFLICT"), &json!("SLUG_TAKEN")));
    assert_eq!((&refused["field"], &refused["suggestion"]), (&json!("input.slug"), &json!("kargo-3")));
    let id = create(&app, &site.admin, draft(&site, "Başka")).await["id"].clone();
    let change = json!({ "i": { "articleId": id, "slug": "kargo" } });
    assert_eq!(error(&app.post(admin, UPDATE, change).await)["suggestion"], "kargo-3");
    let change = json!({ "i": { "articleId": id, "slug": "kargo-3" } });
    assert_eq!(app.run(admin, UPDATE, change).await["updateArticle"]["article"]["slug"], "kargo-3");
}

#[tokio::test]
async fn an_earlier_version_comes_back_as_a_new_one() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let (ada, bob) = (app.agent(&site, "ada").await, app.agent(&site, "bob").await);
    let id = create(&app, &ada, draft(&site, "Kargo")).await["id"].clone();
    let change = json!({ "i": { "articleId": id, "title": "Teslimat", "body": "Yeni." } });
    app.run(Some(&ada.token), UPDATE, change).await;
    let restore = "mutation R($i: RestoreArticleVersionInput!) { restoreArticleVersion(input: $i) {
        article { title body version versions { version title } } } }";
    let first = json!({ "i": { "articleId": id, "version": 1 } });
    assert_eq!(app.refused(Some(&bob.token), restore, first.clone()).await, "FORBIDDEN/NOT_AUTHOR");
    let missing = json!({ "i": { "articleId": id, "version": 9 } });
    assert_eq!(app.refused(Some(&ada.token), restore, missing).await, "NOT_FOUND");
    let restored = app.run(Some(&ada.token), restore, first).await["restoreArticleVersion"]["article"].clone();
    assert_eq!(
        (&restored["title"], &restored["body"], &restored["version"]),
        (&json!("Kargo"), &json!("Kargo hakkında bilgi."), &json!(3))
    );
    let titles: Vec<_> =
        restored["versions"].as_array().expect("a list").iter().map(|row| row["title"].clone()).collect();
    assert_eq!(titles, ["Kargo", "Teslimat", "Kargo"]);
}

/// Whoever read an article before somebody else changed it, whatever of it, is told.
#[tokio::test]
async fn a_version_guards_all_that_can_be_changed() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let id = app.article(&site, "Kargo", "Kargo iki günde gelir.").await;
    let seen =
        "query A($a: ID!) { article(articleId: $a) { version indexedVersion title versions { version title } } }";
    let mut version = 1;
    for change in [
        json!({ "tags": ["a"] }),
        json!({ "category": "Teslimat" }),
        json!({ "description": "Ne zaman gelir" }),
        json!({ "visibility": "INTERNAL" }),
        json!({ "visibility": "PUBLIC" }),
        json!({ "language": "en" }),
        json!({ "slug": "kargo-2" }),
        json!({ "title": "Teslimat" }),
        json!({ "body": "Kargo üç günde gelir." }),
    ] {
        let mut input = change.clone();
        input["articleId"] = json!(id);
        input["expectedVersion"] = json!(version);
        let changed = app.run(admin, UPDATE, json!({ "i": input })).await;
        version += 1;
        assert_eq!(changed["updateArticle"]["article"]["version"], version, "{change}");
        // Somebody else read it before.
        let late = json!({ "i": { "articleId": id, "title": "Gönderi", "expectedVersion": version - 1 } });
        assert_eq!(app.refused(admin, UPDATE, late).await, "CONFLICT/VERSION_CONFLICT", "{change}");
        // The same once more is no change.
        input["expectedVersion"] = json!(version);
        let same = app.run(admin, UPDATE, json!({ "i": input })).await;
        assert_eq!(same["updateArticle"]["article"]["version"], version, "{change}");
    }
    let article = app.run(admin, seen, json!({ "a": id })).await["article"].clone();
    assert_eq!(article["versions"].as_array().map(Vec::len), Some(10), "{article:#}");
    // What is searched is the same while title and body are: a change of the tags takes nothing out of answers.
    let other = app.article(&site, "İade", "İade süresi 14 gündür.").await;
    let tagged = json!({ "i": { "articleId": other, "tags": ["para"] } });
    app.run(admin, UPDATE, tagged).await;
    let article = app.run(admin, seen, json!({ "a": other })).await["article"].clone();
    assert_eq!((&article["version"], &article["indexedVersion"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn of_many_articles_the_good_ones_are_made_and_the_others_named() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let many = "mutation M($i: CreateArticlesInput!) { createArticles(input: $i) { createdCount
        results { index article { slug status } error { code reason field message suggestion } } } }";
    let one =
        |title: &str, slug: Option<&str>| json!({ "title": title, "body": "Metin", "language": "tr", "slug": slug });
    let articles =
        json!([one("Bir", None), one("", None), one("İki", Some("bir")), one("Bir", None), one("Üç", Some("Ü"))]);
    let data = app.run(admin, many, json!({ "i": { "siteId": site.id, "articles": articles } })).await;
    let payload = &data["createArticles"];
    assert_eq!(payload["createdCount"], 2);
    let results = payload["results"].as_array().expect("a list");
    assert_eq!(results[0]["article"], json!({ "slug": "bir", "status": "DRAFT" }));
    assert_eq!(results[3]["article"]["slug"], "bir-2");
    for (index, reason, field) in [
        (1, "TOO_SHORT", "input.articles[1].title"),
        (2, "SLUG_TAKEN", "input.articles[2].slug"),
        (4, "INVALID_FORMAT", "input.articles[4].slug"),
    ] {
        let refused: &Value = &results[index];
        assert_eq!((&refused["index"], &refused["article"]), (&json!(index), &Value::Null));
        assert_eq!((&refused["error"]["reason"], &refused["error"]["field"]), (&json!(reason), &json!(field)));
    }
    assert_eq!(results[2]["error"]["suggestion"], "bir-2");
    let list = "query L($s: ID!) { articles(siteId: $s) { totalCount } }";
    assert_eq!(app.run(admin, list, json!({ "s": site.id })).await["articles"]["totalCount"], 2);
    for count in [0, 101] {
        let articles = vec![one("x", None); count];
        let input = json!({ "i": { "siteId": site.id, "articles": articles } });
        assert_eq!(app.refused(admin, many, input).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    }
}

#[tokio::test]
async fn lists_are_filtered_by_category_tag_and_author_however_they_are_typed() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let ada = app.agent(&site, "ada").await;
    for (title, category, tags, language) in [
        ("Bir", json!("Sipariş"), json!(["İade"]), "tr"),
        ("İki", json!("Sipariş"), json!([]), "tr"),
        ("Three", Value::Null, json!(["iade"]), "en"),
    ] {
        let mut input = draft(&site, title);
        (input["category"], input["tags"], input["language"]) = (category, tags, json!(language));
        published(&app, &site.admin, input).await;
    }
    create(&app, &ada, draft(&site, "Ada'nın")).await;
    let titles = async |filter: Value| -> (Vec<String>, Vec<String>) {
        let of = |nodes: &Value| nodes.as_array().expect("a list").iter().map(|node| text(&node["title"])).collect();
        let staff =
            "query L($s: ID!, $f: ArticleFilter) { articles(siteId: $s, filter: $f) { totalCount nodes { title } } }";
        let data = app.run(Some(&ada.token), staff, json!({ "s": site.id, "f": filter })).await;
        assert_eq!(data["articles"]["totalCount"], data["articles"]["nodes"].as_array().expect("a list").len());
        let theirs: Vec<String> = of(&data["articles"]["nodes"]);
        if filter.get("authorId").is_some() {
            return (theirs, vec![]);
        }
        let public = "query L($k: String!, $f: PublishedArticleFilter) {
            publicArticles(siteKey: $k, filter: $f) { totalCount nodes { title tags category description } } }";
        let data = app.run(None, public, json!({ "k": site.key, "f": filter })).await;
        assert_eq!(
            data["publicArticles"]["totalCount"],
            data["publicArticles"]["nodes"].as_array().expect("a list").len()
        );
        (theirs, of(&data["publicArticles"]["nodes"]))
    };
    let both = |titles: &[&str]| {
        let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
        (titles.clone(), titles)
    };
    assert_eq!(titles(json!({ "category": "SIPARIS" })).await, both(&["İki", "Bir"]));
    assert_eq!(titles(json!({ "tag": "iade" })).await, both(&["Three", "Bir"]));
    assert_eq!(titles(json!({ "tag": "IADE", "category": "sipariş" })).await, both(&["Bir"]));
    assert_eq!(titles(json!({ "tag": "iade", "language": "en" })).await, both(&["Three"]));
    assert_eq!(titles(json!({ "tag": "yok" })).await, both(&[]));
    assert_eq!(titles(json!({ "authorId": ada.id })).await.0, ["Ada'nın"]);
}

#[tokio::test]
async fn each_reader_rates_once_and_the_last_word_counts() {
    let app = TestApp::start().await;
    let (site, other) = (app.site("acme").await, app.site("other").await);
    let id = published(&app, &site.admin, draft(&site, "Kargo")).await;
    let (ada, bob) = (app.visitor(&site).await, app.visitor(&site).await);
    let customer = app.person("customer").await;
    let rate = async |token: &str, helpful: Value| {
        app.run(Some(token), RATE, json!({ "i": { "articleId": id, "helpful": helpful } })).await;
    };
    let counts = async || {
        let article = app.run(Some(&site.admin.token), COUNTS, json!({ "a": id })).await["article"].clone();
        (article["helpfulCount"].clone(), article["unhelpfulCount"].clone())
    };
    rate(&ada.token, json!(true)).await;
    rate(&ada.token, json!(true)).await;
    rate(&bob.token, json!(true)).await;
    rate(&customer.token, json!(false)).await;
    assert_eq!(counts().await, (json!(2), json!(1)));
    rate(&bob.token, json!(false)).await;
    rate(&customer.token, Value::Null).await;
    assert_eq!(counts().await, (json!(1), json!(1)));
    let again = (0..8).map(|number| rate(&ada.token, json!(number % 2 == 0)));
    futures_util::future::join_all(again).await;
    let (helpful, unhelpful) = counts().await;
    assert_eq!(helpful.as_i64().unwrap_or(-1) + unhelpful.as_i64().unwrap_or(-1), 2, "a reader counts once");

    let whole = json!({ "i": { "articleId": id, "helpful": true } });
    assert_eq!(app.refused(None, RATE, whole.clone()).await, "UNAUTHENTICATED");
    let stranger = app.visitor(&other).await;
    assert_eq!(app.refused(Some(&stranger.token), RATE, whole).await, "NOT_FOUND");
    let mut input = draft(&site, "Gizli");
    input["visibility"] = json!("INTERNAL");
    let internal = published(&app, &site.admin, input).await;
    let draft = create(&app, &site.admin, draft(&site, "Taslak")).await["id"].clone();
    for hidden in [json!(internal), draft] {
        let input = json!({ "i": { "articleId": hidden, "helpful": true } });
        assert_eq!(app.refused(Some(&ada.token), RATE, input).await, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_reader_counts_as_one_view_and_members_do_not_count() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let id = text(&create(&app, &site.admin, draft(&site, "Kargo")).await["id"]);
    app.run(Some(&site.admin.token), PUBLISH, json!({ "i": { "articleId": id } })).await;
    let visitor = app.visitor(&site).await;
    let which = json!({ "k": site.key, "s": "kargo" });
    for token in [None, None, Some(visitor.token.as_str()), Some(&visitor.token), Some(&site.admin.token)] {
        app.run(token, READ, which.clone()).await;
    }
    let mut views = Value::Null;
    for _ in 0..100 {
        app.clock.advance(std::time::Duration::from_secs(6));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        views = app.run(Some(&site.admin.token), COUNTS, json!({ "a": id })).await["article"]["views"].clone();
        if views == 2 {
            return;
        }
    }
    panic!("{views} views, not 2");
}
