//! One process at a time works on a SQLite file.
//!
//! Several could write it, but none would hear of the others: who is there, what changed in the search index, and texts that
//! pass by stay within a process. So one that serves or works claims the file, by a lock on a file beside it that the
//! system takes back when the process ends, however it does. Commands that only write a row need no claim.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
};

use super::private;
use crate::kernel::error::{Error, ErrorCode, Result};

/// The right to work on a database, until it is dropped.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "held for its drop, which unlocks")] Option<File>);

impl Claim {
    /// Claims the database at `url`. PostgreSQL takes any number of processes.
    ///
    /// # Errors
    /// When another process works on the same file, or the file beside it cannot be written.
    pub fn take(url: &str) -> Result<Self> {
        let Some(path) = lock_path(url) else { return Ok(Self(None)) };
        let refuse = |why: String| Error::new(ErrorCode::Unavailable, why);
        let file =
            private::file(&path).map_err(|error| refuse(format!("{} cannot be opened: {error}.", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Some(file))),
            Err(TryLockError::WouldBlock) => Err(refuse(format!(
                "Another process serves or works on the same SQLite database ({} is locked). One process does everything \
                 there: stop the other one, set YANIT_DATA_DIR to another folder, or set DATABASE_URL to PostgreSQL for \
                 several nodes and workers.",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(refuse(format!("{} cannot be locked: {error}.", path.display()))),
        }
    }
}

/// The file that is locked; nothing for PostgreSQL and for databases in memory.
fn lock_path(url: &str) -> Option<PathBuf> {
    private::sqlite_path(url).map(|path| private::with_end(&path, ".lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_claimed_once_at_a_time() {
        let folder = std::env::temp_dir().join(format!("yanit-claim-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.join("yanit.sqlite").display());
        let first = Claim::take(&url).unwrap();
        assert!(Claim::take(&url).unwrap_err().message.contains("yanit.sqlite.lock"));
        drop(first);
        Claim::take(&url).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
