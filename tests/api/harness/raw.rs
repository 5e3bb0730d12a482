//! A WebSocket by hand, for clients that mean no good: frames that no library would send, as fast or as slowly as a test
//! likes.

use std::{io, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use super::{app::TestApp, wire};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// Opcodes, with the bit that says that nothing of the message follows.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;
const CLOSE: u8 = 0x88;

/// The first part of a text message, and one in its middle.
pub(crate) const BEGIN: u8 = 0x01;
pub(crate) const MIDDLE: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;

/// What a client sends with.
pub(crate) struct Sender(OwnedWriteHalf);

/// What it receives with.
pub(crate) struct Receiver {
    stream: OwnedReadHalf,
    bytes: Vec<u8>,
}

/// A frame as clients send it. The mask is none, so that the test does not spend its time with it.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).expect("short")),
        medium @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(medium).expect("medium").to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

impl TestApp {
    /// Opens a WebSocket, from an address behind the proxy if one is given.
    ///
    /// # Errors
    /// The status with which the upgrade was refused; 0 if the connection was closed without any.
    pub(crate) async fn raw(&self, from: Option<&str>) -> Result<(Sender, Receiver), u16> {
        raw_over(wire::open(&self.url()).await, from).await
    }

    /// The same, and signs in.
    pub(crate) async fn raw_signed_in(&self, token: Option<&str>) -> (Sender, Receiver) {
        let stream = wire::open(&self.url()).await;
        raw_signed_in_over(stream, token).await
    }

    /// The same for a client that takes little at once.
    pub(crate) async fn raw_narrow(&self, token: Option<&str>) -> (Sender, Receiver) {
        let stream = wire::open_narrow(&self.url()).await;
        raw_signed_in_over(stream, token).await
    }
}

async fn raw_signed_in_over(stream: TcpStream, token: Option<&str>) -> (Sender, Receiver) {
    let (mut sender, mut receiver) = raw_over(stream, None).await.expect("it is upgraded");
    let payload = token.map_or(json!({}), |token| json!({ "token": token }));
    sender.text(&json!({ "type": "connection_init", "payload": payload }).to_string()).await.expect("it is open");
    assert_eq!(receiver.text().await.expect("it is open"), "{\"type\":\"connection_ack\"}");
    (sender, receiver)
}

async fn raw_over(stream: TcpStream, from: Option<&str>) -> Result<(Sender, Receiver), u16> {
    let (read, write) = stream.into_split();
    let (mut sender, mut receiver) = (Sender(write), Receiver { stream: read, bytes: Vec::new() });
    let from = from.map_or(String::new(), |from| format!("x-forwarded-for: {from}\r\n"));
    let head = format!(
        "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\n{from}\r\n"
    );
    let _ = sender.0.write_all(head.as_bytes()).await;
    let status = receiver.head().await;
    if status == 101 { Ok((sender, receiver)) } else { Err(status) }
}

impl Sender {
    /// Sends any bytes.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Sends a frame.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        self.bytes(&frame(first, payload)).await
    }

    /// Sends a text message.
    pub(crate) async fn text(&mut self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes()).await
    }
}

impl Receiver {
    async fn more(&mut self) -> bool {
        let read = timeout(DEADLINE, self.stream.read_buf(&mut self.bytes)).await.expect("nothing came in time");
        read.is_ok_and(|count| count > 0)
    }

    async fn head(&mut self) -> u16 {
        loop {
            if let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.bytes.drain(..end + 4).collect();
                let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
                return std::str::from_utf8(status).ok().and_then(|status| status.parse().ok()).unwrap_or(0);
            }
            if !self.more().await {
                return 0;
            }
        }
    }

    /// The next frame's first byte and payload; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((header, length)) = header(&self.bytes)
                && self.bytes.len() >= header + length
            {
                let mut frame: Vec<u8> = self.bytes.drain(..header + length).collect();
                return Some((frame[0], frame.split_off(header)));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next text message; `None` when the connection has ended. Pings are skipped, and not answered.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            match self.next().await? {
                (TEXT, text) => return Some(String::from_utf8(text).expect("UTF-8")),
                (CLOSE, _) => return None,
                _ => {}
            }
        }
    }

    /// The code with which the server ends the connection, and how many other frames came before.
    pub(crate) async fn closed(&mut self) -> (u16, usize) {
        let mut others = 0;
        while let Some((first, payload)) = self.next().await {
            if first == CLOSE {
                return (payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)), others);
            }
            others += 1;
        }
        (1006, others)
    }
}

fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?)),
        short => Some((2, usize::from(short))),
    }
}
