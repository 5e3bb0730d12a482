//! Visitors and their sessions, as a widget and an agent use them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::app::{Options, TestApp};

const START: &str = "mutation($input: StartVisitorSessionInput!) { startVisitorSession(input: $input) {
    token tokenExpiresAt visitorId returning site { name locale } } }";
const UPDATE: &str = "mutation($input: UpdateVisitorInput!) { updateVisitor(input: $input) {
    visitor { id name email phone locale customData } } }";
const CURRENT: &str = "{ currentVisitor { id name } }";
const VISITORS: &str = "query($site: ID!) { visitors(siteId: $site) { totalCount edges { node { id name } } } }";
const VISITOR: &str = "query($id: ID!) { visitor(visitorId: $id) { id siteId } }";

/// A server on which time stands until the test moves it.
async fn started() -> TestApp {
    TestApp::with(Options { manual_clock: true, ..Options::default() }).await
}

fn refusal(answer: &Value) -> (&str, &str) {
    let extensions = &answer["errors"][0]["extensions"];
    (extensions["code"].as_str().unwrap_or_default(), extensions["reason"].as_str().unwrap_or_default())
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}")).to_owned()
}

struct Shop {
    id: String,
    key: String,
    admin: String,
}

async fn shop(app: &TestApp, admin: &str, origins: Value) -> Shop {
    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let input = json!({ "email": admin, "password": "correct horse battery", "name": "Ada" });
    let admin = text(&app.post(None, register, json!({ "input": input })).await, "/data/register/accessToken");
    let create = "mutation($input: CreateSiteInput!) { createSite(input: $input) { site { id publicKey } } }";
    let input = json!({ "name": "Acme", "allowedOrigins": origins, "locale": "tr" });
    let made = app.post(Some(&admin), create, json!({ "input": input })).await;
    let (id, key) = (text(&made, "/data/createSite/site/id"), text(&made, "/data/createSite/site/publicKey"));
    Shop { id, key, admin }
}

async fn start(app: &TestApp, shop: &Shop, earlier: Option<&str>) -> Value {
    let input = json!({ "siteKey": shop.key, "visitorToken": earlier });
    app.post(None, START, json!({ "input": input })).await["data"]["startVisitorSession"].take()
}

/// A request of a page, as a browser sends it.
async fn from_page(app: &TestApp, origin: Option<&str>, token: Option<&str>, query: &str, variables: Value) -> Value {
    let mut request = app.http.post(app.url()).header("x-forwarded-for", app.from.to_string());
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn who_only_looks_leaves_no_trace() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let session = start(&app, &shop, None).await;
    assert_eq!(session["site"], json!({ "name": "Acme", "locale": "tr" }));
    assert_eq!(session["returning"], false);
    let token = text(&session, "/token");
    assert!(app.post(Some(&token), CURRENT, json!({})).await["data"]["currentVisitor"].is_null());
    let again = start(&app, &shop, Some(&token)).await;
    assert_eq!((&again["visitorId"], &again["returning"]), (&session["visitorId"], &json!(false)));
    let list = app.post(Some(&shop.admin), VISITORS, json!({ "site": shop.id })).await;
    assert_eq!(list["data"]["visitors"]["totalCount"], 0);
    let nowhere = app.post(None, START, json!({ "input": { "siteKey": "pk_unknown" } })).await;
    assert_eq!(refusal(&nowhere).0, "NOT_FOUND");
}

#[tokio::test]
async fn a_visitor_who_did_something_is_recognised_also_with_an_old_token() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let other = self::shop(&app, "eve@example.com", json!([])).await;
    let session = start(&app, &shop, None).await;
    let token = text(&session, "/token");
    assert!(app.post(Some(&token), UPDATE, json!({ "input": { "name": "Vera" } })).await["errors"].is_null());
    app.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(refusal(&app.post(Some(&token), CURRENT, json!({})).await), ("UNAUTHENTICATED", "TOKEN_EXPIRED"));
    let back = start(&app, &shop, Some(&token)).await;
    assert_eq!((&back["visitorId"], &back["returning"]), (&session["visitorId"], &json!(true)));
    let me = app.post(Some(&text(&back, "/token")), CURRENT, json!({})).await;
    assert_eq!(me["data"]["currentVisitor"]["name"], "Vera");
    // Elsewhere, with nonsense, or all too late, they are somebody new.
    assert_ne!(start(&app, &other, Some(&token)).await["visitorId"], session["visitorId"]);
    assert_ne!(start(&app, &shop, Some("nonsense")).await["visitorId"], session["visitorId"]);
    app.clock.advance(Duration::from_secs(180 * 24 * 3600));
    assert_ne!(start(&app, &shop, Some(&token)).await["visitorId"], session["visitorId"]);
}

#[tokio::test]
async fn a_site_with_a_list_admits_its_own_pages_only() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!(["https://*.acme.example"])).await;
    let input = json!({ "input": { "siteKey": shop.key } });
    for origin in [None, Some("https://evil.example"), Some("https://acme.example"), Some("null")] {
        let answer = from_page(&app, origin, None, START, input.clone()).await;
        assert_eq!(refusal(&answer), ("FORBIDDEN", "ORIGIN_NOT_ALLOWED"), "{origin:?}");
    }
    for origin in ["https://shop.acme.example", &format!("http://{}", app.address)] {
        let answer = from_page(&app, Some(origin), None, START, input.clone()).await;
        let token = text(&answer, "/data/startVisitorSession/token");
        for fine in [None, Some(origin)] {
            assert!(from_page(&app, fine, Some(&token), CURRENT, json!({})).await["errors"].is_null());
        }
        let stolen = from_page(&app, Some("https://evil.example"), Some(&token), CURRENT, json!({})).await;
        assert_eq!(refusal(&stolen), ("FORBIDDEN", "ORIGIN_NOT_ALLOWED"));
    }
}

#[tokio::test]
async fn a_replaced_key_starts_nothing_and_issued_tokens_go_on() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let token = text(&start(&app, &shop, None).await, "/token");
    let rotate = "mutation($site: ID!) { rotateSiteKey(input: { siteId: $site }) { site { publicKey } } }";
    app.post(Some(&shop.admin), rotate, json!({ "site": shop.id })).await;
    let answer = app.post(None, START, json!({ "input": { "siteKey": shop.key } })).await;
    assert_eq!(refusal(&answer).0, "NOT_FOUND");
    assert!(app.post(Some(&token), CURRENT, json!({})).await["errors"].is_null());
}

#[tokio::test]
async fn a_visitor_writes_their_own_profile_in_part() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let session = start(&app, &shop, None).await;
    let token = text(&session, "/token");
    let input = json!({ "name": "Vera", "email": "Vera@Example.com", "phone": "+90 212 555 00 00", "locale": "tr",
        "customData": { "plan": "pro", "seats": 3 } });
    let first = app.post(Some(&token), UPDATE, json!({ "input": input })).await;
    assert_eq!(first["data"]["updateVisitor"]["visitor"]["email"], "vera@example.com");
    let second = app.post(Some(&token), UPDATE, json!({ "input": { "phone": null } })).await;
    let expected = json!({ "id": session["visitorId"], "name": "Vera", "email": "vera@example.com", "phone": null,
        "locale": "tr", "customData": { "plan": "pro", "seats": 3 } });
    assert_eq!(second["data"]["updateVisitor"]["visitor"], expected);
    for wrong in [json!({ "customData": { "a": [1] } }), json!({ "email": "vera" }), json!({ "name": " " })] {
        assert_eq!(refusal(&app.post(Some(&token), UPDATE, json!({ "input": wrong })).await).0, "BAD_USER_INPUT");
    }
    assert_eq!(refusal(&app.post(Some(&shop.admin), UPDATE, json!({ "input": {} })).await).0, "FORBIDDEN");
    assert_eq!(refusal(&app.post(None, UPDATE, json!({ "input": {} })).await).0, "UNAUTHENTICATED");
}

#[tokio::test]
async fn visitors_are_seen_by_the_members_of_their_site_only() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let other = self::shop(&app, "eve@example.com", json!([])).await;
    let session = start(&app, &shop, None).await;
    let (token, id) = (text(&session, "/token"), text(&session, "/visitorId"));
    app.post(Some(&token), UPDATE, json!({ "input": { "name": "Vera" } })).await;
    let seen = app.post(Some(&shop.admin), VISITOR, json!({ "id": id })).await;
    assert_eq!(seen["data"]["visitor"]["siteId"], shop.id.as_str());
    assert_eq!(refusal(&app.post(Some(&other.admin), VISITOR, json!({ "id": id })).await).0, "NOT_FOUND");
    let list = app.post(Some(&other.admin), VISITORS, json!({ "site": shop.id })).await;
    assert_eq!(refusal(&list).0, "NOT_FOUND");
    for query in [VISITOR, VISITORS] {
        let answer = app.post(Some(&token), query, json!({ "id": id, "site": shop.id })).await;
        assert_eq!(refusal(&answer).0, "FORBIDDEN");
    }
}

#[tokio::test]
async fn sessions_start_600_times_a_minute_from_one_address_on_one_site() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let other = self::shop(&app, "eve@example.com", json!([])).await;
    for _ in 0..600 {
        assert!(start(&app, &shop, None).await["token"].is_string());
    }
    let limited = app.post(None, START, json!({ "input": { "siteKey": shop.key } })).await;
    assert_eq!(refusal(&limited).0, "RATE_LIMITED");
    assert!(start(&app, &other, None).await["token"].is_string());
    app.clock.advance(Duration::from_secs(1));
    assert!(start(&app, &shop, None).await["token"].is_string());
}

#[tokio::test]
async fn several_first_writes_at_once_make_one_visitor() {
    let app = started().await;
    let shop = shop(&app, "ada@example.com", json!([])).await;
    let token = text(&start(&app, &shop, None).await, "/token");
    let writes = (0..8).map(|n| app.post(Some(&token), UPDATE, json!({ "input": { "name": format!("Vera {n}") } })));
    for answer in futures_util::future::join_all(writes).await {
        assert!(answer["errors"].is_null(), "{answer}");
    }
    let list = app.post(Some(&shop.admin), VISITORS, json!({ "site": shop.id })).await;
    assert_eq!(list["data"]["visitors"]["totalCount"], 1);
}
