//! `yanit fixture`: what black-box tests get is there, and works.

use std::{process::Stdio, sync::Arc};

use serde_json::{Value, json};

use crate::{
    harness::{
        app::{Options, Storage, TestApp},
        people::text,
    },
    resilience::processes::program,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fixture_names_people_and_things_that_a_server_knows() {
    let storage = Arc::new(Storage::new().await);
    let config = storage.config();
    let file = config.data_dir.join("made.json");
    let mut command = program(&config, &["fixture", file.to_str().expect("a path in UTF-8")]);
    command.stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&std::fs::read(&file).expect("it is written")).expect("JSON");

    let app = TestApp::on(storage, Options::default()).await;
    const ME: &str = "{ me { id email } }";
    const RUN: &str = "query R($r: ID!) { node(id: $r) { ... on Run { status text } } }";
    const TALK: &str =
        "query T($c: ID!) { conversation(conversationId: $c) { id messages(first: 100) { nodes { body } } } }";
    for who in [&made["superadmin"], &made["customer"]] {
        let me = app.run(who["accessToken"].as_str(), ME, json!({})).await;
        assert_eq!(me["me"], json!({ "id": who["id"], "email": who["email"] }));
    }
    for site in made["sites"].as_array().expect("sites") {
        for who in [&site["admin"], &site["agent"]] {
            let me = app.run(who["accessToken"].as_str(), ME, json!({})).await;
            assert_eq!(me["me"]["id"], who["id"]);
            let talk = app.run(who["accessToken"].as_str(), TALK, json!({ "c": site["conversationId"] })).await;
            assert_eq!(talk["conversation"]["id"], site["conversationId"]);
        }
        let visitor = site["visitor"]["token"].as_str();
        let run = app.run(visitor, RUN, json!({ "r": site["runId"] })).await;
        assert_eq!(run["node"]["status"], "FINISHED", "{run}");
        assert!(!text(&run["node"]["text"]).is_empty());
        for id in ["id", "assistantId", "articleId", "messageId", "noteId", "closedConversationId"] {
            let found = app
                .run(
                    site["admin"]["accessToken"].as_str(),
                    "query N($n: ID!) { node(id: $n) { id } }",
                    json!({ "n": site[id] }),
                )
                .await;
            assert_eq!(found["node"]["id"], site[id], "{id}");
        }
    }
    let own = &made["customer"];
    let run = app.run(own["accessToken"].as_str(), RUN, json!({ "r": own["runId"] })).await;
    assert_eq!(run["node"]["status"], "FINISHED", "{run}");
}
