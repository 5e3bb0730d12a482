//! Asking several providers: who takes over from whom, what it costs, and who is left alone.

use std::{sync::Arc, time::Duration};

use entity::{ai_usage::Purpose, assistant::Provider};
use futures_util::future::join_all;
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::{Value, json};
use yanit::config::Config;

use crate::harness::{
    app::{Options, Storage, TestApp, setting},
    openai::{ANSWER, Openai as Server},
    people::{PASSWORD, Site, text},
    vendors::{Ending, Fault, KEY, MODEL, Vendor},
    ws::Ws,
};

const ANSWERED: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { \
 __typename ... on Chunk { text runId } ... on RunFinished { runId message { body interrupted } citations { quote } } \
 ... on RunFailed { runId reason } } }";
const RUN: &str = "query R($r: ID!) { run(runId: $r) { status provider model attempts { provider model failure } } }";
const USAGE: &str = "query U($s: ID!) { aiUsage(siteId: $s) { \
 lines { day provider model purpose totals { calls failedCalls estimatedCalls unpricedCalls promptTokens completionTokens costUsd } } \
 totals { calls failedCalls estimatedCalls unpricedCalls promptTokens completionTokens costUsd } \
 today { day limitUsd spentUsd reservedUsd remainingUsd } } }";
const MODELS: &str = "query M($a: ID!) { assistant(assistantId: $a) { models { provider model baseUrl hasApiKey apiKeyHint local \
 inputPriceUsd outputPriceUsd circuit { state failures retryAt } } } }";

/// A server that calls fake vendors on this machine. A token that OpenAI's model writes costs a thousandth of a dollar.
fn options(manual_clock: bool, more: impl FnOnce(&mut Config) + Send + 'static) -> Options {
    let configure = |config: &mut Config| {
        config.allow_private_models = true;
        config.model_prices = format!("OPENAI/{MODEL}=0/1000,ANTHROPIC/{MODEL}=1000/1000");
        more(config);
    };
    Options { configure: Some(Box::new(configure)), manual_clock, ..Options::default() }
}

async fn start() -> TestApp {
    TestApp::with(options(false, |_| {})).await
}

/// The settings of a vendor's server.
fn at(name: &str, vendor: Vendor, server: &Server) -> Value {
    json!({ "provider": name, "baseUrl": vendor.base_url(server), "apiKey": KEY, "model": MODEL })
}

fn with(mut settings: Value, more: Value) -> Value {
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// The site's only assistant is asked by a new visitor: how that ended, and the run as an admin sees it.
async fn asked(app: &TestApp, site: &Site, question: &str) -> (Value, Value) {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, question).await;
    let events = ws.until("e", |event| kind(event).starts_with("RunFi") || kind(event) == "RunFailed").await;
    let ended = events[events.len() - 1]["conversationEvents"].clone();
    let run = app.run(Some(&site.admin.token), RUN, json!({ "r": ended["runId"] })).await["run"].clone();
    (ended, run)
}

fn kind(event: &Value) -> &str {
    event["conversationEvents"]["__typename"].as_str().unwrap_or_default()
}

async fn usage(app: &TestApp, site: &Site) -> Value {
    app.run(Some(&site.admin.token), USAGE, json!({ "s": site.id })).await["aiUsage"].clone()
}

async fn models(app: &TestApp, site: &Site, assistant: &str) -> Value {
    app.run(Some(&site.admin.token), MODELS, json!({ "a": assistant })).await["assistant"]["models"].clone()
}

async fn set(app: &TestApp, site: &Site, more: Value) {
    let update = "mutation S($i: UpdateSiteInput!) { updateSite(input: $i) { site { id } } }";
    app.run(Some(&site.admin.token), update, json!({ "i": with(json!({ "siteId": site.id }), more) })).await;
}

async fn update(app: &TestApp, site: &Site, assistant: &str, more: Value) -> Value {
    let update = "mutation U($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { id } } }";
    app.post(Some(&site.admin.token), update, json!({ "i": with(json!({ "assistantId": assistant }), more) })).await
}

#[tokio::test]
async fn a_provider_that_fails_before_its_first_word_is_followed_by_the_next() {
    let app = start().await;
    let broken = || Vendor::Anthropic.refuses(Fault::Broken);
    let cut = || Vendor::Anthropic.begun().raw(Vendor::Anthropic.opening()).reset();
    for (failure, scripts) in [
        ("RATE_LIMITED", vec![Vendor::Anthropic.refuses(Fault::RateLimited).header("retry-after", "60")]),
        ("PROVIDER_ERROR", vec![broken(), broken()]),
        ("KEY_REFUSED", vec![Vendor::Anthropic.refuses(Fault::KeyRefused)]),
        ("MODEL_UNKNOWN", vec![Vendor::Anthropic.refuses(Fault::ModelUnknown)]),
        ("UNREACHABLE", vec![cut(), cut()]),
        ("CUT_OFF", vec![Vendor::Anthropic.begun().raw(Vendor::Anthropic.opening()).end_without_done()]),
    ] {
        let (first, second) = (Vendor::Anthropic.start().await, Vendor::Openai.start().await);
        let asks = scripts.len();
        scripts.into_iter().for_each(|script| first.plays(script));
        let site = app.site("acme").await;
        let fallbacks = json!({ "fallbacks": [at("OPENAI", Vendor::Openai, &second)] });
        app.assistant(&site, with(at("ANTHROPIC", Vendor::Anthropic, &first), fallbacks)).await;
        let (ended, run) = asked(&app, &site, "Şifremi unuttum").await;
        assert_eq!(ended["message"], json!({ "body": ANSWER, "interrupted": false }), "{failure}");
        assert_eq!((first.requests().len(), second.requests().len()), (asks, 1), "{failure}");
        let attempts = json!([{ "provider": "ANTHROPIC", "model": MODEL, "failure": failure }]);
        let expected = json!({ "status": "FINISHED", "provider": "OPENAI", "model": MODEL, "attempts": attempts });
        assert_eq!(run, expected);
        let totals = usage(&app, &site).await["totals"].clone();
        let expected = json!({ "calls": 2, "failedCalls": 1, "estimatedCalls": 0, "unpricedCalls": 0,
            "promptTokens": 12, "completionTokens": 2, "costUsd": 0.002 });
        assert_eq!(totals, expected, "{failure}");
    }
}

#[tokio::test]
async fn dead_and_silent_providers_are_followed_by_the_next() {
    let app = TestApp::with(options(false, |config| config.model_patience_seconds = 1)).await;
    let (silent, last) = (Vendor::Ollama.start().await, Vendor::Openai.start().await);
    silent.plays(Vendor::Ollama.begun().wait());
    let site = app.site("acme").await;
    let dead = json!({ "provider": "MISTRAL", "baseUrl": "http://127.0.0.1:1", "apiKey": KEY, "model": MODEL });
    let fallbacks = json!([at("OLLAMA", Vendor::Ollama, &silent), at("OPENAI", Vendor::Openai, &last)]);
    app.assistant(&site, with(dead, json!({ "fallbacks": fallbacks, "routeByComplexity": false }))).await;
    let (ended, run) = asked(&app, &site, "Şifremi unuttum").await;
    assert_eq!(ended["message"]["body"], ANSWER);
    let why: Vec<&str> =
        run["attempts"].as_array().unwrap().iter().map(|one| one["failure"].as_str().unwrap()).collect();
    assert_eq!(why, ["UNREACHABLE", "TIMEOUT"]);
    silent.hung_up().await;
}

#[tokio::test]
async fn the_built_in_answerer_is_the_last_resort() {
    let app = start().await;
    let site = app.site("acme").await;
    let article = "Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz.";
    app.article(&site, "İade koşulları", article).await;
    app.article(&site, "Kargo süreleri", "Siparişler iki iş günü içinde kargoya verilir.").await;
    let servers = [Vendor::Anthropic.start().await, Vendor::Openai.start().await];
    servers[0].plays(Vendor::Anthropic.refuses(Fault::KeyRefused));
    servers[1].plays(Vendor::Openai.refuses(Fault::KeyRefused));
    let fallbacks = json!({ "fallbacks": [at("OPENAI", Vendor::Openai, &servers[1])] });
    app.assistant(&site, with(at("ANTHROPIC", Vendor::Anthropic, &servers[0]), fallbacks)).await;
    let (ended, run) = asked(&app, &site, "Aldığım ürünü kaç gün içinde iade edebilirim?").await;
    assert_eq!(ended["citations"], json!([{ "quote": article }]));
    assert!(text(&ended["message"]["body"]).contains("14 gün"), "{ended}");
    assert_eq!((&run["provider"], &run["model"]), (&json!("BUILT_IN"), &Value::Null));
    assert_eq!(run["attempts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn after_the_first_word_nobody_takes_over() {
    let app = start().await;
    let (first, second) = (Vendor::Openai.start().await, Vendor::Anthropic.start().await);
    first.plays(Vendor::Openai.begun().raw(Vendor::Openai.opening() + &Vendor::Openai.word("Merhaba")).reset());
    let site = app.site("acme").await;
    let fallbacks = json!({ "fallbacks": [at("ANTHROPIC", Vendor::Anthropic, &second)] });
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &first), fallbacks)).await;
    let (ended, run) = asked(&app, &site, "Şifremi unuttum").await;
    assert_eq!(ended["message"], json!({ "body": "Merhaba", "interrupted": true }));
    assert_eq!((&run["provider"], &run["attempts"]), (&json!("OPENAI"), &json!([])));
    assert!(second.requests().is_empty());
    let totals = usage(&app, &site).await["totals"].clone();
    assert_eq!((&totals["failedCalls"], &totals["estimatedCalls"]), (&json!(1), &json!(1)), "what was said is paid");
    assert_eq!((&totals["completionTokens"], &totals["costUsd"]), (&json!(2), &json!(0.002)), "7 characters");
}

#[tokio::test]
async fn a_request_that_one_provider_refuses_is_shown_to_no_other() {
    let app = start().await;
    let (first, second) = (Vendor::Openai.start().await, Vendor::Anthropic.start().await);
    first.plays(Vendor::Openai.refuses(Fault::Invalid));
    let site = app.site("acme").await;
    let fallbacks = json!({ "fallbacks": [at("ANTHROPIC", Vendor::Anthropic, &second)] });
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &first), fallbacks)).await;
    let (_, run) = asked(&app, &site, "Şifremi unuttum").await;
    assert_eq!((&run["provider"], &run["attempts"][0]["failure"]), (&json!("BUILT_IN"), &json!("REQUEST_REFUSED")));
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_until_it_is_well() {
    let app = TestApp::with(options(true, |_| {})).await;
    let server = Vendor::Gemini.start().await;
    let site = app.site("acme").await;
    let id = app.assistant(&site, at("GEMINI", Vendor::Gemini, &server)).await;
    let failure = async |times: usize| {
        for _ in 0..times {
            server.plays(Vendor::Gemini.refuses(Fault::KeyRefused));
            let (_, run) = asked(&app, &site, "Şifremi unuttum").await;
            assert_eq!(run["attempts"][0]["failure"], "KEY_REFUSED");
        }
    };
    failure(3).await;
    let seen = models(&app, &site, &id).await[0]["circuit"].clone();
    assert_eq!(seen, json!({ "state": "OPEN", "failures": 3, "retryAt": "2026-01-05T09:00:30+00:00" }));
    let page = app.http.get(format!("http://{}/metrics", app.address)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("yanit_model_circuits_open{provider=\"GEMINI\"} 1"), "{page}");
    let (_, run) = asked(&app, &site, "Şifremi unuttum").await;
    assert_eq!((&run["provider"], &run["attempts"][0]["failure"]), (&json!("BUILT_IN"), &json!("CIRCUIT_OPEN")));
    assert_eq!(server.requests().len(), 3, "it was not asked");
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(models(&app, &site, &id).await[0]["circuit"]["state"], "HALF_OPEN");
    failure(1).await;
    assert_eq!(models(&app, &site, &id).await[0]["circuit"]["retryAt"], "2026-01-05T09:01:30+00:00");
    app.clock.advance(Duration::from_secs(60));
    let (ended, _) = asked(&app, &site, "Şifremi unuttum").await;
    assert_eq!(ended["message"]["body"], ANSWER);
    let well = json!({ "state": "CLOSED", "failures": 0, "retryAt": null });
    assert_eq!(models(&app, &site, &id).await[0]["circuit"], well);
    // A test that succeeds ends the rest at once.
    failure(3).await;
    let tested = "mutation T($i: TestProviderInput!) { testProvider(input: $i) { ok } }";
    app.run(Some(&site.admin.token), tested, json!({ "i": { "assistantId": id } })).await;
    assert_eq!(models(&app, &site, &id).await[0]["circuit"], well);
}

#[tokio::test]
async fn over_budget_the_built_in_answerer_speaks_until_the_sites_midnight() {
    let app = TestApp::with(options(true, |_| {})).await;
    let server = Vendor::Openai.start().await;
    let mut site = app.site("acme").await;
    set(&app, &site, json!({ "dailyAiBudgetUsd": 0.012, "timeZone": "Europe/Istanbul" })).await;
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &server), json!({ "maxTokens": 10 }))).await;
    for _ in 0..2 {
        assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "OPENAI");
    }
    let (_, run) = asked(&app, &site, "Merhaba").await;
    assert_eq!((&run["provider"], &run["attempts"][0]["failure"]), (&json!("BUILT_IN"), &json!("OVER_BUDGET")));
    assert_eq!(server.requests().len(), 2);
    let today = usage(&app, &site).await["today"].clone();
    let expected = json!({ "day": "2026-01-05", "limitUsd": 0.012, "spentUsd": 0.004, "reservedUsd": 0.0,
        "remainingUsd": 0.008 });
    assert_eq!(today, expected);
    // It is noon in Istanbul.
    app.clock.advance(Duration::from_secs(12 * 3600 - 1));
    site.admin.token = signed_in(&app, &site).await;
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "BUILT_IN");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "OPENAI");
    let usage = usage(&app, &site).await;
    let days: Vec<&str> = usage["lines"].as_array().unwrap().iter().map(|line| line["day"].as_str().unwrap()).collect();
    assert_eq!((days, &usage["totals"]["calls"]), (vec!["2026-01-06", "2026-01-05"], &json!(3)));
    assert_eq!((&usage["today"]["day"], &usage["today"]["spentUsd"]), (&json!("2026-01-06"), &json!(0.002)));
    // No limit, and no money at all.
    set(&app, &site, json!({ "dailyAiBudgetUsd": null })).await;
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "OPENAI");
    set(&app, &site, json!({ "dailyAiBudgetUsd": 0 })).await;
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "BUILT_IN");
}

async fn signed_in(app: &TestApp, site: &Site) -> String {
    let login = "mutation L($i: LoginInput!) { login(input: $i) { accessToken } }";
    let input = json!({ "i": { "email": site.admin.email, "password": PASSWORD } });
    text(&app.run(None, login, input).await["login"]["accessToken"])
}

#[tokio::test]
async fn over_budget_local_models_are_asked() {
    let app = start().await;
    let (cloud, local) = (Vendor::Openai.start().await, Vendor::Ollama.start().await);
    let site = app.site("acme").await;
    set(&app, &site, json!({ "dailyAiBudgetUsd": 0 })).await;
    let fallbacks = json!({ "fallbacks": [at("OLLAMA", Vendor::Ollama, &local)], "routeByComplexity": false });
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &cloud), fallbacks)).await;
    let (ended, run) = asked(&app, &site, "Merhaba").await;
    assert_eq!((&ended["message"]["body"], &run["provider"]), (&json!(ANSWER), &json!("OLLAMA")));
    assert!(cloud.requests().is_empty());
    let usage = usage(&app, &site).await["totals"].clone();
    assert_eq!((&usage["costUsd"], &usage["unpricedCalls"]), (&json!(0.0), &json!(0)), "its price is known to be 0");
}

#[tokio::test]
async fn fifty_questions_at_once_stay_within_the_budget() {
    stay_within_the_budget(&[start().await]).await;
}

#[tokio::test]
async fn two_nodes_share_one_budget() {
    if setting("TEST_DATABASE_URL").is_none() || setting("TEST_REDIS_URL").is_none() {
        eprintln!("skipped: two servers need PostgreSQL and Redis (TEST_DATABASE_URL, TEST_REDIS_URL)");
        return;
    }
    let storage = Arc::new(Storage::new().await);
    let node = async || TestApp::on(storage.clone(), options(false, |_| {})).await;
    stay_within_the_budget(&[node().await, node().await]).await;
}

/// Asks 50 questions at once with money for ten, all of which are under way when the others come.
async fn stay_within_the_budget(nodes: &[TestApp]) {
    let server = Vendor::Openai.start().await;
    let app = &nodes[0];
    let site = app.site("acme").await;
    set(app, &site, json!({ "dailyAiBudgetUsd": 0.02 })).await;
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &server), json!({ "maxTokens": 2 }))).await;
    for _ in 0..10 {
        let body = Vendor::Openai.body(&[ANSWER], Ending::Stop);
        server.plays(Vendor::Openai.begun().wait().raw(body).end_without_done());
    }
    let questions = join_all((0..50).map(|nth| asked(&nodes[nth % nodes.len()], &site, "Merhaba")));
    let going = async {
        while usage(app, &site).await["today"]["remainingUsd"] != json!(0.0) {
            tokio::task::yield_now().await;
        }
        (0..10).for_each(|_| server.go());
    };
    let (runs, ()) = tokio::join!(questions, going);
    let by = |provider: &str| runs.iter().filter(|(_, run)| run["provider"] == provider).count();
    assert_eq!((by("OPENAI"), by("BUILT_IN"), server.requests().len()), (10, 40, 10));
    let today = usage(app, &site).await["today"].clone();
    assert_eq!((&today["spentUsd"], &today["reservedUsd"]), (&json!(0.02), &json!(0.0)));
}

/// What a server had set aside when it died is spent as far as anybody knows.
#[tokio::test]
async fn what_a_dead_server_has_left_is_booked() {
    let app = TestApp::with(options(true, |_| {})).await;
    let server = Vendor::Openai.start().await;
    let site = app.site("acme").await;
    set(&app, &site, json!({ "dailyAiBudgetUsd": 0.012 })).await;
    let id = app.assistant(&site, with(at("OPENAI", Vendor::Openai, &server), json!({ "maxTokens": 2 }))).await;
    let left = entity::ai_reservation::ActiveModel {
        id: Set(app.clock.uuid()),
        site_id: Set(site.id.parse().unwrap()),
        assistant_id: Set(id.parse().unwrap()),
        run_id: Set(None),
        purpose: Set(Purpose::Answer),
        provider: Set(Provider::Openai),
        model: Set(Some(MODEL.to_owned())),
        day: Set(app.clock.now().date_naive()),
        cost_micros: Set(11_000),
        expires_at: Set(app.clock.now() + Duration::from_secs(60)),
    };
    let db = app.app.ports.database.db();
    entity::ai_reservation::Entity::insert(left).exec_without_returning(&db).await.unwrap();
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "BUILT_IN");
    assert_eq!(usage(&app, &site).await["today"]["reservedUsd"], json!(0.011));
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "BUILT_IN");
    let usage = usage(&app, &site).await;
    assert_eq!((&usage["today"]["reservedUsd"], &usage["today"]["spentUsd"]), (&json!(0.0), &json!(0.011)));
    assert_eq!((&usage["totals"]["failedCalls"], &usage["totals"]["estimatedCalls"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn an_unknown_price_is_said_to_be_unknown() {
    let app = start().await;
    let server = Vendor::Mistral.start().await;
    let site = app.site("acme").await;
    let id = app.assistant(&site, at("MISTRAL", Vendor::Mistral, &server)).await;
    let shown = models(&app, &site, &id).await[0].clone();
    assert_eq!((&shown["inputPriceUsd"], &shown["local"]), (&Value::Null, &json!(false)));
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "MISTRAL");
    let lines = usage(&app, &site).await["lines"].clone();
    let totals = json!({ "calls": 1, "failedCalls": 0, "estimatedCalls": 0, "unpricedCalls": 1, "promptTokens": 12,
        "completionTokens": 2, "costUsd": 0.0 });
    assert_eq!(lines[0]["totals"], totals);
    // Nothing is asked for nobody knows how much once the money is gone.
    set(&app, &site, json!({ "dailyAiBudgetUsd": 0 })).await;
    assert_eq!(asked(&app, &site, "Merhaba").await.1["provider"], "BUILT_IN");
}

#[tokio::test]
async fn an_answer_that_is_stopped_is_paid_as_far_as_it_came() {
    let app = start().await;
    let server = Vendor::Openai.start().await;
    server.plays(Vendor::Openai.begun().raw(Vendor::Openai.opening() + &Vendor::Openai.word("Merhaba")).wait());
    let site = app.site("acme").await;
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &server), json!({ "maxTokens": 100 }))).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, "Merhaba").await;
    let chunk = ws.until("e", |event| kind(event) == "Chunk").await.pop().unwrap();
    let run = &chunk["conversationEvents"]["runId"];
    let under_way = usage(&app, &site).await;
    assert_eq!((&under_way["today"]["reservedUsd"], &under_way["totals"]["calls"]), (&json!(0.1), &json!(0)));
    let stop = "mutation S($i: StopRunInput!) { stopRun(input: $i) { run { status } } }";
    app.run(Some(&visitor.token), stop, json!({ "i": { "runId": run } })).await;
    ws.until("e", |event| kind(event) == "RunFinished").await;
    let usage = usage(&app, &site).await;
    assert_eq!((&usage["today"]["reservedUsd"], &usage["today"]["spentUsd"]), (&json!(0.0), &json!(0.002)));
    assert_eq!((&usage["totals"]["estimatedCalls"], &usage["totals"]["failedCalls"]), (&json!(1), &json!(0)));
    // Who is no member is not told which models are asked.
    let seen = app.run(Some(&visitor.token), RUN, json!({ "r": run })).await["run"].clone();
    assert_eq!((&seen["provider"], &seen["model"], &seen["attempts"]), (&Value::Null, &Value::Null, &Value::Null));
}

#[tokio::test]
async fn simple_questions_go_to_local_models_and_hard_ones_to_the_cloud() {
    let app = start().await;
    let (cloud, local) = (Vendor::Openai.start().await, Vendor::Ollama.start().await);
    let site = app.site("acme").await;
    let fallbacks = json!({ "fallbacks": [at("OLLAMA", Vendor::Ollama, &local)] });
    let id = app.assistant(&site, with(at("OPENAI", Vendor::Openai, &cloud), fallbacks)).await;
    let asks = async |question: &str| text(&asked(&app, &site, question).await.1["provider"]);
    assert_eq!(asks("KAPI KOLU KIRIK").await, "OLLAMA");
    assert_eq!(asks("API nasıl? Limit ne?").await, "OPENAI");
    set(&app, &site, json!({ "complexityTerms": ["kapı kolu"] })).await;
    assert_eq!(asks("KAPI KOLU KIRIK? Neden?").await, "OPENAI");
    assert_eq!(asks("API nasıl? Limit ne?").await, "OLLAMA");
    set(&app, &site, json!({ "complexityTerms": null })).await;
    local.plays(Vendor::Ollama.refuses(Fault::KeyRefused));
    assert_eq!(asks("KAPI KOLU KIRIK").await, "OPENAI", "the other kind takes over");
    update(&app, &site, &id, json!({ "routeByComplexity": false })).await;
    assert_eq!(asks("KAPI KOLU KIRIK").await, "OPENAI");
}

#[tokio::test]
async fn fallbacks_keep_their_keys_where_these_were_given_for() {
    let app = start().await;
    let site = app.site("acme").await;
    let ollama = json!({ "provider": "OLLAMA", "baseUrl": "http://127.0.0.1:1", "apiKey": KEY, "model": MODEL });
    let own = json!({ "provider": "ANTHROPIC", "apiKey": "sk-another-secret-9876", "fallbacks": [ollama] });
    let id = app.assistant(&site, own).await;
    let hints = async || {
        let shown = models(&app, &site, &id).await;
        assert!(!shown.to_string().contains(KEY));
        shown.as_array().unwrap().iter().map(|one| one["apiKeyHint"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(hints().await, [json!("9876"), json!("1234")]);
    // The two change places; a third is put between.
    let changed = json!({ "provider": "OLLAMA", "baseUrl": "http://127.0.0.1:1", "fallbacks": [
        { "provider": "OLLAMA", "baseUrl": "http://127.0.0.1:2" }, { "provider": "ANTHROPIC", "model": MODEL }] });
    assert!(update(&app, &site, &id, changed).await.get("errors").is_none());
    assert_eq!(hints().await, [json!("1234"), Value::Null, json!("9876")]);
    let gone = json!({ "fallbacks": [{ "provider": "OLLAMA", "baseUrl": "http://127.0.0.1:1", "apiKey": null }] });
    assert!(update(&app, &site, &id, gone).await.get("errors").is_none());
    assert_eq!(hints().await, [json!("1234"), Value::Null]);
    for line in entity::journal::Entity::find().all(&app.app.ports.database.db()).await.unwrap() {
        assert!(!format!("{line:?}").contains(KEY));
    }
    let refused = async |fallbacks: Value, more: Value| {
        let answer = update(&app, &site, &id, with(json!({ "fallbacks": fallbacks }), more)).await;
        let extensions = answer["errors"][0]["extensions"].clone();
        (text(&extensions["reason"]), text(&extensions["field"]))
    };
    let one = json!({ "provider": "OLLAMA", "baseUrl": "http://127.0.0.1:1" });
    let said = |reason: &str, field: &str| (reason.to_owned(), field.to_owned());
    let combination = said("INVALID_COMBINATION", "input.fallbacks");
    let built_in = json!([one, { "provider": "BUILT_IN" }]);
    let of_entry = said("INVALID_COMBINATION", "input.fallbacks[1].provider");
    assert_eq!(refused(built_in, json!({})).await, of_entry);
    assert_eq!(refused(json!([one]), json!({ "provider": "BUILT_IN" })).await, combination);
    assert_eq!(refused(json!(vec![one.clone(); 6]), json!({})).await, said("TOO_LONG", "input.fallbacks"));
    let unreachable = refused(json!([one, { "provider": "GEMINI" }]), json!({})).await;
    assert_eq!(unreachable, said("PROVIDER_NOT_CONFIGURED", "input.fallbacks[1].provider"));
    let nowhere = refused(json!([{ "provider": "OLLAMA", "baseUrl": "ftp://x" }]), json!({})).await;
    assert_eq!(nowhere, said("INVALID_FORMAT", "input.fallbacks[0].baseUrl"));
}

#[tokio::test]
async fn tests_of_a_provider_are_booked_and_limited() {
    const TEST: &str = "mutation T($i: TestProviderInput!) { testProvider(input: $i) { ok model text failure } }";
    let app = TestApp::with(options(true, |_| {})).await;
    let (own, other) = (Vendor::Openai.start().await, Vendor::Ollama.start().await);
    let site = app.site("acme").await;
    let fallbacks = json!({ "fallbacks": [at("OLLAMA", Vendor::Ollama, &other)] });
    let id = app.assistant(&site, with(at("OPENAI", Vendor::Openai, &own), fallbacks)).await;
    let test = async |more: Value| {
        let input = with(json!({ "assistantId": id }), more);
        app.post(Some(&site.admin.token), TEST, json!({ "i": input })).await
    };
    own.plays(Vendor::Openai.script(&["Your key is ", KEY, "."]));
    let answer = json!({ "ok": true, "model": MODEL, "text": "Your key is ….", "failure": null });
    assert_eq!(test(json!({})).await["data"]["testProvider"], answer);
    // A fallback, with its saved key.
    let fallback = json!({ "provider": "OLLAMA", "baseUrl": Vendor::Ollama.base_url(&other), "model": MODEL });
    assert_eq!(test(fallback).await["data"]["testProvider"]["ok"], true);
    assert_eq!(other.requests()[0].headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(test(json!({ "provider": "BUILT_IN" })).await["data"]["testProvider"]["ok"], true);
    let lines = usage(&app, &site).await["lines"].clone();
    let purposes: Vec<&Value> = lines.as_array().unwrap().iter().map(|line| &line["purpose"]).collect();
    assert_eq!(purposes, ["TEST", "TEST"]);
    for _ in 3..20 {
        assert!(test(json!({})).await.get("errors").is_none());
    }
    let limited = test(json!({})).await["errors"][0]["extensions"].clone();
    assert_eq!((&limited["code"], limited["retryAfter"].as_i64()), (&json!("RATE_LIMITED"), Some(3)));
}

#[tokio::test]
async fn usage_is_asked_for_by_days_that_make_sense() {
    let app = start().await;
    let site = app.site("acme").await;
    let query = "query U($s: ID!, $f: NaiveDate, $t: NaiveDate) { aiUsage(siteId: $s, from: $f, to: $t) { from to lines { day } } }";
    let asked = async |from: &str, to: &str| {
        app.post(Some(&site.admin.token), query, json!({ "s": site.id, "f": from, "t": to })).await
    };
    let fine = asked("2026-01-01", "2026-12-31").await;
    assert_eq!(fine["data"]["aiUsage"], json!({ "from": "2026-01-01", "to": "2026-12-31", "lines": [] }));
    for (from, to, reason) in
        [("2026-01-02", "2026-01-01", "INVALID_COMBINATION"), ("2024-01-01", "2026-01-01", "OUT_OF_RANGE")]
    {
        assert_eq!(asked(from, to).await["errors"][0]["extensions"]["reason"], reason);
    }
}

#[tokio::test]
async fn money_that_is_set_aside_before_midnight_is_spent_on_its_day() {
    let app = TestApp::with(options(true, |_| {})).await;
    let server = Vendor::Openai.start().await;
    let mut site = app.site("acme").await;
    set(&app, &site, json!({ "dailyAiBudgetUsd": 0.012, "timeZone": "Europe/Istanbul" })).await;
    app.assistant(&site, with(at("OPENAI", Vendor::Openai, &server), json!({ "maxTokens": 10 }))).await;
    // It is noon in Istanbul.
    app.clock.advance(Duration::from_secs(12 * 3600 - 1));
    site.admin.token = signed_in(&app, &site).await;
    let said = Vendor::Openai.opening() + &Vendor::Openai.word("Merhaba");
    server.plays(Vendor::Openai.begun().raw(said).wait().raw(Vendor::Openai.closing(Ending::Stop)).end_without_done());
    let midnight = async {
        while server.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let before = usage(&app, &site).await["today"].clone();
        assert_eq!((&before["day"], &before["reservedUsd"]), (&json!("2026-01-05"), &json!(0.01)));
        app.clock.advance(Duration::from_secs(1));
        let after = usage(&app, &site).await["today"].clone();
        assert_eq!((&after["day"], &after["reservedUsd"]), (&json!("2026-01-06"), &json!(0.0)));
        server.go();
    };
    let ((_, run), ()) = tokio::join!(asked(&app, &site, "Merhaba"), midnight);
    assert_eq!(run["provider"], "OPENAI");
    let usage = usage(&app, &site).await;
    assert_eq!(
        (&usage["lines"][0]["day"], &usage["lines"][0]["totals"]["costUsd"]),
        (&json!("2026-01-05"), &json!(0.002))
    );
    assert_eq!((&usage["today"]["day"], &usage["today"]["spentUsd"]), (&json!("2026-01-06"), &json!(0.0)));
    assert_eq!(usage["today"]["reservedUsd"], 0.0);
}
