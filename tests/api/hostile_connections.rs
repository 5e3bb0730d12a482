//! Clients that mean no good, at the level of connections: what they can hold and burn is bounded for each connection,
//! for each address and for the node, they are told to go, and others are served meanwhile.
//!
//! All servers of this process count together on the metrics page, so sums are compared with some tolerance.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

use crate::harness::{
    app::{Options, TestApp},
    raw::{BEGIN, LAST, MIDDLE, PING, PONG, TEXT, frame},
    wire::{self, Events},
    ws::Ws,
};

const HELLO: &str = "{ __typename }";
const FOLLOW: &str =
    "subscription F($c: ID!) { messages(conversationId: $c) { ... on MessageChanged { message { seq body } } } }";

/// What other tests of this process may hold at the same time.
const OTHERS: f64 = 4_000_000.0;

fn configured(change: impl FnOnce(&mut yanit::config::Config) + Send + 'static) -> Options {
    Options { configure: Some(Box::new(change)), ..Options::default() }
}

/// Somebody who means well is answered at once.
async fn others_are_served(app: &TestApp) {
    let began = Instant::now();
    assert_eq!(wire::post(&app.url(), &[], &json!({ "query": HELLO })).await.status, 200);
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    // Longer than most messages are.
    ws.subscribe("1", &format!("{HELLO} # {}", "x".repeat(20_000)), json!({})).await;
    assert_eq!(ws.next_json().await["type"], "next");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_without_an_end_hold_a_bounded_memory_and_are_cut() {
    let limit = yanit::config::Config::default().max_incoming_bytes as f64;
    let app = TestApp::with(configured(|config| config.read_timeout_seconds = 4)).await;
    let (refused, stalled) =
        (app.metric("yanit_incoming_refused_total").await, app.metric("yanit_slow_senders_total").await);
    let mut attackers = JoinSet::new();
    for _ in 0..100 {
        let (mut sender, mut receiver) = app.raw_signed_in(None).await;
        attackers.spawn(async move {
            let attack = async {
                // 2 MB of a message, and signs of life instead of the rest.
                sender.frame(BEGIN, &vec![b'x'; 2_000_000]).await?;
                loop {
                    sender.frame(PONG, b"").await?;
                    sleep(Duration::from_millis(200)).await;
                }
            };
            let closed = receiver.closed();
            tokio::select! {
                closed = closed => closed.0,
                result = attack => {
                    let _: std::io::Result<()> = result;
                    1006
                }
            }
        });
    }
    let mut most = 0_f64;
    let mut codes = Vec::new();
    while !attackers.is_empty() {
        tokio::select! {
            Some(code) = attackers.join_next() => codes.push(code.unwrap()),
            () = sleep(Duration::from_millis(200)) => {
                most = most.max(app.metric("yanit_incoming_bytes").await);
                others_are_served(&app).await;
            }
        }
    }
    assert!(most > 0.0 && most <= limit + OTHERS, "{most} of {limit}");
    assert!(codes.iter().all(|code| [1013, 1008, 1006].contains(code)), "{codes:?}");
    assert!(app.metric("yanit_incoming_refused_total").await > refused, "the node's memory was never full");
    assert!(app.metric("yanit_slow_senders_total").await > stalled, "nobody was cut for being slow");
    assert!(app.metric("yanit_incoming_bytes").await < OTHERS, "all of it is given back");
}

#[tokio::test]
async fn before_the_acknowledgement_only_little_is_read() {
    let app = TestApp::start().await;
    let token = "x".repeat(16_300);
    let hello = json!({ "type": "connection_init", "payload": { "token": token } }).to_string();
    assert!(hello.len() <= 16 * 1024);
    let (mut sender, mut receiver) = app.raw(None).await.unwrap();
    sender.text(&hello).await.unwrap();
    assert_eq!(receiver.closed().await.0, 4403, "it was read");
    for bytes in [frame(TEXT, &[b' '; 16 * 1024 + 1]), [frame(BEGIN, &[b' '; 16 * 1024]), frame(LAST, b" ")].concat()] {
        let (mut sender, mut receiver) = app.raw(None).await.unwrap();
        sender.bytes(&bytes).await.unwrap();
        assert_eq!(receiver.closed().await.0, 1009);
    }
    // Signed in, the settings count.
    let mut ws = Ws::signed_in(&app.ws_url(), None).await;
    ws.subscribe("1", HELLO, json!({ "unused": "x".repeat(500_000) })).await;
    assert_eq!(ws.next_json().await["type"], "next");
}

#[tokio::test]
async fn a_message_must_go_on_whatever_comes_between_its_parts() {
    let app = TestApp::with(configured(|config| config.read_timeout_seconds = 1)).await;
    // Nothing at all; half a header; drops; pings.
    let rest: [&[u8]; 4] = [b"", b"\x00", &frame(MIDDLE, b" "), &frame(PING, &[7; 125])];
    for between in rest {
        let (mut sender, mut receiver) = app.raw_signed_in(None).await;
        let began = Instant::now();
        sender.frame(BEGIN, b"{").await.unwrap();
        let drip = async {
            loop {
                sleep(Duration::from_millis(50)).await;
                if sender.bytes(between).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let code = tokio::select! {
            closed = receiver.closed() => closed.0,
            () = drip => unreachable!(),
        };
        assert!([1008, 1002].contains(&code), "{between:?} {code}");
        assert!(began.elapsed() < Duration::from_secs(5), "{between:?} {:?}", began.elapsed());
    }
    // A large one that comes at a pace of its own takes longer than that.
    let (mut sender, mut receiver) = app.raw_signed_in(None).await;
    let text =
        json!({ "type": "subscribe", "id": "1", "payload": { "query": format!("{HELLO} # {}", "x".repeat(60_000)) } });
    let bytes = frame(TEXT, text.to_string().as_bytes());
    for piece in bytes.chunks(bytes.len() / 12) {
        sender.bytes(piece).await.unwrap();
        sleep(Duration::from_millis(250)).await;
    }
    let (_, answer) = receiver.next().await.expect("it is open");
    assert!(String::from_utf8_lossy(&answer).contains("\"next\""));
}

#[tokio::test]
async fn one_address_has_a_number_of_connections_and_leaves_room_for_others() {
    let app = TestApp::with(configured(|config| {
        config.max_address_connections = 3;
        config.max_connections = 1_000;
    }))
    .await;
    let refused = app.metric("yanit_connections_refused_total").await;
    let person = app.person("ada").await;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(app.raw(Some("192.0.2.1")).await.expect("there is room"));
    }
    // A stream counts as a socket does.
    let site = app.site("acme").await;
    let conversation = app.conversation(&app.visitor(&site).await).await;
    let authorization = format!("Bearer {}", site.admin.token);
    let headers = [("x-forwarded-for", "192.0.2.1"), ("authorization", authorization.as_str())];
    let mut stream =
        Events::open(&app.url(), &headers, &json!({ "query": FOLLOW, "variables": { "c": conversation } })).await;
    stream.until("retry: ").await;
    assert_eq!(app.raw(Some("192.0.2.1")).await.err(), Some(429));
    let body = json!({ "query": HELLO });
    let answer = wire::post(&app.url(), &[("x-forwarded-for", "192.0.2.1")], &body).await;
    assert_eq!((answer.status, answer.reason().as_str()), (429, "TOO_MANY_CONNECTIONS"));
    assert!(answer.header("retry-after").is_some());
    assert!(app.metric("yanit_connections_refused_total").await >= refused + 2.0);
    // Others are another address, and one network of IPv6 is one.
    assert_eq!(wire::post(&app.url(), &[("x-forwarded-for", "192.0.2.2")], &body).await.status, 200);
    for number in 0..3 {
        open.push(app.raw(Some(&format!("2001:db8::{number}"))).await.expect("there is room"));
    }
    assert_eq!(app.raw(Some("2001:db8::ffff:1")).await.err(), Some(429));
    open.push(app.raw(Some("2001:db8:0:1::1")).await.expect("another network"));
    // Who leaves makes room.
    drop((open, stream));
    for _ in 0..50 {
        if app.raw(Some("192.0.2.1")).await.is_ok() {
            app.run(Some(&person.token), HELLO, Value::Null).await;
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the places stay taken");
}

#[tokio::test]
async fn one_address_without_a_proxy_has_a_number_of_connections() {
    let app = TestApp::with(configured(|config| {
        config.trusted_proxies = Default::default();
        config.max_address_connections = 500;
        // Half of it is for others.
        config.max_connections = 20;
    }))
    .await;
    let held: Vec<TcpStream> = {
        let mut held = Vec::new();
        for _ in 0..10 {
            held.push(wire::open(&app.url()).await);
        }
        sleep(Duration::from_millis(200)).await;
        held
    };
    // Addresses in headers change nothing.
    let headers = [("x-forwarded-for", "192.0.2.1")];
    let answer = wire::post(&app.url(), &headers, &json!({ "query": HELLO })).await;
    assert_eq!((answer.status, answer.reason().as_str()), (429, "TOO_MANY_CONNECTIONS"));
    assert_eq!(wire::send(&app.url(), "GET", "/health/ready", &[], b"").await.status, 200);
    assert_eq!(app.raw(None).await.err(), Some(429));
    // Not even to be told so can it have as many as it likes.
    let mut more = Vec::new();
    for _ in 0..30 {
        more.push(wire::open(&app.url()).await);
    }
    sleep(Duration::from_millis(200)).await;
    let mut ended = 0;
    for stream in &mut more {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
        ended += usize::from(read.is_ok());
    }
    assert_eq!(ended, 30 - 8, "all but those who wait for the answer are closed at once");
    drop((held, more));
    sleep(Duration::from_millis(300)).await;
    assert_eq!(wire::post(&app.url(), &[], &json!({ "query": HELLO })).await.status, 200);
}

#[tokio::test]
async fn bodies_have_a_pace_and_no_total_time() {
    let app = TestApp::with(configured(|config| config.read_timeout_seconds = 1)).await;
    let head = |length: usize| {
        format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    // Three times as long as the longest rest.
    let body = json!({ "query": format!("{HELLO} # {}", "x".repeat(60_000)) }).to_string();
    let mut stream = wire::open(&app.url()).await;
    stream.write_all(head(body.len()).as_bytes()).await.unwrap();
    for piece in body.as_bytes().chunks(body.len() / 12) {
        stream.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(wire::finish(stream).await.status, 200);

    let slow = app.metric("yanit_slow_senders_total").await;
    let began = Instant::now();
    let mut stream = wire::open(&app.url()).await;
    stream.write_all(head(1_000_000).as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let mut answer = Vec::new();
    let drip = async {
        loop {
            if write.write_all(b" ").await.is_err() {
                std::future::pending::<()>().await;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = read.read_to_end(&mut answer) => {}
        () = drip => {}
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("TIMEOUT") && answer.contains("8192"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(app.metric("yanit_slow_senders_total").await > slow);

    // Heads have a total time: they are short.
    let mut stream = wire::open(&app.url()).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) && stream.write_all(b"x").await.is_ok() {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn bodies_together_hold_a_bounded_memory() {
    let app = TestApp::with(configured(|config| config.max_incoming_bytes = 1_000_000)).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 600000\r\n\r\n";
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..4 {
        let mut stream = wire::open(&app.url()).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.write_all(&[b' '; 400_000]).await;
        let mut answer = [0; 12];
        match tokio::time::timeout(Duration::from_millis(500), stream.read_exact(&mut answer)).await {
            Ok(_) => {
                refused += 1;
                assert_eq!(&answer, b"HTTP/1.1 503");
            }
            Err(_) => held.push(stream),
        }
    }
    assert!(!held.is_empty() && refused > 0, "{} held, {refused} refused", held.len());
    others_are_served(&app).await;
}

#[tokio::test]
async fn a_flood_is_read_slowly_and_ends() {
    let app = TestApp::start().await;
    let floods = app.metric("yanit_floods_total").await;
    let mut attackers = JoinSet::new();
    for flood in [
        frame(TEXT, b"{\"type\":\"ping\"}"),
        frame(TEXT, b"{\"type\":\"pong\"}"),
        frame(TEXT, b"{\"type\":\"complete\",\"id\":\"x\"}"),
        frame(PING, b"x"),
        frame(PONG, b""),
        frame(MIDDLE, b""),
    ] {
        let (mut sender, mut receiver) = app.raw_signed_in(None).await;
        attackers.spawn(async move {
            if flood[0] == MIDDLE {
                sender.frame(BEGIN, b"").await.unwrap();
            }
            let many = flood.repeat(500);
            let attack = async {
                while sender.bytes(&many).await.is_ok() {}
                std::future::pending::<()>().await;
            };
            tokio::select! {
                closed = receiver.closed() => (flood[0], closed),
                () = attack => unreachable!(),
            }
        });
    }
    let began = Instant::now();
    while let Some(ended) = attackers.join_next().await {
        let (kind, (code, answers)) = ended.unwrap();
        assert_eq!(code, 4429, "{kind:x}");
        assert!(answers < 2_500, "{kind:x}: {answers} answers");
        others_are_served(&app).await;
    }
    assert!((Duration::from_secs(3)..Duration::from_secs(15)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(app.metric("yanit_floods_total").await >= floods + 6.0);
}

#[tokio::test]
async fn a_burst_is_no_flood() {
    let app = TestApp::start().await;
    let (mut sender, mut receiver) = app.raw_signed_in(None).await;
    sender.bytes(&frame(TEXT, b"{\"type\":\"ping\"}").repeat(500)).await.unwrap();
    for _ in 0..500 {
        assert_eq!(receiver.next().await.expect("it is open").1, b"{\"type\":\"pong\"}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_counts_at_once_however_much_is_sent() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (mut sender, mut receiver) = app.raw_signed_in(Some(&ada.token)).await;
    let flood = tokio::time::timeout(Duration::from_secs(20), async move {
        for number in 0_u64.. {
            let ask = json!({ "type": "subscribe", "id": number.to_string(), "payload": { "query": "{ me { id } }" } });
            let pongs = frame(PONG, b"").repeat(20);
            let _ = sender.bytes(&[frame(TEXT, ask.to_string().as_bytes()), pongs].concat()).await;
        }
    });
    let reading = async move {
        let mut at = Vec::new();
        loop {
            match receiver.next().await {
                Some((TEXT, payload)) if String::from_utf8_lossy(&payload).contains("\"next\"") => {
                    at.push(Instant::now())
                }
                Some((0x88, payload)) => break (at, u16::from_be_bytes([payload[0], payload[1]]), Instant::now()),
                Some(_) => {}
                None => break (at, 1006, Instant::now()),
            }
        }
    };
    let signing_out = async {
        sleep(Duration::from_millis(1_200)).await;
        app.run(Some(&ada.token), "mutation { logout(input: {}) { __typename } }", Value::Null).await;
        Instant::now()
    };
    let ((answers, code, closed), signed_out) = tokio::select! {
        both = async { tokio::join!(reading, signing_out) } => both,
        _ = flood => panic!("it was never closed"),
    };
    assert_eq!(code, 4403);
    assert!(closed < signed_out + Duration::from_secs(1), "closed after {:?}", closed.duration_since(signed_out));
    let late = answers.iter().filter(|at| **at > signed_out + Duration::from_millis(100)).count();
    assert!(answers.len() > 5 && late == 0, "{late} of {} answers after the sign-out", answers.len());
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_little_and_not_for_long() {
    let app = TestApp::with(configured(|config| {
        config.read_timeout_seconds = 1;
        config.max_outgoing_bytes = 30_000_000;
        config.max_complexity = 100_000;
    }))
    .await;
    let limit = 30_000_000.0;
    let slow = app.metric("yanit_slow_consumers_total").await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    for _ in 0..24 {
        app.say(&visitor.token, &conversation, &"x".repeat(9_000)).await;
    }
    // Each answer has six megabytes.
    let bodies: String = (0..28).map(|n| format!(" b{n}: body")).collect();
    let query = format!(
        "query Q($c: ID!) {{ conversation(conversationId: $c) {{ messages(first: 100) {{ nodes {{{bodies} }} }} }} }}"
    );
    let ask = json!({ "query": query, "variables": { "c": conversation } });
    let authorization = format!("Bearer {}", visitor.token);
    let whole = wire::post(&app.url(), &[("authorization", &authorization)], &ask).await;
    assert!(whole.status == 200 && whole.body.len() > 5_000_000, "{:.300}", whole.body);
    assert_eq!(whole.header("content-length"), Some(whole.body.len().to_string().as_str()));

    let (mut sender, mut receiver) = app.raw_signed_in(Some(&visitor.token)).await;
    for id in 0..6 {
        let ask = json!({ "type": "subscribe", "id": id.to_string(), "payload": ask });
        sender.text(&ask.to_string()).await.unwrap();
    }
    let mut silent = Vec::new();
    for _ in 0..4 {
        let mut stream = wire::open_narrow(&app.url()).await;
        let body = ask.to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    // One answer alone is never too much, but it has to be taken; signs of life do not help.
    let (mut alive, mut ended) = app.raw_narrow(Some(&visitor.token)).await;
    let one = json!({ "type": "subscribe", "id": "1", "payload": ask });
    alive.text(&one.to_string()).await.unwrap();
    let mut most = 0_f64;
    let began = Instant::now();
    while app.metric("yanit_slow_consumers_total").await <= slow || began.elapsed() < Duration::from_secs(5) {
        most = most.max(app.metric("yanit_outgoing_bytes").await);
        others_are_served(&app).await;
        let _ = alive.frame(PONG, b"").await;
        assert!(began.elapsed() < Duration::from_secs(25), "nobody was cut");
        sleep(Duration::from_millis(100)).await;
    }
    assert!(most > 0.0 && most <= limit + OTHERS, "{most}");
    // The socket is told why once it reads; the others were cut, or refused at once.
    assert_eq!(receiver.closed().await.0, 1013);
    assert_eq!(ended.closed().await.0, 1013);
    for stream in &mut silent {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(read.is_ok() && rest.len() < whole.body.len(), "{} of {} were sent", rest.len(), whole.body.len());
    }
    assert!(app.metric("yanit_outgoing_bytes").await < OTHERS, "all of it is given back");
}
