//! A backup is put back: the numbers of events are given once more, and nobody is told the wrong ones.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use yanit::{kernel::clock::Clock, ports::db::Database};

use crate::{
    harness::{
        app::{Options, Storage, TestApp, setting},
        people::{Visitor, text},
        ws::Ws,
    },
    resilience::processes::program,
};

const MESSAGES: &str = "subscription M($c: ID!, $a: EventCursor) { messages(conversationId: $c, after: $a) { __typename
    ... on MessageChanged { cursor message { body } } ... on Gap { cursor from refetch } } }";
const INBOX: &str = "subscription I($s: ID!, $a: EventCursor) { inboxEvents(siteId: $s, after: $a) { __typename
    ... on Gap { cursor from } } }";

/// What was kept of a database.
enum Backup {
    Files(Vec<(PathBuf, Vec<u8>)>),
    /// The name of another database.
    Copy(String),
}

async fn admin(statements: &[String]) {
    let admin = Database::connect(&setting("TEST_DATABASE_URL").expect("it is set"), 1).await.expect("it answers");
    for statement in statements {
        admin.db().execute_unprepared(statement).await.expect("it is allowed");
    }
    admin.close().await.expect("it closes");
}

fn name_of(storage: &Storage) -> Option<String> {
    let url = storage.config().database_url?;
    Some(url.rsplit('/').next()?.split('?').next()?.to_owned())
}

/// Ends what is connected, so that the database can be copied and dropped.
fn end(name: &str) -> String {
    format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
}

fn files(storage: &Storage) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(storage.config().data_dir).expect("it can be read");
    let files = folder.map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.to_string_lossy().contains("yanit.sqlite")).collect()
}

impl Backup {
    async fn of(storage: &Storage) -> Self {
        let Some(name) = name_of(storage) else {
            let read = |path: PathBuf| (path.clone(), std::fs::read(&path).expect("it can be read"));
            return Self::Files(files(storage).into_iter().map(read).collect());
        };
        let copy = format!("{name}_copy");
        admin(&[end(&name), format!("CREATE DATABASE {copy} TEMPLATE {name}")]).await;
        Self::Copy(copy)
    }

    async fn put_back(self, storage: &Storage) {
        match self {
            Self::Files(kept) => {
                files(storage).iter().for_each(|path| std::fs::remove_file(path).expect("it is there"));
                kept.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).expect("it can be written"));
            }
            Self::Copy(copy) => {
                let name = name_of(storage).expect("a database");
                let (drop, create) =
                    (format!("DROP DATABASE {name}"), format!("CREATE DATABASE {name} TEMPLATE {copy}"));
                admin(&[end(&name), drop, create, format!("DROP DATABASE {copy}")]).await;
            }
        }
    }
}

async fn followed(app: &TestApp, token: &str, query: &str, variables: Value) -> Ws {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
    ws.subscribe("f", query, variables).await;
    ws
}

/// Says these; returns the cursor of the last.
async fn say(app: &TestApp, visitor: &Visitor, conversation: &str, bodies: &[&str]) -> Value {
    let mut ws = followed(app, &visitor.token, MESSAGES, json!({ "c": conversation, "a": "beginning" })).await;
    for body in bodies {
        app.say(&visitor.token, conversation, body).await;
    }
    let last = bodies.last().expect("something is said");
    let events = ws.until("f", |event| event["messages"]["message"]["body"] == *last).await;
    events[events.len() - 1]["messages"]["cursor"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_resumes_after_a_restore_is_told_of_the_gap() {
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options::default()).await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    say(&app, &visitor, &conversation, &["one"]).await;
    app.shut_down().await;
    let backup = Backup::of(&storage).await;

    let app = TestApp::on(storage.clone(), Options::default()).await;
    let before = say(&app, &visitor, &conversation, &["two", "three"]).await;
    app.shut_down().await;
    backup.put_back(&storage).await;

    // The journal is beyond the old cursor again, with other lines.
    let clock = Clock::manual(Clock::system().now() + Duration::from_secs(2));
    let options = || Options { clock: Some(clock.clone()), ..Options::default() };
    let app = TestApp::on(storage.clone(), options()).await;
    let after = say(&app, &visitor, &conversation, &["II", "III", "IV", "V"]).await;
    let mut messages = followed(&app, &visitor.token, MESSAGES, json!({ "c": conversation, "a": before })).await;
    let gap = messages.next("f").await["messages"].take();
    assert_eq!((&gap["__typename"], &gap["from"], &gap["cursor"]), (&json!("Gap"), &before, &after), "{gap}");
    let mut inbox = followed(&app, &site.admin.token, INBOX, json!({ "s": site.id, "a": before })).await;
    assert_eq!(inbox.next("f").await["inboxEvents"]["__typename"], "Gap");
    app.say(&visitor.token, &conversation, "VI").await;
    assert_eq!(messages.next("f").await["messages"]["message"]["body"], "VI");
    // What follows a cursor of the present is all there.
    let mut present = followed(&app, &visitor.token, MESSAGES, json!({ "c": conversation, "a": after })).await;
    assert_eq!(present.next("f").await["messages"]["message"]["body"], "VI");

    // A snapshot of the disk does not show: then people say so, also to nodes that run.
    let mut command = program(&app.app.ports.config, &["restored"]);
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().expect("it starts");
    assert!(status.success());
    let mut resumed = followed(&app, &visitor.token, MESSAGES, json!({ "c": conversation, "a": after })).await;
    assert_eq!(resumed.next("f").await["messages"]["__typename"], "Gap");
    let told = messages.provoke("f", || async { clock.advance(Duration::from_secs(30)) }).await;
    assert_eq!(text(&told["messages"]["__typename"]), "Gap");
    app.say(&visitor.token, &conversation, "VII").await;
    for ws in [&mut messages, &mut resumed] {
        assert_eq!(ws.next("f").await["messages"]["message"]["body"], "VII");
    }
}
