//! The program itself, and Redis, as processes that a test starts, stops and kills.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use yanit::config::Config;

use super::client::DEADLINE;
use crate::harness::{
    app::setting,
    people::{PASSWORD, Person, text},
    ws::Ws,
};

/// False, said aloud, where servers cannot share a place.
pub(super) fn servers_can_share() -> bool {
    let can = setting("TEST_DATABASE_URL").is_some() && setting("TEST_REDIS_URL").is_some();
    if !can {
        eprintln!("skipped: it needs PostgreSQL and Redis (TEST_DATABASE_URL, TEST_REDIS_URL)");
    }
    can
}

pub(super) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Waits until something holds, with a deadline.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A Redis server of the test's own. Killed when dropped.
pub(super) struct OwnRedis {
    address: SocketAddr,
    folder: PathBuf,
    process: Option<Child>,
}

impl OwnRedis {
    pub(super) fn start() -> Self {
        let address = free_address();
        let folder = std::env::temp_dir().join(format!("yanit-test-redis-{}", address.port()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let mut redis = Self { address, folder, process: None };
        redis.start_again();
        redis
    }

    pub(super) fn start_again(&mut self) {
        let process = Command::new("redis-server")
            .args(["--port", &self.address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.expect("redis-server is installed"));
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it ends");
        }
    }
}

/// Freezing: connections stay open and nothing answers.
impl OwnRedis {
    pub(super) fn freeze(&self) {
        signal("-STOP", self.process.as_ref().expect("it runs"));
    }

    pub(super) fn thaw(&self) {
        signal("-CONT", self.process.as_ref().expect("it runs"));
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A PostgreSQL server of the test's own. Killed when dropped.
pub(super) struct OwnPostgres {
    address: SocketAddr,
    folder: PathBuf,
    process: Option<Child>,
}

impl OwnPostgres {
    pub(super) async fn start() -> Self {
        let address = free_address();
        let folder = std::env::temp_dir().join(format!("yanit-test-postgres-{}", address.port()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        if let Some((user, group)) = postgres_user() {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).expect("root may give it away");
        }
        let postgres = Self { address, folder, process: None };
        let made = postgres
            .command("initdb")
            .args(["--username=yanit", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--pgdata"])
            .arg(postgres.data())
            .status();
        assert!(made.expect("initdb is there").success());
        let mut postgres = postgres;
        postgres.start_again().await;
        postgres
    }

    /// On the same port, with the same data.
    pub(super) async fn start_again(&mut self) {
        let port = self.address.port().to_string();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &port, "-h", "127.0.0.1", "-k", ""]);
        self.process = Some(command.arg("-F").spawn().expect("postgres is there"));
        until("PostgreSQL is ready", async || {
            let status = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            status.lines().nth(7).is_some_and(|line| line.starts_with("ready"))
        })
        .await;
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://yanit@{}/postgres", self.address)
    }

    /// Ends all connections, and itself: a "fast" shutdown.
    pub(super) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal("-INT", &process);
            process.wait().expect("it ends");
        }
    }

    /// Connections stay open and nothing answers.
    pub(super) fn freeze(&self) {
        self.signal_all("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal_all("-CONT");
    }

    /// The server's process and those of its connections.
    fn signal_all(&self, name: &str) {
        let own = self.process.as_ref().expect("it runs").id().to_string();
        let others = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).expect("it is readable");
        let sent = Command::new("kill").arg(name).arg(&own).args(others.split_whitespace()).status();
        // One that has ended by itself in the meantime makes it say that it failed.
        sent.expect("there is `kill`");
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// It refuses to run as root: then it runs as the user that its package made.
    fn command(&self, name: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|folders| folders.filter_map(Result::ok).map(|folder| folder.path().join("bin")).collect())
            .unwrap_or_default();
        versions.retain(|folder| folder.join("postgres").exists());
        versions.sort();
        let mut command = Command::new(versions.pop().unwrap_or_default().join(name));
        command.current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = postgres_user() {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.thaw();
        }
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Who PostgreSQL runs as where tests run as root, by number of user and group.
fn postgres_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("it is readable");
    let user = users.lines().find(|line| line.starts_with("postgres:")).expect("PostgreSQL's package made a user");
    let mut numbers = user.split(':').skip(2).map(|number| number.parse().expect("a number"));
    Some((numbers.next().expect("a user"), numbers.next().expect("a group")))
}

/// The program with these settings, silent.
pub(crate) fn program(config: &Config, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yanit"));
    command
        .args(arguments)
        .env_clear()
        .current_dir(&config.data_dir)
        .env("YANIT_DATA_DIR", &config.data_dir)
        .env("YANIT_REDIS_PREFIX", &config.redis_prefix)
        .env("YANIT_DATABASE_POOL", config.database_pool.to_string())
        // Its clock is that of the machine: what a test with a clock of its own began long before does not end.
        .env("YANIT_IDLE_HOURS", "8760")
        .env("YANIT_MAX_ADDRESS_CONNECTIONS", config.max_address_connections.to_string())
        .env("YANIT_SHUTDOWN_SECONDS", config.shutdown_seconds.to_string())
        .env("YANIT_LOG", "warn")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for (name, limit) in [
        ("RATE", config.rate_per_minute),
        ("VISITOR_RATE", config.visitor_rate_per_minute),
        ("ANONYMOUS_RATE", config.anonymous_rate_per_minute),
        ("CHANGES", config.changes_per_minute),
        ("MESSAGES", config.messages_per_minute),
        ("ADDRESS_MESSAGES", config.address_messages_per_minute),
        ("SITE_MESSAGES", config.site_messages_per_minute),
        ("CONVERSATIONS", config.conversations_per_minute),
        ("ADDRESS_CONVERSATIONS", config.address_conversations_per_minute),
        ("SITE_CONVERSATIONS", config.site_conversations_per_minute),
    ] {
        command.env(format!("YANIT_{name}_PER_MINUTE"), limit.to_string());
    }
    if config.embedder != "built-in" {
        command.env("YANIT_EMBEDDER", &config.embedder);
    }
    for (name, value) in [
        ("DATABASE_URL", &config.database_url),
        ("REDIS_URL", &config.redis_url),
        ("YANIT_SECRET_KEY", &config.secret_key),
        ("YANIT_OPENAI_URL", &config.openai_url),
        ("YANIT_OPENAI_MODEL", &config.openai_model),
        ("YANIT_EMBEDDER_URL", &config.embedder_url),
        ("YANIT_EMBEDDER_MODEL", &config.embedder_model),
        ("QDRANT_URL", &config.qdrant_url),
    ] {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

/// A process that is killed when this is dropped, also when a test fails.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(name: &str, process: &Child) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status();
    assert!(sent.expect("there is `kill`").success());
}

/// The program itself, as a process. Killed when dropped.
pub(super) struct Node {
    pub(super) address: SocketAddr,
    config: Config,
    process: Option<Child>,
}

impl Node {
    /// A node on a port of its own, ready to serve.
    pub(super) async fn start(config: Config) -> Self {
        let mut node = Self { address: free_address(), config, process: None };
        node.start_again().await;
        node
    }

    /// On the same port, with the same data.
    pub(super) async fn start_again(&mut self) {
        let mut command = program(&self.config, &[]);
        command.env("YANIT_LISTEN", self.address.to_string());
        self.process = Some(command.spawn().expect("the program is built"));
        let ready = format!("http://{}/health/ready", self.address);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        until("the node is ready", async || {
            let process = self.process.as_mut().expect("it was started");
            assert!(process.try_wait().expect("it is a child").is_none(), "the node ended by itself");
            http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    pub(super) fn ws_url(&self) -> String {
        format!("ws://{}/graphql/ws", self.address)
    }

    /// SIGTERM, as a supervisor stops a program.
    pub(super) fn terminate(&self) {
        signal("-TERM", self.process.as_ref().expect("it was started"));
    }

    /// SIGSTOP: connections stay open and nothing answers.
    pub(super) fn freeze(&self) {
        signal("-STOP", self.process.as_ref().expect("it was started"));
    }

    pub(super) fn thaw(&self) {
        signal("-CONT", self.process.as_ref().expect("it was started"));
    }

    /// Waits until the process has ended; true when it says that all is well.
    pub(super) async fn ended(&mut self, within: Duration) -> bool {
        let begun = Instant::now();
        let process = self.process.as_mut().expect("it was started");
        loop {
            if let Some(status) = process.try_wait().expect("it is a child") {
                return status.success();
            }
            assert!(begun.elapsed() < within, "it still runs after {within:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A socket of somebody who signs in here: by its own clock, a node gives its own sign-in.
    pub(super) async fn signed_in(&self, person: &Person) -> Ws {
        let login = json!({ "query": "mutation($i: LoginInput!) { login(input: $i) { accessToken } }",
            "variables": { "i": { "email": person.email, "password": PASSWORD } } });
        let http = reqwest::Client::builder().build().expect("a client");
        let login = http.post(format!("http://{}/graphql", self.address)).json(&login);
        let answer: serde_json::Value = login.send().await.expect("it answers").json().await.expect("JSON");
        let token = text(&answer["data"]["login"]["accessToken"]);
        Ws::signed_in(&self.ws_url(), Some(&token)).await
    }

    /// SIGKILL: nothing is said and nothing is finished.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it ends");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
