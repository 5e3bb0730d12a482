//! Visitors ask an assistant, each one question after the other, while something happens to the servers. Whatever
//! it is: every question is answered once and whole, every window is told of every answer once, and no work is left.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use entity::{article, job};
use futures_util::{SinkExt, StreamExt, future::join_all, stream};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::watch, task::JoinSet, time::timeout};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use yanit::{config::Config, kernel::clock::Clock, ports::db::Database};

use super::{
    client::{Chat, DEADLINE, is_passing},
    processes::{Node, OwnPostgres, OwnRedis, servers_can_share, until},
};
use crate::harness::{
    app::{Options, Storage, TestApp, amount, refusal},
    embedder::{FakeEmbedder, Fault},
    openai::{MODELS, Openai, Request, Script},
    people::{Site, text},
};

static VISITORS: LazyLock<usize> = LazyLock::new(|| amount(12, 50));

/// So long a window waits in silence before it asks whether somebody is there, and then before it goes elsewhere.
const QUIET: Duration = Duration::from_secs(3);

/// How a clock that is set goes on by itself.
const TICK: Duration = Duration::from_millis(100);

const EVENTS: &str = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { \
 __typename ... on MessageChanged { cursor } ... on RunStarted { eventCursor runId attempt } \
 ... on SourcesFound { eventCursor } ... on Chunk { runId start text } \
 ... on RunFinished { eventCursor runId message { body } } ... on RunFailed { eventCursor reason } } }";

fn question(visitor: usize, number: usize) -> String {
    format!("Where do I find number {visitor}-{number}?")
}

fn answer(number: &str) -> String {
    format!("You will find number {number} among the settings of your account.")
}

/// The model: it says where the number is that the question asks for, at its leisure, so that answers are under way
/// whatever happens when.
fn model(request: &Request) -> Script {
    let asked = request.body["messages"].as_array().and_then(|all| all.last()).expect("a question");
    let asked = asked["content"].as_str().expect("a text");
    let number = asked.rsplit("number ").next().and_then(|rest| rest.split('?').next()).expect("a number");
    let words = answer(number);
    let words = words.split_inclusive(' ');
    let script = words.fold(Script::answer(), |script, word| script.rest(Duration::from_millis(80)).text(word));
    script.finish("stop").end()
}

/// One window of a visitor: it follows their conversation on server after server.
struct Window {
    chat: Chat,
    /// Servers tried so far.
    tried: usize,
    socket: Option<WebSocketStream<TcpStream>>,
    has_asked: bool,
    cursor: String,
    cursors: HashSet<String>,
    /// What is shown of the answer that is under way.
    shown: Vec<char>,
    /// It has seen the beginning of the answer that is under way, on this connection.
    is_whole: bool,
    answers: usize,
}

impl Window {
    fn new(chat: Chat, first: usize) -> Self {
        Self {
            chat,
            tried: first,
            socket: None,
            has_asked: false,
            cursor: "beginning".to_owned(),
            cursors: HashSet::new(),
            shown: Vec::new(),
            is_whole: false,
            answers: 0,
        }
    }

    fn lose(&mut self) {
        self.socket = None;
        self.is_whole = false;
    }

    /// The next event, over as many connections as it takes.
    async fn event(&mut self) -> Value {
        loop {
            let Some(socket) = &mut self.socket else {
                let node = self.chat.nodes[self.tried % self.chat.nodes.len()];
                self.tried += 1;
                self.has_asked = false;
                self.socket = timeout(QUIET, self.chat.connect(node, EVENTS, &self.cursor)).await.ok().flatten();
                if self.socket.is_none() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                continue;
            };
            match timeout(QUIET, socket.next()).await {
                // Nothing is heard: is anybody there?
                Err(_) if self.has_asked => self.lose(),
                Err(_) => {
                    self.has_asked = true;
                    if timeout(QUIET, socket.send(Message::text(r#"{"type":"ping"}"#))).await.is_err() {
                        self.lose();
                    }
                }
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.has_asked = false;
                    if let Some(event) = told(&text) {
                        return event;
                    }
                    if !is_control(&text) {
                        self.lose();
                    }
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => self.has_asked = false,
                Ok(_) => self.lose(),
            }
        }
    }

    /// The next answer that is complete.
    async fn answer(&mut self) -> String {
        loop {
            let event = self.event().await;
            let place = event.get("cursor").or(event.get("eventCursor")).and_then(Value::as_str);
            if let Some(place) = place {
                assert!(self.cursors.insert(place.to_owned()), "told twice: {event}");
                self.cursor = place.to_owned();
            }
            match event["__typename"].as_str().expect("a type") {
                "RunStarted" => {
                    self.shown.clear();
                    self.is_whole = true;
                }
                "Chunk" => {
                    let start = usize::try_from(event["start"].as_u64().expect("a start")).expect("a short text");
                    assert!(start <= self.shown.len() || !self.is_whole, "a hole: {event} after {:?}", self.shown);
                    self.shown.resize(start, '?');
                    self.shown.extend(event["text"].as_str().expect("a text").chars());
                }
                "RunFinished" => {
                    let body = text(&event["message"]["body"]);
                    let shown: String = self.shown.drain(..).collect();
                    assert!(!self.is_whole || shown == body, "{shown:?} was shown of {body:?}");
                    self.is_whole = false;
                    self.answers += 1;
                    return body;
                }
                "Gap" | "RunFailed" => panic!("{event}"),
                _ => {}
            }
        }
    }
}

/// An event in a message of the socket.
fn told(text: &str) -> Option<Value> {
    let mut message: Value = serde_json::from_str(text).expect("JSON");
    let event = message["payload"]["data"]["conversationEvents"].take();
    (!event.is_null()).then_some(event)
}

/// Neither an event nor the end of the subscription.
fn is_control(text: &str) -> bool {
    let message: Value = serde_json::from_str(text).expect("JSON");
    let kind = message["type"].as_str().expect("a type");
    if ["next", "error"].contains(&kind) {
        let errors = if kind == "error" { &message["payload"] } else { &message["payload"]["errors"] };
        assert!(is_passing(refusal(&json!({ "errors": errors })).as_deref()), "{text}");
    }
    ["ping", "pong", "connection_ack"].contains(&kind)
}

/// Visitors and the conversation of each.
struct Crowd {
    chats: Vec<Chat>,
}

/// How it goes: what each visitor has got so far.
struct Progress {
    answered: Vec<AtomicUsize>,
    /// The longest wait for an answer since the step began, in milliseconds.
    longest: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self { answered: (0..*VISITORS).map(|_| AtomicUsize::new(0)).collect(), longest: AtomicU64::new(0) }
    }

    fn note(&self, visitor: usize, wait: Duration) {
        let wait = u64::try_from(wait.as_millis()).expect("not so long");
        self.longest.fetch_max(wait, Ordering::SeqCst);
        self.answered[visitor].fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until each visitor has so many more answers.
    async fn rounds(&self, rounds: usize) {
        let so_far: Vec<usize> = self.answered.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        let is_reached = || {
            let mut both = self.answered.iter().zip(&so_far);
            both.all(|(count, so_far)| count.load(Ordering::SeqCst) >= so_far + rounds)
        };
        let reached = async {
            while !is_reached() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, reached).await.expect("not everybody gets more answers");
    }

    /// Something happens, and goes well when everybody gets two more answers afterwards.
    async fn step(&self, name: &str, happens: impl AsyncFnOnce()) {
        let begun = Instant::now();
        self.longest.store(0, Ordering::SeqCst);
        happens().await;
        self.rounds(2).await;
        let longest = Duration::from_millis(self.longest.load(Ordering::SeqCst));
        eprintln!("{name}: the longest wait was {longest:.1?}; {:.1?}", begun.elapsed());
    }
}

impl Crowd {
    /// Visitors of a site with an assistant that asks the vendor.
    async fn on(app: &TestApp) -> (Self, Site) {
        let site = app.site("acme").await;
        app.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        let chats = join_all((0..*VISITORS).map(async |_| {
            let visitor = app.visitor(&site).await;
            let conversation = app.conversation(&visitor).await;
            let chat = Chat::new(vec![app.address], &visitor.token, &conversation);
            Chat { http: http.clone(), ..chat }
        }));
        (Self { chats: chats.await }, site)
    }

    /// The same, made by a server that has ended when this returns.
    async fn before(storage: &Arc<Storage>, config: &Config) -> Self {
        let config = config.clone();
        let configure = move |it: &mut Config| *it = config;
        let options = Options { configure: Some(Box::new(configure)), ..Options::default() };
        let app = TestApp::on(storage.clone(), options).await;
        let (crowd, _) = Self::on(&app).await;
        app.shut_down().await;
        crowd
    }

    /// Asks while things happen. Then everything must be as if nothing had.
    async fn asks(&self, nodes: &[SocketAddr], database: &str, happens: impl AsyncFnOnce(&Progress)) {
        let database = Database::connect(database, 2).await.expect("it answers");
        let rows = work(&database).await;
        let (enough, is_enough) = watch::channel(false);
        let progress = Arc::new(Progress::new());
        let mut visitors = JoinSet::new();
        for (number, chat) in self.chats.iter().enumerate() {
            let chat = Chat { nodes: nodes.to_vec(), ..chat.clone() };
            let (is_enough, progress) = (is_enough.clone(), progress.clone());
            visitors.spawn(async move { (number, visit(chat, number, is_enough, progress).await) });
        }
        let all = async {
            progress.step("nothing", async || {}).await;
            happens(&progress).await;
            enough.send(true).expect("they listen");
            std::future::pending::<()>().await;
        };
        let stays = async {
            let mut stays = Vec::new();
            while let Some(stay) = visitors.join_next().await {
                stays.push(stay.expect("no panic"));
            }
            stays
        };
        // A visitor who fails ends it at once.
        let stays = tokio::select! {
            stays = stays => stays,
            () = all => unreachable!(),
        };
        for (number, stay) in &stays {
            let chat = Chat { nodes: nodes.to_vec(), ..self.chats[*number].clone() };
            let expected = (0..stay.questions).flat_map(|which| {
                let asked = question(*number, which);
                [("VISITOR".to_owned(), asked), ("ASSISTANT".to_owned(), answer(&format!("{number}-{which}")))]
            });
            assert_eq!(transcript(&chat).await, expected.collect::<Vec<_>>(), "visitor {number}");
        }
        let mut left = 0;
        until("no work is left", async || {
            left = work(&database).await;
            left <= rows
        })
        .await;
        let failed = job::Entity::find().filter(job::Column::FailedAt.is_not_null());
        assert_eq!(failed.count(&database.db()).await.expect("a number"), 0, "jobs failed");
        let questions: usize = stays.iter().map(|(_, stay)| stay.questions).sum();
        let connections: usize = stays.iter().map(|(_, stay)| stay.connections).sum();
        eprintln!(
            "{questions} questions were answered once and whole; {} windows made {connections} connections; rows of \
             work: {rows} before, {left} after",
            2 * *VISITORS,
        );
        database.close().await.expect("it closes");
    }
}

/// How many rows of work there are.
async fn work(database: &Database) -> u64 {
    job::Entity::find().count(&database.db()).await.expect("a number")
}

/// What became of a visitor.
struct Stay {
    questions: usize,
    connections: usize,
}

/// One visitor with two windows: one asks and waits for the answer, the other one looks on.
async fn visit(chat: Chat, number: usize, enough: watch::Receiver<bool>, progress: Arc<Progress>) -> Stay {
    let (total, is_over) = watch::channel(None);
    let mut other = JoinSet::new();
    other.spawn(look_on(Window::new(chat.clone(), number + 1), is_over));
    let mut window = Window::new(chat.clone(), number);
    let mut questions = 0;
    while !*enough.borrow() {
        let asked = Instant::now();
        chat.send(number + questions, &question(number, questions)).await;
        let told = timeout(DEADLINE, window.answer()).await;
        let told = told.unwrap_or_else(|_| panic!("{:?} is not answered", question(number, questions)));
        assert_eq!(first_paragraph(&told), answer(&format!("{number}-{questions}")));
        progress.note(number, asked.elapsed());
        questions += 1;
    }
    total.send(Some(questions)).expect("it listens");
    let other = timeout(DEADLINE, other.join_next()).await.expect("the other window is not told");
    let other = other.expect("it was begun").expect("no panic");
    assert_eq!(other.answers, questions, "the other window was told of more answers than there are");
    Stay { questions, connections: window.tried + other.tried - 2 * number - 1 }
}

/// Follows until it was told of as many answers as there are.
async fn look_on(mut window: Window, mut total: watch::Receiver<Option<usize>>) -> Window {
    loop {
        let so_far = *total.borrow_and_update();
        if so_far.is_some_and(|total| window.answers >= total) {
            return window;
        }
        tokio::select! {
            _ = window.answer() => {}
            _ = total.changed() => {}
        }
    }
}

/// What the model said, without what the server adds to an answer that rests on no article.
fn first_paragraph(body: &str) -> &str {
    body.split("\n\n").next().unwrap_or_default()
}

/// What was said, by whom.
async fn transcript(chat: &Chat) -> Vec<(String, String)> {
    const MESSAGES: &str = "query M($c: ID!, $a: String) { conversation(conversationId: $c) { \
 messages(first: 100, after: $a) { nodes { body authorKind } pageInfo { hasNextPage endCursor } } } }";
    let mut said = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "c": chat.conversation, "a": after });
        let request = chat.http.post(format!("http://{}/graphql", chat.nodes[0])).bearer_auth(&chat.token);
        let answer = request.json(&json!({ "query": MESSAGES, "variables": variables })).send().await;
        let mut answer: Value = answer.expect("it answers").json().await.expect("JSON");
        let page = answer["data"]["conversation"]["messages"].take();
        let nodes = page["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let people = nodes.iter().filter(|node| node["authorKind"] != "SYSTEM");
        said.extend(people.map(|node| (text(&node["authorKind"]), first_paragraph(&text(&node["body"])).to_owned())));
        if page["pageInfo"]["hasNextPage"] != true {
            return said;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// A place, a vendor, and settings of nodes that ask it.
async fn place() -> (Arc<Storage>, Openai, Config) {
    let vendor = Openai::answering(model).await;
    let storage = Arc::new(Storage::new().await);
    let config = Config {
        openai_url: Some(vendor.url()),
        openai_model: Some(MODELS[0].into()),
        // All of them come from one address, and some connections break without a word.
        max_address_connections: 2_000,
        ..storage.config()
    };
    (storage, vendor, config)
}

/// A server in this process, with these settings.
async fn server(storage: &Arc<Storage>, config: &Config, clock: Option<Clock>) -> TestApp {
    let config = config.clone();
    let configure = move |it: &mut Config| *it = config;
    TestApp::on(storage.clone(), Options { configure: Some(Box::new(configure)), clock, ..Options::default() }).await
}

fn url(config: &Config) -> &str {
    config.database_url.as_deref().expect("it is shared")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nodes_are_stopped_killed_and_frozen() {
    if !servers_can_share() {
        return;
    }
    let (storage, _vendor, config) = place().await;
    let crowd = Crowd::before(&storage, &config).await;
    let mut one = Node::start(config.clone()).await;
    let mut other = Node::start(config.clone()).await;
    let nodes = [one.address, other.address];
    let happens = async |progress: &Progress| {
        let stopped = async || {
            one.terminate();
            assert!(one.ended(DEADLINE).await);
            progress.rounds(1).await;
            one.start_again().await;
        };
        progress.step("SIGTERM", stopped).await;
        let killed = async || {
            other.kill();
            progress.rounds(1).await;
            other.start_again().await;
        };
        progress.step("SIGKILL", killed).await;
        let frozen = async || {
            one.freeze();
            // Whatever it held is done by the other one.
            progress.rounds(2).await;
            one.thaw();
        };
        progress.step("SIGSTOP", frozen).await;
    };
    crowd.asks(&nodes, url(&config), happens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_clock_is_half_a_minute_ahead_and_a_thousand_articles_are_published() {
    if !servers_can_share() {
        return;
    }
    let (storage, _vendor, config) = place().await;
    let embedder = FakeEmbedder::start(16).await;
    let config = embedded_by(&embedder, config);
    let one = server(&storage, &config, None).await;
    let other = server(&storage, &config, Some(Clock::wrong_by(TimeDelta::seconds(30)))).await;
    let (crowd, _) = Crowd::on(&one).await;
    let shop = one.site("books").await;
    let drafts = drafts(&other, &shop, 1_000).await;
    let happens = async |progress: &Progress| {
        let published = async || publish(&other, &shop, &drafts).await;
        progress.step("1,000 articles", published).await;
    };
    crowd.asks(&[one.address, other.address], url(&config), happens).await;
    let indexed = article::Entity::find().filter(article::Column::IndexedVersion.is_not_null());
    assert_eq!(indexed.count(&one.app.ports.database.db()).await.expect("a number"), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_stands_still_and_is_started_again() {
    if !servers_can_share() {
        return;
    }
    let (storage, _vendor, config) = place().await;
    let mut redis = OwnRedis::start();
    let config = Config { redis_url: Some(redis.url()), ..config };
    let one = server(&storage, &config, None).await;
    let other = server(&storage, &config, None).await;
    let buses = [one.app.ports.bus.clone(), other.app.ports.bus.clone()];
    let connected = async || until("both nodes are connected", async || buses.iter().all(|it| !it.is_degraded())).await;
    connected().await;
    let (crowd, _) = Crowd::on(&one).await;
    let happens = async |progress: &Progress| {
        let frozen = async || {
            redis.freeze();
            progress.rounds(2).await;
            redis.thaw();
            connected().await;
        };
        progress.step("Redis frozen", frozen).await;
        let restarted = async || {
            redis.kill();
            progress.rounds(1).await;
            redis.start_again();
            connected().await;
        };
        progress.step("Redis started again", restarted).await;
    };
    crowd.asks(&[one.address, other.address], url(&config), happens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgresql_stands_still_and_is_started_again() {
    if !servers_can_share() {
        return;
    }
    let (storage, _vendor, config) = place().await;
    let mut postgres = OwnPostgres::start().await;
    let config = Config { database_url: Some(postgres.url()), ..config };
    let one = server(&storage, &config, None).await;
    let other = server(&storage, &config, None).await;
    let (crowd, _) = Crowd::on(&one).await;
    let happens = async |progress: &Progress| {
        let frozen = async || {
            postgres.freeze();
            // Longer than a lease is.
            tokio::time::sleep(Duration::from_secs(20)).await;
            postgres.thaw();
        };
        progress.step("PostgreSQL frozen for 20 s", frozen).await;
        let restarted = async || {
            postgres.stop();
            postgres.start_again().await;
        };
        progress.step("PostgreSQL started again", restarted).await;
    };
    crowd.asks(&[one.address, other.address], url(&config), happens).await;
    one.shut_down().await;
    other.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_embedder_is_away_for_an_hour() {
    if !servers_can_share() {
        return;
    }
    let (storage, _vendor, config) = place().await;
    let embedder = FakeEmbedder::start(16).await;
    let config = embedded_by(&embedder, config);
    let clock = Clock::manual(Clock::system().now());
    let one = server(&storage, &config, Some(clock.clone())).await;
    let other = server(&storage, &config, Some(clock.clone())).await;
    let ticking = clock.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            ticking.advance(TICK);
        }
    });
    let (crowd, site) = Crowd::on(&one).await;
    // What is asked has to do with it, so each question is embedded, or was to be.
    one.article(&site, "Number", "Where do I find a number? You will find each number among the settings.").await;
    let shop = one.site("books").await;
    let drafts = drafts(&other, &shop, 20).await;
    let happens = async |progress: &Progress| {
        let away = async || {
            embedder.fail(vec![Fault::Status(503); 1_000_000]);
            publish(&other, &shop, &drafts).await;
            let mut most = 0;
            for _ in 0..60 {
                pass_a_minute(&clock, &one.app.ports.database).await;
                let indexing = job::Entity::find().filter(job::Column::Kind.eq("knowledge.index_article"));
                most = most.max(indexing.count(&one.app.ports.database.db()).await.expect("a number"));
            }
            assert_eq!(most, 20, "one row for each article, however often it is tried");
            embedder.recover();
            clock.advance(Duration::from_secs(21));
        };
        progress.step("the embedder is away for an hour", away).await;
    };
    crowd.asks(&[one.address, other.address], url(&config), happens).await;
    let indexed = article::Entity::find().filter(article::Column::IndexedVersion.is_not_null());
    assert_eq!(indexed.count(&one.app.ports.database.db()).await.expect("a number"), 21);
}

/// Time passes as fast as those can follow who say by this clock that they live: the lease of a job is 15 seconds.
async fn pass_a_minute(clock: &Clock, database: &Database) {
    let step = Duration::from_secs(4);
    for _ in 0..15 {
        clock.advance(step);
        until("workers have moved their leases on", async || {
            let soon = (clock.now() + 2 * step).timestamp_micros();
            let due = job::Entity::find().filter(job::Column::Held.eq(true)).filter(job::Column::RunAt.lt(soon));
            due.count(&database.db()).await.expect("a number") == 0
        })
        .await;
    }
}

fn embedded_by(server: &FakeEmbedder, config: Config) -> Config {
    Config {
        embedder: "ollama".into(),
        embedder_url: Some(server.url.clone()),
        embedder_model: Some("nomic-embed-text".into()),
        embedder_api_key: Some("test-key".into()),
        ..config
    }
}

/// Articles of a site that nobody can read yet.
async fn drafts(app: &TestApp, site: &Site, count: usize) -> Vec<String> {
    let create = "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
    let made = stream::iter(0..count).map(async |number| {
        let title = format!("Book {number}");
        let input = json!({ "siteId": site.id, "title": title, "body": "It is about books.", "language": "en" });
        let made = app.run(Some(&site.admin.token), create, json!({ "i": input })).await;
        text(&made["createArticle"]["article"]["id"])
    });
    made.buffer_unordered(8).collect().await
}

async fn publish(app: &TestApp, site: &Site, drafts: &[String]) {
    let publish = "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
    let published = stream::iter(drafts).map(async |draft| {
        app.run(Some(&site.admin.token), publish, json!({ "i": { "articleId": draft } })).await;
    });
    published.buffer_unordered(8).collect::<()>().await;
}
