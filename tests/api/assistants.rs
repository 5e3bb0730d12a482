//! Assistants with providers, addresses and keys of their own.

use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    openai::ANSWER,
    people::{Site, text},
    vendors::{ALL, KEY, MODEL, Vendor},
    ws::Ws,
};

const FIELDS: &str = "id provider model baseUrl hasApiKey apiKeyHint temperature maxTokens";
const ANSWERED: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { \
 __typename ... on RunFinished { message { body } usage { promptTokens completionTokens } } ... on RunFailed { reason } } }";

/// A server on which assistants' own addresses may be private ones, as those of fake vendors are.
fn private() -> Options {
    Options { configure: Some(Box::new(|config| config.allow_private_models = true)), ..Options::default() }
}

async fn create(app: &TestApp, site: &Site, more: Value) -> Value {
    let mut input = json!({ "siteId": site.id, "name": "Fincan" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let query = format!(
        "mutation C($i: CreateAssistantInput!) {{ createAssistant(input: $i) {{ assistant {{ {FIELDS} }} }} }}"
    );
    app.post(Some(&site.admin.token), &query, json!({ "i": input })).await
}

async fn created(app: &TestApp, site: &Site, more: Value) -> Value {
    let answer = create(app, site, more).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"]["createAssistant"]["assistant"].clone()
}

async fn update(app: &TestApp, site: &Site, input: Value) -> Value {
    let query = format!(
        "mutation U($i: UpdateAssistantInput!) {{ updateAssistant(input: $i) {{ assistant {{ {FIELDS} }} }} }}"
    );
    app.run(Some(&site.admin.token), &query, json!({ "i": input })).await["updateAssistant"]["assistant"].clone()
}

/// What an error says of its kind, reason and field.
fn refusal(answer: &Value) -> (String, String, String) {
    let extensions = &answer["errors"][0]["extensions"];
    let of = |key: &str| extensions[key].as_str().unwrap_or_default().to_owned();
    (of("code"), of("reason"), of("field"))
}

#[tokio::test]
async fn a_key_is_kept_encrypted_and_never_shown() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let made = create(&app, &site, json!({ "provider": "ANTHROPIC", "model": MODEL, "apiKey": KEY })).await;
    assert!(!made.to_string().contains(KEY));
    let made = &made["data"]["createAssistant"]["assistant"];
    assert_eq!((&made["hasApiKey"], &made["apiKeyHint"]), (&json!(true), &json!("1234")));
    let rows = entity::assistant::Entity::find().all(&app.app.ports.database.db()).await.unwrap();
    let row = rows.iter().find(|row| row.id.to_string() == made["id"]).expect("it is stored");
    assert!(!format!("{row:?}").contains(KEY));
    assert!(row.api_key.as_ref().is_some_and(|sealed| sealed.starts_with("1.")));
    for line in entity::journal::Entity::find().all(&app.app.ports.database.db()).await.unwrap() {
        assert!(!format!("{line:?}").contains(KEY));
    }
    // Others of the site learn that there is one, and no more.
    let agent = app.agent(&site, "ada").await;
    let query = format!("query A($a: ID!) {{ assistant(assistantId: $a) {{ {FIELDS} }} }}");
    let seen = app.run(Some(&agent.token), &query, json!({ "a": made["id"] })).await;
    assert_eq!(seen["assistant"]["hasApiKey"], true);
    assert!(!seen.to_string().contains(KEY));
}

#[tokio::test]
async fn a_key_stays_with_its_provider_and_address() {
    let app = TestApp::with(private()).await;
    let site = app.site("acme").await;
    let new = json!({ "provider": "OLLAMA", "baseUrl": "http://127.0.0.1:1", "apiKey": KEY });
    let id = created(&app, &site, new).await["id"].clone();
    let has = |answer: &Value| answer["hasApiKey"].as_bool().unwrap();
    assert!(has(&update(&app, &site, json!({ "assistantId": id, "temperature": 0.1 })).await));
    let moved = update(&app, &site, json!({ "assistantId": id, "baseUrl": "http://127.0.0.1:2" })).await;
    assert!(!has(&moved), "it would go to an address it was not given for");
    assert!(has(&update(&app, &site, json!({ "assistantId": id, "apiKey": KEY })).await));
    let other = json!({ "assistantId": id, "provider": "OPENAI_COMPATIBLE", "baseUrl": "http://127.0.0.1:2" });
    assert!(!has(&update(&app, &site, other).await));
    assert!(has(&update(&app, &site, json!({ "assistantId": id, "apiKey": KEY })).await));
    let without = update(&app, &site, json!({ "assistantId": id, "apiKey": null })).await;
    assert_eq!((has(&without), &without["apiKeyHint"]), (false, &Value::Null));
    let built_in = update(&app, &site, json!({ "assistantId": id, "provider": null })).await;
    assert_eq!((&built_in["provider"], &built_in["baseUrl"]), (&json!("BUILT_IN"), &Value::Null));
}

#[tokio::test]
async fn a_provider_without_address_or_key_is_refused() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let missing = ("CONFLICT".to_owned(), "PROVIDER_NOT_CONFIGURED".to_owned(), "input.provider".to_owned());
    for provider in ["OPENAI_COMPATIBLE", "OPENAI", "AZURE_OPENAI", "MISTRAL", "OLLAMA", "ANTHROPIC", "GEMINI"] {
        let answer = create(&app, &site, json!({ "provider": provider, "model": MODEL })).await;
        assert_eq!(refusal(&answer), missing, "{provider}");
    }
    for provider in ["OPENAI", "MISTRAL", "ANTHROPIC", "GEMINI"] {
        created(&app, &site, json!({ "provider": provider, "apiKey": KEY })).await;
    }
    let key = create(&app, &site, json!({ "provider": "OPENAI", "apiKey": "two words" })).await;
    assert_eq!(refusal(&key).2, "input.apiKey");
}

#[tokio::test]
async fn addresses_in_private_networks_are_refused() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let wrong = ("BAD_USER_INPUT".to_owned(), "INVALID_FORMAT".to_owned(), "input.baseUrl".to_owned());
    for url in [
        "http://models.example.com",
        "https://127.0.0.1:11434",
        "https://10.0.0.1",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://2130706433/",
        "https://a:b@models.example.com",
        "file:///etc/passwd",
        "nowhere",
    ] {
        let answer = create(&app, &site, json!({ "provider": "OLLAMA", "baseUrl": url })).await;
        assert_eq!(refusal(&answer), wrong, "{url}");
    }
    created(&app, &site, json!({ "provider": "OLLAMA", "baseUrl": "https://models.example.com" })).await;
    // A name of this machine is refused when it is called.
    let id =
        created(&app, &site, json!({ "provider": "OLLAMA", "baseUrl": "https://localhost:11434", "model": MODEL }))
            .await;
    assert_eq!(id["baseUrl"], "https://localhost:11434");
    // Customers' own assistants have no addresses.
    let customer = app.person("cem").await;
    let own = json!({ "i": { "name": "Benim", "provider": "OLLAMA", "baseUrl": "https://models.example.com" } });
    let query = "mutation C($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
    assert_eq!(refusal(&app.post(Some(&customer.token), query, own).await).1, "INVALID_COMBINATION");
}

/// The name of a vendor in the API.
fn provider(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Openai => "OPENAI",
        Vendor::Compatible => "OPENAI_COMPATIBLE",
        Vendor::Azure => "AZURE_OPENAI",
        Vendor::Mistral => "MISTRAL",
        Vendor::Ollama => "OLLAMA",
        Vendor::Anthropic => "ANTHROPIC",
        Vendor::Gemini => "GEMINI",
    }
}

/// Asks the site's only assistant; returns how the answer ended.
async fn asked(app: &TestApp, site: &Site) -> Value {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, "Şifremi unuttum").await;
    let ended = |event: &Value| {
        let kind = event["conversationEvents"]["__typename"].as_str().unwrap_or_default();
        kind == "RunFinished" || kind == "RunFailed"
    };
    let events = ws.until("e", ended).await;
    events[events.len() - 1]["conversationEvents"].clone()
}

#[tokio::test]
async fn every_provider_answers_with_an_assistants_own_address_key_and_settings() {
    let app = TestApp::with(private()).await;
    for vendor in ALL {
        let server = vendor.start().await;
        let site = app.site("acme").await;
        let settings = json!({ "provider": provider(vendor), "baseUrl": vendor.base_url(&server), "apiKey": KEY,
            "model": MODEL, "temperature": 0.2, "maxTokens": 123 });
        app.assistant(&site, settings).await;
        let answer = asked(&app, &site).await;
        assert_eq!(text(&answer["message"]["body"]), ANSWER, "{vendor:?}");
        assert_eq!(answer["usage"], json!({ "promptTokens": 12, "completionTokens": 2 }), "{vendor:?}");
        let request = server.requests().remove(0).body.to_string();
        assert!(request.contains("123") && request.contains("0.2"), "{vendor:?}: {request}");
        assert!(!request.contains(KEY));
    }
}

const TRY: &str = "mutation T($i: TestProviderInput!) { testProvider(input: $i) { \
 ok provider model firstWordsMs latencyMs text failure advice detail } }";

async fn tried(app: &TestApp, site: &Site, input: Value) -> Value {
    app.run(Some(&site.admin.token), TRY, json!({ "i": input })).await["testProvider"].clone()
}

#[tokio::test]
async fn a_trial_tells_of_words_and_latency() {
    let app = TestApp::with(private()).await;
    let site = app.site("acme").await;
    let id = created(&app, &site, json!({})).await["id"].clone();
    let built_in = tried(&app, &site, json!({ "assistantId": id })).await;
    assert_eq!((&built_in["ok"], &built_in["provider"]), (&json!(true), &json!("BUILT_IN")));
    for vendor in ALL {
        let server = vendor.start().await;
        let input = json!({ "assistantId": id, "provider": provider(vendor), "baseUrl": vendor.base_url(&server),
            "apiKey": KEY, "model": MODEL });
        let answer = tried(&app, &site, input).await;
        assert_eq!((&answer["ok"], &answer["text"]), (&json!(true), &json!(ANSWER)), "{vendor:?}: {answer}");
        assert_eq!((&answer["model"], &answer["failure"]), (&json!(MODEL), &Value::Null));
        assert!(answer["firstWordsMs"].as_i64() <= answer["latencyMs"].as_i64());
    }
    let query = format!("query A($a: ID!) {{ assistant(assistantId: $a) {{ {FIELDS} }} }}");
    let saved = app.run(Some(&site.admin.token), &query, json!({ "a": id })).await;
    assert_eq!(
        (&saved["assistant"]["provider"], &saved["assistant"]["hasApiKey"]),
        (&json!("BUILT_IN"), &json!(false))
    );
}

#[tokio::test]
async fn a_trial_that_fails_says_why_in_words_for_people() {
    let app = TestApp::with(private()).await;
    for vendor in ALL {
        // A person may try only so often.
        let site = app.site("acme").await;
        let id = created(&app, &site, json!({})).await["id"].clone();
        let server = vendor.start().await;
        let with = |more: Value| {
            let mut input = json!({ "assistantId": id, "provider": provider(vendor), "baseUrl": vendor.base_url(&server),
                "apiKey": KEY, "model": MODEL });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        let mut cases = vec![
            ("MODEL_UNKNOWN", with(json!({ "model": "large-9" }))),
            ("NO_MODEL", with(json!({ "model": null }))),
            ("UNREACHABLE", with(json!({ "baseUrl": "http://127.0.0.1:1" }))),
        ];
        if vendor != Vendor::Ollama {
            cases.push(("KEY_REFUSED", with(json!({ "apiKey": "sk-wrong-wrong" }))));
        }
        for (failure, input) in cases {
            let answer = tried(&app, &site, input).await;
            assert_eq!((&answer["ok"], &answer["failure"]), (&json!(false), &json!(failure)), "{vendor:?}: {answer}");
            assert!(answer["advice"].as_str().is_some_and(|advice| advice.len() > 10), "{answer}");
            assert!(!answer.to_string().contains("secret") && !answer.to_string().contains("sk-"), "{answer}");
        }
        server.plays(vendor.begun().raw(vendor.opening() + &vendor.word("Hel")).end_without_done());
        let cut = tried(&app, &site, with(json!({}))).await;
        assert_eq!((&cut["failure"], &cut["text"]), (&json!("CUT_OFF"), &json!("Hel")), "{vendor:?}");
    }
    let site = app.site("acme").await;
    let id = created(&app, &site, json!({})).await["id"].clone();
    let keyless = tried(&app, &site, json!({ "assistantId": id, "provider": "OPENAI", "model": MODEL })).await;
    assert_eq!(keyless["failure"], "NOT_CONFIGURED");
    let private = tried(&app, &site, json!({ "assistantId": id, "provider": "OLLAMA", "baseUrl": "ftp://x" })).await;
    assert_eq!(private["failure"], "ADDRESS_REFUSED");
}

#[tokio::test]
async fn a_trial_waits_only_so_long() {
    let quick = |config: &mut yanit::config::Config| {
        config.allow_private_models = true;
        config.request_timeout_seconds = 3;
    };
    let app = TestApp::with(Options { configure: Some(Box::new(quick)), ..Options::default() }).await;
    let site = app.site("acme").await;
    let server = Vendor::Ollama.start().await;
    server.plays(Vendor::Ollama.begun().wait());
    let new = json!({ "provider": "OLLAMA", "baseUrl": Vendor::Ollama.base_url(&server), "model": MODEL });
    let id = created(&app, &site, new).await["id"].clone();
    let answer = tried(&app, &site, json!({ "assistantId": id })).await;
    assert_eq!(answer["failure"], "TIMEOUT");
    server.hung_up().await;
}
