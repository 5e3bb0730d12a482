//! Every setting: read once from the environment and an optional file, checked, and never printed with its secrets.

mod networks;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

pub use self::networks::Networks;

/// All settings. `.env.example` lists each with its default; a test keeps the two equal.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `YANIT_LISTEN`: address and port to listen on.
    pub listen: SocketAddr,
    /// `YANIT_PUBLIC_URL`: how browsers reach this server, when a proxy stands before it.
    pub public_url: Option<String>,
    /// `YANIT_DATA_DIR`: folder of the embedded database and of generated secrets.
    pub data_dir: PathBuf,
    /// `DATABASE_URL`: `postgres://…`; without it SQLite in the data folder.
    pub database_url: Option<String>,
    /// `REDIS_URL`: carries hints between nodes; without it this node stands alone.
    pub redis_url: Option<String>,
    /// `YANIT_REDIS_PREFIX`: what tells this installation's keys and channel on the Redis server from those of others.
    pub redis_prefix: String,
    /// `QDRANT_URL`: gRPC address of a Qdrant server; without it the built-in index.
    pub qdrant_url: Option<String>,
    /// `YANIT_QDRANT_API_KEY`
    pub qdrant_api_key: Option<String>,
    /// `YANIT_SECRET_KEY`: signs tokens; at least 32 characters. Needed with `DATABASE_URL`, otherwise generated.
    pub secret_key: Option<String>,
    /// `YANIT_DATABASE_POOL`: connections to the database.
    pub database_pool: u32,
    /// `YANIT_WORKERS`: answers that are written at once on this node; an eighth as many summaries and the like, and a
    /// sixteenth as many indexing jobs and the like, run beside them.
    pub workers: usize,
    /// `YANIT_JOURNAL_DAYS`: how long missed events can be replayed.
    pub journal_days: u32,
    /// `YANIT_IDLE_HOURS`: after how long a conversation ends in which nobody owes an answer.
    pub idle_hours: u32,
    /// `YANIT_GRAPHIQL`: serve GraphiQL at `GET /graphql`, and the demo page at `GET /demo`.
    pub graphiql: bool,
    /// `YANIT_INTROSPECTION`: answer introspection queries.
    pub introspection: bool,
    /// `YANIT_TRUSTED_PROXIES`: networks of the proxies whose `X-Forwarded-For` is believed, with commas between; also
    /// `loopback` and `private`.
    pub trusted_proxies: Networks,
    /// `YANIT_PROXY_HOPS`: how many of them a request passes.
    pub proxy_hops: usize,
    /// `YANIT_LOG`: filter of log lines, for example `info,yanit=debug`.
    pub log: String,
    /// `YANIT_LOG_JSON`: log lines as JSON.
    pub log_json: bool,
    /// `YANIT_OPENAI_URL`: base address of an OpenAI-compatible endpoint, for example `http://127.0.0.1:8080/v1`.
    pub openai_url: Option<String>,
    /// `YANIT_OPENAI_API_KEY`: key of that endpoint or, without `YANIT_OPENAI_URL`, of OpenAI itself.
    pub openai_api_key: Option<String>,
    /// `YANIT_OPENAI_MODEL`: the model there of assistants that name none.
    pub openai_model: Option<String>,
    /// `YANIT_AZURE_OPENAI_URL`: address of an Azure OpenAI resource, `https://name.openai.azure.com`.
    pub azure_openai_url: Option<String>,
    /// `YANIT_AZURE_OPENAI_API_KEY`
    pub azure_openai_api_key: Option<String>,
    /// `YANIT_AZURE_OPENAI_MODEL`: the deployment of assistants that name none.
    pub azure_openai_model: Option<String>,
    /// `YANIT_AZURE_OPENAI_API_VERSION`: for every resource whose address names none.
    pub azure_openai_api_version: String,
    /// `YANIT_MISTRAL_API_KEY`
    pub mistral_api_key: Option<String>,
    /// `YANIT_MISTRAL_MODEL`: the model of assistants that name none.
    pub mistral_model: Option<String>,
    /// `YANIT_OLLAMA_URL`: address of an Ollama server, for example `http://127.0.0.1:11434`.
    pub ollama_url: Option<String>,
    /// `YANIT_OLLAMA_MODEL`: the model of assistants that name none.
    pub ollama_model: Option<String>,
    /// `YANIT_ANTHROPIC_API_KEY`
    pub anthropic_api_key: Option<String>,
    /// `YANIT_ANTHROPIC_MODEL`: the model of assistants that name none.
    pub anthropic_model: Option<String>,
    /// `YANIT_GEMINI_API_KEY`
    pub gemini_api_key: Option<String>,
    /// `YANIT_GEMINI_MODEL`: the model of assistants that name none.
    pub gemini_model: Option<String>,
    /// `YANIT_MODEL_PATIENCE_SECONDS`: longest wait for a model's first words.
    pub model_patience_seconds: u64,
    /// `YANIT_MODEL_PRICES`: what models cost, as `PROVIDER/model*=input/output` in US dollars per million tokens, with
    /// commas between; before the built-in prices.
    pub model_prices: String,
    /// `YANIT_ALLOW_PRIVATE_MODELS`: assistants' own base addresses may use HTTP and lie in private networks.
    pub allow_private_models: bool,
    /// `YANIT_EMBEDDER`: what turns texts into vectors: `built-in`, `ollama` or `openai` (any server with its protocol).
    pub embedder: String,
    /// `YANIT_EMBEDDER_URL`: where it is, for example `http://127.0.0.1:11434` or `https://api.openai.com/v1`.
    pub embedder_url: Option<String>,
    /// `YANIT_EMBEDDER_API_KEY`
    pub embedder_api_key: Option<String>,
    /// `YANIT_EMBEDDER_MODEL`: its name of the model, for example `nomic-embed-text`.
    pub embedder_model: Option<String>,
    /// `YANIT_EMBEDDER_BATCH`: texts of one request.
    pub embedder_batch: usize,
    /// `YANIT_EMBEDDER_CONCURRENCY`: requests at once.
    pub embedder_concurrency: usize,
    /// `YANIT_MAX_BODY_BYTES`: largest request body and WebSocket frame.
    pub max_body_bytes: usize,
    /// `YANIT_MAX_UPLOAD_BYTES`: largest request body with files, of somebody who is signed in.
    pub max_upload_bytes: usize,
    /// `YANIT_MAX_DEPTH`: deepest nesting of fields; the standard introspection query needs 13.
    pub max_depth: usize,
    /// `YANIT_MAX_COMPLEXITY`: most fields, lists counted by their page size.
    pub max_complexity: usize,
    /// `YANIT_MAX_FIELDS`: most fields after fragments are expanded.
    pub max_fields: usize,
    /// `YANIT_MAX_NESTING`: deepest nesting of brackets and braces in the document's text.
    pub max_nesting: usize,
    /// `YANIT_MAX_DOCUMENT_BYTES`: longest document; long texts belong in variables.
    pub max_document_bytes: usize,
    /// `YANIT_MAX_TOKENS`: most words, signs and comments in a document.
    pub max_tokens: usize,
    /// `YANIT_MAX_ALIASES`
    pub max_aliases: usize,
    /// `YANIT_MAX_DIRECTIVES`
    pub max_directives: usize,
    /// `YANIT_MAX_SUBSCRIPTIONS`: operations at once on one connection.
    pub max_subscriptions: usize,
    /// `YANIT_MAX_VISITOR_CONNECTIONS`: connections at once of one visitor.
    pub max_visitor_connections: usize,
    /// `YANIT_MAX_ADDRESS_CONNECTIONS`: connections at once of one IPv4 address or IPv6 /64 network; never more than half
    /// of `YANIT_MAX_CONNECTIONS`.
    pub max_address_connections: usize,
    /// `YANIT_MAX_CONNECTIONS`: connections at once of this node.
    pub max_connections: usize,
    /// `YANIT_MAX_INCOMING_BYTES`: bytes that unfinished messages, and requests being answered, may hold on this node.
    pub max_incoming_bytes: usize,
    /// `YANIT_MAX_OUTGOING_BYTES`: bytes that may wait on this node for clients that read slowly.
    pub max_outgoing_bytes: usize,
    /// `YANIT_REQUEST_TIMEOUT_SECONDS`: longest execution of a query or mutation.
    pub request_timeout_seconds: u64,
    /// `YANIT_SHUTDOWN_SECONDS`: longest wait for requests and jobs under way when the program is told to stop; then they
    /// are cut.
    pub shutdown_seconds: u64,
    /// `YANIT_READ_TIMEOUT_SECONDS`: longest wait for the headers of a request, and longest rest within a body.
    pub read_timeout_seconds: u64,
    /// `YANIT_PING_SECONDS`: how often a WebSocket is pinged; one that is silent for two intervals is dropped.
    pub ping_seconds: u64,
    /// `YANIT_MAX_QUEUED_EVENTS`: events waiting for a slow connection before it is cut off.
    pub max_queued_events: usize,
    /// `YANIT_RATE_PER_MINUTE`: requests per minute of one person with an account.
    pub rate_per_minute: u32,
    /// `YANIT_VISITOR_RATE_PER_MINUTE`: requests per minute of one visitor.
    pub visitor_rate_per_minute: u32,
    /// `YANIT_ANONYMOUS_RATE_PER_MINUTE`: requests per minute from one address, of visitors and of nobody.
    pub anonymous_rate_per_minute: u32,
    /// `YANIT_CHANGES_PER_MINUTE`: mutations per minute of one visitor or customer.
    pub changes_per_minute: u32,
    /// `YANIT_MESSAGES_PER_MINUTE`: messages of one visitor or customer.
    pub messages_per_minute: u32,
    /// `YANIT_ADDRESS_MESSAGES_PER_MINUTE`: messages of visitors and customers to one site from one address.
    pub address_messages_per_minute: u32,
    /// `YANIT_SITE_MESSAGES_PER_MINUTE`: messages of visitors and customers to one site.
    pub site_messages_per_minute: u32,
    /// `YANIT_CONVERSATIONS_PER_MINUTE`: new conversations of one visitor or customer.
    pub conversations_per_minute: u32,
    /// `YANIT_ADDRESS_CONVERSATIONS_PER_MINUTE`: new conversations on one site from one address.
    pub address_conversations_per_minute: u32,
    /// `YANIT_SITE_CONVERSATIONS_PER_MINUTE`: new conversations on one site.
    pub site_conversations_per_minute: u32,
    /// `YANIT_EDIT_WINDOW_SECONDS`: how long a message can be edited or deleted by its author.
    pub edit_window_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            public_url: None,
            data_dir: PathBuf::from("data"),
            database_url: None,
            redis_url: None,
            redis_prefix: "yanit".into(),
            qdrant_url: None,
            qdrant_api_key: None,
            secret_key: None,
            database_pool: 10,
            workers: 256,
            journal_days: 30,
            idle_hours: 24,
            graphiql: true,
            introspection: true,
            trusted_proxies: Networks::default(),
            proxy_hops: 1,
            log: "info,sea_orm_migration=warn".into(),
            log_json: false,
            openai_url: None,
            openai_api_key: None,
            openai_model: None,
            azure_openai_url: None,
            azure_openai_api_key: None,
            azure_openai_model: None,
            azure_openai_api_version: "2024-10-21".into(),
            mistral_api_key: None,
            mistral_model: None,
            ollama_url: None,
            ollama_model: None,
            anthropic_api_key: None,
            anthropic_model: None,
            gemini_api_key: None,
            gemini_model: None,
            model_patience_seconds: 30,
            model_prices: String::new(),
            allow_private_models: false,
            embedder: "built-in".into(),
            embedder_url: None,
            embedder_api_key: None,
            embedder_model: None,
            embedder_batch: 32,
            embedder_concurrency: 2,
            max_body_bytes: 2 * 1024 * 1024,
            max_upload_bytes: 20 * 1024 * 1024,
            max_depth: 15,
            max_complexity: 5_000,
            max_fields: 2_000,
            max_nesting: 100,
            max_document_bytes: 128 * 1024,
            max_tokens: 5_000,
            max_aliases: 30,
            max_directives: 50,
            max_subscriptions: 50,
            max_visitor_connections: 10,
            max_address_connections: 200,
            max_connections: 50_000,
            max_incoming_bytes: 64 * 1024 * 1024,
            max_outgoing_bytes: 128 * 1024 * 1024,
            request_timeout_seconds: 30,
            shutdown_seconds: 35,
            read_timeout_seconds: 15,
            ping_seconds: 20,
            max_queued_events: 1_000,
            rate_per_minute: 6_000,
            visitor_rate_per_minute: 600,
            anonymous_rate_per_minute: 3_000,
            changes_per_minute: 120,
            messages_per_minute: 30,
            address_messages_per_minute: 240,
            site_messages_per_minute: 6_000,
            conversations_per_minute: 10,
            address_conversations_per_minute: 60,
            site_conversations_per_minute: 1_200,
            edit_window_seconds: 300,
        }
    }
}

/// A setting that cannot be used, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Settings that were replaced, and what to do about each.
const REPLACED: &[(&str, &str)] = &[(
    "trust_proxy",
    "was replaced: set YANIT_TRUSTED_PROXIES to the networks of your proxies (such as 10.0.0.0/8, loopback or private), \
     and YANIT_PROXY_HOPS to how many a request passes if it is more than one",
)];

/// Values that stand in examples and must not guard anything.
const KNOWN_SECRETS: &[&str] = &["change-me", "changeme", "secret", "replace-me", "example"];

impl Config {
    /// Reads the settings: defaults, then `yanit.toml` (or the file named by `YANIT_CONFIG`), then the environment.
    ///
    /// # Errors
    /// Names the setting that is unknown, malformed, out of its limits or missing.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn load() -> Result<Self, ConfigError> {
        let file = std::env::var("YANIT_CONFIG").unwrap_or_else(|_| "yanit.toml".into());
        Self::from_figment(
            Figment::from(Serialized::defaults(Self::default()))
                .merge(Toml::file(file))
                .merge(Env::raw().only(&["DATABASE_URL", "REDIS_URL", "QDRANT_URL"]))
                .merge(Env::prefixed("YANIT_").ignore(&["config"])),
        )
    }

    fn from_figment(figment: Figment) -> Result<Self, ConfigError> {
        if let Some((name, what)) = REPLACED.iter().find(|(name, _)| figment.contains(name)) {
            return Err(ConfigError(format!("{}: {what}", setting_name(name))));
        }
        let mut config: Self = figment.extract().map_err(|error| {
            let named: Vec<String> =
                error.into_iter().map(|e| format!("{}: {}", setting_name(&e.path.join(".")), e.kind)).collect();
            ConfigError(named.join("; "))
        })?;
        config.forget_empty();
        config.check()?;
        Ok(config)
    }

    /// An empty value (`REDIS_URL=`) means absent, as compose files write it.
    fn forget_empty(&mut self) {
        for value in [
            &mut self.public_url,
            &mut self.database_url,
            &mut self.redis_url,
            &mut self.qdrant_url,
            &mut self.qdrant_api_key,
            &mut self.secret_key,
            &mut self.openai_url,
            &mut self.openai_api_key,
            &mut self.openai_model,
            &mut self.azure_openai_url,
            &mut self.azure_openai_api_key,
            &mut self.azure_openai_model,
            &mut self.mistral_api_key,
            &mut self.mistral_model,
            &mut self.ollama_url,
            &mut self.ollama_model,
            &mut self.anthropic_api_key,
            &mut self.anthropic_model,
            &mut self.gemini_api_key,
            &mut self.gemini_model,
            &mut self.embedder_url,
            &mut self.embedder_api_key,
            &mut self.embedder_model,
        ] {
            if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
                *value = None;
            }
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let fail = |setting: &str, what: &str| Err(ConfigError(format!("{setting}: {what}")));
        if let Some(url) = &self.database_url
            && !["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme))
        {
            return fail("DATABASE_URL", "must start with postgres:// or sqlite:");
        }
        if let Some(url) = &self.redis_url
            && !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme))
        {
            return fail("REDIS_URL", "must start with redis:// or rediss://");
        }
        for (setting, url) in [
            ("QDRANT_URL", &self.qdrant_url),
            ("YANIT_OPENAI_URL", &self.openai_url),
            ("YANIT_AZURE_OPENAI_URL", &self.azure_openai_url),
            ("YANIT_OLLAMA_URL", &self.ollama_url),
            ("YANIT_EMBEDDER_URL", &self.embedder_url),
            ("YANIT_PUBLIC_URL", &self.public_url),
        ] {
            if let Some(url) = url
                && !url.starts_with("http://")
                && !url.starts_with("https://")
            {
                return fail(setting, "must start with http:// or https://");
            }
        }
        match self.embedder.as_str() {
            "built-in" => {}
            "ollama" | "openai" => {
                for (setting, value) in
                    [("YANIT_EMBEDDER_URL", &self.embedder_url), ("YANIT_EMBEDDER_MODEL", &self.embedder_model)]
                {
                    if value.is_none() {
                        return fail(setting, "is needed with YANIT_EMBEDDER=ollama and openai");
                    }
                }
            }
            _ => return fail("YANIT_EMBEDDER", "must be built-in, ollama or openai"),
        }
        match &self.secret_key {
            Some(key) if key.len() < 32 => {
                return fail(
                    "YANIT_SECRET_KEY",
                    "must have at least 32 characters, for example the output of `openssl rand -hex 32`",
                );
            }
            Some(key) if KNOWN_SECRETS.iter().any(|known| key.to_lowercase().contains(known)) => {
                return fail(
                    "YANIT_SECRET_KEY",
                    "is a value from an example; set your own, for example the output of `openssl rand -hex 32`",
                );
            }
            None if self.is_production() => {
                return fail(
                    "YANIT_SECRET_KEY",
                    "is needed with a PostgreSQL DATABASE_URL, the same on every node; for example the output of `openssl rand -hex 32`",
                );
            }
            _ => {}
        }
        if let Some(url) = &self.database_url
            && KNOWN_SECRETS.iter().any(|known| url.contains(&format!(":{known}@")))
        {
            return fail("DATABASE_URL", "has a password from an example; set your own");
        }
        for (setting, value, low, high) in [
            ("YANIT_PROXY_HOPS", self.proxy_hops, 1, 16),
            ("YANIT_DATABASE_POOL", self.database_pool as usize, 2, 1_000),
            ("YANIT_WORKERS", self.workers, 1, 1_000),
            ("YANIT_JOURNAL_DAYS", self.journal_days as usize, 1, 3_650),
            ("YANIT_IDLE_HOURS", self.idle_hours as usize, 1, 8_760),
            ("YANIT_EMBEDDER_BATCH", self.embedder_batch, 1, 256),
            ("YANIT_EMBEDDER_CONCURRENCY", self.embedder_concurrency, 1, 64),
            ("YANIT_MAX_BODY_BYTES", self.max_body_bytes, 1_024, 1 << 30),
            ("YANIT_MAX_UPLOAD_BYTES", self.max_upload_bytes, 1_024, 1 << 30),
            ("YANIT_MAX_DEPTH", self.max_depth, 1, 100),
            ("YANIT_MAX_COMPLEXITY", self.max_complexity, 1, 1_000_000),
            ("YANIT_MAX_FIELDS", self.max_fields, 1, 1_000_000),
            ("YANIT_MAX_NESTING", self.max_nesting, 5, 200),
            ("YANIT_MAX_DOCUMENT_BYTES", self.max_document_bytes, 1_024, 16 * 1024 * 1024),
            ("YANIT_MAX_TOKENS", self.max_tokens, 100, 1_000_000),
            ("YANIT_MAX_ALIASES", self.max_aliases, 0, 10_000),
            ("YANIT_MAX_DIRECTIVES", self.max_directives, 0, 10_000),
            ("YANIT_MAX_SUBSCRIPTIONS", self.max_subscriptions, 1, 10_000),
            ("YANIT_MAX_VISITOR_CONNECTIONS", self.max_visitor_connections, 1, 10_000),
            ("YANIT_MAX_ADDRESS_CONNECTIONS", self.max_address_connections, 1, 10_000_000),
            ("YANIT_MAX_CONNECTIONS", self.max_connections, 1, 10_000_000),
            ("YANIT_MAX_INCOMING_BYTES", self.max_incoming_bytes, 1 << 20, 1 << 40),
            ("YANIT_MAX_OUTGOING_BYTES", self.max_outgoing_bytes, 1 << 20, 1 << 40),
            ("YANIT_REQUEST_TIMEOUT_SECONDS", self.request_timeout_seconds as usize, 1, 3_600),
            ("YANIT_SHUTDOWN_SECONDS", self.shutdown_seconds as usize, 1, 3_600),
            ("YANIT_READ_TIMEOUT_SECONDS", self.read_timeout_seconds as usize, 1, 3_600),
            ("YANIT_PING_SECONDS", self.ping_seconds as usize, 1, 25),
            ("YANIT_MAX_QUEUED_EVENTS", self.max_queued_events, 1, 1_000_000),
            ("YANIT_RATE_PER_MINUTE", self.rate_per_minute as usize, 1, 10_000_000),
            ("YANIT_VISITOR_RATE_PER_MINUTE", self.visitor_rate_per_minute as usize, 1, 10_000_000),
            ("YANIT_ANONYMOUS_RATE_PER_MINUTE", self.anonymous_rate_per_minute as usize, 1, 10_000_000),
            ("YANIT_CHANGES_PER_MINUTE", self.changes_per_minute as usize, 1, 10_000_000),
            ("YANIT_MESSAGES_PER_MINUTE", self.messages_per_minute as usize, 1, 10_000_000),
            ("YANIT_ADDRESS_MESSAGES_PER_MINUTE", self.address_messages_per_minute as usize, 1, 10_000_000),
            ("YANIT_SITE_MESSAGES_PER_MINUTE", self.site_messages_per_minute as usize, 1, 10_000_000),
            ("YANIT_CONVERSATIONS_PER_MINUTE", self.conversations_per_minute as usize, 1, 10_000_000),
            ("YANIT_ADDRESS_CONVERSATIONS_PER_MINUTE", self.address_conversations_per_minute as usize, 1, 10_000_000),
            ("YANIT_SITE_CONVERSATIONS_PER_MINUTE", self.site_conversations_per_minute as usize, 1, 10_000_000),
            ("YANIT_MODEL_PATIENCE_SECONDS", self.model_patience_seconds as usize, 1, 600),
            ("YANIT_EDIT_WINDOW_SECONDS", self.edit_window_seconds as usize, 0, 31_536_000),
        ] {
            if !(low..=high).contains(&value) {
                return fail(setting, &format!("is {value}; it must be between {low} and {high}"));
            }
        }
        let prefix = &self.redis_prefix;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=60).contains(&prefix.len()) || !prefix.bytes().all(is_plain) {
            return fail("YANIT_REDIS_PREFIX", "must be 1 to 60 letters, digits, `-`, `_` and `.`");
        }
        // One client alone may hold half of it.
        let largest = self.max_body_bytes.max(self.max_upload_bytes);
        if self.max_incoming_bytes < 2 * largest {
            return fail(
                "YANIT_MAX_INCOMING_BYTES",
                &format!(
                    "is {}; it must be at least twice the larger of YANIT_MAX_BODY_BYTES and YANIT_MAX_UPLOAD_BYTES, {}",
                    self.max_incoming_bytes,
                    2 * largest
                ),
            );
        }
        Ok(())
    }

    /// True with a PostgreSQL database: defaults that are fine on a laptop are refused.
    pub fn is_production(&self) -> bool {
        self.database_url.as_ref().is_some_and(|url| url.starts_with("postgres"))
    }

    /// The database's address: as set, or SQLite in the data folder.
    pub fn database(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}?mode=rwc", self.data_dir.join("yanit.sqlite").display()))
    }

    /// How browsers reach this server, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.public_url
            .as_ref()
            .map_or_else(|| format!("http://{}", self.listen), |url| url.trim_end_matches('/').to_owned())
    }

    /// The same settings with all rates lifted, for data that is made in bulk.
    pub fn without_rates(self) -> Self {
        const MANY: u32 = 10_000_000;
        Self {
            rate_per_minute: MANY,
            visitor_rate_per_minute: MANY,
            anonymous_rate_per_minute: MANY,
            changes_per_minute: MANY,
            messages_per_minute: MANY,
            address_messages_per_minute: MANY,
            site_messages_per_minute: MANY,
            conversations_per_minute: MANY,
            address_conversations_per_minute: MANY,
            site_conversations_per_minute: MANY,
            ..self
        }
    }

    /// How long a message can be edited or deleted.
    pub fn edit_window(&self) -> Duration {
        Duration::from_secs(self.edit_window_seconds)
    }
}

/// The environment's name of a setting.
fn setting_name(path: &str) -> String {
    match path {
        "database_url" | "redis_url" | "qdrant_url" => path.to_uppercase(),
        "" => "settings".into(),
        other => format!("YANIT_{}", other.to_uppercase()),
    }
}

impl fmt::Debug for Config {
    /// Secrets and addresses with passwords are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data_dir", &self.data_dir)
            .field("postgres", &self.is_production())
            .field("redis", &self.redis_url.is_some())
            .field("qdrant", &self.qdrant_url.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let values: std::collections::BTreeMap<_, _> = values.iter().copied().collect();
        Config::from_figment(Figment::from(Serialized::defaults(Config::default())).merge(Serialized::globals(values)))
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = load(&[("listen", "nowhere")]).unwrap_err();
        assert!(error.0.contains("YANIT_LISTEN"), "{error}");
        let error = load(&[("lisen", "127.0.0.1:1")]).unwrap_err();
        assert!(error.0.to_lowercase().contains("lisen"), "{error}");
        let error = load(&[("database_url", "mysql://x")]).unwrap_err();
        assert!(error.0.starts_with("DATABASE_URL"), "{error}");
    }

    #[test]
    fn networks_of_proxies_are_read() {
        let config = load(&[("trusted_proxies", "private, 192.0.2.7")]).unwrap();
        assert!(config.trusted_proxies.contain([10, 0, 0, 1].into()));
        let error = load(&[("trusted_proxies", "proxy.internal")]).unwrap_err();
        assert!(error.0.starts_with("YANIT_TRUSTED_PROXIES: `proxy.internal` is not a network"), "{error}");
        // Whatever it was set to: nobody may think that it still does something.
        for old in ["true", "false"] {
            let error = load(&[("trust_proxy", old)]).unwrap_err();
            assert!(error.0.starts_with("YANIT_TRUST_PROXY: was replaced: set YANIT_TRUSTED_PROXIES"), "{error}");
        }
    }

    #[test]
    fn a_production_database_needs_a_secret_of_its_own() {
        let url = ("database_url", "postgres://yanit:x@db/yanit");
        assert!(load(&[url]).unwrap_err().0.starts_with("YANIT_SECRET_KEY"));
        let known = "change-me-change-me-change-me-change-me";
        assert!(load(&[url, ("secret_key", known)]).unwrap_err().0.contains("example"));
        assert!(load(&[url, ("secret_key", "0123456789abcdef0123456789abcdef")]).is_ok());
    }

    #[test]
    fn the_largest_upload_finds_room() {
        let with = |bytes: usize| {
            let defaults = Figment::from(Serialized::defaults(Config::default()));
            Config::from_figment(defaults.merge(("max_incoming_bytes", bytes)))
        };
        assert!(with(41_943_040).is_ok());
        let error = with(41_943_039).unwrap_err();
        assert!(error.0.starts_with("YANIT_MAX_INCOMING_BYTES") && error.0.contains("41943040"), "{error}");
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let mut config = Config { secret_key: Some("0123456789abcdef0123456789abcdef".into()), ..Config::default() };
        config.database_url = Some("postgres://yanit:hunter2@db/yanit".into());
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
