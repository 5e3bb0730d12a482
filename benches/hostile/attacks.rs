//! The attacks. Those who are cut or refused come back until it is over.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::tcp::OwnedWriteHalf,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    documents,
    server::{Place, SEND, SESSION, START, Visitor, ask, body},
    wire::{BEGIN, MIDDLE, PING, PONG, TEXT, Wire, connect, frame, request, subscribe},
};

/// One kind of attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// How many times the usual time it needs.
    pub(crate) times: u32,
    /// Its visitors have conversations with long messages.
    pub(crate) filled: bool,
    pub(crate) run: fn(Arc<Target>) -> Running,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All attacks in their order.
pub(crate) fn all() -> Vec<Attack> {
    let attack = |name, run| Attack { name, times: 1, filled: false, run };
    let long = |name, run| Attack { times: 3, ..attack(name, run) };
    vec![
        long("unfinished-messages", |t| Box::pin(unfinished(t))),
        long("idle-uninitialised", |t| Box::pin(idle(t, false))),
        attack("idle-initialised", |t| Box::pin(idle(t, true))),
        attack("floods", |t| Box::pin(floods(t))),
        Attack { filled: true, ..long("unread-http", |t| Box::pin(unread_http(t))) },
        Attack { filled: true, ..long("unread-socket", |t| Box::pin(unread_socket(t))) },
        long("slow-heads", |t| Box::pin(slow(t, "GET /graphql HTTP/1.1\r\nx: "))),
        long("slow-bodies", |t| Box::pin(slow(t, SLOW_BODY))),
        attack("large-bodies", |t| Box::pin(large_bodies(t))),
        attack("documents-large", |t| Box::pin(posts(t, 8, usize::MAX, documents::large()))),
        attack("documents-at-limits", |t| Box::pin(posts(t, 8, 1_000, documents::at_limits()))),
        attack("documents-different", |t| Box::pin(different(t))),
        attack("introspection", |t| Box::pin(posts(t, 8, 1_000, documents::introspection()))),
        attack("passwords-one", |t| Box::pin(passwords(t, false))),
        attack("passwords-many", |t| Box::pin(passwords(t, true))),
        attack("writes-one-address", |t| Box::pin(writes(t, false))),
        attack("writes-many-addresses", |t| Box::pin(writes(t, true))),
        attack("subscriptions", |t| Box::pin(subscriptions(t))),
        attack("churn-tcp", |t| Box::pin(churn(t, false))),
        attack("churn-socket", |t| Box::pin(churn(t, true))),
    ]
}

/// What is attacked, and what became of the attackers.
pub(crate) struct Target {
    address: SocketAddr,
    place: Place,
    outcomes: Mutex<BTreeMap<String, (usize, Duration)>>,
    open: AtomicUsize,
    addresses: AtomicU32,
}

impl Target {
    pub(crate) fn new(address: SocketAddr, place: Place) -> Self {
        let (outcomes, open, addresses) = Default::default();
        Self { address, place, outcomes, open, addresses }
    }

    /// Counts what became of a request or a connection, and how long it took.
    fn count(&self, what: impl Into<String>, took: Duration) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, total) = outcomes.entry(what.into()).or_default();
        *count += 1;
        *total += took;
    }

    /// The attack is over: whatever is still open is so.
    pub(crate) fn end(&self) {
        for _ in 0..self.open.load(Ordering::Relaxed) {
            self.count("open at the end", Duration::ZERO);
        }
    }

    /// Everything that was counted, with the mean time in ms.
    pub(crate) fn outcome(&self) -> String {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let each = outcomes.iter().map(|(what, (count, total))| {
            let mean = total.as_secs_f64() * 1e3 / *count as f64;
            if total.is_zero() { format!("{what} ×{count}") } else { format!("{what} ×{count} ({mean:.1} ms)") }
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// An address that no attacker had before.
    fn fresh(&self) -> Ipv4Addr {
        let [_, high, middle, low] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Ipv4Addr::new(127, 100 + high, middle, low)
    }

    fn visitor(&self, number: usize) -> &Visitor {
        &self.place.attackers[number % self.place.attackers.len()]
    }
}

/// An attacker's connection, counted while it is open.
struct Held(Arc<Target>, Instant);

impl Held {
    fn new(target: &Arc<Target>) -> Self {
        target.open.fetch_add(1, Ordering::Relaxed);
        Self(target.clone(), Instant::now())
    }

    fn ended(self, how: impl Into<String>) {
        self.0.count(how, self.1.elapsed());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The address of one of several attackers.
fn of(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 2, (number / 250) as u8, (number % 250 + 1) as u8)
}

/// So many attackers at once. Each goes on for ever; what ends it with an error is counted, and it begins again.
async fn crowd<F>(
    target: Arc<Target>,
    count: usize,
    attacker: impl Fn(Arc<Target>, usize) -> F + Clone + Send + 'static,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut all: JoinSet<()> = (0..count)
        .map(|number| {
            let (target, attacker) = (target.clone(), attacker.clone());
            let attack = move || attacker(target.clone(), number);
            again(attack)
        })
        .collect();
    while all.join_next().await.is_some() {}
}

async fn again<F: Future<Output = io::Result<()>>>(attack: impl Fn() -> F) {
    loop {
        if attack().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A socket that signed in; who is refused is counted.
async fn socket(t: &Target, from: Ipv4Addr, token: Option<&str>) -> io::Result<Wire> {
    let began = Instant::now();
    let open = async {
        let mut wire = Wire::open(t.address, from).await?;
        wire.sign_in(token).await?;
        Ok(wire)
    };
    let opened: io::Result<Wire> = open.await;
    opened.inspect_err(|error| t.count(format!("refused: {error}"), began.elapsed()))
}

/// Goes on with something until the server ends the connection.
async fn until_closed<F>(t: &Arc<Target>, wire: Wire, attack: impl FnOnce(OwnedWriteHalf) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>>,
{
    let held = Held::new(t);
    let Wire { mut read, write } = wire;
    let code = tokio::select! {
        code = read.closed() => code,
        _ = attack(write) => read.closed().await,
    };
    held.ended(format!("closed {code}"));
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Sends the same again and again.
async fn drip(mut write: OwnedWriteHalf, bytes: Vec<u8>, every: Duration) -> io::Result<()> {
    loop {
        write.write_all(&bytes).await?;
        sleep(every).await;
    }
}

/// Two megabytes of a message, and signs of life instead of the rest.
async fn unfinished(t: Arc<Target>) {
    let begun: Arc<[u8]> = frame(BEGIN, &vec![b'x'; 2_000_000]).into();
    crowd(t, 200, move |t, number| {
        let begun = begun.clone();
        async move {
            let wire = socket(&t, of(number / 10), None).await?;
            until_closed(&t, wire, async |mut write| {
                write.write_all(&begun).await?;
                drip(write, frame(PONG, b""), Duration::from_millis(200)).await
            })
            .await
        }
    })
    .await;
}

/// Sockets that say nothing, before or after the first message.
async fn idle(t: Arc<Target>, initialised: bool) {
    crowd(t, 1_000, move |t, number| async move {
        let from = of(number / 200);
        let wire = if initialised {
            socket(&t, from, None).await?
        } else {
            let mut wire = Wire::open(t.address, from).await?;
            let status = wire.upgrade().await?;
            if status != 101 {
                t.count(format!("refused: {status}"), Duration::ZERO);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            wire
        };
        until_closed(&t, wire, async |_write| std::future::pending().await).await
    })
    .await;
}

/// Small frames without a pause.
async fn floods(t: Arc<Target>) {
    let kinds = [
        frame(TEXT, b"{\"type\":\"ping\"}"),
        frame(TEXT, b"{\"type\":\"pong\"}"),
        frame(TEXT, b"{\"type\":\"complete\",\"id\":\"x\"}"),
        frame(PING, b"x"),
        frame(PONG, b""),
        frame(MIDDLE, b""),
    ];
    crowd(t, 10, move |t, number| {
        let flood = kinds[number % kinds.len()].clone();
        async move {
            let wire = socket(&t, of(0), None).await?;
            until_closed(&t, wire, async |mut write| {
                if flood[0] == MIDDLE {
                    write.write_all(&frame(BEGIN, b"")).await?;
                }
                drip(write, flood.repeat(500), Duration::ZERO).await
            })
            .await
        }
    })
    .await;
}

/// A question whose answer has four megabytes, as many as may be.
fn much(visitor: &Visitor) -> Value {
    let bodies: String = (0..20).map(|number| format!(" b{number}: body")).collect();
    let query = format!(
        "query($c: ID!) {{ conversation(conversationId: $c) {{ messages(first: 24) {{ nodes {{{bodies} }} }} }} }}"
    );
    json!({ "query": query, "variables": { "c": visitor.conversation } })
}

/// Reads nothing; the server has cut the connection when it takes nothing any more.
async fn unread(t: &Arc<Target>, mut write: OwnedWriteHalf, sign: &[u8]) -> io::Result<()> {
    let held = Held::new(t);
    loop {
        sleep(Duration::from_millis(200)).await;
        if let Err(error) = write.write_all(sign).await {
            held.ended("cut");
            return Err(error);
        }
    }
}

async fn unread_http(t: Arc<Target>) {
    crowd(t, 100, |t, number| async move {
        let visitor = t.visitor(number);
        let mut wire = Wire::of(connect(t.address, of(number % 10), true).await?);
        let question = request(Some(&visitor.token), &much(visitor).to_string());
        wire.write.write_all(question.as_bytes()).await?;
        unread(&t, wire.write, b"\r\n").await
    })
    .await;
}

/// Six answers are asked for on each socket, and half of them go on giving signs of life.
async fn unread_socket(t: Arc<Target>) {
    crowd(t, 100, |t, number| async move {
        let visitor = t.visitor(number);
        let mut wire = Wire::of(connect(t.address, of(number % 10), true).await?);
        wire.sign_in(Some(&visitor.token)).await?;
        for id in 0..6 {
            wire.write.write_all(&subscribe(&id.to_string(), &much(visitor))).await?;
        }
        let sign = if number % 2 == 0 { frame(PONG, b"") } else { Vec::new() };
        // Without signs of life it cannot be seen from here that the server has cut it.
        unread(&t, wire.write, &sign).await
    })
    .await;
}

const SLOW_BODY: &str =
    "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n ";

/// Begins, and goes on by two bytes a second.
async fn slow(t: Arc<Target>, beginning: &'static str) {
    crowd(t, 500, move |t, number| async move {
        let Wire { mut read, mut write } = Wire::open(t.address, of(number / 100)).await?;
        let held = Held::new(&t);
        write.write_all(beginning.as_bytes()).await?;
        let status = tokio::select! {
            head = read.head() => head,
            Err(_) = drip(write, b"x".to_vec(), Duration::from_millis(500)) => read.head().await,
        };
        held.ended(status.map_or_else(|_| "closed".into(), |(status, _)| status.to_string()));
        Err(io::ErrorKind::ConnectionAborted.into())
    })
    .await;
}

/// Just below the limit, and sent whole.
async fn large_bodies(t: Arc<Target>) {
    let large = body("{ __typename }", &json!({ "unused": "x".repeat(2_097_000 - 200) }));
    posts(t, 100, usize::MAX, vec![("", large)]).await;
}

/// One request of a kind, on a connection that is kept.
async fn post(t: &Target, wire: &mut Wire, kind: &str, token: Option<&str>, body: &str) -> io::Result<()> {
    let began = Instant::now();
    let answer = wire.post(token, body).await;
    let outcome = match &answer {
        Ok((200, answer)) => format!("200{}", code(answer)),
        Ok((status, _)) => status.to_string(),
        Err(_) => "cut".into(),
    };
    t.count(format!("{kind} {outcome}").trim_start(), began.elapsed());
    answer.map(|_| ())
}

/// The code of the first error of an answer.
fn code(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(&answer[..answer.len().min(2_000)]);
    let code = text.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    code.map_or(String::new(), |code| format!(" {code}"))
}

/// Posts these in turn, as fast as they are answered; after so many from another address.
async fn posts(t: Arc<Target>, connections: usize, each: usize, bodies: Vec<(&'static str, String)>) {
    let bodies: Arc<[_]> = bodies.into();
    let next = Arc::new(AtomicUsize::new(0));
    crowd(t, connections, move |t, _| {
        let (bodies, next) = (bodies.clone(), next.clone());
        async move {
            let mut wire = Wire::open(t.address, t.fresh()).await?;
            for _ in 0..each {
                let (kind, body) = &bodies[next.fetch_add(1, Ordering::Relaxed) % bodies.len()];
                post(&t, &mut wire, kind, None, body).await?;
            }
            Ok(())
        }
    })
    .await;
}

/// Valid documents of 250 fields, none of which comes twice.
async fn different(t: Arc<Target>) {
    let next = Arc::new(AtomicUsize::new(0));
    crowd(t, 8, move |t, _| {
        let next = next.clone();
        async move {
            let mut wire = Wire::open(t.address, t.fresh()).await?;
            for _ in 0..1_000 {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let fields = "verifyToken(token: \"\") { valid kind reason } ".repeat(60);
                let document = format!("query Q{number} {{ a{number}: __typename {fields} }}");
                post(&t, &mut wire, "", None, &body(&document, &json!({}))).await?;
            }
            Ok(())
        }
    })
    .await;
}

/// Guesses for one account, each connection from its own address, or for one account after the other from addresses
/// that change.
async fn passwords(t: Arc<Target>, many: bool) {
    let next = Arc::new(AtomicUsize::new(0));
    crowd(t, 8, move |t, _| {
        let next = next.clone();
        async move {
            let mut wire = Wire::open(t.address, t.fresh()).await?;
            for _ in 0..if many { 50 } else { usize::MAX } {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let email = if many { format!("nobody-{number}@hostile.example") } else { t.place.email.clone() };
                let login = "mutation($i: LoginInput!) { login(input: $i) { accessToken } }";
                let guess = body(login, &json!({ "i": { "email": email, "password": "a wrong password" } }));
                post(&t, &mut wire, "", None, &guess).await?;
            }
            Ok(())
        }
    })
    .await;
}

/// New visitors who start conversations, write and type, all from one address or each from its own.
async fn writes(t: Arc<Target>, many: bool) {
    crowd(t, 8, move |t, _| async move {
        let from = if many { t.fresh() } else { of(0) };
        let session = ask((t.address, from), None, SESSION, &json!({ "k": t.place.key })).await;
        let began = Instant::now();
        let session = session.inspect_err(|_| t.count("session refused", began.elapsed()))?;
        t.count("session 200", Duration::ZERO);
        let token = session["startVisitorSession"]["token"].as_str();
        let started = ask((t.address, from), token, START, &json!({})).await;
        let started = started.inspect_err(|_| t.count("conversation refused", began.elapsed()))?;
        t.count("conversation 200", Duration::ZERO);
        let conversation = &started["startConversation"]["conversation"]["id"];
        let typing = "mutation($c: ID!) { setTyping(input: { conversationId: $c, isTyping: true }) { __typename } }";
        let mut wire = Wire::open(t.address, from).await?;
        for _ in 0..10 {
            let message = body(SEND, &json!({ "c": conversation, "b": "x".repeat(5_000) }));
            post(&t, &mut wire, "message", token, &message).await?;
            post(&t, &mut wire, "typing", token, &body(typing, &json!({ "c": conversation }))).await?;
        }
        Ok(())
    })
    .await;
}

/// As many subscriptions as allowed on each socket, and then ended and begun without a pause.
async fn subscriptions(t: Arc<Target>) {
    const MANY: usize = 50;
    let follow = "subscription($c: ID!) { messages(conversationId: $c) { __typename } }";
    crowd(t, 50, move |t, number| async move {
        let visitor = t.visitor(number);
        let payload = json!({ "query": follow, "variables": { "c": visitor.conversation } });
        let wire = socket(&t, of(number), Some(&visitor.token)).await?;
        until_closed(&t, wire, async |mut write| {
            for id in 0..MANY {
                write.write_all(&subscribe(&id.to_string(), &payload)).await?;
            }
            for id in (0..MANY).cycle() {
                let end = json!({ "type": "complete", "id": id.to_string() }).to_string();
                let both = [frame(TEXT, end.as_bytes()), subscribe(&id.to_string(), &payload)].concat();
                write.write_all(&both).await?;
            }
            Ok(())
        })
        .await
    })
    .await;
}

/// Connections that are opened and closed, from one address each attacker.
async fn churn(t: Arc<Target>, upgraded: bool) {
    crowd(t, 8, move |t, number| async move {
        let began = Instant::now();
        // Ports of an address run out; its limits hold for as many as there are.
        let from = if upgraded { of(number) } else { t.fresh() };
        let mut wire = Wire::open(t.address, from).await?;
        let outcome = if upgraded { wire.upgrade().await?.to_string() } else { "connected".into() };
        t.count(outcome, began.elapsed());
        Ok(())
    })
    .await;
}
