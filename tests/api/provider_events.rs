//! A provider that keeps failing is noticed: staff are told, visitors are answered all the same.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, Storage, TestApp},
    vendors::{Fault, KEY, MODEL, Vendor},
    ws::Ws,
};

const EVENTS: &str = "subscription E($s: ID!) { providerEvents(siteId: $s) { __typename \
 ... on ProvidersNow { failing { provider model reason advice } } \
 ... on ProviderFailing { cursor provider model reason advice } ... on ProviderRecovered { cursor provider model since } } }";
const ANSWERED: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { \
 __typename ... on RunFinished { message { body interrupted } } ... on RunFailed { reason } } }";

async fn next(ws: &mut Ws, kind: &str) -> Value {
    let events = ws.until("p", |event| event["providerEvents"]["__typename"] == kind).await;
    events[events.len() - 1]["providerEvents"].clone()
}

#[tokio::test]
async fn staff_are_told_within_a_minute_and_visitors_read_neutral_words() {
    let configure = |config: &mut yanit::config::Config| config.allow_private_models = true;
    let app = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    for (fault, reason, failures) in [(Fault::KeyRefused, "KEY_REFUSED", 1), (Fault::Broken, "PROVIDER_ERROR", 3)] {
        let server = Vendor::Openai.start().await;
        let site = app.site("acme").await;
        app.article(&site, "İade", "İade süresi teslimden sonra 30 gündür.").await;
        let settings =
            json!({ "provider": "OPENAI", "baseUrl": Vendor::Openai.base_url(&server), "apiKey": KEY, "model": MODEL });
        app.assistant(&site, settings).await;
        let mut staff = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
        staff.subscribe("p", EVENTS, json!({ "s": site.id })).await;
        assert_eq!(next(&mut staff, "ProvidersNow").await["failing"], json!([]));
        let ask = async || {
            let visitor = app.visitor(&site).await;
            let conversation = app.conversation(&visitor).await;
            let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
            ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
            app.say(&visitor.token, &conversation, "İade süresi kaç gündür?").await;
            let events = ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
            events[events.len() - 1]["conversationEvents"]["message"]["body"].as_str().unwrap_or_default().to_owned()
        };
        let began = Instant::now();
        for _ in 0..failures {
            // A failure that may pass is tried twice.
            server.plays(Vendor::Openai.refuses(fault));
            if fault == Fault::Broken {
                server.plays(Vendor::Openai.refuses(fault));
            }
            let read = ask().await;
            assert!(read.contains("30 gündür") && !read.contains("secret") && !read.contains("500"), "{read}");
        }
        let told = next(&mut staff, "ProviderFailing").await;
        assert_eq!(
            (&told["provider"], &told["model"], &told["reason"]),
            (&json!("OPENAI"), &json!(MODEL), &json!(reason))
        );
        assert!(
            told["advice"].as_str().is_some_and(|advice| !advice.is_empty())
                && began.elapsed() < Duration::from_secs(60)
        );
        let mut late = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
        late.subscribe("p", EVENTS, json!({ "s": site.id })).await;
        assert_eq!(next(&mut late, "ProvidersNow").await["failing"][0]["reason"], reason);
        let page = app.http.get(format!("http://{}/metrics", app.address)).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("yanit_providers_failing{provider=\"OPENAI\"} 1"), "{page}");
        // A test that succeeds, or an answer, ends it.
        let tested = "mutation T($i: TestProviderInput!) { testProvider(input: $i) { ok } }";
        let assistants = "query A($s: ID!) { assistants(siteId: $s) { nodes { id } } }";
        let id = app.run(Some(&site.admin.token), assistants, json!({ "s": site.id })).await["assistants"]["nodes"][0]
            ["id"]
            .clone();
        app.run(Some(&site.admin.token), tested, json!({ "i": { "assistantId": id } })).await;
        assert_eq!(next(&mut staff, "ProviderRecovered").await["model"], MODEL);
    }
}

/// How providers do is kept with everything else: a server that starts later knows it, and who asks nobody any more is
/// not told of.
#[tokio::test]
async fn how_a_provider_does_is_known_to_a_server_that_starts_later() {
    let options = || Options {
        configure: Some(Box::new(|config: &mut yanit::config::Config| config.allow_private_models = true)),
        ..Options::default()
    };
    let storage = std::sync::Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), options()).await;
    let server = Vendor::Openai.start().await;
    let site = app.site("acme").await;
    app.article(&site, "İade", "İade süresi teslimden sonra 30 gündür.").await;
    let settings =
        json!({ "provider": "OPENAI", "baseUrl": Vendor::Openai.base_url(&server), "apiKey": KEY, "model": MODEL });
    let assistant = app.assistant(&site, settings).await;
    server.plays(Vendor::Openai.refuses(Fault::KeyRefused));
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, "İade süresi kaç gündür?").await;
    ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
    app.shut_down().await;
    let app = TestApp::on(storage, options()).await;
    let now = async || {
        let mut staff = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
        staff.subscribe("p", EVENTS, json!({ "s": site.id })).await;
        next(&mut staff, "ProvidersNow").await["failing"].clone()
    };
    assert_eq!(now().await[0]["reason"], "KEY_REFUSED");
    let change = "mutation U($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { id } } }";
    let model = |model: &str| json!({ "i": { "assistantId": assistant, "model": model } });
    app.run(Some(&site.admin.token), change, model("another-model")).await;
    assert_eq!(now().await, json!([]), "nobody asks it any more");
    app.run(Some(&site.admin.token), change, model(MODEL)).await;
    assert_eq!(now().await[0]["model"], MODEL);
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_ends_at_the_vendor_and_is_counted() {
    let configure = |config: &mut yanit::config::Config| config.allow_private_models = true;
    let app = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    let server = Vendor::Openai.start().await;
    let site = app.site("acme").await;
    let base_url = Vendor::Openai.base_url(&server);
    app.assistant(&site, json!({ "provider": "OPENAI", "baseUrl": base_url, "apiKey": KEY, "model": MODEL })).await;
    let said = Vendor::Openai.opening() + &Vendor::Openai.word("Bir süre yazılan ve atılan bir cevap");
    server.plays(Vendor::Openai.begun().raw(said).wait());
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let events =
        "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename } }";
    ws.subscribe("e", events, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, "Şifremi nasıl değiştiririm?").await;
    ws.until("e", |event| event["conversationEvents"]["__typename"] == "Chunk").await;
    app.say(&visitor.token, &conversation, "Ve e-postamı nasıl değiştiririm?").await;
    server.hung_up().await;
    ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
    let usage =
        "query U($s: ID!) { aiUsage(siteId: $s) { totals { calls estimatedCalls promptTokens completionTokens } } }";
    let mut counted = Value::Null;
    for _ in 0..200 {
        counted = app.run(Some(&site.admin.token), usage, json!({ "s": site.id })).await["aiUsage"]["totals"].clone();
        if counted["calls"] == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((&counted["calls"], &counted["estimatedCalls"]), (&json!(2), &json!(1)), "{counted}");
    assert!(counted["completionTokens"].as_i64() > Some(8) && counted["promptTokens"].as_i64() > Some(20), "{counted}");
}
