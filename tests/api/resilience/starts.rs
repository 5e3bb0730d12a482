//! What a start refuses, and what it does without.

use std::{
    io::{BufRead, BufReader},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use yanit::config::Config;

use super::{
    client::DEADLINE,
    processes::{Node, Running, free_address, program, until},
};
use crate::harness::app::Storage;

/// What a command said that ends by itself.
async fn output_of(config: &Config, arguments: &[&str]) -> Output {
    let mut command = program(config, arguments);
    command.env("YANIT_LISTEN", free_address().to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(DEADLINE, output).await.expect("it does not end");
    output.expect("no panic").expect("it starts")
}

/// On PostgreSQL any number of processes may work; on SQLite they would not hear of each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_one_sqlite_file_is_refused_with_the_reason() {
    let storage = Arc::new(Storage::new().await);
    if storage.is_shared() {
        return;
    }
    let mut node = Node::start(storage.config()).await;
    for arguments in [&["worker"][..], &["serve"], &["demo"], &["fixture", "made.json"]] {
        let output = output_of(&storage.config(), arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("YANIT_DATA_DIR") && said.contains("DATABASE_URL"), "{said}");
    }
    // What only writes a row is allowed.
    let admin = output_of(&storage.config(), &["admin", "create", "--email", "ada@example.com"]).await;
    assert!(admin.status.success());
    // However the first one ends, its claim ends with it.
    node.kill();
    node.start_again().await;
}

/// What the server keeps is read by nobody else, whatever the system's default is and an earlier version left.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_reads_what_is_in_the_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let storage = Arc::new(Storage::new().await);
    // With PostgreSQL a key is set and the data is elsewhere.
    if storage.is_shared() {
        return;
    }
    let mut config = storage.config();
    config.secret_key = None;
    let folder = config.data_dir.clone();
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let others = || {
        let open = |entry: std::fs::DirEntry| (mode(&entry.path()) & 0o077 != 0).then(|| entry.path());
        let entries = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry"));
        entries.filter_map(open).chain((mode(&folder) != 0o700).then(|| folder.clone())).collect::<Vec<_>>()
    };
    let mut node = Node::start(config.clone()).await;
    let names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().any(|name| name == "secret.key"), "{names:?}");
    assert!(names.iter().any(|name| name == "yanit.sqlite-wal"), "{names:?}");
    assert_eq!(others(), Vec::<std::path::PathBuf>::new());
    // An earlier version left all of it open, and ended without tidying up.
    node.kill();
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert!(!others().is_empty());
    node.start_again().await;
    assert_eq!(others(), Vec::<std::path::PathBuf>::new());
}

/// API keys are sealed with it: another one in its place would make them unreadable without a word.
#[tokio::test]
async fn a_secret_key_that_cannot_be_used_is_refused_and_left_alone() {
    let storage = Storage::new().await;
    if storage.is_shared() {
        return;
    }
    let config = Config { secret_key: None, ..storage.config() };
    let file = config.data_dir.join("secret.key");
    std::fs::write(&file, "half a key").expect("it can be written");
    let output = output_of(&config, &["migrate"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("secret.key") && said.contains("YANIT_SECRET_KEY"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "half a key");
}

/// Whoever starts it for the first time sees the passwords, and the articles are indexed once there is what makes the
/// index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_serves_and_prints_the_sign_ins_although_nothing_makes_the_index() {
    const SEARCH: &str = "query S($k: String!) { searchArticles(siteKey: $k, text: \"iade\") { article { title } } }";
    let storage = Storage::new().await;
    if storage.is_shared() {
        return;
    }
    let nowhere = free_address();
    let config = Config {
        embedder: "openai".into(),
        embedder_url: Some(format!("http://{nowhere}/v1")),
        embedder_model: Some("nothing".into()),
        qdrant_url: Some(format!("http://{nowhere}")),
        ..storage.config()
    };
    let address = free_address();
    let mut command = program(&config, &[]);
    let process = command.env("YANIT_LISTEN", address.to_string()).stdout(Stdio::piped()).spawn();
    let mut process = Running(process.expect("the program is built"));
    let output = process.0.stdout.take().expect("it is piped");
    let printed = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let mut told = Vec::new();
        for line in lines.by_ref() {
            let last = line.contains("Health");
            told.push(line);
            if last {
                break;
            }
        }
        told.join("\n")
    });
    let printed = tokio::time::timeout(DEADLINE, printed).await.expect("it prints nothing").expect("no panic");
    let word = |name: &str| {
        let line = printed.lines().find(|line| line.trim_start().starts_with(name)).expect("it is printed");
        line.split_whitespace().last().expect("a word").to_owned()
    };
    let key = word("Site key");
    assert!(word("Admin").len() >= 12, "{printed}");
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
    until("it serves", async || {
        let live = http.get(format!("http://{address}/health/live")).send().await;
        live.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    drop(process);

    let node = Node::start(storage.config()).await;
    until("the articles are found", async || {
        // Not more often: searches are limited to 300 a minute.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let search = json!({ "query": SEARCH, "variables": { "k": key } });
        let answer = http.post(format!("http://{}/graphql", node.address)).json(&search).send().await;
        let answer: Value = answer.expect("it answers").json().await.expect("JSON");
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["searchArticles"].as_array().is_some_and(|found| !found.is_empty())
    })
    .await;
}

/// G7: whoever starts it again is told where things are, but no password; and a log that goes to a file is words alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_prints_the_key_and_the_addresses_and_logs_hide_nothing() {
    let storage = Storage::new().await;
    if storage.is_shared() {
        return;
    }
    let folder = storage.config().data_dir;
    // Nothing is there yet, not even tables.
    std::fs::remove_file(folder.join("yanit.sqlite")).expect("the tables are in it");
    let mut keys = Vec::new();
    for start in 1..=2 {
        let address = free_address();
        let mut command = program(&storage.config(), &[]);
        command.env("YANIT_LISTEN", address.to_string()).env_remove("YANIT_LOG");
        let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = Running(process.expect("the program is built"));
        let output = process.0.stdout.take().expect("it is piped");
        let printed = tokio::task::spawn_blocking(move || {
            let mut told = Vec::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let last = line.contains("Lost password?");
                told.push(line);
                if last {
                    break;
                }
            }
            told.join("\n")
        });
        let printed = tokio::time::timeout(DEADLINE, printed).await.expect("it prints nothing").expect("no panic");
        let mut log = process.0.stderr.take().expect("it is piped");
        drop(process);
        let mut logged = String::new();
        std::io::Read::read_to_string(&mut log, &mut logged).expect("it is text");
        assert!(!logged.contains('\u{1b}') && !printed.contains('\u{1b}'), "no colours: {logged}");
        assert!(logged.lines().count() < 20, "{logged}");
        let key = printed.lines().find_map(|line| line.trim_start().strip_prefix("Site key")).expect("it is printed");
        keys.push(key.trim().to_owned());
        for place in [format!("http://{address}/demo"), format!("http://{address}/graphql")] {
            assert!(printed.contains(&place), "{printed}");
        }
        assert_eq!(printed.contains("passwords are shown this"), start == 1, "{printed}");
        assert!(printed.contains("reset-password"), "{printed}");
    }
    assert_eq!(keys[0], keys[1]);
}
