//! The database: SQLite or PostgreSQL by URL. The only place that asks which of the two it is.

mod doubt;
mod fingerprint;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, EntityTrait, ExecResult, QueryResult, QuerySelect, Select, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
    prelude::async_trait::async_trait,
    sea_query::{Expr, LikeExpr, LockType},
    sqlx::Executor,
};
use sea_orm_migration::MigratorTrait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::doubt::Doubt;
use crate::kernel::{
    clock::Clock,
    error::{Error, Result, is_connection_failure},
};

/// The pattern of a text that holds another one, whatever characters that has.
pub fn containing(text: &str) -> LikeExpr {
    LikeExpr::new(format!("%{}%", literal(text))).escape('\\')
}

/// The pattern of a text that begins with another one.
pub fn beginning(text: &str) -> LikeExpr {
    LikeExpr::new(format!("{}%", literal(text))).escape('\\')
}

/// A text as a part of a pattern that means itself.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// What queries run on: the pool or an open transaction.
///
/// A read from the pool that met a broken connection, as all are after PostgreSQL was restarted, is done once more on one
/// that works. Nothing else is: who knows what a write did before its connection broke?
#[derive(Clone, Copy, Debug)]
pub struct Db<'a>(On<'a>);

#[derive(Clone, Copy, Debug)]
enum On<'a> {
    Pool(&'a Database),
    Transaction(&'a DatabaseTransaction),
}

impl<'a> From<&'a DatabaseTransaction> for Db<'a> {
    fn from(transaction: &'a DatabaseTransaction) -> Self {
        Self(On::Transaction(transaction))
    }
}

#[async_trait]
impl ConnectionTrait for Db<'_> {
    fn get_database_backend(&self) -> DbBackend {
        match self.0 {
            On::Pool(database) => database.connection.get_database_backend(),
            On::Transaction(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self.0 {
            On::Pool(database) => database.doubt.learn(database.connection.execute_raw(statement).await),
            On::Transaction(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self.0 {
            On::Pool(database) => database.doubt.learn(database.connection.execute_unprepared(sql).await),
            On::Transaction(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self.0 {
            On::Pool(database) => {
                database.read(statement, |statement| database.connection.query_one_raw(statement)).await
            }
            On::Transaction(transaction) => transaction.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self.0 {
            On::Pool(database) => {
                database.read(statement, |statement| database.connection.query_all_raw(statement)).await
            }
            On::Transaction(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}

/// How many statements a connection keeps prepared.
const STATEMENTS: usize = 500;
/// Guards migrations of several nodes that start at once (PostgreSQL advisory lock; any constant does).
const MIGRATION_LOCK: i64 = 0x59_61_6e_69_74;

/// How connections to PostgreSQL are set up. By statements and not by start-up options, which PgBouncer refuses.
///
/// LIMIT is a bind parameter, and its guessed selectivity makes PostgreSQL plan each time anew; a generic plan halves its
/// work on the inbox. A generic plan expects a tenth of all rows for any LIMIT: too many to leave parallel workers and the
/// compiler on, which cost far more than the pages that are really read.
///
/// A node that stands still in the middle of a transaction (stopped, suspended, cut off) keeps its locks, and with them
/// everybody who writes to the same site waits. PostgreSQL ends such a transaction after a while.
const SET_UP: &str = "SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0; SET jit = off; \
                      SET idle_in_transaction_session_timeout = '5s'";

/// The connection pool.
#[derive(Clone, Debug)]
pub struct Database {
    connection: DatabaseConnection,
    doubt: Arc<Doubt>,
    /// How many reads there were.
    reads: Arc<AtomicU64>,
    /// SQLite has one writer; waiting here is fair and wakes at once, its own busy handler sleeps and polls.
    writer: Option<Arc<Semaphore>>,
}

impl Database {
    /// Connects; creates the SQLite file when it is missing.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer.
    pub async fn connect(url: &str, pool: u32) -> Result<Self> {
        super::private::database(url).map_err(Error::internal)?;
        let doubt = Arc::new(Doubt::default());
        let doubted = doubt.clone();
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(pool)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(10))
            .sqlx_logging(false)
            // A round trip less per query, as long as no connection was found broken.
            .test_before_acquire(false)
            .map_sqlx_sqlite_opts(|sqlite| {
                use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
                sqlite
                    .journal_mode(SqliteJournalMode::Wal)
                    // FULL: an acknowledged message survives a power cut, too.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(10))
                    .foreign_keys(true)
                    .statement_cache_capacity(STATEMENTS)
                    .create_if_missing(true)
            })
            .map_sqlx_postgres_opts(|postgres| postgres.extra_float_digits(None).statement_cache_capacity(STATEMENTS))
            .map_sqlx_postgres_pool_opts(|pool| {
                pool.after_connect(|connection, _| Box::pin(async move { connection.execute(SET_UP).await.map(drop) }))
            })
            .map_sqlx_postgres_before_acquire(move |connection, about| {
                let doubted = doubted.clone();
                Box::pin(async move { doubted.clears(connection, about.age).await })
            });
        let connection = SeaDatabase::connect(options).await?;
        let writer = (connection.get_database_backend() == DbBackend::Sqlite).then(|| Arc::new(Semaphore::new(1)));
        Ok(Self { connection, doubt, reads: Arc::default(), writer })
    }

    /// Runs a statement, and once more if it only reads and its connection was broken.
    async fn read<T, F: Future<Output = Result<T, DbErr>>>(
        &self,
        statement: Statement,
        run: impl Fn(Statement) -> F,
    ) -> Result<T, DbErr> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let again = (self.is_postgres() && statement.sql.starts_with("SELECT")).then(|| statement.clone());
        match (self.doubt.learn(run(statement).await), again) {
            (Err(error), Some(statement)) if is_connection_failure(&error) => run(statement).await,
            (outcome, _) => outcome,
        }
    }

    /// Applies the migrations that are missing. Several nodes may do so at once.
    pub async fn migrate(&self) -> Result<()> {
        match self.is_postgres() {
            false => {
                // On one connection: another may not have noticed yet what the last step changed, and refuses the next one.
                let (whole, _writer) = self.begin().await?;
                migration::Migrator::up(&whole, None).await?;
                whole.commit().await?;
            }
            true => {
                // The lock belongs to a connection, so it is taken and given back on one, however long it takes.
                let guard = self.connection.begin().await?;
                guard.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
                guard.execute_raw(self.statement("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK.into()])).await?;
                migration::Migrator::up(&self.connection, None).await?;
                guard.commit().await?;
            }
        }
        Ok(())
    }

    /// The pool, for reads.
    pub fn db(&self) -> Db<'_> {
        Db(On::Pool(self))
    }

    /// Opens a transaction for writing.
    pub(crate) async fn begin(&self) -> Result<(DatabaseTransaction, Option<OwnedSemaphorePermit>)> {
        let permit = match &self.writer {
            Some(writer) => Some(writer.clone().acquire_owned().await.map_err(Error::internal)?),
            None => None,
        };
        // Immediate: a deferred transaction that reads and then writes fails at once under load.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let begun = match self.doubt.learn(self.connection.begin_with_options(options).await) {
            // Nothing was written yet.
            Err(error) if self.is_postgres() && is_connection_failure(&error) => {
                self.connection.begin_with_options(options).await
            }
            begun => begun,
        };
        Ok((begun?, permit))
    }

    /// How many statements were read outside of transactions, so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// True on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.connection.get_database_backend() == DbBackend::Postgres
    }

    /// The present moment in microseconds since 1970, within a statement: by the clock of the database server, the one that
    /// all nodes share. SQLite has no server, so there it is this machine's; tests may have set it.
    pub fn now(&self, clock: &Clock) -> Expr {
        if self.is_postgres() && !clock.is_set() {
            // Of the statement, not of its transaction, which may have begun long ago; and no volatile function, which
            // no index could be compared with.
            Expr::cust("(extract(epoch FROM statement_timestamp()) * 1000000)::bigint")
        } else {
            Expr::value(clock.micros())
        }
    }

    /// A raw statement for this database. `$1` placeholders work on both.
    pub fn statement(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Statement {
        Statement::from_sql_and_values(self.connection.get_database_backend(), sql, values)
    }

    /// Answers when the database does.
    pub async fn health(&self) -> Result<()> {
        self.db().query_one_raw(self.statement("SELECT 1", [])).await?;
        Ok(())
    }

    /// Closes the pool.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }
}

/// Adds a row lock; renders as nothing on SQLite, whose write transaction is alone anyway. Not the strongest one: rows
/// that refer to the locked row may still be inserted, so that a journal line never waits for whoever holds its site.
pub fn for_update<E: EntityTrait>(select: Select<E>) -> Select<E> {
    select.lock(LockType::NoKeyUpdate)
}
