//! Guessing passwords: bounded by account, address and device, without keeping anybody out of their own account.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp, refusal},
    people::{PASSWORD, text},
};

const LOGIN: &str = "mutation($i: LoginInput!) { login(input: $i) { user { id } accessToken deviceToken } }";

async fn started() -> TestApp {
    TestApp::with(Options { manual_clock: true, ..Options::default() }).await
}

async fn login(app: &TestApp, email: &str, password: &str, device: Option<&str>) -> Value {
    app.post(None, LOGIN, json!({ "i": { "email": email, "password": password, "deviceToken": device } })).await
}

/// The refusal of a wrong password.
async fn guess(app: &TestApp, email: &str) -> String {
    refusal(&login(app, email, "a wrong password", None).await).expect("it is wrong")
}

fn move_elsewhere(app: &mut TestApp) {
    app.from = std::net::Ipv4Addr::from(u32::from(app.from).wrapping_add(0x0001_0000));
}

const WRONG: &str = "UNAUTHENTICATED/INVALID_CREDENTIALS";

#[tokio::test]
async fn an_office_signs_in_while_somebody_there_guesses() {
    let app = started().await;
    let mut office = Vec::new();
    for number in 0..50 {
        office.push(app.person(&format!("colleague-{number}")).await.email);
    }
    for number in 0..40 {
        assert_eq!(guess(&app, &format!("victim-{number}@example.com")).await, WRONG);
    }
    let answers = join_all(office.iter().map(|email| login(&app, email, PASSWORD, None))).await;
    assert!(answers.iter().all(|answer| refusal(answer).is_none()), "{answers:?}");
    // Sign-ins that succeed do not count: again and again, and still sixty more guesses are counted.
    for email in &office[..5] {
        assert_eq!(refusal(&login(&app, email, PASSWORD, None).await), None);
    }
}

#[tokio::test]
async fn one_password_for_many_accounts_is_bounded_by_the_address() {
    let mut app = started().await;
    let person = app.person("ada").await;
    let device = text(&login(&app, &person.email, PASSWORD, None).await["data"]["login"]["deviceToken"]);
    for number in 0..100 {
        assert_eq!(guess(&app, &format!("victim-{number}@example.com")).await, WRONG);
    }
    let refused = login(&app, &person.email, PASSWORD, None).await;
    assert_eq!(refusal(&refused).as_deref(), Some("RATE_LIMITED"));
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("failed sign-ins from one network address") && message.contains("deviceToken"),
        "{message}"
    );
    // A device that signed in before is let in at the same address, and anybody from another one.
    assert_eq!(refusal(&login(&app, &person.email, PASSWORD, Some(&device)).await), None);
    move_elsewhere(&mut app);
    assert_eq!(refusal(&login(&app, &person.email, PASSWORD, None).await), None);
}

#[tokio::test]
async fn guessing_from_many_addresses_is_bounded_by_the_account_and_its_owner_gets_in() {
    let mut app = started().await;
    let person = app.person("ada").await;
    let device = text(&login(&app, &person.email, PASSWORD, None).await["data"]["login"]["deviceToken"]);
    let mut judged = 0;
    for _ in 0..30 {
        move_elsewhere(&mut app);
        for _ in 0..5 {
            judged += usize::from(guess(&app, &person.email).await == WRONG);
        }
    }
    assert_eq!(judged, 50);
    assert_eq!(refusal(&login(&app, &person.email, PASSWORD, Some(&device)).await), None);
    // Slower, not shut: a guess is free again every 72 seconds.
    app.clock.advance(Duration::from_secs(72));
    move_elsewhere(&mut app);
    assert_eq!(refusal(&login(&app, &person.email, PASSWORD, None).await), None);
}

#[tokio::test]
async fn a_device_has_a_limit_of_its_own_and_is_known_to_its_account_only() {
    let app = started().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let device = text(&login(&app, &ada.email, PASSWORD, None).await["data"]["login"]["deviceToken"]);
    for _ in 0..10 {
        let wrong = login(&app, &ada.email, "a wrong password", Some(&device)).await;
        assert_eq!(refusal(&wrong).as_deref(), Some(WRONG));
    }
    let limited = login(&app, &ada.email, PASSWORD, Some(&device)).await;
    assert_eq!(refusal(&limited).as_deref(), Some("RATE_LIMITED"));
    assert_eq!(refusal(&login(&app, &ada.email, PASSWORD, None).await), None, "the address has not failed");
    // With somebody else's device, one's own access token or nonsense, a device is not known.
    let others = [device, ada.token.clone(), "nonsense".to_owned()];
    for number in 0..6 {
        let answer = login(&app, &eve.email, "a wrong password", Some(&others[number % 3])).await;
        let expected = if number < 5 { WRONG } else { "RATE_LIMITED" };
        assert_eq!(refusal(&answer).as_deref(), Some(expected), "{number}");
    }
}

#[tokio::test]
async fn a_device_token_signs_nobody_in() {
    let app = started().await;
    let person = app.person("ada").await;
    let device = text(&login(&app, &person.email, PASSWORD, None).await["data"]["login"]["deviceToken"]);
    let me = app.post(Some(&device), "{ me { id } }", Value::Null).await;
    assert_eq!(refusal(&me).as_deref(), Some("UNAUTHENTICATED/INVALID_TOKEN"));
    let verify = "query($t: String!) { verifyToken(token: $t) { valid kind reason } }";
    let said = app.run(None, verify, json!({ "t": device })).await;
    assert_eq!(said["verifyToken"], json!({ "valid": false, "kind": null, "reason": "INVALID_TOKEN" }));
}

#[tokio::test]
async fn limits_do_not_tell_whether_there_is_an_account() {
    let mut app = started().await;
    let known = app.person("ada").await.email;
    let mut stories = Vec::new();
    for email in [known.as_str(), "nobody@example.com"] {
        let mut story = Vec::new();
        for _ in 0..12 {
            move_elsewhere(&mut app);
            for _ in 0..6 {
                let answer = login(&app, email, "a wrong password", None).await;
                story.push((answer["errors"][0]["message"].clone(), refusal(&answer)));
            }
        }
        stories.push(story);
    }
    assert_eq!(stories[0], stories[1]);
}

#[tokio::test]
async fn of_a_hundred_guesses_at_once_five_are_judged() {
    let app = started().await;
    let email = app.person("ada").await.email;
    let answers = join_all((0..100).map(|_| guess(&app, &email))).await;
    assert_eq!(answers.iter().filter(|answer| *answer == WRONG).count(), 5);
    assert_eq!(answers.iter().filter(|answer| *answer == "RATE_LIMITED").count(), 95);
}
