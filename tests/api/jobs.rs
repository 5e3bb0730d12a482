//! Background work as people meet it: answers that wait for nothing else, and failures that are seen.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use entity::{
    ai_usage,
    job::{self, Lane},
    run::{self, RunStatus},
};
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use yanit::{
    features::accounts::{self, NewPerson},
    ports::{
        ai::{Finish, Models, Scripted},
        bus::Topic,
    },
};

use crate::harness::{
    app::{Options, Storage, TestApp},
    people::{PASSWORD, text},
    ws::Ws,
};

const EVENTS: &str = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename \
 ... on RunFailed { reason } } }";

fn model(model: Scripted) -> Options {
    Options { models: Some(Models::with_openai_compatible(Arc::new(model))), ..Options::default() }
}

fn ended(event: &Value) -> bool {
    ["RunFinished", "RunFailed"].contains(&event["conversationEvents"]["__typename"].as_str().unwrap_or_default())
}

async fn answers(app: &TestApp, token: &str, conversation: &str) -> Vec<String> {
    let query =
        "query($c: ID!) { conversation(conversationId: $c) { messages(first: 100) { nodes { body authorKind } } } }";
    let data = app.run(Some(token), query, json!({ "c": conversation })).await;
    let nodes = data["conversation"]["messages"]["nodes"].as_array().expect("a list");
    nodes.iter().filter(|one| one["authorKind"] == "ASSISTANT").map(|one| text(&one["body"])).collect()
}

/// The lease of whoever writes an answer is over.
async fn expire(app: &TestApp) {
    let answer = job::Entity::update_many()
        .col_expr(job::Column::RunAt, Expr::value(0_i64))
        .filter(job::Column::Kind.eq("answer_question"));
    let expired = answer.exec(&app.app.ports.database.db()).await.expect("it is there");
    assert_eq!(expired.rows_affected, 1);
}

#[tokio::test]
async fn a_writer_whose_lease_was_taken_posts_nothing() {
    let storage = Arc::new(Storage::new().await);
    let (frozen, mut frozen_calls) = Scripted::stepped();
    let first = TestApp::on(storage.clone(), model(frozen)).await;
    let site = first.site("acme").await;
    first.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    let visitor = first.visitor(&site).await;
    let conversation = first.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&first.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    first.say(&visitor.token, &conversation, "hello?").await;
    let slow = frozen_calls.next().await.expect("the model is asked");
    slow.say("Half an");
    ws.until("e", |event| event["conversationEvents"]["__typename"] == "Chunk").await;
    let (alive, mut calls) = Scripted::stepped();
    let second = TestApp::on(storage, model(alive)).await;
    expire(&first).await;
    // Before the first one moves its lease on.
    second.app.ports.bus.wake(&[Topic::Jobs]);
    let call = calls.next().await.expect("the other node goes on");
    // The first one hears nothing of it and comes to its end; what it cost is booked.
    slow.say(" answer");
    slow.finish(Finish::Stop, None);
    let db = first.app.ports.database.db();
    for round in 0.. {
        assert!(round < 1_000, "it is not booked");
        if ai_usage::Entity::find().count(&db).await.expect("a number") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(answers(&first, &visitor.token, &conversation).await, Vec::<String>::new());
    call.say("The whole answer.");
    call.finish(Finish::Stop, None);
    let mut other = Ws::signed_in(&second.ws_url(), Some(&visitor.token)).await;
    other.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    other.until("e", ended).await;
    assert_eq!(answers(&second, &visitor.token, &conversation).await, ["The whole answer."]);
    let left = job::Entity::find().filter(job::Column::Kind.eq("answer_question"));
    for _ in 0..500 {
        if left.clone().count(&second.app.ports.database.db()).await.expect("a number") == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job is still there");
}

/// Its writer died before it had written anything, and the visitor wants no answer any more.
#[tokio::test]
async fn a_stopped_answer_whose_writer_died_ends() {
    let storage = Arc::new(Storage::new().await);
    let (silent, mut calls) = Scripted::stepped();
    let first = TestApp::on(storage.clone(), model(silent)).await;
    let site = first.site("acme").await;
    first.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    let visitor = first.visitor(&site).await;
    let conversation = first.conversation(&visitor).await;
    first.say(&visitor.token, &conversation, "hello?").await;
    let _silent = calls.next().await.expect("the model is asked");
    // As `stopRun` leaves it, without a word to the writer.
    let stop = run::Entity::update_many().col_expr(run::Column::Status, Expr::value(RunStatus::Stopped.to_value()));
    assert_eq!(stop.exec(&first.app.ports.database.db()).await.expect("it can be").rows_affected, 1);
    let (alive, _calls) = Scripted::stepped();
    let second = TestApp::on(storage, model(alive)).await;
    let mut ws = Ws::signed_in(&second.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    expire(&first).await;
    second.app.ports.bus.wake(&[Topic::Jobs]);
    let events = ws.until("e", ended).await;
    let end = &events[events.len() - 1]["conversationEvents"];
    assert_eq!((text(&end["__typename"]), text(&end["reason"])), ("RunFailed".into(), "STOPPED".into()));
}

#[tokio::test]
async fn an_answer_that_fails_for_good_ends_its_run_and_is_seen_by_superadmins() {
    let app = TestApp::with(Options { manual_clock: true, jobs_fail: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({ "debounceMs": 5_000 })).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    app.say(&visitor.token, &conversation, "iade süresi").await;
    let db = app.app.ports.database.db();
    let tried = job::Entity::update_many().col_expr(job::Column::Attempts, 10.into());
    let waiting = tried.filter(job::Column::Kind.eq("answer_question"));
    while waiting.clone().exec(&db).await.expect("it can be tried").rows_affected == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.clock.advance(Duration::from_secs(60));
    let events = ws.until("e", ended).await;
    let end = &events[events.len() - 1]["conversationEvents"];
    assert_eq!((text(&end["__typename"]), text(&end["reason"])), ("RunFailed".into(), "INTERNAL".into()));

    let person = NewPerson::check("super@example.com", PASSWORD, "Super").expect("they can be");
    accounts::create(&app.app.cx(), person, true).await.expect("they are made");
    let login = "mutation($i: LoginInput!) { login(input: $i) { accessToken } }";
    let login = app.run(None, login, json!({ "i": { "email": "super@example.com", "password": PASSWORD } })).await;
    let token = text(&login["login"]["accessToken"]);
    let list = "{ failedJobs { totalCount nodes { id kind lane attempts error createdAt failedAt } } }";
    let failed = app.run(Some(&token), list, json!({})).await["failedJobs"].clone();
    assert_eq!(failed["totalCount"], 1, "{failed}");
    let node = &failed["nodes"][0];
    assert_eq!(
        (text(&node["kind"]), text(&node["lane"]), &node["attempts"]),
        ("answer_question".into(), "INTERACTIVE".into(), &json!(10))
    );
    assert_eq!(node["error"], "Something went wrong on our side.");
    assert_eq!(app.refused(Some(&site.admin.token), list, json!({})).await, "FORBIDDEN");
    let retry = "mutation($i: RetryJobInput!) { retryJob(input: $i) { jobId } }";
    let which = json!({ "i": { "jobId": node["id"] } });
    app.run(Some(&token), retry, which.clone()).await;
    app.app.drain().await.expect("its run has ended, so there is nothing to do");
    for _ in 0..500 {
        if job::Entity::find().filter(job::Column::Kind.eq("answer_question")).count(&db).await.expect("a number") == 0
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let failed = app.run(Some(&token), list, json!({})).await["failedJobs"].clone();
    assert_eq!(failed["totalCount"], 0, "{failed}");
    assert_eq!(app.refused(Some(&token), retry, which.clone()).await, "NOT_FOUND");
    let discard = "mutation($i: DiscardJobInput!) { discardJob(input: $i) { jobId } }";
    assert_eq!(app.refused(Some(&token), discard, which).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_question_is_answered_at_once_after_six_hundred_articles_were_published() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
    let create = "mutation C($i: CreateArticlesInput!) { createArticles(input: $i) { results { article { id } } } }";
    let publish = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
    for batch in 0..6 {
        let article = |number: usize| {
            let body = format!("Ürün {number}: kargo, fatura, ödeme ve garanti hakkında uzun bir açıklama. ").repeat(5);
            json!({ "title": format!("Ürün {batch} {number}"), "body": body, "language": "tr" })
        };
        let articles: Vec<Value> = (0..100).map(article).collect();
        let made =
            app.run(Some(&site.admin.token), create, json!({ "i": { "siteId": site.id, "articles": articles } }));
        let made = made.await["createArticles"]["results"].as_array().expect("a list").clone();
        for one in made {
            let which = json!({ "i": { "articleId": one["article"]["id"] } });
            app.run(Some(&site.admin.token), publish, which).await;
        }
    }
    let waiting = job::Entity::find().filter(job::Column::Lane.eq(Lane::Bulk));
    let waiting = waiting.count(&app.app.ports.database.db()).await.expect("a number");
    assert!(waiting > 50, "{} {waiting}", Lane::Bulk.to_value());
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    let begun = Instant::now();
    app.say(&visitor.token, &conversation, "Ürünü kaç gün içinde iade edebilirim?").await;
    ws.until("e", ended).await;
    eprintln!("answered after {:?} with {waiting} bulk jobs waiting", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_patient_assistant_begins_when_its_patience_is_over() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({ "debounceMs": 800 })).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    // The embedder is loaded with its first question.
    app.say(&visitor.token, &conversation, "Kaç gün içinde iade edebilirim?").await;
    ws.until("e", ended).await;
    let mut took = Vec::new();
    // One who looked for work every two seconds would be late nearly every time, a busy machine is now and then.
    while took.last().is_none_or(|took| *took >= Duration::from_millis(1_800)) {
        assert!(took.len() < 5, "{took:?}");
        let begun = Instant::now();
        app.say(&visitor.token, &conversation, "Kargo hakkında bir şey soracağım").await;
        ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunStarted").await;
        took.push(begun.elapsed());
        ws.until("e", ended).await;
    }
    assert!(took.iter().all(|took| *took >= Duration::from_millis(800)), "{took:?}");
}

#[tokio::test]
async fn operators_see_how_much_work_there_is() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.article(&site, "İade", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
    let page = format!("http://{}/metrics", app.address);
    let page = app.http.get(page).send().await.expect("it answers").text().await.expect("a text");
    for name in [
        "yanit_jobs_waiting{lane=\"interactive\"}",
        "yanit_jobs_oldest_seconds{lane=\"bulk\"}",
        "yanit_jobs_failed{lane=\"background\"}",
    ] {
        assert!(page.contains(name), "{name} is missing:\n{page}");
    }
}
