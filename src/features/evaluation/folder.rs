//! A folder for what is tried out.

use std::{fs, path::PathBuf};

use crate::kernel::{Error, Result, secret};

/// A folder of its own among the machine's temporary files, removed with everything in it when this goes away.
pub(crate) struct Throwaway(PathBuf);

impl Throwaway {
    /// Makes it.
    pub(crate) async fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("yanit-{}", secret::token()));
        tokio::fs::create_dir(&path).await.map_err(Error::internal)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.0
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // What is left is the machine's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}
