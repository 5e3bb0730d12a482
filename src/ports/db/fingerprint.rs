//! Which database this is: something that differs once a backup was put back in its place.

use sea_orm::ConnectionTrait;

use super::Database;
use crate::kernel::error::{Result, is_connection_failure};

/// The database, the file that holds the table of heads (another one once the table was made or filled anew), and the line
/// of history (another one after a recovery to a moment, and after a standby took over).
const POSTGRES: &str = "SELECT concat_ws(':', \
    (SELECT oid FROM pg_database WHERE datname = current_database()), \
    pg_relation_filenode('journal_head'), \
    left(pg_walfile_name(pg_current_wal_lsn()), 8)) AS found";
/// The cluster; some hosted databases tell nobody.
const CLUSTER: &str = "SELECT system_identifier::text AS found FROM pg_control_system()";
/// The file of a database that has one.
const SQLITE: &str = "SELECT file AS found FROM pragma_database_list WHERE name = 'main' AND file <> ''";

impl Database {
    /// Something that is the same for as long as the database is, and that no backup of it holds. Nothing where there is
    /// nothing of the kind: in memory, and where the system does not number files.
    pub async fn fingerprint(&self) -> Result<Option<String>> {
        if !self.is_postgres() {
            return Ok(self.ask(SQLITE).await?.as_deref().and_then(number_of));
        }
        let Some(found) = self.ask(POSTGRES).await? else { return Ok(None) };
        let cluster = match self.db().query_one_raw(self.statement(CLUSTER, [])).await {
            Ok(row) => row.map(|row| row.try_get::<String>("", "found")).transpose()?,
            Err(error) if is_connection_failure(&error) => return Err(error.into()),
            Err(_) => None,
        };
        Ok(Some(format!("{}:{found}", cluster.as_deref().unwrap_or("unknown"))))
    }

    async fn ask(&self, sql: &str) -> Result<Option<String>> {
        let row = self.db().query_one_raw(self.statement(sql, [])).await?;
        Ok(row.map(|row| row.try_get::<String>("", "found")).transpose()?)
    }
}

/// The file's number on its device and when it was made, which a file that takes its place does not have.
#[cfg(unix)]
fn number_of(path: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(path).ok()?;
    let made = about.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Some(format!("{}:{}:{}", about.dev(), about.ino(), made.unwrap_or_default().as_nanos()))
}

#[cfg(not(unix))]
fn number_of(_: &str) -> Option<String> {
    None
}
