//! The program itself as a process of its own, and the people on its site.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::wire::Wire;

/// A running server with an empty data folder. Killed when dropped, and its folder removed.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    process: Child,
}

impl Server {
    /// Starts one with the usual settings, and waits until it serves and rests.
    pub(crate) fn start() -> io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = std::env::temp_dir().join(format!("yanit-hostile-{}-{}", std::process::id(), address.port()));
        fs::create_dir_all(&folder)?;
        let process = Command::new(env!("CARGO_BIN_EXE_yanit"))
            .env_clear()
            .current_dir(&folder)
            .env("YANIT_DATA_DIR", &folder)
            .env("YANIT_LISTEN", address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self { address, folder, process };
        server.settle()?;
        Ok(server)
    }

    /// Until it takes connections and no more than a fiftieth of a core.
    fn settle(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(120) {
            let used = self.cpu();
            sleep(Duration::from_secs(1));
            if !self.lives() {
                break;
            }
            let rests = self.cpu() - used < Duration::from_millis(20);
            if rests && std::net::TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
        }
        Err(io::Error::other("the server does not come to rest"))
    }

    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Resident memory in MB.
    pub(crate) fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        kilobytes.unwrap_or(0.0) / 1e3
    }

    /// Processor time so far.
    pub(crate) fn cpu(&self) -> Duration {
        cpu(&self.process.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Processor time of a process so far, in the kernel's hundredths of a second.
pub(crate) fn cpu(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split(' ').skip(12).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Somebody on a site's page, with a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) token: String,
    pub(crate) conversation: String,
}

/// A site, its admin as the agent, an innocent visitor, and visitors who are none.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) key: String,
    pub(crate) email: String,
    pub(crate) agent: String,
    pub(crate) visitor: Visitor,
    pub(crate) attackers: Vec<Visitor>,
}

pub(crate) const SESSION: &str =
    "mutation($k: String!) { startVisitorSession(input: { siteKey: $k }) { token visitorId } }";
pub(crate) const START: &str = "mutation { startConversation(input: {}) { conversation { id } } }";
pub(crate) const SEND: &str =
    "mutation($c: ID!, $b: String!) { sendMessage(input: { conversationId: $c, body: $b }) { message { id } } }";

/// The innocent visitor's address; attackers are elsewhere in the loopback network.
pub(crate) const VISITOR: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 2);
/// The innocent agent's.
pub(crate) const AGENT: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);

/// A request's body.
pub(crate) fn body(query: &str, variables: &Value) -> String {
    json!({ "query": query, "variables": variables }).to_string()
}

/// Asks once; gives the data.
pub(crate) async fn ask(
    (to, from): (SocketAddr, Ipv4Addr),
    token: Option<&str>,
    query: &str,
    variables: &Value,
) -> io::Result<Value> {
    let (_, answer) = Wire::open(to, from).await?.post(token, &body(query, variables)).await?;
    let mut answer: Value = serde_json::from_slice(&answer)?;
    if answer.get("errors").is_some() {
        return Err(io::Error::other(answer.to_string()));
    }
    Ok(answer["data"].take())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Makes a site with its people. The conversations of the attackers may hold 24 messages of nine thousand bytes.
pub(crate) async fn people(to: SocketAddr, filled: bool) -> io::Result<Place> {
    let email = "agent@hostile.example".to_owned();
    let register = "mutation($i: RegisterInput!) { register(input: $i) { accessToken } }";
    let person = json!({ "i": { "email": email, "password": "correct horse battery", "name": "Agent" } });
    let agent = text(&ask((to, AGENT), None, register, &person).await?["register"]["accessToken"]);
    let create = "mutation { createSite(input: { name: \"Shop\" }) { site { publicKey } } }";
    let site = ask((to, AGENT), Some(&agent), create, &json!({})).await?;
    let key = text(&site["createSite"]["site"]["publicKey"]);
    let visitor = visitor((to, VISITOR), &key).await?;
    let mut attackers = Vec::new();
    for number in 0..10 {
        attackers.push(self::visitor((to, Ipv4Addr::new(127, 3, 0, number + 1)), &key).await?);
    }
    if filled {
        for attacker in &attackers {
            for _ in 0..24 {
                let message = json!({ "c": attacker.conversation, "b": "x".repeat(9_000) });
                ask((to, AGENT), Some(&agent), SEND, &message).await?;
            }
        }
    }
    Ok(Place { key, email, agent, visitor, attackers })
}

async fn visitor(way: (SocketAddr, Ipv4Addr), key: &str) -> io::Result<Visitor> {
    let session = ask(way, None, SESSION, &json!({ "k": key })).await?;
    let token = text(&session["startVisitorSession"]["token"]);
    let started = ask(way, Some(&token), START, &json!({})).await?;
    Ok(Visitor { conversation: text(&started["startConversation"]["conversation"]["id"]), token })
}
