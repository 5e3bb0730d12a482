//! Servers, Redis and the database end without a word while people write.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use yanit::{config::Config, kernel::clock::Clock, ports::db::Database};

use super::{
    client::{Chat, Cuts, DEADLINE, END, Sent},
    processes::{Node, OwnRedis, servers_can_share, until},
};
use crate::harness::{
    app::{Options, Storage, TestApp, setting},
    desk::SESSION,
    openai::{Openai, Script},
    people::text,
    ws::Ws,
};
use crate::viewers::{FOLLOW, until_viewed_by};

/// Senders that write at the same time.
const SENDERS: usize = 4;

/// People of a conversation: who writes, and who else reads.
struct People {
    visitor: String,
    agent: String,
    conversation: String,
}

impl People {
    async fn on(app: &TestApp) -> Self {
        let site = app.site("acme").await;
        let visitor = app.visitor(&site).await;
        let conversation = app.conversation(&visitor).await;
        Self { visitor: visitor.token, agent: site.admin.token, conversation }
    }

    /// Made by a server that has ended when this returns.
    async fn before(storage: &Arc<Storage>) -> Self {
        let app = TestApp::on(storage.clone(), Options::default()).await;
        let people = Self::on(&app).await;
        app.shut_down().await;
        people
    }
}

/// What came of it.
struct Outcome {
    messages: usize,
    repeated: usize,
    /// Of each follower.
    connections: Vec<usize>,
}

/// People write to all nodes and follow on all nodes while something happens, and until a while after it. Whatever it
/// is, everybody gets each acknowledged message once and in order.
async fn under_traffic(name: &str, people: &People, nodes: &[SocketAddr], happens: impl AsyncFnOnce(&Chat)) -> Outcome {
    let begun = Instant::now();
    let chat = Chat::new(nodes.to_vec(), &people.visitor, &people.conversation);
    let agent = chat.with_token(&people.agent);
    let mut followers = JoinSet::new();
    for first in 0..nodes.len() {
        for token in [&people.visitor, &people.agent, &people.agent] {
            followers.spawn(chat.with_token(token).follow(first, Cuts::Never));
        }
    }
    let enough = CancellationToken::new();
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        let (chat, enough) = (if number % 2 == 0 { &chat } else { &agent }.clone(), enough.clone());
        senders.spawn(chat.send_all(format!("sender {number}"), move |_| !enough.is_cancelled()));
    }
    chat.reached(50).await;
    happens(&chat).await;
    let so_far = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
    chat.reached(so_far + 50).await;
    enough.cancel();
    let mut sent = Sent::join(senders.join_all().await);
    sent.log.insert(chat.send(0, END).await.0, END.to_owned());
    let mut connections = Vec::new();
    for seen in followers.join_all().await {
        seen.assert_is(&sent.log);
        connections.push(seen.connections);
    }
    let (messages, repeated) = (sent.log.len(), sent.repeated);
    eprintln!(
        "{name}: {messages} messages, {repeated} tries failed, connections of followers {connections:?}, {:.1?}",
        begun.elapsed()
    );
    Outcome { messages, repeated, connections }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_everybody_still_gets_every_message_and_nobody_is_cut_off() {
    if !servers_can_share() {
        return;
    }
    let mut redis = OwnRedis::start();
    let storage = Arc::new(Storage::new().await);
    let options = |url: String| Options {
        configure: Some(Box::new(move |config| config.redis_url = Some(url))),
        ..Options::default()
    };
    let one = TestApp::on(storage.clone(), options(redis.url())).await;
    let other = TestApp::on(storage, options(redis.url())).await;
    let buses = [one.app.ports.bus.clone(), other.app.ports.bus.clone()];
    until("both nodes are connected", async || buses.iter().all(|bus| !bus.is_degraded())).await;
    let people = People::on(&one).await;
    let outcome = under_traffic("Redis killed twice", &people, &[one.address, other.address], async |chat| {
        for round in 1..=2 {
            redis.kill();
            until("both nodes notice", async || buses.iter().all(yanit::ports::bus::Bus::is_degraded)).await;
            // Several times as long as the reminders of a node that is cut off take.
            let written = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let during = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst) - written;
            assert!(during > 20, "round {round}: only {during} messages were acknowledged without Redis");
            redis.start_again();
            until("both nodes are back", async || buses.iter().all(|bus| !bus.is_degraded())).await;
        }
    })
    .await;
    assert!(outcome.connections.iter().all(|connections| *connections == 1), "{:?}", outcome.connections);
    assert_eq!(outcome.repeated, 0, "of {} messages, some were refused", outcome.messages);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_loses_and_doubles_nothing_for_those_who_go_on_at_the_other() {
    if !servers_can_share() {
        return;
    }
    let storage = Arc::new(Storage::new().await);
    let people = People::before(&storage).await;
    let mut one = Node::start(storage.config()).await;
    let mut other = Node::start(storage.config()).await;
    let outcome = under_traffic("nodes killed in turn", &people, &[one.address, other.address], async |chat| {
        for step in 1..=4 {
            let node = if step % 2 == 1 { &mut one } else { &mut other };
            node.kill();
            let written = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
            chat.reached(written + 60).await;
            node.start_again().await;
            chat.reached(written + 120).await;
        }
    })
    .await;
    assert!(outcome.connections.iter().all(|connections| *connections > 1), "{:?}", outcome.connections);
    assert!(outcome.repeated > 0, "the senders noticed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_and_started_again_has_every_acknowledged_message_once() {
    let storage = Arc::new(Storage::new().await);
    let people = People::before(&storage).await;
    let mut node = Node::start(storage.config()).await;
    let outcome = under_traffic("one node killed three times", &people, &[node.address], async |chat| {
        for _ in 0..3 {
            node.kill();
            let written = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
            node.start_again().await;
            chat.reached(written + 60).await;
        }
    })
    .await;
    assert!(outcome.connections.iter().all(|connections| *connections > 3), "{:?}", outcome.connections);
    assert!(outcome.repeated > 0, "the senders noticed nothing");
}

/// Redis stands still: its connections stay open, and nothing on them is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_holds_nobody_up() {
    if !servers_can_share() {
        return;
    }
    let redis = OwnRedis::start();
    let storage = Arc::new(Storage::new().await);
    let options = |url: String| Options {
        configure: Some(Box::new(move |config| config.redis_url = Some(url))),
        ..Options::default()
    };
    let one = TestApp::on(storage.clone(), options(redis.url())).await;
    let other = TestApp::on(storage, options(redis.url())).await;
    let buses = [one.app.ports.bus.clone(), other.app.ports.bus.clone()];
    until("both nodes are connected", async || buses.iter().all(|bus| !bus.is_degraded())).await;
    let people = People::on(&one).await;
    let outcome = under_traffic("Redis frozen", &people, &[one.address, other.address], async |chat| {
        redis.freeze();
        let written = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
        let frozen = Instant::now();
        chat.reached(written + 50).await;
        eprintln!("50 messages in {:.1?} after Redis was frozen", frozen.elapsed());
        assert!(frozen.elapsed() < Duration::from_secs(10));
        until("both nodes notice", async || buses.iter().all(yanit::ports::bus::Bus::is_degraded)).await;
        let written = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
        chat.reached(written + 100).await;
        redis.thaw();
        until("both nodes are back", async || buses.iter().all(|bus| !bus.is_degraded())).await;
    })
    .await;
    assert!(outcome.connections.iter().all(|connections| *connections == 1), "{:?}", outcome.connections);
    assert_eq!(outcome.repeated, 0, "of {} messages, some were refused", outcome.messages);
}

/// Every connection to the database ends, and for a while there are no new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_and_senders_outlive_an_outage_of_the_database() {
    if !servers_can_share() {
        return;
    }
    let storage = Arc::new(Storage::new().await);
    let url = storage.config().database_url.expect("it is shared");
    let name = url.rsplit('/').next().and_then(|name| name.split('?').next()).expect("a database").to_owned();
    let admin = Database::connect(&setting("TEST_DATABASE_URL").expect("it is set"), 2).await.expect("it answers");
    let run = async |sql: String| {
        admin.db().execute_unprepared(&sql).await.expect("it is allowed");
    };
    let one = TestApp::on(storage.clone(), Options::default()).await;
    let other = TestApp::on(storage.clone(), Options::default()).await;
    let people = People::on(&one).await;
    let outcome = under_traffic("database gone twice", &people, &[one.address, other.address], async |chat| {
        for _ in 0..2 {
            run(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
            run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            run(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")).await;
            let written = chat.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
            chat.reached(written + 50).await;
        }
    })
    .await;
    assert!(outcome.repeated > 0, "the senders noticed nothing");
    admin.close().await.expect("it closes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_node_is_killed_is_completed_by_the_other() {
    const EVENTS: &str = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename \
 ... on RunStarted { eventCursor attempt } ... on RunFailed { eventCursor reason } ... on RunFinished { eventCursor message { body } } } }";
    const MESSAGES: &str =
        "query M($c: ID!) { conversation(conversationId: $c) { messages(first: 100) { nodes { body authorKind } } } }";
    if !servers_can_share() {
        return;
    }
    let vendor = Openai::start(None).await;
    let storage = Arc::new(Storage::new().await);
    let with_vendor = |mut config: Config| {
        config.openai_url = Some(vendor.url());
        config.openai_model = Some(crate::harness::openai::MODELS[0].into());
        config
    };
    let configured = with_vendor(storage.config());
    let configure: Box<dyn FnOnce(&mut Config) + Send> = Box::new(move |config| *config = configured);
    let app = TestApp::on(storage.clone(), Options { configure: Some(configure), ..Options::default() }).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    app.shut_down().await;

    // Alone at first, so that it is known who answers; then it hangs in the middle of a sentence.
    let mut one = Node::start(with_vendor(storage.config())).await;
    vendor.plays(Script::answer().text("You can change ").wait());
    Chat::new(vec![one.address], &visitor.token, &conversation).send(0, "Where do I change it?").await;
    until("the model is asked", async || !vendor.requests().is_empty()).await;
    let other = Node::start(with_vendor(storage.config())).await;
    let mut ws = Ws::signed_in(&other.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    one.kill();
    let killed = Instant::now();
    let mut finished = None;
    while finished.is_none() {
        let event = ws.try_next_json(DEADLINE).await.expect("nobody took over");
        let event = &event["payload"]["data"]["conversationEvents"];
        assert_ne!(event["__typename"], "RunFailed", "{event}");
        if event["__typename"] == "RunFinished" {
            finished = Some(text(&event["message"]["body"]));
        }
    }
    eprintln!("the answer was completed {:.1?} after its node was killed", killed.elapsed());
    let request = json!({ "query": MESSAGES, "variables": { "c": conversation } });
    let http = reqwest::Client::builder().timeout(DEADLINE).build().expect("a client");
    let answer = http.post(format!("http://{}/graphql", other.address)).bearer_auth(&visitor.token).json(&request);
    let answer: serde_json::Value = answer.send().await.expect("it answers").json().await.expect("JSON");
    let nodes = answer["data"]["conversation"]["messages"]["nodes"].as_array().expect("nodes");
    let answers: Vec<String> =
        nodes.iter().filter(|node| node["authorKind"] == "ASSISTANT").map(|node| text(&node["body"])).collect();
    assert_eq!(answers, [finished.expect("it ended")]);
    assert_eq!(answers, [crate::harness::openai::ANSWER]);
}

/// Nobody says goodbye for those who were connected to a node that is killed; nothing is heard of them, and that is it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_viewed_a_conversation_on_a_node_that_is_killed_is_gone_after_half_a_minute() {
    if !servers_can_share() {
        return;
    }
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let (ada, bora) = (app.agent(&site, "Ada").await, app.agent(&site, "Bora").await);
    let conversation = app.conversation(&app.visitor(&site).await).await;
    let mut here = Ws::signed_in(&app.ws_url(), Some(&bora.token)).await;
    here.subscribe("f", FOLLOW, json!({ "c": conversation })).await;
    until_viewed_by(&app, &bora.token, &conversation, &["Bora"]).await;

    let mut node = Node::start(storage.config()).await;
    let mut there = node.signed_in(&ada).await;
    there.subscribe("f", FOLLOW, json!({ "c": conversation })).await;
    let joined = here.next("f").await["conversationEvents"].take();
    let names = |event: &serde_json::Value| {
        let mut names: Vec<String> =
            event["viewers"].as_array().expect("viewers").iter().map(|one| text(&one["agent"]["name"])).collect();
        names.sort();
        names
    };
    assert_eq!(names(&joined), ["Ada", "Bora"]);
    // A node that was started later knows who was there before.
    let met = there.next("f").await["conversationEvents"].take();
    assert_eq!(names(&met), ["Ada", "Bora"]);

    node.kill();
    app.clock.advance(Duration::from_secs(29));
    until_viewed_by(&app, &bora.token, &conversation, &["Bora", "Ada"]).await;
    app.clock.advance(Duration::from_secs(11));
    let gone = here.next("f").await["conversationEvents"].take();
    assert_eq!(names(&gone), ["Bora"]);
}

/// Nobody ends the leases of a node that is killed but time; then somebody else has its agents' conversations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_node_is_killed_is_offline_after_a_minute_and_their_conversations_are_somebody_elses() {
    if !servers_can_share() {
        return;
    }
    let storage = Arc::new(Storage::new().await);
    // The other node is a process, and has the machine's time.
    let clock = Clock::manual(Clock::system().now());
    let app = TestApp::on(storage.clone(), Options { clock: Some(clock.clone()), ..Options::default() }).await;
    let site = app.site("acme").await;
    let (ada, bora) = (app.agent(&site, "Ada").await, app.agent(&site, "Bora").await);
    let mut node = Node::start(storage.config()).await;
    let mut there = node.signed_in(&ada).await;
    there.subscribe("session", SESSION, json!({ "s": site.id })).await;
    there.next("session").await;
    let (_, conversation) = app.waiting(&site).await;
    assert_eq!(app.until_assigned(&site, &conversation).await, ada.id);

    let _here = app.dashboard(&site, &bora).await;
    node.kill();
    let over = Clock::system().now() + Duration::from_secs(60);
    while clock.now() + Duration::from_secs(15) < over - Duration::from_secs(20) {
        clock.advance(Duration::from_secs(15));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(app.until_assigned(&site, &conversation).await, ada.id, "a connection may be cut for a while");
    while clock.now() < over {
        clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    app.until_position(&site, &conversation, |at| at["assignee"]["id"] == bora.id.as_str()).await;
}
