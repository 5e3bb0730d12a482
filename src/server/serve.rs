//! Connections: accepted up to a limit, protected against those that say nothing, and drained at the end.
//!
//! HTTP/1.1 only: browsers speak HTTP/2 to the proxy that holds the certificate, and proxies speak HTTP/1.1 to us.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tower::Service;

use super::{
    Server,
    edge::Peer,
    metrics::Live,
    pace::Paced,
    places::{Holder, Place},
};
use crate::{
    kernel::{ctx::Ports, task::Tasks},
    schema::Api,
};

/// Connections the kernel keeps for us while we are busy.
const BACKLOG: u32 = 4096;

/// Above the limit, so many connections get an answer that says so; further ones are closed at once.
const COURTESY: usize = 256;

/// The same for the connections of one address.
const COURTESY_OF_ADDRESS: usize = 8;

/// The longest request head, as other servers have it. It is held without being counted until all of it has come, and
/// so much more waits between a body that is made in pieces and a client that reads slowly.
const MAX_HEAD: usize = 16 * 1024;

/// The longest request line and headers may take this many fields.
const MAX_HEADERS: usize = 100;

/// A pause after `accept` failed: usually there are no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on an address, with room for a crowd to reconnect at once.
///
/// # Errors
/// When the address is taken or not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until shutdown begins ([`Tasks::stop`]). From then on sockets close with 1001, event streams end, and requests
/// that run are answered; [`Tasks::drain`] waits for them and in the end cuts them.
pub async fn serve(listener: TcpListener, ports: Arc<Ports>, api: Api) {
    let server = Server::start(ports, api);
    let router = super::routes(server.clone());
    let connections = Arc::new(Connections::default());
    loop {
        let accepted = tokio::select! {
            biased;
            () = server.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => connections.take(&server, &router, stream, address),
            Err(error) => {
                tracing::warn!(error = %error, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The open connections, WebSockets included.
#[derive(Default)]
struct Connections {
    open: AtomicUsize,
}

/// Counts a connection for as long as it lives; a WebSocket keeps it after its HTTP part has ended.
#[derive(Clone)]
pub(super) struct Counted(#[expect(dead_code, reason = "held for its drop")] Arc<Count>);

struct Count {
    connections: Arc<Connections>,
    /// Of the address at the other end, unless that is a proxy, which speaks for many.
    _place: Option<Place>,
    _live: Live,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    fn take(self: &Arc<Self>, server: &Arc<Server>, router: &Router, stream: TcpStream, address: SocketAddr) {
        let limit = server.ports.config.max_connections;
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let peer = address.ip();
        let place = (!server.proxies.trust(peer)).then(|| server.places.take(Holder::Network(peer.into())));
        let of_address = place.as_ref().map_or(0, |place| place.number);
        let most = server.connections_per_address();
        let counted = Counted(Arc::new(Count {
            connections: self.clone(),
            _place: place,
            _live: Live::new(&server.metrics.connections),
        }));
        let refused = if open >= limit {
            Some(StatusCode::SERVICE_UNAVAILABLE)
        } else if of_address > most {
            Some(StatusCode::TOO_MANY_REQUESTS)
        } else {
            None
        };
        if refused.is_some() {
            server.metrics.refused.increment(1);
            if open >= limit + COURTESY || of_address > most + COURTESY_OF_ADDRESS {
                return;
            }
        }
        let peer = Peer { address, refused };
        let tasks: &Tasks = &server.ports.tasks;
        tasks.spawn(connection(server.clone(), router.clone(), stream, peer, counted));
    }
}

impl Server {
    /// How many connections one address may have; never so many that nothing is left for others.
    pub(super) fn connections_per_address(&self) -> usize {
        let config = &self.ports.config;
        config.max_address_connections.min(config.max_connections / 2).max(1)
    }
}

async fn connection(server: Arc<Server>, router: Router, stream: TcpStream, peer: Peer, counted: Counted) {
    prepare(&stream, server.ports.config.ping_seconds);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(counted.clone());
        let mut router = router.clone();
        async move { Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {})) }
    });
    let patience = Duration::from_secs(server.ports.config.read_timeout_seconds);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Paced::new(stream, patience)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let stopping = server.stopping.clone();
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if is_timeout(&error) {
            server.metrics.slow_consumers.increment(1);
        }
        // Clients that leave or send nonsense: everyday things.
        tracing::debug!(error = %error, "A connection ended early.");
    }
}

/// The other side did not take what was sent to it ([`Paced`]).
fn is_timeout(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Small messages leave at once; a peer that acknowledges nothing for two pings is given up.
fn prepare(stream: &TcpStream, ping_seconds: u64) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let patience = Duration::from_secs(ping_seconds.max(10) * 2);
        let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(patience));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = ping_seconds;
}
