//! A WebSocket client for tests: speaks `graphql-transport-ws`, and can misbehave on purpose.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode, header},
    },
};

/// The subprotocol of the server.
pub(crate) const PROTOCOL: &str = "graphql-transport-ws";

/// Longest wait for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// One socket.
pub(crate) struct Ws {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Ws {
    /// Connects with some subprotocols and, perhaps, the origin of a page.
    ///
    /// # Errors
    /// The status with which the server refused the upgrade.
    pub(crate) async fn connect(url: &str, protocols: &[&str], origin: Option<&str>) -> Result<Self, StatusCode> {
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        if !protocols.is_empty() {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&protocols.join(", ")).unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        match timeout(DEADLINE, connect_async(request)).await.expect("the upgrade took too long") {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(response)) => Err(response.status()),
            // The client library insists on a subprotocol in the answer; the socket is gone then.
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects with the right subprotocol and says nothing yet.
    pub(crate) async fn open(url: &str) -> Self {
        Self::connect(url, &[PROTOCOL], None).await.expect("refused")
    }

    /// Connects and signs in, with a token or without.
    pub(crate) async fn signed_in(url: &str, token: Option<&str>) -> Self {
        let mut ws = Self::open(url).await;
        ws.init(token.map_or(json!({}), |token| json!({ "authorization": format!("Bearer {token}") }))).await;
        ws
    }

    /// Sends `connection_init` and waits for its acknowledgement.
    pub(crate) async fn init(&mut self, payload: Value) {
        self.send(json!({ "type": "connection_init", "payload": payload })).await;
        let ack = self.next_json().await;
        assert_eq!(ack["type"], "connection_ack", "{ack}");
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Value) {
        self.send_raw(&message.to_string()).await;
    }

    /// Sends any text.
    pub(crate) async fn send_raw(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends any WebSocket message.
    pub(crate) async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Begins an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.send(json!({ "type": "subscribe", "id": id, "payload": { "query": query, "variables": variables } }))
            .await;
    }

    /// Ends an operation.
    pub(crate) async fn complete(&mut self, id: &str) {
        self.send(json!({ "type": "complete", "id": id })).await;
    }

    /// The next message; fails the test after the deadline, or when the socket ends.
    pub(crate) async fn next_json(&mut self) -> Value {
        self.try_next_json(DEADLINE).await.expect("nothing came in time")
    }

    /// The next message as it was sent; fails the test as [`Ws::next_json`] does.
    pub(crate) async fn next_text(&mut self) -> String {
        self.try_next_text(DEADLINE).await.expect("nothing came in time")
    }

    /// The next message, or nothing within `wait`.
    pub(crate) async fn try_next_json(&mut self, wait: Duration) -> Option<Value> {
        let text = self.try_next_text(wait).await?;
        Some(serde_json::from_str(&text).expect("not JSON"))
    }

    async fn try_next_text(&mut self, wait: Duration) -> Option<String> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return text.to_string(),
                    Some(Ok(Message::Close(frame))) => panic!("closed: {frame:?}"),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => panic!("broke: {error}"),
                    None => panic!("ended"),
                }
            }
        };
        timeout(wait, next).await.ok()
    }

    /// The next WebSocket message of any kind; `None` when the socket has ended.
    pub(crate) async fn next_message(&mut self) -> Option<Result<Message, Error>> {
        timeout(DEADLINE, self.socket.next()).await.expect("nothing came in time")
    }

    /// The code and the reason with which the server ends the socket; what comes before is skipped.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        self.closed_within(DEADLINE).await
    }

    /// As [`Ws::closed`], with another deadline.
    pub(crate) async fn closed_within(&mut self, deadline: Duration) -> (u16, String) {
        let end = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                    Some(Ok(Message::Close(None))) => return (1005, String::new()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return (1006, String::new()),
                }
            }
        };
        timeout(deadline, end).await.expect("the socket stays open")
    }

    /// Says goodbye and waits for the answer.
    pub(crate) async fn close(mut self) {
        let _ = self.socket.close(None).await;
        let _ = self.closed().await;
    }
}
