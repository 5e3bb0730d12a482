//! Accounts and sign-ins, as an integrator uses them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::app::{Options, TestApp};

const PASSWORD: &str = "correct horse battery";
const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) {
    user { id email name superadmin } accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    user { id } accessToken refreshToken } }";
const REFRESH: &str = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
    user { id } accessToken refreshToken } }";
const ME: &str = "{ me { id email superadmin lastLoginAt } }";
const SESSIONS: &str = "{ sessions { totalCount edges { node { id current revokedAt } } } }";
const LOGOUT: &str = "mutation($i: LogoutInput!) { logout(input: $i) {
    session { current revokedAt } endedSessions } }";
const VERIFY: &str = "query($token: String!) { verifyToken(token: $token) { valid kind expiresAt reason } }";

/// A server on which time stands until the test moves it.
async fn started() -> TestApp {
    TestApp::with(Options { manual_clock: true, ..Options::default() }).await
}

/// `code` and `reason` of the first error.
fn refusal(answer: &Value) -> (&str, &str) {
    let extensions = &answer["errors"][0]["extensions"];
    (extensions["code"].as_str().unwrap_or_default(), extensions["reason"].as_str().unwrap_or_default())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}"))
}

async fn register(app: &TestApp, email: &str) -> Value {
    let input = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
    app.post(None, REGISTER, json!({ "input": input })).await["data"]["register"].take()
}

async fn login(app: &TestApp, email: &str, password: &str) -> Value {
    app.post(None, LOGIN, json!({ "input": { "email": email, "password": password } })).await
}

async fn refresh(app: &TestApp, token: &str) -> Value {
    app.post(None, REFRESH, json!({ "input": { "refreshToken": token } })).await
}

async fn verify(app: &TestApp, token: &str) -> Value {
    app.post(None, VERIFY, json!({ "token": token })).await["data"]["verifyToken"].take()
}

#[tokio::test]
async fn registering_signs_in_a_customer() {
    let app = started().await;
    let auth = register(&app, "Ada@Example.com").await;
    assert_eq!(text(&auth, "/user/email"), "ada@example.com");
    assert_eq!(auth["user"]["superadmin"], false);
    let me = app.post(Some(text(&auth, "/accessToken")), ME, json!({})).await;
    assert_eq!(me["data"]["me"]["id"], auth["user"]["id"]);
    assert!(me["data"]["me"]["lastLoginAt"].is_string());
    assert_eq!(refusal(&app.post(None, ME, json!({})).await).0, "UNAUTHENTICATED");
}

#[tokio::test]
async fn an_address_has_one_account_however_it_is_capitalised() {
    let app = started().await;
    register(&app, "ada@example.com").await;
    let input = json!({ "email": "ADA@example.com", "password": PASSWORD, "name": "Eve" });
    let again = app.post(None, REGISTER, json!({ "input": input })).await;
    assert_eq!(refusal(&again), ("CONFLICT", "EMAIL_TAKEN"));
}

#[tokio::test]
async fn a_weak_password_is_refused_with_its_field() {
    let app = started().await;
    let input = json!({ "email": "ada@example.com", "password": "123", "name": "Ada" });
    let answer = app.post(None, REGISTER, json!({ "input": input })).await;
    assert_eq!(refusal(&answer), ("BAD_USER_INPUT", "TOO_SHORT"));
    assert_eq!(text(&answer, "/errors/0/extensions/field"), "input.password");
}

#[tokio::test]
async fn a_new_password_is_checked_as_at_sign_up_and_is_another_one() {
    const CHANGE: &str = "mutation($i: ChangePasswordInput!) { changePassword(input: $i) { endedSessions } }";
    let app = started().await;
    let ada = register(&app, "ada@example.com").await;
    let token = Some(text(&ada, "/accessToken"));
    let change = |new: &str| json!({ "i": { "currentPassword": PASSWORD, "newPassword": new } });
    for (new, reason) in [
        ("          ", "INVALID_FORMAT"),
        ("\u{2003}\u{200b}\t\u{3164}\u{2800}\u{ad}\u{feff}   ", "INVALID_FORMAT"),
        ("ADA@example.com", "INVALID_FORMAT"),
        ("kısa", "TOO_SHORT"),
        ("👨\u{200d}👩\u{200d}👧\u{200d}👦👨\u{200d}👩\u{200d}👧\u{200d}👦", "TOO_SHORT"),
        (PASSWORD, "INVALID_COMBINATION"),
    ] {
        let answer = app.post(token, CHANGE, change(new)).await;
        assert_eq!(refusal(&answer), ("BAD_USER_INPUT", reason), "{new:?}");
        assert_eq!(text(&answer, "/errors/0/extensions/field"), "input.newPassword");
        if new != PASSWORD {
            let input = json!({ "email": "eve@example.com", "password": new.replace("ADA", "eve"), "name": "Eve" });
            let answer = app.post(None, REGISTER, json!({ "input": input })).await;
            assert_eq!(refusal(&answer), ("BAD_USER_INPUT", reason), "{new:?}");
        }
    }
    // Whoever does not know the password does not learn that it is this one.
    let wrong = json!({ "i": { "currentPassword": "another password", "newPassword": "another password" } });
    assert_eq!(refusal(&app.post(token, CHANGE, wrong).await), ("BAD_USER_INPUT", "INVALID_CREDENTIALS"));
    assert!(login(&app, "ada@example.com", PASSWORD).await["errors"].is_null());
    let answer = app.post(token, CHANGE, change("a whole new password")).await;
    assert!(answer["errors"].is_null(), "{answer}");
    assert!(login(&app, "ada@example.com", "a whole new password").await["errors"].is_null());
}

#[tokio::test]
async fn unknown_addresses_and_wrong_passwords_get_the_same_answer() {
    let app = started().await;
    register(&app, "ada@example.com").await;
    let wrong = login(&app, "ada@example.com", "not her password").await;
    let unknown = login(&app, "nobody@example.com", "not her password").await;
    assert_eq!(refusal(&wrong), ("UNAUTHENTICATED", "INVALID_CREDENTIALS"));
    assert_eq!(wrong["errors"][0]["message"], unknown["errors"][0]["message"]);
    assert_eq!(refusal(&unknown), refusal(&wrong));
}

#[tokio::test]
async fn the_sixth_failure_within_an_hour_is_refused_and_successes_are_free() {
    let app = started().await;
    register(&app, "ada@example.com").await;
    for _ in 0..7 {
        assert!(login(&app, "ADA@example.com", PASSWORD).await["errors"].is_null());
    }
    for _ in 0..5 {
        assert_eq!(refusal(&login(&app, "ada@example.com", "wrong password").await).1, "INVALID_CREDENTIALS");
    }
    let limited = login(&app, "ada@example.com", PASSWORD).await;
    assert_eq!(refusal(&limited).0, "RATE_LIMITED");
    let wait = limited["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap();
    assert!((1..=12 * 60).contains(&wait), "{wait}");
    // Another account is not locked out with it.
    assert_eq!(refusal(&login(&app, "eve@example.com", "wrong password").await).1, "INVALID_CREDENTIALS");
    app.clock.advance(Duration::from_secs(wait));
    assert!(login(&app, "ada@example.com", PASSWORD).await["errors"].is_null());
}

#[tokio::test]
async fn guesses_at_once_do_not_slip_past_the_limit() {
    let app = started().await;
    register(&app, "ada@example.com").await;
    let guesses = (0..12).map(|_| login(&app, "ada@example.com", "wrong password"));
    let answers = futures_util::future::join_all(guesses).await;
    let judged = answers.iter().filter(|answer| refusal(answer).1 == "INVALID_CREDENTIALS").count();
    assert_eq!(judged, 5);
    assert_eq!(answers.iter().filter(|answer| refusal(answer).0 == "RATE_LIMITED").count(), 7);
}

#[tokio::test]
async fn sensitive_fields_stand_once_in_a_document() {
    let app = started().await;
    let aliased = r#"mutation($i: LoginInput!) { a: login(input: $i) { accessToken } ...B }
        fragment B on Mutation { b: login(input: $i) { accessToken } }"#;
    let answer = app.post(None, aliased, json!({ "i": { "email": "a@example.com", "password": "x" } })).await;
    assert_eq!(refusal(&answer), ("GRAPHQL_VALIDATION_FAILED", "DOCUMENT_TOO_LARGE"));
    let aliased = r#"{ a: verifyToken(token: "a") { valid } b: verifyToken(token: "b") { valid } }"#;
    let answer = app.post(None, aliased, json!({})).await;
    assert_eq!(refusal(&answer), ("GRAPHQL_VALIDATION_FAILED", "DOCUMENT_TOO_LARGE"));
}

#[tokio::test]
async fn an_access_token_lasts_15_minutes() {
    let app = started().await;
    let auth = register(&app, "ada@example.com").await;
    let token = text(&auth, "/accessToken");
    app.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert!(app.post(Some(token), ME, json!({})).await["errors"].is_null());
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&app.post(Some(token), ME, json!({})).await), ("UNAUTHENTICATED", "TOKEN_EXPIRED"));
    let verdict = verify(&app, token).await;
    assert_eq!((&verdict["valid"], text(&verdict, "/kind")), (&json!(false), "USER"));
    assert_eq!(text(&verdict, "/reason"), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once_and_using_it_again_ends_the_sign_in() {
    let app = started().await;
    let first = register(&app, "ada@example.com").await;
    app.clock.advance(Duration::from_secs(20 * 60));
    let second = refresh(&app, text(&first, "/refreshToken")).await["data"]["refreshSession"].take();
    assert!(app.post(Some(text(&second, "/accessToken")), ME, json!({})).await["errors"].is_null());
    app.clock.advance(Duration::from_secs(10));
    let reused = refresh(&app, text(&first, "/refreshToken")).await;
    assert_eq!(refusal(&reused), ("UNAUTHENTICATED", "REFRESH_TOKEN_REUSED"));
    // The newest tokens are void, too, at once.
    let me = app.post(Some(text(&second, "/accessToken")), ME, json!({})).await;
    assert_eq!(refusal(&me), ("UNAUTHENTICATED", "SESSION_REVOKED"));
    assert_eq!(refusal(&refresh(&app, text(&second, "/refreshToken")).await).1, "SESSION_REVOKED");
    assert_eq!(text(&verify(&app, text(&second, "/accessToken")).await, "/reason"), "SESSION_REVOKED");
}

#[tokio::test]
async fn tabs_that_refresh_at_once_go_on_with_one_sign_in() {
    let app = started().await;
    let auth = register(&app, "ada@example.com").await;
    let tries = (0..8).map(|_| refresh(&app, text(&auth, "/refreshToken")));
    let mut answers = futures_util::future::join_all(tries).await;
    // An answer that was lost on the way is asked for again.
    app.clock.advance(Duration::from_secs(9));
    answers.push(refresh(&app, text(&auth, "/refreshToken")).await);
    let next = text(&answers[0], "/data/refreshSession/refreshToken");
    for answer in &answers {
        assert_eq!(text(answer, "/data/refreshSession/refreshToken"), next, "{answer}");
        let token = text(answer, "/data/refreshSession/accessToken");
        assert!(app.post(Some(token), ME, json!({})).await["errors"].is_null());
    }
    assert_ne!(next, text(&auth, "/refreshToken"));
    let after = refresh(&app, next).await["data"]["refreshSession"].take();
    // Two exchanges later it is no repetition.
    assert_eq!(refusal(&refresh(&app, text(&auth, "/refreshToken")).await).1, "REFRESH_TOKEN_REUSED");
    assert_eq!(refusal(&refresh(&app, text(&after, "/refreshToken")).await).1, "SESSION_REVOKED");
}

#[tokio::test]
async fn a_refresh_token_lasts_30_days_from_its_last_use() {
    let app = started().await;
    let auth = register(&app, "ada@example.com").await;
    app.clock.advance(Duration::from_secs(30 * 24 * 3600 - 1));
    let next = refresh(&app, text(&auth, "/refreshToken")).await["data"]["refreshSession"].take();
    app.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert_eq!(refusal(&refresh(&app, text(&next, "/refreshToken")).await).1, "TOKEN_EXPIRED");
    assert_eq!(refusal(&refresh(&app, "sess_1.x").await).1, "INVALID_TOKEN");
}

#[tokio::test]
async fn sessions_are_ones_own_and_end_one_by_one() {
    let app = started().await;
    let first = register(&app, "ada@example.com").await;
    app.clock.advance(Duration::from_secs(1));
    let second = login(&app, "ada@example.com", PASSWORD).await["data"]["login"].take();
    let eve = register(&app, "eve@example.com").await;
    let list = app.post(Some(text(&second, "/accessToken")), SESSIONS, json!({})).await;
    assert_eq!(list["data"]["sessions"]["totalCount"], 2);
    assert_eq!(list["data"]["sessions"]["edges"][0]["node"]["current"], true);
    let other = text(&list, "/data/sessions/edges/1/node/id");
    let revoke = "mutation($id: ID!) { revokeSession(input: { sessionId: $id }) { session { id revokedAt } } }";
    let by_eve = app.post(Some(text(&eve, "/accessToken")), revoke, json!({ "id": other })).await;
    assert_eq!(refusal(&by_eve).0, "NOT_FOUND");
    let done = app.post(Some(text(&second, "/accessToken")), revoke, json!({ "id": other })).await;
    assert!(done["data"]["revokeSession"]["session"]["revokedAt"].is_string());
    let me = app.post(Some(text(&first, "/accessToken")), ME, json!({})).await;
    assert_eq!(refusal(&me), ("UNAUTHENTICATED", "SESSION_REVOKED"));
    assert!(app.post(Some(text(&second, "/accessToken")), ME, json!({})).await["errors"].is_null());
}

#[tokio::test]
async fn logout_ends_the_sign_in_of_the_request() {
    let app = started().await;
    let auth = register(&app, "ada@example.com").await;
    let token = text(&auth, "/accessToken");
    assert!(app.post(Some(token), ME, json!({})).await["errors"].is_null());
    let elsewhere = login(&app, "ada@example.com", PASSWORD).await["data"]["login"].take();
    let out = app.post(Some(token), LOGOUT, json!({ "i": {} })).await;
    let out = &out["data"]["logout"];
    assert_eq!((&out["session"]["current"], &out["endedSessions"]), (&json!(true), &json!(1)));
    assert!(out["session"]["revokedAt"].is_string());
    assert_eq!(refusal(&app.post(Some(token), ME, json!({})).await).1, "SESSION_REVOKED");
    assert_eq!(refusal(&refresh(&app, text(&auth, "/refreshToken")).await).1, "SESSION_REVOKED");
    assert!(app.post(Some(text(&elsewhere, "/accessToken")), ME, json!({})).await["errors"].is_null());
}

#[tokio::test]
async fn logout_of_all_sessions_ends_every_sign_in_of_the_person_and_nobody_elses() {
    let app = started().await;
    let auth = register(&app, "ada@example.com").await;
    let elsewhere = login(&app, "ada@example.com", PASSWORD).await["data"]["login"].take();
    let eve = register(&app, "eve@example.com").await;
    // One that has ended already is not counted.
    let third = login(&app, "ada@example.com", PASSWORD).await["data"]["login"].take();
    app.post(Some(text(&third, "/accessToken")), LOGOUT, json!({ "i": {} })).await;
    let all = json!({ "i": { "allSessions": true } });
    let out = app.post(Some(text(&auth, "/accessToken")), LOGOUT, all).await;
    let out = &out["data"]["logout"];
    assert_eq!((&out["session"]["current"], &out["endedSessions"]), (&json!(true), &json!(2)));
    for ended in [&auth, &elsewhere] {
        let me = app.post(Some(text(ended, "/accessToken")), ME, json!({})).await;
        assert_eq!(refusal(&me), ("UNAUTHENTICATED", "SESSION_REVOKED"));
        assert_eq!(refusal(&refresh(&app, text(ended, "/refreshToken")).await).1, "SESSION_REVOKED");
    }
    assert!(app.post(Some(text(&eve, "/accessToken")), ME, json!({})).await["errors"].is_null());
}

#[tokio::test]
async fn tokens_of_others_are_no_tokens() {
    let app = started().await;
    let auth = register(&app, "ada@example.com").await;
    let token = text(&auth, "/accessToken");
    assert_eq!(verify(&app, token).await["valid"], true);
    for bad in [&format!("{token}x"), text(&auth, "/refreshToken"), "nonsense"] {
        assert_eq!(text(&verify(&app, bad).await, "/reason"), "INVALID_TOKEN", "{bad}");
        assert_eq!(refusal(&app.post(Some(bad), ME, json!({})).await), ("UNAUTHENTICATED", "INVALID_TOKEN"));
    }
}
