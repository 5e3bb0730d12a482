//! What a request or a job works with: the caller, the clock and the ports.

use std::{ops::Deref, sync::Arc};

use uuid::Uuid;

use super::{
    access::{Actor, Permission, Reach},
    clock::Clock,
    error::Result,
    loader,
    position::Position,
    secret::Secrets,
    shared::Shared,
    task::Tasks,
    tx::Tx,
};
use crate::{
    config::Config,
    ports::{
        ai::Models,
        bus::Bus,
        db::{Database, Db},
        documents::Documents,
        embedding::Embeddings,
        scratch::Scratch,
        vectors::Vectors,
    },
};

/// The outside, wired once in `app.rs`.
pub struct Ports {
    /// Settings.
    pub config: Config,
    /// Time and new ids.
    pub clock: Clock,
    /// Rows.
    pub database: Database,
    /// Hints between parts and nodes.
    pub bus: Bus,
    /// Short-lived shared values.
    pub scratch: Scratch,
    /// The vector index.
    pub vectors: Vectors,
    /// What turns text into vectors.
    pub embeddings: Embeddings,
    /// What reads files.
    pub documents: Documents,
    /// What writes answers.
    pub models: Models,
    /// Signing keys.
    pub secrets: Secrets,
    /// Background tasks and shutdown.
    pub tasks: Tasks,
    /// What features keep in memory on this node.
    pub shared: Shared,
}

/// One request's or job's context; cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    ports: Arc<Ports>,
    /// Who calls.
    pub actor: Actor,
    /// About the request it belongs to.
    pub request: Arc<Request>,
    /// How far the execution of a subscription has come, where the transport wants to know.
    pub position: Option<Arc<Position>>,
    pub(super) loader: loader::Lazy,
}

/// About a request, for limits, logs and checks of origin.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Given back in `extensions.requestId` and in the log.
    pub id: String,
    /// The caller's address.
    pub address: Option<std::net::IpAddr>,
    /// The page the request comes from, by the browser's word.
    pub origin: Option<String>,
    /// The `Host` the request was sent to.
    pub host: Option<String>,
    /// The browser or program.
    pub user_agent: Option<String>,
}

impl Ctx {
    /// A context for a caller.
    pub fn new(ports: Arc<Ports>, actor: Actor, request: Request) -> Self {
        Self { ports, actor, request: Arc::new(request), position: None, loader: loader::Lazy::default() }
    }

    /// A context for the server's own work.
    pub fn system(ports: Arc<Ports>) -> Self {
        Self::new(ports, Actor::System, Request::default())
    }

    /// The same request as the server itself, for rules that look beyond the caller's reach.
    pub fn as_system(&self) -> Self {
        Self { actor: Actor::System, ..self.without_loader() }
    }

    pub(super) fn without_loader(&self) -> Self {
        Self { loader: loader::Lazy::default(), ..self.clone() }
    }

    /// Where the caller has a permission; see [`Actor::reach`].
    pub fn reach(&self, permission: Permission) -> Result<Reach> {
        self.actor.reach(permission)
    }

    /// The database outside a transaction: reads.
    pub fn db(&self) -> Db<'_> {
        self.database.db()
    }

    /// Opens a transaction: writes.
    pub async fn begin(&self) -> Result<Tx> {
        Tx::begin(self).await
    }

    /// A new identifier, for example `cx.id(ConversationId)`.
    pub fn id<T>(&self, kind: impl FnOnce(Uuid) -> T) -> T {
        kind(self.clock.uuid())
    }

    /// The wired ports, for work that outlives the request.
    pub fn ports(&self) -> Arc<Ports> {
        self.ports.clone()
    }
}

impl Deref for Ctx {
    type Target = Ports;

    fn deref(&self) -> &Ports {
        &self.ports
    }
}

/// Takes the [`Ctx`] out of a GraphQL context.
pub trait CtxExt<'a> {
    /// The request's context.
    fn cx(&self) -> &'a Ctx;
}

impl<'a> CtxExt<'a> for async_graphql::Context<'a> {
    #[expect(clippy::expect_used, reason = "the server puts it into every request; its absence is a bug")]
    fn cx(&self) -> &'a Ctx {
        self.data::<Ctx>().expect("every request carries a context")
    }
}
