//! A whole server in the test's process, reached over HTTP and WebSocket.
//!
//! Without `TEST_DATABASE_URL` it runs on SQLite and in-process parts, with it (and `TEST_REDIS_URL`) on PostgreSQL and
//! Redis: the same tests, both ways.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use yanit::{
    app::{App, Overrides},
    config::Config,
    kernel::{clock::Clock, jobs},
    ports::{ai::Models, db::Database},
    server,
};

/// A setting of the test run.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment what to run on")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How much of something: usually a little, and plenty where `scripts/test --long` asks for it.
pub(crate) fn amount(usual: usize, long: usize) -> usize {
    if setting("TEST_LONG").is_some() { long } else { usual }
}

/// Changes settings.
pub(crate) type Configure = Box<dyn FnOnce(&mut Config) + Send>;

/// What a test wants to be different from the usual server.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) configure: Option<Configure>,
    pub(crate) models: Option<Models>,
    /// Time stands still until the test moves it.
    pub(crate) manual_clock: bool,
    /// The time of another server.
    pub(crate) clock: Option<Clock>,
    /// Jobs are to fail for good; otherwise none may.
    pub(crate) jobs_fail: bool,
}

/// A migrated SQLite file's bytes.
static SQLITE: OnceCell<Vec<u8>> = OnceCell::const_new();
/// The name of a migrated database, which goes with the server that `scripts/test` started.
static POSTGRES: OnceCell<String> = OnceCell::const_new();

async fn migrated_file(folder: &Path) -> Vec<u8> {
    std::fs::create_dir_all(folder).expect("the temporary folder can be written");
    let config = Config { data_dir: folder.to_path_buf(), ..Config::default() };
    migrate(&config.database()).await;
    let bytes = std::fs::read(folder.join("yanit.sqlite")).expect("a closed database is one file");
    std::fs::remove_dir_all(folder).expect("it is ours");
    bytes
}

async fn migrated_database(admin: &str) -> String {
    let name = format!("yanit_template_{}", uuid::Uuid::from_u128(rand::random()).simple());
    run_on(admin, &format!("CREATE DATABASE {name}")).await;
    migrate(&with_database(admin, &name)).await;
    name
}

async fn migrate(url: &str) {
    let database = Database::connect(url, 2).await.expect("the test database answers");
    database.migrate().await.expect("it goes up");
    database.close().await.expect("it closes");
}

/// One place to keep data, which several servers may share.
pub(crate) struct Storage {
    name: String,
    folder: PathBuf,
    database_url: Option<String>,
    admin_url: Option<String>,
}

impl Storage {
    /// A fresh place with nothing in it but the tables.
    pub(crate) async fn new() -> Self {
        // Tests ask processes, too, before any server of their own has done so.
        yanit::ports::http::install_tls();
        let name = format!("yanit_test_{}", uuid::Uuid::from_u128(rand::random()).simple());
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let admin_url = setting("TEST_DATABASE_URL");
        let database_url = admin_url.as_ref().map(|admin| with_database(admin, &name));
        let storage = Self { name, folder, database_url, admin_url };
        storage.fill().await;
        storage
    }

    /// Puts a copy of the migrated template there: all migrations for each test anew would take longer than most tests.
    async fn fill(&self) {
        match &self.admin_url {
            None => {
                let template = SQLITE.get_or_init(async || migrated_file(&self.folder.join("template")).await).await;
                std::fs::write(self.folder.join("yanit.sqlite"), template)
                    .expect("the temporary folder can be written");
            }
            Some(admin) => {
                let template = POSTGRES.get_or_init(async || migrated_database(admin).await).await;
                run_on(admin, &format!("CREATE DATABASE {} TEMPLATE {template}", self.name)).await;
            }
        }
    }

    /// True on PostgreSQL, where several servers can share the data.
    pub(crate) fn is_shared(&self) -> bool {
        self.database_url.is_some()
    }

    /// Settings of a server that keeps its data here.
    pub(crate) fn config(&self) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: self.folder.clone(),
            database_url: self.database_url.clone(),
            redis_url: setting("TEST_REDIS_URL"),
            // What other tests did, at other times by their clocks, counts against no limit of this one.
            redis_prefix: self.name.clone(),
            secret_key: Some("0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c".into()),
            database_pool: 8,
            // So that each test can have an address of its own, and with it limits of its own.
            trusted_proxies: "loopback".parse().expect("a network"),
            ..Config::default().without_rates()
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        if let (Some(admin), Some(url)) = (self.admin_url.clone(), &self.database_url) {
            let name = url.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
            // Dropping happens outside any runtime; a thread of its own has one.
            let _ = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(run_on(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            })
            .join();
        }
    }
}

fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let base = address.rsplit_once('/').map_or(address, |(base, _)| base);
    query.map_or_else(|| format!("{base}/{name}"), |query| format!("{base}/{name}?{query}"))
}

async fn run_on(url: &str, sql: &str) {
    use sea_orm::ConnectionTrait;
    let database = Database::connect(url, 2).await.expect("the test database answers");
    database.db().execute_unprepared(sql).await.expect("the statement is allowed");
    database.close().await.expect("it closes");
}

/// A running server.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    /// The address that requests of this test seem to come from.
    pub(crate) from: Ipv4Addr,
    pub(crate) http: reqwest::Client,
    jobs_fail: bool,
    storage: Option<std::sync::Arc<Storage>>,
}

static ADDRESSES: AtomicU32 = AtomicU32::new(1);

impl TestApp {
    /// A server as users get it, on a fresh place.
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// A server that is different in what the test says.
    pub(crate) async fn with(options: Options) -> Self {
        let storage = std::sync::Arc::new(Storage::new().await);
        Self::on(storage, options).await
    }

    /// A server on a place that may be shared with others.
    pub(crate) async fn on(storage: std::sync::Arc<Storage>, options: Options) -> Self {
        let mut config = storage.config();
        if let Some(configure) = options.configure {
            configure(&mut config);
        }
        let listener = server::listen(config.listen).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        config.listen = address;
        let clock = match options.clock {
            Some(clock) => clock,
            None if options.manual_clock => Clock::manual("2026-01-05T09:00:00Z".parse().expect("a time")),
            None => Clock::system(),
        };
        let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_yanit")));
        let overrides = Overrides { clock: clock.clone(), models: options.models, program };
        let app = App::build(config, overrides).await.expect("the server starts");
        app.start_workers();
        app.ports.tasks.spawn(server::serve(listener, app.ports.clone(), app.api.clone()));
        let own = ADDRESSES.fetch_add(1, Ordering::Relaxed) + std::process::id() % 1_000 * 10_000;
        Self {
            app,
            clock,
            address,
            from: Ipv4Addr::from(0x0A00_0000 | own & 0x00FF_FFFF),
            http: reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client"),
            jobs_fail: options.jobs_fail,
            storage: Some(storage),
        }
    }

    #[expect(dead_code, reason = "for tests that start a second server on the same data")]
    pub(crate) fn storage(&self) -> std::sync::Arc<Storage> {
        self.storage.clone().expect("it runs")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    pub(crate) fn ws_url(&self) -> String {
        format!("ws://{}/graphql/ws", self.address)
    }

    /// Sends a document and returns the whole answer.
    pub(crate) async fn post(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        self.try_post(token, query, variables).await.expect("the server answers")
    }

    /// The same; fails when the connection does.
    pub(crate) async fn try_post(&self, token: Option<&str>, query: &str, variables: Value) -> reqwest::Result<Value> {
        let mut request = self
            .http
            .post(self.url())
            .header("x-forwarded-for", self.from.to_string())
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await?.json().await
    }

    /// Sends a document that must succeed; returns its `data`.
    pub(crate) async fn run(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let answer = self.post(token, query, variables).await;
        assert!(answer.get("errors").is_none(), "unexpected errors: {answer:#}\nin {query}");
        answer["data"].clone()
    }

    /// Sends a document that must fail; returns the first error's code and reason as `CODE` or `CODE/REASON`.
    pub(crate) async fn refused(&self, token: Option<&str>, query: &str, variables: Value) -> String {
        let answer = self.post(token, query, variables).await;
        refusal(&answer).unwrap_or_else(|| panic!("it should have been refused: {answer:#}"))
    }

    /// Ends the server as Ctrl-C does.
    pub(crate) async fn shut_down(mut self) {
        self.app.clone().stop().await;
        self.storage = None;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.app.ports.tasks.stop();
        let failed = jobs::failed_here(&self.app.cx());
        if !self.jobs_fail && !std::thread::panicking() {
            assert!(failed.is_empty(), "jobs failed for good: {failed:?}");
        }
    }
}

/// An answer's first error as `CODE` or `CODE/REASON`.
pub(crate) fn refusal(answer: &Value) -> Option<String> {
    let extensions = &answer["errors"].get(0)?["extensions"];
    let code = extensions["code"].as_str().unwrap_or("no code");
    Some(match extensions["reason"].as_str() {
        Some(reason) => format!("{code}/{reason}"),
        None => code.to_owned(),
    })
}
