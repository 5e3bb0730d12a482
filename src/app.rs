//! The wired program: the only place that picks ports and lists kinds of jobs and readers.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    config::Config,
    features::{
        agents,
        answers::{self, AnswerLeftOpen, AnswerQuestion, OfferPerson, SummarizeHandoff},
        conversations::{self, CloseIdle},
        evaluation::RunEvaluation,
        knowledge::{self, CheckIndex, FillVectors, ImportArticles, IndexArticle, RebuildIndex},
        questions::{self, EmbedQuestion},
        routing::{self, CheckAttendance, DrainQueue, TellEmergency},
        upkeep::TrimJournals,
        widgets::EndEmergency,
    },
    kernel::{
        Ctx, Error, Result,
        clock::Clock,
        ctx::Ports,
        epochs, heads,
        jobs::{self, Kinds},
        readers::{self, Reader},
        secret::{self, Secrets},
        shared::Shared,
        task::Tasks,
    },
    ports::{
        ai::Models,
        bus::Bus,
        claim::Claim,
        db::Database,
        documents::Documents,
        embedding::Embeddings,
        http, key_file, private,
        scratch::Scratch,
        vectors::{EmbeddedIndex, QdrantIndex, Vectors},
    },
    schema::Api,
};

/// Longest wait for connections to the database to close.
const CLOSING: Duration = Duration::from_secs(1);

/// The program, ready to serve and to work.
#[derive(Clone)]
pub struct App {
    /// What everything works with.
    pub ports: Arc<Ports>,
    /// The API.
    pub api: Api,
    kinds: Kinds,
    readers: Vec<Reader>,
}

/// What tests put in the place of the real thing.
#[derive(Default)]
pub struct Overrides {
    /// A clock that tests move.
    pub clock: Clock,
    /// Models that say what tests want.
    pub models: Option<Models>,
    /// The `yanit` program, which reads PDF files in a process of its own; without it the one that runs, which a test is
    /// not.
    pub program: Option<PathBuf>,
}

impl App {
    /// Connects and migrates, and wires everything. Starts nothing.
    ///
    /// # Errors
    /// When the database does not answer, or the data folder cannot be written.
    pub async fn build(config: Config, overrides: Overrides) -> Result<Self> {
        http::install_tls();
        if !config.is_production() {
            private::folder(&config.data_dir).map_err(Error::internal)?;
        }
        let database = Database::connect(&config.database(), config.database_pool).await?;
        let signing_key = if config.is_production() {
            database.migrate().await?;
            config.secret_key.clone().unwrap_or_default().into_bytes()
        } else {
            // SQLite has no lock for it, so processes that start at once on one folder wait at a file.
            let gate = private::file(&config.data_dir.join("migrate.lock")).map_err(Error::internal)?;
            let gate =
                tokio::task::spawn_blocking(move || gate.lock().map(|()| gate)).await.map_err(Error::internal)?;
            let gate = gate.map_err(Error::internal)?;
            database.migrate().await?;
            let make = || secret::token().into_bytes();
            let key = config.secret_key.clone().map(String::into_bytes);
            let key = key.map_or_else(|| key_file::read_or_make(&config.data_dir.join("secret.key"), make), Ok)?;
            drop(gate);
            key
        };
        let tasks = Tasks::default();
        let (bus, scratch) = match &config.redis_url {
            Some(url) => {
                let prefix = &config.redis_prefix;
                (Bus::redis(url, prefix, &tasks).await?, Scratch::redis(url, prefix).await?)
            }
            None => (Bus::memory(), Scratch::memory()),
        };
        let embeddings = Embeddings::from_config(&config)?;
        let vectors = match &config.qdrant_url {
            Some(url) => {
                let key = config.qdrant_api_key.as_deref();
                let (model, dimension) = (embeddings.model().clone(), embeddings.dimension_cell());
                Vectors::Qdrant(Box::new(QdrantIndex::new(url, key, model, dimension)?))
            }
            None => Vectors::Embedded(EmbeddedIndex::new(embeddings.model().clone())),
        };
        let models = match overrides.models {
            Some(models) => models,
            None => Models::from_config(&config).map_err(Error::internal)?,
        };
        let program = match overrides.program {
            Some(program) => program,
            None => std::env::current_exe().map_err(Error::internal)?,
        };
        let api = Api::build(&config);
        let ports = Ports {
            secrets: Secrets { signing_key },
            clock: overrides.clock,
            database,
            bus,
            scratch,
            vectors,
            embeddings,
            documents: Documents::new(program),
            models,
            tasks,
            shared: Shared::default(),
            config,
        };
        let app = Self {
            ports: Arc::new(ports),
            api,
            kinds: Kinds::default()
                .with::<AnswerQuestion>()
                .with::<DrainQueue>()
                .with::<CheckAttendance>()
                .with::<TellEmergency>()
                .with::<OfferPerson>()
                .with::<AnswerLeftOpen>()
                .with::<SummarizeHandoff>()
                .with::<EmbedQuestion>()
                .with::<IndexArticle>()
                .with::<RebuildIndex>()
                .with::<FillVectors>()
                .with::<CheckIndex>()
                .with::<ImportArticles>()
                .with::<RunEvaluation>()
                .with::<EndEmergency>()
                .with::<TrimJournals>()
                .with::<CloseIdle>(),
            readers: vec![routing::reader(), answers::reader(), questions::reader()],
        };
        if let Err(error) = epochs::check(&app.cx()).await {
            tracing::warn!(error = ?error, "whether the database was restored cannot be seen; run `yanit restored` after it was");
        }
        Ok(app)
    }

    /// A context for the server's own work.
    pub fn cx(&self) -> Ctx {
        Ctx::system(self.ports.clone())
    }

    /// The right to serve and work on the database; see [`Claim`].
    ///
    /// # Errors
    /// When another process has it.
    pub fn claim(&self) -> Result<Claim> {
        Claim::take(&self.ports.config.database())
    }

    /// Starts the background work of a node: jobs, readers, saving.
    pub fn start_workers(&self) {
        let kinds = self.kinds.clone();
        self.keep("jobs", move |cx| jobs::work(cx, kinds.clone()));
        let all = self.readers.clone();
        self.keep("readers", move |cx| readers::run(cx, all.clone()));
        self.keep("leases", agents::keep_leases);
        self.keep("queues", routing::keep_queues);
        self.keep("viewers", conversations::keep_viewers);
        self.keep("views", knowledge::keep_counting);
        self.keep("journals", heads::keep);
        let cx = self.cx();
        self.ports.tasks.keep_support("answers", move || answers::keep_saving(cx.clone()));
    }

    fn keep<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        work: impl Fn(Ctx) -> F + Send + 'static,
    ) {
        let cx = self.cx();
        self.ports.tasks.keep(name, move || work(cx.clone()));
    }

    /// Orders the work that comes round by itself, unless it is ordered already.
    pub async fn order_upkeep(&self) -> Result<()> {
        let mut tx = self.cx().begin().await?;
        tx.enqueue(&TrimJournals::default()).await?;
        tx.enqueue(&CloseIdle::default()).await?;
        tx.enqueue(&CheckIndex::default()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Does all background work that is due, here and now, until none is left.
    pub async fn drain(&self) -> Result<()> {
        let cx = self.cx();
        loop {
            readers::drain(&cx, &self.readers).await?;
            jobs::drain(&cx, &self.kinds).await?;
            if !readers::behind(&cx, &self.readers).await? {
                return Ok(());
            }
        }
    }

    /// Ends the node in the order of [`Tasks::drain`], within the time that the settings give it, and closes the database.
    pub async fn stop(self) {
        self.ports.tasks.drain(Duration::from_secs(self.ports.config.shutdown_seconds)).await;
        // A connection of something that was cut may not have come back.
        let _ = tokio::time::timeout(CLOSING, self.ports.database.clone().close()).await;
    }
}
