//! HTTP and WebSocket by hand: requests and frames that no library would send, from any address of the loopback network.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// First bytes of frames: whole messages and control frames, and parts of a message.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;
const CLOSE: u8 = 0x88;
pub(crate) const BEGIN: u8 = 0x01;
pub(crate) const MIDDLE: u8 = 0x00;

/// What a client receives with.
pub(crate) struct Reader {
    stream: OwnedReadHalf,
    bytes: Vec<u8>,
}

/// A connection.
pub(crate) struct Wire {
    pub(crate) read: Reader,
    pub(crate) write: OwnedWriteHalf,
}

/// Connects from an address. The kernel holds next to nothing for a narrow client.
pub(crate) async fn connect(to: SocketAddr, from: Ipv4Addr, narrow: bool) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if narrow {
        socket.set_recv_buffer_size(8 * 1024)?;
    }
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn bad(what: impl ToString) -> io::Error {
    io::Error::other(what.to_string())
}

/// A frame as clients send it, with a mask that changes nothing.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        medium @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
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

/// A request with its body.
pub(crate) fn request(token: Option<&str>, body: &str) -> String {
    let authorization = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\n{authorization}content-type: application/json\r\n\
         accept: application/graphql-response+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A `subscribe` message as a frame.
pub(crate) fn subscribe(id: &str, payload: &Value) -> Vec<u8> {
    frame(TEXT, json!({ "type": "subscribe", "id": id, "payload": payload }).to_string().as_bytes())
}

impl Wire {
    pub(crate) fn of(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self { read: Reader { stream: read, bytes: Vec::new() }, write }
    }

    pub(crate) async fn open(to: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        Ok(Self::of(connect(to, from, false).await?))
    }

    /// Posts a request and reads the answer, whose status may come before all of the body was taken.
    pub(crate) async fn post(&mut self, token: Option<&str>, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let request = request(token, body);
        let Self { read, write } = self;
        tokio::select! {
            biased;
            answer = read.answer() => answer,
            Err(_) = write.write_all(request.as_bytes()) => read.answer().await,
        }
    }

    /// Makes a WebSocket of it; gives the status.
    pub(crate) async fn upgrade(&mut self) -> io::Result<u16> {
        let head = "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        self.write.write_all(head.as_bytes()).await?;
        Ok(self.read.head().await?.0)
    }

    /// Makes a WebSocket of it and signs in.
    pub(crate) async fn sign_in(&mut self, token: Option<&str>) -> io::Result<()> {
        let status = self.upgrade().await?;
        if status != 101 {
            return Err(bad(status));
        }
        let payload = token.map_or(json!({}), |token| json!({ "token": token }));
        let hello = json!({ "type": "connection_init", "payload": payload }).to_string();
        self.write.write_all(&frame(TEXT, hello.as_bytes())).await?;
        self.message().await.map(|_| ())
    }

    /// The next message; pings are answered.
    pub(crate) async fn message(&mut self) -> io::Result<Value> {
        loop {
            match self.read.frame().await? {
                (TEXT, text) => return serde_json::from_slice(&text).map_err(bad),
                (PING, payload) => self.write.write_all(&frame(PONG, &payload)).await?,
                (CLOSE, payload) => return Err(bad(format!("closed {}", code(&payload)))),
                _ => {}
            }
        }
    }
}

fn code(payload: &[u8]) -> u16 {
    payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
}

impl Reader {
    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.bytes).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        let mut seen = 0_usize;
        loop {
            let from = seen.saturating_sub(mark.len());
            if let Some(at) = self.bytes[from..].windows(mark.len()).position(|part| part == mark) {
                return Ok(self.bytes.drain(..from + at + mark.len()).collect());
            }
            seen = self.bytes.len();
            self.more().await?;
        }
    }

    /// The status of an answer, and how long it is if it says so.
    pub(crate) async fn head(&mut self) -> io::Result<(u16, Option<usize>)> {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n").await?).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| bad("no status"))?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        Ok((status, length))
    }

    async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let (status, length) = self.head().await?;
        let Some(length) = length else { return Ok((status, self.until(b"\r\n0\r\n\r\n").await?)) };
        while self.bytes.len() < length {
            self.more().await?;
        }
        Ok((status, self.bytes.drain(..length).collect()))
    }

    /// The next frame's first byte and payload.
    async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some((header, length)) = header(&self.bytes)
                && self.bytes.len() >= header + length
            {
                let mut frame: Vec<u8> = self.bytes.drain(..header + length).collect();
                return Ok((frame[0], frame.split_off(header)));
            }
            self.more().await?;
        }
    }

    /// Reads until the server ends the connection; gives the close code, 1006 without one.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Ok((CLOSE, payload)) => return code(&payload),
                Ok(_) => {}
                Err(_) => return 1006,
            }
        }
    }
}

fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?)),
        short => Some((2, usize::from(short))),
    }
}
