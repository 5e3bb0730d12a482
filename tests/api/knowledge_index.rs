//! The index of a site: rebuilt while it answers, made anew by another embedder, and what it costs.

use std::sync::Arc;

use entity::{article, ids::SiteId, job};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use yanit::{config::Config, features::knowledge};

use crate::harness::{
    app::{Options, Storage, TestApp},
    embedder::{FakeEmbedder, Fault},
    people::Site,
};

const INDEX: &str = "query I($s: ID!) { knowledgeIndex(siteId: $s) {
    model dimension articles indexed pending running wordsOnly rebuild { number total done failed finishedAt } } }";
const REBUILD: &str =
    "mutation R($i: RebuildIndexInput!) { rebuildIndex(input: $i) { rebuild { number total done finishedAt } } }";
const SEARCH: &str = "query S($s: ID!, $t: String!) { searchArticles(siteId: $s, text: $t, explain: true) {
    article { title } explanation { vectorRaw wordsOnly } } }";

/// Settings of a server whose embedder is another one.
fn embedded_by(server: &FakeEmbedder) -> Options {
    let url = server.url.clone();
    let configure = move |config: &mut Config| {
        config.embedder = "ollama".into();
        config.embedder_url = Some(url);
        config.embedder_model = Some("nomic-embed-text".into());
        config.embedder_api_key = Some("test-key".into());
    };
    Options { configure: Some(Box::new(configure)), ..Options::default() }
}

async fn index(app: &TestApp, site: &Site) -> Value {
    app.run(Some(&site.admin.token), INDEX, json!({ "s": site.id })).await["knowledgeIndex"].clone()
}

/// Waits until nothing is being indexed.
async fn settled(app: &TestApp, site: &Site) -> Value {
    for _ in 0..2_000 {
        let shown = index(app, site).await;
        if shown["running"] == false {
            return shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it is still running: {}", index(app, site).await);
}

async fn found(app: &TestApp, site: &Site, text: &str) -> Value {
    app.run(Some(&site.admin.token), SEARCH, json!({ "s": site.id, "t": text })).await["searchArticles"].clone()
}

#[tokio::test]
async fn an_index_is_rebuilt_with_progress_while_it_answers() {
    let server = FakeEmbedder::start(16).await;
    let app = TestApp::with(embedded_by(&server)).await;
    let site = app.site("acme").await;
    assert_eq!(index(&app, &site).await["rebuild"], Value::Null);
    for title in ["Kargo", "İade", "Fatura"] {
        app.article(&site, title, &format!("{title} hakkında. Bilgi buradadır.")).await;
    }
    let shown = settled(&app, &site).await;
    assert_eq!((&shown["model"], &shown["dimension"]), (&json!("ollama/nomic-embed-text"), &json!(16)));
    assert_eq!((&shown["articles"], &shown["indexed"], &shown["wordsOnly"]), (&json!(3), &json!(3), &json!(false)));
    let embedded = server.batches().len();
    let which = json!({ "i": { "siteId": site.id } });
    let ordered = app.run(Some(&site.admin.token), REBUILD, which.clone()).await;
    assert_eq!(
        (&ordered["rebuildIndex"]["rebuild"]["number"], &ordered["rebuildIndex"]["rebuild"]["total"]),
        (&json!(1), &json!(3))
    );
    loop {
        let answers = found(&app, &site, "kargo").await;
        assert_eq!(answers[0]["article"]["title"], "Kargo", "it answers at every moment");
        assert_eq!(answers[0]["explanation"]["wordsOnly"], false);
        if index(&app, &site).await["running"] == false {
            break;
        }
    }
    let shown = settled(&app, &site).await;
    let rebuild = &shown["rebuild"];
    assert_eq!((&rebuild["done"], &rebuild["failed"]), (&json!(3), &json!(0)));
    assert!(rebuild["finishedAt"].is_string());
    // The same text costs nothing again; only the question was asked.
    assert_eq!(server.batches().len(), embedded + 1);
    app.run(Some(&site.admin.token), REBUILD, which.clone()).await;
    assert_eq!(settled(&app, &site).await["rebuild"]["number"], 2);
    let agent = app.agent(&site, "ada").await;
    assert_eq!(app.refused(Some(&agent.token), REBUILD, which).await, "FORBIDDEN");
}

#[tokio::test]
async fn another_embedder_makes_the_index_anew_in_the_background_and_vectors_are_never_mixed() {
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options::default()).await;
    let site = app.site("acme").await;
    for title in ["Kargo", "İade"] {
        app.article(&site, title, &format!("{title} hakkında bilgi.")).await;
    }
    let before = settled(&app, &site).await;
    assert_eq!((&before["dimension"], &before["wordsOnly"]), (&json!(384), &json!(false)));
    let server = FakeEmbedder::start(16).await;
    let options = embedded_by(&server);
    // The embedder does not answer the first question: words do.
    server.fail([Fault::Status(401)]);
    app.shut_down().await;
    let app = TestApp::on(storage, options).await;
    let shown = index(&app, &site).await;
    assert_eq!((&shown["indexed"], &shown["pending"], &shown["wordsOnly"]), (&json!(0), &json!(2), &json!(true)));
    let answers = found(&app, &site, "kargo").await;
    assert_eq!(answers[0]["article"]["title"], "Kargo");
    assert_eq!(answers[0]["explanation"], json!({ "vectorRaw": 0.0, "wordsOnly": true }));
    assert_eq!(knowledge::catch_up(&app.app.cx()).await.expect("it is ordered"), 1);
    let mut shown = index(&app, &site).await;
    for _ in 0..2_000 {
        let answers = found(&app, &site, "kargo").await;
        assert_eq!(answers[0]["article"]["title"], "Kargo", "it answers at every moment");
        shown = index(&app, &site).await;
        // Either all are compared by the new one's vectors or none is.
        let compared: Vec<bool> =
            answers.as_array().expect("a list").iter().map(|found| found["explanation"]["vectorRaw"] != 0.0).collect();
        assert!(compared.iter().all(|one| *one == compared[0]), "{answers}");
        if shown["running"] == false {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((&shown["model"], &shown["dimension"]), (&json!("ollama/nomic-embed-text"), &json!(16)));
    assert_eq!((&shown["indexed"], &shown["pending"], &shown["wordsOnly"]), (&json!(2), &json!(0), &json!(false)));
    assert_eq!(knowledge::catch_up(&app.app.cx()).await.expect("nothing is left"), 0);
}

#[tokio::test]
async fn articles_wait_for_an_embedder_that_is_away_and_are_indexed_when_it_is_back() {
    let server = FakeEmbedder::start(16).await;
    let app = TestApp::with(Options { manual_clock: true, ..embedded_by(&server) }).await;
    let site = app.site("acme").await;
    server.fail([Fault::Status(401)]);
    let create = "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
    let input = json!({ "siteId": site.id, "title": "Kargo", "body": "Kargo iki gün sürer.", "language": "tr" });
    let made = app.run(Some(&site.admin.token), create, json!({ "i": input })).await;
    let publish = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
    let which = json!({ "i": { "articleId": made["createArticle"]["article"]["id"] } });
    app.run(Some(&site.admin.token), publish, which).await;
    app.app.drain().await.expect("it is put back");
    for _ in 0..3000 {
        if server.asked() > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(index(&app, &site).await["pending"], 1);
    for _ in 0..20 {
        app.clock.advance(std::time::Duration::from_secs(21));
        app.app.drain().await.expect("it is indexed");
        if index(&app, &site).await["pending"] == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it is not indexed: {}", index(&app, &site).await);
}

#[tokio::test]
async fn an_embedder_that_is_away_for_an_hour_leaves_no_more_work_than_there_is() {
    let server = FakeEmbedder::start(16).await;
    let app = TestApp::with(Options { manual_clock: true, ..embedded_by(&server) }).await;
    let site = app.site("acme").await;
    server.fail(vec![Fault::Status(401); 100_000]);
    let create = "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
    let publish = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
    for title in ["Kargo", "İade", "Fatura"] {
        let input = json!({ "siteId": site.id, "title": title, "body": "İki gün sürer.", "language": "tr" });
        let made = app.run(Some(&site.admin.token), create, json!({ "i": input })).await;
        let which = json!({ "i": { "articleId": made["createArticle"]["article"]["id"] } });
        app.run(Some(&site.admin.token), publish, which).await;
    }
    app.app.order_upkeep().await.expect("it is ordered");
    for minute in 0..60 {
        app.clock.advance(std::time::Duration::from_secs(60));
        app.app.drain().await.expect("nothing fails");
        let rows = job::Entity::find().count(&app.app.ports.database.db()).await.expect("a number");
        assert_eq!(rows, 6, "one for each article and for each thing that comes round, after {minute} minutes");
    }
    server.recover();
    for _ in 0..100 {
        app.clock.advance(std::time::Duration::from_secs(21));
        app.app.drain().await.expect("it is indexed");
        if job::Entity::find().count(&app.app.ports.database.db()).await.expect("a number") == 3 {
            let site_id = site.id.parse().expect("an id of a site");
            let indexed = article::Entity::find().filter(article::Column::SiteId.eq::<SiteId>(site_id));
            let indexed = indexed.filter(article::Column::IndexedVersion.is_not_null());
            assert_eq!(indexed.count(&app.app.ports.database.db()).await.expect("a number"), 3);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("they are not indexed");
}

/// Somebody waits for the node to end; another one does what it had begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_gives_back_what_it_was_indexing() {
    let server = FakeEmbedder::start(16).await;
    let app = TestApp::with(embedded_by(&server)).await;
    let site = app.site("acme").await;
    server.fail(vec![Fault::Hang; 1_000]);
    let create = "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
    let publish = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
    let input = json!({ "siteId": site.id, "title": "Kargo", "body": "İki gün sürer.", "language": "tr" });
    let made = app.run(Some(&site.admin.token), create, json!({ "i": input })).await;
    let which = json!({ "i": { "articleId": made["createArticle"]["article"]["id"] } });
    app.run(Some(&site.admin.token), publish, which).await;
    while server.asked() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let ended = app.app.ports.tasks.drain(std::time::Duration::from_secs(60));
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), ended);
    ended.await.expect("it does not wait for the embedder");
    let row = job::Entity::find().filter(job::Column::Kind.eq("knowledge.index_article"));
    let row = row.one(&app.app.ports.database.db()).await.expect("rows").expect("it is still to be done");
    assert_eq!((row.held, row.attempts), (false, 0));
}

#[tokio::test]
async fn a_passage_that_the_embedder_refuses_keeps_nothing_else_from_being_found() {
    for fault in [Fault::Status(400), Fault::Status(500), Fault::Null, Fault::NotFinite, Fault::Short] {
        let server = FakeEmbedder::start(16).await;
        let app = TestApp::with(embedded_by(&server)).await;
        let site = app.site("acme").await;
        server.refuse("zehirli", fault);
        let paragraph = |text: &str| format!("{text} {}", "Bu cümle yer tutar. ".repeat(22));
        let body = format!(
            "{}\n\n{}\n\n{}",
            paragraph("Kargo ücretsizdir."),
            paragraph("Bu zehirli."),
            paragraph("Hediye paketi vardır.")
        );
        let article = app.article(&site, "Kargo", &body).await;
        let seen = "query S($a: ID!, $s: ID!) { article(articleId: $a) { version indexedVersion indexProblem } \
                    knowledgeIndex(siteId: $s) { pending wordsOnly problems { articleId title reason } } }";
        let seen = app.run(Some(&site.admin.token), seen, json!({ "a": article, "s": site.id })).await;
        let problem = seen["article"]["indexProblem"].as_str().unwrap_or_default().to_owned();
        assert!(problem.contains("1 of its passages") && !problem.contains("zehirli"), "{fault:?}: {seen}");
        assert_eq!(seen["article"]["indexedVersion"], 1, "{fault:?}");
        let expected = json!({ "pending": 0, "wordsOnly": false,
            "problems": [{ "articleId": article, "title": "Kargo", "reason": problem }] });
        assert_eq!(seen["knowledgeIndex"], expected, "{fault:?}");
    }
}

/// P13: the rest is found by meaning, and a question is answered from it.
#[tokio::test]
async fn what_the_embedder_takes_of_an_article_is_found_and_answered_from() {
    let server = FakeEmbedder::start(64).await;
    let app = TestApp::with(embedded_by(&server)).await;
    let site = app.site("acme").await;
    server.refuse("zehirli", Fault::Status(400));
    let paragraph = |text: &str| format!("{text} {}", "Bu cümle yer tutar. ".repeat(22));
    let body = format!(
        "{}\n\n{}\n\n{}",
        paragraph("Kargo ücretsizdir."),
        paragraph("Bu zehirli."),
        paragraph("Hediye paketi vardır.")
    );
    app.article(&site, "Kargo", &body).await;
    for text in ["hediye paketi", "kargo ücretsiz"] {
        let answers = found(&app, &site, text).await;
        assert_eq!(answers[0]["article"]["title"], "Kargo", "{text}: {answers}");
        let raw = answers[0]["explanation"]["vectorRaw"].as_f64().unwrap_or_default();
        assert!(raw > 0.0, "{text}: {answers}");
    }
}

/// P13: a change of embedder comes to its end although the new one refuses a passage.
#[tokio::test]
async fn another_embedder_that_refuses_a_passage_is_searched_with_all_the_same() {
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options::default()).await;
    let site = app.site("acme").await;
    app.article(&site, "Kargo", "Kargo hakkında bilgi.").await;
    app.article(&site, "Zehir", "Bu zehirli bir bilgi.").await;
    settled(&app, &site).await;
    app.shut_down().await;
    for fault in [Fault::Status(400), Fault::Null] {
        let server = FakeEmbedder::start(16).await;
        server.refuse("zehirli", fault);
        let app = TestApp::on(storage.clone(), embedded_by(&server)).await;
        knowledge::catch_up(&app.app.cx()).await.expect("it is ordered");
        let mut shown = Value::Null;
        for _ in 0..1_000 {
            shown = index(&app, &site).await;
            if shown["running"] == false && shown["wordsOnly"] == false {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let state = (&shown["running"], &shown["wordsOnly"], &shown["pending"]);
        assert_eq!(state, (&json!(false), &json!(false), &json!(0)), "{fault:?}: {shown}");
        let answers = found(&app, &site, "kargo").await;
        assert_eq!(answers[0]["article"]["title"], "Kargo");
        assert_eq!(answers[0]["explanation"]["wordsOnly"], false, "{fault:?}: {answers}");
        app.shut_down().await;
    }
}
