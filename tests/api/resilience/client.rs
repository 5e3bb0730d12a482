//! A client that behaves as a widget does: it sends until it is acknowledged, and resumes by its cursor.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use rand::{Rng, rngs::StdRng};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, header},
    },
};

use crate::harness::{app::refusal, people::new_id, ws::PROTOCOL};

/// Longest wait for anything: a message to be acknowledged, an event to come. A busy machine may stand still for a minute.
pub(super) const DEADLINE: Duration = Duration::from_secs(180);

/// The text of the message after which nothing is sent.
pub(super) const END: &str = "that is all";

/// How long a client waits before it tries the next server.
const PAUSE: Duration = Duration::from_millis(25);

const SEND: &str = "mutation S($i: SendMessageInput!) { sendMessage(input: $i) { message { seq body } } }";
/// Half of all followers take every event of the conversation, and pick the messages.
const FOLLOW: [&str; 2] = [
    "subscription F($c: ID!, $a: EventCursor) { event: messages(conversationId: $c, after: $a) { \
     ... on MessageChanged { cursor message { seq authorKind body } } } }",
    "subscription F($c: ID!, $a: EventCursor) { event: conversationEvents(conversationId: $c, after: $a) { \
     ... on MessageChanged { cursor message { seq authorKind body } } } }",
];

/// Messages by their numbers.
pub(super) type Log = BTreeMap<i64, String>;

/// One person's way into one conversation, over any of several servers.
#[derive(Clone)]
pub(super) struct Chat {
    pub(super) nodes: Vec<SocketAddr>,
    pub(super) token: String,
    pub(super) conversation: String,
    pub(super) http: reqwest::Client,
    /// Messages acknowledged so far, by whomever.
    pub(super) acknowledged: Arc<AtomicUsize>,
}

impl Chat {
    pub(super) fn new(nodes: Vec<SocketAddr>, token: &str, conversation: &str) -> Self {
        Self {
            nodes,
            token: token.to_owned(),
            conversation: conversation.to_owned(),
            http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client"),
            acknowledged: Arc::default(),
        }
    }

    /// The same way in for somebody else.
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Sends a message to the first server, and to the next after a failure, until it is acknowledged. Returns its
    /// number and how often it was tried.
    pub(super) async fn send(&self, first: usize, body: &str) -> (i64, usize) {
        let begun = Instant::now();
        let input = json!({ "conversationId": self.conversation, "body": body, "clientId": new_id() });
        let document = json!({ "query": SEND, "variables": { "i": input } });
        for tries in 0.. {
            assert!(begun.elapsed() < DEADLINE, "{body:?} is not acknowledged");
            let node = self.nodes[(first + tries) % self.nodes.len()];
            let request = self.http.post(format!("http://{node}/graphql")).bearer_auth(&self.token).json(&document);
            let answer = match request.send().await {
                Ok(answer) => answer.json::<Value>().await.ok(),
                Err(_) => None,
            };
            if let Some(answer) = answer {
                let message = &answer["data"]["sendMessage"]["message"];
                if let Some(seq) = message["seq"].as_i64() {
                    assert_eq!(message["body"], body, "somebody else's message was acknowledged");
                    self.acknowledged.fetch_add(1, Ordering::SeqCst);
                    return (seq, tries + 1);
                }
                assert!(is_passing(refusal(&answer).as_deref()), "{answer}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        unreachable!("it is tried until the deadline")
    }

    /// Sends messages one after the other, each to another server first, as long as there are `more`.
    pub(super) async fn send_all(self, name: String, more: impl Fn(usize) -> bool) -> Sent {
        let mut sent = Sent::default();
        for number in (0..).take_while(|number| more(*number)) {
            let body = format!("{name}-{number}");
            let (seq, tries) = self.send(number, &body).await;
            assert!(sent.log.insert(seq, body).is_none(), "the number {seq} was given twice");
            sent.repeated += tries - 1;
        }
        sent
    }

    /// Waits until so many messages have been acknowledged.
    pub(super) async fn reached(&self, count: usize) {
        let begun = Instant::now();
        while self.acknowledged.load(Ordering::SeqCst) < count {
            assert!(begun.elapsed() < DEADLINE, "{count} messages are not acknowledged");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Follows from the beginning up to the message that says [`END`], on server after server, whenever the connection
    /// is lost or cut.
    pub(super) async fn follow(self, first: usize, mut cuts: Cuts) -> Seen {
        let mut seen = Seen::default();
        let mut cursor = "beginning".to_owned();
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < DEADLINE, "it does not end: {} messages", seen.messages.len());
            let node = self.nodes[(first + seen.connections) % self.nodes.len()];
            seen.connections += 1;
            let budget = cuts.next();
            let Some(mut socket) = self.connect(node, FOLLOW[first % FOLLOW.len()], &cursor).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let mut left = budget;
            loop {
                if left == Some(0) {
                    if cuts.is_rude() {
                        // The other side learns of it by a reset, with whatever is under way lost.
                        let _ = socket.get_ref().set_zero_linger();
                    }
                    break;
                }
                let message = timeout(DEADLINE, socket.next()).await;
                let Some(Ok(message)) = message.unwrap_or_else(|_| panic!("silence after {:?}", seen.messages.last()))
                else {
                    break;
                };
                let text = match &message {
                    Message::Text(text) => text.as_str(),
                    Message::Close(_) => break,
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                };
                let (place, seq, body) = match told(text) {
                    Told::Message(place, seq, body) => (place, seq, body),
                    Told::Announced(seq) => {
                        seen.announced.insert(seq);
                        continue;
                    }
                    Told::Other => continue,
                    Told::Ended => break,
                };
                cursor = place;
                let last = body == END;
                seen.messages.push((seq, body));
                if last {
                    return seen;
                }
                left = left.map(|left| left - 1);
            }
        }
    }

    /// A socket on which the subscription has been asked for; nothing when the server is not there.
    pub(super) async fn connect(
        &self,
        node: SocketAddr,
        follow: &str,
        cursor: &str,
    ) -> Option<WebSocketStream<TcpStream>> {
        let mut request = format!("ws://{node}/graphql/ws").into_client_request().expect("an address");
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        let stream = TcpStream::connect(node).await.ok()?;
        let (mut socket, _) = client_async(request, stream).await.ok()?;
        let init =
            json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", self.token) } });
        socket.send(Message::text(init.to_string())).await.ok()?;
        let Message::Text(ack) = timeout(DEADLINE, socket.next()).await.expect("no acknowledgement")?.ok()? else {
            return None;
        };
        assert!(ack.contains("connection_ack"), "{ack}");
        let variables = json!({ "c": self.conversation, "a": cursor });
        let payload = json!({ "query": follow, "variables": variables });
        let subscribe = json!({ "type": "subscribe", "id": "f", "payload": payload });
        socket.send(Message::text(subscribe.to_string())).await.ok()?;
        Some(socket)
    }
}

/// True for failures after which a client tries again.
pub(super) fn is_passing(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("UNAVAILABLE") || code.starts_with("INTERNAL_SERVER_ERROR"))
}

/// Read lean: there are very many of them.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Payload {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    event: Event,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Message { cursor: String, message: Body },
    Other {},
}

enum Told {
    /// Cursor, number and text.
    Message(String, i64, String),
    /// What the server says of its own accord, of what becomes of the conversation: its number.
    Announced(i64),
    /// An event that is not about a message.
    Other,
    /// The server ends the subscription for a while.
    Ended,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    seq: i64,
    author_kind: String,
    body: String,
}

/// What a frame says.
fn told(text: &str) -> Told {
    let frame: Frame<'_> = serde_json::from_str(text).expect("JSON");
    let payload = frame.payload.map_or("null", RawValue::get);
    if frame.kind == "next"
        && let Ok(Payload { data }) = serde_json::from_str(payload)
    {
        return match data.event {
            Event::Message { message, .. } if message.author_kind == "SYSTEM" => Told::Announced(message.seq),
            Event::Message { cursor, message } => Told::Message(cursor, message.seq, message.body),
            Event::Other {} => Told::Other,
        };
    }
    let payload: Value = serde_json::from_str(payload).expect("JSON");
    let errors = if frame.kind == "error" { &payload } else { &payload["errors"] };
    let passing = frame.kind == "complete" || is_passing(refusal(&json!({ "errors": errors })).as_deref());
    assert!(passing, "{text}");
    Told::Ended
}

/// What was acknowledged.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) log: Log,
    /// How often something was sent again.
    pub(super) repeated: usize,
}

impl Sent {
    /// Joins what several sent.
    pub(super) fn join(all: Vec<Self>) -> Self {
        let mut joined = Self::default();
        for sent in all {
            joined.repeated += sent.repeated;
            for (seq, body) in sent.log {
                assert!(joined.log.insert(seq, body).is_none(), "the number {seq} was given twice");
            }
        }
        joined
    }
}

/// What a follower got.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) messages: Vec<(i64, String)>,
    /// The numbers of what the server said.
    pub(super) announced: BTreeSet<i64>,
    pub(super) connections: usize,
}

impl Seen {
    /// Everything that was acknowledged, each once, in order, and nothing else.
    pub(super) fn assert_is(&self, sent: &Log) {
        let rising = self.messages.windows(2).find(|pair| pair[0].0 >= pair[1].0);
        assert!(rising.is_none(), "out of order or twice: {rising:?}");
        let seen: Log = self.messages.iter().cloned().collect();
        let lost: Vec<_> = sent.iter().filter(|(seq, body)| seen.get(seq) != Some(body)).take(5).collect();
        let strange: Vec<_> = seen.iter().filter(|(seq, body)| sent.get(seq) != Some(body)).take(5).collect();
        assert!(lost.is_empty() && strange.is_empty(), "lost: {lost:?}, never acknowledged: {strange:?}");
        let numbers: BTreeSet<i64> = sent.keys().chain(&self.announced).copied().collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as i64), "the numbers have a hole");
    }
}

/// When a follower's connections are cut.
#[expect(clippy::large_enum_variant, reason = "one for each subscriber of a test")]
pub(super) enum Cuts {
    /// By nobody.
    Never,
    /// After a random number of messages each, at most so many.
    Within(usize, StdRng),
}

impl Cuts {
    /// How many messages the next connection lives.
    fn next(&mut self) -> Option<usize> {
        match self {
            Self::Never => None,
            Self::Within(most, random) => Some(random.random_range(0..=*most)),
        }
    }

    /// Whether the connection is reset, and not merely ended.
    fn is_rude(&mut self) -> bool {
        match self {
            Self::Never => false,
            Self::Within(_, random) => random.random(),
        }
    }
}
