//! Whether the connections of a pool can be trusted.
//!
//! All connections break when PostgreSQL is restarted, and each is found out only when it is used. Testing each before
//! each use would cost a round trip, so that is done for a while only after one was found broken, and only for those that
//! are older than that.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{
    DbErr,
    sqlx::{Connection, Error, PgConnection},
};
use tokio::time::Instant;

use crate::kernel::error::is_connection_failure;

/// How long connections are tested after one was found broken. One that is used for the first time later than that begins
/// another such time.
const WHILE: Duration = Duration::from_secs(30);

/// When a connection was last found broken.
#[derive(Debug, Default)]
pub(super) struct Doubt(Mutex<Option<Instant>>);

impl Doubt {
    /// Takes note of how using a connection went.
    pub(super) fn learn<T>(&self, outcome: Result<T, DbErr>) -> Result<T, DbErr> {
        outcome.inspect_err(|error| {
            if is_connection_failure(error) {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
        })
    }

    /// True when a connection of this age can be used.
    pub(super) async fn clears(&self, connection: &mut PgConnection, age: Duration) -> Result<bool, Error> {
        if self.falls_on(age) { Ok(connection.ping().await.is_ok()) } else { Ok(true) }
    }

    fn falls_on(&self, age: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|last| last.elapsed()).is_some_and(|since| since < WHILE && age >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn doubt_falls_on_connections_that_are_older_than_the_failure() {
        let doubt = Doubt::default();
        assert!(!doubt.falls_on(Duration::from_secs(3_600)));
        let _ = doubt.learn::<()>(Err(DbErr::Custom("a statement that is wrong".into())));
        assert!(!doubt.falls_on(Duration::from_secs(3_600)));
        let _ = doubt.learn::<()>(Err(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout)));
        assert!(doubt.falls_on(Duration::from_secs(3_600)));
        assert!(!doubt.falls_on(Duration::ZERO));
    }
}
