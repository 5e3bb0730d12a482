//! Passwords: argon2id, off the threads that serve requests, a few at a time.
//!
//! Parameters are the first choice of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane. Each hash says
//! with which it was made, so they can be raised later without locking anybody out.

use std::{fmt, sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::kernel::{Error, Result};

/// Memory in KiB.
const MEMORY: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes computed at once; more would starve everything else of processor time and memory.
const AT_ONCE: usize = 2;
/// Most that wait for their turn; they are done within a few seconds.
const WAITING: usize = 256;
/// The longest wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Verified when there is no such account, so that the answer takes as long. No password is known to fit it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGF0IGhvbWU$q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k";

/// Hashes and verifies passwords.
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// One's turn. Ends when it is dropped.
struct Turn {
    _permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), queue: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Passwords {
    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many wait, or after ten seconds.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        self.turn().await?.run(move || hash(&password)).await
    }

    /// True when the password is the one that was hashed. Without a hash it takes as long and is false.
    ///
    /// # Errors
    /// See [`Passwords::hash`].
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        self.turn().await?.run(move || verify(&password, hash.as_deref())).await
    }

    async fn turn(&self) -> Result<Turn> {
        let busy = || Error::unavailable("sign-in service");
        let place = self.queue.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await.map_err(|_| busy())?;
        Ok(Turn { _permits: (turn.map_err(Error::internal)?, place) })
    }
}

impl Turn {
    /// The turn goes along, so that work whose caller has gone still counts.
    async fn run<T: Send + 'static>(self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let done = tokio::task::spawn_blocking(move || (work(), self));
        done.await.map_err(Error::internal)?.0
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(…)")
    }
}

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String> {
    let hash: PasswordHash =
        hasher()?.hash_password(password.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: Option<&str>) -> Result<bool> {
    let known = hash.is_some();
    match hasher()?.verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)) {
        Ok(()) => Ok(known),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(Error::internal(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let made = hash("correct horse battery").unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert!(verify("correct horse battery", Some(&made)).unwrap());
        assert!(!verify("correct horse batterx", Some(&made)).unwrap());
        assert_ne!(made, hash("correct horse battery").unwrap());
    }

    #[test]
    fn nobody_is_verified_at_the_same_cost_and_never_fits() {
        assert!(NOBODY.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!verify("anything at all", None).unwrap());
    }

    #[tokio::test]
    async fn two_are_hashed_at_once_and_a_bounded_number_waits() {
        let passwords = Arc::new(Passwords::default());
        let held = [passwords.turn().await.unwrap(), passwords.turn().await.unwrap()];
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING {
            let passwords = passwords.clone();
            waiting.spawn(async move { passwords.turn().await.map(drop) });
        }
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.verify("something".into(), None).await.unwrap_err();
        assert_eq!(refused.code, crate::kernel::error::ErrorCode::Unavailable);
        drop(held);
        assert!(waiting.join_all().await.into_iter().all(|turn| turn.is_ok()));
        assert_eq!(passwords.turns.available_permits(), AT_ONCE);
    }
}
