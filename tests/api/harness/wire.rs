//! HTTP by hand, for tests that look at bytes: one request a connection, sent as slowly or as wrongly as a test likes.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::app::TestApp;

/// Longest wait for an answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub status: u16,
    head: String,
    /// Its body, without the chunks' sizes.
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The first error's `extensions.code`.
    pub(crate) fn code(&self) -> String {
        self.extension("code")
    }

    /// The first error's `extensions.reason`.
    pub(crate) fn reason(&self) -> String {
        self.extension("reason")
    }

    fn extension(&self, name: &str) -> String {
        self.json()["errors"][0]["extensions"][name].as_str().unwrap_or_default().to_owned()
    }
}

impl TestApp {
    /// A number of the metrics page; the sum over its labels. All servers of the process count together.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page = send(&self.url(), "GET", "/metrics", &[], b"").await.body;
        page.lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

/// The host and port of `http://host:port`.
pub(crate) fn authority(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap()
}

/// Opens a bare connection.
pub(crate) async fn open(url: &str) -> TcpStream {
    TcpStream::connect(authority(url)).await.unwrap()
}

/// The same, for a client that takes little at once: the kernel holds next to nothing for it.
pub(crate) async fn open_narrow(url: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    socket.connect(authority(url).parse().unwrap()).await.unwrap()
}

/// Sends one request and reads its answer.
pub(crate) async fn send(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = open(url).await;
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", authority(url));
    if !body.is_empty() {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(body).await;
    finish(stream).await
}

/// A GraphQL request as clients send it.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json"), ("accept", "application/graphql-response+json")];
    all.retain(|(name, _)| !headers.iter().any(|(own, _)| own == name));
    all.extend(headers);
    send(url, "POST", "/graphql", &all, body.to_string().as_bytes()).await
}

/// Reads an answer until the server closes.
pub(crate) async fn finish(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    };
    timeout(DEADLINE, read).await.expect("the answer does not end");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, head: head.to_owned(), body: if chunked { unchunk(body) } else { body.to_owned() } }
}

fn unchunk(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || after.len() < size {
            break;
        }
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}

/// Server-sent events as they come.
pub(crate) struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// Subscribes with POST.
    pub(crate) async fn open(url: &str, headers: &[(&str, &str)], body: &Value) -> Self {
        let mut stream = open(url).await;
        let body = body.to_string();
        let mut request = format!(
            "POST /graphql/stream HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: text/event-stream\r\ncontent-length: {}\r\n",
            authority(url),
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
        Self { stream, text: String::new() }
    }

    /// Everything received so far, once it contains `wanted`.
    pub(crate) async fn until(&mut self, wanted: &str) -> &str {
        let read = async {
            let mut buffer = [0; 4096];
            while !self.text.contains(wanted) {
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => panic!("ended without {wanted}: {}", self.text),
                    Ok(count) => self.text.push_str(&String::from_utf8_lossy(&buffer[..count])),
                }
            }
        };
        timeout(DEADLINE, read).await.unwrap_or_else(|_| panic!("no {wanted}"));
        &self.text
    }

    /// Everything until the server ends the stream.
    pub(crate) async fn end(mut self) -> String {
        let read = async {
            let mut buffer = [0; 4096];
            // The last chunk has no bytes; what is not sent in chunks ends with the connection.
            while !self.text.ends_with("\r\n0\r\n\r\n") {
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => self.text.push_str(&String::from_utf8_lossy(&buffer[..count])),
                }
            }
        };
        timeout(DEADLINE, read).await.expect("the stream does not end");
        self.text
    }
}
