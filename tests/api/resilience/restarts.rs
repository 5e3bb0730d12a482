//! PostgreSQL is restarted while connections to it are kept.

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use yanit::ports::db::Database;

use crate::harness::{
    app::{Options, TestApp, setting},
    people::new_id,
};

/// Requests at once, several times as many as connections.
const CROWD: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_all_connections_to_the_database_broke() {
    const READ: &str =
        "query R($c: ID!) { conversation(conversationId: $c) { id messages(first: 5) { nodes { body } } } }";
    const SEND: &str = "mutation S($i: SendMessageInput!) { sendMessage(input: $i) { message { seq } } }";
    let Some(admin) = setting("TEST_DATABASE_URL") else { return };
    let admin = Database::connect(&admin, 1).await.expect("it answers");
    let app = TestApp::with(Options::default()).await;
    let url = app.app.ports.config.database_url.clone().expect("it is shared");
    let name = url.rsplit('/').next().and_then(|name| name.split('?').next()).expect("a database").to_owned();
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let mut conversations = vec![app.conversation(&visitor).await];
    for _ in 1..4 {
        let other = app.visitor(&site).await;
        conversations.push(app.conversation(&other).await);
    }
    let reads = || {
        join_all((0..CROWD).map(|number| {
            let conversation = &conversations[number % conversations.len()];
            app.post(Some(&site.admin.token), READ, json!({ "c": conversation }))
        }))
    };
    let writes = || {
        join_all((0..CROWD).map(|number| {
            let conversation = &conversations[number % conversations.len()];
            let input = json!({ "conversationId": conversation, "body": "hello", "clientId": new_id() });
            app.post(Some(&site.admin.token), SEND, json!({ "i": input }))
        }))
    };
    let all_well = |answers: Vec<Value>| {
        let failed: Vec<Value> = answers.into_iter().filter(|answer| answer.get("errors").is_some()).collect();
        assert!(failed.is_empty(), "{} of {CROWD}: {}", failed.len(), failed[0]);
    };
    for _ in 0..3 {
        all_well(reads().await);
        all_well(writes().await);
        let end = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
        admin.db().execute_unprepared(&end).await.expect("it is allowed");
        all_well(reads().await);
        admin.db().execute_unprepared(&end).await.expect("it is allowed");
        all_well(writes().await);
    }
    admin.close().await.expect("it closes");
}
