//! The outside: one port a thing, each with a variant that needs no service.

pub mod ai;
pub mod bus;
pub mod claim;
pub mod db;
pub mod documents;
pub mod embedding;
pub mod http;
pub mod key_file;
pub mod private;
pub mod scratch;
pub mod vectors;
