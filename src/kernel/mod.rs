//! What every feature uses in the same way. The kernel knows no feature and no transport.

pub mod access;
pub mod clock;
pub mod ctx;
pub mod cursor;
pub mod epochs;
pub mod error;
pub mod heads;
pub mod jobs;
pub mod journal;
pub mod loader;
pub mod once;
pub mod page;
pub mod position;
pub mod quotas;
pub mod readers;
pub mod secret;
pub mod shared;
pub mod task;
pub mod text;
pub mod tx;
pub mod vault;
pub mod versions;

pub use access::{Actor, Permission, Reach};
pub use ctx::{Ctx, CtxExt};
pub use error::{Error, ErrorReason, Result, entries};
pub use once::Once;
pub use tx::Tx;
