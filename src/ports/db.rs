//! The database: SQLite or PostgreSQL by URL. The only place that asks which of the two it is.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection, DatabaseExecutor,
    DatabaseTransaction, DbBackend, EntityTrait, QuerySelect, Select, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, sea_query::LockType,
};
use sea_orm_migration::MigratorTrait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::kernel::error::{Error, Result};

/// What queries run on: the pool or an open transaction.
pub type Db<'a> = DatabaseExecutor<'a>;

/// How many statements a connection keeps prepared.
const STATEMENTS: usize = 500;
/// Guards migrations of several nodes that start at once (PostgreSQL advisory lock; any constant does).
const MIGRATION_LOCK: i64 = 0x59_61_6e_69_74;

/// The connection pool.
#[derive(Clone)]
pub struct Database {
    connection: DatabaseConnection,
    /// SQLite has one writer; waiting here is fair and wakes at once, its own busy handler sleeps and polls.
    writer: Option<Arc<Semaphore>>,
}

impl Database {
    /// Connects; creates the SQLite file when it is missing.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the server does not answer.
    pub async fn connect(url: &str, pool: u32) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(pool)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(10))
            .sqlx_logging(false)
            // A round trip less per query; a connection that broke meanwhile fails its query with UNAVAILABLE.
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
            .map_sqlx_postgres_opts(|postgres| {
                // LIMIT is a bind parameter, and its guessed selectivity makes PostgreSQL plan each time anew; a generic
                // plan halves its work on the inbox. A generic plan expects a tenth of all rows for any LIMIT: too many to
                // leave parallel workers and the compiler on, which cost far more than the pages that are really read.
                postgres
                    .options([
                        ("plan_cache_mode", "force_generic_plan"),
                        ("max_parallel_workers_per_gather", "0"),
                        ("jit", "off"),
                    ])
                    .statement_cache_capacity(STATEMENTS)
            });
        let connection = SeaDatabase::connect(options).await?;
        let writer = (connection.get_database_backend() == DbBackend::Sqlite).then(|| Arc::new(Semaphore::new(1)));
        Ok(Self { connection, writer })
    }

    /// Applies the migrations that are missing. Several nodes may do so at once.
    pub async fn migrate(&self) -> Result<()> {
        match self.is_postgres() {
            false => migration::Migrator::up(&self.connection, None).await?,
            true => {
                // The lock belongs to a connection, so it is taken and given back on one.
                let guard = self.connection.begin().await?;
                guard.execute_raw(self.statement("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK.into()])).await?;
                migration::Migrator::up(&self.connection, None).await?;
                guard.commit().await?;
            }
        }
        Ok(())
    }

    /// The pool, for reads.
    pub fn db(&self) -> Db<'_> {
        DatabaseExecutor::from(&self.connection)
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
        Ok((self.connection.begin_with_options(options).await?, permit))
    }

    /// True on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.connection.get_database_backend() == DbBackend::Postgres
    }

    /// A raw statement for this database. `$1` placeholders work on both.
    pub fn statement(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Statement {
        Statement::from_sql_and_values(self.connection.get_database_backend(), sql, values)
    }

    /// Answers when the database does.
    pub async fn health(&self) -> Result<()> {
        self.connection.query_one_raw(self.statement("SELECT 1", [])).await?;
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
