//! New passwords: chosen by who knows the old one, or made by who runs the server.

use std::{process::Stdio, sync::Arc};

use serde_json::json;

use crate::{
    harness::{
        app::{Options, Storage, TestApp},
        people::{PASSWORD, text},
    },
    resilience::processes::program,
};

const LOGIN: &str = "mutation L($i: LoginInput!) { login(input: $i) { user { id } accessToken } }";
const CHANGE: &str = "mutation C($i: ChangePasswordInput!) { changePassword(input: $i) { endedSessions user { id } } }";
const REFRESH: &str = "mutation R($i: RefreshSessionInput!) { refreshSession(input: $i) { accessToken } }";
const NEXT: &str = "a battery of correct horses";

/// G6
#[tokio::test]
async fn who_knows_their_password_may_choose_another() {
    let app = TestApp::start().await;
    let person = app.person("ada").await;
    let account = |password: &str| json!({ "i": { "email": person.email, "password": password } });
    // Another device.
    app.run(None, LOGIN, account(PASSWORD)).await;
    let change = |current: &str, next: &str| json!({ "i": { "currentPassword": current, "newPassword": next } });
    let wrong = app.refused(Some(&person.token), CHANGE, change("not the password", NEXT)).await;
    assert!(!wrong.is_empty() && !wrong.starts_with("INTERNAL"), "{wrong}");
    let changed = app.run(Some(&person.token), CHANGE, change(PASSWORD, NEXT)).await["changePassword"].clone();
    assert_eq!(changed, json!({ "endedSessions": 1, "user": { "id": person.id } }));
    let old = app.refused(None, LOGIN, account(PASSWORD)).await;
    assert!(old.starts_with("UNAUTHENTICATED"), "{old}");
    assert_eq!(app.run(None, LOGIN, account(NEXT)).await["login"]["user"]["id"], person.id.as_str());
    // Whoever changed it stays.
    app.run(Some(&person.token), "{ me { id } }", json!({})).await;
}

/// G7: the command, run as operators run it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_password_is_replaced_by_a_command() {
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options::default()).await;
    let person = app.person("ada").await;
    let reset = async |email: &str| {
        let mut command = program(&storage.config(), &["admin", "reset-password", "--email", email]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        let output = output.expect("it starts");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), said(&output.stdout), said(&output.stderr))
    };
    let (done, printed, errors) = reset(&person.email).await;
    assert!(done, "{printed}{errors}");
    assert!(printed.contains(&person.email), "{printed}");
    let password = printed.trim().rsplit(' ').next().unwrap_or_default();
    assert!(password.len() >= 12, "{printed}");
    let account = |password: &str| json!({ "i": { "email": person.email, "password": password } });
    let old = app.refused(None, LOGIN, account(PASSWORD)).await;
    assert!(old.starts_with("UNAUTHENTICATED"), "{old}");
    assert_eq!(text(&app.run(None, LOGIN, account(password)).await["login"]["user"]["id"]), person.id);
    // Whoever was signed in before is not any more.
    let refused = app.refused(None, REFRESH, json!({ "i": { "refreshToken": person.refresh } })).await;
    assert!(refused.starts_with("UNAUTHENTICATED"), "{refused}");

    let (done, printed, errors) = reset("nobody@example.com").await;
    assert!(!done && printed.is_empty() && errors.contains("nobody@example.com"), "{printed}{errors}");
}
